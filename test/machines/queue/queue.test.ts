// The landing queue of a project with its entries: who stands on whom, what is tested at once, and what is found out again.

import { describe, expect, it, test } from 'vitest'
import { defaultRetry } from '../../../src/machines/entry/policy.ts'
import { createEntry, type QueueEntry } from '../../../src/machines/queue/context.ts'
import { arrange } from '../../../src/machines/queue/line.ts'
import { migrations } from '../../../src/machines/queue/migrations.ts'
import { start } from '../player.ts'
import { createYard, request, withdrawal } from './yard.ts'

type Yard = ReturnType<typeof createYard>

const ask = (yard: Yard, number: number, priority = 0): void => {
  yard.send(request(number, 'A', priority))
  yard.settle()
}
const withdraw = (yard: Yard, number: number): void => {
  yard.send(withdrawal(number, 'A'))
  yard.settle()
}
const end = (yard: Yard, effect: string, how: 'well' | 'badly' | 'flaky' | 'broken' | 'gone' = 'well'): void => {
  yard.end(effect, how)
  yard.settle()
}
/** Ends everything that is not a test, until only tests and landings are in flight. */
const prepare = (yard: Yard): void => {
  for (;;) {
    const effect = yard.effects().find((each) => /\/(enter|build|leave|evict)$/.test(each))
    if (effect === undefined) return
    end(yard, effect)
  }
}
const tested = (yard: Yard): string[] => yard.effects().filter((effect) => effect.endsWith('/test'))
const order = (yard: Yard): number[] => yard.queue().context.entries.map(({ number }) => number)
const stands = (yard: Yard, number: number): string | null | undefined =>
  yard.queue().context.entries.find((entry) => entry.number === number)!.place?.onto
/** A queue in which `numbers` are under test, each on top of the one before. */
const train = (numbers: number[], depth = 4): Yard => {
  const yard = createYard(depth)
  for (const number of numbers) ask(yard, number)
  prepare(yard)
  return yard
}

describe('several changes', () => {
  it('are tested at once on top of each other, up to the depth', () => {
    const yard = train([1, 2, 3, 4], 3)
    expect(tested(yard)).toEqual(['1/test', '2/test', '3/test'])
    expect([1, 2, 3, 4].map((number) => stands(yard, number))).toEqual([null, 'm1', 'm2', undefined])
  })

  it('are tested one after the other with a depth of 1', () => {
    const yard = train([1, 2], 1)
    expect(tested(yard)).toEqual(['1/test'])
    end(yard, '1/test')
    end(yard, '1/land')
    prepare(yard)
    expect([tested(yard), stands(yard, 2)]).toEqual([['2/test'], null])
  })

  it('that wait for a place are taken in the order of their urgency, also when that changes; whoever has one keeps it', () => {
    const yard = train([1, 2, 3, 4], 2)
    for (const [number, priority] of [
      [4, 1],
      [2, 4],
      [9, 1],
    ]) {
      yard.send({ type: 'landing.urged', number: number!, headSha: 'A', priority: priority! })
      yard.settle()
    }
    expect([order(yard), tested(yard)]).toEqual([
      [1, 2, 4, 3],
      ['1/test', '2/test'],
    ])
    end(yard, '1/test')
    end(yard, '1/land')
    prepare(yard)
    expect(tested(yard)).toEqual(['2/test', '4/test'])
  })

  it('land in order, each as it was tested, without being built again', () => {
    const yard = train([1, 2, 3])
    for (const effect of ['3/test', '2/test']) end(yard, effect)
    expect(yard.effects()).toEqual(['1/test'])
    end(yard, '1/test')
    for (const effect of ['1/land', '2/land', '3/land']) {
      expect(yard.effects()).toEqual([effect])
      end(yard, effect)
    }
    expect([yard.landed, yard.tests.length, yard.history]).toEqual([['1A', '2A', '3A'], 3, ['base', 'm1', 'm2', 'm3']])
    expect(yard.queue().value).toBe('idle')
  })

  it('more of them move up as the first lands', () => {
    const yard = train([1, 2, 3], 2)
    end(yard, '1/test')
    end(yard, '1/land')
    prepare(yard)
    expect([tested(yard), stands(yard, 3)]).toEqual([['2/test', '3/test'], 'm2'])
  })

  it('a changed depth holds from then on', () => {
    const yard = train([1, 2, 3], 1)
    yard.send({ type: 'queue.configured', depth: 3 })
    yard.settle()
    prepare(yard)
    expect(tested(yard)).toEqual(['1/test', '2/test', '3/test'])
  })
})

