// What the names in the landing queue's chart mean.

import { assign, enqueueActions, fromPromise, setup } from 'xstate'
import type { CheckFailure, QueueIncident } from '../vocabulary.ts'

export interface QueueEntry {
  project: string
  issue: string
  key: string
  number: number
  headSha: string
  priority: number
  enqueuedAt: number
}

export type Candidate =
  | { kind: 'candidate'; base: string; commit: string }
  | { kind: 'conflict'; base: string; files: string[] }
  | { kind: 'already_landed'; commit: string }

export type Landing = { kind: 'landed'; commit: string } | { kind: 'base_moved' } | { kind: 'blocked'; reason: string; files: string[] }

export interface QueueContext {
  project: string
  now: number
  entries: QueueEntry[]
  /** The entry under test. */
  head: QueueEntry | null
  candidate: { base: string; commit: string } | null
  incident: QueueIncident | null
  obstacles: number
  reason: string
  held: boolean
  /** Withdrawn while its landing was in flight: honoured as soon as that is decided. */
  withdrawn: { number: number; headSha: string }[]
}

export type QueueMachineEvent =
  | ({ type: 'landing.requested'; at?: number } & Omit<QueueEntry, 'enqueuedAt'>)
  | { type: 'landing.withdrawn'; number: number; headSha: string; reason: string; at?: number }

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`The effect '${name}' is not provided`)
}
const errorOf = (event: unknown): { code?: string; message?: string } =>
  (event as { error?: { code?: string; message?: string } }).error ?? {}
const outputOf = <T>(event: unknown): T => (event as { output: T }).output

/** Failures of the environment in a row before the entry is given back. */
const mostObstacles = 5
const firstPause = 2_000
/** How often a landing that the user's checkout holds up is tried again (interface §6). */
const heldPause = 10_000

const urgency = (entry: QueueEntry): number => (entry.priority === 0 ? 5 : entry.priority)
const inOrder = (entries: QueueEntry[]): QueueEntry[] =>
  [...entries].sort((a, b) => urgency(a) - urgency(b) || a.enqueuedAt - b.enqueuedAt || a.number - b.number)
const isSame = (a: { number: number; headSha: string }, b: { number: number; headSha: string }): boolean =>
  a.number === b.number && a.headSha === b.headSha

export const createContext = ({ input }: { input?: { project: string } }): QueueContext => ({
  project: input?.project ?? '',
  now: 0,
  entries: [],
  head: null,
  candidate: null,
  incident: null,
  obstacles: 0,
  reason: '',
  held: false,
  withdrawn: [],
})

type Args = { context: QueueContext }
export const enteredInput = ({ context }: Args) => ({
  project: context.project,
  number: context.head!.number,
  headSha: context.head!.headSha,
})
export const buildInput = enteredInput
export const candidateInput = ({ context }: Args) => ({ project: context.project, commit: context.candidate!.commit })
export const landInput = ({ context }: Args) => ({ project: context.project, number: context.head!.number, ...context.candidate! })
export const evictInput = ({ context }: Args) => ({
  project: context.project,
  number: context.head!.number,
  headSha: context.head!.headSha,
  incident: context.incident!,
})
export const leftInput = ({ context }: Args) => ({ project: context.project, number: context.head!.number, headSha: context.head!.headSha })

