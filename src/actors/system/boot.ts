// Whether this build can carry on what a database holds: looked at in distinct shapes, before anything is touched.

import { FatalError, toErrorData } from '../../errors.ts'
import type { OwedType, StoreReader, Store } from '../../persistence/store.ts'
import type { Kind } from './definition.ts'
import { typeOf } from './journal.ts'
import { restoreSnapshot, stateOfShape } from './step.ts'

/** Says per item what this build cannot carry on. */
export class MachinesIncompatibleError extends FatalError {
  readonly problems: string[]
  constructor(problems: string[]) {
    super(
      'machines-incompatible',
      `This build cannot carry on ${problems.length} thing${problems.length === 1 ? '' : 's'} in the database. Nothing was changed. Start the build that wrote it, or add a migration:\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    )
    this.problems = problems
  }
}

type Checked = Pick<Store, 'shapesInUse' | 'timerNames' | 'effectSources' | 'reportTypes' | 'inboxTypes' | 'delayedTypes'> &
  Pick<StoreReader, 'state' | 'actorById' | 'faulted'>

/** Throws MachinesIncompatibleError. Reads only; its cost grows with distinct shapes, not with actors. */
export function checkBuild(store: Checked, kinds: ReadonlyMap<string, Kind>, policies: Readonly<Record<string, unknown>> = {}): void {
  const { machines, shapes } = store.state()
  const machineOf = new Map(machines.map((m) => [m.id, m]))
  const shapeOf = new Map(shapes.map((s) => [s.id, s]))
  const problems: string[] = []
  const missing = new Set<string>()

  const miss = (name: string): void => {
    if (!missing.has(name)) problems.push(`actors of kind '${name}' exist, which this build does not define`)
    missing.add(name)
  }

  for (const { shape, actor } of store.shapesInUse()) {
    const { key, machine } = shapeOf.get(shape)!
    const { kind: name, version } = machineOf.get(machine)!
    const kind = kinds.get(name)
    if (!kind) {
      miss(name)
      continue
    }
    const row = store.actorById(actor)!
    try {
      const bytes = version === kind.version ? row.snapshot! : migrateRow(kind, row.address, row.snapshot!, version)
      restoreSnapshot(kind, row.address, bytes)
    } catch (error) {
      problems.push(
        `'${row.address}' (${name} ${version}, state ${JSON.stringify(stateOfShape(key))}) cannot be restored by ${name} ${kind.version}: ${toErrorData(error).message}`,
      )
    }
  }
  // One that faulted before its first step has no shape.
  for (const row of store.faulted()) {
    const { kind: name } = machineOf.get(row.machine)!
    if (!kinds.has(name)) miss(name)
  }
  const kindAt = (machine: number): Kind | undefined => kinds.get(machineOf.get(machine)!.kind)
  const isMigrated = (kind: Kind, machine: number): boolean =>
    machineOf.get(machine)!.version !== kind.version && Object.keys(kind.migrations).length > 0
  for (const { machine, name } of store.timerNames()) {
    const kind = kindAt(machine)
    if (!kind?.original || !name.startsWith('xstate.after.')) continue
    if (!isMigrated(kind, machine) && !hasAfter(kind, name))
      problems.push(`a timer '${name}' of kind '${kind.name}' is pending, which ${kind.name} ${kind.version} does not wait for`)
  }
  for (const { machine, src } of store.effectSources()) {
    const kind = kindAt(machine)
    // A migration may leave out a child: then its effect ends with it, and does not need its logic any more.
    if (kind && isMigrated(kind, machine)) continue
    if (kind?.original && !Object.hasOwn((kind.logic as unknown as { implementations: { actors: object } }).implementations.actors, src)) {
      problems.push(`an effect '${src}' of kind '${kind.name}' is in flight, which ${kind.name} ${kind.version} does not have`)
    }
  }
  for (const type of store.reportTypes()) {
    if (!Object.hasOwn(policies, type)) problems.push(`a report '${type}' is not delivered yet, and effects has no delivery for it`)
  }
  /** The type, when this build's machine does not know it and a former one did; any actor may be sent what none ever knew. */
  const lost = ({ machine, kind: entry, event, child, after }: OwedType): string | undefined => {
    const kind = kindAt(machine)
    if (!kind?.events || entry === 'init' || entry === 'stop') return undefined
    const type = typeOf(entry, { event: { type: event }, child, ...(after === null ? {} : { after: JSON.parse(after) as object }) })
    if (accepts(kind.events, type)) return undefined
    const { version, events } = machineOf.get(machine)!
    const wasKnown = machines.some((m) => m.kind === kind.name && m.events !== null && accepts(JSON.parse(m.events) as string[], type))
    return wasKnown || (events === null && version !== kind.version) ? type : undefined
  }
  const describe = (types: OwedType[], say: (type: string, kind: Kind) => string): void => {
    for (const owed of types) {
      const type = lost(owed)
      const kind = kindAt(owed.machine)!
      if (type !== undefined) problems.push(`${say(type, kind)}, which ${kind.name} ${kind.version} does not know`)
    }
  }
  describe(store.inboxTypes(), (type, kind) => `an unhandled event '${type}' waits for kind '${kind.name}'`)
  describe(store.delayedTypes(), (type, kind) => `a delayed event '${type}' for kind '${kind.name}' is pending`)
  if (problems.length > 0) throw new MachinesIncompatibleError(problems)
}

/** The snapshot brought from version `from` to the kind's own, migration by migration; unchanged where there is none. */
export function migrateRow(kind: Kind, address: string, bytes: string, from: string): string {
  let version = from
  let snapshot = JSON.parse(bytes) as Record<string, unknown>
  const seen = new Set<string>()
  while (version !== kind.version && kind.migrations[version] && !seen.has(version)) {
    seen.add(version)
    const { to, migrate } = kind.migrations[version]!
    snapshot = migrate(snapshot)
    version = to
  }
  const migrated = version === from ? bytes : JSON.stringify(snapshot)
  restoreSnapshot(kind, address, migrated)
  return migrated
}

function hasAfter(kind: Kind, name: string): boolean {
  const rest = name.slice('xstate.after.'.length)
  for (let dot = rest.indexOf('.'); dot !== -1; dot = rest.indexOf('.', dot + 1)) {
    if (kind.isStateId(rest.slice(dot + 1))) {
      const node = kind.original!.getStateNodeById(rest.slice(dot + 1))
      return rest.slice(0, dot) in ((node.config as { after?: object }).after ?? {})
    }
  }
  return false
}

function accepts(descriptors: readonly string[], type: string): boolean {
  return descriptors.some((descriptor) => {
    if (descriptor === '*' || descriptor === type) return true
    return descriptor.endsWith('.*') && (type === descriptor.slice(0, -2) || type.startsWith(descriptor.slice(0, -1)))
  })
}
