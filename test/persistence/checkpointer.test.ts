// A log that grows is brought into the database file beside the commits, by a thread that leaves the file when it is told to.

import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
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
