// Each way in which an entry may not be taken, and what is thrown for it.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createNotification } from '../../src/actors/notification.ts'
import { Secret } from '../../src/config-values.ts'
import { toErrorData } from '../../src/errors.ts'
import { temporaryFolder } from './repository.ts'

const urlOf = (value: string): Secret => new Secret('notify.url', 'a test', null, () => value)
const never = new AbortController().signal

async function listen(answer: (response: ServerResponse, request: IncomingMessage) => void): Promise<string> {
  const server = createServer((request, response) => void request.resume().on('end', () => answer(response, request)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/a-secret-way`
}

async function failureOf(settings: Parameters<typeof createNotification>[0], timeouts?: { command: number; url: number }) {
  const error: unknown = await createNotification(
    settings,
    temporaryFolder(),
    timeouts,
  )({ issue: 'APP-1' }, never).then(
    () => null,
    (failure: unknown) => failure,
  )
  return error === null ? null : `${toErrorData(error).name} ${toErrorData(error).message}`
}

test.each([
  [200, null],
  [204, null],
  [408, 'RetryableError notify.url answered with 408.'],
  [425, 'RetryableError notify.url answered with 425.'],
  [429, 'RetryableError notify.url answered with 429.'],
  [500, 'RetryableError notify.url answered with 500.'],
  [503, 'RetryableError notify.url answered with 503.'],
  [301, 'FatalError notify.url answered with 301. Look whether the address is right.'],
  [401, 'FatalError notify.url answered with 401. Look whether the address is right.'],
  [404, 'FatalError notify.url answered with 404. Look whether the address is right.'],
])('an answer of %i', async (status, failure) => {
  expect(await failureOf({ url: urlOf(await listen((response) => response.writeHead(status).end('words'))) })).toBe(failure)
})

test('an address that says nothing, breaks off or is not there may answer later; its way is told to nobody', async () => {
  const silent = await failureOf({ url: urlOf(await listen(() => {})) }, { command: 1, url: 100 })
  expect(silent).toBe('RetryableError notify.url does not answer: it took too long')
  const broken = await failureOf({ url: urlOf(await listen((response) => response.destroy())) })
  expect(broken).toMatch(/^RetryableError notify\.url does not answer: /)
  const gone = await failureOf({ url: urlOf('http://127.0.0.1:1/a-secret-way') })
  expect(gone).toMatch(/^RetryableError notify\.url does not answer: /)
  expect(`${silent}${broken}${gone}`).not.toContain('secret')
})

test('a user and a password of the address are sent as such, and told to nobody', async () => {
  const sent: unknown[] = []
  const url = await listen((response, { url: way, headers }) => {
    sent.push([way, headers.authorization])
    response.writeHead(sent.length === 1 ? 204 : 500).end()
  })
  const withLogin = { url: urlOf(url.replace('//', '//ada:p%40ss@')) }
  expect(await failureOf(withLogin)).toBeNull()
  expect(await failureOf(withLogin)).toBe('RetryableError notify.url answered with 500.')
  const authorization = `Basic ${Buffer.from('ada:p@ss').toString('base64')}`
  expect(sent).toEqual([
    ['/a-secret-way', authorization],
    ['/a-secret-way', authorization],
  ])
})

test.each(['hooks.example.com', 'file:///etc/passwd', 'ftp://example.com/'])('%s is no address', async (value) => {
  expect(await failureOf({ url: urlOf(value) })).toBe('ConfigurationError notify.url is no address that begins with http:// or https://.')
})

test('a program by its exit code, with its own words', async () => {
  expect(await failureOf({ command: 'cat > /dev/null' })).toBeNull()
  expect(await failureOf({ command: 'echo why >&2; exit 1' })).toBe('RetryableError notify.command ended with exit code 1: why')
  expect(await failureOf({ command: 'exec ./not-there' })).toMatch(/^RetryableError notify\.command ended with exit code 127: /)
  expect(await failureOf({ command: 'kill -9 $$' })).toBe('RetryableError notify.command ended with SIGKILL.')
  expect(await failureOf({ command: 'echo late >&2; sleep 60' }, { command: 500, url: 1 })).toBe(
    'RetryableError notify.command did not end within 0.5 s: late',
  )
})
