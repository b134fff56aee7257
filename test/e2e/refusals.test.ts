// What the running whole refuses, through its real command line and its real HTTP API: each with its exit code or status and a
// sentence that helps, and nothing half done.

import { mkdirSync, readdirSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type World } from './harness.ts'

let world: World

beforeAll(async () => {
  world = createWorld()
  await world.start()
})

afterAll(async () => {
  await world.close()
})

/** With headers that fetch does not let one set. */
function raw(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | Buffer },
): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  const sent = httpRequest(`${world.url}${path}`, { method: options.method ?? 'GET', headers: options.headers }, (response) => {
    let body = ''
    response.on('data', (chunk: Buffer) => (body += String(chunk)))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    response.on('error', reject)
  })
  sent.on('error', reject)
  sent.end(options.body)
  return promise
}

const issueCount = async (): Promise<number> => (await world.ask('/api/issues')).body.issues.length

describe('submit', () => {
  it('refuses an empty title', async () => {
    const { code, stderr } = await world.run('submit', '  ')
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(/TITLE is empty/) })
    expect(await issueCount()).toBe(0)
  })

  it('refuses blockers that do not exist, and the issue itself', async () => {
    const unknown = await world.run('submit', 'A', '--blocked-by', 'APP-99')
    expect(unknown).toMatchObject({ code: 1, stdout: '' })
    expect(unknown.stderr).toContain('APP-99')
    const itself = await world.run('submit', 'A', '--blocked-by', world.nextKey())
    expect(itself).toMatchObject({ code: 1, stdout: '' })
    expect(itself.stderr).toContain(world.nextKey())
    expect(await issueCount()).toBe(0)
  })

  it('cannot make a cycle: an issue waits only for ones that are there, and later ones are refused as blockers', async () => {
    const first = await world.submit('sleep 5', { hold: true })
    const before = await issueCount()
    const [, number] = world.nextKey().split('-')
    const later = `APP-${Number(number) + 1}`
    // A waits for B, which is to wait for A: B is not there yet.
    const ahead = await world.run('submit', 'A', '--blocked-by', later)
    expect(ahead).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`there is no issue ${later}`) })
    const both = await world.run('submit', 'B', '--blocked-by', first, '--blocked-by', world.nextKey())
    expect(both).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('cannot be blocked by itself') })
    expect(await issueCount()).toBe(before)
    await world.act(first, { action: 'close', as: 'failed' })
  })

  it('refuses a title of 10,000 characters, and says the limit before one meets it', async () => {
    const before = await issueCount()
    const { code, stdout, stderr } = await world.run('submit', 'A very long title with ümlauts '.repeat(400).slice(0, 10_000))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/title.*500/i)
    expect(stderr.length).toBeLessThan(500)
    expect((await world.run('submit', '--help')).stdout).toContain('at most 500 characters')
    expect(await issueCount()).toBe(before)
  })

  it('refuses an unknown project and a priority that is none, and files nothing', async () => {
    const before = await issueCount()
    const project = await world.run('submit', 'A', '--project', 'ap')
    expect(project).toMatchObject({ code: 1, stdout: '' })
    expect(project.stderr).toContain('app')
    expect((await world.run('submit', 'A', '--priority', 'high')).code).toBe(2)
    expect(await issueCount()).toBe(before)
  })
})

it('commands refuse a key that is not known, in one sentence', async () => {
  const commands = ['status', 'explain', 'timeline', 'stop', 'retry', 'close', 'undelegate', 'prompt']
  const outcomes = await Promise.all(
    commands.map(async (command) => ({ command, ...(await world.run(command, 'APP-77', ...(command === 'prompt' ? ['text'] : []))) })),
  )
  expect(outcomes).toEqual(
    commands.map((command) => ({ command, code: 1, stdout: '', stderr: expect.stringMatching(/^signalbox: [^\n]*APP-77[^\n]*\n$/) })),
  )
})

