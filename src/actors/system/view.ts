// An actor as its users see it, as of its last commit.

import type { AnyStateMachine, ContextFrom, OutputFrom, StateValueFrom } from 'xstate'
import type { ErrorData } from '../../errors.ts'
import type { ActorRow } from '../../persistence/store.ts'

/** Why an actor is faulted. */
export interface Fault {
  error: ErrorData
  at: number
  entry: string
}

/** An actor as of its last commit. */
export interface ActorView<M extends AnyStateMachine = AnyStateMachine> {
  address: string
  kind: string
  machineVersion: string
  status: 'pending' | 'active' | 'done' | 'stopped' | 'faulted'
  value: StateValueFrom<M>
  context: ContextFrom<M>
  output: OutputFrom<M>
  fault: Fault | null
  /** The addresses of faulted actors below this one, at any depth. */
  faultedChildren: string[]
  /** Steps taken. */
  version: number
  /** The newest journal entry. */
  seq: number
  /** Epoch ms. */
  createdAt: number
  updatedAt: number
}

/** A row as its users see it; `faulted` are the addresses of all faulted actors. */
export function toView(row: ActorRow, machine: { kind: string; version: string }, faulted: Iterable<string>): ActorView {
  const snapshot = row.snapshot === null ? {} : (JSON.parse(row.snapshot) as { value?: unknown; context?: unknown; output?: unknown })
  return {
    address: row.address,
    kind: machine.kind,
    machineVersion: machine.version,
    status: row.fault === null ? row.status : 'faulted',
    value: snapshot.value,
    context: snapshot.context,
    output: snapshot.output,
    fault: row.fault === null ? null : (JSON.parse(row.fault) as Fault),
    faultedChildren: [...faulted].filter((address) => address.startsWith(`${row.address}/`)).sort(),
    version: row.version,
    seq: row.lastSeq,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}
