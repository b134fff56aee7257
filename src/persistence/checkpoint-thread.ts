// The thread of the checkpointer: looks at how long the log is, and brings what is in it into the database while commits go on.

import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'

/** Milliseconds between two looks. */
const pause = 50
/** Pages of the log that are worth a checkpoint; a commit makes one itself at 8,000. */
const worthwhile = 1_000
/** Of a log as long as this, its commits soon would: what is left for them is to be little. */
const late = 6_000

const path = workerData as string
const database = new Database(path, { fileMustExist: true })
database.pragma('busy_timeout = 0')
database.pragma('wal_autocheckpoint = 0')

/**
 * Pages in the log, and how many of them are in the database. Asked of SQLite alone: when a process closes a descriptor of one of
 * the files, all its locks on it are gone (https://sqlite.org/howtocorrupt.html, 2.2).
 */
function look(): { log: number; checkpointed: number } {
  const [found] = database.pragma('wal_checkpoint(NOOP)') as [{ log: number; checkpointed: number }]
  return found
}

const timer = setInterval(() => {
  const { log, checkpointed } = look()
  if (log - checkpointed < (log < late ? worthwhile : 1)) return
  // It waits for nobody. What is written meanwhile is left for the next time.
  database.pragma('wal_checkpoint(PASSIVE)')
}, pause)

parentPort!.once('message', () => {
  clearInterval(timer)
  database.close()
  parentPort!.close()
})
