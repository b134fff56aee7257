// Owns: faults: what waits behind one, and the ways out of it. Does not own: what causes one (step.ts).
// Invariants: a faulted actor takes nothing; its events rest in order, the one that it could not take first; only abandoning tells its parent.

import { FatalError } from '../../errors.ts'
import type { ActorRow, InboxRow } from '../../persistence/store.ts'
import { typeOf } from './journal.ts'
import { parentOf, type Lives } from './lives.ts'
import type { Item } from './mailbox.ts'
import type { Parts } from './parts.ts'
import type { Records } from './records.ts'
import type { StepError } from './step.ts'
import type { Fault } from './view.ts'

export interface Supervision {
  fault: (item: Item, row: ActorRow, error: StepError) => void
  /** Its parent, or the parent's end, stops an actor, faulted or not. */
  stop: (item: Item, row: ActorRow) => void
  /** An event at rest, as an item again. */
  resting: (row: InboxRow) => Item
  /** The three ways out, for a faulted actor. */
  retry: (row: ActorRow) => void
  /** Throws FatalError `init-not-skippable`; nothing has changed then. */
  skip: (row: ActorRow) => void
  abandon: (row: ActorRow) => void
}

export function createSupervision(parts: Parts, records: Records, { end }: Lives): Supervision {
  const { store, clock, now, pending, mailboxes, timers, announcements, faulted, fired } = parts
  const { journal, ignore, rest, send } = records

  /** The fault is over, one way or another. */
  const recover = (row: ActorRow): void => {
    row.fault = null
    faulted.delete(row.address)
    announcements.touched(row.address)
  }

  /** What rests for a faulted actor, oldest first, this turn's included. */
  const waitingFor = (row: ActorRow): InboxRow[] => {
    const { inboxAdded, inboxRemoved } = pending.batch
    const gone = new Set(inboxRemoved)
    return [...store.inboxOf(row.id), ...inboxAdded.filter((r) => r.actor === row.id)].filter((r) => !gone.has(r.id))
  }

  const resting = (r: InboxRow): Item => ({
    address: r.address,
    kind: r.kind,
    body: r.body,
    cause: r.cause,
    inbox: r.id,
    queuedAt: clock.monotonic(),
    // Its row is gone, and yet an event before it may still cancel it.
    ...(r.kind === 'timer' ? { timer: timers.revive(r.actor, (JSON.parse(r.body) as { name: string }).name) } : {}),
  })

  /** Puts what rested before what has come since. */
  const takeUp = (address: string, waiting: readonly InboxRow[]): void => {
    const later = mailboxes.take(address)
    for (const r of waiting) mailboxes.put(resting(r))
    for (const item of later) mailboxes.put(item)
  }

  return {
    resting,
    fault(item, row, error) {
      const data: Fault = { error: error.data, at: now(), entry: typeOf(item.kind, JSON.parse(item.body) as object) }
      row.fault = JSON.stringify(data)
      faulted.delete(row.address)
      pending.batch.actors.add(row)
      // All of them get new places: an event that was put to rest earlier may stand behind one that was not.
      for (const waiting of [item, ...mailboxes.take(row.address)]) {
        // The next timer of this actor stands behind this one.
        if (waiting !== item && waiting.timer !== undefined && waiting.inbox === undefined) timers.next(row.address, fired)
        if (waiting.timer?.cancelled) {
          ignore(waiting, row, 'it was cancelled')
          continue
        }
        if (waiting.inbox !== undefined) pending.batch.inboxRemoved.push(waiting.inbox)
        delete waiting.inbox
        rest(waiting, row)
      }
      announcements.touched(row.address)
      announcements.problemAfterCommit({
        code: 'actor-faulted',
        message: `'${row.address}' cannot take '${data.entry}': ${data.error.message}`,
        address: row.address,
        error: data.error,
      })
    },
    stop(item, row) {
      if (row.status === 'stopped' || row.status === 'done') return ignore(item, row, 'it has finished')
      const waiting = row.fault === null ? [] : waitingFor(row)
      const entry = journal(item, row, null, now())
      if (row.fault !== null) recover(row)
      for (const r of waiting) journal(resting(r), row, 'its actor was stopped', now())
      end(row, entry.seq)
      announcements.handled(entry, row, {}, null)
    },
    retry(row) {
      recover(row)
      takeUp(row.address, waitingFor(row))
    },
    skip(row) {
      const [first, ...others] = waitingFor(row)
      if (first?.kind === 'init') {
        throw new FatalError(
          'init-not-skippable',
          `'${row.address}' has not started yet, so its start cannot be skipped. Retry or abandon it.`,
        )
      }
      if (first) journal(resting(first), row, 'skipped by an operator', now())
      recover(row)
      takeUp(row.address, others)
    },
    abandon(row) {
      const { error } = JSON.parse(row.fault!) as Fault
      for (const r of waitingFor(row)) journal(resting(r), row, 'abandoned by an operator', now())
      recover(row)
      journal({ address: row.address, kind: 'stop', body: '{}', cause: null, queuedAt: clock.monotonic() }, row, null, now())
      end(row, row.lastSeq)
      const parent = parentOf(row)
      if (parent === null) return
      const told = { ...error, code: 'abandoned', cause: error.message }
      send(parent, 'error', { child: row.child, since: row.since, error: told }, row.lastSeq)
    },
  }
}
