// What changing commands send to the server, and what they make of its answers. The server here only records and replies.

import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { text as readText } from 'node:stream/consumers'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createClient } from '../../src/cli/client.ts'
import { loadConfig } from '../../src/config.ts'
import { createHome, type Home } from './program.ts'

interface Seen {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: unknown
}
type Reply = { status: number; body?: unknown; text?: string; headers?: Record<string, string>; cut?: boolean; silent?: boolean }

let home: Home
let server: Server
let seen: Seen[]
let replies: Reply[]

beforeAll(async () => {
  server = createServer((request, response) => {
    void readText(request).then((body) => {
      seen.push({ method: request.method!, url: request.url!, headers: request.headers, body: body === '' ? null : JSON.parse(body) })
      const reply = replies.length > 1 ? replies.shift()! : replies[0]!
      if (reply.silent) return
      if (reply.cut) return request.socket.destroy()
      response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
      response.end(reply.text ?? JSON.stringify(reply.body ?? {}))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  home = createHome()
  home.writeConfig({
    server: { port: (server.address() as AddressInfo).port, operatorToken: `file:${join(home.data, 'operator-token')}` },
  })
})
afterAll(() => {
  server.close()
  home.remove()
})
beforeEach(() => {
  seen = []
  replies = [{ status: 202, body: {} }]
})

describe('each command asks for what it says', () => {
  const actions: [string[], object][] = [
    [['prompt', 'APP-1', 'use', 'the', 'other'], { action: 'prompt', text: 'use the other' }],
    [['prompt', 'APP-1', '--', '--not-a-flag'], { action: 'prompt', text: '--not-a-flag' }],
    [['comment', 'APP-1', 'hm'], { action: 'comment', text: 'hm' }],
    [['stop', 'APP-1'], { action: 'stop' }],
    [['stop', 'APP-1', '--reason', 'no'], { action: 'stop', reason: 'no' }],
    [['retry', 'APP-1'], { action: 'retry' }],
    [['retry', 'APP-1', '--run-type', 'ci_repair'], { action: 'retry', runType: 'ci_repair' }],
    [['close', 'APP-1'], { action: 'close', as: 'done' }],
    [['close', 'APP-1', '--as', 'failed'], { action: 'close', as: 'failed' }],
    [['delegate', 'APP-1'], { action: 'delegate' }],
    [['undelegate', 'APP-1'], { action: 'undelegate' }],
    [['cancel', 'APP-1'], { action: 'cancel' }],
    [['approve', 'APP-1'], { action: 'approve' }],
    [['approve', 'APP-1', '--body', 'good'], { action: 'approve', body: 'good' }],
    [['request-changes', 'APP-1', '--body=-no-'], { action: 'request_changes', body: '-no-' }],
  ]
  test.each(actions)('%j', async (args, body) => {
    const { code, stdout } = await home.run(args)
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/api/issues/APP-1/actions', body })
    expect(seen[0]!.body).toEqual(body)
    expect(seen[0]!.headers.authorization).toBe(`Bearer ${'a'.repeat(43)}`)
    expect(seen[0]!.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/)
    expect(stdout).toMatch(/^APP-1: .* accepted\n$/)
    expect(code).toBe(0)
  })

  test('a key with its project is one part of the path', async () => {
    await home.run(['stop', 'other/APP-1'])
    expect(seen[0]!.url).toBe('/api/issues/other%2FAPP-1/actions')
  })

  test('text may come from standard input', async () => {
    await home.run(['prompt', 'APP-1', '-'], { input: 'several\nlines\n' })
    expect(seen[0]!.body).toEqual({ action: 'prompt', text: 'several\nlines\n' })
    const empty = await home.run(['prompt', 'APP-1', '-'], { input: ' \n' })
    expect(empty.stderr).toContain('TEXT is empty')
    expect(empty.code).toBe(2)
  })

  test('submit sends what it was given and prints the key alone', async () => {
    replies = [{ status: 201, body: { key: 'APP-7', url: 'http://x/APP-7' } }]
    writeFileSync(join(home.folder, 'body.md'), 'long\ntext\n')
    const args = ['submit', 'A title', '--body-file', 'body.md', '--project', 'app', '--label', 'a', '--label', 'b']
    args.push('--blocked-by', 'APP-1', '--blocked-by', 'APP-2', '--parent', 'APP-3', '--priority', '1', '--hold')
    const { code, stdout, stderr } = await home.run(args)
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/api/issues' })
    expect(seen[0]!.body).toEqual({
      title: 'A title',
      body: 'long\ntext\n',
      project: 'app',
      labels: ['a', 'b'],
      blockedBy: ['APP-1', 'APP-2'],
      parent: 'APP-3',
      priority: 1,
      hold: true,
    })
    expect(stdout).toBe('APP-7\n')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const json = await home.run(['submit', 'A title', '--json'])
    expect(JSON.parse(json.stdout)).toEqual({ key: 'APP-7', url: 'http://x/APP-7' })
    expect(seen[1]!.body).toEqual({ title: 'A title' })
  })

  test('pause, resume and drain', async () => {
    await home.run(['pause'])
    await home.run(['resume', 'app'])
    const drained = await home.run(['drain', '--json'])
    expect(seen.map(({ url, body }) => [url, body])).toEqual([
      ['/api/control', { action: 'pause' }],
      ['/api/control', { action: 'resume', project: 'app' }],
      ['/api/control', { action: 'drain' }],
    ])
    expect(JSON.parse(drained.stdout)).toMatchObject({ action: 'drain' })
  })

  test('inspect prints the link alone', async () => {
    replies = [{ status: 200, body: { url: 'http://127.0.0.1/session?link=x', expiresAt: 'later' } }]
    const { code, stdout } = await home.run(['inspect'])
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/api/session-links' })
    expect(stdout).toBe('http://127.0.0.1/session?link=x\n')
    expect(code).toBe(0)
  })

  test('--json prints one document and nothing else', async () => {
    const { stdout, stderr } = await home.run(['stop', 'APP-1', '--json'])
    expect(JSON.parse(stdout)).toEqual({ key: 'APP-1', action: 'stop' })
    expect(stderr).toBe('')
  })
})

describe('an answer that is not success exits 1 with its words', () => {
  const refusals: [string, Reply, string][] = [
    [
      'an unknown issue',
      { status: 404, body: { error: { code: 'unknown-issue', message: 'There is no issue APP-1.' } } },
      'There is no issue APP-1.',
    ],
    [
      'an action that the machine does not accept now',
      { status: 409, body: { error: { code: 'not-accepted', message: 'Not now.', accepted: ['stop', 'prompt'] } } },
      'Not now. Accepted now: stop, prompt.',
    ],
    [
      'bad input',
      { status: 400, body: { error: { code: 'unknown-blocker', message: 'blockedBy: there is no issue X.' } } },
      'blockedBy: there is no issue X.',
    ],
    ['a wrong token', { status: 401, body: { error: { code: 'unauthorized', message: 'no' } } }, 'refuses the operator token'],
    ['an answer without words', { status: 500, body: {} }, 'The server answered 500.'],
    ['another program on the port', { status: 200, text: '<html>' }, 'is not Signalbox'],
  ]
  test.each(refusals)('%s', async (_, reply, sentence) => {
    replies = [reply]
    const { code, stdout, stderr } = await home.run(['stop', 'APP-1', '--json'])
    expect(stderr).toContain(sentence)
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })
})

test('a lost answer and a busy server are tried again with the same key', async () => {
  replies = [
    { status: 0, cut: true },
    { status: 503, headers: { 'retry-after': '0' }, body: { error: { code: 'backlog-full', message: 'busy' } } },
    { status: 202 },
  ]
  const { code } = await home.run(['stop', 'APP-1'])
  expect(code).toBe(0)
  expect(seen).toHaveLength(3)
  expect(new Set(seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
})

test('a server that has just begun to answer is asked once more, under the name that it has then written', async () => {
  const file = join(home.data, 'server.json')
  replies = [{ status: 421, body: { error: { code: 'other-instance', message: 'no' } } }, { status: 202 }]
  const running = home.run(['stop', 'APP-1'])
  await vi.waitFor(() => expect(seen).toHaveLength(1), { timeout: 10_000, interval: 5 })
  writeFileSync(file, JSON.stringify({ instance: 'new' }))
  expect((await running).code).toBe(0)
  rmSync(file)
  expect(seen.map(({ headers }) => headers['signalbox-instance'])).toEqual(['none', 'new'])
})

test('a server that does not answer in time may do it all the same, which is said', async () => {
  replies = [{ status: 0, silent: true }]
  const config = loadConfig({ cwd: home.folder })
  await expect(createClient(config, 200).post('/api/issues', {})).rejects.toMatchObject({
    code: 'server-silent',
    message: expect.stringMatching(/did not answer within 0\.2 s\. It may still do what was asked: look with `signalbox status`/),
  })
  expect(seen).toHaveLength(1)
})

test('a server that stays busy is told', async () => {
  replies = [
    { status: 503, headers: { 'retry-after': '0' }, body: { error: { code: 'backlog-full', message: 'More than 50,000 events wait.' } } },
  ]
  const { code, stderr } = await home.run(['stop', 'APP-1'])
  expect(stderr).toContain('More than 50,000 events wait.')
  expect(seen).toHaveLength(4)
  expect(code).toBe(1)
})
