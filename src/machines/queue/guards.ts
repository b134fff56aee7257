// What a landing queue asks before it changes its line.

import type { QueueContext } from './context.ts'
import { isSame } from './policy.ts'

interface Args {
  context: QueueContext
  event: { type: string }
}
type Only = Pick<Args, 'context'>

/** When somebody stands in it. */
export const hasEntries = ({ context }: Only): boolean => context.entries.length > 0
/** When nobody does. */
export const isEmpty = ({ context }: Only): boolean => context.entries.length === 0
/** When this very head is in the queue already: asking twice is asking once. */
export const isKnown = ({ context, event }: Args): boolean =>
  context.entries.some((entry) => !entry.isLeaving && isSame(entry, event as unknown as { number: number; headSha: string }))
/** When the report is about the place that the entry has now. */
export const isCurrent = ({ context, event }: Args): boolean => {
  const { number, round } = event as unknown as { number: number; round: number }
  return context.entries.some((entry) => entry.isBegun && entry.number === number && entry.place?.round === round)
}
