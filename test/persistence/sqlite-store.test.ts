import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { createSystem, defineActor } from '../../src/actors/system/index.ts'
import { openDatabase, schemaVersion } from '../../src/persistence/database.ts'
import { migrations } from '../../src/persistence/migrations.ts'
import { sqliteStore } from '../../src/persistence/sqlite-store.ts'
import { withDelayedDurability } from '../../src/persistence/statements.ts'
import { chart, rejection } from '../actors/system/rig.ts'
import { actorRow, basis, batchOf, journalRow, storeContract } from './store-contract.ts'

const owner = { pid: process.pid, host: 'here', since: 1 }

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'signalbox-store-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
const refusal = (act: () => unknown): { code: string; message: string } => {
  try {
    act()
  } catch (error) {
    return error as { code: string; message: string }
  }
  throw new Error('was not refused')
}

storeContract('sqlite', () => {
  const path = mkdtempSync(join(tmpdir(), 'signalbox-store-'))
  return { store: sqliteStore(join(path, 'a.db')), remove: () => rmSync(path, { recursive: true, force: true }) }
})

test('a database is in WAL, durable at every commit, with foreign keys and a busy timeout', () => {
  const store = sqliteStore(join(folder(), 'a.db'))
  store.open(owner)
  const pragma = (name: string): unknown => store.database.pragma(name, { simple: true })
  const names = ['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout', 'wal_autocheckpoint', 'user_version']
  expect(names.map(pragma)).toEqual(['wal', 2, 1, 5_000, 8_000, schemaVersion])
  store.close()
})

test('a commit with delayed durability is there for others at once; the next one waits again, also after a refusal', () => {
  const path = join(folder(), 'a.db')
  const [one, other] = [openDatabase(path), openDatabase(path)]
  const mode = (): unknown => one.pragma('synchronous', { simple: true })
  one.exec('CREATE TABLE word (text TEXT NOT NULL UNIQUE)')
  const add = (text: string) => () => {
    one.prepare('INSERT INTO word VALUES (?)').run(text)
    return mode()
  }
  expect([withDelayedDurability(one, add('a')), mode()]).toEqual([1, 2])
  expect(other.prepare('SELECT text FROM word').pluck().all()).toEqual(['a'])
  expect(refusal(() => withDelayedDurability(one, add('a')))).toMatchObject({ code: 'SQLITE_CONSTRAINT_UNIQUE' })
  expect(mode()).toBe(2)
  // What is part of a commit that waits is waited for.
  expect(one.transaction(() => withDelayedDurability(one, add('b')))()).toBe(2)
  one.close()
  other.close()
})

test.each([
  ['the file', (place: string) => symlinkSync(join(place, 'a.db'), join(place, 'link.db')), 'link.db'],
  ['its folder', (place: string) => symlinkSync(place, join(place, 'link')), join('link', 'a.db')],
])('a database has one owner, also by way of a link to %s, before and after it is made', (_, link, name) => {
  const place = folder()
  link(place)
  const [file, other] = [join(place, 'a.db'), join(place, name)]
  for (const [first, second] of [
    [other, file],
    [file, other],
  ] as const) {
    const store = sqliteStore(first)
    store.open(owner)
    expect(refusal(() => sqliteStore(second).open(owner))).toMatchObject({ code: 'database-owned' })
    store.close()
  }
  expect(readdirSync(place).filter((entry) => entry.endsWith('.lock'))).toEqual(['a.db.lock'])
})

