// The numbers of a head's checks.

const firstPause = 5_000
const longestPause = 5 * 60_000

/** Milliseconds before the checks are tried again after the environment kept them from running `obstacles` times. */
export const pauseAfter = (obstacles: number): number => Math.min(longestPause, firstPause * 2 ** Math.max(0, obstacles - 1))
