// What the names in the issue's chart mean.

import { assign, enqueueActions, sendTo, setup, stopChild } from 'xstate'
import type { IssueContext, IssueInput } from './context.ts'
import type { EventOf, IssueEvent, ReconcileEvent, TrackerFact } from './events.ts'
import * as facts from './facts.ts'
import * as guards from './guards.ts'
import { agentFor, backoff, exhausted, neededRun, phaseOf } from './policy.ts'
import { runMachine } from '../run/machine.ts'
import type { RunInput, RunOutput } from '../run/context.ts'
import { addUsage, noUsage, type Authority, type HumanMessage, type Phase, type RunType } from '../vocabulary.ts'

type Any = { type: string; at?: number; [key: string]: unknown }
type Patch = Partial<IssueContext>

const atOf = (context: IssueContext, event: unknown): number => Math.max(context.now, (event as Any).at ?? 0)

/** An assignment that also keeps the time of the event: delays and eventless guards have no other clock. */
const take = (change: (context: IssueContext, event: never, at: number) => Patch) =>
  assign<IssueContext, IssueEvent, undefined, IssueEvent, never>(({ context, event }) => {
    const at = atOf(context, event)
    return { now: at, ...change({ ...context, now: at }, event as never, at) }
  })

type Of<T extends IssueEvent['type']> = EventOf<T>

/** A human's word: it is kept for a run, answers an open question, and lifts what only a human may lift. */
const hear = (context: IssueContext, text: string, author: string, via: string, at: number): Patch => {
  const id = `message-${context.messages + 1}`
  const message: HumanMessage = { id, text, author, via, at, givenTo: null }
  return {
    ...facts.restored(context),
    messages: context.messages + 1,
    inbox: [...context.inbox, message],
    question: null,
    answered: context.question?.text ?? context.answered,
    ...(via === 'comment' ? {} : { stop: null }),
  }
}

const escalate = (context: IssueContext, reason: string): Patch => ({
  escalation: { reason, head: context.pr?.headSha ?? null, at: context.now },
})

/** What every ended run leaves: what it used, and its messages back unless it did its work. */
function settle(context: IssueContext, event: Of<'run.finished'>): Patch {
  const { run } = context
  if (!run) return {}
  const consumed = event.outcome === 'completed' || event.outcome === 'needs_input' || event.outcome === 'no_change'
  const inbox = context.inbox.flatMap((message) => {
    if (event.steered.includes(message.id)) return []
    if (message.givenTo !== run.id) return [message]
    return consumed ? [] : [{ ...message, givenTo: null }]
  })
  return {
    run: null,
    inbox,
    answered: consumed ? null : context.answered,
    keep: event.dirty.length > 0 && event.outcome !== 'interrupted',
    restartFrom: null,
    pushed:
      event.headAfter === null
        ? context.pushed
        : [...context.pushed.filter((head) => head !== event.headAfter), event.headAfter].slice(-20),
    spent: {
      runs: context.spent.runs,
      ms: context.spent.ms + Math.max(0, context.now - run.startedAt),
      usage: addUsage(context.spent.usage, event.usage),
    },
    asked: null,
  }
}

/** Gives back exactly the attempt that this run had reserved. */
const refund = (context: IssueContext): Patch => {
  const type = context.run?.type
  return type === undefined ? {} : { attempts: { ...context.attempts, [type]: Math.max(0, context.attempts[type] - 1) } }
}
const refundRun = (context: IssueContext): Patch => ({
  ...refund(context),
  spent: { ...context.spent, runs: Math.max(0, context.spent.runs - 1) },
})

const ended = (change: (context: IssueContext, event: Of<'run.finished'>) => Patch) =>
  take((context, event: Of<'run.finished'>) => {
    const settled = settle(context, event)
    return { ...settled, ...change(context, event) }
  })

const failureOf = (context: IssueContext, event: RunOutput): IssueContext['lastFailure'] => ({
  class: event.failure ?? 'interrupted',
  reason: event.reason,
  at: context.now,
})