test('every table is STRICT, and the journal has no secondary index', () => {
  const store = sqliteStore(join(folder(), 'a.db'))
  store.open(owner)
  const tables = store.database
    .prepare("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all() as { name: string; strict: number }[]
  expect(tables.length).toBeGreaterThan(8)
  expect(tables.filter((table) => table.strict !== 1)).toEqual([])
  expect(store.database.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'journal'").all()).toEqual([])
  store.close()
})

test('a commit that fails half way leaves nothing of itself, and the next one works', () => {
  const store = sqliteStore(join(folder(), 'a.db'))
  store.open(owner)
  store.commit(basis)
  // The second entry has the number of one that exists: everything before it in the batch was written by then.
  expect(() => store.commit(batchOf({ actors: [actorRow(2)], journal: [journalRow(2, 2), journalRow(1, 2)] }))).toThrow(/UNIQUE/)
  expect(store.counts()).toMatchObject({ actors: 1, entries: 1 })
  const again = actorRow(3)
  expect(() => store.commit(batchOf({ actors: [again], journal: [journalRow(1, 3)] }))).toThrow(/UNIQUE/)
  // The row that was rolled back is as new as before.
  store.commit(batchOf({ actors: [again], journal: [journalRow(2, 3)] }))
  expect(store.counts()).toMatchObject({ actors: 2, entries: 2 })
  store.close()
})

test('an actor row that has gone under the system is never written into the void', () => {
  const store = sqliteStore(join(folder(), 'a.db'))
  store.open(owner)
  store.commit(basis)
  const row = store.actor('k/1')!
  store.database.exec('DELETE FROM actor')
  expect(() => store.commit(batchOf({ actors: [row] }))).toThrow(/has gone/)
  store.close()
})

test('values of a wrong type are refused by the table, not stored', () => {
  const store = sqliteStore(join(folder(), 'a.db'))
  store.open(owner)
  store.commit(basis)
  expect(() => store.commit(batchOf({ journal: [journalRow(2, 1, { at: 1.5 })] }))).toThrow(/cannot store REAL value in INTEGER column/)
  store.close()
})

test('a database of any former schema is brought to the newest (edge 375)', () => {
  for (let upTo = 0; upTo <= migrations.length; upTo++) {
    const path = join(folder(), 'a.db')
    const partial = new Database(path)
    for (let version = 0; version < upTo; version++) {
      partial.exec(`BEGIN; ${migrations[version]!.sql}; PRAGMA user_version = ${version + 1}; COMMIT`)
    }
    partial.close()
    const database = openDatabase(path)
    expect(database.pragma('user_version', { simple: true })).toBe(migrations.length)
    database.close()
  }
})

test('a kill in the middle of migrations leaves a database that opens', async () => {
  const script = `
    import Database from 'better-sqlite3'
    const exec = Database.prototype.exec
    let count = 0
    Database.prototype.exec = function (sql) {
      const result = exec.call(this, sql)
      if (sql.includes('CREATE TABLE') && ++count === Number(process.env.KILL_AT)) process.kill(process.pid, 'SIGKILL')
      return result
    }
    const { openDatabase } = await import(process.env.DATABASE_MODULE)
    openDatabase(process.env.DATABASE)
  `
  for (const killAt of [1, 2]) {
    const path = join(folder(), 'a.db')
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: join(import.meta.dirname, '../..'),
      env: {
        ...process.env,
        KILL_AT: String(killAt),
        DATABASE: path,
        DATABASE_MODULE: join(import.meta.dirname, '../../src/persistence/database.ts'),
      },
    })
    const signal = await new Promise((resolve) => child.once('exit', (_, how) => resolve(how)))
    expect(signal).toBe('SIGKILL')
    const before = new Database(path, { readonly: true })
    // The transaction that was cut off is not there at all.
    expect(before.pragma('user_version', { simple: true })).toBe(0)
    before.close()
    const database = openDatabase(path)
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(database.pragma('user_version', { simple: true })).toBe(schemaVersion)
    database.close()
  }
})

test('a database of a newer build is refused and left alone; a reader refuses an older one too', () => {
  const path = join(folder(), 'a.db')
  const database = new Database(path)
  database.pragma(`user_version = ${schemaVersion + 1}`)
  database.close()
  expect(refusal(() => sqliteStore(path).open(owner))).toMatchObject({
    code: 'database-newer',
    message: expect.stringContaining('Use that version'),
  })
  expect(refusal(() => sqliteStore(path, { readOnly: true }).counts())).toMatchObject({ code: 'database-newer' })
  // It has let go of it.
  expect(refusal(() => sqliteStore(path).open(owner))).toMatchObject({ code: 'database-newer' })
  const old = join(folder(), 'a.db')
  new Database(old).pragma('user_version = 0')
  expect(refusal(() => sqliteStore(old, { readOnly: true }).counts())).toMatchObject({
    code: 'database-older',
    message: expect.stringContaining('Start the server once'),
  })
})

test('a database that lacks a table of its version is refused with the file and the table, for reading too (edge 374)', () => {
  const path = join(folder(), 'a.db')
  const database = openDatabase(path)
  database.exec('PRAGMA foreign_keys = OFF; DROP TABLE feed; DROP TABLE tracker_issue')
  database.close()
  for (const options of [{}, { readOnly: true }]) {
    expect(refusal(() => openDatabase(path, options))).toMatchObject({
      code: 'database-incomplete',
      message: expect.stringMatching(/a\.db lacks the tables tracker_issue, feed\./) as string,
    })
  }
})

