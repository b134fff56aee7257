// The neutral form in which events are stored, and its translation to and from XState's own event names (which version 6 renames).

import type { EntryKind } from '../../persistence/store.ts'
import type { ErrorData } from '../../errors.ts'

export interface PlainEvent {
  type: string
  [key: string]: unknown
}

/** What an entry of each kind carries. `since` is the seq of the step that spawned the child, so that a former life's result is told apart. */
export type Body =
  | { input?: unknown }
  | { event: PlainEvent; key?: string }
  | { from: string; event: PlainEvent }
  | { name: string; after?: { delay: string; state: string }; event?: PlainEvent }
  | { child: string; since: number; output?: unknown }
  | { child: string; since: number; error: ErrorData }
  | { child: string; since: number; n: number; event: PlainEvent }
  | { child: string; since: number; snapshot: unknown }
  | CheckpointBody

export interface CheckpointBody {
  /** The snapshot that replay starts from. */
  snapshot: string | null
  status: string
  version: number
  reason: string
}

interface AnyBody {
  input?: unknown
  event?: PlainEvent
  after?: { delay: string; state: string }
  child?: string
  since?: number
  output?: unknown
  error?: ErrorData
  snapshot?: unknown
}

/** The child and its life that an entry comes from; undefined when it comes from elsewhere. */
export function originOf(kind: EntryKind, body: object): { child: string; since: number } | undefined {
  if (kind !== 'done' && kind !== 'error' && kind !== 'emitted' && kind !== 'snapshot') return undefined
  const { child, since } = body as { child: string; since: number }
  return { child, since }
}

/** The event as the machine sees it, with `at`. Not for `init`, `stop` and `checkpoint`, which are not events of a machine. */
export function toMachineEvent(kind: EntryKind, body: object, at: number): PlainEvent {
  const b = body as AnyBody
  switch (kind) {
    case 'timer':
      return b.after ? { type: `xstate.after.${b.after.delay}.${b.after.state}`, at } : { ...b.event!, at }
    case 'done':
      return { type: `xstate.done.actor.${b.child}`, output: b.output, actorId: b.child, at }
    case 'error':
      return { type: `xstate.error.actor.${b.child}`, error: b.error, actorId: b.child, at }
    case 'snapshot':
      return { type: `xstate.snapshot.${b.child}`, snapshot: b.snapshot, at }
    default:
      return { ...b.event!, at }
  }
}

/** The neutral body of a delayed event; an `after` is kept as its delay and state, anything else as the event itself. */
export function toTimerBody(name: string, event: PlainEvent, isStateId: (id: string) => boolean): string {
  const prefix = 'xstate.after.'
  if (event.type.startsWith(prefix)) {
    const rest = event.type.slice(prefix.length)
    // Both halves may hold dots: the state is the longest suffix that names one.
    for (let dot = rest.indexOf('.'); dot !== -1; dot = rest.indexOf('.', dot + 1)) {
      const state = rest.slice(dot + 1)
      if (isStateId(state)) return JSON.stringify({ name, after: { delay: rest.slice(0, dot), state } })
    }
  }
  return JSON.stringify({ name, event })
}

/** The event type of an entry for people: XState's name of today. */
export function typeOf(kind: EntryKind, body: object): string {
  if (kind === 'init') return 'xstate.init'
  if (kind === 'stop') return 'xstate.stop'
  if (kind === 'checkpoint') return 'checkpoint'
  return toMachineEvent(kind, body, 0).type
}
