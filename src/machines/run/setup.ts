// What the names in the run's chart mean.

import { assign, enqueueActions, fromCallback, fromPromise, sendParent, sendTo, setup, stopChild } from 'xstate'
import type { FailureClass, Finding, RunOutcome } from '../vocabulary.ts'
import { addUsage } from '../vocabulary.ts'
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
import { completionTime, endingTime, mostForks, mostResumes, nudgeTime, probeTime } from './policy.ts'
import { reviewOf, unreadableText } from './review.ts'

export interface PrepareInput {
  project: string
  key: string
  branch: string
  base: string
  /** Instead of the base branch, when the change is based on another pull request. */
  onto: string | null
  keep: boolean
  /** The commit that the branch starts over from; null to go on from where it is. */
  restartFrom: string | null
  runId: string
  /** Of a review: the head to look at, in a checkout of its own. */
  review: string | null
}

export interface SessionInput extends RunInput {
  turn: number
  turnKind: TurnKind
  /** What the agent said when it was asked why nothing had changed. */
  completion: Completion | null
  uncommitted: string[] | null
  /** The change that this turn is to base the work on. */
  parent: ChangeInFlight | null
  thread: string | null
  /** How the turn came to be, when another was cut off. */
  recovery: Recovery | null
  worktree: string
  timeout: number
}

export interface ProbeInput {
  project: string
  key: string
  branch: string
  base: string
}

/** What a session is told while it runs. `quiet`: milliseconds without progress. */
export type SessionCommand = { type: 'session.steer'; id: string; text: string } | { type: 'session.nudge'; id: string; quiet: number }

export interface VerifyInput {
  project: string
  key: string
  branch: string
  base: string
  /** Instead of the base branch, when the change is based on another pull request. */
  onto: string | null
  since: string
  protectedPaths: string[]
  /** A commit of another change that the work is to be based on. */
  parent: string | null
  /** Of a review: the head that was to be looked at, and what its agent found. */
  review: { head: string; findings: Finding[] } | null
}

/** Of a commit that is not published yet. */
export interface ConflictInput {
  project: string
  branch: string
  head: string
}

/** A verdict for exactly one head. */
export interface SubmitInput {
  project: string
  /** The issue's immutable id and its key. */
  issue: string
  key: string
  /** A second time with the same run, it is the same review. */
  runId: string
  reviewer: string
  verdict: 'approved' | 'changes_requested'
  body: string
  findings: Finding[]
  headSha: string
}

/** `counts`: false when the pull request has another head by now, or is not open. */
export interface Submitted {
  counts: boolean
}

export interface PublishInput {
  project: string
  /** The issue's immutable id and its key. */
  issue: string
  key: string
  branch: string
  base: string
  /** Instead of the base branch, when the change is based on another pull request. */
  onto?: string | null
  /** The commit to publish. */
  head: string
  /** The head published before, for the lease; null for a first publication. */
  expected: string | null
  title: string
  body: string
  draft: boolean
  /** `git patch-id --stable` of what is published; null when it is not known. */
  patchId?: string | null
}

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`The effect '${name}' is not provided`)
}

type AnyEvent = { type: string; at?: number; [key: string]: unknown }
const timeOf = (context: RunContext, event: unknown): number => Math.max(context.now, (event as AnyEvent).at ?? 0)
const errorOf = (event: unknown): { code?: string; message: string } =>
  (event as { error?: { code?: string; message: string } }).error ?? { message: 'unknown' }

export const prepareInput = ({ context }: { context: RunContext }): PrepareInput => ({
  project: context.project,
  key: context.key,
  branch: context.branch,
  base: context.base,
  onto: context.onto,
  keep: context.keep || context.turns > 0,
  // Only before the first turn: later it would take this run's own work back.
  restartFrom: context.turns > 0 ? null : context.restartFrom,
  runId: context.runId,
  review: context.type === 'review' ? context.past : null,
})

