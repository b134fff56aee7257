import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigurationError } from '../../src/errors.ts'
import { createServer, type ServerOptions } from '../../src/server/server.ts'
import { ask, bearer, connectLive, get, post, raw, start as startServer, token, patience } from './harness.ts'
import { endless, sharedWorld } from './world.ts'

const world = sharedWorld({}, async ({ file }) => void (await file()))
const start = (options?: Partial<ServerOptions>) => startServer(world().app, options)

const mebibyte = 1_048_576
const headers = { ...bearer, 'content-type': 'application/json' }

test('a port in use is named, with what to do', async () => {
  const server = await start()
  const second = createServer(world().app, {
    host: '127.0.0.1',
    port: server.port,
    publicUrl: null,
    operatorToken: token,
    metrics: 'token',
    version: '0',
  })
  await expect(second).rejects.toBeInstanceOf(ConfigurationError)
  await expect(second).rejects.toMatchObject({ code: 'port-in-use', message: expect.stringContaining(String(server.port)) })
})

test('an address that is not of this machine is named', async () => {
  await expect(start({ host: '203.0.113.7' })).rejects.toMatchObject({ code: 'address-not-available' })
})

test('it listens on the name localhost too', async () => {
  const server = await start({ host: 'localhost' })
  expect(server.url).toBe(`http://localhost:${server.port}`)
  expect((await get(server, '/api/issues')).status).toBe(200)
})

test('every answer says how it may be used', async () => {
  const server = await start()
  for (const path of ['/api/issues', '/health', '/nothing', '/api/issues/NONE-1']) {
    expect((await get(server, path)).headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
    })
  }
})

test('an unknown path is 404, in the form of all errors', async () => {
  const server = await start()
  expect(await ask(server, 'GET', '/nothing')).toMatchObject({
    status: 404,
    body: { error: { code: 'not-found', message: 'There is no GET /nothing here.' } },
  })
  expect((await ask(server, 'POST', '/nothing', { body: 'x' })).status).toBe(404)
  expect((await get(server, '/api/nothing')).status).toBe(404)
})

test.each([
  ['PUT', '/api/issues', 'GET, HEAD, POST'],
  ['DELETE', '/api/issues/APP-1', 'GET, HEAD'],
  ['GET', '/api/issues/APP-1/actions', 'POST'],
  ['GET', '/api/control', 'POST'],
  ['GET', '/api/session-links', 'POST'],
  ['POST', '/health', 'GET, HEAD'],
  ['OPTIONS', '/api/issues', 'GET, HEAD, POST'],
  ['POST', '/', 'GET, HEAD'],
  ['POST', '/api/actors/issue/1', 'GET, HEAD'],
])('%s %s is 405 and says what is allowed', async (method, path, allow) => {
  const server = await start()
  const before = world().changes()
  const answer = await ask(server, method, path, { headers: bearer })
  expect(answer).toMatchObject({ status: 405, headers: { allow }, body: { error: { code: 'method-not-allowed' } } })
  expect(world().changes()).toBe(before)
})

test('a body over 1 MiB is refused by its Content-Length, before it is sent', async () => {
  const server = await start()
  const before = world().changes()
  const text = `POST /api/issues HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${mebibyte + 1}\r\n\r\n`
  const started = performance.now()
  const answer = await raw(server, text)
  expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  expect(answer).toContain('"code":"body-too-large"')
  expect(answer).toContain(`at most ${mebibyte} bytes`)
  // A closed connection could reset the answer of a client that is still sending.
  expect(answer).not.toMatch(/^connection: close/im)
  expect(performance.now() - started).toBeLessThan(4_000)
  expect(world().changes()).toBe(before)
})

test('a body over 1 MiB is refused while it is read, and the answer arrives', async () => {
  const server = await start()
  const before = world().changes()
  for (const size of [mebibyte + 1, 8 * mebibyte]) {
    const body = Buffer.alloc(size, 0x20)
    expect(await ask(server, 'POST', '/api/issues', { headers: { ...headers, 'transfer-encoding': 'chunked' }, body })).toMatchObject({
      status: 413,
      body: { error: { code: 'body-too-large' } },
    })
    expect((await fetch(`${server.url}/api/issues`, { method: 'POST', headers, body })).status).toBe(413)
  }
  expect(world().changes()).toBe(before)
})

test('an endless body is cut off soon after it was refused', async () => {
  const server = await start()
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`POST /api/issues HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nTransfer-Encoding: chunked\r\n\r\n`)
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const timer = setInterval(() => socket.writable && socket.write(chunk), 10)
  const started = performance.now()
  socket.resume()
  await new Promise((resolve) => socket.on('close', resolve))
  clearInterval(timer)
  expect(performance.now() - started).toBeLessThan(5_000)
})

test('a body of exactly 1 MiB is read', async () => {
  const server = await start()
  const frame = JSON.stringify({ title: 'x', body: '' })
  const body = JSON.stringify({ title: 'x', body: 'y'.repeat(mebibyte - frame.length) })
  expect(body.length).toBe(mebibyte)
  // Longer than the tracker takes: it was read, and is refused for what it says.
  expect(await ask(server, 'POST', '/api/issues', { headers, body })).toMatchObject({
    status: 400,
    body: { error: { code: 'invalid-input' } },
  })
})

