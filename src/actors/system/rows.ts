// The actor rows in memory: a cache of committed bytes bounded by their size, and the rows that the coming commit will write.

import type { ActorRow, Store } from '../../persistence/store.ts'

export interface Rows {
  /** The row for a turn: the same object until the commit. */
  get(address: string): ActorRow | undefined
  /** The row for reading, without keeping it. */
  peek(address: string): ActorRow | undefined
  /** Remembers a new row before it is written. */
  add(row: ActorRow): void
  /** After each commit: what the turn used becomes cache, and the cache is cut to its bound. */
  settle(): void
  /** Drops the cache: rows have gone from the store. */
  forget(): void
  readonly cachedBytes: number
}

const rowOverhead = 400

/** `limit` is in bytes of snapshots and row overhead; what is needed beyond it is read again from the store. */
export function createRows(store: Store, limit: number): Rows {
  const cache = new Map<string, ActorRow>()
  const sizes = new Map<string, number>()
  let bytes = 0
  // Not evicted: their new content is not in the store yet.
  const unwritten = new Map<string, ActorRow>()

  const sizeOf = (row: ActorRow): number => rowOverhead + row.address.length + (row.snapshot?.length ?? 0) * (isLatin(row) ? 1 : 2)
  const remember = (row: ActorRow): void => {
    const size = sizeOf(row)
    bytes += size - (sizes.get(row.address) ?? 0)
    cache.delete(row.address)
    cache.set(row.address, row)
    sizes.set(row.address, size)
  }
  const evict = (): void => {
    for (const address of cache.keys()) {
      if (bytes <= limit) return
      cache.delete(address)
      bytes -= sizes.get(address)!
      sizes.delete(address)
    }
  }
  return {
    get cachedBytes() {
      return bytes
    },
    get(address) {
      const row = unwritten.get(address) ?? cache.get(address) ?? store.actor(address)
      if (row) unwritten.set(address, row)
      return row
    },
    peek: (address) => unwritten.get(address) ?? cache.get(address) ?? store.actor(address),
    add(row) {
      unwritten.set(row.address, row)
    },
    forget() {
      cache.clear()
      sizes.clear()
      bytes = 0
    },
    settle() {
      for (const row of unwritten.values()) remember(row)
      unwritten.clear()
      evict()
    },
  }
}

// V8 keeps a string of Latin-1 characters in one byte each; looking at a prefix is estimate enough for a bound.
const isLatin = (row: ActorRow): boolean => {
  const text = row.snapshot ?? ''
  for (let i = 0; i < text.length; i += 64) if (text.charCodeAt(i) > 255) return false
  return true
}
