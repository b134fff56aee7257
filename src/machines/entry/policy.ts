// The numbers of one entry of a landing queue.

import type { Backoff } from '../backoff.ts'

/** How failures of the environment are met. */
export interface EntryRetry extends Backoff {
  /** So many, and the entry is given back. */
  attempts: number
  /** Milliseconds until a landing that the user's checkout holds up is tried again. */
  held: number
}

export const defaultRetry: EntryRetry = { attempts: 5, pause: 2_000, longest: 60_000, held: 10_000 }

/** An entry that an earlier version of the queue has begun was given none. */
export const retryOf = ({ retry }: { retry?: EntryRetry }): EntryRetry => retry ?? defaultRetry
