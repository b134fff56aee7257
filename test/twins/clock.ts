// The time of a twin: the real one unless a test hands in another, and a virtual one that a test advances by hand.

/** Contract: `after` calls back once, `ms` milliseconds later by this clock, unless it was cancelled. */
export interface Clock {
  now(): number
  after(ms: number, callback: () => void): () => void
}

export const realClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    // A check that is due in an hour does not keep a test process alive.
    timer.unref()
    return () => clearTimeout(timer)
  },
}

export interface VirtualClock extends Clock {
  /** Moves time on and runs what falls due, in order, giving network traffic a turn after each. */
  advance(ms: number): Promise<void>
}

export function createVirtualClock(start: number = Date.now()): VirtualClock {
  let now = start
  let serial = 0
  const due = new Map<number, { at: number; callback: () => void }>()

  function next(until: number): number | undefined {
    let first: number | undefined
    for (const [id, timer] of due) {
      if (timer.at > until) continue
      if (first === undefined || timer.at < due.get(first)!.at) first = id
    }
    return first
  }

  return {
    now: () => now,
    after(ms, callback) {
      const id = ++serial
      due.set(id, { at: now + Math.max(0, ms), callback })
      return () => void due.delete(id)
    },
    async advance(ms) {
      const until = now + ms
      for (let id = next(until); id !== undefined; id = next(until)) {
        const timer = due.get(id)!
        due.delete(id)
        now = Math.max(now, timer.at)
        timer.callback()
        await new Promise((resolve) => setImmediate(resolve))
      }
      now = until
    },
  }
}
