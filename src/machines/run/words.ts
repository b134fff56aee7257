// How a run says spans of time and lists.

/** A span of time for people. */
export const minutes = (ms: number): string => (ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} minutes`)

/** The first ten of them. */
export const listed = (items: readonly string[]): string => `${items.slice(0, 10).join(', ')}${items.length > 10 ? ', …' : ''}`
