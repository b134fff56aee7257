// The curated activity stream for people: one row a report, kept beside the actors.

import type { SqliteDatabase } from './database.ts'
import { statement, withDelayedDurability } from './statements.ts'

export const feedSchema = `
CREATE TABLE feed (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  report TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  level TEXT NOT NULL CHECK (level IN ('info', 'warn', 'error')),
  kind TEXT NOT NULL,
  issue TEXT NOT NULL,
  phase TEXT NOT NULL,
  status TEXT NOT NULL,
  summary TEXT NOT NULL
) STRICT;
`

/** Up to where the feed was told to whoever `notify` names. */
export const notifiedSchema = `
CREATE TABLE notified (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  seq INTEGER NOT NULL
) STRICT;
`

export interface FeedRow {
  seq: number
  at: number
  level: 'info' | 'warn' | 'error'
  kind: string
  issue: string
  phase: string
  status: string
  summary: string
}

/**
 * Adds an entry once per `report` id; answers the row, or null when it was there already. It need not be on the disk yet: it is added
 * again until its report is settled.
 */
export function addToFeed(database: SqliteDatabase, report: string, entry: Omit<FeedRow, 'seq'>): FeedRow | null {
  const insert = statement(
    database,
    'INSERT INTO feed (report, at, level, kind, issue, phase, status, summary) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (report) DO NOTHING',
  )
  const { at, level, kind, issue, phase, status, summary } = entry
  const { changes, lastInsertRowid } = withDelayedDurability(database, () =>
    insert.run(report, at, level, kind, issue, phase, status, summary),
  )
  return changes === 0 ? null : { seq: Number(lastInsertRowid), ...entry }
}

const levels = ['info', 'warn', 'error'] as const

/** Entries after `since` of at least `level`, oldest first; with `since` undefined the newest `limit`. */
export function readFeed(database: SqliteDatabase, options: { since?: number; level?: FeedRow['level']; limit: number }): FeedRow[] {
  const wanted = JSON.stringify(levels.slice(levels.indexOf(options.level ?? 'info')))
  const columns = 'seq, at, level, kind, issue, phase, status, summary'
  const among = 'level IN (SELECT value FROM json_each(?))'
  if (options.since !== undefined) {
    return database
      .prepare(`SELECT ${columns} FROM feed WHERE seq > ? AND ${among} ORDER BY seq LIMIT ?`)
      .all(options.since, wanted, options.limit) as FeedRow[]
  }
  const newest = database
    .prepare(`SELECT ${columns} FROM feed WHERE ${among} ORDER BY seq DESC LIMIT ?`)
    .all(wanted, options.limit) as FeedRow[]
  return newest.reverse()
}

/** The number of the last entry that was told; null where none ever was. */
export const notifiedUntil = (database: SqliteDatabase): number | null =>
  (statement(database, 'SELECT seq FROM notified').get() as { seq: number } | undefined)?.seq ?? null

/** As durable as the entries themselves: what a kill takes back is told again. */
export function rememberNotified(database: SqliteDatabase, seq: number): void {
  withDelayedDurability(database, () => statement(database, 'INSERT OR REPLACE INTO notified (one, seq) VALUES (1, ?)').run(seq))
}

/** Nobody is told: whoever is later, of what happens from then on. */
export const forgetNotified = (database: SqliteDatabase): void => void database.exec('DELETE FROM notified')
