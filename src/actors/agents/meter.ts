// From what an agent tells of its usage, in absolute totals of a thread or message by message, to the monotone usage of one turn.
//
// Owns: the sum of one turn. Does not own: what a token costs (prices.ts).
// Invariants: the usage never falls; the same word again, or in another order, changes nothing in the end; what is not a count says nothing.

import { addUsage, moreOf, noUsage, type Usage } from '../../machines/vocabulary.ts'

/** What an agent tells of its usage; `inputTokens` are all of the input, with those that were read from a cache or written to one. */
export type Told = Partial<Record<keyof Usage, unknown>> | null | undefined

export interface Meter {
  /** Takes the thread's total so far, as one counter of it has it. A counter that began anew has another name. */
  take: (totals: Told, counter?: string) => Usage
  /** Takes what one message has used, by its id. The same message is often told several times, and grows. */
  add: (used: Told, id: string) => Usage
  /** Takes what the agent says of the whole turn in its end. */
  total: (used: Told) => Usage
  /** Of this turn, so far. */
  readonly usage: Usage
  /** The thread's total as the next turn finds it: the baseline of that one's meter; null while nothing is known of it. */
  readonly thread: Usage | null
}

/**
 * A meter for one turn. `baseline`: what the thread had used before this turn; null when that is not known, and then the least total is
 * where the turn begins: what turns before it have used is not counted once more. A new thread begins at `noUsage`.
 */
export function createMeter({ baseline }: { baseline: Usage | null }): Meter {
  const first = 'first'
  const begins = new Map<string, Partial<Usage>>(baseline === null ? [] : [[first, baseline]])
  const ends = new Map<string, Usage>(baseline === null ? [] : [[first, baseline]])
  const messages = new Map<string, Usage>()
  let told: Usage = noUsage
  let used: Usage = noUsage

  function settle(): Usage {
    const counted = sumOf([...ends].map(([counter, end]) => lessOf(end, begins.get(counter)!)))
    // Three ways to tell the same: whoever tells more has told it later, or more of it.
    used = moreOf(used, moreOf(told, moreOf(counted, sumOf([...messages.values()]))))
    return used
  }

  return {
    take(totals, counter = first) {
      const read = toUsage(totals)
      if (counter !== first) begins.set(counter, noUsage)
      else if (baseline === null) begins.set(first, leastOf(begins.get(first) ?? {}, read))
      ends.set(counter, moreOf(ends.get(counter) ?? noUsage, { ...noUsage, ...read }))
      return settle()
    },
    add(delta, id) {
      messages.set(id, moreOf(messages.get(id) ?? noUsage, { ...noUsage, ...toUsage(delta) }))
      return settle()
    },
    total(sum) {
      told = moreOf(told, { ...noUsage, ...toUsage(sum) })
      return settle()
    },
    get usage() {
      return used
    },
    get thread() {
      return [...ends.values()].at(-1) ?? null
    },
  }
}

/** More than any turn or thread has used: who tells more is wrong, and sums of what counts stay numbers. */
export const mostTokens = 1e12
export const mostUsd = 1e6

const isWithin = (value: unknown, most: number): boolean => (value as number) >= 0 && (value as number) <= most
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && isWithin(value, mostTokens)
const isAmount = (value: unknown): boolean => Number.isFinite(value) && isWithin(value, mostUsd)
const checks: Record<keyof Usage, (value: unknown) => boolean> = {
  inputTokens: isCount,
  cachedTokens: isCount,
  outputTokens: isCount,
  usd: isAmount,
  writtenTokens: isCount,
  unpricedTokens: isCount,
}
const names = Object.keys(checks) as (keyof Usage)[]

/** What of it can be read: an amount that is none, or is missing, has not been told. */
const toUsage = (told: Told): Partial<Usage> =>
  Object.fromEntries(names.flatMap((name) => (checks[name](told?.[name]) ? [[name, told![name]]] : [])))

const leastOf = (a: Partial<Usage>, b: Partial<Usage>): Partial<Usage> =>
  Object.fromEntries(
    names.flatMap((name) => ((a[name] ?? b[name]) === undefined ? [] : [[name, Math.min(a[name] ?? Infinity, b[name] ?? Infinity)]])),
  )

const lessOf = (end: Usage, begin: Partial<Usage>): Usage => {
  const less = names.flatMap((name) => (end[name] === undefined ? [] : [[name, Math.max(0, end[name] - (begin[name] ?? 0))]]))
  return Object.fromEntries(less) as Usage
}

const sumOf = (all: readonly Usage[]): Usage => all.reduce((sum, one) => addUsage(sum, one), noUsage)
