// The numbers of one entry of a landing queue.

/** Failures of the environment before the entry is given back. */
export const mostObstacles = 5
const firstPause = 2_000
const longestPause = 60_000
/** How often a landing that the user's checkout holds up is tried again, in milliseconds. */
export const heldPause = 10_000

export const pauseAfter = (obstacles: number): number => Math.min(longestPause, firstPause * 2 ** Math.max(0, obstacles - 1))
