import { expect, test } from 'vitest'
import type { ServerOptions } from '../../src/server/server.ts'
import { ask, bearer, connectLive, cookieIn, get, post, raw, start as startServer, token } from './harness.ts'
import { createWorld, sharedWorld } from './world.ts'

const world = sharedWorld({}, async ({ file }) => void (await file()))
const start = (options?: Partial<ServerOptions>) => startServer(world().app, options)

const protectedRoutes = [
  ['GET', '/api/issues'],
  ['GET', '/api/issues/APP-1'],
  ['GET', '/api/issues/APP-1/explain'],
  ['GET', '/api/issues/APP-1/timeline'],
  ['GET', '/api/issues/APP-1/snapshot'],
  ['GET', '/api/feed'],
  ['GET', '/api/costs'],
  ['POST', '/api/issues'],
  ['POST', '/api/issues/APP-1/actions'],
  ['POST', '/api/control'],
  ['GET', '/api/machines'],
  ['GET', '/api/machines/issue'],
  ['GET', '/api/actors'],
  ['GET', '/api/actors/issue/ID'],
  ['POST', '/api/actors/issue/ID/retry'],
  ['POST', '/api/session-links'],
  ['POST', '/session/end'],
  ['GET', '/live'],
  ['GET', '/metrics'],
  ['GET', '/api/nothing-here'],
  ['GET', '/api'],
  ['DELETE', '/api/issues'],
] as const

test.each(protectedRoutes)('F33: %s %s needs the token, on loopback too', async (method, route) => {
  const server = await start()
  const path = route.replace('ID', world().app.issue('APP-1').id)
  const before = world().changes()
  const none = await ask(server, method, path)
  expect(none).toMatchObject({ status: 401, body: { error: { code: 'unauthorized' } }, headers: { 'www-authenticate': 'Bearer' } })
  for (const authorization of ['Bearer wrong', `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`, token, 'Bearer ']) {
    expect((await ask(server, method, path, { headers: { authorization } })).status).toBe(401)
  }
  expect(world().changes()).toBe(before)
})

