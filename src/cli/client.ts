// Talks to the running server: the operator's token, an idempotency key for each request, and plain words when nobody answers.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { type Config, localUrl, operatorTokenOf } from '../config.ts'
import { FatalError, ProtocolError } from '../errors.ts'

export interface Client {
  /** Where the server is, without a slash at the end. */
  readonly address: string
  get: (path: string) => Promise<unknown>
  /** Answers the body of a 2xx. `patient` waits for as long as the server works on it. */
  post: (path: string, body: unknown, options?: { patient?: boolean }) => Promise<unknown>
}

/** The file in the data folder that names the server which works on it: its address, also of a free port, and its instance. */
export const addressFile = (config: Config): string => join(config.dataFolder, 'server.json')

/** `patience`, in ms, is for one answer. Throws ConfigurationError `no-operator-token`; requests throw FatalError `no-server` or what the server refused. */
export function createClient(config: Config, patience = 30_000): Client {
  const token = operatorTokenOf(config)
  const address = addressOf(config)
  const send = async (method: 'GET' | 'POST', path: string, body?: unknown, patient = false): Promise<unknown> => {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, accept: 'application/json' }
    const payload = body === undefined ? undefined : JSON.stringify(body)
    if (payload !== undefined) headers['content-type'] = 'application/json'
    // The same key on every attempt: a request whose answer was lost is not done twice.
    if (method === 'POST') headers['idempotency-key'] = randomUUID()
    for (let attempt = 1; ; attempt++) {
      const { instance } = announced(config)
      if (instance !== undefined) headers['signalbox-instance'] = instance
      const reply = await exchange(`${address}${path}`, method, headers, payload, patient ? 0 : patience).catch((error: unknown) =>
        attempt < attempts && isLost(error) ? undefined : Promise.reject(explainSilence(error, address, config)),
      )
      // A server that has just begun to answer says only then who it is.
      const isBusy = (reply?.status === 503 && attempt < attempts) || (reply?.status === 421 && attempt === 1)
      if (reply && !isBusy) return accept(reply, address, config)
      await wait(Math.min(Number(reply?.retryAfter ?? 0) * 1_000 || 300 * attempt, 2_000))
    }
  }
  return {
    address,
    get: (path) => send('GET', path),
    post: (path, body, options) => send('POST', path, body, options?.patient),
  }
}

const attempts = 4

interface Reply {
  status: number
  retryAfter: string | undefined
  body: string
}

function exchange(
  url: string,
  method: string,
  headers: Record<string, string>,
  payload: string | undefined,
  timeout: number,
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const request = httpRequest(url, { method, headers, timeout }, (response: IncomingMessage) => {
    readText(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body }),
      reject,
    )
  })
  request.on('timeout', () =>
    request.destroy(
      new FatalError(
        'server-silent',
        `The server at ${new URL(url).origin} took the request and did not answer within ${timeout / 1_000} s. It may still do what was asked: look with \`signalbox status\` before you ask again.`,
      ),
    ),
  )
  request.on('error', reject)
  request.end(payload)
  return promise
}

/** Whether the answer was lost on the way of a server that was there. */
function isLost(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as { code?: string }).code ?? '')
}

function explainSilence(error: unknown, address: string, config: Config): unknown {
  if (error instanceof FatalError) return error
  return new FatalError(
    'no-server',
    `No server answers at ${address}. Start it with \`signalbox start --config ${quoted(config.file)}\`: this command goes through the server.`,
    { cause: error },
  )
}

function accept(reply: Reply, address: string, config: Config): unknown {
  let body: unknown
  try {
    body = reply.body === '' ? {} : JSON.parse(reply.body)
  } catch (error) {
    throw new ProtocolError(
      'not-signalbox',
      `What answers at ${address} is not Signalbox. Is another program on that port? See server.port.`,
      { cause: error },
    )
  }
  if (reply.status >= 200 && reply.status < 300) return body
  const { code = `http-${reply.status}`, message = `The server answered ${reply.status}.` } =
    (body as { error?: { code?: string; message?: string } }).error ?? {}
  if (reply.status === 401) {
    throw new FatalError(
      'wrong-token',
      `The server at ${address} refuses the operator token of ${config.file}. Was it started with another configuration?`,
    )
  }
  if (reply.status === 421) {
    throw new FatalError(
      'other-server',
      `The server at ${address} works on another data folder than ${config.dataFolder}, that of ${config.file}; nothing was changed. Name its own configuration with --config, or give this one another server.port and start its server.`,
    )
  }
  const accepted =
    (body as { error?: { accepted?: unknown }; accepted?: unknown }).error?.accepted ?? (body as { accepted?: unknown }).accepted
  const hint = Array.isArray(accepted) && accepted.length > 0 && !accepted.every((word) => message.includes(String(word)))
  throw new FatalError(code, `${message}${hint ? ` Accepted now: ${accepted.join(', ')}.` : ''}`)
}

function addressOf(config: Config): string {
  const { host, port } = config.server
  if (port === 0) {
    const url = announced(config).url
    if (url !== undefined) return url
    throw new FatalError(
      'no-server',
      `server.port is 0 and ${addressFile(config)} names no address: no server runs. Start it with \`signalbox start\`.`,
    )
  }
  return localUrl({ host, port })
}

/** What the server of this data folder has written about itself. */
interface Announcement {
  url?: string
  instance?: string
}

function announced(config: Config): Announcement {
  try {
    return JSON.parse(readFileSync(addressFile(config), 'utf8')) as Announcement
  } catch (error) {
    // Without a server of its own this configuration means none: what answers on its port must not file into another database.
    // Another user may not read the file, but has the token: that has to do.
    return (error as { code?: string }).code === 'ENOENT' ? { instance: 'none' } : {}
  }
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./+@%:,-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}
