import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { FeedEntry } from '../../src/app.ts'
import type { LiveLimits } from '../../src/server/live.ts'
import { createFakeApp, fakeDocument, type FakeApp } from './fake-app.ts'
import { ask, bearer, connectLive, cookieIn, get, type LiveSocket, post, start, token } from './harness.ts'

const startWith = (live: Partial<LiveLimits>) => start({ limits: { live } })

function report(app: FakeApp, issue: string, summary = 'Something happened.'): void {
  const entry: FeedEntry = {
    seq: 1,
    at: '2026-07-01T12:00:00.000Z',
    level: 'info',
    kind: 'note',
    issue,
    phase: 'done',
    status: 'ok',
    summary,
  }
  app.say({ type: 'feed', entry })
}

const summaries = (live: LiveSocket) => live.messages.filter((message) => message.type === 'feed').map((message) => message.entry.summary)
const isFeed = (summary: string) => (message: { type: string; entry?: FeedEntry }) =>
  message.type === 'feed' && message.entry?.summary === summary

test('a client hears of every issue, in order', async () => {
  const { server, app } = await start()
  const live = await connectLive(server)
  expect(await live.next((message) => message.type === 'subscribed')).toMatchObject({ seq: 0, key: null, stream: expect.any(String) })
  app.put(fakeDocument(1))
  report(app, 'APP-2', 'two')
  app.say({
    type: 'event',
    key: 'APP-1',
    entry: { seq: 1, at: '', address: 'issue/id-1', event: { type: 'pr.pushed' }, cause: 'external' },
  })
  app.say({ type: 'microstep', key: 'APP-1', address: 'issue/id-1', value: 'x' })
  app.say({ type: 'log', line: { msg: 'hello' } })
  await live.next((message) => message.type === 'log')
  expect(live.messages.map((message) => `${message.seq} ${message.type}`)).toEqual([
    '0 subscribed',
    '1 issue',
    '2 feed',
    '3 event',
    '4 microstep',
    '5 log',
  ])
})

test('a client hears of one issue, by query or by message, and of the types it names', async () => {
  const { server, app } = await start()
  const byQuery = await connectLive(server, '?key=APP-1')
  const byMessage = await connectLive(server, '?types=feed')
  byMessage.socket.send(JSON.stringify({ type: 'subscribe', key: 'APP-1', types: ['issue'] }))
  await byMessage.next((message) => message.type === 'subscribed' && message.key === 'APP-1')
  report(app, 'APP-2', 'of another')
  report(app, 'APP-1', 'of this')
  app.put(fakeDocument(2))
  app.put(fakeDocument(1))
  await byQuery.next((message) => message.type === 'issue')
  await byMessage.next((message) => message.type === 'issue')
  expect(byQuery.messages.map((message) => `${message.type} ${message.seq}`)).toEqual(['subscribed 0', 'feed 2', 'issue 4'])
  expect(byMessage.messages.map((message) => `${message.type} ${message.seq}`)).toEqual(['subscribed 0', 'subscribed 0', 'issue 4'])
})

test('two issues of one key are told apart', async () => {
  const { server, app } = await start()
  const other = { ...fakeDocument(1), id: 'other', project: 'two' }
  app.put(other)
  const live = await connectLive(server, '?key=two%2FAPP-1&types=issue')
  app.put(fakeDocument(1))
  app.put({ ...other, title: 'mine' })
  expect((await live.next((message) => message.type === 'issue')).document.title).toBe('mine')
})

test('a client goes on from the number it had', async () => {
  const { server, app } = await start()
  const first = await connectLive(server)
  const { stream } = await first.next((message) => message.type === 'subscribed')
  for (const summary of ['one', 'two', 'three']) report(app, 'APP-1', summary)
  const { seq } = await first.next(isFeed('two'))
  first.socket.terminate()
  await first.closed
  report(app, 'APP-1', 'four')
  const second = await connectLive(server, `?since=${seq}&stream=${stream}`)
  report(app, 'APP-1', 'five')
  await second.next(isFeed('five'))
  expect(summaries(second)).toEqual(['three', 'four', 'five'])
  expect(second.messages.some((message) => message.type === 'reset')).toBe(false)

  const plain = await connectLive(server, `?since=${seq}`)
  await plain.next(isFeed('five'))
  expect(summaries(plain)).toEqual(['three', 'four', 'five'])
})

