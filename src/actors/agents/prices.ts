// What tokens cost: the table of the configuration, and the usage of a turn priced by it.

import type { Usage } from '../../machines/vocabulary.ts'

/** US dollars for a million tokens of one model. Without a price of its own, what was read from a cache or written to it costs as input. */
export interface Price {
  input: number
  cached?: number | undefined
  cacheWrite?: number | undefined
  output: number
}

export type Prices = Readonly<Record<string, Price>>

/** By the model's name, else by the longest name in the table that it begins with; null when the table has neither. */
export function priceOf(prices: Prices, model: string | null | undefined): Price | null {
  if (model == null) return null
  if (Object.hasOwn(prices, model)) return prices[model]!
  const [longest] = Object.keys(prices)
    .filter((name) => model.startsWith(name))
    .sort((a, b) => b.length - a.length)
  return longest === undefined ? null : prices[longest]!
}

/** US dollars; null when the table has no price for the model. */
export function costOf(prices: Prices, model: string | null | undefined, usage: Usage): number | null {
  const price = priceOf(prices, model)
  if (price === null) return null
  const { inputTokens, cachedTokens, outputTokens, writtenTokens = 0 } = usage
  const { input, cached = input, cacheWrite = input, output } = price
  const fresh = Math.max(0, inputTokens - cachedTokens - writtenTokens)
  return (fresh * input + cachedTokens * cached + writtenTokens * cacheWrite + outputTokens * output) / 1_000_000
}

/**
 * The usage with what it costs. The table goes before what the agent says of its cost; where neither knows, it costs nothing and its
 * tokens are told as of unknown cost.
 */
export function withCost(prices: Prices, model: string | null | undefined, usage: Usage): Usage {
  const { unpricedTokens: _unpriced, ...known } = usage
  const usd = costOf(prices, model, usage)
  if (usd !== null) return { ...known, usd }
  const tokens = usage.inputTokens + usage.outputTokens
  return usage.usd > 0 || tokens === 0 ? known : { ...known, unpricedTokens: tokens }
}