function runInput(context: IssueContext): RunInput {
  const { pr, run, issue, policy } = context
  const type = run!.type
  const blocking = Object.entries(context.reviews).find(
    ([, review]) => review.verdict === 'changes_requested' && review.headSha === pr?.headSha,
  )
  const failing = context.checks.state === 'failed' && context.checks.headSha === pr?.headSha ? context.checks : null
  const incident = context.queue.state === 'evicted' && context.queue.headSha === pr?.headSha ? context.queue.incident : null
  const { key, title, description, url } = issue
  return {
    issue: context.id,
    project: context.project,
    ...{ key, title, description, url },
    runId: run!.id,
    type,
    attempt: context.attempts[type],
    agent: run!.agent,
    branch: context.branch,
    base: context.base,
    published: pr?.headSha ?? null,
    past: type === 'implementation' ? null : (pr?.headSha ?? null),
    keep: context.keep,
    restartFrom: context.restartFrom,
    messages: context.inbox.filter((message) => message.givenTo === run!.id),
    question: context.answered,
    review: blocking
      ? { reviewer: blocking[0], body: blocking[1].body, comments: blocking[1].comments, headSha: blocking[1].headSha }
      : null,
    checks: failing ? { headSha: failing.headSha, failures: failing.failures } : null,
    incident,
    lastFailure: context.lastFailure?.reason ?? null,
    limits: policy.limits,
  }
}

const phaseTexts: Record<Phase, (c: IssueContext) => string> = {
  delegated: () => 'Delegated; waiting for its first run',
  implementing: () => 'An agent works on it',
  pr_open: (c) => `Pull request #${c.pr?.number} is open`,
  changes_requested: (c) => `Changes were requested on pull request #${c.pr?.number}`,
  repairing_ci: (c) => `The checks of pull request #${c.pr?.number} are red`,
  awaiting_queue: (c) => `Pull request #${c.pr?.number} is approved and green; it waits to land`,
  repairing_queue: (c) => `The landing queue gave pull request #${c.pr?.number} back: ${c.queue.incident?.summary ?? 'no reason'}`,
  deploying: () => 'Landed; its deployment is watched',
  awaiting_input: (c) => `A question is open: ${c.question?.text ?? ''}`,
  escalated: (c) => `A human is needed: ${c.escalation?.reason ?? 'its pull request was closed'}`,
  failed: () => 'Closed without a landed change',
  done: (c) => (c.pr?.state === 'merged' ? `Pull request #${c.pr.number} has landed` : 'Done'),
}

const phaseLevel = (phase: Phase): 'info' | 'warn' | 'error' =>
  phase === 'escalated' ? 'error' : phase === 'awaiting_input' || phase === 'failed' || phase === 'repairing_queue' ? 'warn' : 'info'

const tell = (c: IssueContext, kind: string, phase: Phase, level: 'info' | 'warn' | 'error', status: string, summary: string) => ({
  type: 'feed.posted' as const,
  issue: c.issue.key,
  project: c.project,
  level,
  kind,
  phase,
  status,
  summary,
})

type Emitted =
  | { type: 'capacity.requested' | 'capacity.withdrawn' | 'capacity.released'; issue: string; project: string; priority: number }
  | { type: 'landing.requested'; project: string; issue: string; key: string; number: number; headSha: string; priority: number }
  | {
      type: 'landing.withdrawn'
      project: string
      issue: string
      key: string
      number: number
      headSha: string
      priority: number
      reason: string
    }
  | {
      type: 'tracker.report'
      project: string
      issue: string
      key: string
      kind: 'state' | 'comment' | 'question'
      phase: Phase
      text: string
    }
  | ReturnType<typeof tell>
  | { type: 'worktree.released'; project: string; key: string; branch: string; base: string; landed: string | null }

export interface IssueMeta {
  description: string
  /** The name of the function in waiting.ts that says who is waited for. */
  waitsFor?: string
}

