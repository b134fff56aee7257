// Databases to measure on: made once a run in one folder, copied for each use.

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { createSystem, defineActor } from '../src/actors/system/index.ts'
import { sqliteStore } from '../src/persistence/sqlite-store.ts'
import { work } from './machines.ts'

let own: string | undefined
/** The folder of this run; removed at the end when it is this process's own. */
export function folder(): string {
  const given = process.env['SIGNALBOX_BENCH_FOLDER']
  if (given) return given
  if (!own) {
    const made = mkdtempSync(join(tmpdir(), 'signalbox-bench-'))
    own = made
    process.on('exit', () => rmSync(made, { recursive: true, force: true }))
  }
  return own
}

let copies = 0
/** An empty place for a database. */
export const freshPath = (): string => {
  const path = join(folder(), `use-${process.pid}-${copies++}`)
  mkdirSync(path)
  return join(path, 'actors.db')
}

export const referenceActors = { work: defineActor(work.machine, { version: 1 }) }

/** A copy of a database with `actors` dormant reference actors `work/0`…, and `entries` more journal entries than they made. */
export async function databaseOf(actors: number, entries = 0): Promise<string> {
  const made = join(folder(), `made-${actors}-${entries}.db`)
  if (!existsSync(made)) {
    const path = freshPath()
    const system = await createSystem({ store: sqliteStore(path), actors: referenceActors })
    for (let from = 0; from < actors; from += 1_000) {
      const ids = Array.from({ length: Math.min(1_000, actors - from) }, (_, n) => String(from + n))
      await Promise.all(ids.map((id) => system.spawn('work', id, work.input(Number(id)))))
    }
    await system.stop()
    if (entries > 0) addEntries(path, entries)
    settle(path)
    renameSync(path, made)
  }
  const path = freshPath()
  copyFileSync(made, path)
  return path
}

/** A million steps take minutes; their rows alone are what the next steps would notice. */
function addEntries(path: string, entries: number): void {
  const db = new Database(path)
  db.exec(`INSERT INTO journal (seq, actor, prev, at, cause, machine, kind, body, ignored)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${entries})
    SELECT (SELECT max(seq) FROM journal) + i, 1 + i % (SELECT count(*) FROM actor), 0, 1700000000000, NULL, 1, 'event',
      '{"event":{"type":"progress.reported","text":"The parser now keeps the offset of every token."}}', 'made for the measurement' FROM n`)
  db.close()
}

/** Everything in the main file: no write-ahead log is left to read. */
export function settle(path: string): void {
  const db = new Database(path)
  db.pragma('wal_checkpoint(TRUNCATE)')
  db.close()
}