export const queueSetup = setup({
  types: {
    context: {} as QueueContext,
    input: {} as { project: string },
    events: {} as QueueMachineEvent,
    emitted: {} as
      | { type: 'queue.held'; issue: string; headSha: string; reason: string; files: string[] }
      | { type: 'queue.resumed'; issue: string; headSha: string },
    meta: {} as { description: string },
    tags: {} as 'landing',
  },
  actors: {
    recordEntered: fromPromise<void, { project: string; number: number; headSha: string }>(notProvided('recordEntered')),
    buildCandidate: fromPromise<Candidate, { project: string; number: number; headSha: string }>(notProvided('buildCandidate')),
    runCandidateChecks: fromPromise<{ state: 'passed' | 'failed' | 'none'; failures: CheckFailure[] }, { project: string; commit: string }>(
      notProvided('runCandidateChecks'),
    ),
    landCandidate: fromPromise<Landing, { project: string; number: number; base: string; commit: string }>(notProvided('landCandidate')),
    recordEviction: fromPromise<void, { project: string; number: number; headSha: string; incident: QueueIncident }>(
      notProvided('recordEviction'),
    ),
    recordLeft: fromPromise<void, { project: string; number: number; headSha: string }>(notProvided('recordLeft')),
  },
  guards: {
    hasEntries: ({ context }) => context.entries.length > 0,
    isKnown: ({ context, event }) =>
      event.type === 'landing.requested' &&
      [...context.entries, ...(context.head ? [context.head] : [])].some((entry) => isSame(entry, event)) &&
      !context.withdrawn.some((gone) => isSame(gone, event)),
    isOfHead: ({ context, event }) => event.type === 'landing.withdrawn' && context.head !== null && context.head.number === event.number,
    isHeadWithdrawn: ({ context }) => context.head !== null && context.withdrawn.some((gone) => isSame(gone, context.head!)),
    isConflict: ({ event }) => outputOf<Candidate>(event).kind === 'conflict',
    hasLandedAlready: ({ event }) => outputOf<Candidate>(event).kind === 'already_landed',
    hasPassed: ({ event }) => outputOf<{ state: string }>(event).state !== 'failed',
    hasLanded: ({ event }) => outputOf<Landing>(event).kind === 'landed',
    hasBaseMoved: ({ event }) => outputOf<Landing>(event).kind === 'base_moved',
    isInterruption: ({ event }) => errorOf(event).code === 'interrupted' || errorOf(event).code === 'check-aborted',
    canTryAgain: ({ context }) => context.obstacles < mostObstacles,
    isHeld: ({ context }) => context.held,
  },
  delays: {
    pause: ({ context }) => firstPause * 2 ** Math.max(0, context.obstacles - 1),
    held: heldPause,
  },
  actions: {
    enqueue: assign(({ context: c, event }) => {
      const {
        project,
        issue,
        key,
        number,
        headSha,
        priority,
        at = c.now,
      } = event as Extract<QueueMachineEvent, { type: 'landing.requested' }>
      const entry: QueueEntry = { project, issue, key, number, headSha, priority, enqueuedAt: at }
      // A newer head of the same pull request takes the place of the older one's request.
      const entries = inOrder([...c.entries.filter((other) => other.number !== number), entry])
      return { now: Math.max(c.now, at), entries, withdrawn: c.withdrawn.filter((gone) => !isSame(gone, entry)) }
    }),
    dequeue: assign(({ context: c, event }) => {
      const { number } = event as { number: number }
      return { entries: c.entries.filter((entry) => entry.number !== number) }
    }),
    rememberWithdrawal: assign(({ context: c, event }) => {
      const { number, headSha } = event as { number: number; headSha: string }
      return { withdrawn: [...c.withdrawn, { number, headSha }] }
    }),
    takeHead: assign(({ context: c }) => ({
      head: c.entries[0]!,
      entries: c.entries.slice(1),
      obstacles: 0,
      candidate: null,
      incident: null,
    })),
    dropHead: assign(({ context: c }) => ({
      head: null,
      candidate: null,
      incident: null,
      held: false,
      withdrawn: c.withdrawn.filter((gone) => c.head === null || gone.number !== c.head.number),
    })),
    rememberCandidate: assign(({ event }) => {
      const { base, commit } = outputOf<{ base: string; commit: string }>(event)
      return { candidate: { base, commit } }
    }),
    rememberConflict: assign(({ context: c, event }) => {
      const { base, files } = outputOf<{ base: string; files: string[] }>(event)
      const summary = `It conflicts with the base in ${files.slice(0, 5).join(', ')}${files.length > 5 ? ', …' : ''}.`
      return { incident: { class: 'conflict' as const, files, failures: [], baseSha: base, headSha: c.head!.headSha, summary } }
    }),
    rememberFailure: assign(({ context: c, event }) => {
      const { failures } = outputOf<{ failures: CheckFailure[] }>(event)
      const summary = `The checks of its merge with the base failed: ${failures.map((failure) => failure.name).join(', ')}.`
      return { incident: { class: 'checks' as const, files: [], failures, baseSha: c.candidate!.base, headSha: c.head!.headSha, summary } }
    }),
    rememberObstacle: assign(({ context: c, event }) => ({ obstacles: c.obstacles + 1, reason: errorOf(event).message ?? 'unknown' })),
    blameEnvironment: assign(({ context: c }) => ({
      incident: {
        class: 'environment' as const,
        files: [],
        failures: [],
        baseSha: c.candidate?.base ?? '',
        headSha: c.head!.headSha,
        summary: `It could not be tested: ${c.reason}`,
      },
    })),
    tellHeld: enqueueActions(({ context: c, event, enqueue }) => {
      const { reason, files } = outputOf<{ reason: string; files: string[] }>(event)
      enqueue.assign({ held: true })
      enqueue.emit({ type: 'queue.held', issue: c.head!.issue, headSha: c.head!.headSha, reason, files })
    }),
    tellResumed: enqueueActions(({ context: c, enqueue }) => {
      if (!c.held || !c.head) return
      enqueue.assign({ held: false })
      enqueue.emit({ type: 'queue.resumed', issue: c.head.issue, headSha: c.head.headSha })
    }),
  },
})
