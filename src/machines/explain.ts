// Why an issue is where it is and what would move it, computed from the machine: its active states, the events they take, and what each
// guard read to say yes or no.

import { activeNodes, describeMachine } from './definition.ts'
import type { IssueContext } from './issue/context.ts'
import * as guards from './issue/guards.ts'
import { issueMachine } from './issue/machine.ts'
import { parties } from './vocabulary.ts'

type Guard = (args: { context: IssueContext; event: { type: string; at?: number } }) => boolean

export interface GuardReading {
  name: string
  holds: boolean
  /** The paths of the context that the guard looked at, with what it saw. */
  reads: Record<string, unknown>
}

export interface EventReading {
  type: string
  by: string
  enabled: boolean
  guards: GuardReading[]
  target: string | null
}

const definition = describeMachine(issueMachine, { id: 'issue', version: '' })

/** Evaluates a guard over the context and notes what it reads. A guard that cannot judge without its event counts as false. */
export function readGuard(name: string, context: IssueContext, now: number, eventType: string): GuardReading {
  const reads: Record<string, unknown> = {}
  const guard = (guards as unknown as Record<string, Guard>)[name]
  let holds = false
  try {
    holds = guard?.({ context: observed(context, '', reads), event: { type: eventType, at: now } }) ?? false
  } catch {
    holds = false
  }
  return { name, holds, reads }
}

/** The context behind a proxy that notes the leaves which are read; of a path only what was read last of all is of interest. */
function observed<T extends object>(value: T, path: string, reads: Record<string, unknown>): T {
  return new Proxy(value, {
    get(target, key) {
      const found = Reflect.get(target, key) as unknown
      if (typeof key === 'symbol' || typeof found === 'function') return found
      const at = path === '' ? key : `${path}.${key}`
      if (typeof found === 'object' && found !== null) return observed(found, at, reads)
      reads[at] = found
      return found
    },
  })
}

/** Who can cause an event of this name: a party of the contract, or the system itself. */
function causeOf(event: string): string {
  if (event === '') return 'system'
  if (event.startsWith('after ')) return 'timer'
  const [subject = ''] = event.split('.')
  const known: Record<string, (typeof parties)[number] | 'system' | 'tracker' | 'forge'> = {
    tracker: 'human',
    blocker: 'dependency',
    child: 'dependency',
    pr: 'forge',
    review: 'reviewer',
    checks: 'ci',
    queue: 'queue',
    deploy: 'deploy',
    run: 'agent',
    xstate: 'agent',
    operator: 'operator',
    capacity: 'capacity',
  }
  return known[subject] ?? 'system'
}

export interface ExplainFacts {
  value: unknown
  context: unknown
  timers: readonly { name: string; due: number }[]
  /** Epoch ms. */
  now: number
}

export function explainIssue({ value, context, timers, now }: ExplainFacts) {
  const c = context as IssueContext
  const active = activeNodes(definition.root, value)
  const events: EventReading[] = []
  for (const node of active) {
    for (const transition of node.transitions) {
      const reading = transition.guard === null ? [] : [readGuard(transition.guard, c, now, transition.event)]
      events.push({
        type: transition.event === '' ? 'always' : transition.event,
        by: causeOf(transition.event),
        enabled: reading.every((guard) => guard.holds),
        guards: reading,
        target: transition.targets[0] ?? null,
      })
    }
  }
  return {
    states: active.slice(1).map((node) => ({ id: node.id, description: node.description ?? '' })),
    events,
    timers: timers.map(({ name, due }) => ({ name: name.replace(/^xstate\.after\./, ''), due: new Date(due).toISOString() })),
  }
}

/** The types of events that the active states take; what a refused action is answered with. */
export function acceptedEvents(value: unknown): string[] {
  return [...new Set(activeNodes(definition.root, value).flatMap((node) => node.transitions.map((transition) => transition.event)))].filter(
    (event) => event !== '' && !event.startsWith('after ') && !event.startsWith('xstate.'),
  )
}
