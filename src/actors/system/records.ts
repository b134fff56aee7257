// Owns: how an event leaves the mailbox (journalled, or at rest until its actor can take it) and how a step's messages enter it.
// Does not own: what an event does to its actor (handling.ts), or the transaction (turn.ts).
// Invariants: an event's row, timer, effect, key and acknowledgements go in the commit that journals it or puts it to rest;
// what a step sends is in the step's own commit.

import type { ActorRow, EntryKind, JournalRow } from '../../persistence/store.ts'
import type { Item, Receipt } from './mailbox.ts'
import type { Parts } from './parts.ts'

export interface Records {
  /** Writes the event as handled, or with the reason why it was ignored. */
  journal: (item: Item, row: ActorRow, ignored: string | null, time: number) => JournalRow
  ignore: (item: Item, row: ActorRow, reason: string) => void
  /** Commits an event unhandled: it is owed, and its actor's turn has not come or cannot come. */
  rest: (item: Item, row: ActorRow) => void
  /** A message of a step. */
  send: (address: string, kind: EntryKind, body: object, cause: number) => void
  /** Tells the sender once the commit is made. */
  accept: (item: Item, receipt: Receipt) => void
}

export function createRecords(parts: Omit<Parts, 'policies' | 'routes'>): Records {
  const { pending, mailboxes, timers, effects, announcements, faulted, clock, now } = parts

  const accept = ({ accept: sender }: Item, receipt: Receipt): void => {
    if (sender) pending.accepted.push({ resolve: () => sender.resolve(receipt), reject: sender.reject })
  }

  /** What an event leaves behind once it is journalled or resting. */
  const settle = (item: Item, row: ActorRow, time: number): void => {
    const { batch } = pending
    pending.owed.delete(item)
    if (item.inbox !== undefined) batch.inboxRemoved.push(item.inbox)
    if (item.timer) timers.settle(batch, item.timer)
    if (item.effect !== undefined) effects.settle(batch, item.effect)
    if (item.key !== undefined) {
      batch.keys.push({ actor: row.id, key: item.key, at: time })
      pending.keys.add(`${row.id} ${item.key}`)
    }
    if (item.acknowledges) batch.messagesRemoved.push(...item.acknowledges)
    delete item.acknowledges
  }

  const journal = (item: Item, row: ActorRow, ignored: string | null, time: number): JournalRow => {
    const entry: JournalRow = {
      seq: ++pending.lastSeq,
      actor: row.id,
      prev: row.lastSeq,
      at: time,
      cause: item.cause,
      machine: row.machine,
      kind: item.kind,
      body: item.body,
      ignored,
    }
    row.lastSeq = entry.seq
    row.updatedAt = time
    pending.batch.journal.push(entry)
    pending.batch.actors.add(row)
    settle(item, row, time)
    accept(item, { seq: entry.seq, duplicate: false, ignored })
    return entry
  }

  return {
    journal,
    accept,
    ignore(item, row, reason) {
      const entry = journal(item, row, reason, now())
      announcements.handled(entry, row, JSON.parse(item.body) as object, null)
    },
    rest(item, row) {
      if (item.inbox !== undefined) {
        pending.owed.delete(item)
        return
      }
      settle(item, row, now())
      item.inbox = pending.nextInbox++
      const { inbox: id, cause, kind, body } = item
      pending.batch.inboxAdded.push({ id, actor: row.id, address: row.address, cause, kind, body })
      if (row.fault !== null) faulted.set(row.address, (faulted.get(row.address) ?? 0) + 1)
      delete item.timer
      delete item.effect
      delete item.key
      accept(item, { seq: null, duplicate: false, ignored: null })
      delete item.accept
    },
    send(address, kind, body, cause) {
      const item: Item = { address, kind, body: JSON.stringify(body), cause, queuedAt: clock.monotonic() }
      pending.owed.add(item)
      mailboxes.put(item)
    },
  }
}