/** What the run was given, without what it has found out since. */
const assignmentOf = ({
  now: _now,
  startedAt: _startedAt,
  headBefore: _headBefore,
  baseHead: _baseHead,
  worktree: _worktree,
  turns: _turns,
  turnKind: _turnKind,
  commits: _commits,
  checksMade: _checksMade,
  completion: _completion,
  resumes: _resumes,
  idle: _idle,
  forks: _forks,
  restarts: _restarts,
  stalls: _stalls,
  nudges: _nudges,
  nudged: _nudged,
  stillSince: _stillSince,
  recovery: _recovery,
  abilities: _abilities,
  lastLine: _lastLine,
  uncommitted: _uncommitted,
  thread: _thread,
  result: _result,
  inspection: _inspection,
  sequence: _sequence,
  usage: _usage,
  lastSignalAt: _lastSignalAt,
  lastProgressAt: _lastProgressAt,
  toldAt: _toldAt,
  progressed: _progressed,
  steered: _steered,
  ending: _ending,
  pr: _pr,
  verdict: _verdict,
  ...input
}: RunContext): RunInput => input

const timeToAnswer = ({ limits }: RunContext): number => limits.completion ?? completionTime

export const sessionInput = ({ context }: { context: RunContext }): SessionInput => ({
  ...assignmentOf(context),
  turn: context.turns,
  turnKind: context.turnKind,
  completion: context.completion,
  uncommitted: context.uncommitted,
  parent: context.turnKind === 'stack' ? (context.sequence?.parent ?? null) : null,
  thread: context.thread,
  recovery: context.recovery,
  worktree: context.worktree!,
  timeout: context.turnKind === 'completion_check' ? timeToAnswer(context) : context.limits.run,
})

export const probeInput = ({ context: { project, key, branch, base } }: { context: RunContext }): ProbeInput => ({
  project,
  key,
  branch,
  base,
})

export const verifyInput = ({ context }: { context: RunContext }): VerifyInput => ({
  project: context.project,
  key: context.key,
  branch: context.branch,
  base: context.base,
  onto: context.onto,
  since: context.published ?? context.headBefore!,
  protectedPaths: context.protectedPaths,
  parent: context.sequence?.parent?.head ?? null,
  review: context.type === 'review' ? { head: context.past!, findings: context.result?.findings ?? [] } : null,
})

export const conflictInput = ({ context }: { context: RunContext }): ConflictInput => ({
  project: context.project,
  branch: context.branch,
  head: context.inspection!.head,
})

export const submitInput = ({ context }: { context: RunContext }): SubmitInput => ({
  project: context.project,
  issue: context.issue,
  key: context.key,
  runId: context.runId,
  reviewer: context.agent,
  ...reviewOf(context),
})

export const publishInput = ({ context }: { context: RunContext }): PublishInput => ({
  project: context.project,
  issue: context.issue,
  key: context.key,
  branch: context.branch,
  base: context.base,
  onto: context.onto,
  head: context.inspection!.head,
  expected: context.published,
  title: context.result?.prTitle ?? context.title,
  body: context.result?.prBody ?? context.result?.summary ?? '',
  draft: false,
  patchId: context.inspection!.patchId,
})

/** What a verdict says of itself goes before what the agent says. */
function summaryOf({ result, ending, verdict, inspection }: RunContext): string {
  const summary = result?.summary ?? ending?.reason ?? ''
  if (verdict === null) return summary
  const left = inspection?.review?.left ?? []
  const discarded = left.length === 0 ? '' : ` Left in its checkout and discarded: ${listed(left)}.`
  return `${verdict.verdict === 'approved' ? 'Approved' : 'Changes requested of'} ${verdict.headSha.slice(0, 10)}. ${summary}${discarded}`.trim()
}

export const runOutput = ({ context }: { context: RunContext }): RunOutput => ({
  outcome: context.ending?.outcome ?? 'completed',
  failure: context.ending?.failure ?? null,
  reason: context.ending?.reason ?? '',
  summary: summaryOf(context),
  question: context.ending?.outcome === 'needs_input' ? (context.result?.question ?? context.result?.summary ?? '') : null,
  usage: context.usage,
  headBefore: context.headBefore,
  headAfter: context.pr?.headSha ?? null,
  pr: context.pr,
  // Of no interest once there is a change after all.
  completion: context.pr === null ? (context.completion?.verdict ?? null) : null,
  review: context.verdict,
  steered: context.steered,
  progressed: context.progressed,
  dirty: context.inspection?.dirty ?? [],
  idle: context.idle,
})

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

