// What the names in the run's chart mean.

import { assign, enqueueActions, fromCallback, fromPromise, sendParent, sendTo, setup, stopChild } from 'xstate'
import type { FailureClass, RunOutcome, Usage } from '../vocabulary.ts'
import type {
  AgentAbilities,
  ChangeInFlight,
  Completion,
  Inspection,
  Published,
  Recovery,
  RunContext,
  RunInput,
  RunOutput,
  SessionResult,
  TurnKind,
} from './context.ts'
import type { RunEvent } from './events.ts'
import * as guards from './guards.ts'
import { limitOf, spentBudget, usageWith } from './policy.ts'
import { reviewOf, unreadableText } from './review.ts'
import type {
  ConflictInput,
  PrepareInput,
  ProbeInput,
  PublishInput,
  SessionCommand,
  SessionInput,
  SubmitInput,
  Submitted,
  VerifyInput,
} from './inputs.ts'
import { runOutput, sessionInput, timeToAnswer } from './inputs.ts'
import { listed, minutes } from './words.ts'

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`The effect '${name}' is not provided`)
}

type AnyEvent = { type: string; at?: number; [key: string]: unknown }
const timeOf = (context: RunContext, event: unknown): number => Math.max(context.now, (event as AnyEvent).at ?? 0)
const errorOf = (event: unknown): { code?: string; message: string } =>
  (event as { error?: { code?: string; message: string } }).error ?? { message: 'unknown' }

export interface RunMeta {
  description: string
  /** The word for the state in documents. */
  phase?: string
}

const take = (change: (c: RunContext, event: AnyEvent, at: number) => Partial<RunContext>) =>
  assign<RunContext, RunEvent, undefined, RunEvent, never>(({ context, event }) => {
    const at = timeOf(context, event)
    return { now: at, ...change(context, event as AnyEvent, at) }
  })

const begin = (turnKind: TurnKind, change: (c: RunContext) => Partial<RunContext>) =>
  take((c, _event, at) => ({ turns: c.turns + 1, turnKind, lastProgressAt: at, recovery: null, ...change(c) }))

/** What is remembered of a turn that was cut off. A loss on the way back does not make another cause of the first one. */
const cutOff = (cause: Recovery['cause']) => (c: RunContext, at: number) => ({
  recovery: {
    cause: cause === 'lost' && c.recovery !== null ? c.recovery.cause : cause,
    way: null,
    quiet: cause === 'stalled' ? Math.max(0, at - c.stillSince) : 0,
    lastLine: c.lastLine,
    ...(c.lastStep === undefined ? {} : { step: c.lastStep }),
  },
})

/** Another session in the place of one that was cut off. One that is resumed after our own end goes on with its turn. */
const goOn = (way: Recovery['way'], change: (c: RunContext) => Partial<RunContext>) =>
  take((c, _event, at) => ({
    turns: way === 'resume' && c.recovery?.cause === 'interrupted' ? c.turns : c.turns + 1,
    recovery: c.recovery && { ...c.recovery, way },
    stillSince: at,
    nudged: false,
    ...change(c),
  }))

/** Says where the run is when nothing else does. */
const tell =
  (phase: string) =>
  ({ context: { runId, usage, lastSignalAt, lastProgressAt } }: { context: RunContext }) => ({
    ...{ type: 'run.progressed', runId, phase, usage, lastSignalAt, lastProgressAt },
  })

/** Whether what was said before stands, and not what this turn says. */
function standsBefore({ turnKind, result: before }: RunContext, result: SessionResult): boolean {
  if (before === null || turnKind === 'work') return false
  if (turnKind === 'stack') return result.outcome !== 'needs_input'
  return turnKind === 'completion_check' || ['completed', 'no_change'].includes(result.outcome)
}

