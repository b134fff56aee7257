// Everything that an entry of a landing queue is told by its queue.

import type { Place } from './context.ts'

export type EntryEvent =
  /** Where it stands; `place` is null while there is nothing to stand on. */
  { type: 'entry.placed'; place: Place | null; isFirst: boolean; at?: number } | { type: 'entry.withdrawn'; at?: number }
