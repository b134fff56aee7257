// Who may run: the limit holds, urgent issues go first, projects take turns, and no place is lost.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createContext, type CapacityContext } from '../../../src/machines/capacity/context.ts'
import { hasEveryAgentRoom, isAgentShort, isDayOpen, isDaySpent, isWaiting } from '../../../src/machines/capacity/guards.ts'
import { migrations } from '../../../src/machines/capacity/migrations.ts'
import { dayOf, heldBack } from '../../../src/machines/capacity/policy.ts'
import { dawn, start, type Event, type Player } from '../player.ts'

type Capacity = Player<CapacityContext>

const playOn = (capacity: Capacity, ...events: Event[]): Capacity => events.reduce((now, event) => now.send(event), capacity)
const play = (limit: number, ...events: Event[]): Capacity => playOn(start<CapacityContext>('capacity', { limit }), ...events)
const asked = (issue: string, project = 'app', priority = 0, request = 1): Event => ({
  type: 'capacity.requested',
  issue,
  project,
  priority,
  request,
})
const urged = (issue: string, priority: number): Event => ({ type: 'capacity.urged', issue, priority })
const withdrawn = (issue: string): Event => ({ type: 'capacity.withdrawn', issue, project: 'app', priority: 0, request: 1 })
const released = (issue: string): Event => ({ type: 'capacity.released', issue, project: 'app', priority: 0, request: 1 })
const granted = (capacity: Capacity): unknown[] => capacity.reports('capacity.granted').map(({ issue }) => issue)
const holders = ({ context }: Capacity): string[] => context.holders.map(({ issue }) => issue)

/** The order in which everybody who waits gets the one place. */
function turns(capacity: Capacity): string[] {
  const [holder] = holders(capacity)
  return holder === undefined ? [] : [holder, ...turns(playOn(capacity, released(holder)))]
}

describe('places', () => {
  it('are granted up to the limit, and the next when one comes back (case 264) (edge 294)', () => {
    const full = play(2, asked('a'), asked('b'), asked('c'))
    expect([holders(full), granted(full)]).toEqual([['a', 'b'], []])
    expect(granted(playOn(full, released('a')))).toEqual(['c'])
  })

  it('carry the number of the request that they answer', () => {
    expect(play(1, asked('a', 'app', 0, 7)).reports('capacity.granted')).toEqual([{ type: 'capacity.granted', issue: 'a', request: 7 }])
  })

  it('are asked for once, however often', () => {
    const queue = play(1, asked('a'), asked('b'), asked('b'))
    expect(queue.context.waiting).toHaveLength(1)
  })

  it('go first to whoever has become more urgent while it waited', () => {
    const queue = play(1, asked('a'), asked('b'), asked('c'), urged('c', 1), urged('a', 1))
    expect(queue.context.waiting.map(({ issue, priority, arrival }) => [issue, priority, arrival])).toEqual([
      ['b', 0, 2],
      ['c', 1, 3],
    ])
    expect(granted(playOn(queue, released('a')))).toEqual(['c'])
  })

  it('come back when what was asked for is taken back, granted or not', () => {
    expect(holders(play(1, asked('a'), withdrawn('a')))).toEqual([])
    expect(play(1, asked('a'), asked('b'), withdrawn('b')).context.waiting).toEqual([])
    expect(granted(play(1, asked('a'), asked('b'), withdrawn('a')))).toEqual(['b'])
  })

  it('that come back twice come back once', () => {
    const capacity = play(1, asked('a'), asked('b'), asked('c'), released('a'), released('a'))
    expect([holders(capacity), capacity.context.waiting.map(({ issue }) => issue)]).toEqual([['b'], ['c']])
  })

  it('of one who asks again are not its any more: it has lost its run', () => {
    const capacity = play(1, asked('a'), asked('b'), asked('a'))
    expect([holders(capacity), granted(capacity)]).toEqual([['b'], ['b']])
  })

  it('follow a changed limit', () => {
    expect(granted(play(1, asked('a'), asked('b'), { type: 'capacity.limited', limit: 2 }))).toEqual(['b'])
    const fewer = play(2, asked('a'), asked('b'), asked('c'), { type: 'capacity.limited', limit: 1 }, released('a'))
    expect([holders(fewer), granted(fewer)]).toEqual([['b'], []])
  })

  it('that a lost message leaked are found at the boot (case 252)', () => {
    const capacity = play(1, asked('gone'), asked('a'), asked('b'), {
      type: 'capacity.reconciled',
      holders: [],
      waiting: [{ issue: 'b', project: 'app', priority: 0, arrival: 3, request: 1 }],
    })
    expect([holders(capacity), granted(capacity), capacity.context.waiting]).toEqual([['b'], ['b'], []])
  })
})

