// What an actor is made of: a machine, its version and its migrations; and what is refused of a machine when it is defined.

import type { AnyActorLogic, AnyStateMachine, StateNode } from 'xstate'
import { FatalError, suggest } from '../../errors.ts'

/** Turns a persisted snapshot (plain data) of one version into the next one's. Pure. */
export type Migrate = (snapshot: Record<string, unknown>) => Record<string, unknown>

export interface ActorDefinition<M extends AnyStateMachine = AnyStateMachine> {
  readonly machine: M
  readonly version: string
  readonly migrations: Readonly<Record<string, { to: string; migrate: Migrate }>>
}

/**
 * Names a machine and its version as a durable actor. `migrations[from]` leads to `to`; several are chained.
 * Throws FatalError with what to do instead for what cannot be durable (docs/library.md lists it).
 */
export function defineActor<M extends AnyStateMachine>(
  machine: M,
  options: { version: string | number; migrations?: Record<string, { to: string | number; migrate: Migrate }> },
): ActorDefinition<M> {
  assertDurable(machine)
  const migrations = Object.fromEntries(
    Object.entries(options.migrations ?? {}).map(([from, { to, migrate }]) => [from, { to: String(to), migrate }]),
  )
  return { machine, version: String(options.version), migrations }
}

/** The logic behind a kind: a machine, or a reducer (`fromTransition`), both of which are stepped purely. */
export interface Kind {
  readonly name: string
  readonly version: string
  readonly logic: AnyActorLogic
  /** The machine as the user wrote it; undefined for a reducer. */
  readonly original: AnyStateMachine | undefined
  readonly migrations: ActorDefinition['migrations']
  /** Sources that are actors stepped like this one; every other source is an effect. */
  readonly children: Map<string, Kind>
  readonly isStateId: (id: string) => boolean
  /** Every event descriptor that a state names, inert ones included: what the machine knows of. Undefined for a reducer, which may take anything. */
  readonly events: readonly string[] | undefined
}

export const isMachine = (logic: unknown): logic is AnyStateMachine =>
  typeof logic === 'object' && logic !== null && 'root' in logic && 'implementations' in logic

/** Logic with nothing to start: a pure reducer. */
const isReducer = (logic: AnyActorLogic): boolean => !isMachine(logic) && typeof (logic as { start?: unknown }).start !== 'function'

/** A child's stand-in while its parent is stepped: it holds data and does nothing. */
const standIn = {
  config: {},
  transition: (snapshot: unknown) => snapshot,
  getInitialSnapshot: () => ({ status: 'active' }),
  getPersistedSnapshot: (snapshot: unknown) => snapshot,
  restoreSnapshot: (snapshot: unknown) => snapshot,
} as unknown as AnyActorLogic

/**
 * Every kind that `definitions` can give rise to, by name. A child machine that is also defined under a name of its own
 * has that name and version; any other is `PARENT.SOURCE` with its parent's version. `overridden` names sources whose
 * logic is given as an effect. Throws FatalError `unknown-logic` for a source that nothing implements.
 */
export function resolveKinds(definitions: Record<string, ActorDefinition>, overridden: ReadonlySet<string>): Map<string, Kind> {
  const kinds = new Map<string, Kind>()
  const named = new Map(Object.entries(definitions).map(([name, definition]) => [definition.machine as AnyActorLogic, name]))

  // `path`: a machine that spawns its own kind, or an ancestor's, is that kind again.
  const resolve = (
    name: string,
    logic: AnyActorLogic,
    version: string,
    migrations: Kind['migrations'],
    path: ReadonlyMap<AnyActorLogic, Kind> = new Map(),
  ): Kind => {
    const existing = kinds.get(name) ?? path.get(logic)
    if (existing) return existing
    const original = isMachine(logic) ? logic : undefined
    const children = new Map<string, Kind>()
    const kind: Kind = {
      name,
      version,
      logic: original ? stepped(original, overridden) : logic,
      original,
      migrations,
      children,
      isStateId: (id) => (original as unknown as { idMap: Map<string, unknown> } | undefined)?.idMap.has(id) ?? false,
      events: original && [...new Set([...stateNodes(original.root)].flatMap((node) => [...node.transitions.keys()]))].sort(),
    }
    kinds.set(name, kind)
    if (!original) return kind
    assertDurable(original)
    assertKnownSources(original, overridden)
    for (const [src, child] of Object.entries(original.implementations.actors as Record<string, AnyActorLogic>)) {
      if (overridden.has(src) || !(isMachine(child) || isReducer(child))) continue
      const own = named.get(child)
      const definition = own === undefined ? undefined : definitions[own]
      children.set(
        src,
        definition
          ? resolve(own!, child, definition.version, definition.migrations)
          : resolve(`${name}.${src}`, child, version, {}, new Map(path).set(logic, kind)),
      )
    }
    return kind
  }
  for (const [name, definition] of Object.entries(definitions)) {
    if (!/^[\w-]+$/.test(name)) {
      throw new FatalError('bad-kind', `The actor kind '${name}' becomes part of addresses: use letters, digits, '-' and '_' only.`)
    }
    resolve(name, definition.machine, definition.version, definition.migrations)
  }
  return kinds
}