test.each(['//api/issues', '/%61pi/issues', '/API/issues', '/api/../api/issues', '/./api/issues', '/api/issues/', '/api;/issues'])(
  'another spelling of a path, %s, is no way around the token',
  async (path) => {
    const server = await start()
    expect(await raw(server, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 40[14] /,
    )
  },
)

test('a request that is meant for another instance is refused, on every route behind the token', async () => {
  const server = await start({ instance: 'this' })
  const before = world().changes()
  const asked = (name: string) => ask(server, 'POST', '/api/issues', { headers: { ...bearer, 'signalbox-instance': name }, json: {} })
  expect(await asked('other')).toMatchObject({ status: 421, body: { error: { code: 'other-instance' } } })
  expect((await asked('this')).status).toBe(400)
  expect((await get(server, '/api/issues', { ...bearer, 'signalbox-instance': 'other' })).status).toBe(421)
  // Only who has the token learns which instance this is.
  expect((await ask(server, 'GET', '/api/issues', { headers: { 'signalbox-instance': 'this' } })).status).toBe(401)
  expect(world().changes()).toBe(before)
  const nameless = await start()
  expect((await get(nameless, '/api/issues', { ...bearer, 'signalbox-instance': 'other' })).status).toBe(200)
})

test('the token opens them', async () => {
  const server = await start()
  expect((await get(server, '/api/issues')).status).toBe(200)
  expect((await get(server, '/api/issues', { authorization: `bearer ${token}` })).status).toBe(200)
})

test('a server without a token does not start (edge 351)', async () => {
  await expect(start({ operatorToken: '' })).rejects.toMatchObject({ code: 'operator-token-missing' })
})

test.each([
  'evil.example',
  'evil.example:PORT',
  '127.0.0.1',
  '127.0.0.1:1',
  '10.0.0.1:PORT',
  'localhost.evil.example:PORT',
  '[::1]:PORT',
  'localhost:PORT@evil.example',
])('the host "%s" is refused, on the page and behind the token', async (name) => {
  const server = await start()
  const host = name.replace('PORT', String(server.port))
  for (const path of ['/', '/health', '/api/issues', '/session?link=x']) {
    expect(await ask(server, 'GET', path, { headers: { ...bearer, host } })).toMatchObject({
      status: 403,
      body: { error: { code: 'host-not-allowed' } },
    })
  }
  await expect(connectLive(server, '', { ...bearer, host })).rejects.toEqual({ status: 403 })
})

test.each(['127.0.0.1:PORT', 'localhost:PORT', 'LOCALHOST:PORT'])('the host "%s" is this server', async (name) => {
  const server = await start()
  expect((await get(server, '/api/issues', { ...bearer, host: name.replace('PORT', String(server.port)) })).status).toBe(200)
})

test('a request without a host is refused', async () => {
  const server = await start()
  expect(await raw(server, `GET /api/issues HTTP/1.0\r\nAuthorization: Bearer ${token}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 403 /)
})

test('a wildcard bind answers to the address that was reached, to no other name, and to nobody without the token (edge 363)', async () => {
  const server = await start({ host: '0.0.0.0' })
  for (const headers of [{}, { authorization: `Bearer ${token}x` }] as Record<string, string>[])
    expect(await get(server, '/api/issues', headers)).toMatchObject({ status: 401, body: { error: { code: 'unauthorized' } } })
  expect((await get(server, '/api/issues', { ...bearer, host: `127.0.0.1:${server.port}` })).status).toBe(200)
  expect((await get(server, '/api/issues', { ...bearer, host: `localhost:${server.port}` })).status).toBe(200)
  expect((await get(server, '/api/issues', { ...bearer, host: `192.168.7.7:${server.port}` })).status).toBe(403)
  expect((await get(server, '/api/issues', { ...bearer, host: `evil.example:${server.port}` })).status).toBe(403)
  expect((await get(server, '/api/issues', { ...bearer, host: `0.0.0.0:${server.port}` })).status).toBe(403)
})

test('the public address counts, as host and as origin, with its own scheme only', async () => {
  const server = await start({ publicUrl: 'https://boxes.example' })
  const host = 'boxes.example'
  expect((await get(server, '/api/issues', { ...bearer, host })).status).toBe(200)
  expect((await get(server, '/api/issues', { ...bearer, host: `${host}:443` })).status).toBe(200)
  expect((await get(server, '/api/issues', { ...bearer, host: `${host}:8443` })).status).toBe(403)
  expect((await get(server, '/api/issues', { ...bearer, host, origin: 'https://boxes.example' })).status).toBe(200)
  expect((await get(server, '/api/issues', { ...bearer, host, origin: 'http://boxes.example' })).status).toBe(403)
})

test('a public address that is no address stops the start', async () => {
  await expect(start({ publicUrl: 'boxes.example' })).rejects.toMatchObject({ code: 'public-url-invalid' })
  await expect(start({ publicUrl: 'ftp://boxes.example' })).rejects.toMatchObject({ code: 'public-url-invalid' })
})

test.each(['http://evil.example', 'null', 'http://127.0.0.1:1', 'https://127.0.0.1:PORT', 'http://localhost', 'file://', ''])(
  'the origin "%s" is refused for reading, changing, signing in and listening',
  async (name) => {
    const server = await start()
    const origin = name.replace('PORT', String(server.port))
    const before = world().changes()
    const refused = { status: 403, body: { error: { code: 'origin-not-allowed' } } }
    expect(await get(server, '/api/issues', { ...bearer, origin })).toMatchObject(refused)
    expect(await post(server, '/api/issues', { title: 'x' }, { ...bearer, origin })).toMatchObject(refused)
    expect(await post(server, '/session', { token }, { origin })).toMatchObject(refused)
    expect(await get(server, '/', { origin })).toMatchObject(refused)
    await expect(connectLive(server, '', { ...bearer, origin })).rejects.toEqual({ status: 403 })
    expect(world().changes()).toBe(before)
  },
)

test('the page of this server may do all of it', async () => {
  const server = await start()
  for (const origin of [server.url, `http://localhost:${server.port}`]) {
    expect((await post(server, '/api/control', { action: 'pause' }, { ...bearer, origin })).status).toBe(202)
  }
})

test('signing in gives a cookie that scripts cannot read and other sites cannot send', async () => {
  const server = await start()
  const answer = await post(server, '/session', { token }, {})
  expect(answer.status).toBe(200)
  expect(answer.headers['set-cookie']).toEqual([
    expect.stringMatching(/^signalbox_session_\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/),
  ])
  expect(answer.text).not.toContain(cookieIn(answer).split('=')[1])
  expect((await get(server, '/api/issues', { cookie: `other=1; ${cookieIn(answer)}` })).status).toBe(200)
  expect((await post(server, '/api/control', { action: 'pause' }, { cookie: cookieIn(answer) })).status).toBe(202)
})

test('under https the cookie never travels over http', async () => {
  const server = await start({ publicUrl: 'https://boxes.example' })
  expect((await post(server, '/session', { token }, {})).headers['set-cookie']).toEqual([expect.stringMatching(/; Secure$/)])
})

test('a wrong token opens no session', async () => {
  const server = await start()
  for (const wrong of ['', 'wrong', `${token} `]) {
    const answer = await post(server, '/session', { token: wrong }, {})
    expect(answer).toMatchObject({ status: 401, body: { error: { code: 'unauthorized' } } })
    expect(answer.headers['set-cookie']).toBeUndefined()
  }
  expect((await get(server, '/api/issues', { cookie: `signalbox_session_${server.port}=made-up` })).status).toBe(401)
})

test('a wrong bearer token is not rescued by a cookie', async () => {
  const server = await start()
  const cookie = cookieIn(await post(server, '/session', { token }, {}))
  expect((await get(server, '/api/issues', { cookie, authorization: 'Bearer wrong' })).status).toBe(401)
})

test('a page of another site cannot read with the cookie of this one', async () => {
  const server = await start()
  const cookie = cookieIn(await post(server, '/session', { token }, {}))
  for (const site of ['cross-site', 'same-site'])
    expect((await get(server, '/api/issues', { cookie, 'sec-fetch-site': site })).status).toBe(403)
  for (const site of ['same-origin', 'none'])
    expect((await get(server, '/api/issues', { cookie, 'sec-fetch-site': site })).status).toBe(200)
})

test('a session ends when it is signed out, and its live feed with it', async () => {
  const server = await start()
  const cookie = cookieIn(await post(server, '/session', { token }, {}))
  const live = await connectLive(server, '', { cookie })
  const answer = await ask(server, 'POST', '/session/end', { headers: { cookie } })
  expect(answer.status).toBe(204)
  expect(answer.headers['set-cookie']).toEqual([expect.stringContaining('Max-Age=0')])
  expect((await get(server, '/api/issues', { cookie })).status).toBe(401)
  expect((await live.closed).code).toBe(4401)
})

test('a session ends after twelve idle hours, and after a week in any case', async () => {
  let now = 0
  const server = await start({ now: () => now })
  const hour = 3_600_000
  const isOpen = async (cookie: string) => (await get(server, '/api/issues', { cookie })).status === 200
  const idle = cookieIn(await post(server, '/session', { token }, {}))
  const used = cookieIn(await post(server, '/session', { token }, {}))
  for (let i = 1; i <= 15; i++) {
    now = i * 11 * hour
    expect(await isOpen(used)).toBe(true)
  }
  expect(await isOpen(idle)).toBe(false)
  now = 7 * 24 * hour
  expect(await isOpen(used)).toBe(false)
})

test('F43: a link signs in once', async () => {
  const server = await start()
  const { status, body } = await post(server, '/api/session-links', {})
  expect(status).toBe(200)
  expect(body.url).toMatch(new RegExp(`^${server.url}/session\\?link=[\\w-]{43}$`))
  const path = body.url.slice(server.url.length)

  expect((await ask(server, 'HEAD', path)).status).toBe(405)
  const first = await ask(server, 'GET', path)
  expect(first).toMatchObject({ status: 303, headers: { location: './' } })
  expect((await get(server, '/api/issues', { cookie: cookieIn(first) })).status).toBe(200)

  const second = await ask(server, 'GET', path)
  expect(second).toMatchObject({ status: 401, body: { error: { code: 'link-used' } } })
  expect(second.headers['set-cookie']).toBeUndefined()
  const inBrowser = await ask(server, 'GET', path, { headers: { accept: 'text/html,*/*' } })
  expect(inBrowser).toMatchObject({ status: 401, headers: { 'content-type': 'text/html; charset=utf-8' } })
})

test('a link is too old after five minutes', async () => {
  let now = 0
  const server = await start({ now: () => now })
  const { body } = await post(server, '/api/session-links', {})
  now = 5 * 60_000
  expect((await ask(server, 'GET', body.url.slice(server.url.length))).status).toBe(401)
})

test('a session cannot make links, only the token can', async () => {
  const server = await start()
  const cookie = cookieIn(await post(server, '/session', { token }, {}))
  expect(await post(server, '/api/session-links', {}, { cookie })).toMatchObject({
    status: 403,
    body: { error: { code: 'token-required' } },
  })
})

test('a link leads to the public address where there is one', async () => {
  const server = await start({ publicUrl: 'https://boxes.example/' })
  expect((await post(server, '/api/session-links', undefined)).body.url).toMatch(/^https:\/\/boxes\.example\/session\?link=/)
})

test('metrics are open only when the configuration says so, and readiness names actors only to those who may read them', async () => {
  const { app, file, fault, close } = await createWorld()
  try {
    const key = await file()
    await fault(key)
    const address = `issue/${app.issue(key).id}`
    const server = await startServer(app, { metrics: 'open' })
    expect(await ask(server, 'GET', '/metrics')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      text: expect.stringContaining('\nsignalbox_faulted_actors 1\n'),
    })
    expect((await ask(server, 'GET', '/ready')).body).toEqual({
      ready: true,
      state: 'ready',
      backlog: expect.any(Number),
      oldestUnhandledMs: expect.any(Number),
      eventLoopLagMs: expect.any(Number),
      faulted: 1,
    })
    expect((await get(server, '/ready')).body.faultedActors).toEqual([address])
  } finally {
    await close()
  }
})
