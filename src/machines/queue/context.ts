// What a landing queue knows: who stands in it, and what is being tried with the first.

import type { QueueIncident } from '../vocabulary.ts'

export interface QueueInput {
  project: string
}

export interface QueueEntry {
  project: string
  issue: string
  key: string
  number: number
  headSha: string
  priority: number
  enqueuedAt: number
}

/** The head of one pull request: what is asked to land, and what is withdrawn. */
export interface Landable {
  number: number
  headSha: string
}

/** What building the commit that would land came to. */
export type Candidate =
  | { kind: 'candidate'; base: string; commit: string }
  | { kind: 'conflict'; base: string; files: string[] }
  /** The base has the head already: `commit` is the merge that brought it. */
  | { kind: 'already_landed'; base: string; commit: string }

/** What moving the base came to. */
export type Landing = { kind: 'landed'; commit: string } | { kind: 'base_moved' } | { kind: 'blocked'; reason: string; files: string[] }

export interface QueueContext {
  project: string
  now: number
  /** Those who wait, first first. */
  entries: QueueEntry[]
  /** The entry under test. */
  head: QueueEntry | null
  candidate: { base: string; commit: string } | null
  incident: QueueIncident | null
  /** Failures of the environment in a row. */
  obstacles: number
  reason: string
  /** What the issue was told that holds its landing up in the user's checkout. */
  held: { reason: string; files: string[] } | null
  /** The entry under test is not wanted any more: honoured as soon as a landing in flight is decided. */
  withdrawn: Landable | null
}

export const createContext = ({ input }: { input?: QueueInput }): QueueContext => ({
  project: input?.project ?? '',
  now: 0,
  entries: [],
  head: null,
  candidate: null,
  incident: null,
  obstacles: 0,
  reason: '',
  held: null,
  withdrawn: null,
})