/** Throws FatalError `unknown-effect` for a policy that no machine's source bears the name of and that brings no logic of its own. */
export function assertKnownEffects(kinds: ReadonlyMap<string, Kind>, policies: Readonly<Record<string, { logic?: unknown }>>): void {
  const sources = new Set([...kinds.values()].flatMap((kind) => Object.keys((kind.original?.implementations.actors as object) ?? {})))
  for (const [name, { logic }] of Object.entries(policies)) {
    if (logic || sources.has(name)) continue
    const near = suggest(name, sources)
    throw new FatalError(
      'unknown-effect',
      `effects has a policy for '${name}', which no machine's setup({ actors }) names. Correct the name, or give it { logic }.${near ? ` Did you mean '${near}'?` : ''}`,
    )
  }
}

/** The machine as it is stepped: every child a stand-in, loops bounded, and `at` on the init event. */
function stepped(machine: AnyStateMachine, overridden: ReadonlySet<string>): AnyStateMachine {
  const sources = new Set([...Object.keys(machine.implementations.actors as object), ...overridden])
  const copy = machine.provide({ actors: Object.fromEntries([...sources].map((src) => [src, standIn])) } as never)
  copy.options = { ...copy.options, maxIterations: Math.min(copy.options.maxIterations ?? Infinity, maxMicrosteps) }
  return copy
}

/** Microsteps in one macrostep before it counts as a loop (law 4). */
export const maxMicrosteps = 1_000

function* stateNodes(node: StateNode<any, any>): Generator<StateNode<any, any>> {
  yield node
  for (const child of Object.values(node.states)) yield* stateNodes(child)
}

function assertKnownSources(machine: AnyStateMachine, overridden: ReadonlySet<string>): void {
  const known = machine.implementations.actors as Record<string, unknown>
  for (const node of stateNodes(machine.root)) {
    for (const { src } of node.invoke) {
      const name = src as unknown as string
      if (Object.hasOwn(known, name) || overridden.has(name)) continue
      const near = suggest(name, Object.keys(known))
      throw new FatalError(
        'unknown-logic',
        `'${node.id}' invokes '${name}', which neither setup({ actors }) nor the effects provide.${near ? ` Did you mean '${near}'?` : ''}`,
      )
    }
  }
}

function assertDurable(machine: AnyStateMachine): void {
  for (const node of stateNodes(machine.root)) {
    for (const invoke of node.invoke) {
      if (String(invoke.src).startsWith('xstate.invoke.')) {
        throw new FatalError(
          'inline-logic',
          `'${node.id}' invokes inline logic, which cannot be found again after a restart. Name it in setup({ actors }) and invoke it by that name.`,
        )
      }
      if (invoke.systemId !== undefined) throw systemIdRefused(node.id)
    }
    const lists = [
      node.entry,
      node.exit,
      ...[...node.transitions.values()].flat().map((t) => t.actions),
      ...(node.always ?? []).map((t) => t.actions),
    ]
    for (const action of lists.flat()) assertAction(action, node.id)
    for (const delay of Object.keys((node.config as { after?: object }).after ?? {})) {
      if (!Number.isNaN(Number(delay)) || Object.hasOwn(machine.implementations.delays, delay)) continue
      const near = suggest(delay, Object.keys(machine.implementations.delays))
      throw new FatalError(
        'unknown-delay',
        `'${node.id}' waits for the delay '${delay}', which setup({ delays }) does not have; XState would make it immediate.${near ? ` Did you mean '${near}'?` : ''}`,
      )
    }
  }
  for (const [name, action] of Object.entries(machine.implementations.actions)) assertAction(action, `action ${name}`)
}

function assertAction(action: unknown, where: string): void {
  const { type, src, id, systemId } = (typeof action === 'function' ? action : {}) as {
    type?: string
    src?: unknown
    id?: unknown
    systemId?: unknown
  }
  if (type !== 'xstate.spawnChild') return
  assertSpawn(where, src, id, systemId)
}

/** What a spawn needs to be found again after a restart; also checked at the step, for spawns inside `enqueueActions`. */
export function assertSpawn(where: string, src: unknown, id: unknown, systemId: unknown): void {
  if (typeof src !== 'string') {
    throw new FatalError(
      'inline-logic',
      `'${where}' spawns inline logic, which cannot be found again after a restart. Name it in setup({ actors }) and spawn it by that name.`,
    )
  }
  if (id === undefined || id === '') {
    throw new FatalError(
      'spawn-without-id',
      `'${where}' spawns '${src}' without an id. Give spawnChild an { id }: it is the child's address, also after a restart.`,
    )
  }
  if (systemId !== undefined) throw systemIdRefused(where)
}

export function systemIdRefused(where: string): FatalError {
  return new FatalError(
    'system-id',
    `'${where}' uses a systemId. Durable actors are found by address: send through the parent, or emit a report and route it.`,
  )
}