test('who missed messages that are no longer kept is told to read again', async () => {
  const { server, app } = await startWith({ messages: 3 })
  const first = await connectLive(server)
  const { stream } = await first.next((message) => message.type === 'subscribed')
  for (let n = 1; n <= 10; n++) {
    report(app, 'APP-1', `${n}`)
    await first.next(isFeed(`${n}`))
  }
  const second = await connectLive(server, `?since=2&stream=${stream}`)
  await second.next(isFeed('10'))
  expect(second.messages.map((message) => message.type)).toEqual(['subscribed', 'reset', 'feed', 'feed', 'feed'])
  const third = await connectLive(server, `?since=7&stream=${stream}`)
  await third.next(isFeed('10'))
  expect(third.messages.map((message) => message.type)).toEqual(['subscribed', 'feed', 'feed', 'feed'])
})

test('a number of another stream, of the future, or of a server before this one, is no number here', async () => {
  const { server, app } = await start()
  for (const query of ['?since=5', '?since=5&stream=old']) {
    const live = await connectLive(server, query)
    await live.next((message) => message.type === 'reset')
  }
  const live = await connectLive(server)
  report(app, 'APP-1', 'one')
  await live.next(isFeed('one'))
  for (const query of ['?since=5', '?since=1&stream=old']) {
    const again = await connectLive(server, query)
    await again.next((message) => message.type === 'reset')
  }
})

test('nothing is listened to while nobody looks, and numbers from before are then no numbers', async () => {
  const { server, app } = await startWith({ linger: 50 })
  expect(app.listeners).toBe(0)
  const first = await connectLive(server)
  const { stream } = await first.next((message) => message.type === 'subscribed')
  const second = await connectLive(server)
  expect(app.listeners).toBe(1)
  report(app, 'APP-1', 'one')
  await first.next(isFeed('one'))
  first.socket.close()
  second.socket.close()
  await expect.poll(() => app.listeners).toBe(0)
  const late = await connectLive(server, `?since=1&stream=${stream}`)
  await late.next((message) => message.type === 'reset')
})

test('without a token, a session or the right key there is no feed', async () => {
  const { server } = await start()
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
  const { server, app } = await start()
  const live = await connectLive(server)
  live.socket.send(JSON.stringify({ type: 'subscribe', key: 'NONE-1' }))
  expect(await live.next((message) => message.type === 'error')).toMatchObject({ error: { code: 'unknown-issue' } })
  report(app, 'APP-1', 'still here')
  await live.next(isFeed('still here'))
})

test.each(['nonsense', '{}', '{"type":"subscribe","sinc":1}', '{"type":"subscribe","since":-1}', '[]', '{"type":"subscribe","types":[]}'])(
  'the message %s is answered and ends the connection',
  async (text) => {
    const { server } = await start()
    const live = await connectLive(server)
    live.socket.send(text)
    expect((await live.next((message) => message.type === 'error')).error.code).toMatch(/^invalid-/)
    expect((await live.closed).code).toBe(1008)
  },
)

test('a gigantic message ends the connection', async () => {
  const { server } = await start()
  const live = await connectLive(server)
  live.socket.send('x'.repeat(100_000))
  expect((await live.closed).code).toBe(1009)
})

test('a client that does not read holds nobody up, takes no memory, and is told where to resume', async () => {
  const { server, app } = await startWith({ messages: 50, highWater: 64 * 1_024, cutAfter: 20_000 })
  const slow = await connectLive(server)
  const quick = await connectLive(server)
  const { stream } = await slow.next((message) => message.type === 'subscribed')
  slow.socket.pause()
  const text = 'x'.repeat(100_000)
  let longest = 0
  for (let n = 0; n < 400; n++) {
    const started = performance.now()
    report(app, 'APP-1', `${n} ${text}`)
    longest = Math.max(longest, performance.now() - started)
    // A reader that keeps up, beside one that does not.
    await quick.next((message) => message.type === 'feed' && message.entry.summary.startsWith(`${n} `))
    quick.messages.length = 0
  }
  expect(longest).toBeLessThan(50)
  expect(quick.socket.readyState).toBe(quick.socket.OPEN)
  slow.socket.resume()
  const { code, reason } = await slow.closed
  expect(code).toBe(4408)
  const since = Number(/since=(\d+)/.exec(reason)![1])
  expect(slow.messages.at(-1).seq).toBe(since)
  const again = await connectLive(server, `?since=${since}&stream=${stream}`)
  await again.next((message) => message.type === 'reset')
  await again.next((message) => message.type === 'feed' && message.entry.summary.startsWith('399 '))
}, 30_000)