describe('the order', () => {
  it('is by urgency: 1 first, 0 last', () => {
    expect(turns(play(1, asked('x'), asked('none'), asked('low', 'app', 4), asked('urgent', 'app', 1), asked('high', 'app', 2)))).toEqual([
      'x',
      'urgent',
      'high',
      'low',
      'none',
    ])
  })

  it('is by arrival within a project, and project by project otherwise', () => {
    expect(
      turns(play(1, asked('x', 'p'), asked('p1', 'p'), asked('p2', 'p'), asked('p3', 'p'), asked('q1', 'q'), asked('q2', 'q'))),
    ).toEqual([...['x', 'q1', 'p1', 'q2', 'p2', 'p3']])
  })

  it('gives the next place to the project that holds fewest', () => {
    const capacity = play(3, asked('p1', 'p'), asked('p2', 'p'), asked('q1', 'q'), asked('p3', 'p'), asked('q2', 'q'), released('q1'))
    expect(granted(capacity)).toEqual(['q2'])
  })
})

describe('a pause', () => {
  const pause = (project?: string): Event => ({ type: 'operator.paused', ...(project ? { project } : {}) })
  const resume = (project?: string): Event => ({ type: 'operator.resumed', ...(project ? { project } : {}) })

  it('of everything grants nothing until it ends', () => {
    const capacity = play(2, pause(), asked('a'))
    expect(holders(capacity)).toEqual([])
    expect(granted(playOn(capacity, resume()))).toEqual(['a'])
  })

  it('of a project lets the others through', () => {
    const capacity = play(2, pause('p'), pause('p'), asked('a', 'p'), asked('b', 'q'))
    expect(holders(capacity)).toEqual(['b'])
    expect(granted(playOn(capacity, resume('p')))).toEqual(['a'])
    expect(granted(playOn(capacity, resume()))).toEqual(['a'])
  })

  it('takes nothing away', () => {
    expect(holders(play(1, asked('a'), pause()))).toEqual(['a'])
  })
})

describe('draining', () => {
  it('grants nothing, also not what comes back, until it is resumed', () => {
    const capacity = play(1, asked('a'), asked('b'), { type: 'operator.drained' }, released('a'), asked('c'))
    expect([capacity.value, holders(capacity)]).toEqual([{ door: 'draining', money: 'lasting', agents: 'roomy' }, []])
    const resumed = playOn(capacity, { type: 'operator.resumed' })
    expect([resumed.value, holders(resumed)]).toEqual([{ door: 'granting', money: 'lasting', agents: 'roomy' }, ['b']])
  })

  it('ends a pause too when it is resumed', () => {
    const capacity = play(1, { type: 'operator.paused' }, { type: 'operator.drained' }, asked('a'), { type: 'operator.resumed' })
    expect(holders(capacity)).toEqual(['a'])
  })
})

