// Every name in the charts exists, everything that exists is used, and the contract's words are all taken. XState itself sees none of these.

import type { AnyStateMachine } from 'xstate'
import { describe, expect, it } from 'vitest'
import { activeNodes, describeMachine, type NodeDefinition } from '../../src/machines/definition.ts'
import type { CapacityEvent } from '../../src/machines/capacity/events.ts'
import type { CheckEvent } from '../../src/machines/check/events.ts'
import type { EntryEvent } from '../../src/machines/entry/events.ts'
import type { IssueEvent } from '../../src/machines/issue/events.ts'
import { waiting } from '../../src/machines/issue/waiting.ts'
import type { QueueEvent } from '../../src/machines/queue/events.ts'
import type { ReconciliationEvent } from '../../src/machines/reconciliation/events.ts'
import type { RunEvent } from '../../src/machines/run/events.ts'
import { parties } from '../../src/machines/vocabulary.ts'
import { definitions, machines, type MachineName } from './player.ts'

/** One line for each event of each machine: a new one does not compile without. False: it is only ever handled by a wildcard. */
const alphabet: {
  issue: Record<IssueEvent['type'], boolean>
  run: Record<RunEvent['type'], boolean>
  queue: Record<QueueEvent['type'], boolean>
  entry: Record<EntryEvent['type'], boolean>
  capacity: Record<CapacityEvent['type'], boolean>
  check: Record<CheckEvent['type'], boolean>
  reconciliation: Record<ReconciliationEvent['type'], boolean>
} = {
  issue: {
    ...{
      'tracker.delegated': true,
      'tracker.undelegated': true,
      'tracker.updated': true,
      'tracker.removed': true,
      'tracker.prompted': true,
    },
    ...{ 'tracker.stopRequested': true, 'blocker.changed': true, 'child.changed': true },
    ...{ 'pr.opened': true, 'pr.pushed': true, 'pr.closed': true, 'pr.reopened': true, 'pr.merged': true, 'pr.updated': true },
    ...{ 'review.approved': true, 'review.changesRequested': true, 'review.commented': true, 'review.dismissed': true },
    ...{ 'checks.pending': true, 'checks.passed': true, 'checks.failed': true },
    ...{ 'queue.entered': true, 'queue.evicted': true, 'queue.left': true, 'queue.held': true, 'queue.resumed': true },
    ...{ 'deploy.succeeded': true, 'deploy.failed': true, reconcile: true, 'policy.changed': true },
    ...{ 'run.started': true, 'run.progressed': true, 'run.publishing': true, 'run.steered': true, 'run.finished': true },
    ...{
      'operator.prompted': true,
      'operator.stopped': true,
      'operator.retried': true,
      'operator.closed': true,
      'operator.budgetReset': true,
    },
    ...{ 'capacity.granted': true, 'capacity.revoked': true, 'xstate.done.actor.run': false, 'xstate.error.actor.run': false },
  },
  run: {
    ...{ 'run.stop': true, 'run.steer': true, 'session.started': true, 'session.progressed': true, 'session.steered': true },
    ...{ 'session.signalled': true, 'session.refused': true, 'session.used': true, 'session.finished': true },
    'xstate.error.actor.session': true,
  },
  queue: {
    ...{ 'landing.requested': true, 'landing.urged': true, 'landing.withdrawn': true, 'queue.configured': true },
    ...{ 'entry.built': true, 'entry.passedOver': true, 'entry.baseMoved': true },
  },
  entry: { 'entry.placed': true, 'entry.withdrawn': true },
  capacity: {
    ...{
      'capacity.requested': true,
      'capacity.spent': true,
      'agent.exhausted': true,
      'agent.restored': true,
      'operator.budgetLifted': true,
      'capacity.urged': true,
      'capacity.withdrawn': true,
      'capacity.released': true,
      'capacity.reconciled': true,
    },
    ...{ 'capacity.limited': true, 'operator.paused': true, 'operator.resumed': true, 'operator.drained': true },
  },
  check: { 'check.retried': true },
  reconciliation: { 'facts.wanted': true, 'pace.changed': true },
}

/** The contract's own list (interface §4): nothing of it may be missing, and every state takes it. */
const contract = [
  ...['tracker.delegated', 'tracker.undelegated', 'tracker.updated', 'tracker.removed', 'tracker.prompted', 'tracker.stopRequested'],
  ...['blocker.changed', 'child.changed', 'pr.opened', 'pr.pushed', 'pr.closed', 'pr.reopened', 'pr.merged', 'pr.updated'],
  ...['review.approved', 'review.changesRequested', 'review.commented', 'review.dismissed'],
  ...['checks.pending', 'checks.passed', 'checks.failed', 'queue.entered', 'queue.evicted', 'queue.left'],
  ...['deploy.succeeded', 'deploy.failed', 'reconcile', 'run.started', 'run.progressed', 'run.finished'],
  ...['operator.prompted', 'operator.stopped', 'operator.retried', 'operator.closed', 'operator.budgetReset'],
  ...['capacity.granted', 'capacity.revoked'],
]

