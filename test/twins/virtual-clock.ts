// A clock that stands still until a test moves it.

export interface VirtualClock {
  now(): number
  after(ms: number, fn: () => void): () => void
  /** Lets time pass, and everything that is due in it happen, in the order of its time. */
  advance(ms: number): void
}

export function createVirtualClock(start: number): VirtualClock {
  let now = start
  let timers: { at: number; fn: () => void }[] = []
  return {
    now: () => now,
    after(ms, fn) {
      const timer = { at: now + ms, fn }
      timers.push(timer)
      return () => {
        timers = timers.filter((each) => each !== timer)
      }
    },
    advance(ms) {
      const end = now + ms
      for (;;) {
        const due = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
        if (due === undefined) break
        timers = timers.filter((each) => each !== due)
        now = Math.max(now, due.at)
        due.fn()
      }
      now = end
    },
  }
}
