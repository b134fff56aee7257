// How snapshots of earlier versions of the landing queue's chart become those of this one.

import { createContext, createEntry, type LandingRequest, type QueueContext } from './context.ts'
import { isSame } from './policy.ts'

type Snapshot = Record<string, any>
type Entry1 = LandingRequest & { enqueuedAt: number }

/**
 * To 2: entries have actors of their own. The one under test is the first again and begins anew; what was in flight for it is
 * found out again, a landing that was made included. One that was withdrawn goes at once.
 */
function toVersion2(snapshot: Snapshot): Snapshot {
  const { project, now, head, entries, withdrawn } = snapshot['context'] as QueueContext & Record<'head' | 'withdrawn', Entry1 | null>
  const isLeaving = head !== null && withdrawn !== null && isSame(head, withdrawn)
  const first =
    head === null ? [] : [{ ...createEntry(head, head.enqueuedAt), isLeaving, ...(isLeaving ? { place: { round: 1, onto: null } } : {}) }]
  const waiting = entries.map((entry) => createEntry(entry, entry.enqueuedAt))
  const context: QueueContext = { ...createContext({ input: { project } }), now, rounds: 1, entries: [...first, ...waiting] }
  return { ...snapshot, value: context.entries.length > 0 ? 'open' : 'idle', tags: [], children: {}, context }
}

export const migrations = { 1: { to: 2, migrate: toVersion2 } }
