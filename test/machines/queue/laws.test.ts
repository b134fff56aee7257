// The laws of a landing queue with its entries over random histories: requests and withdrawals at any moment, mail and answers in any
// order, every answer that an effect may give, commits of others, and deaths of the process between a deed and its answer.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createYard, request, withdrawal, type Ending } from './yard.ts'

type Yard = ReturnType<typeof createYard>
type Happening =
  | { ask: number; head: string; priority: number }
  | { withdraw: number; head: string }
  | { end: number; how: Ending }
  | { act: 'mail' | 'timer' | 'commit' | 'lose' | 'abandon'; pick: number }

const numRuns = process.env['SIGNALBOX_NIGHTLY'] ? 20_000 : 200

function play(yard: Yard, what: Happening): void {
  if ('ask' in what) return yard.send(request(what.ask, what.head, what.priority))
  if ('withdraw' in what) return yard.send(withdrawal(what.withdraw, what.head))
  if ('act' in what && what.act === 'mail') return void yard.deliver((n) => what.pick % n)
  if ('act' in what && what.act === 'commit') return yard.commit()
  if ('act' in what && what.act === 'timer') {
    const timers = yard.timers()
    return timers.length > 0 ? yard.fire(timers[what.pick % timers.length]!) : undefined
  }
  if ('act' in what && what.act === 'abandon') {
    const numbers = [...yard.queue().children.keys()].map(Number).filter((each) => yard.entry(each)?.status === 'active')
    return numbers.length > 0 ? yard.abandon(numbers[what.pick % numbers.length]!) : undefined
  }
  const effects = yard.effects()
  if (effects.length === 0) return
  if ('act' in what) return yard.lose(effects[what.pick % effects.length]!)
  const effect = effects[what.end % effects.length]!
  yard.end(effect, what.how)
}

const number = fc.constantFrom(1, 2, 3, 4, 5)
const head = fc.constantFrom('A', 'A', 'B')
const how = fc.constantFrom<Ending>('well', 'well', 'well', 'well', 'well', 'badly', 'flaky', 'broken', 'gone')
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ ask: number, head, priority: fc.constantFrom(0, 0, 1, 3) }) },
  { weight: 1, arbitrary: fc.record({ withdraw: number, head }) },
  { weight: 8, arbitrary: fc.record({ end: fc.nat(20), how }) },
  { weight: 8, arbitrary: fc.record({ act: fc.constant<'mail'>('mail'), pick: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant<'timer'>('timer'), pick: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constantFrom<'commit' | 'lose' | 'abandon'>('commit', 'lose', 'abandon'), pick: fc.nat(20) }),
  },
)

function holds(law: (yard: Yard, what: Happening, isLast: boolean) => void): void {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(happening, { minLength: 1, maxLength: 120, size: 'max' }), (depth, happenings) => {
      const yard = createYard(depth)
      for (const [i, what] of happenings.entries()) {
        play(yard, what)
        law(yard, what, i === happenings.length - 1)
      }
    }),
    { numRuns },
  )
}

/** Lets everything end well. */
function rest(yard: Yard): void {
  for (let steps = 0; ; steps++) {
    expect(steps).toBeLessThan(500)
    yard.settle()
    const [effect] = yard.effects()
    const [timer] = yard.timers()
    if (effect !== undefined) yard.end(effect)
    else if (timer !== undefined) yard.fire(timer)
    else return
  }
}

describe('whatever happens to a landing queue', () => {
  it('each head lands at most once, tested with exactly the base that it lands on, and never after it has left', () => {
    holds((yard) => expect(yard.offences).toEqual([]))
  })

  it('comes to rest when everything answers well, and everybody in it has come to an end', () => {
    holds((yard, _what, isLast) => {
      if (!isLast) return
      const waiting = yard.queue().context.entries.filter(({ isLeaving }) => !isLeaving)
      const before = yard.ended.length
      rest(yard)
      expect(yard.offences).toEqual([])
      expect([yard.queue().value, yard.queue().context.entries]).toEqual(['idle', []])
      for (const { number: own, headSha } of waiting) {
        const isOver = yard.ended.some((end) => end.endsWith(` ${own}${headSha}`))
        expect([own, isOver, yard.ended.slice(before)]).toEqual([own, true, expect.anything()])
      }
    })
  })

  it('a head stands in it once, and has one actor, the child of its number', () => {
    holds((yard) => {
      const { context, children } = yard.queue()
      const begun = context.entries.filter(({ isBegun }) => isBegun).map((entry) => String(entry.number))
      expect([...children.keys()].sort()).toEqual([...new Set(begun)].sort())
      expect(new Set(begun).size).toBe(begun.length)
      const wanted = context.entries.filter(({ isLeaving }) => !isLeaving).map((entry) => entry.number)
      expect(new Set(wanted).size).toBe(wanted.length)
    })
  })

  it('no more than the depth have a place, and nobody has one in front of whom stands one without', () => {
    holds((yard) => {
      const { entries, depth } = yard.queue().context
      const staying = entries.filter(({ isLeaving }) => !isLeaving)
      const without = staying.findIndex(({ place }) => place === null)
      expect(staying.filter(({ place }) => place !== null).length).toBeLessThanOrEqual(depth)
      expect(staying.slice(without === -1 ? staying.length : without).filter(({ place }) => place !== null)).toEqual([])
    })
  })

  it('a landing in flight is never broken off', () => {
    fc.assert(
      fc.property(fc.array(happening, { minLength: 1, maxLength: 120, size: 'max' }), (happenings) => {
        const yard = createYard()
        for (const what of happenings) {
          const landing = yard.effects().filter((effect) => /\/(land|adopt)$/.test(effect))
          play(yard, what)
          if ('end' in what || ('act' in what && what.act === 'abandon')) continue
          expect(yard.effects()).toEqual(expect.arrayContaining(landing))
        }
      }),
      { numRuns },
    )
  })
})
