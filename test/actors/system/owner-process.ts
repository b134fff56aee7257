// A process of its own that opens the database given as its argument, says so, and lives until it is killed.

import { createSystem, defineActor } from '../../../src/actors/system/index.ts'
import { sqliteStore } from '../../../src/persistence/sqlite-store.ts'
import { chart } from './machines.ts'

try {
  const system = await createSystem({
    store: sqliteStore(process.argv[2]!),
    actors: { c: defineActor(chart({ id: 'c', context: {} }), { version: 1 }) },
  })
  await system.spawn('c', `of-${process.pid}`)
  console.log('owner')
  setInterval(() => {}, 1_000)
} catch (error) {
  console.log(JSON.stringify({ code: (error as { code?: string }).code, message: (error as Error).message }))
}
