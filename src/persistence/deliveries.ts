// Owns the `delivery` rows: what a provider has told by webhook, durable before it is acknowledged, handled from here afterwards.

import type { SqliteDatabase } from './database.ts'
import { statement } from './statements.ts'

/** What has its turn, and when. */
interface Turn {
  provider: string
  id: string
  event: string
  /** Those of one lane are handled in their order. */
  lane: string
  /** Of those of one lane and one topic, the last says all. */
  topic: string | null
}

export interface NewDelivery extends Turn {
  /** As it came. */
  body: string
}

/** Without its body, which is read when it has its turn. */
export interface StoredDelivery extends Turn {
  seq: number
  receivedAt: number
  /** How often it could not be handled. */
  attempts: number
}

/** Milliseconds between two commits of deliveries. */
const gather = 8

export type Deliveries = ReturnType<typeof createDeliveries>

type Row = Omit<StoredDelivery, 'receivedAt'> & { received_at: number }

export function createDeliveries({
  database,
  now,
  defer,
  after,
}: {
  database: SqliteDatabase
  now: () => number
  /** Calls back in a later turn of the event loop. */
  defer: (callback: () => void) => void
  after: (ms: number, callback: () => void) => unknown
}) {
  const sql = (text: string) => statement(database, text)
  let waiting: { delivery: NewDelivery; resolve: (isNew: boolean) => void; reject: (error: unknown) => void }[] = []
  let flushedAt = -Infinity
  const count = (): number => (sql('SELECT count(*) AS n FROM delivery WHERE handled_at IS NULL').get() as { n: number }).n
  let unhandled = count()

  /** At once, unless there was a commit just now: under load one is shared by what comes within a few milliseconds. */
  function flushSoon(): void {
    const left = gather - (performance.now() - flushedAt)
    if (left <= 0) defer(flush)
    else after(left, flush)
  }

  function insert({ provider, id, event, lane, topic, body }: NewDelivery): boolean {
    const { changes, lastInsertRowid } = sql(
      'INSERT INTO delivery (provider, id, event, lane, topic, received_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (provider, id) DO NOTHING',
    ).run(provider, id, event, lane, topic, now())
    if (changes === 0) return false
    sql('INSERT INTO delivery_body (seq, body) VALUES (?, ?)').run(lastInsertRowid, body)
    return true
  }

  /** One commit for all that have come since the last one: load raises throughput rather than latency. */
  function flush(): void {
    flushedAt = performance.now()
    const batch = waiting
    waiting = []
    try {
      const isNew = database.transaction(() => batch.map(({ delivery }) => insert(delivery))).immediate()
      for (const [i, { resolve }] of batch.entries()) {
        if (isNew[i]!) unhandled += 1
        resolve(isNew[i]!)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  const end = (seq: number, error: string | null): void => {
    const { changes } = sql('UPDATE delivery SET handled_at = ?, error = ? WHERE seq = ? AND handled_at IS NULL').run(now(), error, seq)
    unhandled -= changes
  }

  return {
    /** Resolves when it is durable: true when it is new, false when the provider had told it before. */
    add: (delivery: NewDelivery): Promise<boolean> =>
      new Promise((resolve, reject) => {
        if (waiting.push({ delivery, resolve, reject }) === 1) flushSoon()
      }),
    /** A provider's, oldest first, those after the position `after`. */
    unhandled: (provider: string, after: number, limit: number): StoredDelivery[] => {
      const page = sql(
        'SELECT seq, provider, id, event, lane, topic, received_at, attempts FROM delivery WHERE handled_at IS NULL AND provider = ? AND seq > ? ORDER BY seq LIMIT ?',
      )
      return (page.all(provider, after, limit) as Row[]).map(({ received_at: receivedAt, ...row }) => ({ ...row, receivedAt }))
    },
    /** As it came. Throws when it has been forgotten. */
    body: (seq: number): string => (sql('SELECT body FROM delivery_body WHERE seq = ?').get(seq) as { body: string }).body,
    backlog: (): number => unhandled,
    /** To be called when a transaction with what follows was rolled back: counting each time would take longer the more there are. */
    recount: (): void => void (unhandled = count()),
    /** May be part of a transaction. */
    handled: (seq: number): void => end(seq, null),
    /** It can never be handled: kept, with the reason, for as long as others. */
    putAside: (seq: number, error: string): void => end(seq, error),
    /** It could not be handled now. */
    postponed: (seq: number, error: string): void =>
      void sql('UPDATE delivery SET attempts = attempts + 1, error = ? WHERE seq = ?').run(error, seq),
    /** Notes that something of this name has been told, or done; false when it was noted before. */
    tell: (key: string): boolean => sql('INSERT INTO told (key, at) VALUES (?, ?) ON CONFLICT DO NOTHING').run(key, now()).changes === 1,
    wasTold: (key: string): boolean => sql('SELECT 1 FROM told WHERE key = ?').get(key) !== undefined,
    /** Forgets up to `limit` of each kind that ended before `time` (epoch ms); answers how many rows went. */
    prune: (time: number, limit: number): number =>
      sql('DELETE FROM delivery WHERE seq IN (SELECT seq FROM delivery WHERE handled_at < ? LIMIT ?)').run(time, limit).changes +
      sql('DELETE FROM told WHERE key IN (SELECT key FROM told WHERE at < ? LIMIT ?)').run(time, limit).changes,
  }
}

/** What is known of a provider's deliveries from those that are still kept; times are ISO 8601 UTC. */
export function describeDeliveries(
  database: SqliteDatabase,
  provider: string,
): { lastAt: string | null; putAside: { count: number; lastAt: string; message: string } | null } {
  const last = statement(database, 'SELECT received_at AS at FROM delivery WHERE provider = ? ORDER BY seq DESC LIMIT 1').get(provider)
  // SQLite takes the reason from the row of the maximum.
  const aside = statement(
    database,
    'SELECT count(*) AS n, max(handled_at) AS at, error FROM delivery WHERE provider = ? AND handled_at IS NOT NULL AND error IS NOT NULL',
  ).get(provider) as { n: number; at: number; error: string }
  const iso = (at: number): string => new Date(at).toISOString()
  return {
    lastAt: last === undefined ? null : iso((last as { at: number }).at),
    putAside: aside.n === 0 ? null : { count: aside.n, lastAt: iso(aside.at), message: aside.error },
  }
}
