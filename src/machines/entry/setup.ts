// What the names in the chart of a landing queue's entry mean.

import { assign, enqueueActions, fromPromise, sendParent, setup } from 'xstate'
import { pauseBefore } from '../backoff.ts'
import type { CheckFailure, QueueIncident } from '../vocabulary.ts'
import type { Candidate, EntryContext, EntryInput, EntryOutput, Landing, Place } from './context.ts'
import type { EntryEvent } from './events.ts'
import * as guards from './guards.ts'
import { retryOf } from './policy.ts'

export interface LandingTarget {
  project: string
  number: number
  headSha: string
}

export interface CandidateInput {
  project: string
  commit: string
  /** Names of reports on this commit that say nothing of its checks any more: they have been asked to run once more. */
  outdated?: string[]
}

/** `reports`: names of what the result goes by, where the place knows them. */
export interface CandidateChecks {
  state: 'passed' | 'failed' | 'none'
  failures: CheckFailure[]
  reports?: string[]
}

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`The effect '${name}' is not provided`)
}
const outputOf = <T>(event: unknown): T => (event as { output: T }).output
const listed = (names: string[]): string => `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`

type Args = { context: EntryContext }
export const headInput = ({ context: { project, number, headSha } }: Args): LandingTarget => ({ project, number, headSha })
export const buildInput = ({ context }: Args) => ({ ...headInput({ context }), onto: context.place!.onto })
export const candidateInput = ({ context: { project, candidate, isRerun, outdated = [] } }: Args): CandidateInput => ({
  ...{ project, commit: candidate!.commit },
  ...(isRerun && outdated.length > 0 && { outdated }),
})
export const landInput = ({ context }: Args) => ({ project: context.project, number: context.number, ...context.candidate! })
export const adoptInput = ({ context }: Args) => ({ ...headInput({ context }), commit: context.found! })
export const evictInput = ({ context }: Args) => ({ ...headInput({ context }), incident: context.incident! })
export const outputOfEntry = ({ context }: Args): EntryOutput => context.outcome!

type Event = EntryEvent | { type: string; at?: number }
const take = (change: (c: EntryContext, event: never, at: number) => Partial<EntryContext>) =>
  assign<EntryContext, EntryEvent, undefined, EntryEvent, never>(({ context, event }) => {
    const at = Math.max(context.now, (event as Event).at ?? 0)
    return { now: at, ...change(context, event as never, at) }
  })

const blame = (
  c: EntryContext,
  kind: QueueIncident['class'],
  summary: string,
  found: Partial<QueueIncident> = {},
): Partial<EntryContext> => ({
  incident: { class: kind, files: [], failures: [], baseSha: c.candidate?.base ?? '', headSha: c.headSha, summary, ...found },
})
/** Where a report to the queue comes from. */
const here = ({ number, place }: EntryContext) => ({ number, round: place!.round })

export const entrySetup = setup({
  types: {
    context: {} as EntryContext,
    input: {} as EntryInput,
    output: {} as EntryOutput,
    events: {} as EntryEvent,
    emitted: {} as
      | { type: 'queue.held'; issue: string; headSha: string; reason: string; files: string[] }
      | { type: 'queue.resumed'; issue: string; headSha: string },
    meta: {} as { description: string },
    tags: {} as 'landing',
  },
  actors: {
    recordEntered: fromPromise<void, LandingTarget>(notProvided('recordEntered')),
    buildCandidate: fromPromise<Candidate, LandingTarget & { onto: string | null }>(notProvided('buildCandidate')),
    runCandidateChecks: fromPromise<CandidateChecks, CandidateInput>(notProvided('runCandidateChecks')),
    landCandidate: fromPromise<Landing, { project: string; number: number; base: string; commit: string }>(notProvided('landCandidate')),
    adoptLanding: fromPromise<void, LandingTarget & { commit: string }>(notProvided('adoptLanding')),
    recordEviction: fromPromise<void, LandingTarget & { incident: QueueIncident }>(notProvided('recordEviction')),
    recordLeft: fromPromise<void, LandingTarget>(notProvided('recordLeft')),
  },
  guards,
  delays: {
    pause: ({ context }) => pauseBefore(retryOf(context), context.obstacles),
    held: ({ context }) => retryOf(context).held,
  },
  actions: {
    takePlace: take((c, { place, isFirst }: { place: Place | null; isFirst: boolean }) => ({
      isFirst,
      // The same place told again: it may stand on the base by now.
      place: place?.round === c.place?.round ? c.place : place,
    })),
    standOnBase: take((c) => ({ place: { round: c.place!.round, onto: null } })),
    rememberWithdrawal: take(() => ({ isWithdrawn: true })),
    dropCandidate: take(() => ({ candidate: null, found: null, isTested: false, isRerun: false, incident: null })),

    rememberCandidate: take((_c, event) => {
      const { base, commit } = outputOf<{ base: string; commit: string }>(event)
      return { candidate: { base, commit } }
    }),
    rememberFound: take((_c, event) => ({ found: outputOf<{ commit: string }>(event).commit })),
    rememberPass: take(() => ({ isTested: true })),
    rememberRerun: take((_c, event) => ({ isRerun: true, outdated: outputOf<CandidateChecks>(event).reports ?? [] })),
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
    rememberLanding: take((_c, event) => ({ outcome: { kind: 'landed', commit: outputOf<{ commit: string }>(event).commit } })),
    rememberAdoption: take(() => ({ outcome: { kind: 'found' } })),
    rememberEviction: take(() => ({ outcome: { kind: 'evicted' } })),
    rememberLeave: take(() => ({ outcome: { kind: 'left' } })),

    tellBuilt: sendParent(({ context: c }) => ({ type: 'entry.built', ...here(c), commit: c.candidate!.commit })),
    tellPassedOver: sendParent(({ context: c }) => ({ type: 'entry.passedOver', ...here(c) })),
    tellBaseMoved: sendParent(({ context: c }) => ({ type: 'entry.baseMoved', ...here(c) })),
    tellHeld: enqueueActions(({ context: c, event, enqueue }) => {
      const { reason, files } = outputOf<{ reason: string; files: string[] }>(event)
      if (JSON.stringify(c.held) === JSON.stringify({ reason, files })) return
      enqueue.assign({ held: { reason, files } })
      enqueue.emit({ type: 'queue.held', issue: c.issue, headSha: c.headSha, reason, files })
    }),
    tellResumed: enqueueActions(({ context: c, enqueue }) => {
      if (c.held === null) return
      enqueue.assign({ held: null })
      enqueue.emit({ type: 'queue.resumed', issue: c.issue, headSha: c.headSha })
    }),
  },
})
