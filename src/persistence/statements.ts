// What is asked of an open database: statements prepared once, and commits that are not waited for.

import type Database from 'better-sqlite3'
import type { SqliteDatabase } from './database.ts'

const prepared = new WeakMap<SqliteDatabase, Map<string, Database.Statement<unknown[]>>>()

/** The statement of a text, prepared once for each database: for texts of which there are few. */
export function statement(database: SqliteDatabase, text: string): Database.Statement<unknown[]> {
  const statements = prepared.get(database) ?? new Map<string, Database.Statement<unknown[]>>()
  prepared.set(database, statements)
  const known = statements.get(text) ?? database.prepare<unknown[]>(text)
  statements.set(text, known)
  return known
}

/**
 * Does `work` without waiting until its commits are on the disk (as `synchronous=NORMAL` does); the next commit that waits brings
 * them there, too, for the log is written in order. Only for what is done again when it is gone after a power cut; the end of the process takes nothing.
 */
export function withDelayedDurability<T>(database: SqliteDatabase, work: () => T): T {
  if (database.inTransaction) return work() // it is part of what is waited for
  database.pragma('synchronous = NORMAL')
  try {
    return work()
  } finally {
    database.pragma('synchronous = FULL')
  }
}
