// Opens a SQLite file the way every part of Signalbox needs it, and applies the numbered migrations.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { ConfigurationError, FatalError, SignalboxError } from '../errors.ts'
import { migrations } from './migrations.ts'

export type SqliteDatabase = Database.Database

/**
 * Opens `path`; WAL, `synchronous=FULL`, foreign keys, 5 s busy timeout. Migrates unless `readOnly`. `within` runs in the
 * transaction of the migrations: when it throws, the file is as it was.
 * Throws ConfigurationError `database-unusable` (with what to do), `database-newer` and `database-incomplete`, and what `within` throws.
 */
export function openDatabase(
  path: string,
  options: { readOnly?: boolean; within?: (database: SqliteDatabase) => void } = {},
): SqliteDatabase {
  let database: SqliteDatabase | undefined
  try {
    database = options.readOnly ? openToRead(path) : new Database(path)
    database.pragma('busy_timeout = 5000')
    database.pragma('foreign_keys = ON')
    if (options.readOnly) {
      checkVersion(database, path)
      checkTables(database, path)
      return database
    }
    database.pragma('synchronous = FULL')
    upgrade(database, path, options.within)
    // Only now: it is written into the file's header.
    database.pragma('journal_mode = WAL')
    database.pragma('wal_autocheckpoint = 8000')
    return database
  } catch (error) {
    database?.close()
    // What comes from `within` and not from SQLite is its own affair.
    const isOurs = database === undefined || error instanceof Database.SqliteError
    throw isOurs && !(error instanceof SignalboxError) ? unusable(path, error) : error
  }
}

/**
 * SQLite needs to write beside a WAL database even to read it. On a read-only disk the file is complete when it was closed in
 * order: then it is read from memory.
 */
function openToRead(path: string): SqliteDatabase {
  const database = new Database(path, { readonly: true, fileMustExist: true })
  try {
    userVersion(database)
    return database
  } catch (error) {
    database.close()
    if ((error as { code?: string }).code !== 'SQLITE_CANTOPEN' || !existsSync(path) || existsSync(`${path}-wal`)) throw error
    const bytes = readFileSync(path)
    bytes.fill(1, 18, 20) // the file format of a rollback journal: memory has no WAL
    return new Database(bytes, { readonly: true })
  }
}

/** The number of the newest migration of this build. */
export const schemaVersion = migrations.length

function userVersion(database: SqliteDatabase): number {
  return database.pragma('user_version', { simple: true }) as number
}

function checkVersion(database: SqliteDatabase, path: string): void {
  const version = userVersion(database)
  if (version > schemaVersion) {
    throw new ConfigurationError(
      'database-newer',
      `${path} was written by a newer Signalbox (schema ${version}, this build knows ${schemaVersion}). Use that version, or restore a backup.`,
    )
  }
  if (version < schemaVersion) {
    throw new ConfigurationError(
      'database-older',
      `${path} has schema ${version}; this build reads ${schemaVersion}. Start the server once to migrate it.`,
    )
  }
}

const tables = migrations.flatMap(({ sql }) => [...sql.matchAll(/^CREATE TABLE (\w+)/gm)].map(([, name]) => name!))

/** What was made or restored by halves says so here, and not in the middle of the work. */
function checkTables(database: SqliteDatabase, path: string): void {
  const found = new Set(database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all())
  const missing = tables.filter((name) => !found.has(name))
  if (missing.length === 0) return
  throw new ConfigurationError(
    'database-incomplete',
    `${path} lacks the ${missing.length === 1 ? 'table' : 'tables'} ${missing.join(', ')}. Restore a backup, or set store.path to another file.`,
  )
}

/** All pending migrations in one transaction, the version inside it: a kill or a refusal leaves the schema that was there. */
function upgrade(database: SqliteDatabase, path: string, within?: (database: SqliteDatabase) => void): void {
  if (userVersion(database) > schemaVersion) checkVersion(database, path)
  database.exec('BEGIN IMMEDIATE')
  try {
    for (let version = userVersion(database); version < schemaVersion; version++) {
      database.exec(migrations[version]!.sql)
      database.pragma(`user_version = ${version + 1}`)
    }
    checkTables(database, path)
    within?.(database)
    database.exec('COMMIT')
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** An error of SQLite's as one that says what to do. */
export function unusable(path: string, error: unknown): Error {
  const code = (error as { code?: string }).code ?? ''
  const message = error instanceof Error ? error.message : String(error)
  const cause = { cause: error }
  if (isFolder(path)) {
    return new ConfigurationError(
      'database-unusable',
      `${path} is a folder. Set store.path to the file of the database, such as ${join(path, 'signalbox.db')}.`,
      cause,
    )
  }
  if (code === 'SQLITE_FULL' || /disk is full/.test(message)) {
    return new FatalError(
      'disk-full',
      `The disk of ${path} is full. Free space and start again; nothing that was committed is lost.`,
      cause,
    )
  }
  if (
    code === 'SQLITE_READONLY' ||
    code.startsWith('SQLITE_READONLY') ||
    code === 'SQLITE_CANTOPEN' ||
    /unable to open|readonly/.test(message)
  ) {
    return new ConfigurationError(
      'database-unusable',
      `Cannot open ${path} for writing (${message}). Check that its folder exists and belongs to this user, or set store.path.`,
      cause,
    )
  }
  return new ConfigurationError('database-unusable', `Cannot use ${path} as a database: ${message}.`, cause)
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false // Whatever it is, SQLite has said already what is wrong with it.
  }
}
