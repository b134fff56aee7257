// Owns the `fact` rows: written in the transaction of the change they tell of, delivered by the app's pump afterwards.

import type { SqliteDatabase } from './database.ts'
import { withDelayedDurability } from './statements.ts'

/** An event of the issue machine's vocabulary (interface.md §4) without `at`, which delivery adds. */
export interface FactEvent {
  type: string
  source: 'webhook' | 'poll' | 'agent' | 'operator' | 'system' | 'self'
  /** Epoch ms; strictly increasing for one object, also when the clock is set back. */
  observedAt: number
  [key: string]: unknown
}

/** A fact that is owed to the actor `issue/ISSUE`. */
export interface Fact {
  seq: number
  issue: string
  event: FactEvent
  createdAt: number
}

export interface FactOutbox {
  /** Adds a fact to the running transaction and answers its seq. Throws outside of `transaction`: a fact without its row would be a lie. */
  record: (issue: string, event: FactEvent) => number
  /** Runs `work` in one transaction; a throw rolls everything back. Wakes the pump after the commit if facts were added. */
  transaction: <T>(work: () => T) => T
  /** Facts not delivered yet, oldest first. */
  undelivered: (limit?: number) => Fact[]
  isDelivered: (seq: number) => boolean
  /** Whether a fact is not delivered yet of which the issue's actor is made, where there is none. */
  isBeginning: (issue: string) => boolean
  markDelivered: (seqs: readonly number[]) => void
  /** Forgets facts delivered before `time` (epoch ms) and answers how many. */
  prune: (time: number) => number
}

export function createFactOutbox(options: { database: SqliteDatabase; now: () => number; wake: () => void }): FactOutbox {
  const { database, now, wake } = options
  const insert = database.prepare<[string, string, number]>('INSERT INTO fact (issue, event, created_at) VALUES (?, ?, ?)')
  const select = database.prepare<[number], { seq: number; issue: string; event: string; created_at: number }>(
    'SELECT seq, issue, event, created_at FROM fact WHERE delivered_at IS NULL ORDER BY seq LIMIT ?',
  )
  const deliveredAt = database.prepare<[number], { delivered_at: number | null }>('SELECT delivered_at FROM fact WHERE seq = ?')
  const beginning = database.prepare<[string], unknown>(
    "SELECT 1 FROM fact WHERE delivered_at IS NULL AND issue = ? AND event ->> '$.title' IS NOT NULL LIMIT 1",
  )
  const deliver = database.prepare<[number, number]>('UPDATE fact SET delivered_at = ? WHERE seq = ? AND delivered_at IS NULL')
  const remove = database.prepare<[number]>('DELETE FROM fact WHERE delivered_at IS NOT NULL AND delivered_at < ?')
  let recorded = 0

  return {
    record(issue, event) {
      if (!database.inTransaction) throw new Error(`The fact ${event.type} of ${issue} was recorded outside of a transaction.`)
      recorded += 1
      return Number(insert.run(issue, JSON.stringify(event), now()).lastInsertRowid)
    },
    transaction(work) {
      const before = recorded
      const result = database.transaction(work).immediate()
      if (recorded > before) wake()
      return result
    },
    undelivered(limit = 1_000) {
      return select.all(limit).map((row) => ({
        seq: row.seq,
        issue: row.issue,
        event: JSON.parse(row.event) as FactEvent,
        createdAt: row.created_at,
      }))
    },
    isDelivered(seq) {
      const row = deliveredAt.get(seq)
      return row === undefined || row.delivered_at !== null
    },
    isBeginning: (issue) => beginning.get(issue) !== undefined,
    markDelivered(seqs) {
      const at = now()
      const mark = database.transaction(() => {
        for (const seq of seqs) deliver.run(at, seq)
      })
      // Delivered again, under the same key, where a power cut takes it back.
      withDelayedDurability(database, mark)
    },
    prune: (time) => remove.run(time).changes,
  }
}
