// Whether deliveries come faster than they can be handled beside acknowledging them.

/** Milliseconds that are counted together. */
const span = 20
/** Deliveries in one span that make a rush: 500 a second. Handling takes about half a millisecond each, and acknowledging as long. */
const many = 10
/** Milliseconds after the last such span, after which it is over: it is not over because nothing could be taken for a moment. */
export const settling = 250
/** Milliseconds after which it is no rush any more but what always comes: handling has its usual share. */
const longest = 10_000

export interface Rush {
  /** One more has come, at `now` (ms of the monotonic clock). */
  count: (now: number) => void
  isOn: () => boolean
}

export function createRush(clock: () => number = () => performance.now()): Rush {
  let from = -Infinity
  let counted = 0
  let began = -Infinity
  let seen = -Infinity
  return {
    count(now) {
      if (now - from >= span) [from, counted] = [now, 0]
      counted += 1
      if (counted < many) return
      if (now - seen >= settling) began = now
      seen = now
    },
    isOn() {
      const now = clock()
      return now - seen < settling && now - began < longest
    },
  }
}
