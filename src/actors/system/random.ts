// Randomness as an argument: backoff jitter draws from it, so a seed repeats a run.

/** Uniform in [0, 1). */
export type RandomSource = () => number

/** A repeatable source (mulberry32); the same seed gives the same numbers. */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
