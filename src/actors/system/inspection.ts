// XState's inspection events for durable actors, told after the commit, with session ids that are the same at every start.

import type { ActorRow, JournalRow } from '../../persistence/store.ts'
import { toMachineEvent, type PlainEvent } from './journal.ts'
import type { StepResult } from './step.ts'

/** A stand-in for the actor in inspection events; `sessionId` is its address and life. */
export interface InspectedActor {
  id: string
  sessionId: string
  address: string
  parentSessionId: string | null
}

/** The shapes of `xstate`'s InspectionEvent, with plain data where XState has live objects. */
export type InspectionEvent =
  | { type: '@xstate.actor'; rootId: string; actorRef: InspectedActor; snapshot: unknown }
  | { type: '@xstate.event'; rootId: string; actorRef: InspectedActor; sourceRef: string | undefined; event: PlainEvent }
  | {
      type: '@xstate.microstep'
      rootId: string
      actorRef: InspectedActor
      event: PlainEvent
      snapshot: unknown
      _transitions: StepResult['microsteps'][number]['transitions']
    }
  | { type: '@xstate.snapshot'; rootId: string; actorRef: InspectedActor; event: PlainEvent; snapshot: unknown }

export interface Inspection {
  readonly active: boolean
  listen: (listener: (event: InspectionEvent) => void) => { unsubscribe: () => void }
  /** Adds to `deeds` what listeners are to be told of one step. */
  step: (
    deeds: (() => void)[],
    step: { row: ActorRow; entry: JournalRow; body: object; result: StepResult; parent: ActorRow | undefined },
  ) => void
}

export function createInspection(): Inspection {
  const listeners = new Set<(event: InspectionEvent) => void>()
  return {
    get active() {
      return listeners.size > 0
    },
    listen(listener) {
      listeners.add(listener)
      return { unsubscribe: () => void listeners.delete(listener) }
    },
    step(deeds, { row, entry, body, result, parent }) {
      if (listeners.size === 0) return
      const actorRef: InspectedActor = {
        id: row.child ?? row.address,
        sessionId: sessionOf(row),
        address: row.address,
        parentSessionId: parent ? sessionOf(parent) : null,
      }
      const rootId = row.address.split('/').slice(0, 2).join('/')
      const event: PlainEvent = entry.kind === 'init' ? { type: 'xstate.init', ...body } : toMachineEvent(entry.kind, body, entry.at)
      const from = (body as { from?: string }).from
      const snapshot = JSON.parse(result.bytes) as unknown
      const received: InspectionEvent = { type: '@xstate.event', rootId, actorRef, sourceRef: from, event }
      const microsteps = result.microsteps.map((m) => ({
        type: '@xstate.microstep' as const,
        rootId,
        actorRef,
        event: m.event,
        snapshot: { value: m.value },
        _transitions: m.transitions,
      }))
      // In XState's order: an actor makes its first microsteps when it is created, before its init event is told.
      const events: InspectionEvent[] = [
        ...(entry.kind === 'init'
          ? [{ type: '@xstate.actor' as const, rootId, actorRef, snapshot }, ...microsteps, received]
          : [received, ...microsteps]),
        { type: '@xstate.snapshot', rootId, actorRef, event, snapshot },
      ]
      // A deed each: one listener that throws does not keep the others from hearing.
      for (const inspected of events) for (const listener of listeners) deeds.push(() => listener(inspected))
    },
  }
}

/** The same at every start: the address, and for a child which life of it. */
const sessionOf = (row: ActorRow): string => (row.since === 0 ? row.address : `${row.address}@${row.since}`)
