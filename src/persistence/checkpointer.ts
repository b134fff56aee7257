// Owns the thread that brings a long write-ahead log into the database file, so that no commit has to: it takes tens of milliseconds.

import { statSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

export interface Checkpointer {
  /** Resolves when the thread has left the file; to be waited for before the last connection is closed, which then removes the log. */
  stop: () => Promise<void>
}

/** Bytes of the log beyond which it is worth a thread: most installations never write as much between two checkpoints of their own. */
const worthwhile = 4 * 2 ** 20
/** Milliseconds between two looks at it. */
const pause = 500

const file = fileURLToPath(new URL(`./checkpoint-thread${extname(import.meta.url)}`, import.meta.url))

/** For the database in the file `path`. When the thread breaks, `onEnd` is told, and commits make the checkpoints as they do without it. */
export function startCheckpointer(path: string, onEnd: (error: unknown) => void): Checkpointer {
  let thread: Worker | null = null
  const sizeOfLog = (): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  const timer = setInterval(() => {
    if (sizeOfLog() < worthwhile) return
    clearInterval(timer)
    thread = new Worker(file, { workerData: path })
    thread.unref()
    thread.on('error', onEnd)
  }, pause)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      if (thread === null || thread.threadId === -1) return
      const { promise, resolve } = Promise.withResolvers<unknown>()
      // Not by `once` of the module `events`, which throws when the thread breaks meanwhile.
      thread.once('exit', resolve)
      thread.ref()
      thread.postMessage('stop')
      await promise
    },
  }
}
