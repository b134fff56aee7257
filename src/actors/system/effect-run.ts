// One run of an effect: its logic as an XState actor of its own, whose parent is a stand-in that hears what it says.
// This and step-scope.ts are what leans on XState's actor system, which its types keep internal.

import { createActor, fromCallback, type AnyActorLogic, type AnyActorRef } from 'xstate'
import { FatalError } from '../../errors.ts'
import type { EffectRow } from '../../persistence/store.ts'
import type { Clock } from './clock.ts'
import type { PlainEvent } from './journal.ts'

/** What a run tells its owner. `done` and `error` say that it is over; with `forged` it has said what only XState may say. */
export type Said =
  | { type: 'event'; event: PlainEvent }
  | { type: 'snapshot'; snapshot: object }
  | { type: 'done'; output: unknown }
  | { type: 'error'; error: unknown }
  | { type: 'forged'; error: FatalError }

export interface Run {
  /** Throws what the logic throws. */
  start: () => void
  /** Aborts it. Throws what its disposal throws. */
  stop: () => void
  /** Gives it a message; resolves when it has taken it. Undefined while nothing in it listens. */
  readonly deliver: ((event: PlainEvent) => Promise<void>) | undefined
}

/** `onListening` is called when a callback begins to receive messages. Nothing happens before `start`. */
export function createRun(
  logic: AnyActorLogic,
  { row, owner, clock }: { row: EffectRow; owner: string; clock: Clock },
  hear: (said: Said) => void,
  onListening: () => void,
): Run {
  const id = row.child ?? row.src
  const parent = { id: owner, sessionId: owner, system: undefined as unknown, src: 'owner' }
  parent.system = {
    _bookId: () => row.address,
    _register: () => row.address,
    _unregister: () => {},
    _set: () => {},
    _sendInspectionEvent: () => {},
    _clock: { setTimeout: (fn: () => void, ms: number) => clock.after(ms, fn), clearTimeout: (cancel: () => void) => cancel() },
    _logger: () => {},
    scheduler: { schedule: () => {}, cancel: () => {}, cancelAll: () => {} },
    get: () => undefined,
    getAll: () => ({}),
    inspect: () => ({ unsubscribe: () => {} }),
    start: () => {},
    getSnapshot: () => ({ _scheduledEvents: {} }),
    _relay(_source: unknown, target: unknown, event: PlainEvent) {
      if (target === parent) hear(toSaid(event))
      else (target as { _send: (event: PlainEvent) => void })._send(event)
    },
  }
  let deliver: Run['deliver']
  const ref = createActor(
    isCallback(logic)
      ? withAcknowledgement(logic, (to) => {
          deliver = to
          onListening()
        })
      : logic,
    { id, input: JSON.parse(row.input) as unknown, parent, syncSnapshot: row.sync } as never,
  ) as unknown as AnyActorRef
  if (!isCallback(logic)) deliver = async (event) => ref.send(event)

  /** XState says what has become of the actor once it is so; a logic that says it while it is active forges it. */
  const toSaid = (event: PlainEvent): Said => {
    if (!event.type.startsWith('xstate.')) return { type: 'event', event }
    const { status } = ref.getSnapshot() as { status: string }
    if (status === 'done' && event.type === `xstate.done.actor.${id}`) return { type: 'done', output: event['output'] }
    if (status === 'error' && event.type === `xstate.error.actor.${id}`) return { type: 'error', error: event['error'] }
    if (row.sync && event.type === `xstate.snapshot.${id}`) return { type: 'snapshot', snapshot: plainSnapshot(event['snapshot']) }
    const message = `'${row.address}' says '${event.type}', which is one of the system's own events. Give it a type of its own.`
    return { type: 'forged', error: new FatalError('reserved-event', message) }
  }
  return {
    start: () => void ref.start(),
    stop: () => (ref as unknown as { _stop: () => void })._stop(),
    get deliver() {
      return deliver
    },
  }
}

/** What a listening parent gets of a snapshot: its data, without the live subscription of an observable. */
const plainSnapshot = (snapshot: unknown): object => {
  const { status, context, output } = (snapshot ?? {}) as { status?: unknown; context?: unknown; output?: unknown }
  return { status, context, output }
}

// XState marks its logic creators in no way; the same source text as a callback's own transition tells one.
const callbackTransition = fromCallback(() => {}).transition.toString()
const isCallback = (logic: AnyActorLogic): boolean => logic.transition.toString() === callbackTransition

type Receiver = (event: PlainEvent) => unknown

/**
 * The same callback with a `receive` that keeps what listeners answer: XState drops it, and "delivered" means that every
 * listener has returned and every promise among their answers has resolved.
 */
function withAcknowledgement(logic: AnyActorLogic, onReady: (deliver: (event: PlainEvent) => Promise<void>) => void): AnyActorLogic {
  const callback = (logic as unknown as { config: (args: Record<string, unknown>) => unknown }).config
  return fromCallback((args) => {
    const receivers = new Set<Receiver>()
    const deliver = async (event: PlainEvent): Promise<void> => {
      await Promise.all([...receivers].map((receiver) => receiver(event)))
    }
    return callback({
      ...args,
      receive: (receiver: Receiver) => {
        receivers.add(receiver)
        if (receivers.size === 1) onReady(deliver)
      },
    }) as () => void
  })
}
