// A log that grows is brought into the database file beside the commits, by a thread that leaves the file when it is told to.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startCheckpointer } from '../../src/persistence/checkpointer.ts'
import { openDatabase, type SqliteDatabase } from '../../src/persistence/database.ts'

let folder: string
let path: string
let database: SqliteDatabase
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-checkpointer-'))
  path = join(folder, 'signalbox.db')
  database = openDatabase(path)
  // Nothing but the thread makes a checkpoint.
  database.pragma('wal_autocheckpoint = 0')
  database.exec('CREATE TABLE written (body TEXT) STRICT')
})
afterEach(() => {
  if (database.open) database.close()
  rmSync(folder, { recursive: true })
})

const megabyte = 'x'.repeat(2 ** 20)
const write = (megabytes: number): void => {
  for (let n = 0; n < megabytes; n++) database.prepare('INSERT INTO written VALUES (?)').run(megabyte)
}
const sizeOf = (file: string): number => statSync(file).size / 2 ** 20

test('the log is brought into the file while it is written, and is used anew', async () => {
  const errors: unknown[] = []
  const checkpointer = startCheckpointer(path, (error) => errors.push(error))
  write(6)
  expect(sizeOf(path)).toBeLessThan(1)
  await expect.poll(() => sizeOf(path), { timeout: 10_000 }).toBeGreaterThan(6)
  for (let n = 0; n < 10; n++) {
    write(6)
    await pause(150)
  }
  expect(database.prepare('SELECT sum(length(body)) FROM written').pluck().get()).toBe(66 * 2 ** 20)
  // Ten times as much as it was long was written, with nobody else to shorten it.
  expect(sizeOf(`${path}-wal`)).toBeLessThan(40)
  await checkpointer.stop()
  database.close()
  expect([existsSync(`${path}-wal`), errors]).toEqual([false, []])
})

test('a short log has no thread, and ends at once', async () => {
  const checkpointer = startCheckpointer(path, () => {})
  write(1)
  await pause(800)
  expect(sizeOf(path)).toBeLessThan(1)
  await checkpointer.stop()
  database.close()
  expect(existsSync(`${path}-wal`)).toBe(false)
})

test('a thread that cannot work is told of, and stopping it does not wait', async () => {
  write(6)
  const errors: unknown[] = []
  const checkpointer = startCheckpointer(path, (error) => errors.push(error))
  database.close()
  rmSync(path)
  // What it looks at is still as long as it was.
  writeFileSync(`${path}-wal`, Buffer.alloc(6 * 2 ** 20))
  await expect.poll(() => errors.length, { timeout: 10_000 }).toBe(1)
  await checkpointer.stop()
})

test('a thread that breaks while it is being stopped keeps nobody from stopping', async () => {
  write(6)
  const errors: unknown[] = []
  const checkpointer = startCheckpointer(path, (error) => errors.push(error))
  database.close()
  rmSync(path)
  writeFileSync(`${path}-wal`, Buffer.alloc(6 * 2 ** 20))
  // It has begun, and has not come to the file yet.
  await pause(510)
  await checkpointer.stop()
  expect(errors).toHaveLength(1)
})

// The locks of a process on a file are gone as soon as it closes any descriptor of it: then whoever comes next believes to be alone,
// makes the index of the log anew under our feet, and the process is killed (SIGBUS).
test('whoever looks into the database meanwhile does no harm to who writes it', async () => {
  const other = join(folder, 'other.db')
  const child = spawn(process.execPath, [fileURLToPath(new URL('busy-writer.ts', import.meta.url)), other], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  const said = Promise.all([text(child.stdout), text(child.stderr)])
  await expect.poll(() => existsSync(other) && sizeOf(other), { timeout: 30_000 }).toBeGreaterThan(1)
  let seen = 0
  for (let n = 0; n < 20 && child.exitCode === null; n++) {
    const reader = openDatabase(other, { readOnly: true })
    seen = reader.prepare('SELECT count(*) FROM written').pluck().get() as number
    reader.close()
    await pause(50)
  }
  child.stdin.end()
  const end = await ended
  const [stdout, stderr] = await said
  expect({ end, stderr }).toEqual({ end: [0, null], stderr: '' })
  expect(Number(stdout)).toBeGreaterThanOrEqual(seen)
  database.close()
  database = openDatabase(other)
  expect(database.prepare('SELECT count(*) FROM written').pluck().get()).toBe(Number(stdout))
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
})
