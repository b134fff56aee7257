// Time and turns as arguments: the real ones, and virtual ones that a test advances.

export interface Clock {
  /** Epoch ms. */
  now(): number
  /** Ms from an arbitrary origin, never going back; for measuring. */
  monotonic(): number
  /** Calls back once after `ms`; the answer cancels. */
  after(ms: number, callback: () => void): () => void
  /** Calls back in a later turn of the event loop. */
  defer(callback: () => void): void
}

/** 100 years in ms: whatever is longer is a mistake, and the sum with any clock stays an exact integer. */
export const longestDelay = 100 * 366 * 24 * 3_600_000

const longestTimeout = 2 ** 31 - 1

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    // A longer timeout would overflow to 1 ms; the caller looks again when this one fires early.
    const timeout = setTimeout(callback, Math.min(Math.max(0, ms), longestTimeout))
    return () => clearTimeout(timeout)
  },
  defer: (callback) => void setImmediate(callback),
}

/**
 * Epoch ms as an integer, never going back behind `last`, whatever the clock does. While the clock stands behind what it has
 * shown once, time goes on from there, so that timers still fire.
 */
export function steadyTime(clock: Clock, last: number): () => number {
  let shown = { at: last, measured: clock.monotonic() }
  return () => {
    const measured = clock.monotonic()
    const wall = clock.now()
    const at = Math.max(Math.floor(wall), shown.at + Math.floor(measured - shown.measured))
    if (wall >= at) shown = { at, measured }
    return at
  }
}

export interface VirtualClock extends Clock {
  /** Runs everything due within the next `ms`, timer by timer, letting promises settle in between. */
  advance(ms: number): Promise<void>
  /** Runs deferred turns until none is left, without letting time pass. */
  settle(): Promise<void>
  /** Moves the clock without running anything; also back. */
  set(now: number): void
}

/** A clock that stands still until advanced. Everything it drives runs in one thread in a fixed order. */
export function virtualClock(start = 0): VirtualClock {
  // Time that has passed, and what the clock shows: only the latter can be set.
  let elapsed = 0
  let offset = start
  let sequence = 0
  const timers = new Map<number, { due: number; callback: () => void }>()
  const turns: (() => void)[] = []

  const settle = async (): Promise<void> => {
    for (;;) {
      // Promise chains of effects may be several microtasks long before they defer the next turn.
      for (let i = 0; i < 20; i++) await Promise.resolve()
      const turn = turns.shift()
      if (!turn) return
      turn()
    }
  }
  return {
    now: () => elapsed + offset,
    monotonic: () => elapsed,
    after(ms, callback) {
      const id = ++sequence
      timers.set(id, { due: elapsed + Math.max(0, ms), callback })
      return () => void timers.delete(id)
    },
    defer: (callback) => void turns.push(callback),
    settle,
    set: (to) => {
      offset = to - elapsed
    },
    async advance(ms) {
      const end = elapsed + ms
      await settle()
      for (;;) {
        let next: [number, { due: number; callback: () => void }] | undefined
        for (const timer of timers) if (timer[1].due <= end && (!next || timer[1].due < next[1].due)) next = timer
        if (!next) break
        timers.delete(next[0])
        elapsed = Math.max(elapsed, next[1].due)
        next[1].callback()
        await settle()
      }
      elapsed = Math.max(elapsed, end)
    },
  }
}
