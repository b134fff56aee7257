// The time of the real world, for a twin that is not given another.

import type { TwinClock } from './state.ts'

export const realClock: TwinClock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms)
    // A check that is due in an hour does not keep a test process alive.
    timer.unref()
    return () => clearTimeout(timer)
  },
}