export const issueSetup = setup({
  types: {
    context: {} as IssueContext,
    events: {} as IssueEvent,
    input: {} as IssueInput,
    emitted: {} as Emitted,
    tags: {} as 'terminal' | 'running' | 'waiting',
    meta: {} as IssueMeta,
  },
  actors: { run: runMachine },
  guards,
  delays: {
    pause: ({ context }) => Math.max(0, context.notBefore - context.now),
  },
  actions: {
    keepTime: take(() => ({})),

    // facts
    takeDelegation: take((c, event: Of<'tracker.delegated'>) => ({
      ...facts.takeTracker(c, event, event.observedAt, true),
      ...(event.observedAt < c.issueObservedAt ? {} : { stop: null, ...(c.closed?.by === 'system' ? {} : { closed: null }) }),
    })),
    takeUndelegation: take((c, event: Of<'tracker.undelegated'>) => facts.takeTracker(c, event, event.observedAt, false)),
    takeIssue: take((c, event: Of<'tracker.updated'>) => facts.takeTracker(c, event as TrackerFact, event.observedAt, event.delegated)),
    takeRemoval: take(() => ({ removed: true })),
    takeBlocker: take((c, event: Of<'blocker.changed'>) => facts.takeBlocker(c, event)),
    takeChild: take((c, event: Of<'child.changed'>) => facts.takeChild(c, event)),
    takeOpenPullRequest: take((c, event: Of<'pr.opened'>) => facts.takePullRequest(c, event, event.observedAt, 'open')),
    takeClosedPullRequest: take((c, event: Of<'pr.closed'>) => facts.takePullRequest(c, event, event.observedAt, 'closed')),
    takeMergedPullRequest: take((c, event: Of<'pr.merged'>) => facts.takePullRequest(c, event, event.observedAt, 'merged')),
    takeReview: take((c, event: Of<'review.approved'>) => facts.takeReview(c, event)),
    takePendingChecks: take((c, event: Of<'checks.pending'>) => facts.takeChecks(c, event, 'pending')),
    takePassedChecks: take((c, event: Of<'checks.passed'>) => facts.takeChecks(c, event, 'passed')),
    takeFailedChecks: take((c, event: Of<'checks.failed'>) => facts.takeChecks(c, event, 'failed')),
    takeEntered: take((c, event: Of<'queue.entered'>) => facts.takeQueue(c, event, 'queued')),
    takeEvicted: take((c, event: Of<'queue.evicted'>) => facts.takeQueue(c, event, 'evicted')),
    takeLeft: take((c, event: Of<'queue.left'>) => facts.takeQueue(c, event, 'none')),
    takeHold: take((c, { reason, files }: Of<'queue.held'>) => ({ queue: { ...c.queue, held: { reason, files } } })),
    takeResumption: take((c) => ({ queue: { ...c.queue, held: null } })),
    takeEverything: take((c, event: ReconcileEvent) => facts.takeEverything(c, event)),
    takePolicy: take((_c, { policy }: Of<'policy.changed'>) => ({ policy })),

    // people
    hearPerson: take((c, event: Of<'tracker.prompted'>, at) => hear(c, event.text, event.author ?? '', event.via, at)),
    hearOperator: take((c, event: Of<'operator.prompted'>, at) => hear(c, event.text, event.author ?? 'operator', 'session', at)),
    rememberStop: take((c, event: Any, at) => ({
      stop: c.stop ?? { author: String(event['author'] ?? 'operator'), reason: String(event['reason'] ?? 'asked to stop'), at },
    })),
    retry: take((c, event: Of<'operator.retried'>) => ({
      ...facts.restored(c),
      stop: null,
      closed: null,
      question: null,
      asked: (event.runType as RunType | undefined | null) ?? null,
      delegated: true,
      issue: ['completed', 'canceled'].includes(c.issue.stateType) ? { ...c.issue, stateType: 'unstarted' as const } : c.issue,
      removed: false,
      pr: c.pr?.state === 'closed' ? null : c.pr,
    })),
    close: take((_c, event: Of<'operator.closed'>, at) => ({ closed: { as: event.as, by: event.author ?? 'operator', at } })),
    resetBudget: take((c) => ({ ...facts.restored(c), spent: { runs: 0, ms: 0, usage: noUsage } })),

    // runs
    requestCapacity: enqueueActions(({ context: c, event, enqueue }) => {
      enqueue.assign({ capacity: 'requested', since: { ...c.since, run: atOf(c, event) } })
      enqueue.emit({ type: 'capacity.requested', issue: c.id, project: c.project, priority: c.issue.priority })
    }),
    withdrawRequest: enqueueActions(({ context: c, enqueue }) => {
      if (c.capacity !== 'requested') return
      enqueue.assign({ capacity: 'none' })
      enqueue.emit({ type: 'capacity.withdrawn', issue: c.id, project: c.project, priority: c.issue.priority })
    }),
    returnGrant: enqueueActions(({ context: c, enqueue }) => {
      enqueue.emit({ type: 'capacity.released', issue: c.id, project: c.project, priority: c.issue.priority })
    }),
    claim: take((c, _event: Any, at) => {
      const type = neededRun(c)!
      const id = `run-${c.runs + 1}`
      const given = c.inbox.filter((message) => message.givenTo === null).map((message) => message.id)
      return {
        capacity: 'granted',
        claimed: c.claimed || c.pr === null,
        runs: c.runs + 1,
        run: {
          id,
          type,
          agent: agentFor(c.policy, type),
          phase: 'claimed',
          startedAt: at,
          lastSignalAt: null,
          lastProgressAt: null,
          usage: noUsage,
          given,
        },
        inbox: c.inbox.map((message) => (message.givenTo === null ? { ...message, givenTo: id } : message)),
        attempts: { ...c.attempts, [type]: c.attempts[type] + 1 },
        spent: { ...c.spent, runs: c.spent.runs + 1 },
        since: { ...c.since, run: at },
      }
    }),
    spawnRun: enqueueActions(({ context: c, enqueue }) => {
      enqueue.spawnChild('run', { id: c.run!.id, input: runInput(c) })
      enqueue.emit(tell(c, 'run.started', phaseOf(c), 'info', c.run!.type, `${c.run!.id}: ${c.run!.type} by ${c.run!.agent} started`))
    }),
    rememberRunPhase: take((c, event: Of<'run.progressed'>) => {
      const { phase, lastSignalAt, lastProgressAt, usage } = event
      return c.run ? { run: { ...c.run, phase, lastSignalAt, lastProgressAt, usage } } : {}
    }),
    rememberRunStarted: take((c) => (c.run ? { run: { ...c.run, phase: 'working' } } : {})),
    offerMessage: enqueueActions(({ context: c, enqueue }) => {
      const newest = c.inbox.at(-1)
      if (!c.run || !newest || newest.givenTo !== null) return
      enqueue.sendTo(c.run.id, { type: 'run.steer', id: newest.id, text: newest.text })
    }),
    stopRun: sendTo(
      ({ context }) => context.run!.id,
      ({ context }) =>
        guards.isActing({ context })
          ? { type: 'run.stop', outcome: 'superseded', reason: 'The reason for this run is gone.' }
          : {
              type: 'run.stop',
              outcome: 'released',
              reason: context.stop ? `Stopped by ${context.stop.author}.` : 'The issue was taken back.',
            },
    ),
    dropRun: stopChild(({ event }) => (event as unknown as { actorId: string }).actorId),
    releaseCapacity: enqueueActions(({ context: c, enqueue }) => {
      enqueue.assign({ capacity: 'none' })
      enqueue.emit({ type: 'capacity.released', issue: c.id, project: c.project, priority: c.issue.priority })
    }),
    tellRunEnded: enqueueActions(({ context: c, event, enqueue }) => {
      const { outcome, reason, summary, runId } = event as unknown as RunOutput & { runId: string }
      const level = outcome === 'failed' ? 'warn' : 'info'
      enqueue.emit(
        tell(
          c,
          'run.finished',
          phaseOf(c),
          level,
          outcome,
          `${runId} ended: ${outcome}${reason || summary ? ` (${(reason || summary).slice(0, 300)})` : ''}`,
        ),
      )
    }),
    settleWell: ended((c, event) =>
      event.outcome === 'completed'
        ? { interruptions: 0, recoveries: 0, environmentFailures: 0, lastFailure: null, notBefore: 0 }
        : { ...refundRun(c) },
    ),
    settleWithQuestion: ended((c, event) => ({
      ...refund(c),
      question: { text: event.question ?? event.summary, at: c.now },
      interruptions: 0,
    })),
    settleWithoutChange: ended((c, event) => escalate(c, `The agent changed nothing: ${event.summary || event.reason}`)),
    settleInterrupted: ended((c, event) => ({
      ...refundRun(c),
      interruptions: event.progressed ? 1 : c.interruptions + 1,
      restartFrom: event.headBefore ?? c.restartFrom,
      lastFailure: null,
      notBefore: 0,
    })),
    settleForRecovery: ended((c, event) => ({
      ...refundRun(c),
      recoveries: c.recoveries + 1,
      restartFrom: event.headBefore ?? c.restartFrom,
      notBefore: c.now + backoff(c.policy.delays.recovery, c.recoveries + 1),
    })),
    settleEnvironmentFailure: ended((c, event) => ({
      ...refundRun(c),
      environmentFailures: c.environmentFailures + 1,
      lastFailure: failureOf(c, event),
      notBefore: c.now + backoff(c.policy.delays.recovery, c.environmentFailures + 1),
    })),
    settleAgentFailure: ended((c, event) => ({
      lastFailure: failureOf(c, event),
      notBefore: c.now + backoff(c.policy.delays.recovery, c.attempts[c.run?.type ?? 'implementation']),
    })),
    settleForHuman: ended((c, event) => ({ ...escalate(c, event.reason || event.summary), lastFailure: failureOf(c, event) })),
    settleBroken: take((c, event: Any) => ({
      run: null,
      ...escalate(c, `A run was given up: ${(event['error'] as { message?: string } | undefined)?.message ?? 'unknown'}`),
    })),
    escalateForBudget: take((c) => {
      const { name, used, limit } = exhausted(c)!
      return escalate(
        c,
        `The budget '${name}' is used up (${Math.round(used * 100) / 100} of ${limit}). A retry or a budget reset by an operator lifts it.${c.lastFailure ? ` Last: ${c.lastFailure.reason}` : ''}`,
      )
    }),
    rememberRunSince: take((c, _event: Any, at) => ({ since: { ...c.since, run: at } })),

    // landing
    askToLand: enqueueActions(({ context: c, enqueue }) => {
      const { number, headSha } = c.pr!
      enqueue.assign({ landing: headSha })
      enqueue.emit({
        type: 'landing.requested',
        project: c.project,
        issue: c.id,
        key: c.issue.key,
        number,
        headSha,
        priority: c.issue.priority,
      })
    }),
    withdrawLanding: enqueueActions(({ context: c, enqueue }) => {
      if (c.landing === null || !c.pr) return
      enqueue.assign({ landing: null })
      if (c.pr.state === 'merged' || (c.queue.state === 'evicted' && c.queue.headSha === c.landing)) return
      const reason = c.stop ? 'stopped' : !c.delegated ? 'taken back' : 'no longer approved and green'
      enqueue.emit({
        type: 'landing.withdrawn',
        project: c.project,
        issue: c.id,
        key: c.issue.key,
        number: c.pr.number,
        headSha: c.landing,
        priority: c.issue.priority,
        reason,
      })
    }),

    // telling
    tellPhase: enqueueActions(({ context: c, event, enqueue }) => {
      const phase = phaseOf(c)
      enqueue.assign({ since: { ...c.since, lifecycle: atOf(c, event) }, told: { ...c.told, phase } })
      if (c.told.phase === phase) return
      const text = phaseTexts[phase](c)
      enqueue.emit(tell(c, 'phase', phase, phaseLevel(phase), phase, text))
      enqueue.emit({
        type: 'tracker.report',
        project: c.project,
        issue: c.id,
        key: c.issue.key,
        kind: phase === 'awaiting_input' ? 'question' : 'state',
        phase,
        text: phase === 'awaiting_input' ? (c.question?.text ?? text) : text,
      })
    }),
    releaseWorktree: enqueueActions(({ context: c, enqueue }) => {
      enqueue.emit({
        type: 'worktree.released',
        project: c.project,
        key: c.issue.key,
        branch: c.branch,
        base: c.base,
        landed: c.pr?.state === 'merged' ? c.pr.headSha : null,
      })
    }),
    tellAuthority: enqueueActions(({ context: c, event, enqueue }) => {
      const authority: Authority = c.stop ? 'stopped' : c.delegated ? 'acting' : 'observing'
      enqueue.assign({ since: { ...c.since, authority: atOf(c, event) }, told: { ...c.told, authority } })
      if (c.told.authority === null || c.told.authority === authority) return
      const summary = {
        acting: 'Signalbox acts on it again',
        observing: 'Taken back: facts are still taken in, nothing is written',
        stopped: `Stopped by ${c.stop?.author ?? 'somebody'}: ${c.stop?.reason ?? ''}`,
      }[authority]
      enqueue.emit(tell(c, 'authority', phaseOf(c), 'info', authority, summary))
    }),
  },
})