test('how often an entry is tried again is configured with the queue, for those that begin from then on', () => {
  const yard = train([1])
  yard.send({ type: 'queue.configured', depth: 4, retry: { ...defaultRetry, attempts: 1 } })
  ask(yard, 2)
  prepare(yard)
  end(yard, '1/test', 'broken')
  end(yard, '2/test', 'broken')
  expect([yard.timers(), yard.effects()]).toEqual([['queue/1'], ['2/evict']])
})

describe('one that fails', () => {
  it('is given back when everything before it has landed; those behind are rebuilt without it at once', () => {
    const yard = train([1, 2, 3])
    end(yard, '2/test', 'badly')
    prepare(yard)
    expect([tested(yard), stands(yard, 3), yard.ended]).toEqual([['1/test', '3/test'], 'm1', []])
    end(yard, '3/test')
    end(yard, '1/test')
    end(yard, '1/land')
    expect(yard.effects()).toEqual(['2/evict'])
    end(yard, '2/evict')
    end(yard, '3/land')
    expect([yard.landed, yard.ended, yard.tests.length]).toEqual([['1A', '3A'], ['landed 1A', 'evicted 2A', 'landed 3A'], 3])
  })

  it('does not suffer for the one before it: when that one goes it is built and tested again', () => {
    const yard = train([1, 2])
    end(yard, '2/test', 'badly')
    end(yard, '1/test', 'badly')
    expect([yard.effects(), yard.ended]).toEqual([['1/evict', '2/build'], []])
    prepare(yard)
    expect([tested(yard), stands(yard, 2)]).toEqual([['2/test'], null])
    end(yard, '2/test')
    end(yard, '2/land')
    expect([yard.landed, yard.ended]).toEqual([['2A'], ['evicted 1A', 'landed 2A']])
  })

  it('conflicts with the one before it, and is tried on the base when that one leaves', () => {
    const yard = createYard()
    for (const number of [1, 2]) ask(yard, number)
    for (const effect of ['1/enter', '1/build', '2/enter']) end(yard, effect)
    end(yard, '2/build', 'badly')
    withdraw(yard, 1)
    end(yard, '1/leave')
    expect([yard.effects(), stands(yard, 2)]).toEqual([['2/build'], null])
  })

  it('leaves what stands before it alone', () => {
    const yard = train([1, 2, 3])
    end(yard, '1/test')
    end(yard, '3/test', 'badly')
    expect([yard.effects(), stands(yard, 2)]).toEqual([['1/land', '2/test'], 'm1'])
  })

  it('in ways that come and go is tested once more on the same commit', () => {
    const yard = train([1, 2])
    end(yard, '1/test', 'flaky')
    expect(tested(yard)).toEqual(['1/test', '2/test'])
    end(yard, '1/test')
    end(yard, '1/land')
    expect([yard.tests, stands(yard, 2)]).toEqual([['m1', 'm1'], 'm1'])
  })
})

describe('the order', () => {
  it('is by urgency, then by arrival, among those who are neither built nor under test', () => {
    const yard = train([1, 2], 2)
    ask(yard, 3)
    ask(yard, 4, 4)
    ask(yard, 5, 1)
    ask(yard, 6, 1)
    expect([order(yard), tested(yard)]).toEqual([
      [1, 2, 5, 6, 4, 3],
      ['1/test', '2/test'],
    ])
  })

  it('lets the more urgent go first when those behind have to be built again anyway', () => {
    const yard = train([1, 2], 2)
    ask(yard, 3, 1)
    withdraw(yard, 1)
    end(yard, '1/leave')
    expect(order(yard)).toEqual([3, 2])
  })

  it('knows a head once, however often it is asked for', () => {
    const yard = train([1])
    ask(yard, 1)
    expect([order(yard), tested(yard)]).toEqual([[1], ['1/test']])
  })

  it("has one place for a pull request: a newer head takes the older one's", () => {
    const yard = train([1, 2], 1)
    yard.send(request(2, 'B'))
    expect(yard.queue().context.entries.map(({ headSha }) => headSha)).toEqual(['A', 'B'])
    yard.send(request(1, 'B'))
    yard.settle()
    expect(yard.effects()).toEqual(['1/leave'])
    end(yard, '1/leave')
    expect(yard.ended).toEqual(['left 1A'])
    expect(yard.queue().context.entries.map(({ number, headSha }) => [number, headSha])).toEqual([
      [2, 'B'],
      [1, 'B'],
    ])
  })
})

