// Who may run: the limit holds, urgent issues go first, projects take turns, and no place is lost.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createContext, type CapacityContext } from '../../../src/machines/capacity/context.ts'
import { isWaiting } from '../../../src/machines/capacity/guards.ts'
import { start, type Event, type Player } from '../player.ts'

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
    expect([capacity.value, holders(capacity)]).toEqual(['draining', []])
    const resumed = playOn(capacity, { type: 'operator.resumed' })
    expect([resumed.value, holders(resumed)]).toEqual(['granting', ['b']])
  })

  it('ends a pause too when it is resumed', () => {
    const capacity = play(1, { type: 'operator.paused' }, { type: 'operator.drained' }, asked('a'), { type: 'operator.resumed' })
    expect(holders(capacity)).toEqual(['a'])
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
        const { context, value } = capacity
        const names = [...holders(capacity), ...context.waiting.map((request) => request.issue)]
        expect(context.holders.length).toBeLessThanOrEqual(2)
        expect(new Set(names).size).toBe(names.length)
        const mayRun = context.waiting.filter(({ project }) => !context.pausedAll && !context.paused.includes(project))
        if (value === 'granting' && context.holders.length < 2) expect(mayRun).toEqual([])
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
