// Makes the database of this build's schema beside this file: `node test/databases/make.ts`. Existing ones are never made again.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { createSystem, virtualClock } from '../../src/actors/system/index.ts'
import { schemaVersion } from '../../src/persistence/database.ts'
import { sqliteStore } from '../../src/persistence/sqlite-store.ts'
import { actors } from './machines.ts'

const target = fileURLToPath(new URL(`actors-schema-${schemaVersion}.db`, import.meta.url))
if (existsSync(target)) throw new Error(`${target} exists already: a database that was released stays as it is.`)

const folder = mkdtempSync(join(tmpdir(), 'signalbox-database-'))
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

const db = new Database(path)
db.pragma('journal_mode = DELETE')
db.pragma('page_size = 512')
db.exec(`VACUUM INTO '${target}'`)
db.close()
rmSync(folder, { recursive: true })