describe('a withdrawal', () => {
  it('of the first blocks nobody: those behind are rebuilt without it', () => {
    const yard = train([1, 2, 3])
    end(yard, '3/test')
    withdraw(yard, 1)
    end(yard, '1/leave')
    prepare(yard)
    expect([tested(yard), stands(yard, 2), stands(yard, 3)]).toEqual([['2/test', '3/test'], null, 'm4'])
    for (const effect of ['2/test', '3/test', '2/land', '3/land']) end(yard, effect)
    expect(yard.landed).toEqual(['2A', '3A'])
  })

  it('of one in the middle leaves those before it alone', () => {
    const yard = train([1, 2, 3])
    end(yard, '1/test')
    withdraw(yard, 2)
    end(yard, '2/leave')
    expect(yard.effects()).toEqual(['1/land', '3/build'])
    expect(stands(yard, 3)).toBe('m1')
  })

  it('waits for a landing in flight, and those behind keep their validation until it is decided', () => {
    const yard = train([1, 2])
    end(yard, '1/test')
    end(yard, '2/test')
    withdraw(yard, 1)
    expect(yard.effects()).toEqual(['1/land'])
    end(yard, '1/land')
    end(yard, '2/land')
    expect([yard.landed, yard.tests.length]).toEqual([['1A', '2A'], 2])
  })

  it('of one who waits is taken at once', () => {
    const yard = train([1, 2], 1)
    withdraw(yard, 2)
    expect(order(yard)).toEqual([1])
  })

  it('that is long in being noted costs those behind nothing', () => {
    const place = (round: number, onto: string | null) => ({ isBegun: true, place: { round, onto }, commit: `m${round}` })
    const entry = (number: number, changes: Partial<QueueEntry>): QueueEntry => ({
      ...createEntry({ project: 'app', issue: 'i', key: 'K', number, headSha: 'A', priority: 0 }, 0),
      ...changes,
    })
    const leaving = entry(2, { isBegun: true, isLeaving: true })
    for (const entries of [
      [entry(1, place(1, 'm0')), leaving, entry(3, place(2, 'm1'))],
      [leaving, entry(3, place(2, 'm0'))],
    ]) {
      const line = arrange({ entries, rounds: 2, depth: 4, landed: 'm0' })
      expect([line.rounds, line.entries.map((each) => each.place)]).toEqual([2, entries.map((each) => each.place)])
    }
  })

  it('that is long in being noted takes no room of the others, and nobody is built on what it stood on', () => {
    const place = (round: number, onto: string | null) => ({ isBegun: true, place: { round, onto } })
    const entry = (number: number, changes: Partial<QueueEntry>): QueueEntry => ({
      ...createEntry({ project: 'app', issue: 'i', key: 'K', number, headSha: 'A', priority: 0 }, 0),
      ...changes,
    })
    const first = entry(1, { ...place(1, null), commit: 'm1' })
    const room = arrange({
      entries: [first, entry(2, { isBegun: true, isLeaving: true }), entry(3, {})],
      rounds: 1,
      depth: 2,
      landed: null,
    })
    expect(room.entries.map((each) => each.place?.onto)).toEqual([null, undefined, 'm1'])
    // What the one that leaves stood on has been given back: nothing that contains it will land.
    for (const found of [{ commit: 'm2' }, { isPassedOver: true }, {}]) {
      const leaving = entry(2, { ...place(2, 'm1'), ...found, isLeaving: true })
      const line = arrange({ entries: [leaving, entry(3, { ...place(3, 'm2'), commit: 'm3' })], rounds: 3, depth: 2, landed: null })
      expect(line.entries.map((each) => each.place)).toEqual([null, { round: 4, onto: null }])
    }
  })

  it('that is thought better of begins anew when the former has left', () => {
    const yard = train([1])
    withdraw(yard, 1)
    ask(yard, 1)
    expect([order(yard), yard.effects()]).toEqual([[1, 1], ['1/leave']])
    end(yard, '1/leave')
    prepare(yard)
    expect([order(yard), tested(yard)]).toEqual([[1], ['1/test']])
  })
})

describe('a base that somebody else moved', () => {
  it('has every candidate rebuilt, and nothing is spent', () => {
    const yard = train([1, 2])
    for (const effect of ['1/test', '2/test']) end(yard, effect)
    yard.commit()
    end(yard, '1/land')
    prepare(yard)
    expect([tested(yard), yard.entry(1)!.context.obstacles]).toEqual([['1/test', '2/test'], 0])
    for (const effect of ['1/test', '2/test', '1/land', '2/land']) end(yard, effect)
    expect([yard.landed, yard.history.slice(0, 2)]).toEqual([
      ['1A', '2A'],
      ['base', 'foreign-1'],
    ])
  })

  it('is noticed by the second too, which stands on what has landed', () => {
    const yard = train([1, 2])
    for (const effect of ['1/test', '2/test', '1/land']) end(yard, effect)
    yard.commit()
    end(yard, '2/land')
    expect([yard.effects(), stands(yard, 2)]).toEqual([['2/build'], null])
  })
})

