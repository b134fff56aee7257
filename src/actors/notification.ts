// Hands an entry of the feed to whoever the configuration names: a program of the operator's, or an address.

import type { Secret } from '../config-values.ts'
import { ConfigurationError, FatalError, RetryableError, toErrorData } from '../errors.ts'
import { childEnvironment, runProcess } from './process.ts'

/** Milliseconds for one try. */
const usual = { command: 60_000, url: 10_000 }
/** Characters of what is quoted of a refusal. */
const quoted = 500

export type Notification = (body: object, signal: AbortSignal) => Promise<void>

/**
 * Contract: resolves when the entry was taken: the program ended with 0, the address answered with 2xx. Throws FatalError `notify-refused`
 * where the address says no, which is every other answer but 408, 425, 429 and 5xx, redirections included: the address is a secret, and
 * goes nowhere else. Throws RetryableError `notify-failed` for those and for no answer within 10 s, and for a program that ends otherwise
 * or not within 60 s: it has no word for what is meant for one entry alone. Throws ConfigurationError for an address that cannot be read.
 */
export function createNotification(
  { command, url }: { command?: string | undefined; url?: Secret | undefined },
  folder: string,
  timeouts = usual,
): Notification {
  if (command === undefined) return (body, signal) => post(url!, body, AbortSignal.any([signal, AbortSignal.timeout(timeouts.url)]))
  return (body, signal) => run(command, folder, body, signal, timeouts.command)
}

async function run(command: string, cwd: string, body: object, signal: AbortSignal, timeout: number): Promise<void> {
  const input = `${JSON.stringify(body)}\n`
  const result = await runProcess({ command, cwd, env: childEnvironment(), timeout, signal, input })
  if (result.exitCode === 0 && !result.timedOut) return
  const words = result.stderr.trim().slice(-quoted)
  const said = words === '' ? '.' : `: ${words}`
  const how = result.timedOut ? `did not end within ${timeout / 1_000} s` : `ended with ${result.signal ?? `exit code ${result.exitCode}`}`
  throw new RetryableError('notify-failed', `notify.command ${how}${said}`)
}

async function post(url: Secret, body: object, signal: AbortSignal): Promise<void> {
  const { address, login } = addressOf(url)
  let response: Response
  try {
    response = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...login },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal,
    })
    // Nothing of it is used; unread it would keep the connection.
    await response.body?.cancel()
  } catch (error) {
    throw new RetryableError('notify-failed', `notify.url does not answer: ${reasonOf(error as Error)}`)
  }
  const { status } = response
  if (response.ok) return
  if (status >= 500 || [408, 425, 429].includes(status)) throw new RetryableError('notify-failed', `notify.url answered with ${status}.`)
  throw new FatalError('notify-refused', `notify.url answered with ${status}. Look whether the address is right.`)
}

/** Of the connection alone: what is said of the request may have the address in it. */
function reasonOf({ name, cause }: Error): string {
  if (name === 'TimeoutError') return 'it took too long'
  return cause === undefined ? 'it could not be asked' : toErrorData(cause).message
}

/** Without user and password, which no request may have in its address. Throws ConfigurationError `notify-address`, `unreadable-value`. */
export function addressOf(url: Secret): { address: URL; login: Record<string, string> } {
  const address = URL.parse(url.reveal())
  if (address === null || !/^https?:$/.test(address.protocol))
    throw new ConfigurationError('notify-address', 'notify.url is no address that begins with http:// or https://.')
  const { username, password } = address
  address.username = address.password = ''
  if (username === '' && password === '') return { address, login: {} }
  const words = Buffer.from([username, password].map(decodeURIComponent).join(':')).toString('base64')
  return { address, login: { authorization: `Basic ${words}` } }
}
