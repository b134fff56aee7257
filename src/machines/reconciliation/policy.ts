// The pace of the reconciliation, in milliseconds.

export interface Pace {
  /** While something is awaited or new. */
  shortest: number
  /** When nothing has been new for long. */
  longest: number
}

export const defaultPace: Pace = { shortest: 10_000, longest: 5 * 60_000 }

/** Of the shortest pauses: so often everybody who is not over is asked about while something is new, and otherwise at each pause. */
export const everyoneAfter = 6

/** The pause after a round without news: twice the one before. */
export const longer = (pause: number, { shortest, longest }: Pace): number => Math.min(longest, Math.max(shortest, pause * 2))