function* nodesOf(node: NodeDefinition): Generator<NodeDefinition> {
  yield node
  for (const child of node.states) yield* nodesOf(child)
}

/** The names that a chart's configuration uses, as they are written there. */
interface Named {
  entry?: unknown
  exit?: unknown
  always?: unknown
  on?: Record<string, unknown>
  after?: Record<string, unknown>
  invoke?: { src: string; onDone?: unknown; onError?: unknown }
  states?: Record<string, Named>
}
const list = (value: unknown): unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value])

function namesIn(config: Named): { guards: string[]; actions: string[]; delays: string[]; actors: string[]; events: string[] } {
  const own = { guards: [] as string[], actions: [] as string[], delays: [] as string[], actors: [] as string[], events: [] as string[] }
  const transitions = [...Object.values(config.on ?? {}), ...Object.values(config.after ?? {}), config.always].flatMap(list)
  for (const invoke of list(config.invoke) as NonNullable<Named['invoke']>[]) {
    own.actors.push(invoke.src)
    transitions.push(...list(invoke.onDone), ...list(invoke.onError))
  }
  own.actions.push(...([...list(config.entry), ...list(config.exit)] as string[]))
  own.delays.push(...Object.keys(config.after ?? {}))
  own.events.push(...Object.keys(config.on ?? {}))
  for (const transition of transitions) {
    const { guard, actions } = (typeof transition === 'object' ? transition : {}) as { guard?: string; actions?: unknown }
    if (guard !== undefined) own.guards.push(guard)
    own.actions.push(...(list(actions) as string[]))
  }
  for (const child of Object.values(config.states ?? {})) {
    const inner = namesIn(child)
    for (const kind of Object.keys(own) as (keyof typeof own)[]) own[kind].push(...inner[kind])
  }
  return own
}

const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort()

describe.each(Object.keys(machines) as MachineName[])('the chart of %s', (name) => {
  const machine = machines[name] as unknown as AnyStateMachine
  const { guards, actions, delays, actors } = machine.implementations as unknown as Record<
    'guards' | 'actions' | 'delays' | 'actors',
    Record<string, unknown>
  >
  const used = namesIn(machine.config as Named)
  const nodes = [...nodesOf(definitions[name].root)]

  it('names only guards, actions, delays and effects that exist', () => {
    expect(sorted(used.guards).filter((guard) => !(guard in guards))).toEqual([])
    expect(sorted(used.actions).filter((action) => !(action in actions))).toEqual([])
    expect(sorted(used.delays).filter((delay) => !(delay in delays))).toEqual([])
    expect(sorted(used.actors).filter((actor) => !(actor in actors))).toEqual([])
  })

  it('uses every action and delay that exists, and every guard by name or through one that it names', () => {
    expect(sorted(Object.keys(actions))).toEqual(sorted(used.actions))
    expect(sorted(Object.keys(delays))).toEqual(sorted(used.delays))
    const unused = sorted(Object.keys(guards)).filter((guard) => !used.guards.includes(guard))
    const composed: Partial<Record<MachineName, string[]>> = {
      issue: ['canStart', 'isAwaitingInput', 'isAwaitingQueue', 'isChangesRequested', 'isDelegated', 'isDeploying', 'isDone'].concat([
        ...['isEscalated', 'isFailed', 'isImplementing', 'isOpen', 'isRepairingCi', 'isRepairingQueue'],
      ]),
      run: ['hasAdvanced'],
    }
    expect(unused).toEqual(composed[name] ?? [])
  })

  it('knows every event that it takes, and takes every event that it knows', () => {
    const known = Object.entries(alphabet[name] as Record<string, boolean>)
    expect(sorted(used.events).filter((event) => !event.endsWith('*'))).toEqual(
      sorted(known.flatMap(([event, named]) => (named ? [event] : []))),
    )
  })

  it('leads only to states that exist', () => {
    const ids = new Set(nodes.map(({ id }) => id))
    const targets = nodes.flatMap(({ transitions }) => transitions.flatMap((transition) => transition.targets))
    expect(targets.filter((target) => !ids.has(target))).toEqual([])
  })

  it('reaches every state', () => {
    const reached = new Set<string>()
    const enter = (node: NodeDefinition): void => {
      if (reached.has(node.id)) return
      reached.add(node.id)
      for (const child of node.type === 'parallel' ? node.states : node.states.filter(({ id }) => id === node.initial)) enter(child)
      for (const target of node.transitions.flatMap((transition) => transition.targets)) enterPath(target)
    }
    const enterPath = (target: string): void => {
      for (const node of nodes) if (target === node.id || target.startsWith(`${node.id}.`)) enter(node)
    }
    enter(definitions[name].root)
    expect(nodes.map(({ id }) => id).filter((id) => !reached.has(id))).toEqual([])
  })

  it('describes every state in a sentence', () => {
    const silent = nodes.filter(
      ({ type, states, description }) => (description ?? '') === '' && !(type === 'compound' && states.length === 1),
    )
    expect(silent.map(({ id }) => id)).toEqual([])
  })

  it('ends no state silently: a timer, an effect, an eventless way on, a party that is waited for, or the whole machine rests', () => {
    const resting: Record<MachineName, string[]> = {
      // The other regions say what is waited for; a law test shows that one of them always does.
      issue: ['authority.acting', 'lifecycle.delegated', 'lifecycle.implementing', 'lifecycle.changes_requested'].concat([
        ...['lifecycle.repairing_ci', 'lifecycle.repairing_queue', 'lifecycle.failed', 'lifecycle.done'],
      ]),
      run: ['starting', 'recovering.resuming', 'recovering.forking', 'recovering.afresh', 'settled'],
      queue: ['open'],
      // The queue tells an entry what it waits for: the candidate before it, or that it is first.
      entry: ['waiting', 'tested', 'refuted', 'contained', 'landed', 'evicted', 'left'],
      capacity: ['door.granting', 'door.draining'],
      check: ['recorded'],
      reconciliation: [],
    }
    const isSilent = ({ id, states, invoke, meta, transitions }: NodeDefinition): boolean =>
      states.length === 0 &&
      invoke.length === 0 &&
      meta['waitsFor'] === undefined &&
      !transitions.some(({ event }) => event === '' || event.startsWith('after ')) &&
      !resting[name].includes(id.slice(name.length + 1))
    const parents = (id: string) => nodes.filter((node) => id.startsWith(`${node.id}.`) && node.id !== name)
    const silent = nodes
      .filter(isSilent)
      .filter(({ id }) => !parents(id).some((parent) => parent.meta['waitsFor'] !== undefined || parent.invoke.length > 0))
    expect(silent.map(({ id }) => id)).toEqual([])
  })
})

