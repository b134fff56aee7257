// Owns: which effect may start next: first in, first out per pool of sources, at most so many at once, and reports of one type of one actor
// one after the other. Does not own: their runs. Invariant: a place is taken before the commit that promises the start, and given back once.

import type { EffectRow } from '../../persistence/store.ts'

interface Queued {
  row: EffectRow
}

export interface EffectQueue<T extends Queued> {
  /** It waits for a place; a report behind those before it. */
  add: (effect: T) => void
  /** A report keeps its place in its line without asking to start: it waits for its next attempt. */
  join: (report: T) => void
  /** It starts no more, or has ended: the report behind it is next. */
  remove: (effect: T) => void
  isWaiting: (src: string) => boolean
  /** Takes the places that are free, for the effects that it answers. */
  take: () => T[]
  /** Gives a place back. */
  leave: (src: string) => void
}

/** `poolOf`: whose places a source takes, and how many there are; equal for all sources of one pool. */
export function createEffectQueue<T extends Queued>(poolOf: (src: string) => { pool: string; limit: number }): EffectQueue<T> {
  const waiting = new Map<string, Set<T>>()
  const taken = new Map<string, number>()
  const lines = new Map<string, T[]>()

  const waitingFor = (src: string): Set<T> => {
    const { pool } = poolOf(src)
    let queue = waiting.get(pool)
    if (!queue) waiting.set(pool, (queue = new Set()))
    return queue
  }
  const lineOf = ({ row }: T): string | undefined => (row.child === null ? `${row.actor} ${row.src}` : undefined)

  const join = (report: T): void => {
    const name = lineOf(report)!
    const line = lines.get(name)
    if (!line) lines.set(name, [report])
    else if (!line.includes(report)) line.push(report)
  }
  return {
    join,
    add(effect) {
      const name = lineOf(effect)
      if (name !== undefined) join(effect)
      if (name === undefined || lines.get(name)![0] === effect) waitingFor(effect.row.src).add(effect)
    },
    remove(effect) {
      waitingFor(effect.row.src).delete(effect)
      const name = lineOf(effect)
      const line = name === undefined ? undefined : lines.get(name)
      if (!line) return
      const rest = line.filter((other) => other !== effect)
      if (rest.length === 0) lines.delete(name!)
      else lines.set(name!, rest)
      if (line[0] === effect && rest[0]?.row.status === 'pending') waitingFor(effect.row.src).add(rest[0])
    },
    isWaiting: (src) => waitingFor(src).size > 0,
    take() {
      const chosen: T[] = []
      for (const [pool, queue] of waiting) {
        for (const effect of queue) {
          const places = taken.get(pool) ?? 0
          if (places >= poolOf(effect.row.src).limit) break
          queue.delete(effect)
          taken.set(pool, places + 1)
          chosen.push(effect)
        }
      }
      return chosen
    },
    leave(src) {
      const { pool } = poolOf(src)
      taken.set(pool, taken.get(pool)! - 1)
    },
  }
}
