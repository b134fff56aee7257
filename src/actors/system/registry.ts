// The numbers of machine versions and shapes: small tables that a running system keeps in memory.

import type { ActorRow, MachineRow, StoreState } from '../../persistence/store.ts'
import type { Kind } from './definition.ts'
import type { Pending } from './pending.ts'

export interface Registry {
  /** The kind that steps this actor in this build. */
  kindOf: (row: ActorRow) => Kind | undefined
  /** The machine version that made the snapshot of `row`. */
  machineOf: (row: ActorRow) => MachineRow
  machineId: (kind: Kind) => number
  shapeId: (machine: number, key: string) => number
}

/** Rows that are new, or whose events this build has changed, go with the coming commit. */
export function createRegistry(state: StoreState, kinds: ReadonlyMap<string, Kind>, pending: Pending): Registry {
  const machines = new Map(state.machines.map((m) => [m.id, m]))
  const machineIds = new Map(state.machines.map((m) => [`${m.kind}@${m.version}`, m.id]))
  const shapeIds = new Map(state.shapes.map((s) => [`${s.machine} ${s.key}`, s.id]))
  const after = (rows: readonly { id: number }[]): number => rows.reduce((highest, { id }) => Math.max(highest, id), 0) + 1
  let nextMachine = after(state.machines)
  let nextShape = after(state.shapes)

  const put = (id: number, kind: Kind): void => {
    const row = { id, kind: kind.name, version: kind.version, events: eventsOf(kind) }
    machines.set(id, row)
    pending.batch.machines.push(row)
  }
  for (const { id, kind: name, version, events } of state.machines) {
    const kind = kinds.get(name)
    if (kind?.version === version && events !== eventsOf(kind)) put(id, kind)
  }
  return {
    kindOf: (row) => kinds.get(machines.get(row.machine)!.kind),
    machineOf: (row) => machines.get(row.machine)!,
    machineId(kind) {
      const key = `${kind.name}@${kind.version}`
      let id = machineIds.get(key)
      if (id === undefined) {
        id = nextMachine++
        machineIds.set(key, id)
        put(id, kind)
      }
      return id
    },
    shapeId(machine, key) {
      const name = `${machine} ${key}`
      let id = shapeIds.get(name)
      if (id === undefined) {
        id = nextShape++
        shapeIds.set(name, id)
        pending.batch.shapes.push({ id, machine, key })
      }
      return id
    },
  }
}

const eventsOf = ({ events }: Kind): string | null => (events === undefined ? null : JSON.stringify(events))
