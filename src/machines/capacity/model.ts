// The capacity actor's model for exploration: three issues of two projects, two urgencies, one place or two; what a day costs; agents with
// and without room.

import { alive, dawn, emits, isTimer, tick, type EventOf, type Happening, type Model, type Situation, type Transition } from '../model.ts'
import type { CapacityContext, CapacityRequest, DayBudgets } from './context.ts'
import type { CapacityEvent } from './events.ts'
import { dayOf, firstRoom, heldBack, nextMidnight } from './policy.ts'

type State = Situation<CapacityContext>
type Of<T extends CapacityEvent['type']> = EventOf<CapacityEvent, T>

const issues = [
  { issue: 'a', project: 'p', priorities: [0] },
  { issue: 'b', project: 'p', priorities: [0, 1] },
  { issue: 'c', project: 'q', priorities: [0] },
]

/** The first may be stood in for by the second. */
const agents = ['x', 'y']
const hour = 3_600_000
const noBudgets: DayBudgets = { all: null, projects: {} }

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
  'capacity.limited': () => [
    ...[1, 2].map((limit): Of<'capacity.limited'> => ({ type: 'capacity.limited', limit })),
    ...([{ all: 2, projects: { p: 1 } }, noBudgets] satisfies DayBudgets[]).map((budgets): Of<'capacity.limited'> => ({
      ...{ type: 'capacity.limited', limit: 1, budgets },
    })),
  ],
  'operator.paused': () => [{ type: 'operator.paused' }, { type: 'operator.paused', project: 'p' }],
  'operator.resumed': () => [{ type: 'operator.resumed' }, { type: 'operator.resumed', project: 'p' }],
  'operator.drained': () => [{ type: 'operator.drained' }],
  'capacity.spent': (c) =>
    issues.map(({ issue, project }) => {
      const before = c.known[issue] ?? 0
      return { type: 'capacity.spent', issue, project, before, usd: before + 1 }
    }),
  'operator.budgetLifted': () => [{ type: 'operator.budgetLifted' }, { type: 'operator.budgetLifted', project: 'p' }],
  // For longer than every other.
  'agent.exhausted': (c) => {
    const until = Math.max(c.now, ...Object.values(c.shortages).map((shortage) => shortage.until)) + hour
    return agents.map((agent) => ({ type: 'agent.exhausted', agent, until, reason: '' }))
  },
  'agent.restored': () => agents.map((agent) => ({ type: 'agent.restored', agent })),
}

const labelOf = ({ type, ...rest }: CapacityEvent, index: number): string => {
  const { issue, priority, project, limit, agent, budgets } = rest as Record<string, unknown>
  return [
    type,
    issue,
    priority === undefined ? undefined : `priority ${String(priority)}`,
    issue === undefined ? project : undefined,
    limit,
    agent,
    budgets === undefined ? undefined : JSON.stringify(budgets),
  ]
    .filter((part) => part !== undefined)
    .join(' ')
    .concat(type === 'capacity.reconciled' ? ` ${index}` : '')
}

/** Every pending timer may be the next thing that happens, at its time. */
const timers = ({ context: c, timers: pending }: State): Happening[] =>
  Object.keys(pending).map((timer) => ({
    label: `timer ${timer.split('.')[2]}`,
    cause: 'inside',
    at: isTimer(timer, 'midnight') ? nextMidnight(c) : firstRoom(c),
    timer,
  }))

/** In a world with agents, one may do the work of two issues, and each of them that of the third. */
const withAgents = (event: CapacityEvent): CapacityEvent =>
  event.type === 'capacity.requested' ? { ...event, agents: event.issue === 'c' ? agents : ['x'] } : event

const only =
  (pattern: RegExp, change: (event: CapacityEvent) => CapacityEvent = (event) => event) =>
  (state: State): Happening[] =>
    [...events(state, change), ...timers(state)].filter(({ label }) => pattern.test(label))

