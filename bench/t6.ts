// T6: from the start of the process to ready, with 100,000 dormant actors and with 1,000 interrupted effects.

import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { fromPromise } from 'xstate'
import { createSystem, defineActor } from '../src/actors/system/index.ts'
import { sqliteStore } from '../src/persistence/sqlite-store.ts'
import { databaseOf, freshPath, referenceActors } from './databases.ts'
import { waiter } from './machines.ts'
import { figure, rounds, tell, type Figure } from './measure.ts'

const effectCount = 1_000
const self = fileURLToPath(import.meta.url)
const forEver = (onStart: () => void) =>
  fromPromise(() => {
    onStart()
    return new Promise<void>(() => {})
  })

const waiters = (path: string, onRerun: () => void) =>
  createSystem({
    store: sqliteStore(path),
    actors: { waiter: defineActor(waiter, { version: 1 }) },
    effects: {
      rerun: { logic: forEver(onRerun), onRestart: 'rerun', limit: effectCount },
      interrupt: { logic: forEver(() => {}), onRestart: 'interrupt', limit: effectCount },
    },
  })

/** Starts the effects and waits for its end. */
async function prepare(path: string): Promise<void> {
  const system = await waiters(path, () => {})
  for (let n = 0; n < effectCount; n++) await system.spawn('waiter', String(n), { rerun: n % 2 === 0 })
  process.stdout.write('started')
}

/** Ready: every interrupted effect is settled by its machine or runs again, and all of that is committed. */
async function boot(path: string, what: string): Promise<void> {
  const start = performance.now()
  if (what === 'dormant') {
    const system = await createSystem({ store: sqliteStore(path), actors: referenceActors })
    report(start)
    return system.stop()
  }
  let rerun = 0
  const system = await waiters(path, () => rerun++)
  await system.idle()
  report(start)
  const settled = system.store.actors({ limit: effectCount }).filter((row) => row.snapshot!.includes('"interrupted":1')).length
  if (rerun !== effectCount / 2 || settled !== effectCount / 2) throw new Error(`${rerun} run again and ${settled} are settled`)
  return system.stop()
}

/** Ms of `createSystem` alone, and since the process began. */
const report = (start: number): void => void process.stdout.write(JSON.stringify([performance.now() - start, performance.now()]))

function bootIn(path: string, what: string): [ms: number, withProcess: number] {
  const { stdout, stderr, status } = spawnSync(process.execPath, [self, 'boot', path, what], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`The boot of ${what} failed: ${stderr}`)
  return JSON.parse(stdout) as [number, number]
}

function interruptedDatabase(): Promise<string> {
  const path = freshPath()
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [self, 'prepare', path], { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.once('data', () => child.kill('SIGKILL'))
    child.on('close', (_, signal) => (signal === 'SIGKILL' ? resolve(path) : reject(new Error('The preparation failed'))))
  })
}

export async function measure(): Promise<Figure[]> {
  const seen = { dormant: [] as number[], dormantAll: [] as number[], effects: [] as number[], effectsAll: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    const dormant = bootIn(await databaseOf(100_000), 'dormant')
    const effects = bootIn(await interruptedDatabase(), 'effects')
    seen.dormant.push(dormant[0])
    seen.dormantAll.push(dormant[1])
    seen.effects.push(effects[0])
    seen.effectsAll.push(effects[1])
  }
  return [
    figure('T6', 'process start to ready, 100,000 dormant actors', 'ms', seen.dormantAll, { limit: { most: 1_000 } }),
    figure('T6', 'of it opening and checking the database', 'ms', seen.dormant),
    figure('T6', 'process start to ready, 1,000 interrupted effects', 'ms', seen.effectsAll, { limit: { most: 3_000 } }),
    figure('T6', 'of it settling 500 and starting 500 again', 'ms', seen.effects),
  ]
}

if (import.meta.main) {
  const [, , command, path, what] = process.argv
  if (command === 'prepare') await prepare(path!)
  else if (command === 'boot') await boot(path!, what!)
  else tell(await measure())
}