describe('a report about a former place', () => {
  it.each([
    ['entry.built', { commit: 'm2' }],
    ['entry.passedOver', {}],
    ['entry.baseMoved', {}],
  ])('changes nothing: %s', (type, more) => {
    const yard = train([1, 2, 3])
    const { round } = yard.queue().context.entries[1]!.place!
    for (const effect of ['1/test', '2/test']) end(yard, effect)
    yard.commit()
    end(yard, '1/land')
    end(yard, '1/build')
    const { entries } = yard.queue().context
    expect(entries[1]!.place!.round).toBeGreaterThan(round)
    yard.send({ type, number: 2, round, ...more })
    yard.settle()
    expect(yard.queue().context.entries).toEqual(entries)
    prepare(yard)
    for (const effect of ['1/test', '2/test', '3/test', '1/land', '2/land', '3/land']) end(yard, effect)
    expect([yard.landed, yard.offences]).toEqual([['1A', '2A', '3A'], []])
  })
})

describe('one whose actor has been given up', () => {
  it('is noted to have left, and those behind go on without it', () => {
    const yard = train([1, 2])
    yard.abandon(1)
    yard.settle()
    expect([yard.effects().toSorted(), stands(yard, 2)]).toEqual([['1/leave', '2/build'], null])
    prepare(yard)
    for (const effect of ['2/test', '2/land']) end(yard, effect)
    expect([yard.ended, yard.landed, yard.queue().value]).toEqual([['left 1A', 'landed 2A'], ['2A'], 'idle'])
  })

  it('is noted first when a newer head is asked for', () => {
    const yard = train([1])
    yard.send(request(1, 'B'))
    yard.settle()
    yard.abandon(1)
    yard.settle()
    expect(yard.effects()).toEqual(['1/leave'])
    end(yard, '1/leave')
    prepare(yard)
    expect([yard.ended, tested(yard), order(yard)]).toEqual([['left 1A'], ['1/test'], [1]])
  })
})

describe("a landing that the user's checkout holds up", () => {
  it('costs those behind nothing', () => {
    const yard = train([1, 2])
    end(yard, '1/test')
    end(yard, '1/land', 'badly')
    end(yard, '2/test')
    expect([yard.effects(), yard.told.map(({ type }) => type)]).toEqual([[], ['queue.held']])
    yard.fire('queue/1')
    for (const effect of ['1/land', '2/land']) end(yard, effect)
    expect([yard.landed, yard.tests.length]).toEqual([['1A', '2A'], 2])
  })
})

describe('a head that the one before it contains', () => {
  it('is looked for on the base when it is first', () => {
    const entries = (changes: Partial<QueueEntry>[]) =>
      changes.map((each, i) => ({
        ...createEntry({ project: 'app', issue: 'i', key: 'K', number: i + 1, headSha: 'A', priority: 0 }, 0),
        isBegun: true,
        ...each,
      }))
    // Those behind one that is passed over stand on what it stands on, the first of the line included.
    const line = arrange({
      entries: entries([{ place: { round: 1, onto: 'm0' }, isPassedOver: true }, {}]),
      ...{ rounds: 1, depth: 4, landed: 'm0' },
    })
    expect(line.entries.map(({ place }) => place)).toEqual([
      { round: 1, onto: 'm0' },
      { round: 2, onto: 'm0' },
    ])
  })
})

describe('a snapshot of version 1', () => {
  const old = (changes: object) =>
    migrations[1].migrate({
      ...{ status: 'active', value: 'testing', historyValue: {}, children: { test: { src: 'runCandidateChecks' } }, tags: [] },
      context: { project: 'app', now: 7, entries: [], head: null, withdrawn: null, ...changes },
    })
  const entry = (number: number) => ({ ...request(number, 'A'), type: undefined, enqueuedAt: number })
  const entriesOf = (snapshot: Record<string, any>) =>
    (snapshot['context'].entries as QueueEntry[]).map(({ number, isLeaving }) => [number, isLeaving])

  it('has the one under test as the first again, and nothing in flight', () => {
    const snapshot = old({ head: entry(2), entries: [entry(1)] })
    expect(entriesOf(snapshot)).toEqual([
      [2, false],
      [1, false],
    ])
    expect([snapshot['children'], snapshot['value']]).toEqual([{}, 'open'])
    expect(old({})['value']).toBe('idle')
  })

  it('lets one go that was withdrawn', () => {
    expect(entriesOf(old({ head: entry(2), withdrawn: { number: 2, headSha: 'A' } }))).toEqual([[2, true]])
    const player = start('entry', {
      project: 'app',
      issue: 'i',
      key: 'K',
      number: 2,
      headSha: 'A',
      place: null,
      isFirst: false,
      isWithdrawn: true,
    })
    expect([...player.children.keys()]).toEqual(['leave'])
  })
})
