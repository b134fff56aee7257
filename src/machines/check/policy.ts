// The numbers of a head's checks.

import type { Backoff } from '../backoff.ts'

/** How it is met that the environment keeps the checks from running: again and again. */
export const defaultRetry: Backoff = { pause: 5_000, longest: 5 * 60_000 }

/** Checks that an earlier version has begun were given none. */
export const retryOf = ({ retry }: { retry?: Backoff }): Backoff => retry ?? defaultRetry
