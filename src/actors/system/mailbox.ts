// Owns: the unhandled events in memory and whose turn it is. Does not own: rows, steps.
// Invariants: first in, first out per address; every address with an event gets a turn before any gets its second.

import type { EntryKind } from '../../persistence/store.ts'

/** One event on its way to one actor. */
export interface Item {
  address: string
  kind: EntryKind
  /** JSON text of the entry's body, so that nobody can change it after it was accepted. */
  body: string
  cause: number | null
  key?: string
  /** Its row, once it has been committed unhandled. */
  inbox?: number
  /** The armed timer that it comes from; the row goes when the event is handled. */
  timer?: { id: number; actor: number; name: string; cancelled: boolean }
  /** The effect row that ends with this event. */
  effect?: number
  /** Message rows that go when this event, which their effect said before it acknowledged them, is handled. Absent afterwards. */
  acknowledges?: number[]
  /** Told when the event is durable, or cannot be. */
  accept?: { resolve: (receipt: Receipt) => void; reject: (error: Error) => void }
  queuedAt: number
}

/** What `send` answers once the event is durable. */
export interface Receipt {
  /** The journal entry that handled it; null while it waits behind a faulted actor. */
  seq: number | null
  /** The key had been used before: nothing was done. */
  duplicate: boolean
  /** Why the event changed nothing, when the actor could not take it. */
  ignored: string | null
}

export interface Mailboxes {
  put(item: Item): void
  /** The next event by turns; undefined when all are empty. */
  next(): Item | undefined
  /** Takes everything that waits for one address. */
  take(address: string): Item[]
  readonly size: number
  /** When the oldest waiting event was queued; undefined when none waits. */
  oldest(): number | undefined
}

export function createMailboxes(): Mailboxes {
  // A Map keeps insertion order: the first key has the next turn, and re-inserting a key sends it to the back.
  const boxes = new Map<string, { items: Item[]; head: number }>()
  let size = 0
  return {
    get size() {
      return size
    },
    put(item) {
      size++
      const box = boxes.get(item.address)
      if (box) box.items.push(item)
      else boxes.set(item.address, { items: [item], head: 0 })
    },
    next() {
      const first = boxes.entries().next()
      if (first.done) return undefined
      const [address, box] = first.value
      boxes.delete(address)
      size--
      const item = box.items[box.head++]
      if (box.head < box.items.length) {
        // A flooded box is cut now and then instead of shifted each time, which would cost its whole length.
        if (box.head > 1_000) {
          box.items.splice(0, box.head)
          box.head = 0
        }
        boxes.set(address, box)
      }
      return item
    },
    take(address) {
      const box = boxes.get(address)
      boxes.delete(address)
      const items = box ? box.items.slice(box.head) : []
      size -= items.length
      return items
    },
    oldest() {
      let oldest: number | undefined
      for (const box of boxes.values()) oldest = Math.min(oldest ?? Infinity, box.items[box.head]!.queuedAt)
      return oldest
    },
  }
}
