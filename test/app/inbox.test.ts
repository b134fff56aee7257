// What becomes of deliveries between the door and an issue's actor: told once, looked at once, put aside when they make no sense.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Delivery, Inlet, Notice } from '../../src/actors/ports.ts'
import { realClock } from '../../src/actors/system/index.ts'
import { createInbox } from '../../src/app/inbox.ts'
import { FatalError, ProtocolError, RetryableError } from '../../src/errors.ts'
import { openDatabase, type SqliteDatabase } from '../../src/persistence/database.ts'
import { createDeliveries } from '../../src/persistence/deliveries.ts'
import { createFactOutbox } from '../../src/persistence/fact-outbox.ts'
import { sqliteStore } from '../../src/persistence/sqlite-store.ts'

let folder: string
let database: SqliteDatabase
const closing: (() => Promise<void>)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-inbox-'))
  sqliteStore(join(folder, 'signalbox.db')).close()
  database = openDatabase(join(folder, 'signalbox.db'))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  database.close()
  rmSync(folder, { recursive: true })
})

/** A provider whose deliveries are lists of notices, in JSON. */
function createWorld(
  options: {
    read?: Inlet['read']
    topicOf?: (id: string) => string | null
    look?: (issue: string) => Promise<void>
    limit?: number
    ahead?: (delivery: Delivery) => Notice[]
    hasActor?: (issue: string) => boolean
  } = {},
) {
  const { now, defer, after } = realClock
  const outbox = createFactOutbox({ database, now, wake() {} })
  const deliveries = createDeliveries({ database, now, defer, after })
  const problems: string[] = []
  const looks: string[] = []
  const acknowledged: string[] = []
  const inlet: Inlet = {
    turnOf: ({ id, event }) => ({ lane: event, topic: options.topicOf?.(id) ?? null }),
    read: options.read ?? (async ({ body }) => JSON.parse(body) as Notice[]),
    async acknowledge(delivery) {
      acknowledged.push(delivery.id)
      return options.ahead?.(delivery) ?? []
    },
    catchUp: async () => ({ notices: [], seen() {} }),
  }
  const inbox = createInbox({
    inlets: new Map([['github', inlet]]),
    deliveries,
    outbox,
    database,
    clock: realClock,
    look: async (issue, at) => {
      looks.push(`${at} ${issue}`)
      await options.look?.(issue)
    },
    hasActor: options.hasActor ?? (() => true),
    limit: options.limit ?? 100,
    onProblem: ({ code, message }) => problems.push(`${code}: ${message}`),
  })
  closing.push(inbox.stop)
  const take = (id: string, notices: Notice[], event = 'push') =>
    inbox.take({ provider: 'github', id, event, body: JSON.stringify(notices), payload: notices })
  const facts = () => outbox.undelivered().map(({ issue, event }) => `${issue} ${event.type} ${String(event['text'])}`)
  return { inbox, take, facts, looks, problems, acknowledged, unhandled: () => deliveries.unhandled('github', 0, 100).map(({ id }) => id) }
}
const says = (issue: string, text: string, key?: string): Notice => ({
  kind: 'fact',
  issue,
  event: { type: 'tracker.prompted', source: 'webhook', observedAt: 1, text },
  ...(key === undefined ? {} : { key }),
})
const look = (issue: string, at: 'forge' | 'tracker' = 'forge'): Notice => ({ kind: 'look', issue, at })

test('what is told becomes facts once, whether a webhook or a poll tells it, however often', async () => {
  const { inbox, take, facts, unhandled, acknowledged } = createWorld()
  expect(await take('1', [says('a', 'one', 'comment 1'), says('b', 'two')])).toEqual({ duplicate: false })
  expect(await take('1', [says('a', 'one', 'comment 1')])).toEqual({ duplicate: true })
  await take('2', [says('a', 'one', 'comment 1')])
  await inbox.idle()
  await inbox.apply([says('a', 'one', 'comment 1'), says('a', 'three', 'comment 3')])
  expect(facts()).toEqual(['a tracker.prompted one', 'b tracker.prompted two', 'a tracker.prompted three'])
  expect([unhandled(), acknowledged]).toEqual([[], ['1', '2']])
})

test('what does not wait for its turn is told at once, however much is being read and waits, and once', async () => {
  const reading = Promise.withResolvers<void>()
  const parse = ({ body }: Delivery) => JSON.parse(body) as Notice[]
  const { inbox, take, facts, unhandled } = createWorld({
    async read(delivery) {
      await reading.promise
      return parse(delivery)
    },
    ahead: (delivery) => parse(delivery).filter((notice) => notice.kind === 'fact' && notice.again),
  })
  for (let n = 0; n < 30; n++) await take(`${n}`, [], `lane ${n}`)
  await take('30', [says('a', 'one')], 'lane 0')
  await take('31', [{ ...(says('a', 'stop', 'activity 1') as object), again: true } as Notice], 'lane 0')
  await expect.poll(facts).toEqual(['a tracker.prompted stop'])
  expect(unhandled()).toHaveLength(32)
  reading.resolve()
  await inbox.idle()
  expect([facts(), unhandled()]).toEqual([['a tracker.prompted stop', 'a tracker.prompted one'], []])
})