/** A span of time for people. */
export const minutes = (ms: number): string => (ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} minutes`)

const listed = (items: readonly string[]): string => `${items.slice(0, 10).join(', ')}${items.length > 10 ? ', …' : ''}`

const begin = (turnKind: TurnKind, change: (c: RunContext) => Partial<RunContext>) =>
  take((c, _event, at) => ({ turns: c.turns + 1, turnKind, lastProgressAt: at, recovery: null, ...change(c) }))

/** What is remembered of a turn that was cut off. A loss on the way back does not make another cause of the first one. */
const cutOff = (cause: Recovery['cause']) => (c: RunContext, at: number) => ({
  recovery: {
    cause: cause === 'lost' && c.recovery !== null ? c.recovery.cause : cause,
    way: null,
    quiet: cause === 'stalled' ? Math.max(0, at - c.stillSince) : 0,
    lastLine: c.lastLine,
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
    endSession: fromPromise<void, SessionInput>(notProvided('endSession')),
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
    probe: probeTime,
    nudge: ({ context }) => context.limits.nudge ?? nudgeTime,
    silence: ({ context }) => context.limits.signal ?? context.limits.run,
    completion: ({ context }) => timeToAnswer(context),
    ending: endingTime,
  },
  actions: {
    keepTime: take(() => ({})),
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
      enqueue.spawnChild('agentSession', { id: 'session', input: sessionInput({ context }) })
    }),
    dropSession: stopChild('session'),
    rememberSession: take((c, event, at) => ({
      lastSignalAt: at,
      thread: (event['thread'] as string | undefined) ?? c.thread,
      abilities: (event['abilities'] as AgentAbilities | undefined) ?? c.abilities,
    })),
    beginWatch: take((_c, _event, at) => ({ stillSince: at, nudged: false, recovery: null })),
    rememberSignal: take((_c, _event, at) => ({ lastSignalAt: at })),
    rememberProgress: take((_c, event, at) => ({
      ...{ lastSignalAt: at, lastProgressAt: at, progressed: true, stillSince: at, nudged: false },
      lastLine: (event['line'] as string | undefined) ?? null,
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
      ...(c.recovery?.way === 'fork' ? { forks: mostForks, resumes: mostResumes } : { resumes: mostResumes }),
    })),
    passSteering: sendTo('session', ({ event }) => {
      const { id, text } = event as unknown as { id: string; text: string }
      return { type: 'session.steer' as const, id, text }
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
        usage: addUsage(c.usage, result.usage),
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
    endForScope: end('failed', 'scope', (c) => {
      const { reverts = [], protectedFiles = [] } = c.inspection ?? {}
      if (reverts.length > 0) return `The agent took commits back, which a repair must not: ${listed(reverts)}`
      return `The agent changed what a repair must not touch: ${listed(protectedFiles)}`
    }),
    endWithQuestion: end('needs_input', null, (c) => c.result?.question ?? 'The agent asks.'),
    endAsFailed: take((c, event) => {
      const { failure = 'agent', reason, summary } = event['result'] as SessionResult
      return { ending: c.ending ?? { outcome: 'failed', failure, reason: reason ?? summary } }
    }),
    endAsInterrupted: end('interrupted', null, (c) =>
      c.recovery?.cause === 'lost' ? 'Its thread could not be gone on with.' : 'The process that ran it ended.',
    ),
    endForEnvironment: end('failed', 'environment', (_c, event) => errorOf(event).message),
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
    endForStall: end('failed', 'stalled', (c) => {
      const times = c.stalls > 1 ? `, ${c.stalls} times` : ''
      const last = c.lastLine === null ? '' : ` The agent's last words: ${c.lastLine}`
      return `No progress for ${minutes(c.limits.progress)}${times}.${last}`
    }),
    endForSilence: end('failed', 'environment', (c) => `No sign of life for ${minutes(c.limits.signal ?? c.limits.run)}.`),
    endForLimit: end('failed', 'environment', (c) => `Not done within the limit of ${minutes(c.limits.run)} for one run.`),
  },
})
