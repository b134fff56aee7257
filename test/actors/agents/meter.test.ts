// From what agents tell of their usage to that of one turn: it never falls, and what is told twice, late or wrongly changes nothing.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMeter, type Told } from '../../../src/actors/agents/meter.ts'
import { addUsage, noUsage, type Usage } from '../../../src/machines/vocabulary.ts'

const usage = (inputTokens: number, outputTokens = 0, cachedTokens = 0, usd = 0): Usage => ({
  inputTokens,
  cachedTokens,
  outputTokens,
  usd,
})
const steps = fc.array(
  fc.record({ inputTokens: fc.nat(9_000), cachedTokens: fc.nat(900), outputTokens: fc.nat(900), usd: fc.constantFrom(0, 0.25, 1) }),
  { minLength: 1, maxLength: 12 },
)
/** The totals of a thread that uses these one after the other. */
const totalsOf = (used: readonly Usage[], from = noUsage): Usage[] => {
  let total = from
  return used.map((one) => (total = addUsage(total, one)))
}
/** As they come over a bad line: each at least once, in any order. */
const scrambled = <T>(all: readonly T[]): fc.Arbitrary<T[]> =>
  fc
    .tuple(fc.array(fc.constantFrom(...all), { maxLength: 12 }), fc.constant(all))
    .chain(([more, once]) => fc.shuffledSubarray([...once, ...more], { minLength: once.length + more.length }))
const garbage = fc.constantFrom(NaN, Infinity, -1, 1.5, '7', null, undefined, {}, 1e13, 2 ** 60)
const isMonotone = (told: Usage[]): boolean =>
  told.every(
    (one, index) =>
      index === 0 || (['inputTokens', 'cachedTokens', 'outputTokens', 'usd'] as const).every((name) => one[name] >= told[index - 1]![name]),
  )

describe('totals of a thread', () => {
  it('in any order and however often give what the turn has used, which never falls and is never below none', () => {
    const told = steps.chain((used) => scrambled(totalsOf(used)).map((totals) => ({ used, totals })))
    fc.assert(
      fc.property(told, ({ used, totals }) => {
        const meter = createMeter({ baseline: noUsage })
        const heard = totals.map((total) => meter.take(total))
        expect(meter.usage).toEqual(totalsOf(used).at(-1))
        expect(isMonotone([noUsage, ...heard])).toBe(true)
      }),
    )
  })

  it('of all its turns add up to that of the thread, also when each begins at what the one before has left', () => {
    fc.assert(
      fc.property(fc.array(steps, { minLength: 1, maxLength: 5 }), (turns) => {
        let thread: Usage | null = noUsage
        let sum = noUsage
        let total = noUsage
        for (const used of turns) {
          const meter = createMeter({ baseline: thread })
          // The one before is told once more when a thread is resumed.
          meter.take(total)
          for (const next of totalsOf(used, total)) meter.take((total = next))
          sum = addUsage(sum, meter.usage)
          thread = meter.thread
        }
        expect(sum).toEqual(total)
        expect(thread).toEqual(total)
      }),
    )
  })

  it('of a resumed thread whose beginning nobody knows count from the least that is told', () => {
    const told = fc
      .tuple(fc.nat(9_000), steps)
      .chain(([before, used]) => scrambled([usage(before), ...totalsOf(used, usage(before))]).map((totals) => ({ used, totals })))
    fc.assert(
      fc.property(told, ({ used, totals }) => {
        const meter = createMeter({ baseline: null })
        const heard = totals.map((total) => meter.take(total))
        expect(meter.usage).toEqual(totalsOf(used).at(-1))
        expect(isMonotone([noUsage, ...heard])).toBe(true)
      }),
    )
  })

  it('of a counter that began anew are added, and what it says of the time before the turn is nothing', () => {
    const meter = createMeter({ baseline: usage(100, 10) })
    meter.take(usage(80, 8))
    expect(meter.usage).toEqual(noUsage)
    meter.take(usage(150, 20))
    expect(meter.take(usage(30, 3), 'a fork')).toEqual(usage(80, 13))
    expect(meter.take(usage(140, 15))).toEqual(usage(80, 13))
    expect(meter.take(usage(40, 5), 'a fork')).toEqual(usage(90, 15))
    expect(meter.thread).toEqual(usage(40, 5))
  })

  it('that are no counts say nothing', () => {
    fc.assert(
      fc.property(
        steps,
        fc.array(
          fc.record({
            inputTokens: garbage,
            cachedTokens: garbage,
            outputTokens: garbage,
            usd: fc.constantFrom(NaN, -1, 'x', null, 1.7e308),
          }),
        ),
        (used, wrong) => {
          for (const baseline of [noUsage, null]) {
            const [clean, dirty] = [createMeter({ baseline }), createMeter({ baseline })]
            totalsOf(used).forEach((total, index) => {
              clean.take(total)
              dirty.take(wrong[index] as Told)
              dirty.take(total)
            })
            for (const one of [...wrong, null, undefined]) dirty.take(one as Told)
            expect(dirty.usage).toEqual(clean.usage)
          }
        },
      ),
    )
    expect(createMeter({ baseline: null }).take({ inputTokens: 5 })).toEqual(noUsage)
    expect(createMeter({ baseline: noUsage }).take({ inputTokens: 5, outputTokens: NaN })).toEqual(usage(5))
  })
})

describe('messages', () => {
  it('count once each, as much as was told of them last, in any order', () => {
    const told = steps.chain((used) =>
      scrambled(
        used.flatMap((one, index) => [
          { ...one, outputTokens: 0, id: `m${index}` },
          { ...one, id: `m${index}` },
        ]),
      ).map((words) => ({ used, words })),
    )
    fc.assert(
      fc.property(told, ({ used, words }) => {
        const meter = createMeter({ baseline: null })
        const heard = words.map(({ id, ...delta }) => meter.add(delta, id))
        expect(meter.usage).toEqual(totalsOf(used).at(-1))
        expect(isMonotone([noUsage, ...heard])).toBe(true)
        // The result has the same sum once more.
        expect(meter.total(totalsOf(used).at(-1))).toEqual(totalsOf(used).at(-1))
      }),
    )
  })

  it('and the sum in the end count as much as says the one that says more', () => {
    const meter = createMeter({ baseline: null })
    meter.add({ inputTokens: 10, outputTokens: 1, writtenTokens: 4 }, 'a')
    expect(meter.total({ inputTokens: 30, cachedTokens: 20, outputTokens: 1, usd: 0.5 })).toEqual({
      ...usage(30, 1, 20, 0.5),
      writtenTokens: 4,
    })
  })
})
