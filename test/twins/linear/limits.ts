// Linear's limits of requests and complexity an hour: a bucket that refills at a constant rate, one for each workspace.

export interface Limits {
  /** Requests an hour. */
  requests: number
  /** Points of complexity an hour. */
  complexity: number
}

/** What Linear grants an app in a workspace. */
export const usualLimits: Limits = { requests: 5_000, complexity: 2_000_000 }

const hour = 3_600_000

export interface Bucket {
  /** Takes what a call costs, or answers that it cannot. */
  take(amount: number): boolean
  /** What the headers say: the limit, what is left, and when it is full again. */
  state(): { limit: number; remaining: number; reset: number }
  /** Takes everything, so that the next call is refused. */
  empty(): void
}

export function createBucket(limit: number, now: () => number): Bucket {
  let left = limit
  let at = now()
  function refill(): void {
    left = Math.min(limit, left + ((now() - at) * limit) / hour)
    at = now()
  }
  return {
    take(amount) {
      refill()
      if (left < amount) return false
      left -= amount
      return true
    },
    state() {
      refill()
      return { limit, remaining: Math.floor(left), reset: Math.ceil(at + ((limit - left) * hour) / limit) }
    },
    empty() {
      refill()
      left = 0
    },
  }
}
