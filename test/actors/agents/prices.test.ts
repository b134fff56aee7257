// What a usage costs: by the table, else as the agent says, else it is not known.

import { describe, expect, it } from 'vitest'
import { costOf, priceOf, withCost } from '../../../src/actors/agents/prices.ts'
import { noUsage } from '../../../src/machines/vocabulary.ts'

const prices = {
  gpt: { input: 1, output: 2 },
  'gpt-5': { input: 1.25, cached: 0.125, output: 10 },
  'gpt-5-codex': { input: 2, cached: 0.2, output: 20 },
  opus: { input: 15, cached: 1.5, cacheWrite: 18.75, output: 75 },
}
const used = { ...noUsage, inputTokens: 1_000_000, cachedTokens: 400_000, outputTokens: 100_000 }

describe('the price of a model', () => {
  it.each([
    ['gpt-5', prices['gpt-5']],
    ['gpt-5-2026-01', prices['gpt-5']],
    ['gpt-5-codex-mini', prices['gpt-5-codex']],
    ['gpt-4', prices.gpt],
    ['my-gpt', null],
    ['', null],
    [null, null],
    ['constructor', null],
  ])('%s', (model, price) => {
    expect(priceOf(prices, model)).toEqual(price)
  })
})

describe('the cost', () => {
  it('counts what came from a cache, and what went to one, at their own prices', () => {
    expect(costOf(prices, 'gpt-5', used)).toBeCloseTo(0.6 * 1.25 + 0.4 * 0.125 + 0.1 * 10, 9)
    expect(costOf(prices, 'opus', { ...used, writtenTokens: 100_000 })).toBeCloseTo(0.5 * 15 + 0.4 * 1.5 + 0.1 * 18.75 + 0.1 * 75, 9)
  })

  it('of what has no price of its own is that of input', () => {
    expect(costOf(prices, 'gpt-4', { ...used, writtenTokens: 100_000 })).toBeCloseTo(1 + 0.2, 9)
  })

  it('is never below none, whatever an agent tells', () => {
    expect(costOf(prices, 'gpt', { ...noUsage, inputTokens: 1, cachedTokens: 5 })).toBeGreaterThanOrEqual(0)
  })
})

describe('a usage', () => {
  it('is priced by the table, whatever its agent says', () => {
    expect(withCost(prices, 'gpt', { ...used, usd: 99 })).toEqual({ ...used, usd: 1.2 })
  })

  it('keeps what its agent says where the table has nothing', () => {
    expect(withCost(prices, 'unknown', { ...used, usd: 3 })).toEqual({ ...used, usd: 3 })
  })

  it('of unknown cost says so, and costs nothing', () => {
    expect(withCost(prices, null, used)).toEqual({ ...used, usd: 0, unpricedTokens: 1_100_000 })
    expect(withCost({ local: { input: 0, output: 0 } }, 'local', used)).toEqual(used)
    expect(withCost({}, null, noUsage)).toEqual(noUsage)
  })
})
