// Owns: what the coming commit will write, and what is done once it is durable. Does not own: when that is (turn.ts).
// Invariants: nothing in it has happened yet; numbers are given once, also when the process that gave them never committed them.

import { emptyBatch, type StoreState } from '../../persistence/store.ts'
import type { Item } from './mailbox.ts'

export type WritableBatch = ReturnType<typeof emptyBatch>

export interface Pending {
  batch: WritableBatch
  /** The dedupe keys of the batch, as `ACTOR KEY`. */
  keys: Set<string>
  /** What steps of this commit have sent: it must be in it, handled or not. */
  readonly owed: Set<Item>
  /** Who is told that it is durable, or that it cannot be. */
  readonly accepted: { resolve: () => void; reject: (error: Error) => void }[]
  /** What happens in the world after the commit, in order. */
  deeds: (() => void)[]
  lastSeq: number
  nextActor: number
  nextInbox: number
}

export const createPending = ({ lastSeq, nextActor, nextInbox }: StoreState): Pending => ({
  batch: emptyBatch(),
  keys: new Set(),
  owed: new Set(),
  accepted: [],
  deeds: [],
  lastSeq,
  nextActor,
  nextInbox,
})

export const isEmpty = (batch: WritableBatch): boolean =>
  batch.actors.size === 0 &&
  batch.journal.length === 0 &&
  batch.inboxAdded.length === 0 &&
  batch.inboxRemoved.length === 0 &&
  batch.timers.length === 0 &&
  batch.effects.size === 0 &&
  batch.effectsRemoved.size === 0 &&
  batch.messagesAdded.length === 0 &&
  batch.messagesRemoved.length === 0
