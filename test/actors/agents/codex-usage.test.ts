// From the totals that Codex tells of a thread to the usage of one turn in it, also where its count begins anew.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CodexTokens } from '../../../src/actors/agents/codex/messages.ts'
import { createUsage } from '../../../src/actors/agents/codex/usage.ts'

const tokens = (inputTokens: number, outputTokens = 0, cachedInputTokens = 0): CodexTokens => ({
  inputTokens,
  cachedInputTokens,
  outputTokens,
})
const told = (total: number, last: number) => ({ total: tokens(total), last: tokens(last) })
/** As it is told when the context is full: the parts of it are none. */
const full = told(0, 0)

test.each([
  ['a context that is full says nothing', [told(1_000, 0), told(1_200, 200), full], 200],
  ['what comes after it is added', [told(1_200, 200), full, told(150, 150), told(200, 50)], 400],
  ['a count that is not begun at none, too', [told(1_200, 200), told(1_100, 50), told(1_140, 40)], 290],
  ['it may be full before anything is known', [full, told(150, 150)], 150],
])('%s', (_, updates, expected) => {
  const usage = createUsage()
  let used
  for (const update of updates) used = usage.take(update) ?? used
  expect(used).toMatchObject({ inputTokens: expected })
})

test('what was written to a cache is told apart, where Codex does', () => {
  const usage = createUsage()
  expect(usage.take({ total: tokens(900), last: tokens(100) })).not.toHaveProperty('writtenTokens')
  const [total, last] = [tokens(1_000), tokens(100)].map((one, index) => ({ ...one, cacheWriteInputTokens: [70, 30][index]! }))
  expect(usage.take({ total: total!, last: last! })).toMatchObject({ inputTokens: 200, writtenTokens: 70 })
})

const response = fc.record({ inputTokens: fc.integer({ min: 1, max: 9_000 }), cachedInputTokens: fc.nat(900), outputTokens: fc.nat(900) })
const add = (a: CodexTokens, b: CodexTokens): CodexTokens => ({
  inputTokens: a.inputTokens + b.inputTokens,
  cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
})

test('the responses of a turn add up, whatever its thread had used before and however often it is full', () => {
  const turn = fc.array(fc.record({ last: response, again: fc.boolean(), isFull: fc.boolean() }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(response, turn, (before, steps) => {
      const usage = createUsage()
      let total = before
      let sum = tokens(0)
      let used
      for (const { last, again, isFull } of steps) {
        // A total that goes on from none and is more than the one before cannot be told from that one.
        const begins = isFull && last.inputTokens < total.inputTokens ? tokens(0) : total
        if (begins !== total) expect(usage.take(full)).toBe(null)
        total = add(begins, last)
        sum = add(sum, last)
        used = usage.take({ total, last })
        if (again) used = usage.take({ total, last })
      }
      expect(used).toEqual({ inputTokens: sum.inputTokens, cachedTokens: sum.cachedInputTokens, outputTokens: sum.outputTokens, usd: 0 })
    }),
  )
})
