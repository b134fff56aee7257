// The thread of the checkpointer: looks at how long the log is, and brings what is in it into the database while commits go on.

import { closeSync, openSync, readSync } from 'node:fs'
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

/** Pages in the log, and how many of them are in the database: the index of the log (https://sqlite.org/walformat.html, 2.1), in the byte order of the machine. */
function look(): { pages: number; done: number } {
  const index = openSync(`${path}-shm`, 'r')
  try {
    const header = new DataView(new ArrayBuffer(100))
    readSync(index, header, 0, 100, 0)
    const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1
    return { pages: header.getUint32(16, little), done: header.getUint32(96, little) }
  } finally {
    closeSync(index)
  }
}

const timer = setInterval(() => {
  const { pages, done } = look()
  if (pages - done < (pages < late ? worthwhile : 1)) return
  // It waits for nobody. What is written meanwhile is left for the next time.
  database.pragma('wal_checkpoint(PASSIVE)')
}, pause)

parentPort!.once('message', () => {
  clearInterval(timer)
  database.close()
  parentPort!.close()
})
