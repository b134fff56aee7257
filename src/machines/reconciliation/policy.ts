// The pace of the reconciliation, in milliseconds.

/** While something is awaited or new. */
export const shortestPause = 10_000
/** When nothing has been new for long. */
export const longestPause = 5 * 60_000
/** Every issue that is not over is asked about at least this often, however much is awaited elsewhere. */
export const everyoneEvery = 60_000

/** The pause after a round without news: twice the one before. */
export const longer = (pause: number): number => Math.min(longestPause, Math.max(shortestPause, pause * 2))
