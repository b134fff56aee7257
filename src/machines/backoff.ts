// Pauses that double: one rule for every machine that tries again.

export interface Backoff {
  /** The first pause, in milliseconds. */
  pause: number
  /** It is doubled each time, up to this. */
  longest: number
}

/** Milliseconds before attempt `n` (from 1) after a failure. */
export const pauseBefore = ({ pause, longest }: Backoff, n: number): number => Math.min(longest, pause * 2 ** Math.max(0, n - 1))
