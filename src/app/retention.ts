// Forgets what is older than `store.retention`: dedupe keys, finished actors, delivered facts, requests, and the files of checks and runs.

import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { SqliteDatabase } from '../persistence/database.ts'

export interface RetentionOptions {
  /** Forgets up to `limit` of each kind in one transaction; answers how many rows went. */
  sweep: (before: number, limit: number) => number
  /** Forgets delivered facts, and what a tracker has carried out. */
  prune: (before: number) => number
  /** Forgets up to `limit` of the deliveries that have been handled, and of what was told. */
  pruneDeliveries: (before: number, limit: number) => number
  database: SqliteDatabase
  dataFolder: string
  /** Lets other work have its turn. */
  pause: () => Promise<void>
}

/** Rows in one transaction: what happens meanwhile waits for it. */
const portion = 1_000

/** Resolves when nothing that was there is older than `before` (epoch ms), or when `isOver`. */
export async function forget(before: number, options: RetentionOptions, isOver: () => boolean): Promise<void> {
  const { sweep, prune, pruneDeliveries, database, dataFolder, pause } = options
  // What is told again by its row goes before the key by which it is told once.
  prune(before)
  const requests = database.prepare('DELETE FROM tracker_request WHERE key IN (SELECT key FROM tracker_request WHERE at < ? LIMIT ?)')
  const works = [() => sweep(before, portion), () => requests.run(before, portion).changes, () => pruneDeliveries(before, portion)]
  for (const work of works) {
    while (!isOver() && work() > 0) await pause()
  }
  if (isOver()) return
  for (const top of ['checks', 'runs']) {
    for (const group of await namesIn(join(dataFolder, top))) {
      for (const name of await namesIn(join(dataFolder, top, group))) {
        const folder = join(dataFolder, top, group, name)
        if (isOver()) return
        if (await isOlder(folder, before)) await rm(folder, { recursive: true, force: true })
      }
    }
  }
}

/** Whether neither the folder nor anything directly in it was written since. */
async function isOlder(folder: string, before: number): Promise<boolean> {
  const paths = [folder, ...(await namesIn(folder)).map((name) => join(folder, name))]
  const times = await Promise.all(paths.map(async (path) => (await stat(path).catch(() => null))?.mtimeMs ?? 0))
  return Math.max(...times) < before
}

/** Nothing where there is no such folder, or where it cannot be read: then nothing of it is removed. */
const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])
