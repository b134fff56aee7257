import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { App } from '../../src/app.ts'
import type { LiveLimits } from '../../src/server/live.ts'
import { ask, connectLive, cookieIn, get, type LiveSocket, post, start as startServer, token, patience } from './harness.ts'
import { asks, sharedWorld } from './world.ts'

/** So long that the documents of the issue that asks it, which tell it twice, fill a socket soon. */
const question = 'x'.repeat(250_000)

let wordy = ''
const world = sharedWorld({ projects: ['app', 'two'] }, async ({ file, until }) => {
  for (let n = 1; n <= 3; n++) await file()
  wordy = await file({}, asks(question))
  await until(wordy, (document) => document.question !== null)
})
const start = () => startServer(world().app)
const startWith = (live: Partial<LiveLimits>) => startServer(world().app, { limits: { live } })
const comment = (key: string) => world().comment(key)

/** Something happens to the issue with the long question, which its document then tells again. Answers the issue's version. */
async function sayMuch(): Promise<number> {
  const { app } = world()
  await app.act(wordy, { action: app.issue(wordy).delegated ? 'undelegate' : 'delegate' })
  return app.issue(wordy).version
}

const isIssue = (key: string, version: number) => (message: any) =>
  message.type === 'issue' && message.document.key === key && message.document.version === version
const versionsOf = (live: LiveSocket, key: string): number[] =>
  live.messages.filter((message) => message.type === 'issue' && message.document.key === key).map((message) => message.document.version)
const isSubscribed = (message: any) => message.type === 'subscribed'
const typesOf = (live: LiveSocket): string[] => live.messages.map((message) => message.type)

/** The runtime itself, and how many listen to it. */
function tapped(): { app: App; listeners: () => number } {
  let listeners = 0
  const app: App = {
    ...world().app,
    live(options, listener) {
      const leave = world().app.live(options, listener)
      listeners++
      return () => {
        listeners--
        leave()
      }
    },
  }
  return { app, listeners: () => listeners }
}

test('a client hears of every issue, in order', async () => {
  const server = await start()
  const { app, file } = world()
  const key = await file()
  const live = await connectLive(server)
  expect(await live.next(isSubscribed)).toMatchObject({ seq: 0, key: null, stream: expect.any(String) })
  await comment('APP-1')
  await app.act(key, { action: 'close', as: 'failed' })
  await live.next((message) => message.type === 'log')
  const step = ['event', 'microstep', 'issue']
  expect(typesOf(live)).toEqual(['subscribed', ...step, ...step, 'feed', 'log'])
  const [, first] = live.messages
  expect(live.messages.slice(1).map((message) => message.seq)).toEqual(Array.from({ length: 8 }, (_, n) => first.seq + n))
  expect(live.messages.slice(1, 4)).toMatchObject([
    { key: 'APP-1', entry: { event: { type: 'tracker.prompted' }, cause: 'external' } },
    { key: 'APP-1', address: `issue/${app.issue('APP-1').id}`, value: app.issue('APP-1').value },
    { document: { key: 'APP-1' } },
  ])
  expect(live.messages.at(-2).entry).toMatchObject({ issue: key, phase: 'failed', level: 'warn' })
  expect(live.messages.at(-1).line).toMatchObject({ issue: key, level: 'warn' })
})

test('an event is told with all that the timeline has of it', async () => {
  const server = await start()
  const { app, file } = world()
  const live = await connectLive(server, '?types=event')
  await live.next(isSubscribed)
  const key = await file({ title: 'Told whole' })
  await comment(key)
  await app.act(key, { action: 'stop', reason: 'enough' })
  const told = () => live.messages.filter((message) => message.key === key && message.type === 'event').map(({ entry }) => entry)
  await live.next((message) => message.type === 'event' && message.entry.event.type === 'operator.stopped')
  expect(told()).toEqual(app.timeline(key))
})

