// What the doors of providers take and turn away, over real sockets: a genuine delivery is durable before it is acknowledged, and what is
// not genuine leaves no trace.

import { createHmac, randomUUID } from 'node:crypto'
import { Webhooks } from '@octokit/webhooks'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { ask, get, raw, start as startServer } from './harness.ts'
import { sharedWorld } from './world.ts'

const secrets = { github: 'the secret of the App', linear: 'the secret of the application' }
const sign = (secret: string, body: string): Promise<string> => new Webhooks({ secret }).sign(body)
const world = sharedWorld({ projects: ['app'] }, async () => {})
const start = (webhooks: { github?: string | null; linear?: string | null } = secrets) => startServer(world().app, { webhooks })

const stored = () =>
  world().database.prepare('SELECT provider, id, event, body FROM delivery JOIN delivery_body USING (seq) ORDER BY seq').all() as {
    provider: string
    id: string
    event: string
    body: string
  }[]

/** Answers, and what the answer has left in the database. */
async function tell(server: Server, path: string, headers: Record<string, string>, body: string | Buffer) {
  const before = stored().length
  const answer = await ask(server, 'POST', path, { headers: { 'content-type': 'application/json', ...headers }, body })
  return { ...answer, stored: stored().slice(before) }
}

const fromGithub = async (body: string, id: string = randomUUID(), event = 'ping') => ({
  'x-github-delivery': id,
  'x-github-event': event,
  'x-hub-signature-256': await sign(secrets.github, body),
})
const fromLinear = (body: string, id: string = randomUUID()) => ({
  'linear-delivery': id,
  'linear-event': 'Issue',
  'linear-signature': createHmac('sha256', secrets.linear).update(body).digest('hex'),
})
const linearBody = (age = 0) => JSON.stringify({ type: 'Issue', action: 'update', data: {}, webhookTimestamp: Date.now() - age })

test('a genuine delivery is stored as it came, and told twice it is one', async () => {
  const server = await start()
  const body = '{ "zen": "Käse",  "b":1 }'
  const headers = await fromGithub(body)
  const first = await tell(server, '/webhooks/github', headers, body)
  expect([first.status, first.body]).toEqual([200, { accepted: true }])
  expect(first.stored).toEqual([{ provider: 'github', id: headers['x-github-delivery'], event: 'ping', body }])
  const again = await tell(server, '/webhooks/github', headers, body)
  expect([again.status, again.body, again.stored]).toEqual([200, { accepted: true, duplicate: true }, []])

  const said = linearBody()
  const linear = fromLinear(said)
  expect(await tell(server, '/webhooks/linear', linear, said)).toMatchObject({ status: 200, stored: [{ provider: 'linear', body: said }] })
  expect(await tell(server, '/webhooks/linear', linear, said)).toMatchObject({ status: 200, body: { duplicate: true }, stored: [] })
})

test('the same id of two providers is two deliveries', async () => {
  const server = await start()
  const id = randomUUID()
  const said = linearBody()
  expect((await tell(server, '/webhooks/github', await fromGithub('{}', id), '{}')).stored).toHaveLength(1)
  expect((await tell(server, '/webhooks/linear', fromLinear(said, id), said)).stored).toHaveLength(1)
})

test('F01, W23: a delivery without the right signature leaves nothing behind, and the genuine one of that id is taken afterwards (edge 155)', async () => {
  const server = await start()
  const id = randomUUID()
  const genuine = await fromGithub('{"a":1}', id)
  const forgeries: Record<string, string>[] = [
    { ...genuine, 'x-hub-signature-256': await sign('another secret', '{"a":1}') },
    { ...genuine, 'x-hub-signature-256': await sign(secrets.github, '{"a":2}') },
    { ...genuine, 'x-hub-signature-256': 'sha256=' },
    { ...genuine, 'x-hub-signature-256': genuine['x-hub-signature-256'].replace('sha256=', 'sha1=') },
    { 'x-github-delivery': id, 'x-github-event': 'ping' },
  ]
  for (const headers of forgeries) {
    const answer = await tell(server, '/webhooks/github', headers, '{"a":1}')
    expect([answer.status, answer.body.error.code, answer.stored]).toEqual([401, 'invalid-signature', []])
  }
  expect((await tell(server, '/webhooks/github', genuine, '{"a":1}')).stored).toHaveLength(1)

  const said = linearBody()
  const linear = fromLinear(said)
  for (const signature of [
    '',
    'zz',
    linear['linear-signature'].replace(/^./, (first) => (first === '0' ? '1' : '0')),
    `${linear['linear-signature']}0`,
  ]) {
    const answer = await tell(server, '/webhooks/linear', { ...linear, 'linear-signature': signature }, said)
    expect([answer.status, answer.body.error.code, answer.stored]).toEqual([401, 'invalid-signature', []])
  }
  expect((await tell(server, '/webhooks/linear', linear, said)).stored).toHaveLength(1)
})

