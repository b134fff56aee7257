// What the names in the run's chart mean.

import { assign, enqueueActions, fromCallback, fromPromise, sendParent, sendTo, setup } from 'xstate'
import type { FailureClass, RunOutcome } from '../vocabulary.ts'
import { addUsage } from '../vocabulary.ts'
import type { Inspection, RunContext, RunInput, RunOutput } from './context.ts'
import type { RunEvent } from './events.ts'
import * as guards from './guards.ts'
import { endingTime } from './policy.ts'

export interface PrepareInput {
  project: string
  key: string
  branch: string
  base: string
  keep: boolean
  /** The commit that the branch starts over from; null to go on from where it is. */
  restartFrom: string | null
  runId: string
}

export interface SessionInput extends RunInput {
  turn: number
  uncommitted: string[] | null
  thread: string | null
  worktree: string
  timeout: number
}

export interface VerifyInput {
  project: string
  key: string
  branch: string
  base: string
  since: string
}

export interface PublishInput {
  project: string
  issue: string
  key: string
  branch: string
  base: string
  head: string
  expected: string | null
  title: string
  body: string
  draft: boolean
}

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`The effect '${name}' is not provided`)
}

type AnyEvent = { type: string; at?: number; [key: string]: unknown }
const timeOf = (context: RunContext, event: unknown): number => Math.max(context.now, (event as AnyEvent).at ?? 0)
const errorOf = (event: unknown): { code?: string; message: string } =>
  (event as { error?: { code?: string; message: string } }).error ?? { message: 'unknown' }

/** Ends the run with an outcome of our own, unless it is ending already. */
const ending =
  (outcome: RunOutcome, failure: FailureClass | null, reason: (args: { context: RunContext; event: AnyEvent }) => string) =>
  ({ context, event }: { context: RunContext; event: unknown }): Partial<RunContext> => ({
    ending: context.ending ?? { outcome, failure, reason: reason({ context, event: event as AnyEvent }) },
  })

export const prepareInput = ({ context }: { context: RunContext }): PrepareInput => ({
  project: context.project,
  key: context.key,
  branch: context.branch,
  base: context.base,
  keep: context.keep || context.turns > 0,
  restartFrom: context.restartFrom,
  runId: context.runId,
})

export const sessionInput = ({ context }: { context: RunContext }): SessionInput => {
  const { issue, project, key, title, description, url, runId, type, attempt, agent, branch, base, published, past, keep, restartFrom } =
    context
  const { messages, question, review, checks, incident, lastFailure, limits } = context
  return {
    ...{ issue, project, key, title, description, url, runId, type, attempt, agent, branch, base, published, past, keep, restartFrom },
    ...{ messages, question, review, checks, incident, lastFailure, limits },
    turn: context.turns,
    uncommitted: context.uncommitted,
    thread: context.thread,
    worktree: context.worktree!,
    timeout: limits.run,
  }
}

export const verifyInput = ({ context }: { context: RunContext }): VerifyInput => ({
  project: context.project,
  key: context.key,
  branch: context.branch,
  base: context.base,
  since: context.published ?? context.headBefore!,
})

export const publishInput = ({ context }: { context: RunContext }): PublishInput => ({
  project: context.project,
  issue: context.issue,
  key: context.key,
  branch: context.branch,
  base: context.base,
  head: context.inspection!.head,
  expected: context.published,
  title: context.result?.prTitle ?? context.title,
  body: context.result?.prBody ?? context.result?.summary ?? '',
  draft: false,
})

export const runOutput = ({ context }: { context: RunContext }): RunOutput => ({
  outcome: context.ending?.outcome ?? 'completed',
  failure: context.ending?.failure ?? null,
  reason: context.ending?.reason ?? '',
  summary: context.result?.summary ?? context.ending?.reason ?? '',
  question: context.ending?.outcome === 'needs_input' ? (context.result?.question ?? context.result?.summary ?? '') : null,
  usage: context.usage,
  headBefore: context.headBefore,
  headAfter: context.publishedHead,
  steered: context.steered,
  progressed: context.progressed,
  dirty: context.inspection?.dirty ?? [],
})

