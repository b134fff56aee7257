// What the names in the landing queue's chart mean.

import { assign, enqueueActions, fromPromise, setup } from 'xstate'
import type { CheckFailure, QueueIncident } from '../vocabulary.ts'
import type { Candidate, Landing, QueueContext, QueueEntry, QueueInput } from './context.ts'
import type { QueueEvent } from './events.ts'
import * as guards from './guards.ts'
import { heldPause, inOrder, isSame, pauseAfter } from './policy.ts'

export interface LandingTarget {
  project: string
  number: number
  headSha: string
}

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`The effect '${name}' is not provided`)
}
const outputOf = <T>(event: unknown): T => (event as { output: T }).output
const listed = (names: string[]): string => `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`

type Args = { context: QueueContext }
export const headInput = ({ context: { project, head } }: Args): LandingTarget => ({
  project,
  number: head!.number,
  headSha: head!.headSha,
})
export const candidateInput = ({ context }: Args) => ({ project: context.project, commit: context.candidate!.commit })
export const landInput = ({ context }: Args) => ({ project: context.project, number: context.head!.number, ...context.candidate! })
export const adoptInput = ({ context }: Args) => ({ ...headInput({ context }), commit: context.candidate!.commit })
export const evictInput = ({ context }: Args) => ({ ...headInput({ context }), incident: context.incident! })

type Event = QueueEvent | { type: string; at?: number }
const take = (change: (c: QueueContext, event: never, at: number) => Partial<QueueContext>) =>
  assign<QueueContext, QueueEvent, undefined, QueueEvent, never>(({ context, event }) => {
    const at = Math.max(context.now, (event as Event).at ?? 0)
    return { now: at, ...change(context, event as never, at) }
  })

const blame = (
  c: QueueContext,
  kind: QueueIncident['class'],
  summary: string,
  found: Partial<QueueIncident> = {},
): Partial<QueueContext> => ({
  incident: { class: kind, files: [], failures: [], baseSha: c.candidate?.base ?? '', headSha: c.head!.headSha, summary, ...found },
})

export const queueSetup = setup({
  types: {
    context: {} as QueueContext,
    input: {} as QueueInput,
    events: {} as QueueEvent,
    emitted: {} as
      | { type: 'queue.held'; issue: string; headSha: string; reason: string; files: string[] }
      | { type: 'queue.resumed'; issue: string; headSha: string },
    meta: {} as { description: string },
    tags: {} as 'landing',
  },
  actors: {
    recordEntered: fromPromise<void, LandingTarget>(notProvided('recordEntered')),
    buildCandidate: fromPromise<Candidate, LandingTarget>(notProvided('buildCandidate')),
    runCandidateChecks: fromPromise<{ state: 'passed' | 'failed' | 'none'; failures: CheckFailure[] }, { project: string; commit: string }>(
      notProvided('runCandidateChecks'),
    ),
    landCandidate: fromPromise<Landing, { project: string; number: number; base: string; commit: string }>(notProvided('landCandidate')),
    adoptLanding: fromPromise<void, LandingTarget & { commit: string }>(notProvided('adoptLanding')),
    recordEviction: fromPromise<void, LandingTarget & { incident: QueueIncident }>(notProvided('recordEviction')),
    recordLeft: fromPromise<void, LandingTarget>(notProvided('recordLeft')),
  },
  guards,
  delays: {
    pause: ({ context }) => pauseAfter(context.obstacles),
    held: heldPause,
  },
  actions: {
    keepTime: take(() => ({})),
    enqueue: take((c, { project, issue, key, number, headSha, priority }: QueueEntry, at) => ({
      // A newer head of the same pull request takes the place of the older one's request.
      entries: inOrder([
        ...c.entries.filter((other) => other.number !== number),
        { project, issue, key, number, headSha, priority, enqueuedAt: at },
      ]),
    })),
    dequeue: take((c, gone: QueueEntry) => ({ entries: c.entries.filter((entry) => !isSame(entry, gone)) })),
    rememberWithdrawal: take((c) => ({ withdrawn: c.head && { number: c.head.number, headSha: c.head.headSha } })),
    takeHead: take((c) => ({ head: c.entries[0]!, entries: c.entries.slice(1) })),
    dropHead: take(() => ({ head: null, candidate: null, incident: null, held: null, withdrawn: null, obstacles: 0, reason: '' })),

    rememberCandidate: take((_c, event) => {
      const { base, commit } = outputOf<{ base: string; commit: string }>(event)
      return { candidate: { base, commit } }
    }),
    rememberConflict: take((c, event) => {
      const { base, files } = outputOf<{ base: string; files: string[] }>(event)
      const where = files.length > 0 ? `in ${listed(files)}` : 'as a whole: they have no history in common'
      return blame(c, 'conflict', `It conflicts with the base ${where}.`, { files, baseSha: base })
    }),
    rememberFailure: take((c, event) => {
      const { failures } = outputOf<{ failures: CheckFailure[] }>(event)
      const names = listed(failures.map((failure) => failure.name))
      return blame(c, 'checks', `The checks of its merge with the base failed: ${names}.`, { failures })
    }),
    rememberObstacle: take((c, event) => ({
      obstacles: c.obstacles + 1,
      reason: (event as { error?: { message?: string } }).error?.message ?? 'unknown',
    })),
    blameEnvironment: take((c) => blame(c, 'environment', `It could not be tested: ${c.reason}`)),

    tellHeld: enqueueActions(({ context: c, event, enqueue }) => {
      const { reason, files } = outputOf<{ reason: string; files: string[] }>(event)
      if (JSON.stringify(c.held) === JSON.stringify({ reason, files })) return
      enqueue.assign({ held: { reason, files } })
      enqueue.emit({ type: 'queue.held', issue: c.head!.issue, headSha: c.head!.headSha, reason, files })
    }),
    tellResumed: enqueueActions(({ context: c, enqueue }) => {
      if (c.held === null) return
      enqueue.assign({ held: null })
      enqueue.emit({ type: 'queue.resumed', issue: c.head!.issue, headSha: c.head!.headSha })
    }),
  },
})