test('what is told of an issue before it has an actor is told with what makes one, or in its turn', async () => {
  const stop = (issue: string) => ({ ...(says(issue, 'stop', `stop of ${issue}`) as object), again: true }) as Notice
  const whole = (issue: string): Notice => ({
    ...{ kind: 'fact', issue },
    event: { type: 'tracker.delegated', source: 'webhook', observedAt: 1, title: 'A', text: '' },
  })
  const { inbox, facts } = createWorld({ hasActor: () => false })
  await inbox.apply([stop('a'), says('a', 'word'), says('b', 'word')])
  expect(facts()).toEqual(['a tracker.prompted word', 'b tracker.prompted word'])
  await inbox.apply([whole('b'), whole('a')])
  await inbox.apply([stop('a'), stop('b')])
  expect(facts().slice(2)).toEqual(['b tracker.delegated ', 'a tracker.delegated ', 'a tracker.prompted stop', 'b tracker.prompted stop'])
})

test('many deliveries about one issue are one look, and what is told by them is not held up by it', async () => {
  const answer = Promise.withResolvers<void>()
  const { inbox, take, facts, looks, unhandled } = createWorld({ look: () => answer.promise })
  await Promise.all(Array.from({ length: 20 }, (_, n) => take(`${n}`, [look('a'), ...(n === 7 ? [says('a', 'seven')] : [])])))
  while (facts().length === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled()).not.toEqual([])
  answer.resolve()
  await inbox.idle()
  expect(looks.length).toBeLessThan(4)
  expect([facts(), unhandled()]).toEqual([['a tracker.prompted seven'], []])
})

test('F39: a delivery is acknowledged when it is durable, and read afterwards, however long that takes', async () => {
  const reading = Promise.withResolvers<Notice[]>()
  const { inbox, take, facts, unhandled } = createWorld({ read: () => reading.promise })
  expect(await take('1', [])).toEqual({ duplicate: false })
  expect(await take('2', [])).toEqual({ duplicate: false })
  expect([unhandled(), facts()]).toEqual([['1', '2'], []])
  reading.resolve([says('a', 'one')])
  await inbox.idle()
  expect([unhandled(), facts().length]).toEqual([[], 2])
})

test('what cannot be asked now is asked again, also by the next process; what makes no sense is put aside with the reason', async () => {
  const down = () => Promise.reject(new RetryableError('github-unreachable', 'GitHub does not answer.'))
  const first = createWorld({
    look: down,
    read: async (delivery: Delivery) => {
      if (delivery.body === '[]') throw new ProtocolError('github-nonsense', 'This is not what GitHub says.')
      return JSON.parse(delivery.body) as Notice[]
    },
  })
  await first.take('1', [look('a')])
  await first.take('2', [], 'check_run')
  await first.inbox.idle()
  await first.inbox.stop()
  expect(first.unhandled()).toEqual(['1'])
  expect(first.problems).toEqual(['delivery-put-aside: The check_run delivery 2 of github was put aside: This is not what GitHub says.'])
  const second = createWorld()
  second.inbox.start()
  await second.inbox.idle()
  expect([second.looks, second.unhandled()]).toEqual([['forge a'], []])
})

test('a refusal that may be a mistake is believed when it was itself met often enough, whatever else has failed before', async () => {
  const failures: Error[] = [
    ...Array.from({ length: 2 }, () => new RetryableError('github-unreachable', 'GitHub does not answer.')),
    new FatalError('github-not-found', 'GitHub shows nothing.'),
  ]
  const { inbox, take, facts, problems } = createWorld({
    read: async ({ body }: Delivery) => {
      const next = failures.shift()
      if (next !== undefined) throw next
      return JSON.parse(body) as Notice[]
    },
  })
  await take('1', [says('a', 'one')])
  await expect.poll(() => facts(), { timeout: 20_000 }).toEqual(['a tracker.prompted one'])
  failures.push(...Array.from({ length: 3 }, () => new FatalError('github-not-found', 'GitHub shows nothing.')))
  await take('2', [says('a', 'two')])
  await expect.poll(() => problems, { timeout: 20_000 }).toEqual([expect.stringContaining('delivery-put-aside')])
  await inbox.idle()
  expect([failures.length, facts()]).toEqual([0, ['a tracker.prompted one']])
})

test('more than may wait is not taken', async () => {
  const { take } = createWorld({ look: () => new Promise(() => {}), limit: 2 })
  await take('1', [look('a')])
  await take('2', [look('a')])
  await expect(take('3', [look('a')])).rejects.toMatchObject({ code: 'deliveries-backlogged', retryAfter: 5_000 })
})

test('what a later delivery of the same lane says as well is not read', async () => {
  const read: string[] = []
  const { inbox, take, facts, unhandled } = createWorld({
    topicOf: (id) => (id.endsWith('*') ? 'stars' : null),
    read: async ({ id, body }) => {
      read.push(id)
      return JSON.parse(body) as Notice[]
    },
  })
  await Promise.all(['1*', '2', '3*', '4*'].map((id) => take(id, [says('a', id)])))
  await inbox.idle()
  expect(read).toEqual(['2', '4*'])
  expect(facts()).toEqual(['a tracker.prompted 2', 'a tracker.prompted 4*'])
  expect(unhandled()).toEqual([])
})

test('a handling that is taken back leaves its deliveries among those that wait', async () => {
  const unwritable = { type: 'tracker.prompted', source: 'webhook', observedAt: 1, text: 1n } as const
  const { inbox, take, problems, unhandled } = createWorld({ read: async () => [{ kind: 'fact', issue: 'a', event: unwritable }] })
  await take('1', [])
  await inbox.idle()
  expect(problems).toEqual([expect.stringContaining('delivery-unhandled')])
  expect([inbox.backlog(), unhandled()]).toEqual([1, ['1']])
})