const events = ({ context }: State, change: (event: CapacityEvent) => CapacityEvent): Happening[] =>
  Object.values(examples).flatMap((list) =>
    (list as (c: CapacityContext) => CapacityEvent[])(context).map((event, index): Happening => ({
      label: labelOf(event, index),
      cause: event.type.startsWith('operator.') || event.type === 'capacity.limited' ? 'word' : 'inside',
      at: context.now + tick,
      send: change(event) as unknown as { type: string },
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
  const waits = ranks(Object.values(c.shortages).map(({ until }) => until))
  const isToday = dayOf(c.now) === c.day
  return {
    ...rest,
    context: {
      ...c,
      now: dawn,
      day: isToday ? dayOf(dawn) : 0,
      // Beyond its budget nothing is more than used up; what has none counts for all alone.
      spent: Object.fromEntries(['p', 'q'].flatMap((project) => (c.spent[project] ? [[project, Math.min(c.spent[project], 2)]] : []))),
      known: {},
      lifted: { ...c.lifted, projects: [...c.lifted.projects].sort() },
      shortages: Object.fromEntries(
        agents.flatMap((agent) => {
          const known = c.shortages[agent]
          return known === undefined ? [] : [[agent, { until: dawn + waits.get(known.until)! * hour, reason: '' }]]
        }),
      ),
      holders: byIssue(c.holders),
      waiting: c.waiting.map((request) => ({ ...request, arrival: arrivals.get(request.arrival)! })),
      arrivals: arrivals.size,
      grants: turns.size,
      lastGrant: Object.fromEntries(projects.map((project) => [project, turns.get(c.lastGrant[project]!)!])),
      paused: [...c.paused].sort(),
    },
  }
}

/** The state after another event, at the same time. */
const told = (t: Transition<CapacityContext>, send: { type: string; [key: string]: unknown }): Transition<CapacityContext> =>
  t.then({ label: '', cause: 'inside', at: t.after.context.now, send })
const isOpen = (c: CapacityContext, request: CapacityRequest): boolean => heldBack(c, request) === null
const named = (list: readonly { issue: string }[]): string => list.map(({ issue }) => issue).join(', ') || 'nobody'

export const capacityModel: Model<CapacityContext> = {
  machine: 'capacity',
  parent: null,
  worlds: [
    {
      name: 'one place',
      input: { limit: 1 },
      events: only(/^(capacity\.(requested|urged|withdrawn|released|reconciled|limited \d$)|operator\.(paused|resumed|drained))/),
    },
    {
      name: 'what a day costs',
      input: { limit: 1 },
      events: only(/^(capacity\.(requested \w priority 0|released|spent|limited)|operator\.(budgetLifted|drained|resumed$)|timer)/),
    },
    {
      name: 'agents without room',
      input: { limit: 1 },
      events: only(/^(capacity\.(requested \w priority 0|released)|agent|operator\.(drained|resumed$)|timer)/, withAgents),
    },
  ],
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
      statement: 'A resumption, a lifted budget, agents with room and the end of what holds places grant every request.',
      state: ({ context: c }, from) => {
        if (c.waiting.length === 0) return undefined
        const end = (t: ReturnType<typeof from>): CapacityContext => {
          const [holder] = t.after.context.holders
          if (holder === undefined) return t.after.context
          return end(told(t, { type: 'capacity.released', issue: holder.issue }))
        }
        const resumed = from({ label: '', cause: 'word', at: c.now, send: { type: 'operator.resumed' } })
        const lifted = told(resumed, { type: 'operator.budgetLifted' })
        const { waiting } = end(agents.reduce((t, agent) => told(t, { type: 'agent.restored', agent }), lifted))
        return waiting.length > 0 ? `${named(waiting)} waits for ever` : undefined
      },
    },
    {
      id: 'P5',
      statement: 'What is held back for money or by a provider has a timer that ends it, and is granted no place before.',
      state: ({ context: c, timers: pending }) => {
        const held = c.waiting.filter((request) => heldBack(c, request)?.until != null)
        return held.length > 0 && Object.keys(pending).length === 0 ? `${named(held)} waits without a timer` : undefined
      },
      step: ({ before, after: { context: c }, commands }) => {
        for (const { issue, agent } of emits(commands, 'capacity.granted')) {
          const { project } = c.holders.find((holder) => holder.issue === issue)!
          if (heldBack(c, { issue: issue as string, project }) !== null) return `${String(issue)} has a place without leave`
          if (agent !== undefined && c.shortages[agent as string] !== undefined) return `${String(agent)} has no room`
        }
        return before.context.now > c.now ? 'time goes back' : undefined
      },
    },
    {
      id: 'P7',
      statement: 'A request, a withdrawal, a return, a spending or a shortage that comes twice is one.',
      arrival: ({ after, happening, then, isLoop }) => {
        if (isLoop || happening.cause !== 'inside' || /^(capacity\.reconciled|timer)/.test(happening.label)) return undefined
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
