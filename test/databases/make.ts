// Makes the databases of this version beside this file: `node test/databases/make.ts`. One that is there already stays as it is.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { createSystem, virtualClock } from '../../src/actors/system/index.ts'
import { createApp } from '../../src/app.ts'
import { sqliteStore } from '../../src/persistence/sqlite-store.ts'
import * as issues from './issues.ts'
import { actors } from './machines.ts'

const { version } = (await import('../../package.json', { with: { type: 'json' } })).default

/** A small copy of the database as it is on disk at this moment, whoever has it open: what a kill would leave. */
function keep(path: string, target: string): void {
  const copy = `${target}.copy`
  const live = new Database(path, { readonly: true })
  live.exec(`VACUUM INTO '${copy}'`)
  live.close()
  const db = new Database(copy)
  db.pragma('journal_mode = DELETE')
  db.pragma('page_size = 512')
  db.exec(`VACUUM INTO '${target}'`)
  db.close()
  rmSync(copy)
}

async function makeActors(folder: string, target: string): Promise<void> {
  const path = join(folder, 'actors.db')
  const clock = virtualClock(1_764_000_000_000)
  const system = await createSystem({ store: sqliteStore(path), actors, clock })
  const spawning = ['moving', 'held', 'weighing', 'broken'].map((id) => system.spawn('parcel', id, { to: `the ${id} one` }))
  await clock.settle()
  const [moving, held, weighing, broken] = await Promise.all(spawning)
  const sends = [
    moving!.send({ type: 'parcel.moved', place: 'Graz' }, { key: 'first move' }),
    held!.send({ type: 'parcel.moved', place: 'Linz' }),
    held!.send({ type: 'parcel.held' }),
    weighing!.send({ type: 'parcel.weighed' }),
    broken!.send({ type: 'parcel.broken' }),
    broken!.send({ type: 'parcel.moved', place: 'Wien' }),
  ]
  await clock.settle()
  await Promise.all(sends)
  const stopping = system.stop()
  await clock.settle()
  await stopping
  keep(path, target)
}

async function makeIssues(folder: string, target: string): Promise<void> {
  const config = await issues.makeProject(folder)
  const app = await createApp(config)
  try {
    await issues.play(app, folder)
    keep(config.store.path, target)
    await issues.bundle(folder, target.replace(/\.db$/, '.bundle'))
  } finally {
    writeFileSync(join(folder, 'go'), '')
    rmSync(join(folder, 'hold'), { force: true })
    await app.stop()
  }
}

for (const [name, make] of [
  ['actors', makeActors],
  ['issues', makeIssues],
] as const) {
  const target = fileURLToPath(new URL(`${name}-${version}.db`, import.meta.url))
  if (existsSync(target)) {
    process.stderr.write(`${target} exists already: a database that was released stays as it is.\n`)
    continue
  }
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-database-'))
  try {
    await make(folder, target)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
