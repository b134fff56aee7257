// Owns: which timers are due, and waking up for the next. Does not own: their rows (the batch does) or what they mean (the step does).
// Invariants: a timer is offered once its due time has passed, oldest first; its row stays until its event is handled, so a kill offers it again;
// of several that are due for one actor the next follows what the one before made the actor send itself, as if they had not been late together.

import type { Store, TimerRow } from '../../persistence/store.ts'
import type { Clock } from './clock.ts'
import type { Item } from './mailbox.ts'
import type { WritableBatch } from './pending.ts'

export interface Timers {
  arm: (batch: WritableBatch, row: Omit<TimerRow, 'id'>) => void
  cancel: (batch: WritableBatch, actor: number, name: string) => void
  /** Cancels all of an actor's. */
  clear: (batch: WritableBatch, actor: number) => void
  /** Offers what is due at `now`. */
  fire: (now: number, offer: (item: Omit<Item, 'queuedAt'>) => void) => void
  /** A timer of `target` has been handled: offers its next that is due. */
  next: (target: string, offer: (item: Omit<Item, 'queuedAt'>) => void) => void
  /** A fired timer whose event rested: it can still be cancelled by name. */
  revive: (actor: number, name: string) => NonNullable<Item['timer']>
  /** The event of a fired timer has been handled or put to rest: its row goes. */
  settle: (batch: WritableBatch, timer: NonNullable<Item['timer']>) => void
  /** After a commit: sets the alarm for the next due time. */
  schedule: () => void
  stop: () => void
}

const perTurn = 1_000
/** The alarm looks at the clock at least so often: a platform's timeouts stand still while a laptop sleeps, and know nothing of a clock that is set. */
const longestAlarm = 60_000

export function createTimers(store: Store, clock: Clock, now: () => number, wake: () => void, firstId: number): Timers {
  let nextId = firstId
  let cancelAlarm: (() => void) | undefined
  let alarmAt: number | null = null
  // Undefined: unknown, ask the store.
  let nextDue: number | null | undefined
  // Due ones behind the one that is offered, by target.
  const behind = new Map<string, Omit<Item, 'queuedAt'>[]>()
  const firing = new Map<number, NonNullable<Item['timer']>>()

  const disarm = (matches: (timer: NonNullable<Item['timer']>) => boolean): void => {
    for (const timer of firing.values()) if (matches(timer)) timer.cancelled = true
  }
  return {
    arm(batch, row) {
      const id = nextId++
      batch.timers.push({ op: 'add', row: { id, ...row } })
      if (nextDue !== undefined && (nextDue === null || row.due < nextDue)) nextDue = row.due
    },
    cancel(batch, actor, name) {
      batch.timers.push({ op: 'cancel', actor, name })
      disarm((timer) => timer.actor === actor && timer.name === name)
    },
    clear(batch, actor) {
      batch.timers.push({ op: 'clear', actor })
      disarm((timer) => timer.actor === actor)
    },
    fire(at, offer) {
      if (nextDue === null || (nextDue !== undefined && nextDue > at)) return
      for (const row of store.dueTimers(at, perTurn + firing.size)) {
        if (firing.has(row.id)) continue
        const timer = { id: row.id, actor: row.actor, name: row.name, cancelled: false }
        firing.set(row.id, timer)
        const item = { address: row.target, kind: row.kind, body: row.body, cause: null, timer }
        const queue = behind.get(row.target)
        if (queue) queue.push(item)
        else {
          behind.set(row.target, [])
          offer(item)
        }
      }
      nextDue = undefined
    },
    next(target, offer) {
      const item = behind.get(target)?.shift()
      if (item) offer(item)
      else behind.delete(target)
    },
    revive(actor, name) {
      const timer = { id: nextId++, actor, name, cancelled: false }
      firing.set(timer.id, timer)
      return timer
    },
    settle(batch, timer) {
      firing.delete(timer.id)
      batch.timers.push({ op: 'remove', id: timer.id })
    },
    schedule() {
      if (firing.size > 0) return
      nextDue ??= nextDue === null ? null : store.nextDue()
      if (nextDue === alarmAt) return
      cancelAlarm?.()
      cancelAlarm = undefined
      alarmAt = nextDue
      if (nextDue === null) return
      cancelAlarm = clock.after(Math.min(Math.max(0, nextDue - now()), longestAlarm), () => {
        cancelAlarm = undefined
        alarmAt = null
        wake()
      })
    },
    stop() {
      cancelAlarm?.()
    },
  }
}
