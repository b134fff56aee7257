// When GitHub has had enough of a caller: until it answers again nobody asks in their name, for it bans who goes on.
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately

import { rateLimited, type Limit } from './errors.ts'

const longest = 3_600_000
/** Twice as long each time, up to that. */
const mostDoublings = 6

export type Limits = ReturnType<typeof createLimits>

export function createLimits(now: () => number) {
  /** By caller, and by API where the limit is that of one. */
  const closed = new Map<string, number>()
  /** How often in a row a caller was told to wait, and not how long. */
  const unstated = new Map<string, number>()
  const keyOf = (caller: string, api: Limit['api']): string => `${caller} ${api ?? 'all'}`

  return {
    /** Throws RetryableError `github-rate-limited`. */
    assertOpen(caller: string, api: 'rest' | 'graphql', what: string): void {
      const until = Math.max(closed.get(keyOf(caller, api)) ?? 0, closed.get(keyOf(caller, null)) ?? 0)
      if (until > now()) throw rateLimited(what, until - now())
    },

    note(caller: string, { pause, isStated, api }: Limit): void {
      const key = keyOf(caller, api)
      const known = closed.get(key) ?? 0
      let wait = pause
      // Those that were under way together are told to wait once.
      if (!isStated && known <= now()) {
        const before = unstated.get(caller) ?? 0
        wait = Math.min(longest, pause * 2 ** Math.min(before, mostDoublings))
        unstated.set(caller, before + 1)
      }
      closed.set(key, Math.max(known, now() + wait))
    },

    answered: (caller: string): void => void unstated.delete(caller),
  }
}
