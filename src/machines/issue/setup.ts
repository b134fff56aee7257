// What the names in the issue's chart mean.

import { assign, enqueueActions, fromPromise, sendTo, setup, stopChild } from 'xstate'
import type { RunOutput } from '../run/context.ts'
import { runMachine } from '../run/machine.ts'
import { moreOf, noUsage, type Phase } from '../vocabulary.ts'
import { settleAccount } from './account.ts'
import type { IssueContext, IssueInput } from './context.ts'
import * as adoption from './adoption.ts'
import { isFreshStart, restored } from './counters.ts'
import * as decisions from './decisions.ts'
import type { AdoptedPullRequest, Deployment, EventOf, IssueEvent, ReconcileEvent } from './events.ts'
import * as guards from './guards.ts'
import { askForRerun, forgetEntry, giveUpRerun, takeChecks, takeHold, takeQueue, takeResumption, takeReview } from './head-facts.ts'
import * as inbox from './inbox.ts'
import { agentsFor, causeOf, isAskedByPeople, neededRun, phaseOf, reviewState, roomAgain } from './policy.ts'
import { takeEverything } from './poll.ts'
import { takeDeployment, takeLate, takePublishing, takePullRequest, type Sight } from './pull-request-facts.ts'
import * as reports from './reports.ts'
import * as settlement from './settlement.ts'
import { takeBlocker, takeChild, takeRemoval, takeTracker } from './tracker-facts.ts'
import type { WaitsFor } from './waiting.ts'

type Any = { type: string; at?: number; [key: string]: unknown }
type Patch = Partial<IssueContext>
type Of<T extends IssueEvent['type']> = EventOf<T>

const timeOf = (c: IssueContext, event: unknown): number => Math.max(c.now, (event as Any).at ?? 0)

/** An assignment that also keeps the time of the event: delays and eventless guards have no other clock. */
const take = (change: (c: IssueContext, event: never, at: number) => Patch) =>
  assign<IssueContext, IssueEvent, undefined, IssueEvent, never>(({ context, event }) => {
    const at = timeOf(context, event)
    const before = { ...context, now: at }
    const patch = { now: at, ...change(before, event as never, at) }
    const after = { ...before, ...patch }
    // That its pull request was closed answers nothing; any other change of the facts that it was about ends an escalation.
    const isOver = after.escalation !== null && after.pr?.state !== 'closed' && after.escalation.anchor !== causeOf(after)
    return isOver ? { ...patch, escalation: null } : patch
  })

/** The phase is that of the state which is entered, whatever another region decides in the same microstep. */
const become = (phase: Phase) => take((c, _event: Any, at) => ({ phase, since: { ...c.since, lifecycle: at } }))

/** What is known of a deployment, and what a person asked for while it was watched. */
const watched = (c: IssueContext, patch: Patch): Patch => ({ ...patch, ...inbox.afterWatch({ ...c, ...patch }) })

/** When a fact was observed that came by itself. */
const told = ({ observedAt }: { observedAt: number }): Sight => ({ observedAt, askedAt: null })

const settle = (change: (c: IssueContext, event: RunOutput) => Patch) => take((c, event: Of<'run.finished'>) => change(c, event))

export interface IssueMeta {
  description: string
  /** The word of the contract for the state. */
  phase?: Phase
  /** The function in waiting.ts that says who is waited for. */
  waitsFor?: WaitsFor
}

export const deploymentInput = ({ context: c }: { context: IssueContext }) => ({ project: c.project, sha: c.deploy!.sha })

/** `link`: as the forge names pull requests. */
export const adoptionInput = ({ context: c }: { context: IssueContext }) => ({
  ...{ project: c.project, issue: c.id, key: c.issue.key, title: c.issue.title, base: c.base },
  link: adoption.linksOf(c)[0]!,
})