describe('the money of a day', () => {
  const budgets = (all: number | null, projects: Record<string, number> = {}): Event => ({
    type: 'capacity.limited',
    limit: 2,
    budgets: { all, projects },
  })
  const spent = (issue: string, project: string, usd: number, before = 0): Event => ({
    type: 'capacity.spent',
    issue,
    project,
    usd,
    before,
  })
  const lift = (project?: string): Event => ({ type: 'operator.budgetLifted', ...(project ? { project } : {}) })
  const midnight = dayOf(dawn) + 86_400_000
  const money = ({ value }: Capacity): unknown => (value as { money: string }).money
  const hold = ({ context }: Capacity, issue: string, project = 'p') => heldBack(context, { issue, project })

  it('of a project holds its runs back until midnight in UTC, and those of no other', () => {
    const capacity = play(2, budgets(null, { p: 5 }), spent('x', 'p', 5), asked('a', 'p'), asked('b', 'q'))
    expect([holders(capacity), money(capacity)]).toEqual([['b'], 'spent'])
    expect(hold(capacity, 'a')).toEqual({
      party: 'capacity',
      reason: 'the budget of the project p for a day is used up (5 USD of 5 USD): `signalbox lift-budget p` lifts it for today',
      until: midnight,
    })
    expect(hold(capacity, 'b', 'q')).toBeNull()
    const later = capacity.fire('midnight')
    expect([later.at, granted(later), money(later), later.context.spent]).toEqual([midnight, ['a'], 'lasting', {}])
  })

  it('of all projects together holds all of them', () => {
    const capacity = play(2, budgets(5), spent('x', 'p', 3), spent('y', 'q', 2), asked('a', 'p'), asked('b', 'q'))
    expect(holders(capacity)).toEqual([])
    expect(hold(capacity, 'a')).toMatchObject({ party: 'capacity', until: midnight })
    expect(hold(capacity, 'a')?.reason).toContain('of all projects for a day is used up (5 USD of 5 USD): `signalbox lift-budget` lifts')
  })

  it('lets runs go on that have a place', () => {
    expect(holders(play(2, budgets(5), asked('a'), spent('a', 'app', 9)))).toEqual(['a'])
  })

  it('is spent once, told twice, late, or in parts', () => {
    const capacity = play(2, spent('x', 'p', 2), spent('x', 'p', 2), spent('x', 'p', 3, 2), spent('x', 'p', 2), spent('y', 'p', 7, 6))
    expect(capacity.context.spent).toEqual({ p: 4 })
  })

  it('of a new day is spent anew, also when nothing was held back', () => {
    const capacity = play(2, budgets(5), spent('x', 'p', 4), { ...spent('x', 'p', 5, 4), at: midnight })
    expect([capacity.context.spent, capacity.context.day]).toEqual([{ p: 1 }, midnight])
  })

  it('that is told after midnight before its timer fires opens the day, and grants', () => {
    const capacity = play(2, budgets(5), spent('x', 'p', 5), asked('a', 'p'), { ...spent('x', 'p', 6, 5), at: midnight + 1 })
    expect([holders(capacity), money(capacity), capacity.timers.size]).toEqual([['a'], 'lasting', 0])
  })

  it('is lifted for today, of one project or of all', () => {
    const capacity = play(2, budgets(5, { p: 3 }), spent('x', 'p', 9), asked('a', 'p'), asked('b', 'q'))
    const project = playOn(capacity, lift('p'))
    expect(hold(project, 'a')?.reason).toContain('all projects')
    const all = playOn(capacity, lift())
    expect([holders(all), money(all)]).toEqual([['a', 'b'], 'lasting'])
    const next = playOn(all, { ...spent('x', 'p', 20, 9), at: midnight }, released('a'), asked('c', 'p'))
    expect([holders(next), money(next)]).toEqual([['b'], 'spent'])
    // A resumption is about pauses, not about money.
    expect(holders(playOn(capacity, { type: 'operator.resumed' }))).toEqual([])
  })

  it('lasts for longer when its budget is raised', () => {
    expect(granted(play(2, budgets(5), spent('x', 'p', 5), asked('a'), budgets(6)))).toEqual(['a'])
  })

  it('goes behind what an operator has decided', () => {
    expect(hold(play(2, budgets(5), spent('x', 'p', 5), asked('a', 'p'), { type: 'operator.paused' }), 'a')?.party).toBe('operator')
  })
})

describe('an agent without room', () => {
  const hour = 3_600_000
  const start_ = play(2)
  const short = (agent: string, hours: number): Event => ({
    type: 'agent.exhausted',
    agent,
    until: start_.at + hours * hour,
    reason: 'usage limit',
  })
  const wants = (issue: string, ...agents: string[]): Event => ({ ...asked(issue), agents })
  const given = (capacity: Capacity): unknown[] => capacity.reports('capacity.granted').map(({ issue, agent }) => [issue, agent])

  it('holds back what only it may do until it has room, then they go on in order', () => {
    const capacity = play(2, short('x', 5), wants('a', 'x'), wants('b', 'x'), wants('c', 'x'), wants('d', 'y'))
    expect(holders(capacity)).toEqual(['d'])
    expect(heldBack(capacity.context, { issue: 'a', project: 'app' })).toEqual({
      ...{ party: 'provider', reason: 'x has no room: usage limit', until: start_.at + 5 * hour },
    })
    const later = capacity.fire('room')
    expect([later.at, given(later)]).toEqual([start_.at + 5 * hour, [['a', 'x']]])
    expect(given(playOn(later, released('d')))).toEqual([['b', 'x']])
  })

  it('is stood in for by the next of the chain that has room, and does it again once it has some', () => {
    expect(given(play(1, short('x', 5), wants('a', 'x', 'y', 'z')))).toEqual([['a', 'y']])
    expect(given(play(1, short('x', 5), short('y', 1), wants('a', 'x', 'y', 'z')))).toEqual([['a', 'z']])
    expect(given(play(1, short('x', 5), { type: 'agent.restored', agent: 'x' }, wants('a', 'x', 'y')))).toEqual([['a', 'x']])
    expect(given(play(1, wants('a', 'x', 'y')))).toEqual([['a', 'x']])
  })

  it('of a chain without any room is waited for, the first of them', () => {
    const capacity = play(1, short('x', 5), short('y', 2), wants('a', 'x', 'y'))
    expect(heldBack(capacity.context, { issue: 'a', project: 'app' })).toMatchObject({
      until: start_.at + 2 * hour,
      reason: 'x has no room: usage limit; y has no room: usage limit',
    })
    const later = capacity.fire('room')
    expect([given(later), later.value]).toEqual([[['a', 'y']], { door: 'granting', money: 'lasting', agents: 'short' }])
    expect(later.fire('room').value).toMatchObject({ agents: 'roomy' })
  })

  it('has none until the later of two times; a time in the past says nothing', () => {
    const capacity = play(1, short('x', 5), short('x', 1), short('y', -1))
    expect(capacity.context.shortages).toEqual({ x: { until: start_.at + 5 * hour, reason: 'usage limit' } })
    expect([...capacity.timers.values()].map(({ due }) => due)).toEqual([start_.at + 5 * hour])
  })

  it('that comes after another one is waited for first when it has room first', () => {
    const capacity = play(1, short('x', 5), short('y', 1))
    expect([...capacity.timers.values()].map(({ due }) => due)).toEqual([start_.at + hour])
  })

  it('that has room again before grants what waits for it', () => {
    const capacity = play(1, short('x', 5), wants('a', 'x'), { type: 'agent.restored', agent: 'x' })
    expect([given(capacity), (capacity.value as { agents: string }).agents, capacity.timers.size]).toEqual([[['a', 'x']], 'roomy', 0])
  })
})

