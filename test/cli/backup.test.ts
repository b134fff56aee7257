// backup and restore on real databases: while another process writes, damaged files, owned databases.

import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase, type SqliteDatabase } from '../../src/persistence/database.ts'
import { takeOwnership } from '../../src/persistence/ownership.ts'
import { createHome, type Home } from './program.ts'

let home: Home
let path: string
beforeEach(() => {
  home = createHome()
  home.writeConfig()
  path = join(home.data, 'signalbox.db')
})
afterEach(() => home.remove())

function holder(database: SqliteDatabase): number {
  return database.prepare('SELECT pid FROM owner').pluck().get() as number
}
function write(database: SqliteDatabase, pid: number): void {
  database.prepare("INSERT OR REPLACE INTO owner (one, pid, host, since) VALUES (1, ?, 'h', 0)").run(pid)
}
function look(file: string): number {
  const database = openDatabase(file, { readOnly: true })
  try {
    return holder(database)
  } finally {
    database.close()
  }
}

test('a backup is what was committed when it was taken, and comes back', async () => {
  const live = openDatabase(path)
  write(live, 1)
  const backup = await home.run(['backup', 'copy.db', '--json'])
  expect(backup.code).toBe(0)
  const file = join(home.folder, 'copy.db')
  expect(JSON.parse(backup.stdout)).toEqual({ file, bytes: statSync(file).size })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(home.folder).sort()).toEqual(['copy.db', 'signalbox.config.json'])
  write(live, 2)
  live.close()
  expect(look(file)).toBe(1)

  const restore = await home.run(['restore', 'copy.db', '--json'])
  expect(restore.stderr).toBe('')
  expect(restore.code).toBe(0)
  const { replaced } = JSON.parse(restore.stdout) as { replaced: string }
  expect(look(path)).toBe(1)
  expect(look(replaced)).toBe(2)
})

test('what a killed server left in its journal file does not mix with a restored database', async () => {
  const live = openDatabase(path)
  write(live, 1)
  await home.run(['backup', 'copy.db'])
  write(live, 2)
  // As after a kill: the connection is still open, the journal beside the database is full.
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(0)
  const { code, stdout } = await home.run(['restore', 'copy.db', '--json'])
  expect(code).toBe(0)
  expect(look(path)).toBe(1)
  expect(look((JSON.parse(stdout) as { replaced: string }).replaced)).toBe(2)
  live.close()
  expect(look(path)).toBe(1)
})

test('a backup is put back by way of a link into the file that it leads to', async () => {
  const database = openDatabase(path)
  write(database, 1)
  await home.run(['backup', 'copy.db'])
  write(database, 2)
  database.close()
  const link = join(home.folder, 'link.db')
  symlinkSync(path, link)
  home.writeConfig({ store: { path: link } })
  expect((await home.run(['restore', 'copy.db'])).code).toBe(0)
  expect(lstatSync(link).isSymbolicLink()).toBe(true)
  expect(look(path)).toBe(1)
})

test('an existing file is not overwritten unless forced', async () => {
  openDatabase(path).close()
  writeFileSync(join(home.folder, 'copy.db'), 'precious')
  const { code, stderr } = await home.run(['backup', 'copy.db'])
  expect(stderr).toContain('--force')
  expect(code).toBe(1)
  expect(readFileSync(join(home.folder, 'copy.db'), 'utf8')).toBe('precious')
  expect((await home.run(['backup', 'copy.db', '--force'])).code).toBe(0)
  expect((await home.run(['backup', 'no/such/copy.db'])).code).toBe(2)
})

test('without a database there is nothing to back up', async () => {
  const { code, stderr } = await home.run(['backup', 'copy.db'])
  expect(stderr).toContain('nothing to back up')
  expect(code).toBe(1)
})

test('restoring into a database that a live process owns exits 4 and changes nothing', async () => {
  const live = openDatabase(path)
  write(live, 1)
  await home.run(['backup', 'copy.db'])
  write(live, 2)
  const ownership = takeOwnership(path)
  try {
    const { code, stderr } = await home.run(['restore', 'copy.db'])
    expect(stderr).toContain('in use by another live process')
    expect(code).toBe(4)
  } finally {
    ownership.release()
  }
  expect(holder(live)).toBe(2)
  live.close()
})

test.each([
  ['text', (file: string) => writeFileSync(file, 'not a database, but long enough to be looked at\n'.repeat(100))],
  ['an empty file', (file: string) => writeFileSync(file, '')],
  [
    'a damaged backup',
    (file: string) => {
      const database = openDatabase(file)
      database.pragma('journal_mode = DELETE')
      database.close()
      const descriptor = openSync(file, 'r+')
      writeSync(descriptor, Buffer.alloc(statSync(file).size - 4_096, 0xaa), 0, undefined, 4_096)
      closeSync(descriptor)
    },
  ],
  [
    'one of a newer version',
    (file: string) => {
      const database = openDatabase(file)
      database.pragma('user_version = 9999')
      database.close()
    },
  ],
])('%s is not restored and nothing is changed', async (_, make) => {
  const live = openDatabase(path)
  write(live, 2)
  live.close()
  make(join(home.folder, 'bad.db'))
  const before = readdirSync(home.data).sort()
  const { code, stderr } = await home.run(['restore', 'bad.db'])
  expect(stderr).toContain('is not a backup that this build can restore')
  expect(code).toBe(1)
  expect(look(path)).toBe(2)
  expect(
    readdirSync(home.data)
      .filter((name) => !name.endsWith('.lock') && !/-(wal|shm)$/.test(name))
      .sort(),
  ).toEqual(before.filter((name) => !/-(wal|shm)$/.test(name)))
})

test('a file that is not there, and a folder', async () => {
  mkdirSync(join(home.folder, 'dir'))
  for (const name of ['missing.db', 'dir']) {
    const { code, stderr } = await home.run(['restore', name])
    expect(stderr).toContain('FILE: ')
    expect(code).toBe(2)
  }
  expect(existsSync(path)).toBe(false)
})

test('a damaged database is replaced, with the journal file beside it, and kept', async () => {
  const live = openDatabase(path)
  write(live, 1)
  await home.run(['backup', 'copy.db'])
  live.pragma('wal_checkpoint(TRUNCATE)')
  write(live, 2)
  writeFileSync(path, 'garbage '.repeat(2_000))
  const { code, stdout } = await home.run(['restore', 'copy.db', '--json'])
  expect(code).toBe(0)
  const { replaced } = JSON.parse(stdout) as { replaced: string }
  expect(readFileSync(replaced, 'utf8')).toContain('garbage')
  expect(statSync(`${replaced}-wal`).size).toBeGreaterThan(0)
  expect(look(path)).toBe(1)
  live.close()
  expect(look(path)).toBe(1)
})
