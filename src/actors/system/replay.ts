// Recomputes snapshots from the journal, for proof (verify) and for looking back. Nothing is executed and nothing is written.

import { FatalError } from '../../errors.ts'
import type { ActorRow, JournalRow, StoreReader } from '../../persistence/store.ts'
import type { Kind } from './definition.ts'
import type { CheckpointBody } from './journal.ts'
import { chainOf } from './ref.ts'
import { step } from './step.ts'

export interface Verdict {
  address: string
  /** Entries repeated. */
  entries: number
  outcome: 'equal' | 'different' | 'not-checkable'
  /** The entry after which it differed, and how; or why it cannot be checked. */
  seq?: number
  message?: string
}

export interface Replayed {
  /** The newest entry repeated. */
  seq: number
  at: number
  bytes: string | null
  status: string
  version: number
  entries: number
}

/**
 * The state of `row` after the entry `at` (default: its newest), repeated from the newest checkpoint before it.
 * Throws FatalError `before-checkpoint` naming the first point that is available, `other-version` when a needed entry was
 * handled by a machine version that this build does not have.
 */
export function replay(store: StoreReader, kinds: ReadonlyMap<string, Kind>, row: ActorRow, at = Infinity): Replayed {
  let last = nothing
  for (const state of retrace(store, kinds, row, at)) last = state
  return last
}

const nothing: Replayed = { seq: 0, at: 0, bytes: null, status: 'pending', version: 0, entries: 0 }

/** As `replay`, with the state after each entry on the way. */
export function* retrace(store: StoreReader, kinds: ReadonlyMap<string, Kind>, row: ActorRow, at = Infinity): Generator<Replayed> {
  const machines = new Map(store.state().machines.map((m) => [m.id, m]))
  const chain = [...chainOf(store, row.lastSeq)].filter((entry) => entry.seq <= at)
  let start = -1
  for (let i = chain.length - 1; i >= 0 && start === -1; i--)
    if ((chain[i]!.kind === 'init' && chain[i]!.ignored === null) || chain[i]!.kind === 'checkpoint') start = i
  // An actor that never started has a whole chain without a start.
  if (start === -1 && chain.length > 0 && chain[0]!.prev === 0) start = 0
  if (start === -1) {
    const first = [...chainOf(store, row.lastSeq)][0]
    throw new FatalError('before-checkpoint', `'${row.address}' can be replayed from entry ${first?.seq ?? row.lastSeq} on.`)
  }
  let state = { ...nothing }
  for (const entry of chain.slice(0, start))
    if (entry.ignored === null && entry.kind !== 'stop' && entry.kind !== 'checkpoint') state.version++
  for (const entry of chain.slice(start)) {
    state = { ...apply(state, entry, row, kinds, machines), seq: entry.seq, at: entry.at }
    yield state
  }
}

function apply(
  state: Replayed,
  entry: JournalRow,
  row: ActorRow,
  kinds: ReadonlyMap<string, Kind>,
  machines: Map<number, { kind: string; version: string }>,
): Omit<Replayed, 'seq' | 'at'> {
  const entries = state.entries + 1
  if (entry.ignored !== null) return { ...state, entries }
  if (entry.kind === 'stop') return { ...state, status: 'stopped', entries }
  if (entry.kind === 'checkpoint') {
    const body = JSON.parse(entry.body) as CheckpointBody
    return { bytes: body.snapshot, status: body.status, version: body.version, entries }
  }
  const machine = machines.get(entry.machine)!
  const kind = kinds.get(machine.kind)
  if (!kind || kind.version !== machine.version) {
    throw new FatalError(
      'other-version',
      `entry ${entry.seq} was handled by ${machine.kind} ${machine.version}, which is not in this build`,
    )
  }
  const result = step({
    kind,
    address: row.address,
    parent: row.parent === null ? null : row.address.slice(0, row.address.lastIndexOf('/')),
    bytes: entry.kind === 'init' ? null : state.bytes,
    entry: entry.kind,
    body: JSON.parse(entry.body) as object,
    at: entry.at,
    seq: entry.seq,
  })
  if ('stale' in result) throw new FatalError('replay-differs', `entry ${entry.seq} was handled, and its replay finds it stale`)
  return { bytes: result.bytes, status: result.status, version: state.version + 1, entries }
}

/** Compares the replay of one actor with what is stored of it, byte for byte. */
export function verifyActor(store: StoreReader, kinds: ReadonlyMap<string, Kind>, row: ActorRow): Verdict {
  const verdict = (outcome: Verdict['outcome'], entries: number, message?: string): Verdict => ({
    address: row.address,
    entries,
    outcome,
    seq: row.lastSeq,
    ...(message === undefined ? {} : { message }),
  })
  if (row.status === 'pending' || (row.fault !== null && row.snapshot === null)) return verdict('equal', 0)
  let replayed: Replayed
  try {
    replayed = replay(store, kinds, row)
  } catch (error) {
    const { code, message } = error as FatalError
    if (code === 'other-version') return verdict('not-checkable', 0, message)
    return verdict('different', 0, message)
  }
  if (replayed.bytes !== row.snapshot) return verdict('different', replayed.entries, describeDifference(replayed.bytes, row.snapshot))
  if (replayed.status !== row.status)
    return verdict('different', replayed.entries, `status is ${row.status}, its replay is ${replayed.status}`)
  if (replayed.version !== row.version)
    return verdict('different', replayed.entries, `version is ${row.version}, its replay is ${replayed.version}`)
  return verdict('equal', replayed.entries)
}

/** Every actor of a database, in pages. */
export function* verify(store: StoreReader, kinds: ReadonlyMap<string, Kind>): Generator<Verdict> {
  for (let after = ''; ;) {
    const rows = store.actors({ after, limit: 200 })
    if (rows.length === 0) return
    for (const row of rows) yield verifyActor(store, kinds, row)
    after = rows.at(-1)!.address
  }
}

function describeDifference(replayed: string | null, stored: string | null): string {
  const a = replayed ?? ''
  const b = stored ?? ''
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  const around = (text: string): string => text.slice(Math.max(0, i - 30), i + 40)
  return `from character ${i}: stored …${around(b)}… replayed …${around(a)}…`
}
