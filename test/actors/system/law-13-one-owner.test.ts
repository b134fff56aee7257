import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { createSystem, defineActor } from '../../../src/actors/system/index.ts'
import { memoryStore } from '../../../src/persistence/memory-store.ts'
import { sqliteStore } from '../../../src/persistence/sqlite-store.ts'
import { chart, rejection } from './rig.ts'

const actors = { c: defineActor(chart({ id: 'c', context: {} }), { version: 1 }) }
const open = (path: string) => createSystem({ store: sqliteStore(path), actors })

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'signalbox-owner-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Another process on `path`; resolves with what it says. */
async function another(path: string) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'owner-process.ts'), path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const lines = createInterface({ input: child.stdout })
  const said = await new Promise<string>((resolve) => lines.once('line', resolve))
  return { said, child, exited }
}

test('law 13: a second system on the same file is refused at once, naming who has it, in the same process too (case 246)', async () => {
  const path = join(folder(), 'a.db')
  const begun = Date.now()
  const system = await open(path)
  const started = performance.now()
  const error = await rejection(open(path))
  expect(performance.now() - started).toBeLessThan(1_000)
  const since = /process (\d+) on (\S+) since (\S+)\)/.exec(error.message)
  expect([error.code, since?.[1], since?.[2]]).toEqual(['database-owned', String(process.pid), hostname()])
  expect(Math.abs(Date.parse(since![3]!) - begun)).toBeLessThan(5_000)
  const other = await another(path)
  expect(JSON.parse(other.said)).toMatchObject({ code: 'database-owned', message: expect.stringContaining(String(process.pid)) })
  // The refused ones have disturbed nothing.
  await system.spawn('c', '1')
  await system.stop()
  const next = await open(path)
  expect(next.ref('c/1').exists()).toBe(true)
  await next.stop()
})

test('law 13: kill -9 of the owner frees the database at once, and what it committed is there', async () => {
  const path = join(folder(), 'a.db')
  const { said, child, exited } = await another(path)
  expect(said).toBe('owner')
  expect(await rejection(open(path))).toMatchObject({
    code: 'database-owned',
    message: expect.stringContaining(`process ${child.pid} on `),
  })
  child.kill('SIGKILL')
  await exited
  const started = performance.now()
  const system = await open(path)
  expect(performance.now() - started).toBeLessThan(1_000)
  expect(system.ref(`c/of-${child.pid}`).exists()).toBe(true)
  await system.stop()
})

test('law 13: a reader takes no ownership and reads while the owner writes', async () => {
  const path = join(folder(), 'a.db')
  const system = await open(path)
  await system.spawn('c', '1')
  const reader = sqliteStore(path, { readOnly: true })
  expect(reader.actor('c/1')).toMatchObject({ status: 'active' })
  await system.spawn('c', '2')
  expect(reader.counts().actors).toBe(2)
  reader.close()
  await system.stop()
})

test('law 13: a memory store has one owner at a time too', async () => {
  const store = memoryStore()
  const system = await createSystem({ store, actors })
  expect(await rejection(createSystem({ store, actors }))).toMatchObject({ code: 'database-owned' })
  await system.spawn('c', '1')
  await system.stop()
  const next = await createSystem({ store, actors })
  expect(next.ref('c/1').exists()).toBe(true)
  await next.stop()
})

test('law 13: garbage collection does not free the database of a system that nobody refers to any more', async () => {
  const path = join(folder(), 'a.db')
  // Its end is the end of this process.
  const begin = async (): Promise<void> => void (await open(path))
  await begin()
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    collect()
  }
  expect(await rejection(open(path))).toMatchObject({ code: 'database-owned' })
})
