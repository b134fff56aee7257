// The numbers of a landing queue, and what it takes for the same and for urgent.

import type { Landable, QueueEntry } from './context.ts'

/** How many are tested at once, on top of each other. */
export const defaultDepth = 4

/** 1 is the most urgent, no priority the least. */
const urgency = (entry: QueueEntry): number => (entry.priority === 0 ? 5 : entry.priority)

/** By urgency, then in order of arrival. */
export const inOrder = (entries: QueueEntry[]): QueueEntry[] =>
  [...entries].sort((a, b) => urgency(a) - urgency(b) || a.enqueuedAt - b.enqueuedAt || a.number - b.number)

export const isSame = (a: Landable, b: Landable): boolean => a.number === b.number && a.headSha === b.headSha
