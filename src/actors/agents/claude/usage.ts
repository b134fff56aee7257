// What a turn of Claude Code has used: by message while it runs, by its results in the end.

import { addUsage, noUsage, type Usage } from '../../../machines/vocabulary.ts'
import { createMeter } from '../meter.ts'
import type { ClaudeModelUsage, ClaudeResult, ClaudeTokens } from './messages.ts'

/** Anthropic counts what was cached beside the input, not in it. */
const countOf = (tokens: ClaudeTokens): Omit<Usage, 'usd'> => ({
  inputTokens: tokens.input_tokens + (tokens.cache_read_input_tokens ?? 0) + (tokens.cache_creation_input_tokens ?? 0),
  cachedTokens: tokens.cache_read_input_tokens ?? 0,
  writtenTokens: tokens.cache_creation_input_tokens ?? 0,
  outputTokens: tokens.output_tokens,
})

const countOfModel = (model: ClaudeModelUsage): Usage => ({
  inputTokens: model.inputTokens + model.cacheReadInputTokens + model.cacheCreationInputTokens,
  cachedTokens: model.cacheReadInputTokens,
  writtenTokens: model.cacheCreationInputTokens,
  outputTokens: model.outputTokens,
  usd: model.costUSD,
})

export interface UsageOfTurn {
  /** A message is told once for each of its parts, with the same numbers. Answers whether anything was new. */
  addMessage: (id: string, tokens: ClaudeTokens) => boolean
  addResult: (result: ClaudeResult) => void
  /** Contract: never less than before. Undefined while nothing is known. */
  total: () => Usage | undefined
}

export function createUsage(): UsageOfTurn {
  const meter = createMeter({ baseline: noUsage })
  let results = noUsage
  let isTold = false
  return {
    addMessage(id, tokens) {
      isTold = true
      const { inputTokens, outputTokens } = meter.usage
      const now = meter.add(countOf(tokens), id)
      return now.inputTokens > inputTokens || now.outputTokens > outputTokens
    },
    addResult({ model_usage_since_last_result: models, usage }) {
      isTold = true
      // `total_cost_usd` and `modelUsage` go on from what the session had cost before it was resumed: they are not this turn's.
      const parts = models != null ? Object.values(models).map(countOfModel) : usage != null ? [{ ...countOf(usage), usd: 0 }] : []
      results = parts.reduce<Usage>(addUsage, results)
      meter.total(results)
    },
    total: () => (isTold ? meter.usage : undefined),
  }
}
