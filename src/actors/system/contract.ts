// What embedders see of an actor system: its options, its handle and what it tells.

import type { AnyStateMachine, InputFrom } from 'xstate'
import type { ErrorData } from '../../errors.ts'
import type { ActorRow, EntryKind, Store } from '../../persistence/store.ts'
import type { Clock } from './clock.ts'
import type { ActorDefinition, Kind } from './definition.ts'
import type { EffectPolicy } from './effect-policy.ts'
import type { Effects } from './effects.ts'
import type { AtFaultPoint } from './fault-points.ts'
import type { InspectionEvent } from './inspection.ts'
import type { PlainEvent } from './journal.ts'
import type { RandomSource } from './random.ts'
import type { ActorRef } from './ref.ts'

export interface SystemOptions<A extends Record<string, ActorDefinition>> {
  store: Store
  actors: A
  /** By source name for invoked and spawned effects, by event type for the delivery of emitted reports. */
  effects?: Record<string, EffectPolicy>
  /** By emitted type: the address of the root actor that gets the report as an event, in the same commit; undefined for nobody. Pure. */
  routes?: Record<string, (report: PlainEvent, from: string) => string | undefined>
  clock?: Clock
  random?: RandomSource
  limits?: Partial<Limits>
  /** Told of faults, lost reports and dead letters. */
  onProblem?: (problem: Problem) => void
  faultPoint?: AtFaultPoint
}

export interface Limits {
  /** Unhandled events in memory beyond which `send` and `spawn` answer `backlog-full`. Default 50,000. */
  backlog: number
  /** Bytes of committed snapshots kept in memory. Default 32 MiB. */
  cacheBytes: number
  /** Milliseconds of steps in one transaction. Default 5. */
  turn: number
  /** Steps in one transaction. Default 1,000. */
  steps: number
}

export interface Problem {
  code: string
  message: string
  address: string
  error?: ErrorData
}

/** One handled event, told after its commit. */
export interface Handled {
  seq: number
  at: number
  address: string
  kind: EntryKind
  type: string
  cause: number | null
  ignored: string | null
  status: ActorRow['status']
  version: number
  /** The new snapshot as JSON text; null when it did not change. */
  snapshot: string | null
}

export interface Health {
  state: 'ready' | 'draining' | 'stopped'
  backlog: number
  oldestUnhandledMs: number
  faulted: string[]
  runningEffects: number
  pendingEffects: number
  cachedBytes: number
}

export interface ActorSystem<A extends Record<string, ActorDefinition> = Record<string, ActorDefinition>> {
  /** The actor `kind/id`; started with `input` when it does not exist yet. Resolves when durable. */
  spawn: <K extends keyof A & string>(kind: K, id: string, input?: InputFrom<A[K]['machine']>) => Promise<ActorRef<A[K]['machine']>>
  /** A reference by address; whether the actor exists shows at use. */
  ref: <M extends AnyStateMachine = AnyStateMachine>(address: string) => ActorRef<M>
  inspect: (listener: (event: InspectionEvent) => void) => { unsubscribe: () => void }
  /** Every handled event, after its commit, in order. */
  onHandled: (listener: (handled: Handled[]) => void) => { unsubscribe: () => void }
  /** The addresses whose view has changed, after the commit: who handled an event, faulted or got over it, and above a fault everyone up to its root. */
  onChanged: (listener: (addresses: string[]) => void) => { unsubscribe: () => void }
  health: () => Health
  readonly kinds: ReadonlyMap<string, Kind>
  readonly store: Store
  readonly effects: Pick<Effects, 'list' | 'running'>
  /** Resolves when no event waits and no step is due; effects may still run. */
  idle: () => Promise<void>
  /** Forgets dedupe keys and finished actors older than `before` (epoch ms), at most `limit` of each; answers how many rows went. `store.sweep` alone is for a database that no system has open. */
  sweep: (before: number, limit?: number) => number
  /** Takes no more events, finishes what was accepted, aborts effects, releases the database. */
  stop: () => Promise<void>
  /** Rejects when the store failed (`store-failed`); resolves after `stop`. */
  readonly stopped: Promise<void>
}
