// The pace of the reconciliation, in milliseconds.

export interface Pace {
  /** While something is awaited or new. */
  shortest: number
  /** When nothing has been new for long. */
  longest: number
  /** Of the shortest pauses: so often everybody who is not over is asked about while something is new, and otherwise at each pause. */
  everyone?: number
}

export const defaultPace: Required<Pace> = { shortest: 10_000, longest: 5 * 60_000, everyone: 6 }

/** A pace that an earlier version has kept has no number of its own. */
export const everyoneAfter = ({ everyone = defaultPace.everyone, shortest }: Pace): number => everyone * shortest

/** The pause after a round without news: twice the one before. */
export const longer = (pause: number, { shortest, longest }: Pace): number => Math.min(longest, Math.max(shortest, pause * 2))