test('a replay, nonsense, and what lacks its headers is turned away with the reason, and leaves nothing behind (edges 12, 14, 15, 153)', async () => {
  const server = await start()
  const stale = linearBody(61_000)
  const early = linearBody(-65_000)
  const said = linearBody()
  const { 'linear-delivery': _id, ...unnamed } = fromLinear(said)
  const cases: [path: string, headers: Record<string, string>, body: string, status: number, code: string][] = [
    ['/webhooks/linear', fromLinear(stale), stale, 401, 'stale-delivery'],
    ['/webhooks/linear', fromLinear(early), early, 401, 'stale-delivery'],
    ['/webhooks/linear', unnamed, said, 400, 'missing-header'],
    ['/webhooks/linear', fromLinear('{}'), '{}', 400, 'invalid-timestamp'],
    ['/webhooks/linear', fromLinear('{"webhookTimestamp":"now"}'), '{"webhookTimestamp":"now"}', 400, 'invalid-timestamp'],
    ['/webhooks/linear', fromLinear('null'), 'null', 400, 'invalid-timestamp'],
    ['/webhooks/linear', fromLinear('not JSON'), 'not JSON', 400, 'invalid-json'],
    ['/webhooks/github', await fromGithub('payload=%7B%7D'), 'payload=%7B%7D', 400, 'invalid-json'],
    ['/webhooks/github', await fromGithub('{}', 'two words'), '{}', 400, 'missing-header'],
    [
      '/webhooks/github',
      { 'x-hub-signature-256': await sign(secrets.github, '{}'), 'x-github-event': 'ping' },
      '{}',
      400,
      'missing-header',
    ],
    [
      '/webhooks/github',
      { 'x-hub-signature-256': await sign(secrets.github, '{}'), 'x-github-delivery': '1' },
      '{}',
      400,
      'missing-header',
    ],
    ['/webhooks/github', { ...(await fromGithub('{}')), 'content-type': 'text/plain' }, '{}', 415, 'unsupported-media-type'],
  ]
  for (const [path, headers, body, status, code] of cases) {
    const answer = await tell(server, path, headers, body)
    expect([path, body, answer.status, answer.body.error.code, answer.stored]).toEqual([path, body, status, code, []])
  }
  expect((await ask(server, 'GET', '/webhooks/github')).status).toBe(405)
})

test('without its secret a door is shut, and a provider that is not configured has none', async () => {
  const server = await start({ github: null })
  expect(await tell(server, '/webhooks/github', await fromGithub('{}'), '{}')).toMatchObject({
    status: 503,
    body: { error: { code: 'webhook-disabled' } },
    stored: [],
  })
  expect((await tell(server, '/webhooks/linear', fromLinear(linearBody()), linearBody())).status).toBe(404)
})