test('what a client does not read is not pushed at it: it stays in the ring', async () => {
  const { server, app } = await startWith({ messages: 2_000, highWater: 16 * 1_024, cutAfter: 20_000 })
  const live = await connectLive(server)
  live.socket.pause()
  const text = 'x'.repeat(50_000)
  for (let n = 0; n < 250; n++) report(app, 'APP-1', text)
  await wait(50)
  for (let n = 0; n < 2_000; n++) report(app, 'APP-1', 'short')
  await wait(50)
  live.socket.resume()
  // 12 MB were offered at once; the socket took what the operating system buffers.
  expect(Number(/since=(\d+)/.exec((await live.closed).reason)![1])).toBeLessThan(200)
})

test('a client that catches up in time misses nothing', async () => {
  const { server, app } = await startWith({ messages: 1_000, highWater: 16 * 1_024 })
  const live = await connectLive(server)
  live.socket.pause()
  const text = 'x'.repeat(20_000)
  for (let n = 1; n <= 600; n++) report(app, 'APP-1', `${n} ${text}`)
  await wait(100)
  live.socket.resume()
  await live.next((message) => message.type === 'feed' && message.entry.summary.startsWith('600 '))
  expect(live.messages.slice(1).map((message) => message.seq)).toEqual(Array.from({ length: 600 }, (_, n) => n + 1))
})

test('a client that has gone silent is ended', async () => {
  const { server, app } = await startWith({ pingEvery: 40, linger: 10 })
  const live = await connectLive(server)
  let pings = 0
  live.socket.on('ping', () => pings++)
  await expect.poll(() => pings).toBeGreaterThan(3)
  expect(live.socket.readyState).toBe(live.socket.OPEN)
  live.socket.pause()
  await expect.poll(() => app.listeners).toBe(0)
})

test('the server answers a ping, once', async () => {
  const { server } = await start()
  const live = await connectLive(server)
  const answered = new Promise<Buffer>((resolve) => live.socket.on('pong', resolve))
  live.socket.ping('hello')
  expect((await answered).toString()).toBe('hello')
  let pongs = 0
  live.socket.on('pong', () => pongs++)
  live.socket.ping('again')
  await expect.poll(() => pongs).toBe(1)
  await wait(50)
  expect(pongs).toBe(1)
})

test('only so many clients at once', async () => {
  const { server } = await startWith({ clients: 2 })
  const first = await connectLive(server)
  await connectLive(server)
  await expect(connectLive(server)).rejects.toEqual({ status: 503 })
  first.socket.close()
  await first.closed
  await expect
    .poll(() =>
      connectLive(server).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
})

test('a stopping server says so', async () => {
  const { server } = await start()
  const live = await connectLive(server)
  await server.close()
  expect(await live.closed).toEqual({ code: 1001, reason: 'the server is stopping' })
})

test('a session that has ended takes its feed with it', async () => {
  let now = 0
  const { server } = await start({ now: () => now, limits: { live: { pingEvery: 40 } } })
  const cookie = cookieIn(await post(server, '/session', { token }, {}))
  const live = await connectLive(server, '', { cookie })
  now = 8 * 24 * 3_600_000
  expect((await live.closed).code).toBe(4401)
  expect((await ask(server, 'GET', '/api/issues', { headers: { cookie } })).status).toBe(401)
})

test('a runtime that stops at a subscription refuses that client alone', async () => {
  const app = createFakeApp()
  const { server } = await start({}, app)
  app.failWith = new Error('broken')
  await expect(connectLive(server, '?key=APP-1')).rejects.toEqual({ status: 500 })
  await connectLive(server, '?key=APP-1', bearer)
})
