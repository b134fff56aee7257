// What a landing queue knows: who stands in it, in which order, and on what.

import type { Place } from '../entry/context.ts'
import type { EntryRetry } from '../entry/policy.ts'
import { defaultDepth } from './policy.ts'

export interface QueueInput {
  project: string
  /** How many are tested at once, on top of each other; 1 is one after the other. */
  depth?: number
  /** How its entries meet failures of the environment; left out: as they do by themselves. */
  retry?: EntryRetry
}

/** What is asked to land. */
export interface LandingRequest {
  project: string
  issue: string
  key: string
  number: number
  headSha: string
  priority: number
}

export interface QueueEntry extends LandingRequest {
  enqueuedAt: number
  /** What its candidate stands on; null while it waits for its turn to be built. */
  place: Place | null
  /** It has an actor of its own: the child with the number of its pull request. */
  isBegun: boolean
  /** What its actor was told last. */
  isFirst: boolean
  /** Its candidate at this place. */
  commit: string | null
  /** Nothing of it will land from this place: those behind stand on what it stands on. */
  isPassedOver: boolean
  /** It is not wanted any more, and goes as soon as that is noted. */
  isLeaving: boolean
}

/** The head of one pull request: what is asked to land, and what is withdrawn. */
export interface Landable {
  number: number
  headSha: string
}

export interface QueueContext {
  project: string
  now: number
  depth: number
  retry?: EntryRetry
  /** In the order in which they land. */
  entries: QueueEntry[]
  /** How many places have been given. */
  rounds: number
  /** The commit that landed last. */
  landed: string | null
}

export const createContext = ({ input }: { input?: QueueInput }): QueueContext => ({
  project: input?.project ?? '',
  now: 0,
  depth: input?.depth ?? defaultDepth,
  ...(input?.retry === undefined ? {} : { retry: input.retry }),
  entries: [],
  rounds: 0,
  landed: null,
})

export const createEntry = (request: LandingRequest, enqueuedAt: number): QueueEntry => ({
  ...{ project: request.project, issue: request.issue, key: request.key, number: request.number, headSha: request.headSha },
  ...{ priority: request.priority, enqueuedAt, place: null, isBegun: false, isFirst: false, commit: null },
  ...{ isPassedOver: false, isLeaving: false },
})

/** The entry when its actor has been given up: it stands nowhere, and begins once more only to leave. */
export const toAbandoned = (entry: QueueEntry): QueueEntry => ({
  ...createEntry(entry, entry.enqueuedAt),
  isLeaving: true,
})