/** What an agent that was asked why nothing has changed says; an answer that says nothing of it counts as none. */
function completionOf({ outcome, completion, summary, reason, question }: SessionResult): Completion {
  if (outcome === 'needs_input') return { verdict: 'needs_input', reason: question ?? summary }
  if (outcome === 'failed') return { verdict: 'failed', reason: reason ?? summary }
  if (completion === undefined || completion === 'needs_input' || summary === '') {
    return { verdict: 'failed', reason: 'Asked why nothing has changed, it did not say.' }
  }
  return { verdict: completion, reason: summary }
}

/** With what a turn that was cut off has used, as its end says; one that a former server ran says nothing. */
const usageAtEnd = (c: RunContext, event: AnyEvent): Usage =>
  usageWith(c, { usage: (event['output'] as { used?: Usage | null } | null | undefined)?.used ?? undefined })

/** Ends the run with an outcome of our own, unless it is ending already. */
const end = (outcome: RunOutcome, failure: FailureClass | null, reason: (c: RunContext, event: AnyEvent) => string) =>
  take((c, event) => ({ ending: c.ending ?? { outcome, failure, reason: reason(c, event) } }))

export const runSetup = setup({
  types: {
    context: {} as RunContext,
    events: {} as RunEvent,
    input: {} as RunInput,
    output: {} as RunOutput,
    children: {} as {
      session: 'agentSession'
      prepare: 'prepareWorktree'
      probe: 'probeWork'
      closing: 'endSession'
      verify: 'verifyWork'
      comparison: 'findConflict'
      publish: 'publishChange'
      submit: 'submitReview'
    },
    meta: {} as RunMeta,
  },
  actors: {
    prepareWorktree: fromPromise<{ path: string; head: string; baseHead: string; dirty: string[] }, PrepareInput>(
      notProvided('prepareWorktree'),
    ),
    agentSession: fromCallback<SessionCommand, SessionInput>(() => {
      throw new Error("The effect 'agentSession' is not provided")
    }),
    probeWork: fromPromise<{ changedAt: number | null }, ProbeInput>(notProvided('probeWork')),
    // `consumed` is for the timeline alone.
    endSession: fromPromise<
      { left: string[]; used?: Usage | null; escape?: string | null; consumed?: SessionResult['consumed'] },
      SessionInput
    >(notProvided('endSession')),
    verifyWork: fromPromise<Inspection, VerifyInput>(notProvided('verifyWork')),
    findConflict: fromPromise<ChangeInFlight | null, ConflictInput>(notProvided('findConflict')),
    publishChange: fromPromise<Published, PublishInput>(notProvided('publishChange')),
    submitReview: fromPromise<Submitted, SubmitInput>(notProvided('submitReview')),
  },
  guards,
  delays: {
    // Of the whole run: a second turn has what the first has left. While the server is down no agent works on it.
    runLimit: ({ context }) => Math.max(0, context.startedAt + context.idle + context.limits.run - context.now),
    stall: ({ context }) => Math.max(0, context.stillSince + context.limits.progress - context.now),
    probe: ({ context }) => limitOf(context, 'probe'),
    nudge: ({ context }) => limitOf(context, 'nudge'),
    silence: ({ context }) => context.limits.signal ?? context.limits.run,
    completion: ({ context }) => timeToAnswer(context),
    ending: ({ context }) => limitOf(context, 'ending'),
  },
  actions: {
    rememberUsed: take((c, event) => ({ usage: usageAtEnd(c, event) })),
    rememberStart: take((_c, _event, at) => ({ startedAt: at })),
    rememberWorktree: take((c, event) => {
      const { path, head, baseHead } = event['output'] as { path: string; head: string; baseHead: string }
      return { worktree: path, baseHead, headBefore: c.headBefore ?? head }
    }),

    // the session
    beginWork: begin('work', () => ({})),
    beginCommit: begin('commit', (c) => ({ commits: c.commits + 1 })),
    beginStack: begin('stack', () => ({ uncommitted: null })),
    beginCheck: begin('completion_check', (c) => ({ checksMade: c.checksMade + 1, uncommitted: null })),
    resume: goOn('resume', (c) => ({ resumes: c.resumes + 1 })),
    fork: goOn('fork', (c) => ({ forks: c.forks + 1 })),
    startAfresh: goOn('afresh', (c) => ({ restarts: c.restarts + 1, thread: null })),
    startSession: enqueueActions(({ context, enqueue }) => {
      enqueue.stopChild('session')
      // A turn that was cut off counts what it has used.
      enqueue.assign({ usageBefore: context.usage })
      enqueue.spawnChild('agentSession', { id: 'session', input: sessionInput({ context }) })
    }),
    dropSession: stopChild('session'),
    rememberSession: take((c, event, at) => ({
      lastSignalAt: at,
      thread: (event['thread'] as string | undefined) ?? c.thread,
      abilities: (event['abilities'] as AgentAbilities | undefined) ?? c.abilities,
    })),
    beginWatch: take((_c, _event, at) => ({ stillSince: at, nudged: false, recovery: null })),
    rememberUsage: take((c, event) => ({ usage: usageWith(c, event) })),
    rememberSignal: take((_c, _event, at) => ({ lastSignalAt: at })),
    rememberProgress: take((_c, event, at) => ({
      ...{ lastSignalAt: at, lastProgressAt: at, progressed: true, stillSince: at, nudged: false },
      lastLine: (event['line'] as string | undefined) ?? null,
      ...(typeof event['step'] === 'string' ? { lastStep: event['step'] } : {}),
    })),
    rememberWork: take((_c, event, at) => {
      const changedAt = Math.min(at, (event['output'] as { changedAt: number }).changedAt)
      return { lastProgressAt: changedAt, progressed: true, stillSince: changedAt, nudged: false }
    }),
    nudge: enqueueActions(({ context: c, event, enqueue }) => {
      const nudges = c.nudges + 1
      enqueue.assign({ nudges, nudged: true })
      enqueue.sendTo('session', {
        type: 'session.nudge' as const,
        id: `nudge-${nudges}`,
        quiet: Math.max(0, timeOf(c, event) - c.stillSince),
      })
    }),
    rememberStall: take((c, _event, at) => ({ ...cutOff('stalled')(c, at), stalls: c.stalls + 1 })),
    // It is noticed when the server is back: nobody was at work since the last event before it.
    rememberInterruption: take((c, _event, at) => ({ ...cutOff('interrupted')(c, at), idle: c.idle + at - c.now })),
    // The way that has failed is not tried again.
    rememberLoss: take((c, _event, at) => ({
      ...cutOff('lost')(c, at),
      result: null,
      resumes: limitOf(c, 'resumes'),
      ...(c.recovery?.way === 'fork' && { forks: limitOf(c, 'forks') }),
    })),
    // Only a new thread has room.
    rememberExhaustion: take((c, _event, at) => ({
      ...cutOff('lost')(c, at),
      ...{ result: null, resumes: limitOf(c, 'resumes'), forks: limitOf(c, 'forks') },
    })),
    rememberDeath: take((c, _event, at) => ({ ...cutOff('interrupted')(c, at), result: null })),
    passSteering: sendTo('session', ({ event }) => {
      const { id, text } = event as unknown as { id: string; text: string }
      return { type: 'session.steer' as const, id, text }
    }),
    // The time is not kept: it may come before the news that the agent's process died while we were not there.
    rememberSaid: assign(({ context: c, event }) => {
      const { id, text, author = '', via = 'session', at = c.now } = event as Extract<RunEvent, { type: 'run.steer' }>
      return { said: [...c.said.filter((message) => message.id !== id), { id, text, author, via, at, givenTo: c.runId }] }
    }),
    rememberSteered: take((c, event, at) => ({
      lastSignalAt: at,
      steered: event['taken'] === true ? [...c.steered, event['id'] as string] : c.steered,
    })),
    rememberResult: take((c, event) => {
      const result = event['result'] as SessionResult
      return {
        // What only commits or only answers leaves standing what the work itself said.
        result: standsBefore(c, result) ? c.result : result,
        usage: usageWith(c, result),
        thread: result.thread ?? c.thread,
        progressed: c.progressed || result.outcome !== 'failed',
      }
    }),

    rememberCompletion: take((_c, event) => {
      const result = event['result'] as SessionResult
      const completion = completionOf(result)
      // Its question is the one that a person is asked.
      return completion.verdict === 'needs_input' ? { completion, result } : { completion }
    }),
    missCompletion: take((c) => ({
      completion: { verdict: 'failed', reason: `Asked why nothing has changed, it gave no answer within ${minutes(timeToAnswer(c))}.` },
    })),

    // the work
    // One that was made by an earlier version, and taken by this one, knows nothing of scope or of a parent.
    rememberInspection: take((_c, event) => {
      const found = event['output'] as Omit<Inspection, 'reverts' | 'protectedFiles' | 'hasParent'> & Partial<Inspection>
      return {
        inspection: {
          ...found,
          hasParent: found.hasParent ?? true,
          reverts: found.reverts ?? [],
          protectedFiles: found.protectedFiles ?? [],
        },
      }
    }),
    // Missing while there is none: what an earlier version has stored replays as it was.
    rememberLeft: take((c, event) => {
      const { left = [] } = (event['output'] as { left?: string[] } | null | undefined) ?? {}
      return { usage: usageAtEnd(c, event), ...(left.length === 0 ? {} : { left }) }
    }),
    rememberUncommitted: take((c) => ({ uncommitted: c.inspection!.dirty })),
    rememberComparison: take((c) => ({ sequence: { parent: null, before: c.inspection! } })),
    rememberParent: take((c, event) => {
      const parent = event['output'] as ChangeInFlight
      return { sequence: { parent, before: c.inspection! }, onto: parent.branch }
    }),
    // It was good enough to publish before: then the two meet in the landing queue.
    leaveStack: take((c) => ({ inspection: c.sequence!.before, onto: null })),
    rememberPublished: take((_c, event) => {
      const { number, url, headSha, headRef, baseRef, draft, state, patchId = null } = event['output'] as Published
      return { pr: { number, url, headSha, headRef, baseRef, draft, state, patchId }, progressed: true }
    }),

    rememberVerdict: take((c) => ({ verdict: reviewOf(c), progressed: true })),

    // the issue
    tellProbing: sendParent(tell('probing')),
    tellNudging: sendParent(tell('nudging')),
    tellInterrupting: sendParent(tell('interrupting')),
    tellStarted: sendParent(({ context }) => ({ type: 'run.started', runId: context.runId })),
    tellProgress: enqueueActions(({ context, event, enqueue }) => {
      const { runId, usage, lastSignalAt, lastProgressAt } = context
      enqueue.assign({ toldAt: timeOf(context, event) })
      enqueue.sendParent({ type: 'run.progressed', runId, phase: 'working', usage, lastSignalAt, lastProgressAt })
    }),
    tellSteered: enqueueActions(({ context, event, enqueue }) => {
      const { id, taken } = event as unknown as { id: string; taken: boolean }
      if (taken) enqueue.sendParent({ type: 'run.steered', runId: context.runId, ids: [id] })
    }),
    // Before the push: so the issue knows the head for ours when the forge tells of it.
    tellPublishing: sendParent(({ context }) => ({ type: 'run.publishing', runId: context.runId, head: context.inspection!.head })),
    tellFinished: sendParent(({ context }) => ({ type: 'run.finished', runId: context.runId, ...runOutput({ context }) })),

    // the end. What the issue asks for stands above everything else.
    endAsAsked: take((_c, event) => ({
      ending: { outcome: event['outcome'] as RunOutcome, failure: null, reason: event['reason'] as string },
    })),
    endWithoutChange: end('no_change', null, (c) => c.completion?.reason || c.result?.summary || 'The agent changed nothing.'),
    endWithSamePatch: end(
      'no_change',
      null,
      () => 'The change is the one that was reviewed: what was committed since makes no difference.',
    ),
    endForUmbrella: end(
      'failed',
      'scope',
      () =>
        'It holds other issues together and has no change of its own, and the agent made one: file it as a part, or take the parts away.',
    ),
    endForScope: end('failed', 'scope', (c) => {
      const { reverts = [], protectedFiles = [] } = c.inspection ?? {}
      if (reverts.length > 0) return `The agent took commits back, which a repair must not: ${listed(reverts)}`
      return `The agent changed what a repair must not touch: ${listed(protectedFiles)}`
    }),
    endWithQuestion: end('needs_input', null, (c) => c.result?.question ?? 'The agent asks.'),
    endAsFailed: take((c, event) => {
      const { failure = 'agent', reason, summary, retryAt } = event['result'] as SessionResult
      const told = failure === 'capacity' && retryAt !== undefined ? { retryAt } : {}
      return { ending: c.ending ?? { outcome: 'failed', failure, reason: reason ?? summary, ...told } }
    }),
    endAsInterrupted: end('interrupted', null, (c) =>
      c.recovery?.cause === 'lost' ? 'Its thread could not be gone on with.' : 'The process that ran it ended.',
    ),
    endForEnvironment: end('failed', 'environment', (_c, event) => errorOf(event).message),
    endForAccess: end('failed', 'auth', (_c, event) => errorOf(event).message),
    endForBrokenWorktree: end('failed', 'agent', (_c, event) => `The agent left no usable worktree: ${errorOf(event).message}`),
    endForOtherBranch: end(
      'failed',
      'agent',
      (c) => `The agent left the worktree on ${c.inspection?.branch ?? 'no branch'} instead of ${c.branch}.`,
    ),
    endForRewrite: end('failed', 'agent', () => 'The agent rewrote commits that were there before.'),
    endForDirt: end('failed', 'dirty', (c) => {
      const { dirty = [], operation = null } = c.inspection ?? {}
      if (operation !== null) return `A ${operation} is in progress after its second turn.`
      return `Uncommitted after its second turn: ${listed(dirty)}`
    }),
    endForTampering: end('failed', 'agent', (c) => {
      const { head, dirty = [] } = c.inspection ?? {}
      const what = dirty.length > 0 ? listed(dirty) : `its head, which is ${head?.slice(0, 10)} instead of ${c.past?.slice(0, 10)}`
      return `The reviewer changed what it was to review: ${what}. That is discarded, and its verdict with it.`
    }),
    endWithoutVerdict: end('failed', 'agent', (c) => unreadableText(c.result!)),
    endAsOutdated: end(
      'superseded',
      null,
      (c) => `The pull request is not at ${c.past?.slice(0, 10)} any more: the verdict was about that head, and does not count.`,
    ),
    // It goes before any other failure; what was asked of it stands.
    endForEscape: take((c, event) => {
      const { escape } = event['output'] as { escape: string }
      const isAsked = c.ending?.outcome === 'released' || c.ending?.outcome === 'superseded'
      return isAsked ? {} : { ending: { outcome: 'failed', failure: 'escape', reason: escape } }
    }),
    endForStall: end('failed', 'stalled', (c) => {
      const times = c.stalls > 1 ? `, ${c.stalls} times` : ''
      const last = c.lastLine === null ? '' : ` The agent's last words: ${c.lastLine}`
      return `No progress for ${minutes(c.limits.progress)}${times}.${last}`
    }),
    endForBudget: end('failed', 'budget', (c, event) => {
      const { name, used, limit } = spentBudget(c, usageWith(c, event))!
      return `The budget '${name}' of this issue is used up (${Math.round(used * 100) / 100} of ${limit}): the turn was ended.`
    }),
    endForLingering: end(
      'failed',
      'environment',
      (c) =>
        `Asked why nothing has changed, the agent neither answered nor ended within ${minutes(limitOf(c, 'ending'))} of being interrupted.`,
    ),
    endForSilence: end('failed', 'environment', (c) => `No sign of life for ${minutes(c.limits.signal ?? c.limits.run)}.`),
    endForLimit: end('failed', 'environment', (c) => `Not done within the limit of ${minutes(c.limits.run)} for one run.`),
  },
})
