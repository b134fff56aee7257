// The numbers and the order of a landing queue.

import type { Landable, QueueEntry } from './context.ts'

/** Failures of the environment in a row before the entry is given back. */
export const mostObstacles = 5
const firstPause = 2_000
const longestPause = 60_000
/** How often a landing that the user's checkout holds up is tried again (interface §6), in milliseconds. */
export const heldPause = 10_000

export const pauseAfter = (obstacles: number): number => Math.min(longestPause, firstPause * 2 ** Math.max(0, obstacles - 1))

/** 1 is the most urgent, no priority the least. */
const urgency = (entry: QueueEntry): number => (entry.priority === 0 ? 5 : entry.priority)

/** By urgency, then in order of arrival. */
export const inOrder = (entries: QueueEntry[]): QueueEntry[] =>
  [...entries].sort((a, b) => urgency(a) - urgency(b) || a.enqueuedAt - b.enqueuedAt || a.number - b.number)

export const isSame = (a: Landable, b: Landable): boolean => a.number === b.number && a.headSha === b.headSha