describe('the HTTP API', () => {
  const authorization = (): Record<string, string> => ({ authorization: `Bearer ${world.token}` })

  it('refuses no token, a wrong one, and one in the address', async () => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Basic ${world.token}` }] as Record<string, string>[])
      expect(await raw('/api/issues', { headers })).toMatchObject({ status: 401, body: expect.stringContaining('"error"') })
    expect((await raw(`/api/issues?token=${world.token}`, {})).status).toBe(401)
    expect((await raw('/health', {})).status).toBe(200)
  })

  it('refuses another Host and another Origin', async () => {
    const other = await raw('/api/issues', { headers: { ...authorization(), host: 'evil.example' } })
    expect(other.status).toBeOneOf([400, 403, 421])
    const origin = await raw('/api/control', {
      method: 'POST',
      headers: { ...authorization(), origin: 'http://evil.example', 'content-type': 'application/json' },
      body: '{"action":"pause"}',
    })
    expect(origin.status).toBe(403)
  })

  it('refuses bodies that are not JSON, of another shape, or too large; and changes nothing', async () => {
    const before = await issueCount()
    const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
      raw('/api/issues', { method: 'POST', headers: { ...authorization(), 'content-type': 'application/json', ...headers }, body })
    expect((await post('{"title":')).status).toBe(400)
    expect((await post('[]')).status).toBe(400)
    expect((await post('{"title":7}')).status).toBe(400)
    expect((await post('{"title":"A","titel":"B"}')).status).toBe(400)
    expect((await post('{"title":"   "}')).status).toBe(400)
    expect((await post('{"title":"A","__proto__":{"x":1}}')).status).toBe(400)
    expect((await post('{"title":"A"}', { 'content-type': 'text/plain' })).status).toBeOneOf([400, 415])
    // By what it says of its length: nothing of it has to be read. (Read to the end it is tried in test/server.)
    const large = await raw('/api/issues', {
      method: 'POST',
      headers: { ...authorization(), 'content-type': 'application/json', 'content-length': '1100000' },
    })
    expect(large).toMatchObject({ status: 413, body: expect.stringContaining('"body-too-large"') })
    expect(await issueCount()).toBe(before)
  })

  it('refuses actions that there are not, of unknown issues, and that the issue does not accept', async () => {
    expect((await world.ask('/api/issues/APP-77')).status).toBe(404)
    expect((await world.act('APP-77', { action: 'stop' })).status).toBe(404)
    const key = await world.submit('sleep 5', { hold: true })
    expect((await world.act(key, { action: 'explode' } as never)).status).toBe(400)
    const refused = await world.act(key, { action: 'approve' })
    expect(refused.status).toBe(409)
    expect(JSON.stringify(refused.body)).toContain('delegate')
    await world.act(key, { action: 'close', as: 'failed' })
  })

  it('does a request once, however often it is sent with one key', async () => {
    const send = () =>
      world.ask('/api/issues', {
        method: 'POST',
        headers: { 'idempotency-key': 'one-and-the-same' },
        body: JSON.stringify({ title: 'Once', hold: true }),
      })
    const answers = await Promise.all([send(), send(), send()])
    expect(new Set(answers.map(({ body }) => body.key)).size).toBe(1)
  })
})

describe('start', () => {
  it('refuses a database that another server owns, with exit code 4 and who it is', async () => {
    const { code, stderr } = await world.run('start')
    expect(code).toBe(4)
    expect(stderr).toContain(String(world.pid))
    expect((await world.ask('/ready')).status).toBe(200)
  })

  it('refuses a port that is in use, with nothing made', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const other = createWorld({ port: (taken.address() as AddressInfo).port })
    try {
      await other.makeRepositories()
      const { code, stderr } = await other.run('start')
      expect(code).toBe(1)
      expect(stderr).toMatch(/Port \d+ .*in use/)
      expect(readdirSync(other.data)).toEqual([])
    } finally {
      taken.close()
      await other.close()
    }
  })

  it.each([
    ['is not there', async (_w: World) => {}, /app is not a folder/],
    ['is no git repository', async (w: World) => void mkdirSync(w.repo()), /not a git repository/i],
    [
      'is empty',
      async (w: World) => {
        mkdirSync(w.repo())
        await w.asUser(['init', '--quiet'])
      },
      /no commit|empty/i,
    ],
  ])('refuses a repository that %s', async (_title, make, message) => {
    const other = createWorld()
    try {
      await make(other)
      const { code, stderr } = await other.run('start')
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(message) })
      expect(stderr).not.toContain('    at ')
    } finally {
      await other.close()
    }
  })
})

describe('without a server', () => {
  it('a changing command says so with exit code 1; reading ones answer', async () => {
    const { code, stderr } = await world.stop().then(() => world.run('submit', 'A'))
    expect(code).toBe(1)
    expect(stderr).toMatch(/server/i)
    expect((await world.run('status')).code).toBe(0)
    await world.start()
  })
})
