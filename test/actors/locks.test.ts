// Locks that were left behind go, and those of somebody who is at work do not.

import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { clearLocks, locksIn } from '../../src/actors/locks.ts'
import { temporaryFolder } from './repository.ts'

const lockAt = (path: string, age = 0): string => {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, '')
  const then = (Date.now() - age) / 1_000
  utimesSync(path, then, then)
  return path
}

test('those of a bare repository are its own and those of its refs', () => {
  const folder = temporaryFolder()
  const own = [lockAt(join(folder, 'packed-refs.lock')), lockAt(join(folder, 'refs/heads/a/b.lock'))]
  lockAt(join(folder, 'refs/heads/a/c'))
  expect(locksIn(folder).toSorted()).toEqual(own.toSorted())
})

test('an old one goes at once, a new one after its time, and one that is not there is none', async () => {
  const folder = temporaryFolder()
  const old = lockAt(join(folder, 'old.lock'), 60_000)
  const begin = Date.now()
  await clearLocks([old, join(folder, 'none.lock')], 5_000)
  expect([existsSync(old), Date.now() - begin < 1_000]).toEqual([false, true])
  const fresh = lockAt(join(folder, 'fresh.lock'))
  await clearLocks([fresh], 300)
  expect([existsSync(fresh), Date.now() - begin >= 250]).toEqual([false, true])
})
