// The capacity actor's model for exploration: three issues of two projects, two urgencies, one place or two.

import { alive, dawn, emits, tick, type EventOf, type Happening, type Model, type Situation } from '../model.ts'
import type { CapacityContext, CapacityRequest } from './context.ts'
import type { CapacityEvent } from './events.ts'

type State = Situation<CapacityContext>
type Of<T extends CapacityEvent['type']> = EventOf<CapacityEvent, T>

const issues = [
  { issue: 'a', project: 'p', priorities: [0] },
  { issue: 'b', project: 'p', priorities: [0, 1] },
  { issue: 'c', project: 'q', priorities: [0] },
]

/** One list of examples for each type of event: a new type does not compile without. */
const examples: { [T in CapacityEvent['type']]: (c: CapacityContext) => Of<T>[] } = {
  'capacity.requested': () =>
    issues.flatMap(({ priorities, ...one }) =>
      priorities.map((priority): Of<'capacity.requested'> => ({ type: 'capacity.requested', ...one, priority, request: 1 })),
    ),
  'capacity.urged': () => [0, 1].map((priority) => ({ type: 'capacity.urged', issue: 'b', priority })),
  'capacity.withdrawn': () => issues.map(({ issue }) => ({ type: 'capacity.withdrawn', issue })),
  'capacity.released': () => issues.map(({ issue }) => ({ type: 'capacity.released', issue })),
  'capacity.reconciled': (c) => [
    { type: 'capacity.reconciled', holders: c.holders, waiting: c.waiting },
    { type: 'capacity.reconciled', holders: [], waiting: [] },
    { type: 'capacity.reconciled', holders: [], waiting: c.waiting },
  ],
  'capacity.limited': () => [1, 2].map((limit) => ({ type: 'capacity.limited', limit })),
  'operator.paused': () => [{ type: 'operator.paused' }, { type: 'operator.paused', project: 'p' }],
  'operator.resumed': () => [{ type: 'operator.resumed' }, { type: 'operator.resumed', project: 'p' }],
  'operator.drained': () => [{ type: 'operator.drained' }],
}

const labelOf = ({ type, ...rest }: CapacityEvent, index: number): string => {
  const { issue, priority, project, limit } = rest as Record<string, unknown>
  return [
    type,
    issue,
    priority === undefined ? undefined : `priority ${String(priority)}`,
    issue === undefined ? project : undefined,
    limit,
  ]
    .filter((part) => part !== undefined)
    .join(' ')
    .concat(type === 'capacity.reconciled' ? ` ${index}` : '')
}

const events = ({ context }: State): Happening[] =>
  Object.values(examples).flatMap((list) =>
    (list as (c: CapacityContext) => CapacityEvent[])(context).map((event, index): Happening => ({
      label: labelOf(event, index),
      cause: event.type.startsWith('operator.') || event.type === 'capacity.limited' ? 'word' : 'inside',
      at: dawn + tick,
      send: event as unknown as { type: string },
    })),
  )

/** Numbers by their order alone: the first is 1. Equal ones stay equal. */
const ranks = (numbers: readonly number[]): Map<number, number> =>
  new Map([...new Set(numbers)].sort((a, b) => a - b).map((number, index) => [number, index + 1]))

const byIssue = <T extends { issue: string }>(list: readonly T[]): T[] => [...list].sort((a, b) => (a.issue < b.issue ? -1 : 1))

/** Who came first matters, not the numbers that say so. */
function representative({ context: c, ...rest }: State): State {
  const arrivals = ranks(c.waiting.map((request) => request.arrival))
  const turns = ranks(Object.values(c.lastGrant))
  const projects = Object.keys(c.lastGrant).sort()
  return {
    ...rest,
    context: {
      ...c,
      holders: byIssue(c.holders),
      waiting: c.waiting.map((request) => ({ ...request, arrival: arrivals.get(request.arrival)! })),
      arrivals: arrivals.size,
      grants: turns.size,
      lastGrant: Object.fromEntries(projects.map((project) => [project, turns.get(c.lastGrant[project]!)!])),
      paused: [...c.paused].sort(),
    },
  }
}

const isOpen = (c: CapacityContext, { project }: CapacityRequest): boolean => !c.closed && !c.pausedAll && !c.paused.includes(project)
const named = (list: readonly { issue: string }[]): string => list.map(({ issue }) => issue).join(', ') || 'nobody'

export const capacityModel: Model<CapacityContext> = {
  machine: 'capacity',
  parent: null,
  worlds: [{ name: 'one place', input: { limit: 1 }, events }],
  representative,
  properties: [
    {
      id: 'P1',
      statement: 'While it drains or everything is paused, no place is granted.',
      step: ({ after: { context: c }, commands }) =>
        (c.closed || c.pausedAll) && emits(commands, 'capacity.granted').length > 0 ? 'a place was granted' : undefined,
    },
    {
      id: 'P5',
      statement: 'A resumption and the end of what holds places grant every request.',
      state: ({ context: c }, from) => {
        if (c.waiting.length === 0) return undefined
        const end = (t: ReturnType<typeof from>): CapacityContext => {
          const [holder] = t.after.context.holders
          if (holder === undefined) return t.after.context
          return end(t.then({ label: '', cause: 'inside', at: dawn, send: { type: 'capacity.released', issue: holder.issue } }))
        }
        const { waiting } = end(from({ label: '', cause: 'word', at: dawn, send: { type: 'operator.resumed' } }))
        return waiting.length > 0 ? `${named(waiting)} waits for ever` : undefined
      },
    },
    {
      id: 'P7',
      statement: 'A request, a withdrawal or a return that comes twice is one.',
      arrival: ({ after, happening, then, isLoop }) => {
        if (isLoop || happening.cause !== 'inside' || happening.label.startsWith('capacity.reconciled')) return undefined
        // A holder that asks again has lost its run, and is given a place anew.
        if (
          happening.label.startsWith('capacity.requested') &&
          !after.context.waiting.some(({ issue }) => happening.label.includes(` ${issue} `))
        )
          return undefined
        const again = then(happening)
        return JSON.stringify(again.after.context) === JSON.stringify(after.context) &&
          emits(again.commands, 'capacity.granted').length === 0
          ? undefined
          : 'the second one is not ignored'
      },
    },
    {
      id: 'P11',
      statement: 'Nobody waits while a place is free that may be given to it.',
      state: ({ context: c }) => {
        const waiting = c.waiting.filter((request) => isOpen(c, request))
        return waiting.length > 0 && c.holders.length < c.limit ? `${named(waiting)} waits beside a free place` : undefined
      },
    },
    {
      id: 'P12',
      statement: 'An issue holds one place or waits once, grants are within the limit, and each goes to one that asked for it.',
      state: ({ context: c, children }) => {
        const all = [...c.holders, ...c.waiting].map(({ issue }) => issue)
        if (new Set(all).size !== all.length) return `${all.join(', ')}: one of them twice`
        return alive({ children } as State).length > 0 ? 'it has a child' : undefined
      },
      step: ({ before, after, commands, happening }) => {
        const granted = emits(commands, 'capacity.granted').map(({ issue }) => issue as string)
        if (granted.length > 0 && after.context.holders.length > after.context.limit) return 'more places than there are'
        const unasked = granted.find(
          (issue) =>
            !before.context.waiting.some((request) => request.issue === issue) &&
            !happening.label.startsWith(`capacity.requested ${issue}`),
        )
        if (unasked !== undefined) return `${unasked} did not ask`
        return granted.every((issue) => after.context.holders.some((holder) => holder.issue === issue))
          ? undefined
          : 'a grant without a holder'
      },
    },
  ],
}
