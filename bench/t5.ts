// T5: what a dormant actor costs in memory, measured in processes of their own, and on disk.

import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createSystem } from '../src/actors/system/index.ts'
import { sqliteStore } from '../src/persistence/sqlite-store.ts'
import { databaseOf, referenceActors } from './databases.ts'
import { work } from './machines.ts'
import { figure, rounds, tell, type Figure } from './measure.ts'

const few = 1_000
const many = 100_000
const pageCacheKiB = 2_048

/** In a process of its own: opens the database, wakes 1,000 actors spread over it, and answers its resident memory. */
async function resident(path: string, actors: number): Promise<number> {
  const store = sqliteStore(path)
  const system = await createSystem({ store, actors: referenceActors })
  store.database.pragma(`cache_size = -${pageCacheKiB}`)
  for (let turn = 0; turn < 5; turn++)
    await Promise.all(Array.from({ length: few }, (_, n) => system.ref(`work/${n * (actors / few)}`).send(work.event(n, turn))))
  await system.idle()
  for (let i = 0; i < 5; i++) {
    globalThis.gc!()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { rss } = process.memoryUsage()
  await system.stop()
  return rss
}

export async function measure(): Promise<Figure[]> {
  const seen: number[] = []
  const [small, large] = [await databaseOf(few), await databaseOf(many)]
  const disk = (statSync(large).size - statSync(small).size) / (many - few)
  const rss = (path: string, actors: number): number =>
    Number(execFileSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), path, String(actors)], { encoding: 'utf8' }))
  for (let round = 0; round < rounds; round++) {
    // A copy each time: the measured processes take steps.
    const [a, b] = [rss(await databaseOf(few), few), rss(await databaseOf(many), many)]
    seen.push((b - a) / (many - few))
  }
  const note = `page cache ${pageCacheKiB} KiB, 1,000 actors awake in both`
  return [
    figure('T5', 'resident memory a dormant actor', 'bytes', seen, { limit: { most: 300 }, note }),
    figure('T5', 'disk a dormant actor (0.4 KB snapshot and its first journal entry)', 'bytes', [disk]),
  ]
}

if (import.meta.main) {
  if (process.argv[2] !== undefined) process.stdout.write(String(await resident(process.argv[2], Number(process.argv[3]))))
  else tell(await measure())
}
