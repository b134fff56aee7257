// What a turn of Claude Code has used: by message while it runs, by its results in the end.

import type { Usage } from '../../ports.ts'
import type { ClaudeModelUsage, ClaudeResult, ClaudeTokens } from './messages.ts'

type Counted = Omit<Usage, 'usd'>

const none: Usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: 0 }

/** Anthropic counts what was cached beside the input, not in it. */
const countOf = (tokens: ClaudeTokens): Counted => ({
  inputTokens: tokens.input_tokens + (tokens.cache_read_input_tokens ?? 0) + (tokens.cache_creation_input_tokens ?? 0),
  cachedTokens: tokens.cache_read_input_tokens ?? 0,
  outputTokens: tokens.output_tokens,
})

const countOfModel = (model: ClaudeModelUsage): Usage => ({
  inputTokens: model.inputTokens + model.cacheReadInputTokens + model.cacheCreationInputTokens,
  cachedTokens: model.cacheReadInputTokens,
  outputTokens: model.outputTokens,
  usd: model.costUSD,
})

const most = (a: Counted, b: Counted): Counted => ({
  inputTokens: Math.max(a.inputTokens, b.inputTokens),
  cachedTokens: Math.max(a.cachedTokens, b.cachedTokens),
  outputTokens: Math.max(a.outputTokens, b.outputTokens),
})

const sum = (a: Usage, b: Usage): Usage => ({
  inputTokens: a.inputTokens + b.inputTokens,
  cachedTokens: a.cachedTokens + b.cachedTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  usd: a.usd + b.usd,
})

export interface UsageOfTurn {
  /** A message is told once for each of its parts, with the same numbers. Answers whether anything was new. */
  addMessage: (id: string, tokens: ClaudeTokens) => boolean
  addResult: (result: ClaudeResult) => void
  /** Contract: never less than before. Undefined while nothing is known. */
  total: () => Usage | undefined
}

export function createUsage(): UsageOfTurn {
  const messages = new Map<string, Counted>()
  let results: Usage | undefined
  return {
    addMessage(id, tokens) {
      const before = messages.get(id)
      const now = most(before ?? none, countOf(tokens))
      messages.set(id, now)
      return now.inputTokens > (before?.inputTokens ?? 0) || now.outputTokens > (before?.outputTokens ?? 0)
    },
    addResult({ model_usage_since_last_result: models, usage }) {
      // `total_cost_usd` and `modelUsage` go on from what the session had cost before it was resumed: they are not this turn's.
      const parts = models != null ? Object.values(models).map(countOfModel) : usage != null ? [{ ...countOf(usage), usd: 0 }] : []
      results = parts.reduce(sum, results ?? none)
    },
    total() {
      if (messages.size === 0 && results === undefined) return undefined
      const told = [...messages.values()].map((one) => ({ ...one, usd: 0 })).reduce(sum, none)
      return { ...most(told, results ?? none), usd: results?.usd ?? 0 }
    },
  }
}
