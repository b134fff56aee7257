// Owns: machines that differ from a given one in one guard or one edge, for asking whether anything would notice.
// The machine itself is not touched: a guard is provided anew, an edge is left out of a copy of the configuration.

import { StateMachine, type AnyStateMachine } from 'xstate'
import { FatalError } from '../../errors.ts'

export type Mutation =
  | { machine: string; kind: 'guard'; name: string; as: 'negated' | 'true' | 'false' }
  /** The `index`-th edge of a state for an event, counted as XState lists them; '' is an eventless one. */
  | { machine: string; kind: 'edge'; state: string; event: string; index: number }

export const textOf = (mutation: Mutation): string =>
  mutation.kind === 'guard'
    ? `${mutation.machine}: guard ${mutation.name} ${mutation.as}`
    : `${mutation.machine}: edge ${mutation.state} ${mutation.event || 'always'} ${mutation.index} dropped`

interface Node {
  id: string
  key: string
  path: string[]
  transitions: Map<string, { guard?: unknown }[]>
  always?: { guard?: unknown }[]
  states: Record<string, Node>
}

function* nodesOf(node: Node): Generator<Node> {
  yield node
  for (const child of Object.values(node.states)) yield* nodesOf(child)
}

/** Every mutation of a machine by itself: each guard of its chart three ways, and each edge left out. */
export function mutationsOf(machine: string, original: AnyStateMachine): Mutation[] {
  const guards = new Set<string>()
  const edges: Mutation[] = []
  for (const node of nodesOf(original.root as unknown as Node)) {
    for (const [event, list] of [...node.transitions, ['', node.always ?? []] as const]) {
      list.forEach(({ guard }, index) => {
        if (typeof guard === 'string') guards.add(guard)
        edges.push({ machine, kind: 'edge', state: node.id, event, index })
      })
    }
  }
  const ways = ['negated', 'true', 'false'] as const
  return [...[...guards].flatMap((name) => ways.map((as): Mutation => ({ machine, kind: 'guard', name, as }))), ...edges]
}

type Predicate = (...args: unknown[]) => boolean

/** The machine with this one difference. Throws FatalError `unknown-mutation` when it has no such guard or edge. */
export function mutate(original: AnyStateMachine, mutation: Mutation): AnyStateMachine {
  return mutation.kind === 'guard' ? withGuard(original, mutation) : withoutEdge(original, mutation)
}

function withGuard(original: AnyStateMachine, { name, as }: Extract<Mutation, { kind: 'guard' }>): AnyStateMachine {
  const guard = (original.implementations.guards as Record<string, Predicate>)[name]
  if (!guard) throw unknown(name)
  const mutant: Predicate = as === 'negated' ? (...args) => !guard(...args) : () => as === 'true'
  return original.provide({ guards: { [name]: mutant } } as never)
}

const unknown = (what: string): FatalError =>
  new FatalError('unknown-mutation', `The machine has no '${what}' to change. List the mutations of this build again.`)

interface Config {
  on?: Record<string, unknown>
  after?: Record<string, unknown>
  always?: unknown
  onDone?: unknown
  invoke?: unknown
  states?: Record<string, Config>
}

/** Everything that is plain data copied; functions stay the same. */
function copy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copy) as T
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)])) as T
}

function withoutEdge(original: AnyStateMachine, { state, event, index }: Extract<Mutation, { kind: 'edge' }>): AnyStateMachine {
  const node = [...nodesOf(original.root as unknown as Node)].find(({ id }) => id === state)
  if (!node) throw unknown(state)
  const config = copy(original.config) as Config
  const own = node.path.reduce((at, key) => at.states![key]!, config)
  const holder = holderOf(own, node.id, event)
  if (!holder) throw unknown(`${state} ${event}`)
  const list = [holder.of[holder.key]].flat()
  if (list.length <= index) throw unknown(`${state} ${event} ${index}`)
  holder.of[holder.key] = list.filter((_edge, other) => other !== index)
  return new StateMachine(config as never, original.implementations as never) as unknown as AnyStateMachine
}

/** Where a configuration keeps the edges that XState lists under `event`. */
function holderOf(config: Config, id: string, event: string): { of: Record<string, unknown>; key: string } | undefined {
  const all = config as Record<string, unknown>
  if (event === '') return { of: all, key: 'always' }
  if (config.on && Object.hasOwn(config.on, event)) return { of: config.on, key: event }
  const delay = Object.keys(config.after ?? {}).find((key) => event === `xstate.after.${key}.${id}`)
  if (delay !== undefined) return { of: config.after!, key: delay }
  if (event === `xstate.done.state.${id}`) return { of: all, key: 'onDone' }
  const invokes = [config.invoke ?? []].flat() as (Record<string, unknown> & { id: string })[]
  for (const invoke of invokes) {
    if (event === `xstate.done.actor.${invoke.id}`) return { of: invoke, key: 'onDone' }
    if (event === `xstate.error.actor.${invoke.id}`) return { of: invoke, key: 'onError' }
  }
  return undefined
}