describe('whatever happens', () => {
  const issue = fc.constantFrom('a', 'b', 'c', 'd')
  const event: fc.Arbitrary<Event> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(issue, fc.constantFrom('p', 'q'), fc.integer({ min: 0, max: 4 }))
        .map(([name, project, priority]) => asked(name, project, priority)),
    },
    { weight: 2, arbitrary: issue.map(released) },
    { weight: 1, arbitrary: issue.map(withdrawn) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { type: 'operator.paused' },
        { type: 'operator.resumed' },
        { type: 'operator.paused', project: 'p' },
        { type: 'operator.drained' },
      ),
    },
  )

  it('no more run than may, nobody has two places, and nobody waits while a place is free for it', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const capacity = play(2, ...events)
        const { context } = capacity
        const names = [...holders(capacity), ...context.waiting.map((request) => request.issue)]
        expect(context.holders.length).toBeLessThanOrEqual(2)
        expect(new Set(names).size).toBe(names.length)
        const mayRun = context.waiting.filter(({ project }) => !context.pausedAll && !context.paused.includes(project))
        if (!context.closed && context.holders.length < 2) expect(mayRun).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})

describe('the guard', () => {
  const waiting = [{ issue: 'a', project: 'p', priority: 0, arrival: 1 }]
  it.each([
    ['of one who waits', true, { waiting }, 'a'],
    ['of another', false, { waiting }, 'b'],
    ['of one who runs', false, { holders: [{ issue: 'a', project: 'p' }] }, 'a'],
  ])('isWaiting: a request %s: %s', (_when, holds, changes, name) => {
    expect(isWaiting({ context: { ...createContext({}), ...changes }, event: { type: 'capacity.requested', issue: name } as never })).toBe(
      holds,
    )
  })
})

describe('the guards of money and agents', () => {
  const budgets = { all: 5, projects: { p: 3 } }
  it.each([
    ['nothing is spent', false, { budgets }],
    ['a project has spent its own', true, { budgets, spent: { p: 3 } }],
    ['less than that', false, { budgets, spent: { p: 2.99, q: 2 } }],
    ['all together have', true, { budgets, spent: { p: 2, q: 3 } }],
    ['which was lifted', false, { budgets, spent: { q: 5 }, lifted: { all: true, projects: [] } }],
    ['one of two was lifted', true, { budgets, spent: { p: 5 }, lifted: { all: false, projects: ['p'] } }],
    ['there is no budget', false, { spent: { p: 99 } }],
  ])('isDaySpent: %s: %s', (_when, holds, changes) => {
    const context = { ...createContext({}), ...changes } as CapacityContext
    expect([isDaySpent({ context }), isDayOpen({ context })]).toEqual([holds, !holds])
  })

  it.each([
    ['one has none', true, { x: { until: 1, reason: '' } }],
    ['all have', false, {}],
  ])('isAgentShort: %s: %s', (_when, holds, shortages) => {
    const context = { ...createContext({}), shortages }
    expect([isAgentShort({ context }), hasEveryAgentRoom({ context })]).toEqual([holds, !holds])
  })
})

it('a snapshot of the first version is one that holds nothing back', () => {
  const { budgets: _b, spent: _s, shortages: _r, ...before } = createContext({ input: { limit: 3 } })
  expect(migrations[1].migrate({ status: 'active', value: 'draining', context: { ...before, closed: true } })).toMatchObject({
    value: { door: 'draining', money: 'lasting', agents: 'roomy' },
    context: { limit: 3, closed: true, budgets: { all: null, projects: {} }, spent: {}, shortages: {} },
  })
})
