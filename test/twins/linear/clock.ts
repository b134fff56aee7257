// The twin's time: the real clock unless a test hands in one of its own, and a virtual one that a test advances by hand.

/** Contract: `after` calls back once, `ms` milliseconds later by this clock, unless it was cancelled. */
export interface Clock {
  now(): number
  after(ms: number, callback: () => void): () => void
}

export const realClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
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

/** The timers of one twin, so that closing it leaves none behind. */
export interface Timers {
  now(): number
  after(ms: number, callback: () => void): () => void
  wait(ms: number): Promise<void>
  close(): void
}

export function createTimers(clock: Clock): Timers {
  const running = new Set<() => void>()
  function after(ms: number, callback: () => void, onClose?: () => void): () => void {
    let stop: () => void
    const cancelClock = clock.after(ms, () => {
      running.delete(stop)
      callback()
    })
    stop = () => {
      cancelClock()
      onClose?.()
    }
    running.add(stop)
    return () => {
      running.delete(stop)
      cancelClock()
    }
  }
  return {
    now: clock.now,
    after: (ms, callback) => after(ms, callback),
    wait: (ms) => new Promise((resolve) => void after(ms, resolve, resolve)),
    close() {
      for (const stop of running) stop()
      running.clear()
    },
  }
}