test('a client hears of one issue, by query or by message, and of the types it names', async () => {
  const server = await start()
  const byQuery = await connectLive(server, '?key=APP-1')
  const byMessage = await connectLive(server, '?types=feed')
  byMessage.socket.send(JSON.stringify({ type: 'subscribe', key: 'APP-1', types: ['issue'] }))
  await byMessage.next((message) => isSubscribed(message) && message.key === 'APP-1')
  await comment('APP-2')
  const version = await comment('APP-1')
  await byQuery.next(isIssue('APP-1', version))
  await byMessage.next(isIssue('APP-1', version))
  expect(typesOf(byQuery)).toEqual(['subscribed', 'event', 'microstep', 'issue'])
  expect(typesOf(byMessage)).toEqual(['subscribed', 'subscribed', 'issue'])
})

test('two issues of one key are told apart', async () => {
  const server = await start()
  const [one, other] = [await world().file(), await world().file({ project: 'two' })]
  world().alias(other, 'two', one)
  const live = await connectLive(server, `?key=two%2F${one}&types=issue`)
  await comment(`app/${one}`)
  await comment(other)
  expect((await live.next((message) => message.type === 'issue')).document).toMatchObject({ key: other, project: 'two' })
})

test('a client goes on from the number it had', async () => {
  const server = await start()
  const first = await connectLive(server)
  const { stream } = await first.next(isSubscribed)
  const versions: number[] = []
  for (let n = 0; n < 3; n++) versions.push(await comment('APP-1'))
  const { seq } = await first.next(isIssue('APP-1', versions[1]!))
  await first.next(isIssue('APP-1', versions[2]!))
  first.socket.terminate()
  await first.closed
  versions.push(await comment('APP-1'))
  const second = await connectLive(server, `?since=${seq}&stream=${stream}`)
  versions.push(await comment('APP-1'))
  await second.next(isIssue('APP-1', versions[4]!))
  expect(versionsOf(second, 'APP-1')).toEqual(versions.slice(2))
  expect(typesOf(second)).not.toContain('reset')

  const plain = await connectLive(server, `?since=${seq}`)
  await plain.next(isIssue('APP-1', versions[4]!))
  expect(versionsOf(plain, 'APP-1')).toEqual(versions.slice(2))
})

test('who missed messages that are no longer kept is told to read again', async () => {
  const server = await startWith({ messages: 3 })
  const first = await connectLive(server)
  const { stream } = await first.next(isSubscribed)
  const seqs: number[] = []
  for (let n = 0; n < 10; n++) seqs.push((await first.next(isIssue('APP-1', await comment('APP-1')))).seq)
  const second = await connectLive(server, `?since=${seqs[1]}&stream=${stream}`)
  await second.next((message) => message.seq === seqs[9] && message.type === 'issue')
  expect(typesOf(second)).toEqual(['subscribed', 'reset', 'event', 'microstep', 'issue'])
  const third = await connectLive(server, `?since=${seqs[8]}&stream=${stream}`)
  await third.next((message) => message.seq === seqs[9] && message.type === 'issue')
  expect(typesOf(third)).toEqual(['subscribed', 'event', 'microstep', 'issue'])
})

test('a number of another stream, of the future, or of a server before this one, is no number here', async () => {
  const server = await start()
  const isReset = (message: any) => message.type === 'reset'
  for (const query of ['?since=5', '?since=5&stream=old']) await (await connectLive(server, query)).next(isReset)
  const live = await connectLive(server)
  const { seq } = await live.next(isIssue('APP-1', await comment('APP-1')))
  for (const query of [`?since=${seq + 4}`, `?since=${seq}&stream=old`]) await (await connectLive(server, query)).next(isReset)
})

