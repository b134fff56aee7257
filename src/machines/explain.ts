// Why an actor is where it is and what would move it, computed from its machine: the active states, the events they take, and what each
// guard read to say yes or no.

import { activeNodes, describeMachine, type MachineDefinition, type NodeDefinition, type TransitionDefinition } from './definition.ts'
import * as issueGuards from './issue/guards.ts'
import { issueMachine } from './issue/machine.ts'
import type { Party } from './vocabulary.ts'

export interface GuardReading {
  name: string
  holds: boolean
  /** The paths of context and event that the guard looked at, with what it saw. */
  reads: Record<string, unknown>
}

export interface EventReading {
  type: string
  by: string
  enabled: boolean
  guards: GuardReading[]
  target: string | null
}

export interface Explained {
  states: { id: string; description: string }[]
  events: EventReading[]
  timers: { name: string; due: string }[]
}

export interface ExplainFacts {
  value: unknown
  context: unknown
  timers: readonly { name: string; due: number }[]
  /** Epoch ms. */
  now: number
}

type Guards = Readonly<Record<string, unknown>>

/** What stands for a value that only the event itself will bring. */
const fromEvent = 'as the event says'

/** Evaluates a guard and notes what it reads. A guard that needs what only its event brings is said to depend on it. */
export function readGuard(guards: Guards, name: string, context: object, event: { type: string; at: number }) {
  const reads: Record<string, unknown> = {}
  let dependsOnEvent = false
  const told = new Proxy(event as Record<string | symbol, unknown>, {
    get(target, key) {
      if (typeof key === 'symbol' || key in target) return target[key]
      dependsOnEvent = true
      reads[`event.${key}`] = fromEvent
      return undefined
    },
  })
  const guard = guards[name] as ((args: { context: unknown; event: unknown }) => boolean) | undefined
  let holds = false
  try {
    holds = guard?.({ context: observed(context, '', reads), event: told }) ?? false
  } catch {
    // It cannot be judged without its event.
    dependsOnEvent = true
  }
  return { reading: { name, holds, reads }, dependsOnEvent }
}

/** The value behind a proxy that notes by their path the leaves which are read, and whole what is only looked at. */
function observed<T extends object>(value: T, path: string, reads: Record<string, unknown>): T {
  return new Proxy(value, {
    get(target, key) {
      const found = Reflect.get(target, key) as unknown
      if (typeof key === 'symbol' || typeof found === 'function') return found
      // It is looked into: what is found there says more.
      if (reads[path] === target) delete reads[path]
      const at = path === '' ? key : `${path}.${key}`
      if (typeof found !== 'object' || found === null) {
        reads[at] = found ?? null
        return found
      }
      if (!Object.keys(reads).some((read) => read.startsWith(`${at}.`))) reads[at] = found
      return observed(found, at, reads)
    },
  })
}

type Cause = Party | 'system' | 'tracker' | 'forge'

const causes: Record<string, Cause> = {
  tracker: 'human',
  blocker: 'dependency',
  child: 'dependency',
  pr: 'forge',
  review: 'reviewer',
  checks: 'ci',
  queue: 'queue',
  deploy: 'deploy',
  run: 'agent',
  session: 'agent',
  xstate: 'agent',
  operator: 'operator',
  policy: 'operator',
  capacity: 'capacity',
  agent: 'provider',
  landing: 'queue',
}

/** Who can cause an event of this name: a party of the contract, or one of the systems. */
function causeOf(event: string): Cause {
  if (event.startsWith('after ')) return 'timer'
  return causes[event.split('.')[0]!] ?? 'system'
}

/** Explains a snapshot of any machine; `guards` are the functions that its chart names. */
export function explainMachine(definition: MachineDefinition, guards: Guards, { value, context, timers, now }: ExplainFacts): Explained {
  const active = activeNodes(definition.root, value)
  /** Events that are taken for certain, by the node that takes them: what comes after that is never asked. */
  const taken: { type: string; by: string }[] = []
  const isShadowed = (type: string, node: NodeDefinition): boolean =>
    taken.some((other) => other.type === type && (other.by === node.id || other.by.startsWith(`${node.id}.`)))
  const read = (transition: TransitionDefinition, node: NodeDefinition): EventReading => {
    const { event: type, guard, targets } = transition
    const found = guard === null ? null : readGuard(guards, guard, context as object, { type, at: now })
    const isOpen = found === null || found.reading.holds || found.dependsOnEvent
    const enabled = isOpen && (type === '' || !isShadowed(type, node))
    if (enabled && (found === null || (found.reading.holds && !found.dependsOnEvent))) taken.push({ type, by: node.id })
    return {
      type: type === '' ? 'always' : type,
      by: causeOf(type),
      enabled,
      guards: found === null ? [] : [found.reading],
      target: targets[0] ?? null,
    }
  }
  // The innermost states are asked first, as in the machine.
  const byNode = new Map(active.toReversed().map((node) => [node, node.transitions.map((transition) => read(transition, node))]))
  return {
    states: active.slice(1).map((node) => ({ id: node.id, description: node.description ?? '' })),
    events: active.flatMap((node) => byNode.get(node)!),
    timers: timers.map(({ name, due }) => ({ name: name.replace(/^xstate\.after\./, ''), due: new Date(due).toISOString() })),
  }
}

const issueDefinition = describeMachine(issueMachine, { id: 'issue', version: '' })

export const explainIssue = (facts: ExplainFacts): Explained => explainMachine(issueDefinition, issueGuards, facts)