export const runSetup = setup({
  types: {
    context: {} as RunContext,
    events: {} as RunEvent,
    input: {} as RunInput,
    output: {} as RunOutput,
    meta: {} as { phase?: string; description: string },
  },
  actors: {
    prepareWorktree: fromPromise<{ path: string; head: string; baseHead: string; dirty: string[] }, PrepareInput>(
      notProvided('prepareWorktree'),
    ),
    agentSession: fromCallback<{ type: 'session.steer'; id: string; text: string }, SessionInput>(() => {}),
    endSession: fromPromise<void, SessionInput>(notProvided('endSession')),
    verifyWork: fromPromise<Inspection, VerifyInput>(notProvided('verifyWork')),
    publishChange: fromPromise<{ number: number; headSha: string }, PublishInput>(notProvided('publishChange')),
  },
  guards,
  delays: {
    runLimit: ({ context }) => context.limits.run,
    stall: ({ context }) => context.limits.progress,
    ending: endingTime,
  },
  actions: {
    rememberStart: assign(({ context, event }) => ({ now: timeOf(context, event), startedAt: timeOf(context, event) })),
    rememberWorktree: assign(({ context, event }) => {
      const { output } = event as unknown as { output: { path: string; head: string; baseHead: string } }
      return { worktree: output.path, baseHead: output.baseHead, headBefore: context.headBefore ?? output.head }
    }),
    beginTurn: assign(({ context, event }) => ({
      turns: context.turns + 1,
      now: timeOf(context, event),
      lastProgressAt: timeOf(context, event),
    })),
    rememberSession: assign(({ context, event }) => ({
      now: timeOf(context, event),
      lastSignalAt: timeOf(context, event),
      thread: (event as { thread?: string }).thread ?? context.thread,
    })),
    rememberProgress: assign(({ context, event }) => ({
      now: timeOf(context, event),
      lastSignalAt: timeOf(context, event),
      lastProgressAt: timeOf(context, event),
      progressed: true,
    })),
    tellProgress: enqueueActions(({ context, event, enqueue }) => {
      const { runId, usage, lastSignalAt, lastProgressAt } = context
      enqueue.assign({ toldAt: timeOf(context, event) })
      enqueue.sendParent({ type: 'run.progressed', runId, phase: 'working', usage, lastSignalAt, lastProgressAt })
    }),
    passSteering: sendTo('session', ({ event }) => {
      const { id, text } = event as unknown as { id: string; text: string }
      return { type: 'session.steer' as const, id, text }
    }),
    rememberSteered: assign(({ context, event }) => {
      const { id, taken } = event as unknown as { id: string; taken: boolean }
      return taken ? { steered: [...context.steered, id] } : {}
    }),
    rememberResult: assign(({ context, event }) => {
      const { result } = event as unknown as { result: NonNullable<RunContext['result']> }
      return {
        now: timeOf(context, event),
        // The continuation only commits: what the work itself said stands.
        result: context.turns > 1 && context.result && result.outcome === 'completed' ? context.result : result,
        usage: addUsage(context.usage, result.usage),
        thread: result.thread ?? context.thread,
        progressed: context.progressed || result.outcome !== 'failed',
      }
    }),
    rememberInspection: assign(({ event }) => ({ inspection: (event as unknown as { output: Inspection }).output })),
    rememberUncommitted: assign(({ context }) => ({ uncommitted: context.inspection!.dirty })),
    rememberPublished: assign(({ context }) => ({ publishedHead: context.inspection!.head, progressed: true })),
    endAsAsked: assign(({ context, event }) => ({
      ending: context.ending ?? {
        outcome: (event as unknown as { outcome: RunOutcome }).outcome,
        failure: null,
        reason: (event as unknown as { reason: string }).reason,
      },
    })),
    endWithoutChange: assign(ending('no_change', null, ({ context }) => context.result?.summary || 'The agent changed nothing.')),
    endWithQuestion: assign(ending('needs_input', null, ({ context }) => context.result?.question ?? 'The agent asks.')),
    endAsFailed: assign(({ context, event }) => {
      const { result } = event as unknown as { result: NonNullable<RunContext['result']> }
      return {
        ending: context.ending ?? {
          outcome: 'failed' as const,
          failure: result.failure ?? 'agent',
          reason: result.reason ?? result.summary,
        },
      }
    }),
    endAsInterrupted: assign(ending('interrupted', null, () => 'The process that ran it ended.')),
    endForEnvironment: assign(ending('failed', 'environment', ({ event }) => errorOf(event).message)),
    endForBrokenWorktree: assign(ending('failed', 'agent', ({ event }) => `The agent left no usable worktree: ${errorOf(event).message}`)),
    endForOtherBranch: assign(
      ending(
        'failed',
        'agent',
        ({ context }) => `The agent left the worktree on ${context.inspection?.branch ?? 'no branch'} instead of ${context.branch}.`,
      ),
    ),
    endForRewrite: assign(ending('failed', 'agent', () => 'The agent rewrote commits that were there before.')),
    endForDirt: assign(
      ending('failed', 'dirty', ({ context }) => {
        const { dirty = [], operation = null } = context.inspection ?? {}
        return operation === null
          ? `Uncommitted after its second turn: ${dirty.slice(0, 10).join(', ')}${dirty.length > 10 ? ', …' : ''}`
          : `A ${operation} is in progress.`
      }),
    ),
    endForStall: assign(ending('failed', 'agent', ({ context }) => `No progress for ${Math.round(context.limits.progress / 1000)} s.`)),
    endForLimit: assign(
      ending(
        'failed',
        'environment',
        ({ context }) => `Not done within the limit of ${Math.round(context.limits.run / 60_000)} minutes for one run.`,
      ),
    ),
    tellStarted: sendParent(({ context }) => ({ type: 'run.started', runId: context.runId })),
    tellFinished: sendParent(({ context }) => ({ type: 'run.finished', runId: context.runId, ...runOutput({ context }) })),
  },
})