test('nothing is listened to while nobody looks, and numbers from before are then no numbers', async () => {
  const { app, listeners } = tapped()
  const server = await startServer(app, { limits: { live: { linger: 50 } } })
  expect(listeners()).toBe(0)
  const first = await connectLive(server)
  const { stream } = await first.next(isSubscribed)
  const second = await connectLive(server)
  expect(listeners()).toBe(1)
  const { seq } = await first.next(isIssue('APP-1', await comment('APP-1')))
  first.socket.close()
  second.socket.close()
  await expect.poll(listeners, patience).toBe(0)
  const late = await connectLive(server, `?since=${seq}&stream=${stream}`)
  await late.next((message) => message.type === 'reset')
})

test('without a token, a session or the right key there is no feed (edge 366)', async () => {
  const server = await start()
  await expect(connectLive(server, '', {})).rejects.toEqual({ status: 401 })
  await expect(connectLive(server, '', { authorization: 'Bearer wrong' })).rejects.toEqual({ status: 401 })
  await expect(connectLive(server, '?key=NONE-1')).rejects.toEqual({ status: 404 })
  await expect(connectLive(server, '?sinc=1')).rejects.toEqual({ status: 400 })
  await expect(connectLive(server, '?types=gossip')).rejects.toEqual({ status: 400 })
  const cookie = cookieIn(await post(server, '/session', { token }, {}))
  await (await connectLive(server, '', { cookie, origin: server.url })).next((message) => message.type === 'subscribed')
  expect(await get(server, '/live')).toMatchObject({ status: 426, body: { error: { code: 'upgrade-required' } } })
})

test('an unknown key in a message is answered, and the old subscription stays', async () => {
  const server = await start()
  const live = await connectLive(server)
  live.socket.send(JSON.stringify({ type: 'subscribe', key: 'NONE-1' }))
  expect(await live.next((message) => message.type === 'error')).toMatchObject({ error: { code: 'unknown-issue' } })
  await live.next(isIssue('APP-1', await comment('APP-1')))
})

test.each(['nonsense', '{}', '{"type":"subscribe","sinc":1}', '{"type":"subscribe","since":-1}', '[]', '{"type":"subscribe","types":[]}'])(
  'the message %s is answered and ends the connection',
  async (text) => {
    const server = await start()
    const live = await connectLive(server)
    live.socket.send(text)
    expect((await live.next((message) => message.type === 'error')).error.code).toMatch(/^invalid-/)
    expect((await live.closed).code).toBe(1008)
  },
)

test('a gigantic message ends the connection', async () => {
  const server = await start()
  const live = await connectLive(server)
  live.socket.send('x'.repeat(100_000))
  expect((await live.closed).code).toBe(1009)
})

test('a client that does not read holds nobody up, takes no memory, and is told where to resume', async () => {
  const server = await startWith({ messages: 50, bytes: 2 ** 27, highWater: 64 * 1_024, cutAfter: 20_000 })
  const slow = await connectLive(server)
  const quick = await connectLive(server)
  const { stream } = await slow.next(isSubscribed)
  slow.socket.pause()
  let newest = 0
  for (let n = 0; n < 60; n++) {
    newest = await sayMuch()
    // A reader that keeps up, beside one that does not.
    await quick.next(isIssue(wordy, newest))
    quick.messages.length = 0
  }
  expect(quick.socket.readyState).toBe(quick.socket.OPEN)
  slow.socket.resume()
  const { code, reason } = await slow.closed
  expect(code).toBe(4408)
  const since = Number(/since=(\d+)/.exec(reason)![1])
  expect(slow.messages.at(-1).seq).toBe(since)
  const again = await connectLive(server, `?since=${since}&stream=${stream}`)
  await again.next((message) => message.type === 'reset')
  await again.next(isIssue(wordy, newest))
})

