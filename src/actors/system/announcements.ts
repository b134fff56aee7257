// Owns: who listens, and what they are told after a commit. Does not own: what happened.
// Invariants: nothing is told before it is durable; a listener that throws is a problem of its own and keeps no other from hearing.

import { toErrorData } from '../../errors.ts'
import type { ActorRow, JournalRow } from '../../persistence/store.ts'
import type { Handled, Problem } from './contract.ts'
import { typeOf, type PlainEvent } from './journal.ts'
import type { Pending } from './pending.ts'
import type { ActorView } from './view.ts'

interface Subscription {
  unsubscribe: () => void
}

export interface Announcements {
  onHandled: (listener: (handled: Handled[]) => void) => Subscription
  onChanged: (listener: (addresses: string[]) => void) => Subscription
  onView: (address: string, listener: (view: ActorView) => void) => Subscription
  /** `type` may be `*`. */
  onEmitted: (address: string, type: string, listener: (event: PlainEvent) => void) => Subscription
  /** An event was handled, or journalled and ignored; `snapshot` is the new one, null when it did not change. */
  handled: (entry: JournalRow, row: ActorRow, body: object, snapshot: string | null) => void
  emitted: (address: string, event: PlainEvent) => void
  /** A fault has come or gone: the view of the actor and of everyone above it has changed. */
  touched: (address: string) => void
  /** Told at once, for what is no part of a commit. */
  problem: (problem: Problem) => void
  problemAfterCommit: (problem: Problem) => void
  /** Tells everything of the commit that has just been made. */
  tell: (deeds: readonly (() => void)[]) => void
}

export function createAnnouncements(
  pending: Pending,
  viewOf: (address: string) => ActorView | undefined,
  onProblem: ((problem: Problem) => void) | undefined,
): Announcements {
  const handledListeners = new Set<(handled: Handled[]) => void>()
  const changedListeners = new Set<(addresses: string[]) => void>()
  const views = new Map<string, Set<(view: ActorView) => void>>()
  const emitted = new Map<string, Set<{ type: string; listener: (event: PlainEvent) => void }>>()
  let handled: Handled[] = []
  let touched = new Set<string>()

  const problem = (told: Problem): void => {
    try {
      onProblem?.(told)
    } catch {
      // Nobody is left to be told.
    }
  }
  const guarded = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      problem({ code: 'listener-failed', message: 'A listener or custom action threw', address: '', error: toErrorData(error) })
    }
  }
  return {
    onHandled: (listener) => add(handledListeners, listener),
    onChanged: (listener) => add(changedListeners, listener),
    onView: (address, listener) => register(views, address, listener),
    onEmitted: (address, type, listener) => register(emitted, address, { type, listener }),
    handled(entry, row, body, snapshot) {
      if (handledListeners.size === 0 && changedListeners.size === 0 && !views.has(row.address)) return
      handled.push({
        seq: entry.seq,
        at: entry.at,
        address: row.address,
        kind: entry.kind,
        type: typeOf(entry.kind, body),
        cause: entry.cause,
        ignored: entry.ignored,
        status: row.status,
        version: row.version,
        snapshot,
      })
    },
    emitted(address, event) {
      pending.deeds.push(() => {
        for (const { type, listener } of emitted.get(address) ?? []) if (type === event.type || type === '*') guarded(() => listener(event))
      })
    },
    touched(address) {
      for (let at = address; ; at = at.slice(0, at.lastIndexOf('/'))) {
        touched.add(at)
        if (isRoot(at)) return
      }
    },
    problem,
    problemAfterCommit: (told) => void pending.deeds.push(() => problem(told)),
    tell(deeds) {
      const told = handled
      handled = []
      for (const deed of deeds) guarded(deed)
      if (told.length === 0 && touched.size === 0) return
      for (const listener of handledListeners) guarded(() => listener(told))
      const changed = new Set([...touched, ...told.map((h) => h.address)])
      touched = new Set()
      for (const listener of changedListeners) guarded(() => listener([...changed]))
      for (const address of changed) {
        const listeners = views.get(address)
        if (!listeners) continue
        const view = viewOf(address)
        if (view) for (const listener of listeners) guarded(() => listener(view))
      }
    },
  }
}

const isRoot = (address: string): boolean => address.indexOf('/') === address.lastIndexOf('/')

function add<T>(listeners: Set<T>, listener: T): Subscription {
  listeners.add(listener)
  return { unsubscribe: () => void listeners.delete(listener) }
}

function register<T>(registry: Map<string, Set<T>>, address: string, listener: T): Subscription {
  const listeners = registry.get(address) ?? new Set()
  listeners.add(listener)
  registry.set(address, listeners)
  return {
    unsubscribe() {
      listeners.delete(listener)
      if (listeners.size === 0) registry.delete(address)
    },
  }
}
