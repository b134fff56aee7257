// Who stands on what in a landing queue: the line, arranged anew after each thing that happened. Whoever keeps a place keeps
// what was found out there.

import type { QueueContext, QueueEntry } from './context.ts'
import { inOrder } from './policy.ts'

/** A commit, or the base where `onto` is null. */
interface Ground {
  onto: string | null
}

type Line = Pick<QueueContext, 'entries' | 'rounds'>

/** The line with a place for everybody who can have one now. */
export function arrange({ entries, rounds, depth, landed }: Pick<QueueContext, 'entries' | 'rounds' | 'depth' | 'landed'>): Line {
  const kept: QueueEntry[] = []
  for (const entry of entries) {
    const isStanding = keepsPlace(entry, groundAfter(kept, entry, landed))
    if (!isStanding && !entry.isLeaving) break
    // One that leaves keeps its turn: what it stood on may be gone, but a landing of it may be in flight.
    kept.push(isStanding ? entry : without(entry))
  }
  // The more urgent goes first among those whose candidates are neither built nor under test.
  const line = [...kept]
  let round = rounds
  for (const entry of inOrder(entries.slice(kept.length))) {
    const ground = groundAfter(line, entry, landed)
    const isTaken = entries.some((other) => other !== entry && (other.isBegun || other.isLeaving) && other.number === entry.number)
    const isFull = line.filter(({ place }) => place !== null).length >= depth
    if (entry.isLeaving || ground === null || isFull || isTaken) line.push(without(entry))
    else line.push({ ...without(entry), place: { round: ++round, onto: ground.onto } })
  }
  return { entries: line.map((entry, index) => ({ ...entry, isFirst: index === 0 && !entry.isLeaving })), rounds: round }
}

const keepsPlace = ({ place }: QueueEntry, ground: Ground | null): boolean =>
  place !== null && ground !== null && place.onto === ground.onto

const without = (entry: QueueEntry): QueueEntry => ({ ...entry, place: null, commit: null, isPassedOver: false })

/** What the next in the line stands on; null while the candidate before it is not built. */
function groundAfter(all: QueueEntry[], next: QueueEntry, landed: string | null): Ground | null {
  // One that leaves without a place is in nobody's way.
  const line = all.filter(({ isLeaving, place }) => !isLeaving || place !== null)
  // What it stood on has landed: that is the base, as long as nobody else moves it.
  if (line.length === 0) return { onto: landed !== null && next.place?.onto === landed ? landed : null }
  const before = line.findLast((entry) => !entry.isPassedOver)
  if (before !== undefined) return before.commit === null ? null : { onto: before.commit }
  const [first] = line
  return first!.place === null ? null : { onto: first!.place.onto }
}
