// A reference to a durable actor by its address: what embedders hold.

import type { AnyStateMachine, EmittedFrom, EventFromLogic } from 'xstate'
import { FatalError } from '../../errors.ts'
import type { ActorRow, EntryKind, JournalRow, Store } from '../../persistence/store.ts'
import { typeOf, type PlainEvent } from './journal.ts'
import type { Receipt } from './mailbox.ts'
import type { ActorView } from './view.ts'

/** A journal entry for reading. `body` is the neutral form; `type` the event's name. */
export interface JournalEntry {
  seq: number
  at: number
  kind: EntryKind
  type: string
  body: Record<string, unknown>
  cause: number | null
  ignored: string | null
  machineVersion: string
}

type Sendable<M extends AnyStateMachine> = AnyStateMachine extends M ? PlainEvent : EventFromLogic<M>

export interface ActorRef<M extends AnyStateMachine = AnyStateMachine> {
  readonly address: string
  /** Resolves when the event is durable. A `key` makes repeats harmless. Rejects with `unknown-actor`, `bad-event`, `reserved-event`, `backlog-full` (RetryableError), `store-failed`. */
  send: (event: Sendable<M>, options?: { key?: string }) => Promise<Receipt>
  /** As of the last commit. Rejects with `unknown-actor`. */
  snapshot: () => Promise<ActorView<M>>
  exists: () => boolean
  /** Calls back after each commit that handled an event of this actor, or in which it or one below it faulted or got over it. */
  subscribe: (listener: (view: ActorView<M>) => void) => { unsubscribe: () => void }
  /** Calls back after the commit of a step that emitted `type` (`*`: any). */
  on: <T extends EmittedFrom<M>['type'] | '*'>(type: T, listener: (event: EmittedFrom<M>) => void) => { unsubscribe: () => void }
  /** Every journal entry that is kept, oldest first. */
  journal: () => AsyncGenerator<JournalEntry>
  /** Tries the event that a faulted actor could not take again. Rejects with `not-faulted`. */
  retryFaulted: () => Promise<void>
  /** Drops that event, on the record, and goes on with the next. */
  skipFaulted: () => Promise<void>
  /** Gives the faulted actor up; its parent gets an error event with code `abandoned`. */
  abandon: () => Promise<void>
}

export interface RefHost {
  store: Store
  send: (address: string, event: PlainEvent, key?: string) => Promise<Receipt>
  row: (address: string) => { row: ActorRow; machine: { kind: string; version: string } } | undefined
  view: (address: string) => ActorView | undefined
  subscribe: (address: string, listener: (view: ActorView) => void) => { unsubscribe: () => void }
  on: (address: string, type: string, listener: (event: PlainEvent) => void) => { unsubscribe: () => void }
  retry: (address: string) => Promise<void>
  skip: (address: string) => Promise<void>
  abandon: (address: string) => Promise<void>
}

export function createRef<M extends AnyStateMachine>(address: string, host: RefHost): ActorRef<M> {
  return {
    address,
    send: (event, options) => host.send(address, event as PlainEvent, options?.key),
    async snapshot() {
      const view = host.view(address)
      if (!view) throw new FatalError('unknown-actor', `There is no actor '${address}'.`)
      return view as ActorView<M>
    },
    exists: () => host.row(address) !== undefined,
    subscribe: (listener) => host.subscribe(address, listener as (view: ActorView) => void),
    on: (type, listener) => host.on(address, type, listener as unknown as (event: PlainEvent) => void),
    async *journal() {
      const found = host.row(address)
      if (!found) throw new FatalError('unknown-actor', `There is no actor '${address}'.`)
      yield* entriesOf(host.store, found.row.lastSeq)
    },
    retryFaulted: () => host.retry(address),
    skipFaulted: () => host.skip(address),
    abandon: () => host.abandon(address),
  }
}

/** The chain that ends at `lastSeq`, oldest first; it begins where the journal has been trimmed. */
export function* chainOf(store: Pick<Store, 'entry'>, lastSeq: number): Generator<JournalRow> {
  const seqs: number[] = []
  for (let seq = lastSeq; seq !== 0;) {
    const row = store.entry(seq)
    if (!row) break
    seqs.push(seq)
    seq = row.prev
  }
  for (let i = seqs.length - 1; i >= 0; i--) {
    const row = store.entry(seqs[i]!)
    if (row) yield row
  }
}

export function* entriesOf(store: Pick<Store, 'entry' | 'state'>, lastSeq: number): Generator<JournalEntry> {
  const versions = new Map(store.state().machines.map((m) => [m.id, m.version]))
  for (const row of chainOf(store, lastSeq)) {
    const body = JSON.parse(row.body) as Record<string, unknown>
    yield {
      seq: row.seq,
      at: row.at,
      kind: row.kind,
      type: typeOf(row.kind, body),
      body,
      cause: row.cause,
      ignored: row.ignored,
      machineVersion: versions.get(row.machine) ?? '?',
    }
  }
}
