// A machine as data: what the inspector draws, the documentation shows and `explain` reads. Nothing is described twice.

import type { AnyStateMachine } from 'xstate'

/** `event` is '' for an eventless transition and `after NAME` for a delayed one; targets are node ids. */
export interface TransitionDefinition {
  event: string
  guard: string | null
  targets: string[]
  actions: string[]
  description: string | null
}

export interface NodeDefinition {
  id: string
  key: string
  type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  initial: string | null
  description: string | null
  tags: string[]
  meta: Record<string, unknown>
  invoke: { id: string; src: string }[]
  transitions: TransitionDefinition[]
  states: NodeDefinition[]
}

export interface MachineDefinition {
  id: string
  version: string
  root: NodeDefinition
}

interface RawTransition {
  eventType: string
  guard?: unknown
  target?: readonly { id: string }[] | undefined
  actions: readonly unknown[]
  description?: string | undefined
}

interface RawNode {
  id: string
  key: string
  type: NodeDefinition['type']
  config: { initial?: unknown }
  description?: string | undefined
  meta?: Record<string, unknown> | undefined
  tags: string[]
  invoke: { id: string; src: unknown }[]
  transitions: Map<string, RawTransition[]>
  always?: RawTransition[] | undefined
  initial?: { target: { id: string }[] }
  states: Record<string, RawNode>
}

const nameOf = (thing: unknown): string => {
  if (typeof thing === 'string') return thing
  const { type, name } = (thing ?? {}) as { type?: string; name?: string }
  return type ?? name ?? 'anonymous'
}

/** `xstate.after.DELAY.STATE` for people. */
const eventName = (eventType: string, nodeId: string): string => {
  const prefix = 'xstate.after.'
  return eventType.startsWith(prefix) ? `after ${eventType.slice(prefix.length, -(nodeId.length + 1))}` : eventType
}

export function describeMachine(machine: AnyStateMachine, { id, version }: { id: string; version: string }): MachineDefinition {
  return { id, version, root: describeNode(machine.root as unknown as RawNode) }
}

function describeNode(node: RawNode): NodeDefinition {
  const { description, ...meta } = node.meta ?? {}
  const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
  return {
    id: node.id,
    key: node.key,
    type: node.type,
    initial: node.type === 'compound' ? (node.initial?.target[0]?.id ?? null) : null,
    description: node.description ?? (typeof description === 'string' ? description : null),
    tags: node.tags,
    meta,
    invoke: node.invoke.map((invoke) => ({ id: invoke.id, src: String(invoke.src) })),
    transitions: transitions.map((transition) => ({
      event: eventName(transition.eventType, node.id),
      guard: transition.guard === undefined ? null : nameOf(transition.guard),
      targets: (transition.target ?? []).map((target) => target.id),
      actions: transition.actions.map(nameOf),
      description: transition.description ?? null,
    })),
    states: Object.values(node.states).map(describeNode),
  }
}

/** Every node on the way to the active ones, outermost first. */
export function activeNodes(root: NodeDefinition, value: unknown): NodeDefinition[] {
  const active: NodeDefinition[] = [root]
  if (root.type === 'parallel') {
    for (const state of root.states) active.push(...activeNodes(state, (value as Record<string, unknown> | undefined)?.[state.key]))
    return active
  }
  if (typeof value === 'string') {
    const state = root.states.find(({ key }) => key === value)
    if (state) active.push(state)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      const state = root.states.find((candidate) => candidate.key === key)
      if (state) active.push(...activeNodes(state, inner))
    }
  }
  return active
}
