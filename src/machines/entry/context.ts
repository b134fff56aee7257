// What one entry of a landing queue knows: the head that is to land, what it stands on, and what has been found out there.

import type { QueueIncident } from '../vocabulary.ts'
import type { EntryRetry } from './policy.ts'

/** What an entry's candidate is built onto: a commit of the entry before it, or the base where `onto` is null. */
export interface Place {
  /** Each place that the queue gives has a number of its own. */
  round: number
  onto: string | null
}

export interface EntryInput {
  project: string
  issue: string
  key: string
  number: number
  headSha: string
  place: Place | null
  /** Everything before it has landed as tested, or has gone. */
  isFirst: boolean
  isWithdrawn: boolean
  /** Left out: `defaultRetry`. */
  retry?: EntryRetry
}

/** What building the commit that would land came to. */
export type Candidate =
  | { kind: 'candidate'; base: string; commit: string }
  | { kind: 'conflict'; base: string; files: string[] }
  /** What it was to be built onto has the head already: `commit` is the merge that brought it. */
  | { kind: 'already_landed'; base: string; commit: string }

/** What moving the base came to. */
export type Landing = { kind: 'landed'; commit: string } | { kind: 'base_moved' } | { kind: 'blocked'; reason: string; files: string[] }

/** How it ended; `found` when the base had its head already. */
export type EntryOutput = { kind: 'landed'; commit: string } | { kind: 'found' } | { kind: 'evicted' } | { kind: 'left' }

export interface EntryContext extends EntryInput {
  now: number
  candidate: { base: string; commit: string } | null
  /** The merge by which the base has the head already. */
  found: string | null
  /** The candidate has passed its checks. */
  isTested: boolean
  /** Checks that failed only in ways that come and go have run once more. */
  isRerun: boolean
  /** What had been reported before that, by name; not there in an entry that an earlier version began. */
  outdated?: string[]
  incident: QueueIncident | null
  /** Failures of the environment. */
  obstacles: number
  reason: string
  /** What the issue was told that holds its landing up in the user's checkout. */
  held: { reason: string; files: string[] } | null
  outcome: EntryOutput | null
}

const nobody: EntryInput = {
  ...{ project: '', issue: '', key: '', number: 0, headSha: '' },
  ...{ place: null, isFirst: false, isWithdrawn: false },
}

export const createContext = ({ input = nobody }: { input?: EntryInput }): EntryContext => ({
  ...input,
  now: 0,
  candidate: null,
  found: null,
  isTested: false,
  isRerun: false,
  incident: null,
  obstacles: 0,
  reason: '',
  held: null,
  outcome: null,
})