test.each([
  ['{"title": "x"', 'invalid-json'],
  ['title=x', 'invalid-json'],
  ['{"title":"\xff"}', 'invalid-json'],
  ['', 'invalid-body'],
  ['null', 'invalid-body'],
  ['[]', 'invalid-body'],
  ['"x"', 'invalid-body'],
])('the body %j is 400 %s', async (body, code) => {
  const server = await start()
  const before = world().changes()
  for (const path of ['/api/issues', '/api/control', '/api/issues/APP-1/actions', '/session']) {
    const answer = await ask(server, 'POST', path, { headers, body: Buffer.from(body, 'latin1') })
    expect(answer).toMatchObject({ status: 400, body: { error: { code } } })
    expect(answer.body.error.message).not.toBe('')
  }
  expect(world().changes()).toBe(before)
})

test('only JSON is taken: what a form of another site can send is not', async () => {
  const server = await start()
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    const answer = await ask(server, 'POST', '/api/issues', { headers: { ...bearer, 'content-type': type }, body: '{"title":"x"}' })
    expect(answer).toMatchObject({ status: 415, body: { error: { code: 'unsupported-media-type' } } })
  }
  expect((await ask(server, 'POST', '/api/issues', { headers: { ...headers, 'content-encoding': 'gzip' }, body: 'x' })).status).toBe(415)
  expect(
    (
      await ask(server, 'POST', '/api/issues', {
        headers: { ...bearer, 'content-type': 'application/json; charset=utf-8' },
        body: '{"title":"x"}',
      })
    ).status,
  ).toBe(201)
})

test('a malformed path is 400, in the form of all errors', async () => {
  const server = await start()
  expect(await raw(server, `GET /%zz HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 400 [\s\S]*"code":"invalid-url"/,
  )
})

test('what is not HTTP, or has gigantic headers, is answered in the form of all errors', async () => {
  const server = await start()
  expect(await raw(server, 'HELLO\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"bad-request"/)
  expect(await raw(server, `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431 [\s\S]*"code":"headers-too-large"/,
  )
})

test('headers and bodies that drip are cut off in time', async () => {
  const server = await start({ limits: { headersTimeout: 200, requestTimeout: 400, keepAliveTimeout: 100 } })
  expect(await raw(server, 'GET / HTTP/1.1\r\nX: y')).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request-timeout"/)
  const begun = `POST /api/issues HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`
  expect(await raw(server, begun)).toMatch(/^HTTP\/1\.1 408 /)
})

test('a connection on which nothing is said is closed', async () => {
  const server = await start({ limits: { connectionTimeout: 200, headersTimeout: 10_000 } })
  const started = performance.now()
  await raw(server, '')
  expect(performance.now() - started).toBeLessThan(3_000)
})

test('an upgrade to another protocol is a plain request', async () => {
  const server = await start()
  for (const upgrade of ['h2c', 'websocket']) {
    const answer = await raw(
      server,
      `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: Upgrade, close\r\nUpgrade: ${upgrade}\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  }
})

describe('while a run is active, so that a drain waits', () => {
  let key = ''
  beforeEach(async () => {
    const { file, until } = world()
    key = await file({}, endless)
    await until(key, ({ run }) => run?.phase === 'working')
  })
  afterEach(async () => {
    await world().app.act(key, { action: 'stop' })
    await world().app.resume()
  })
  const isDraining = async () => {
    await expect.poll(() => world().app.health().state, patience).toBe('draining')
  }

  test('closing lets a running request end, answers new ones with 503, and ends', async () => {
    const server = await start({ limits: { closeTimeout: 10_000 } })
    const draining = post(server, '/api/control', { action: 'drain' })
    await isDraining()
    // A connection that is open before the server closes.
    const late = connect(server.port, '127.0.0.1')
    let answer = ''
    late.on('data', (chunk) => (answer += chunk.toString()))
    late.write(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n`)
    await wait(50)
    const closed = server.close()
    late.write('\r\n')
    await expect.poll(() => answer, patience).toMatch(/^HTTP\/1\.1 503 [\s\S]*"code":"stopping"/)
    await world().app.act(key, { action: 'stop' })
    expect(await draining).toMatchObject({ status: 200, body: { action: 'drain', drained: true } })
    await closed
    await expect(get(server, '/health')).rejects.toThrow('ECONNREFUSED')
  })

  test('closing takes a bounded time, whatever clients do', async () => {
    const server = await start({ limits: { closeTimeout: 300 } })
    const hanging = post(server, '/api/control', { action: 'drain' }).catch((error: Error) => error)
    const live = await connectLive(server)
    live.socket.pause()
    await isDraining()
    const started = performance.now()
    await Promise.all([server.close(), server.close()])
    expect(performance.now() - started).toBeLessThan(2_500)
    expect(await hanging).toBeInstanceOf(Error)
  })
})
