// Hands an entry of the feed to whoever the configuration names: a program of the operator's, or an address.

import type { Secret } from '../config-values.ts'
import { FatalError, RetryableError, toErrorData } from '../errors.ts'
import { childEnvironment, runProcess } from './process.ts'

/** Milliseconds for one try. */
const usual = { command: 60_000, url: 10_000 }
/** Characters of what is quoted of a refusal. */
const quoted = 500

export type Notification = (body: object, signal: AbortSignal) => Promise<void>

/**
 * Contract: resolves when the entry was taken: the program ended with 0, the address answered with 2xx. Throws RetryableError
 * `notify-failed` for what may pass (no answer within 60 s or 10 s, 408, 425, 429, 5xx, a program that cannot be run), FatalError
 * `notify-refused` for every other answer, redirections included: the address is a secret, and goes nowhere else.
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
  if (result.timedOut) throw new RetryableError('notify-failed', `notify.command did not end within ${timeout / 1_000} s${said}`)
  if (result.exitCode === null || result.exitCode === 126 || result.exitCode === 127) {
    throw new RetryableError('notify-failed', `notify.command could not be run (${result.exitCode ?? result.signal ?? 'ended'})${said}`)
  }
  throw new FatalError('notify-refused', `notify.command ended with exit code ${result.exitCode}${said}`)
}

async function post(url: Secret, body: object, signal: AbortSignal): Promise<void> {
  const address = addressOf(url)
  let response: Response
  try {
    response = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal,
    })
    // Nothing of it is used; unread it would keep the connection.
    await response.body?.cancel()
  } catch (error) {
    const cause = (error as Error).cause ?? error
    throw new RetryableError('notify-failed', `notify.url does not answer: ${toErrorData(cause).message}`, { cause: error })
  }
  const { status } = response
  if (response.ok) return
  if (status >= 500 || [408, 425, 429].includes(status)) throw new RetryableError('notify-failed', `notify.url answered with ${status}.`)
  throw new FatalError('notify-refused', `notify.url answered with ${status}. Look whether the address is right.`)
}

/** Throws FatalError `notify-refused` where it is no address, ConfigurationError `unreadable-value` where it cannot be read. */
export function addressOf(url: Secret): URL {
  const address = URL.parse(url.reveal())
  if (address !== null && /^https?:$/.test(address.protocol)) return address
  throw new FatalError('notify-refused', 'notify.url is no address that begins with http:// or https://.')
}
