// What is remembered by name over restarts: how far something has been read, what has been noticed once.

import type { SqliteDatabase } from '../../../persistence/database.ts'

export type Cursors = ReturnType<typeof createCursors>

export function createCursors(database: SqliteDatabase) {
  const get = database.prepare<[string], { value: string }>('SELECT value FROM github_cursor WHERE name = ?')
  const set = database.prepare<[string, string]>(
    'INSERT INTO github_cursor (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  )
  return {
    get: (name: string): string | null => get.get(name)?.value ?? null,
    set: (name: string, value: string): void => void set.run(name, value),
  }
}
