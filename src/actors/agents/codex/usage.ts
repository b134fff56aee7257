// What a turn of Codex has used: from the totals of its thread, which are told after each response.

import type { Usage } from '../../../machines/vocabulary.ts'
import { createMeter } from '../meter.ts'
import type { CodexTokens } from './messages.ts'

type Count = Required<Omit<Usage, 'usd' | 'unpricedTokens'>>

const countOf = ({ inputTokens, cachedInputTokens, outputTokens, cacheWriteInputTokens = 0 }: CodexTokens): Count => ({
  inputTokens,
  cachedTokens: cachedInputTokens,
  outputTokens,
  writtenTokens: cacheWriteInputTokens,
})

const less = (a: Count, b: Count): Count => ({
  inputTokens: a.inputTokens - b.inputTokens,
  cachedTokens: a.cachedTokens - b.cachedTokens,
  outputTokens: a.outputTokens - b.outputTokens,
  writtenTokens: a.writtenTokens - b.writtenTokens,
})

export interface UsageOfTurn {
  /** Takes the thread's total, and the part of it that the last response had. Null where nothing is said by it. */
  take: (told: { total: CodexTokens; last: CodexTokens }) => Usage | null
}

export function createUsage(): UsageOfTurn {
  const meter = createMeter({ baseline: null })
  let before: Count | null = null
  /** Where the thread's count began anew, the last time that it did. */
  let anew: { begin: Count; name: string } | null = null
  let times = 0
  return {
    take({ total: told, last }) {
      const total = countOf(told)
      // In the place of a total whose context is full Codex tells how much fits in, and no part of it.
      if (total.inputTokens === 0 && total.outputTokens === 0) return null
      const begin = less(total, countOf(last))
      if (before !== null && (total.inputTokens < before.inputTokens || total.outputTokens < before.outputTokens)) {
        anew = { begin, name: `${++times}` }
      }
      before = total
      if (anew !== null) return meter.take(less(total, anew.begin), anew.name)
      // What the thread had before a response of this turn is where the turn begins, or comes after that.
      meter.take(begin)
      return meter.take(total)
    },
  }
}