test('F25: what GitHub may send at most is taken, and more than that is refused before it is read', async () => {
  const server = await start()
  const large = JSON.stringify({ text: 'x'.repeat(24 * 2 ** 20) })
  const answer = await tell(server, '/webhooks/github', await fromGithub(large), large)
  expect([answer.status, answer.stored[0]?.body.length]).toEqual([200, large.length])
  const before = stored().length
  const head = (length: string) =>
    `POST /webhooks/github HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\ncontent-type: application/json\r\n${length}\r\n`
  expect(await raw(server, `${head(`content-length: ${26 * 2 ** 20}\r\nconnection: close\r\n`)}`)).toMatch(/^HTTP\/1.1 413 /)
  // Nor does it help to say nothing of the length.
  const chunk = 'y'.repeat(2 ** 20)
  const chunked = `${head('transfer-encoding: chunked\r\nconnection: close\r\n')}${`${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(26)}0\r\n\r\n`
  expect(await raw(server, chunked)).toMatch(/^HTTP\/1.1 413 /)
  expect(stored()).toHaveLength(before)
})

test('a database that refuses is an answer that has it told again', async () => {
  const server = await start()
  const { mend } = world().refuse('delivery')
  const headers = await fromGithub('{"later":true}')
  try {
    expect((await tell(server, '/webhooks/github', headers, '{"later":true}')).status).toBeGreaterThanOrEqual(500)
  } finally {
    mend()
  }
  expect((await tell(server, '/webhooks/github', headers, '{"later":true}')).stored).toHaveLength(1)
})

/** A server whose log is at hand, and whose clock is the test's. */
async function startLogged(webhooks: { github?: string | null; linear?: string | null } = secrets) {
  const lines: { level: number; provider: string; reason: string; leftOut: number; msg: string }[] = []
  const clock = { now: Date.now() }
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const server = await startServer(world().app, { webhooks, logger, now: () => clock.now })
  return { server, clock, refusals: () => lines.splice(0).filter(({ provider }) => provider !== undefined) }
}

test('a delivery that is refused is a line in the log: whose it is, why, and what to do, once a minute however many come', async () => {
  const { server, clock, refusals } = await startLogged()
  const genuine = await fromGithub('{}')
  const forged = { ...genuine, 'x-hub-signature-256': await sign('another secret', '{}') }
  for (let n = 0; n < 3; n++) await tell(server, '/webhooks/github', forged, '{}')
  expect(refusals()).toMatchObject([
    {
      level: 40,
      provider: 'github',
      reason: 'invalid-signature',
      leftOut: 0,
      msg: expect.stringMatching(/\/webhooks\/github was refused: .* wrong.*forge\.webhookSecret.*at GitHub/),
    },
  ])
  clock.now += 59_000
  await tell(server, '/webhooks/github', forged, '{}')
  expect(refusals()).toEqual([])
  clock.now += 1_000
  await tell(server, '/webhooks/github', forged, '{}')
  expect(refusals()).toMatchObject([{ reason: 'invalid-signature', leftOut: 3, msg: expect.stringContaining('3 more') }])
  await tell(server, '/webhooks/github', genuine, '{}')
  expect(refusals()).toEqual([])
})

test('each reason has a line and a remedy of its own, and is counted by the metrics', async () => {
  const { server, refusals } = await startLogged()
  const stale = linearBody(61_000)
  const said = linearBody()
  const { 'x-hub-signature-256': _none, ...unsigned } = await fromGithub('{}')
  const github = await fromGithub('{}')
  await tell(server, '/webhooks/github', unsigned, '{}')
  await tell(server, '/webhooks/github', await fromGithub('payload=1'), 'payload=1')
  await tell(server, '/webhooks/github', { ...github, 'content-type': 'application/x-www-form-urlencoded' }, 'payload=1')
  await tell(server, '/webhooks/linear', fromLinear(stale), stale)
  await tell(server, '/webhooks/linear', { ...fromLinear(said), 'linear-signature': 'zz' }, said)
  await tell(server, '/webhooks/linear', { ...fromLinear(said), 'linear-signature': 'zz' }, said)
  await raw(server, `POST /webhooks/linear HTTP/1.1\r\nhost: box.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
  await raw(
    server,
    `POST /webhooks/linear HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\ncontent-type: application/json\r\ncontent-length: ${26 * 2 ** 20}\r\nconnection: close\r\n\r\n`,
  )
  expect(refusals().map(({ provider, reason, msg }) => [provider, reason, msg])).toEqual([
    ['github', 'missing-signature', expect.stringMatching(/no signature.*Set the secret of the webhook at GitHub/)],
    ['github', 'invalid-json', expect.stringContaining('application/json')],
    ['github', 'unsupported-media-type', expect.stringContaining('application/json')],
    ['linear', 'stale-delivery', expect.stringContaining('clock')],
    ['linear', 'invalid-signature', expect.stringContaining('tracker.webhookSecret')],
    ['linear', 'host-not-allowed', expect.stringContaining('server.publicUrl')],
    ['linear', 'body-too-large', expect.stringContaining('somebody else')],
  ])
  const { text } = await get(server, '/metrics')
  expect(text).toContain('# TYPE signalbox_webhooks_refused_total counter\n')
  expect(text).toContain('signalbox_webhooks_refused_total{provider="github",reason="missing-signature"} 1\n')
  expect(text).toContain('signalbox_webhooks_refused_total{provider="linear",reason="invalid-signature"} 2\n')
})

test('a door that is shut says so in the log, and one that is not there says nothing', async () => {
  const { server, refusals } = await startLogged({ github: null })
  await tell(server, '/webhooks/github', await fromGithub('{}'), '{}')
  await tell(server, '/webhooks/linear', fromLinear(linearBody()), linearBody())
  expect(refusals()).toMatchObject([
    { provider: 'github', reason: 'webhook-disabled', msg: expect.stringContaining('forge.webhookSecret') },
  ])
})

test('how the doors stand is told to whoever has the token: when a genuine delivery came last, what was refused and what was put aside', async () => {
  const { server, clock } = await startLogged({ github: secrets.github })
  world().database.exec('DELETE FROM delivery')
  expect((await get(server, '/api/webhooks')).body).toEqual({
    webhooks: [{ provider: 'github', open: true, lastAt: null, refused: [], putAside: null }],
  })
  expect((await get(server, '/api/webhooks', {})).status).toBe(401)
  const headers = await fromGithub('{}')
  await tell(server, '/webhooks/github', { ...headers, 'x-hub-signature-256': 'sha256=0' }, '{}')
  await tell(server, '/webhooks/github', headers, '{}')
  const at = new Date(clock.now).toISOString()
  const remedy = expect.stringContaining('forge.webhookSecret')
  expect((await get(server, '/api/webhooks')).body.webhooks).toEqual([
    {
      ...{ provider: 'github', open: true, lastAt: expect.any(String), putAside: null },
      refused: [{ reason: 'invalid-signature', count: 1, lastAt: at, remedy }],
    },
  ])
  // One that was known before says as well that the secrets are the same.
  clock.now += 60_000
  expect((await tell(server, '/webhooks/github', headers, '{}')).body.duplicate).toBe(true)
  expect((await get(server, '/api/webhooks')).body.webhooks[0].lastAt).toBe(new Date(clock.now).toISOString())
  world().database.exec("UPDATE delivery SET handled_at = 1000, error = 'It makes no sense.'")
  expect((await get(server, '/api/webhooks')).body.webhooks[0].putAside).toEqual({
    count: 1,
    lastAt: new Date(1_000).toISOString(),
    message: 'It makes no sense.',
  })
})
