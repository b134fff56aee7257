// A consistent copy of a live database, and its way back. The bare repositories beside the database are not in it.

import { chmodSync, closeSync, copyFileSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { ConfigurationError, FatalError, toErrorData } from '../errors.ts'
import { openDatabase, schemaVersion } from './database.ts'
import { realFile, takeOwnership } from './ownership.ts'

/** Copies the database at `path` to `file` while others write to it; the copy is whole or not there. Throws FatalError `backup-failed`. */
export async function backupDatabase(path: string, file: string): Promise<void> {
  const unfinished = `${file}.unfinished`
  const source = openDatabase(path, { readOnly: true })
  try {
    rmSync(unfinished, { force: true })
    await source.backup(unfinished)
    settle(unfinished)
    chmodSync(unfinished, 0o600)
    sync(unfinished)
    renameSync(unfinished, file)
    sync(dirname(file))
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw new FatalError('backup-failed', `Cannot write the backup ${file}: ${toErrorData(error).message}. Nothing is left of it.`, {
      cause: error,
    })
  } finally {
    source.close()
  }
}

/**
 * Puts the backup `file` in the place of the database that `named` leads to; answers where the one that was there is kept, or null.
 * Throws FatalError `database-owned` while a process owns it, ConfigurationError `not-a-backup`; nothing is changed then.
 */
export function restoreDatabase(named: string, file: string, now: Date): string | null {
  const ownership = takeOwnership(named)
  // A link stays one: whoever comes by another way must find the same database.
  const path = realFile(named)
  const incoming = `${path}.restoring`
  try {
    rmSync(incoming, { force: true })
    copyFileSync(file, incoming)
    assertBackup(incoming, file)
    chmodSync(incoming, 0o600)
    sync(incoming)
    const kept = existsSync(path) ? setAside(path, `${path}.replaced-${now.toISOString().replaceAll(/[:.]/g, '-')}`) : null
    renameSync(incoming, path)
    // What is left of the old journal must not be read as that of the new file.
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
    sync(dirname(path))
    return kept
  } finally {
    rmSync(incoming, { force: true })
    ownership.release()
  }
}

/** One file instead of three: the copy is in WAL mode as its source is. */
function settle(file: string): void {
  const copy = new Database(file)
  try {
    copy.pragma('journal_mode = DELETE')
    const state = copy.pragma('quick_check', { simple: true })
    if (state !== 'ok') throw new FatalError('backup-failed', `the copy is damaged (${String(state)})`)
  } finally {
    copy.close()
  }
}

function assertBackup(copy: string, file: string): void {
  const refuse = (reason: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError('not-a-backup', `${file} is not a backup that this build can restore: ${reason}. Nothing was changed.`, {
      cause,
    })
  let database: Database.Database | undefined
  try {
    database = new Database(copy)
    const state = database.pragma('quick_check', { simple: true })
    if (state !== 'ok') throw refuse(`it is damaged (${String(state)})`)
    const version = database.pragma('user_version', { simple: true }) as number
    if (version > schemaVersion) throw refuse(`it was written by a newer Signalbox (schema ${version}, this build knows ${schemaVersion})`)
    const isOurs = database.prepare("SELECT count(*) FROM sqlite_schema WHERE name IN ('owner', 'actor')").pluck().get() === 2
    if (!isOurs) throw refuse('it is another database')
    database.pragma('journal_mode = DELETE')
  } catch (error) {
    throw error instanceof ConfigurationError ? error : refuse(toErrorData(error).message, error)
  } finally {
    database?.close()
  }
}

/** Keeps the present database under another name while `path` still names it: a kill in between leaves the old one in place. */
function setAside(path: string, kept: string): string {
  try {
    const old = new Database(path)
    old.pragma('wal_checkpoint(TRUNCATE)')
    old.close()
  } catch (error) {
    // A damaged database is a reason to restore one: its journal is kept beside it for whoever wants to look.
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${kept}-wal`)
    if (!(error instanceof Database.SqliteError)) throw error
  }
  try {
    linkSync(path, kept)
  } catch {
    copyFileSync(path, kept) // A file system without hard links.
  }
  return kept
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
