// The HTTP side of the twin on 127.0.0.1: GraphQL, OAuth and uploads, with the faults and the delays that a test asks for.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Timers } from './timers.ts'
import type { Faults } from '../faults.ts'
import { faultBody, type Fault, type TwinRequest } from './faults.ts'
import { answer, prepare, type Buckets, type Call } from './graphql-endpoint.ts'
import { entityNotFound } from './errors.ts'
import type { OAuth } from './oauth.ts'
import type { Tokens } from './tokens.ts'
import type { Viewer } from './fields.ts'

/** A call as it is on record. */
export interface LoggedRequest extends TwinRequest {
  /** When it came, by the twin's clock. */
  at: number
  workspace: string | undefined
  complexity: number
  /** The status of the answer; undefined when there was none. */
  status: number | undefined
  /** Real milliseconds from the call to its answer. */
  duration: number
}

export interface Served {
  timers: Timers
  tokens: Tokens
  oauth: OAuth
  faults: Faults<TwinRequest>
  requests: LoggedRequest[]
  latency(): number
  bucketsOf(viewer: Viewer): Buckets
  revoked(token: string): boolean
  report(problem: string): void
}

interface Reply {
  status: number
  contentType?: string
  text: string | Buffer
  headers?: Record<string, string>
}

const json = (status: number, body: unknown): Reply => ({ status, text: JSON.stringify(body) })

export interface TwinServer {
  url: string
  listen(port: number): Promise<void>
  close(): Promise<void>
}

export function createTwinServer(served: () => Served): TwinServer {
  const uploads = new Map<string, { contentType: string; bytes: Buffer }>()
  const server: Server = createServer((request, response) => {
    handle(served(), uploads, request, response).catch((error: Error) => {
      served().report(error.stack ?? error.message)
      send(response, json(500, { errors: [{ message: 'Internal server error' }] }))
    })
  })
  const twin: TwinServer = {
    url: '',
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, '127.0.0.1', () => {
          twin.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
          resolve()
        })
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return twin
}

async function handle(
  served: Served,
  uploads: Map<string, { contentType: string; bytes: Buffer }>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const started = performance.now()
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  const body = await readBody(request)
  // Who went away before everything was said wants no answer.
  if (!body) return
  const call = url.pathname === '/graphql' && request.method === 'POST' ? readCall(body) : undefined
  const prepared = typeof call === 'object' ? prepare(call) : undefined
  const viewer = served.tokens.authenticate(request.headers.authorization)
  const seen: TwinRequest = {
    path: url.pathname,
    operation: prepared?.operation?.name?.value,
    fields: prepared?.fields ?? [],
    variables: (typeof call === 'object' && call.variables) || {},
    query: typeof call === 'object' ? call.query : '',
  }
  const log: LoggedRequest = {
    ...seen,
    at: served.timers.now(),
    workspace: viewer?.workspace.name,
    complexity: prepared?.complexity ?? 0,
    status: undefined,
    duration: 0,
  }
  served.requests.push(log)
  const wait = served.latency()
  if (wait > 0) await served.timers.wait(wait)

  const fault = served.faults.take(seen)
  let reply: Reply | undefined
  if (!fault || fault.when === 'after') {
    if (typeof call === 'object' && prepared) {
      const buckets = viewer && served.bucketsOf(viewer)
      const { status, body: answered } = await answer(call, prepared, viewer, buckets, served.report)
      reply = { ...json(status, answered), headers: buckets ? limitHeaders(buckets, prepared.complexity) : {} }
    } else if (call === 'malformed') reply = json(400, { errors: [{ message: 'The body is no GraphQL request.' }] })
    else reply = otherwise(served, uploads, request, url, body)
  }
  if (fault) reply = toBroken(seen.path, fault, reply, response)
  log.status = reply?.status
  log.duration = performance.now() - started
  if (reply) send(response, reply)
}

function readCall(body: Buffer): Call | 'malformed' {
  try {
    const call = JSON.parse(body.toString('utf8')) as Call
    return typeof call.query === 'string' ? call : 'malformed'
  } catch {
    return 'malformed'
  }
}

function otherwise(
  served: Served,
  uploads: Map<string, { contentType: string; bytes: Buffer }>,
  request: IncomingMessage,
  url: URL,
  body: Buffer,
): Reply {
  const form = new URLSearchParams(body.toString('utf8'))
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /oauth/authorize': {
      const why = served.oauth.check(url.searchParams)
      const page = `<html><body>${why ? `<h1>Cannot authorize</h1><p>${why}</p>` : '<h1>Authorize the application?</h1>'}</body></html>`
      return { status: why ? 400 : 200, contentType: 'text/html', text: page }
    }
    case 'POST /oauth/token': {
      if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
        return json(400, { error: 'invalid_request', error_description: 'The body must be form-encoded.' })
      }
      const { status, body: answered } = served.oauth.token(form, request.headers.authorization)
      return json(status, answered)
    }
    case 'POST /oauth/revoke': {
      const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
      const token = form.get('token') ?? form.get('access_token') ?? form.get('refresh_token') ?? bearer
      return served.revoked(token ?? '') ? json(200, {}) : json(400, { error: 'invalid_request' })
    }
  }
  if (url.pathname.startsWith('/uploads/')) {
    const place = url.pathname.split('/').slice(0, 4).join('/')
    if (request.method === 'PUT') {
      uploads.set(place, { contentType: request.headers['content-type'] ?? 'application/octet-stream', bytes: body })
      return { status: 200, text: '' }
    }
    const file = uploads.get(place)
    if (!served.tokens.authenticate(request.headers.authorization)) return { status: 401, text: '' }
    if (file) return { status: 200, contentType: file.contentType, text: file.bytes }
  }
  return json(404, { errors: [entityNotFound(`page ${url.pathname}`)] })
}

function limitHeaders({ requests, complexity }: Buckets, cost: number): Record<string, string> {
  const calls = requests.state()
  const points = complexity.state()
  return {
    'X-Complexity': String(cost),
    'X-RateLimit-Requests-Limit': String(calls.limit),
    'X-RateLimit-Requests-Remaining': String(calls.remaining),
    'X-RateLimit-Requests-Reset': String(calls.reset),
    'X-RateLimit-Complexity-Limit': String(points.limit),
    'X-RateLimit-Complexity-Remaining': String(points.remaining),
    'X-RateLimit-Complexity-Reset': String(points.reset),
  }
}

/** What the fault leaves of the answer; undefined when the client gets none or only a part. */
function toBroken(path: string, fault: Fault, reply: Reply | undefined, response: ServerResponse): Reply | undefined {
  const { status } = fault
  if (status === 'timeout') return undefined
  if (status === 'empty') return json(200, {})
  if (status === 'reset') {
    response.socket?.resetAndDestroy()
    return undefined
  }
  if (status === 'half') {
    const whole = Buffer.from(reply?.text ?? '{"data":{"nothing":null}}')
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': whole.length })
    response.write(whole.subarray(0, Math.ceil(whole.length / 2)), () => response.socket?.destroy())
    return undefined
  }
  const { contentType, text } = faultBody(path, status)
  return { status, contentType, text, ...(fault.retryAfter !== undefined && { headers: { 'Retry-After': String(fault.retryAfter) } }) }
}

function send(response: ServerResponse, { status, contentType = 'application/json; charset=utf-8', text, headers }: Reply): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'Content-Type': contentType, ...headers }).end(text)
}

/** The whole body; undefined when the client broke off. */
function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('close', () => resolve(undefined))
    request.on('error', () => resolve(undefined))
  })
}
