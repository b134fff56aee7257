// Owns: an actor's row over its lives: how it comes to be, takes a new life or a new version over, and ends with all below it.
// Does not own: its steps (handling.ts). Invariants: a row is never without its first event owed or handled in the same commit;
// an ended actor has no timers and no effects.

import type { ActorRow } from '../../persistence/store.ts'
import { migrateRow } from './boot.ts'
import type { Kind } from './definition.ts'
import type { CheckpointBody } from './journal.ts'
import type { Parts } from './parts.ts'
import type { Records } from './records.ts'
import { StepError } from './step.ts'

export interface InitBody {
  input?: unknown
  kind?: string
  since?: number
  sync?: boolean
}

export interface Lives {
  createRow: (address: string, kind: Kind, parent: ActorRow | null, child: string | null, since: number, time: number) => ActorRow
  /** A root's row comes with its first event, not before: alone in a commit it would never start after a kill. */
  createRoot: (address: string) => ActorRow
  /** A new life at an address that an ended one had; also what the very first starts from. */
  begin: (row: ActorRow, body: InitBody) => void
  /** Brings the row to the version of this build. Throws StepError. */
  upgrade: (row: ActorRow, kind: Kind) => void
  /** Stops an actor and everything below it. */
  end: (row: ActorRow, seq: number) => void
}

export const parentOf = (row: ActorRow): string | null => (row.parent === null ? null : row.address.slice(0, row.address.lastIndexOf('/')))

export function createLives(parts: Parts, { send }: Records): Lives {
  const { pending, registry, kinds, rows, timers, effects, now } = parts

  const createRow: Lives['createRow'] = (address, kind, parent, child, since, time) => {
    const row: ActorRow = {
      id: pending.nextActor++,
      address,
      machine: registry.machineId(kind),
      parent: parent?.id ?? null,
      child,
      since,
      status: 'pending',
      fault: null,
      version: 0,
      shape: null,
      snapshot: null,
      lastSeq: 0,
      sync: false,
      createdAt: time,
      updatedAt: time,
    }
    rows.add(row)
    pending.batch.actors.add(row)
    return row
  }
  const childrenOf = ({ snapshot }: ActorRow): string[] =>
    Object.keys(snapshot === null ? {} : ((JSON.parse(snapshot) as { children?: Record<string, unknown> }).children ?? {}))

  const endChild = (row: ActorRow, child: string, seq: number): void => {
    const address = `${row.address}/${child}`
    if (effects.has(address)) effects.stop(pending.batch, address)
    else if (rows.get(address)?.status === 'active' || rows.get(address)?.status === 'pending') send(address, 'stop', {}, seq)
  }

  return {
    createRow,
    createRoot: (address) => createRow(address, kinds.get(address.slice(0, address.indexOf('/')))!, null, null, 0, now()),
    begin(row, body) {
      const kind = body.kind === undefined ? registry.kindOf(row)! : kinds.get(body.kind)!
      row.machine = registry.machineId(kind)
      row.since = body.since ?? 0
      row.sync = body.sync ?? false
      row.status = 'active'
      row.snapshot = null
      row.shape = null
    },
    upgrade(row, kind) {
      const from = registry.machineOf(row).version
      const before = childrenOf(row)
      try {
        row.snapshot = migrateRow(kind, row.address, row.snapshot!, from)
      } catch (error) {
        throw new StepError(error)
      }
      row.machine = registry.machineId(kind)
      // Replay starts here: what the former version did cannot be repeated by this build.
      const body: CheckpointBody = {
        snapshot: row.snapshot,
        status: row.status,
        version: row.version,
        reason: `migrated from ${from} to ${kind.version}`,
      }
      const seq = ++pending.lastSeq
      pending.batch.journal.push({
        seq,
        actor: row.id,
        prev: row.lastSeq,
        at: now(),
        cause: null,
        machine: row.machine,
        kind: 'checkpoint',
        body: JSON.stringify(body),
        ignored: null,
      })
      row.lastSeq = seq
      // A child that the migration has left out ends with the version that had it.
      const after = new Set(childrenOf(row))
      for (const child of before) if (!after.has(child)) endChild(row, child, seq)
    },
    end(row, seq) {
      row.status = 'stopped'
      pending.batch.actors.add(row)
      timers.clear(pending.batch, row.id)
      for (const child of childrenOf(row)) endChild(row, child, seq)
    },
  }
}