export const issueSetup = setup({
  types: {
    context: {} as IssueContext,
    events: {} as IssueEvent,
    input: {} as IssueInput,
    emitted: {} as reports.IssueReport,
    tags: {} as 'terminal' | 'running' | 'waiting',
    meta: {} as IssueMeta,
  },
  actors: {
    run: runMachine,
    adoptPullRequest: fromPromise<AdoptedPullRequest, ReturnType<typeof adoptionInput>>(async () => {
      throw new Error("The effect 'adoptPullRequest' is not provided")
    }),
    watchDeployment: fromPromise<Deployment, ReturnType<typeof deploymentInput>>(async () => {
      throw new Error("The effect 'watchDeployment' is not provided")
    }),
  },
  guards,
  delays: {
    backoff: ({ context }) => Math.max(0, context.notBefore - context.now),
    settle: ({ context }) => Math.max(0, context.childrenAt + context.policy.delays.settle - context.now),
    queueHealth: ({ context }) => context.policy.delays.queueHealth,
    reviewStuck: ({ context }) => context.policy.delays.reviewStuck,
    deployTimeout: ({ context }) => context.policy.deploy?.timeout ?? 0,
  },
  actions: {
    keepTime: take(() => ({})),

    // facts
    // What waits elsewhere in an order is told of its new place there, as long as it goes on waiting.
    tellPriority: enqueueActions(({ context: c, event, enqueue }) => {
      const fact = event.type === 'reconcile' ? event.tracker : (event as Of<'tracker.updated'>)
      if (fact == null || fact.observedAt <= c.issueObservedAt || fact.priority === c.issue.priority) return
      if (fact.delegated === false || ['completed', 'canceled'].includes(fact.stateType)) return
      for (const report of reports.urge({ ...c, issue: { ...c.issue, priority: fact.priority } })) enqueue.emit(report)
    }),
    takeDelegation: take((c, event: Of<'tracker.delegated'>) => takeTracker(c, event, event.observedAt, true, true)),
    takeUndelegation: take((c, event: Of<'tracker.undelegated'>) => takeTracker(c, event, event.observedAt, false)),
    takeIssue: take((c, event: Of<'tracker.updated'>) => takeTracker(c, event, event.observedAt, event.delegated)),
    takeRemoval: take((c, event: Of<'tracker.removed'>) => takeRemoval(c, event.observedAt)),
    takeBlocker: take((c, event: Of<'blocker.changed'>) => takeBlocker(c, event)),
    takeChild: take((c, event: Of<'child.changed'>) => takeChild(c, event)),
    takeOpenPullRequest: take((c, event: Of<'pr.opened'>) => takePullRequest(c, event, told(event), 'open')),
    takeClosedPullRequest: take((c, event: Of<'pr.closed'>) => takePullRequest(c, event, told(event), 'closed')),
    takeMergedPullRequest: take((c, event: Of<'pr.merged'>) => takePullRequest(c, event, told(event), 'merged')),
    takeReview: take((c, event: Of<'review.approved'>) => takeReview(c, event)),
    takePendingChecks: take((c, event: Of<'checks.pending'>) => takeChecks(c, event, 'pending')),
    takePassedChecks: take((c, event: Of<'checks.passed'>) => takeChecks(c, event, 'passed')),
    takeFailedChecks: take((c, event: Of<'checks.failed'>) => takeChecks(c, event, 'failed')),
    takeEntered: take((c, event: Of<'queue.entered'>) => takeQueue(c, event, 'queued')),
    takeEvicted: take((c, event: Of<'queue.evicted'>) => takeQueue(c, event, 'evicted')),
    takeLeft: take((c, event: Of<'queue.left'>) => takeQueue(c, event, 'none')),
    takeHold: take((c, event: Of<'queue.held'>) => takeHold(c, event)),
    takeResumption: take((c, event: Of<'queue.resumed'>) => takeResumption(c, event)),
    takeDeployment: take((c, event: Of<'deploy.succeeded'>) => watched(c, takeDeployment(c, event, 'succeeded'))),
    takeFailedDeployment: take((c, event: Of<'deploy.failed'>) => watched(c, takeDeployment(c, event, 'failed'))),
    takeDeploymentAnswer: take((c, event: Any) => {
      const { state, reason } = event['output'] as Deployment
      return c.deploy === null ? {} : watched(c, takeDeployment(c, { sha: c.deploy.sha, reason }, state))
    }),
    tellDeploymentUnknown: enqueueActions(({ context: c, event, enqueue }) => {
      const { message = 'unknown' } = ((event as Any)['error'] as { message?: string } | undefined) ?? {}
      enqueue.emit(reports.post(c, 'deploy.unknown', 'warn', 'waiting', `Nothing can be learnt of the deployment: ${message}`))
    }),
    endDeploymentWatch: take((c) => watched(c, { deploy: c.deploy && { ...c.deploy, state: 'succeeded' as const } })),
    takeEverything: take((c, event: ReconcileEvent) => takeEverything(c, event)),
    beginAdoption: take((c) => adoption.beginAdoption(c)),
    takeAdoption: take((c, event: Any) => adoption.takeAdoption(c, event['output'] as AdoptedPullRequest)),
    askAboutLink: take((c, event: Any) =>
      adoption.askAboutLink(c, (event['error'] as { message?: string } | undefined)?.message ?? 'unknown.'),
    ),
    askWhichLink: take((c) => adoption.askWhichLink(c)),
    askForRerun: enqueueActions(({ context: c, enqueue }) => {
      enqueue.assign(askForRerun(c))
      enqueue.emit(reports.askForRerun(c))
    }),
    giveUpRerun: take((c) => giveUpRerun(c)),
    askForFacts: enqueueActions(({ context: c, enqueue }) => {
      enqueue.emit({ type: 'facts.wanted', project: c.project, issue: c.id })
    }),
    takePolicy: take((_c, { policy }: Of<'policy.changed'>) => ({ policy })),

    // people
    hearPerson: take((c, { text, author, via, observedAt }: Of<'tracker.prompted'>) => ({
      ...inbox.hear(c, { text, author: author ?? '', via, at: observedAt }),
      ...(inbox.isForUs({ text, via }) ? { liftedAt: Math.max(c.liftedAt, observedAt) } : {}),
    })),
    hearOperator: take((c, { text, author }: Of<'operator.prompted'>, at) =>
      inbox.hear(c, { text, author: author ?? 'operator', via: 'session', at }),
    ),
    rememberStop: take((c, event: Of<'operator.stopped' | 'tracker.stopRequested'>, at) => decisions.stop(c, event, at)),
    rememberStopWord: take((c, { author, observedAt }: Of<'tracker.prompted'>, at) =>
      decisions.stop(c, { type: 'tracker.stopRequested', author, observedAt }, at),
    ),
    answerStatus: enqueueActions(({ context: c, enqueue }) => enqueue.emit(reports.statusAnswer(c))),
    answerObserving: enqueueActions(({ context: c, event, enqueue }) => {
      // Whoever speaks to us hears that nothing will come of it for now.
      if ((guards.isObserving({ context: c }) || guards.isFailed({ context: c })) && inbox.isForUs(event as Of<'tracker.prompted'>))
        enqueue.emit(reports.statusAnswer(c))
    }),
    retry: take((c, event: Of<'operator.retried'>) => decisions.retry(c, event)),
    close: take((_c, event: Of<'operator.closed'>, at) => decisions.close(event, at)),
    resetBudget: take((c) => ({ ...restored(c), spent: { runs: 0, ms: 0, usage: noUsage } })),

    // places
    requestPlace: enqueueActions(({ context, event, enqueue }) => {
      const type = neededRun(context)
      const agents = type === null ? [] : agentsFor(context.policy, type)
      const c = { ...context, requests: context.requests + 1, agents }
      enqueue.assign({ capacity: 'requested', requests: c.requests, agents, place: null, since: { ...c.since, run: timeOf(c, event) } })
      enqueue.emit(reports.aboutPlace(c, 'capacity.requested'))
    }),
    withdrawRequest: enqueueActions(({ context: c, enqueue }) => {
      if (c.capacity !== 'requested') return
      enqueue.assign({ capacity: 'none' })
      enqueue.emit(reports.aboutPlace(c, 'capacity.withdrawn'))
    }),
    returnPlace: enqueueActions(({ context: c, enqueue }) => {
      enqueue.emit(reports.aboutPlace(c, 'capacity.released'))
    }),
    takePlace: take((_c, { agent }: Of<'capacity.granted'>) => ({ capacity: 'granted', place: agent ?? null })),
    tellShortage: enqueueActions(({ context, event, enqueue }) => {
      const { retryAt, reason, summary } = event as Of<'run.finished'>
      const c = { ...context, now: timeOf(context, event) }
      const until = roomAgain(c, retryAt).at
      enqueue.emit({ type: 'agent.exhausted', agent: c.run!.agent, until, reason: reason || summary })
    }),
    // Whoever wants it tried again wants its agent tried.
    tellRoom: enqueueActions(({ context: c, event, enqueue }) => {
      const waits = c.capacity === 'requested' || guards.isPausing({ context: c, event })
      const type = neededRun(c)
      if (waits && type !== null) enqueue.emit({ type: 'agent.restored', agent: agentsFor(c.policy, type)[0]! })
    }),
    releasePlace: enqueueActions(({ context: c, enqueue }) => {
      if (c.capacity !== 'granted') return
      enqueue.assign({ capacity: 'none' })
      enqueue.emit(reports.aboutPlace(c, 'capacity.released'))
    }),

    // runs
    claim: take((c) => settlement.claim(c)),
    spawnRun: enqueueActions(({ context: c, enqueue }) => {
      const { id, type, agent, insteadOf } = c.run!
      const instead = insteadOf === undefined ? '' : `, instead of ${insteadOf}, which has no room`
      enqueue.spawnChild('run', { id, input: settlement.assignment(c) })
      enqueue.emit(reports.post(c, 'run.started', 'info', type, `${id}: ${type} by ${agent} started${instead}`))
      if (type === 'review_fix' && reviewState(c) === 'changes_requested' && isFreshStart(c)) enqueue.emit(reports.tellRound(c))
    }),
    rememberRunStarted: take((c) => ({ run: c.run && { ...c.run, phase: 'working' } })),
    rememberRunProgress: take((c, { phase, lastSignalAt, lastProgressAt, usage }: Of<'run.progressed'>) => ({
      run: c.run && { ...c.run, phase, lastSignalAt, lastProgressAt, usage: moreOf(c.run.usage, usage) },
    })),
    tellUsage: enqueueActions(({ context: c, event, enqueue }) => {
      const { usage } = event as Partial<Of<'run.finished'>>
      const told = settleAccount(c, usage, timeOf(c, event))
      if (told === null) return
      enqueue.assign({ account: told.account })
      for (const report of told.reports) enqueue.emit(report)
    }),
    rememberPushed: take((c, { head, runId }: Of<'run.publishing'>) => takePublishing(c, head, runId)),
    rememberSteered: take((c, { ids }: Of<'run.steered'>) => (c.run === null ? {} : { inbox: inbox.pass(c.inbox, ids, c.run) })),
    rememberRunSince: take((c, _event: Any, at) => ({ since: { ...c.since, run: at } })),
    offerMessage: enqueueActions(({ context: c, enqueue }) => {
      const message = inbox.newestUnread(c)
      if (c.run && message && inbox.isForRun(c.run.type, c))
        enqueue.sendTo(c.run.id, { type: 'run.steer', id: message.id, text: message.text, author: message.author, via: message.via })
    }),
    stopRun: sendTo(
      ({ context }) => context.run!.id,
      ({ context: c }) => {
        if (guards.isActing({ context: c })) return { type: 'run.stop', outcome: 'superseded', reason: 'The reason for this run is gone.' }
        return { type: 'run.stop', outcome: 'released', reason: c.stop ? `Stopped by ${c.stop.author}.` : 'The issue was taken back.' }
      },
    ),
    answerInWords: enqueueActions(({ context: c, event, enqueue }) => {
      const { outcome, summary } = event as Of<'run.finished'>
      if (outcome === 'no_change' && isAskedByPeople(c)) enqueue.emit(reports.answerTo(c, summary))
    }),
    tellConclusion: enqueueActions(({ context: c, event, enqueue }) => {
      const { reason, summary } = event as Of<'run.finished'>
      enqueue.emit(reports.answerTo(c, reason || summary))
    }),
    dropRun: stopChild(({ event }) => (event as unknown as { actorId: string }).actorId),
    tellRunEnded: enqueueActions(({ context: c, event, enqueue }) => {
      const { outcome, reason, summary, runId } = event as Of<'run.finished'>
      const why = reason || summary
      enqueue.emit(
        reports.post(
          c,
          'run.finished',
          outcome === 'failed' ? 'warn' : 'info',
          outcome,
          `${runId} ended: ${outcome}${why ? ` (${why})` : ''}`,
        ),
      )
    }),
    settleCompleted: settle(settlement.settleCompleted),
    settleCalledOff: settle(settlement.settleCalledOff),
    settleWithQuestion: settle(settlement.settleWithQuestion),
    settleResting: settle(settlement.settleResting),
    settleConcluded: settle(settlement.settleConcluded),
    settleUnfinished: settle(settlement.settleUnfinished),
    settleIrreproducible: settle(settlement.settleIrreproducible),
    settleNeedless: settle(settlement.settleNeedless),
    settleWithoutChange: settle(settlement.settleWithoutChange),
    settleInterrupted: settle(settlement.settleInterrupted),
    settleForRecovery: settle(settlement.settleForRecovery),
    settleShortage: settle(settlement.settleShortage),
    settleCutShort: settle(settlement.settleCutShort),
    settleHalfPublished: settle(settlement.settleHalfPublished),
    settleEnvironmentFailure: settle(settlement.settleEnvironmentFailure),
    settleAgentFailure: settle(settlement.settleAgentFailure),
    settleForHuman: settle(settlement.settleForHuman),
    settleBroken: take((c, event: Any) =>
      settlement.settleBroken(c, (event['error'] as { message?: string } | undefined)?.message ?? 'it ended without an answer'),
    ),
    endPause: take(() => ({ notBefore: 0 })),
    escalateForAttempts: take((c) => settlement.escalate(c, settlement.attemptsText(c))),
    tellBudget: enqueueActions(({ context: c, enqueue }) => {
      enqueue.emit(reports.post(c, 'budget', 'warn', 'held', `It waits: ${settlement.lifetimeText(c)}`))
    }),

    // a publication that came late
    takeLatePublication: take((c) => takeLate(c)),
    withdrawPublication: enqueueActions(({ context: c, enqueue }) => {
      enqueue.assign({ late: c.late && { ...c.late, state: 'withdrawn' } })
      for (const report of reports.withdrawPublication(c)) enqueue.emit(report)
    }),
    restorePublication: enqueueActions(({ context: c, enqueue }) => {
      for (const report of reports.restorePublication(c)) enqueue.emit(report)
      enqueue.assign({ late: c.late && { ...c.late, state: 'restoring' } })
    }),

    // landing
    askToLand: enqueueActions(({ context: c, enqueue }) => {
      const { headSha } = c.pr!
      // What the queue has said before it was asked says nothing of this asking.
      const known = c.heads[headSha]
      enqueue.assign({ landing: headSha, ...(known === undefined ? {} : { heads: { ...c.heads, [headSha]: forgetEntry(known) } }) })
      enqueue.emit(reports.askToLand(c))
    }),
    withdrawLanding: enqueueActions(({ context: c, enqueue }) => {
      if (c.landing === null) return
      enqueue.assign({ landing: null, held: null })
      // The queue has said its last word about it already.
      if (c.pr === null || c.pr.state === 'merged' || c.heads[c.landing]?.queue?.state === 'evicted') return
      enqueue.emit(reports.withdrawLanding(c))
    }),

    // telling
    becomeDelegated: become('delegated'),
    becomeImplementing: become('implementing'),
    becomeOpen: become('pr_open'),
    becomeChangesRequested: become('changes_requested'),
    becomeRepairingCi: become('repairing_ci'),
    becomeAwaitingQueue: become('awaiting_queue'),
    becomeRepairingQueue: become('repairing_queue'),
    becomeDeploying: become('deploying'),
    becomeAwaitingInput: become('awaiting_input'),
    becomeEscalated: become('escalated'),
    becomeFailed: become('failed'),
    becomeDone: become('done'),
    tellPhase: enqueueActions(({ context: c, enqueue }) => {
      // A state that is only passed through says nothing.
      if (c.told.phase === c.phase || phaseOf(c) !== c.phase) return
      enqueue.assign({ told: { ...c.told, phase: c.phase } })
      for (const report of reports.tellPhase(c)) enqueue.emit(report)
    }),
    tellStuck: enqueueActions(({ context: c, enqueue }) => enqueue.emit(reports.tellStuck(c))),
    tellAuthority: enqueueActions(({ context: c, event, enqueue }) => {
      const authority = reports.authorityOf(c)
      enqueue.assign({ since: { ...c.since, authority: timeOf(c, event) }, told: { ...c.told, authority } })
      if (c.told.authority === null || c.told.authority === authority) return
      for (const report of reports.tellAuthority(c, c.told.authority)) enqueue.emit(report)
    }),
    releaseWorktree: enqueueActions(({ context: c, enqueue }) => {
      const isOver = guards.isDone({ context: c }) || guards.isFailed({ context: c })
      if (!isOver || c.run !== null || c.cleared) return
      enqueue.assign({ cleared: true })
      enqueue.emit(reports.releaseWorktree(c))
    }),
  },
})