describe("the contract's events", () => {
  it('are all known to the issue', () => {
    expect(contract.filter((event) => !(event in alphabet.issue))).toEqual([])
  })

  it('are taken in every state', () => {
    const always = new Set(definitions.issue.root.transitions.map(({ event }) => event))
    const region = definitions.issue.root.states.find(({ key }) => key === 'run')!
    const inRun = new Set(region.transitions.map(({ event }) => event))
    expect(contract.filter((event) => !always.has(event) && !inRun.has(event))).toEqual([])
  })
})

describe('whom the states wait for', () => {
  it('is said by a function for each name, and each function is named by a state', () => {
    const named = [...nodesOf(definitions.issue.root)].flatMap(({ meta }) =>
      meta['waitsFor'] === undefined ? [] : [String(meta['waitsFor'])],
    )
    expect(sorted(named)).toEqual(sorted(Object.keys(waiting)))
  })

  it('are parties of the contract', () => {
    expect(parties).toHaveLength(11)
  })
})

describe('a definition', () => {
  it('has eventless and delayed transitions too, with their guards and actions by name', () => {
    const lifecycle = definitions.issue.root.states.find(({ key }) => key === 'lifecycle')!
    expect(lifecycle.transitions.filter(({ event }) => event === '')).toHaveLength(12)
    expect(lifecycle.transitions[0]).toEqual({
      ...{ event: '', guard: 'hasBecomeDone', targets: ['issue.lifecycle.done'], actions: ['becomeDone'], description: null },
    })
    const held = definitions.entry.root.states.find(({ key }) => key === 'held')!
    expect(held.transitions).toMatchObject([{ event: 'after held', targets: ['entry.landing'] }])
    expect(definitions.check.root.states[0]!.invoke).toEqual([{ id: 'checks', src: 'runChecks' }])
  })

  it('is plain data', () => {
    for (const definition of Object.values(definitions)) expect(JSON.parse(JSON.stringify(definition))).toEqual(definition)
    expect(describeMachine(machines.check as unknown as AnyStateMachine, { id: 'check', version: '9' }).version).toBe('9')
  })

  it('finds the active states of a value, outermost first', () => {
    const active = activeNodes(definitions.issue.root, { authority: 'acting', lifecycle: { awaiting_queue: 'asked' }, run: 'idle' })
    expect(active.map(({ key }) => key)).toEqual(['issue', 'authority', 'acting', 'lifecycle', 'awaiting_queue', 'asked', 'run', 'idle'])
    expect(activeNodes(definitions.issue.root, undefined).map(({ key }) => key)).toEqual(['issue', 'authority', 'lifecycle', 'run'])
  })
})