test('what a client does not read is not pushed at it: it stays in the ring', async () => {
  const server = await startWith({ messages: 200, bytes: 2 ** 27, highWater: 16 * 1_024, cutAfter: 20_000 })
  const live = await connectLive(server, '?types=issue')
  live.socket.pause()
  for (let n = 0; n < 40; n++) await sayMuch()
  for (let n = 0; n < 70; n++) await comment('APP-1')
  live.socket.resume()
  expect((await live.closed).code).toBe(4408)
  // More than 20 MB were offered; the socket took what the operating system buffers.
  expect(versionsOf(live, wordy).length).toBeLessThan(30)
  expect(versionsOf(live, 'APP-1')).toEqual([])
})

test('a client that catches up in time misses nothing', async () => {
  const server = await startWith({ messages: 1_000, bytes: 2 ** 27, highWater: 16 * 1_024 })
  const live = await connectLive(server)
  live.socket.pause()
  let newest = 0
  for (let n = 0; n < 40; n++) newest = await sayMuch()
  live.socket.resume()
  await live.next(isIssue(wordy, newest))
  expect(versionsOf(live, wordy)).toEqual(Array.from({ length: 40 }, (_, n) => newest - 39 + n))
  const [first, ...rest] = live.messages.slice(1).map((message) => message.seq)
  expect(rest).toEqual(rest.map((_, n) => first + n + 1))
})

test('a client that has gone silent is ended', async () => {
  const { app, listeners } = tapped()
  const server = await startServer(app, { limits: { live: { pingEvery: 150, linger: 10 } } })
  const live = await connectLive(server)
  let pings = 0
  live.socket.on('ping', () => pings++)
  await expect.poll(() => pings, patience).toBeGreaterThan(3)
  expect(live.socket.readyState).toBe(live.socket.OPEN)
  live.socket.pause()
  await expect.poll(listeners, patience).toBe(0)
})

test('the server answers a ping, once', async () => {
  const server = await start()
  const live = await connectLive(server)
  const answered = new Promise<Buffer>((resolve) => live.socket.on('pong', resolve))
  live.socket.ping('hello')
  expect((await answered).toString()).toBe('hello')
  let pongs = 0
  live.socket.on('pong', () => pongs++)
  live.socket.ping('again')
  await expect.poll(() => pongs, patience).toBe(1)
  await wait(50)
  expect(pongs).toBe(1)
})

test('only so many clients at once', async () => {
  const server = await startWith({ clients: 2 })
  const first = await connectLive(server)
  await connectLive(server)
  await expect(connectLive(server)).rejects.toEqual({ status: 503 })
  first.socket.close()
  await first.closed
  await expect
    .poll(
      () =>
        connectLive(server).then(
          () => true,
          () => false,
        ),
      patience,
    )
    .toBe(true)
})

test('a stopping server says so', async () => {
  const server = await start()
  const live = await connectLive(server)
  await server.close()
  expect(await live.closed).toEqual({ code: 1001, reason: 'the server is stopping' })
})

test('a session that has ended takes its feed with it', async () => {
  let now = 0
  const server = await startServer(world().app, { now: () => now, limits: { live: { pingEvery: 40 } } })
  const cookie = cookieIn(await post(server, '/session', { token }, {}))
  const live = await connectLive(server, '', { cookie })
  now = 8 * 24 * 3_600_000
  expect((await live.closed).code).toBe(4401)
  expect((await ask(server, 'GET', '/api/issues', { headers: { cookie } })).status).toBe(401)
})

test('a runtime that stops at a subscription refuses that client alone', async () => {
  const server = await start()
  const { app, database } = world()
  const write = database.prepare('UPDATE actor SET snapshot = ? WHERE address = ?')
  const address = `issue/${app.issue('APP-3').id}`
  const snapshot = database.prepare('SELECT snapshot FROM actor WHERE address = ?').pluck().get(address)
  write.run('{', address)
  await expect(connectLive(server, '?key=APP-3')).rejects.toEqual({ status: 500 })
  await connectLive(server, '?key=APP-1')
  write.run(snapshot, address)
  await connectLive(server, '?key=APP-3')
})
