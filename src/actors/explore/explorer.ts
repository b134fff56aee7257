// Owns: the breadth-first exploration of one world of a model, and the shortest script to what is wrong. Knows no machine.
// Invariants: a state is known by the bytes of its representative; every event of its alphabet is taken once; the first way found is the
// shortest, because states are opened in the order in which they were found.

import { dawn, type Happening, type Model, type Property, type Situation, type Transition, type World } from '../../machines/model.ts'
import { componentsOf } from './graph.ts'
import { begin, openRead, read, type Subject } from './stepping.ts'

export interface Violation {
  property: string
  statement: string
  message: string
  /** From the beginning to what is wrong; each event as it is seen from the representative of the state before. */
  script: Happening[]
}

export interface Exploration {
  machine: string
  world: string
  states: number
  transitions: number
  ms: number
  /** False when the limit of states was reached first: then nothing is proved. */
  complete: boolean
  properties: string[]
  violations: Violation[]
}

export interface Limits {
  /** States after which the exploration gives up. */
  states?: number
  /** Ends at the first violation. */
  first?: boolean
  /** Milliseconds by the caller's clock. */
  clock: () => number
  progress?: (states: number, waiting: number) => void
  /** Every state that was found, as its bytes. */
  found?: (key: string) => void
}

/** The bytes by which a state is known. */
export const keyOf = (state: Situation<unknown>): string => JSON.stringify(state)

/** A representative whose children have no history. */
export function represent<C>(model: Model<C>, { forget }: World<C>, state: Situation<C>): Situation<C> {
  const { children, timers, context, ...rest } = model.representative(state)
  return {
    ...rest,
    context: forget ? forget(context) : context,
    children: Object.fromEntries(
      Object.entries(children)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([id, child]) => [id, { ...child, snapshot: { ...child.snapshot, since: 1 } }]),
    ),
    timers: Object.fromEntries(Object.entries(timers).sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}

export function explore<C>(subject: Subject, model: Model<C>, world: World<C>, limits: Limits): Exploration {
  const started = limits.clock()
  const { properties } = model
  const cycles = properties.filter((property) => property.cycle !== undefined)
  const keys: string[] = []
  const ids = new Map<string, number>()
  /** How each state was reached first: from which, by which event. */
  const parents: { from: number; happening: Happening | null }[] = []
  const edges = createEdges()
  const arrivals = new Set<string>()
  const violations = new Map<Property<C>, Violation>()
  let transitions = 0
  let complete = true

  const idOf = (state: Situation<C>, from: number, happening: Happening | null): number => {
    const key = keyOf(represent(model, world, state))
    const known = ids.get(key)
    if (known !== undefined) return known
    ids.set(key, keys.length)
    limits.found?.(key)
    parents.push({ from, happening })
    return keys.push(key) - 1
  }
  const wayTo = (id: number): Happening[] => {
    const { from, happening } = parents[id]!
    return happening === null ? [] : [...wayTo(from), happening]
  }
  const note = (property: Property<C>, message: string | undefined, script: () => Happening[]): void => {
    if (message === undefined || violations.has(property)) return
    violations.set(property, { property: property.id, statement: property.statement, message, script: script() })
  }
  const broke = { id: 'P5', statement: 'Every event can be taken.' } as Property<C>

  idOf(begin<C>(subject, world.input, dawn).state, -1, null)
  for (let id = 0; id < keys.length; id++) {
    if (limits.first && violations.size > 0) break
    if (keys.length > (limits.states ?? Infinity)) {
      complete = false
      break
    }
    if (id % 500 === 0) limits.progress?.(id, keys.length - id)
    const opened = read<C>(keys[id]!)
    const { state } = opened
    const from = openRead<C>(subject, opened)
    for (const property of properties) note(property, property.state?.(state, from), () => wayTo(id))
    // A root in a final state takes nothing any more.
    if (state.status !== 'active') continue
    for (const happening of world.events(state)) {
      transitions++
      const script = () => [...wayTo(id), happening]
      let transition: Transition<C>
      try {
        transition = from(happening)
      } catch (error) {
        note(broke, (error as Error).message, script)
        continue
      }
      const to = transition.isLoop ? id : idOf(transition.after, id, happening)
      const isLoop = to === id
      if (isLoop !== transition.isLoop) transition = { ...transition, isLoop }
      const arrival = `${to} ${happening.label}`
      const isNew = isLoop || !arrivals.has(arrival)
      if (!isLoop) arrivals.add(arrival)
      for (const property of properties) {
        note(property, property.step?.(transition), script)
        if (isNew) note(property, property.arrival?.(transition), script)
      }
      cycles.forEach(({ cycle }, index) => {
        if (cycle!.free(transition)) edges.add(index, id, to, cycle!.costly(transition), happening)
      })
    }
  }
  cycles.forEach((property, index) => {
    const found = edges.cycleOf(index, keys.length)
    if (found) note(property, 'it comes back to where it was', () => [...wayTo(found.from), ...found.way])
  })
  return {
    machine: model.machine,
    world: world.name,
    states: keys.length,
    transitions,
    ms: limits.clock() - started,
    complete,
    properties: properties.map(({ id }) => id),
    violations: [...violations.values()],
  }
}

/** The edges that a cycle may be made of, for each property that forbids one. */
function createEdges() {
  const lists: { from: number[]; to: number[]; costly: number[]; happenings: Happening[] }[] = []
  return {
    add(index: number, from: number, to: number, isCostly: boolean, happening: Happening): void {
      const list = (lists[index] ??= { from: [], to: [], costly: [], happenings: [] })
      if (isCostly) list.costly.push(list.from.length)
      list.from.push(from)
      list.to.push(to)
      list.happenings.push(happening)
    },
    /** A costly edge inside a strongly connected component, with the way back to its beginning. */
    cycleOf(index: number, states: number): { from: number; way: Happening[] } | undefined {
      const list = lists[index]
      if (!list) return undefined
      const component = componentsOf(states, list.from, list.to)
      const edge = list.costly.find((e) => component[list.from[e]!] === component[list.to[e]!])
      if (edge === undefined) return undefined
      return { from: list.from[edge]!, way: [list.happenings[edge]!, ...wayBack(list, component, list.to[edge]!, list.from[edge]!)] }
    },
  }
}

function wayBack(
  { from, to, happenings }: { from: number[]; to: number[]; happenings: Happening[] },
  component: Int32Array,
  start: number,
  end: number,
): Happening[] {
  const out = new Map<number, number[]>()
  from.forEach((node, edge) => {
    if (component[node] !== component[start]) return
    const list = out.get(node)
    if (list) list.push(edge)
    else out.set(node, [edge])
  })
  const reached = new Map<number, Happening[]>([[start, []]])
  for (const [node, way] of reached) {
    if (node === end) return way
    for (const edge of out.get(node) ?? []) {
      const next = to[edge]!
      if (component[next] === component[start] && !reached.has(next)) reached.set(next, [...way, happenings[edge]!])
    }
  }
  return []
}
