import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase, type SqliteDatabase } from '../../src/persistence/database.ts'
import { createDeliveries } from '../../src/persistence/deliveries.ts'
import { sqliteStore } from '../../src/persistence/sqlite-store.ts'

let folder: string
let database: SqliteDatabase
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-deliveries-'))
  sqliteStore(join(folder, 'signalbox.db')).close()
  database = openDatabase(join(folder, 'signalbox.db'))
})
afterEach(() => {
  database.close()
  rmSync(folder, { recursive: true })
})

let time = 1_000
const open = () =>
  createDeliveries({
    database,
    now: () => time,
    defer: (callback) => void setImmediate(callback),
    after: (ms, callback) => setTimeout(callback, ms),
  })
const delivery = (id: string, provider = 'github') => ({ provider, id, event: 'push', lane: 'main', topic: null, body: `{"id":"${id}"}` })

test('what comes at once is committed at once, in its order, and each id of a provider counts once', async () => {
  const deliveries = open()
  const added = await Promise.all(['a', 'b', 'a', 'c'].map((id) => deliveries.add(delivery(id))))
  expect(added).toEqual([true, true, false, true])
  expect(await deliveries.add(delivery('a', 'linear'))).toBe(true)
  expect(deliveries.unhandled('github', 0, 10).map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  expect(deliveries.unhandled('github', 0, 2)).toMatchObject([
    { id: 'a', lane: 'main', topic: null, attempts: 0, receivedAt: 1_000 },
    { id: 'b' },
  ])
  expect(deliveries.unhandled('github', 0, 9).map(({ seq }) => deliveries.body(seq))).toEqual(['{"id":"a"}', '{"id":"b"}', '{"id":"c"}'])
  expect(deliveries.unhandled('github', deliveries.unhandled('github', 0, 1)[0]!.seq, 10)).toHaveLength(2)
  expect(deliveries.backlog()).toBe(4)
})

test('what was handled or put aside is not handled again, also by the next process, and is known by its id until it is forgotten; what waits is never forgotten (edge 20)', async () => {
  const deliveries = open()
  await Promise.all(['a', 'b', 'c'].map((id) => deliveries.add(delivery(id))))
  const [a, b, c] = deliveries.unhandled('github', 0, 10)
  deliveries.handled(a!.seq)
  deliveries.handled(a!.seq)
  deliveries.putAside(b!.seq, 'It makes no sense.')
  deliveries.postponed(c!.seq, 'Not now.')
  expect(deliveries.backlog()).toBe(1)
  const next = open()
  expect([next.backlog(), next.unhandled('github', 0, 10)]).toMatchObject([1, [{ id: 'c', attempts: 1 }]])
  expect(await next.add(delivery('a'))).toBe(false)
  const errors = database.prepare('SELECT id, error FROM delivery ORDER BY seq').all()
  expect(errors).toEqual([
    { id: 'a', error: null },
    { id: 'b', error: 'It makes no sense.' },
    { id: 'c', error: 'Not now.' },
  ])
  time = 5_000
  expect([next.prune(1_000, 10), next.prune(5_000, 1), next.prune(5_000, 10), next.prune(5_000, 10)]).toEqual([0, 1, 1, 0])
  expect(next.unhandled('github', 0, 10)).toHaveLength(1)
  expect(database.prepare('SELECT body FROM delivery_body').pluck().all()).toEqual(['{"id":"c"}'])
})

test('a handling that is rolled back leaves what it was about among the unhandled', async () => {
  const deliveries = open()
  await Promise.all(['a', 'b', 'c'].map((id) => deliveries.add(delivery(id))))
  const [a, b, c] = deliveries.unhandled('github', 0, 10)
  const failing = database.transaction(() => {
    deliveries.handled(a!.seq)
    deliveries.putAside(b!.seq, 'It makes no sense.')
    expect(deliveries.backlog()).toBe(1)
    throw new Error('The disk is full.')
  })
  expect(failing).toThrow('The disk is full.')
  deliveries.recount()
  expect([deliveries.backlog(), deliveries.unhandled('github', 0, 10).length]).toEqual([3, 3])
  database.transaction(() => deliveries.handled(c!.seq))()
  await deliveries.add(delivery('d'))
  expect([deliveries.backlog(), deliveries.unhandled('github', 0, 10).length]).toEqual([3, 3])
})

test('a name is told once', () => {
  const deliveries = open()
  expect([deliveries.tell('comment 1'), deliveries.tell('comment 1'), deliveries.tell('comment 2')]).toEqual([true, false, true])
})

test('a commit that fails is told to everybody who waits for it, and nothing of it is there', async () => {
  const deliveries = open()
  database.exec("CREATE TRIGGER full BEFORE INSERT ON delivery WHEN new.id = 'b' BEGIN SELECT raise(ABORT, 'full'); END")
  const outcomes = await Promise.allSettled(['a', 'b'].map((id) => deliveries.add(delivery(id))))
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect([deliveries.backlog(), deliveries.unhandled('github', 0, 10)]).toEqual([0, []])
  database.exec('DROP TRIGGER full')
  expect(await deliveries.add(delivery('a'))).toBe(true)
})
