// One owner a database: an exclusive SQLite transaction held on a lock file beside it, which the kernel frees on kill -9.

import { lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { FatalError } from '../errors.ts'
import { openDatabase, unusable } from './database.ts'

export interface Ownership {
  release(): void
}

/**
 * Takes the lock of `path`.
 * Throws FatalError `database-owned` at once when another live process has it, ConfigurationError `database-unusable` when the file cannot be.
 */
export function takeOwnership(path: string): Ownership {
  let lock: Database.Database | undefined
  try {
    lock = new Database(lockOf(path))
    lock.pragma('busy_timeout = 0')
    lock.pragma('journal_mode = DELETE')
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock?.close()
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) {
      throw new FatalError(
        'database-owned',
        `${path} is in use by another live process (${describeHolder(path)}). Stop that one first, or give this one another store.path.`,
        {
          cause: error,
        },
      )
    }
    throw unusable(path, error)
  }
  const taken = lock
  held.add(taken)
  return {
    release() {
      held.delete(taken)
      taken.close()
    },
  }
}

/** Who holds `path` now, as recorded by the holder itself. */
function describeHolder(path: string): string {
  try {
    const database = openDatabase(path, { readOnly: true })
    try {
      const row = database.prepare('SELECT pid, host, since FROM owner').get() as { pid: number; host: string; since: number } | undefined
      return row ? `process ${row.pid} on ${row.host} since ${new Date(row.since).toISOString()}` : 'its owner has not recorded itself yet'
    } finally {
      database.close()
    }
  } catch {
    return 'its owner has not recorded itself yet'
  }
}

/** The lock of the database at `path`: it lies beside the file itself, by whatever links one comes to it. */
export function lockOf(path: string): string {
  return `${realFile(path)}.lock`
}

/** The file that `path` names, by whatever links; where SQLite will make it when it is not there yet. */
export function realFile(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()
    if (isLink) return realFile(resolve(dirname(path), readlinkSync(path)))
    return dirname(path) === path ? path : join(realFile(dirname(path)), basename(path))
  }
}

// Reachable for as long as it is held: garbage collection of the handle would free the lock.
const held = new Set<Database.Database>()
