// Whom the configuration names is told what people have to see: a real address, a real program, over restarts, and when they refuse.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { App } from '../../src/app.ts'
import { parseConfig } from '../../src/config.ts'
import { createPlace, type Place } from './app.ts'

const patience = { timeout: 20_000 }

/** An address that keeps what it is sent, and answers as it is told, one after the other; at last with 204. */
async function listen(answers: ((response: ServerResponse, request: IncomingMessage) => void)[] = []) {
  const got: Record<string, unknown>[] = []
  const tries: string[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (part: Buffer) => (text += part.toString()))
    request.on('end', () => {
      const body = JSON.parse(text) as Record<string, unknown>
      tries.push(`${request.method} ${request.url} ${request.headers['content-type']} ${String(body['status'])}`)
      const answer = answers.shift()
      if (answer !== undefined) return answer(response, request)
      got.push(body)
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/secret-part`, got, tries, close }
}

const configOf = (place: Place, notify: object | null) =>
  parseConfig(
    JSON.stringify({
      server: { operatorToken: 'file:token' },
      store: { path: 'data/signalbox.db' },
      agents: { mine: { kind: 'command', command: 'exit 1' } },
      notify,
      projects: [{ id: 'app', repo: './app', agent: 'mine', budgets: { implementation: 1 } }],
    }),
    join(place.folder, 'signalbox.config.json'),
  )

async function fail(app: App, title: string): Promise<string> {
  const { key } = await app.submit({ title, hold: true })
  await app.act(key, { action: 'close', as: 'failed' })
  return key
}

test('an address gets each entry once, as the feed has it, of what happens from now on', async () => {
  const { url, got, tries } = await listen()
  const place = await createPlace()
  const silent = await place.open()
  await fail(silent, 'Before anybody was to be told')
  await silent.stop()

  const app = await place.open(configOf(place, { url }))
  const key = await fail(app, 'One')
  await expect.poll(() => got.length, patience).toBe(1)
  const entry = app.feed({ level: 'warn' }).find(({ issue }) => issue === key)!
  expect(got).toEqual([{ ...entry, text: `${key}: ${entry.summary}` }])
  expect(tries).toEqual(['POST /hook/secret-part application/json failed'])
  await app.stop()

  // What was told is not told again by the next process, and what comes then is.
  const next = await place.open(configOf(place, { url }))
  const second = await fail(next, 'Two')
  await expect.poll(() => got.map(({ issue }) => issue), patience).toEqual([key, second])
})

test('a program gets it on standard input, in the folder of the configuration, with no secret around it', async () => {
  const place = await createPlace()
  const out = join(place.folder, 'told')
  process.env['SIGNALBOX_TEST_SECRET'] = 'hidden'
  onTestFinished(() => void delete process.env['SIGNALBOX_TEST_SECRET'])
  const app = await place.open(configOf(place, { command: 'cat >> told; env > environment' }))
  const key = await fail(app, 'One')
  await expect.poll(() => (existsSync(out) ? readFileSync(out, 'utf8') : ''), patience).toMatch(/\n$/)
  expect(JSON.parse(readFileSync(out, 'utf8'))).toMatchObject({ issue: key, level: 'warn', kind: 'phase', status: 'failed' })
  expect(readFileSync(join(place.folder, 'environment'), 'utf8')).not.toContain('hidden')
})

test('with level error only errors are told', async () => {
  const { url, got } = await listen()
  const place = await createPlace()
  const app = await place.open(configOf(place, { url, level: 'error' }))
  await fail(app, 'One')
  const { key } = await app.submit({ title: 'Two' })
  await expect.poll(() => got.map(({ issue, level }) => [issue, level]), patience).toEqual([[key, 'error']])
  expect(app.issue(key).phase).toBe('escalated')
})

test('who does not answer, or has failed, is told again until it takes it, in order, by the next process too', async () => {
  const { url, got, tries } = await listen([
    (response) => response.writeHead(500).end(),
    (response) => response.writeHead(429).end(),
    (response) => response.destroy(),
  ])
  const place = await createPlace()
  const logged: string[] = []
  const logger = { info() {}, warn: (_: object, message: string) => logged.push(message), error() {} }
  const app = await place.open(configOf(place, { url }), { logger })
  const first = await fail(app, 'One')
  const second = await fail(app, 'Two')
  const failures = (): string[] => logged.filter((line) => line.startsWith('Nobody was notified'))
  await expect.poll(failures, patience).toHaveLength(2)
  await app.stop()
  expect(got).toEqual([])
  await place.open(configOf(place, { url }), { logger })
  await expect.poll(() => got.map(({ issue }) => issue), patience).toEqual([first, second])
  expect(tries).toHaveLength(5)
  expect(failures()).toEqual([
    'Nobody was notified, which is tried again: notify.url answered with 500.',
    'Nobody was notified, which is tried again: notify.url answered with 429.',
    expect.stringMatching(/^Nobody was notified, which is tried again: notify\.url does not answer: /),
  ])
  expect(logged.join('\n')).not.toContain('secret-part')
})

test('one entry that is refused keeps the others back for a few tries only, and nobody is led elsewhere', async () => {
  const elsewhere = await listen()
  const no = (response: ServerResponse): void => void response.writeHead(400).end()
  const { url, got, tries } = await listen([no, (response) => response.writeHead(307, { location: elsewhere.url }).end(), no, no, no])
  const place = await createPlace()
  const errors: string[] = []
  const logger = { info() {}, warn() {}, error: (_: object, message: string) => errors.push(message) }
  const app = await place.open(configOf(place, { url }), { logger })
  await fail(app, 'One')
  const second = await fail(app, 'Two')
  await expect.poll(() => got.map(({ issue }) => issue), { timeout: 40_000 }).toEqual([second])
  expect(tries).toHaveLength(6)
  expect(elsewhere.tries).toEqual([])
  expect(errors).toContainEqual(expect.stringMatching(/^Nobody is notified of this after 5 tries: notify\.url answered with 400\./))
}, 60_000)

test('what happened while nobody was to be told, or not of such things, is no news later', async () => {
  const { url, got } = await listen()
  const place = await createPlace()
  for (const notify of [{ url, level: 'error' }, null]) {
    const app = await place.open(configOf(place, notify))
    await fail(app, 'Of no interest')
    await expect.poll(() => app.feed({ level: 'warn' }).at(-1)?.status, patience).toBe('failed')
    await app.stop()
    const again = await place.open(configOf(place, { url }))
    const key = await fail(again, 'News')
    await expect.poll(() => got.map(({ issue }) => issue), patience).toContain(key)
    await again.stop()
    expect(got.splice(0).map(({ issue }) => issue)).toEqual([key])
  }
})

test('a program that fails is run again', async () => {
  const place = await createPlace()
  const app = await place.open(configOf(place, { command: 'cat >> told; test -e second || { touch second; echo no >&2; exit 3; }' }))
  await fail(app, 'One')
  const told = (): string[] =>
    existsSync(join(place.folder, 'told')) ? readFileSync(join(place.folder, 'told'), 'utf8').trim().split('\n') : []
  await expect.poll(() => told().length, patience).toBe(2)
})

test.each([
  [{}, /notify: needs either `command` or `url`/],
  [{ command: 'true', url: 'http://127.0.0.1:1/' }, /notify: needs either `command` or `url`/],
  [{ url: 'http://127.0.0.1:1/', level: 'info' }, /notify\.level/],
])('the configuration %j is refused', async (notify, words) => {
  const place = await createPlace()
  expect(() => configOf(place, notify)).toThrow(words)
})

test('what is no address is said, and nothing is lost by it', async () => {
  const place = await createPlace()
  const { url, got } = await listen()
  writeFileSync(join(place.folder, 'address'), 'hooks.example.com/x')
  const warned: string[] = []
  const logger = { info() {}, warn: (_: object, message: string) => warned.push(message), error() {} }
  const app = await place.open(configOf(place, { url: 'file:address' }), { logger })
  const key = await fail(app, 'One')
  await expect.poll(() => warned.join('\n'), patience).toContain('notify.url is no address that begins with http:// or https://.')
  writeFileSync(join(place.folder, 'address'), url)
  await expect.poll(() => got.map(({ issue }) => issue), patience).toEqual([key])
})