test('a reader reads a consistent state while the owner writes, and cannot write', async () => {
  const path = join(folder(), 'a.db')
  const store = sqliteStore(path)
  store.open(owner)
  store.commit(basis)
  const reader = sqliteStore(path, { readOnly: true })
  for (let i = 2; i < 200; i++) {
    store.commit(batchOf({ actors: [actorRow(i)], journal: [journalRow(i, i)] }))
    const { actors, entries } = reader.counts()
    expect(actors).toBe(entries)
    expect(actors).toBe(i)
  }
  expect(() => reader.commit(batchOf({ actors: [actorRow(999)] }))).toThrow(/readonly|read-only/)
  reader.close()
  store.close()
})

test('what is no database, no file, or in no folder is refused with what to do', () => {
  const path = folder()
  writeFileSync(join(path, 'text.db'), 'this is no database, it is only a text that is long enough to be looked at'.repeat(20))
  mkdirSync(join(path, 'folder.db'))
  for (const name of ['text.db', 'folder.db', 'missing/a.db']) {
    expect(refusal(() => sqliteStore(join(path, name)).open(owner))).toMatchObject({
      code: 'database-unusable',
      message: expect.stringContaining(name),
    })
  }
  for (const readOnly of [true, false]) {
    const { message } = refusal(() => openDatabase(join(path, 'folder.db'), { readOnly }))
    expect(message).toMatch(/folder\.db is a folder\. Set store\.path to the file of the database, such as .*folder\.db\/signalbox\.db/)
  }
  symlinkSync(join(path, 'b.db'), join(path, 'a.db'))
  symlinkSync(join(path, 'a.db'), join(path, 'b.db'))
  expect(refusal(() => sqliteStore(join(path, 'a.db')).open(owner))).toMatchObject({
    code: 'database-unusable',
    message: expect.stringContaining('a.db'),
  })
  expect(refusal(() => sqliteStore(join(path, 'none.db'), { readOnly: true }).counts())).toMatchObject({ code: 'database-unusable' })
  expect(existsSync(join(path, 'none.db'))).toBe(false)
})

/** A small file system of its own; undefined where mounting is not allowed. */
function smallDisk(size: string): string | undefined {
  const path = folder()
  if (process.platform !== 'linux' || spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]).status !== 0)
    return undefined
  onTestFinished(() => void spawnSync('umount', ['-l', path]))
  return path
}

test('a full disk stops the system instead of letting it lie; with room again it carries on from what was committed', async (context) => {
  const disk = smallDisk('3m')
  if (disk === undefined) return context.skip('mounting a small file system needs root on Linux')
  const path = join(disk, 'a.db')
  const actors = { c: defineActor(chart({ id: 'c', context: {} }), { version: 1 }) }
  const system = await createSystem({ store: sqliteStore(path), actors })
  let acknowledged = 0
  let error: any
  for (let i = 0; i < 1_000 && !error; i++) {
    await system.spawn('c', String(i), { pad: 'x'.repeat(30_000) } as never).then(
      () => acknowledged++,
      (refused: unknown) => (error = refused),
    )
  }
  expect(error).toMatchObject({ code: 'store-failed', message: expect.stringContaining('disk is full') })
  expect(await rejection(system.stopped)).toMatchObject({ code: 'store-failed' })
  expect(acknowledged).toBeGreaterThan(10)
  spawnSync('mount', ['-o', 'remount,size=30m', disk])
  const again = await createSystem({ store: sqliteStore(path), actors })
  expect(again.store.counts().actors).toBe(acknowledged)
  await again.spawn('c', 'one more')
  await again.stop()
})

test('a disk that is full from the start is refused', async (context) => {
  const disk = smallDisk('64k')
  if (disk === undefined) return context.skip('mounting a small file system needs root on Linux')
  writeFileSync(join(disk, 'full'), Buffer.alloc(60_000))
  const error = refusal(() => sqliteStore(join(disk, 'a.db')).open(owner))
  expect(['disk-full', 'database-unusable']).toContain(error.code)
  expect(error.message).toContain('a.db')
})

test('a read-only file system or folder is refused with what to do, and nothing is written', async (context) => {
  const disk = smallDisk('4m')
  if (disk === undefined) return context.skip('mounting a small file system needs root on Linux')
  const store = sqliteStore(join(disk, 'a.db'))
  store.open(owner)
  store.commit(basis)
  store.close()
  const before = readdirSync(disk).sort()
  spawnSync('mount', ['-o', 'remount,ro', disk])
  for (const name of ['a.db', 'new.db']) {
    expect(refusal(() => sqliteStore(join(disk, name)).open(owner))).toMatchObject({
      code: 'database-unusable',
      message: expect.stringMatching(/for writing.*Check that its folder/s),
    })
  }
  expect(readdirSync(disk).sort()).toEqual(before)
})
