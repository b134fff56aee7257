// Turns whatever a route throws into one answer: a status and `{ "error": { "code", "message" } }`.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { ConfigurationError, ProtocolError, RetryableError, SignalboxError } from '../errors.ts'

/** What a route throws to refuse a request with a status of its own. `headers` and `details` go into the answer. */
export class RequestError extends SignalboxError {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly details: Record<string, unknown>
  constructor(
    statusCode: number,
    code: string,
    message: string,
    options?: { cause?: unknown; headers?: Record<string, string>; details?: Record<string, unknown> },
  ) {
    super(code, message, options)
    this.statusCode = statusCode
    this.headers = options?.headers ?? {}
    this.details = options?.details ?? {}
  }
}

export interface ErrorAnswer {
  status: number
  headers: Record<string, string>
  body: { error: { code: string; message: string; [detail: string]: unknown } }
}

/** Codes of the runtime that are an answer about the thing asked for, not a failure of the server. */
const statusOfCode: Record<string, number> = {
  'unknown-issue': 404,
  'unknown-state': 404,
  'unknown-machine': 404,
  'unknown-actor': 404,
  'unknown-pull-request': 404,
  'before-checkpoint': 404,
  'ambiguous-key': 409,
  'not-accepted': 409,
  'not-embedded': 409,
  'nothing-to-connect': 409,
  'not-faulted': 409,
  'init-not-skippable': 409,
  'pull-request-closed': 409,
  'no-review': 409,
  'unknown-branch': 409,
  'stale-head': 409,
  'other-version': 409,
  'unknown-project': 400,
  'bad-cursor': 400,
  'not-ready': 503,
  'system-stopped': 503,
}

/** Lists that the runtime hangs on an error so that the caller can go on: what would be accepted, which keys are meant. */
const listedDetails = ['accepted', 'keys'] as const

/** Fastify's own refusals, in this project's words. */
const framework: Record<string, { status: number; code: string; message: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: 'body-too-large', message: 'The body is larger than this route accepts.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    code: 'unsupported-media-type',
    message: 'Send the body as JSON, with the header "Content-Type: application/json".',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    code: 'invalid-content-length',
    message: 'The body is not as long as its Content-Length says.',
  },
  FST_ERR_BAD_URL: { status: 400, code: 'invalid-url', message: 'The path is not a valid URL path; check its percent-encoding.' },
  FST_ERR_MAX_PARAM_LENGTH: { status: 414, code: 'url-too-long', message: 'A part of the path is longer than any key or address.' },
}

/** The answer for anything thrown; `bodyLimit`, in bytes, is that of the route. Unknown errors say nothing about the inside; they are logged. Never throws. */
export function toErrorAnswer(error: unknown, bodyLimit?: number): ErrorAnswer {
  const known = framework[(error as FastifyError | undefined)?.code ?? '']
  if (known) {
    const most = known.status === 413 && bodyLimit !== undefined ? `: at most ${bodyLimit} bytes` : ''
    return answer(known.status, known.code, known.message.replace(/\.$/, `${most}.`))
  }
  if ((error as { code?: unknown } | undefined)?.code === 'SQLITE_FULL') {
    return answer(507, 'disk-full', "The disk of the server's database is full, so nothing was changed. Free space there and try again.")
  }
  if (!(error instanceof SignalboxError)) return answer(500, 'internal', 'An error inside the server; its log has the cause.')
  if (error instanceof RequestError) return answer(error.statusCode, error.code, error.message, error.details, error.headers)

  const details = detailsOf(error)
  const status = statusOfCode[error.code]
  if (status !== undefined) return answer(status, error.code, error.message, details, status === 503 ? { 'retry-after': '1' } : {})
  if (error instanceof ConfigurationError) return answer(400, error.code, error.message, details)
  if (error instanceof RetryableError) {
    const seconds = Math.max(1, Math.ceil(error.retryAfter / 1_000))
    return answer(503, error.code, error.message, details, { 'retry-after': String(seconds) })
  }
  if (error instanceof ProtocolError) return answer(502, error.code, error.message, details)
  return answer(500, error.code, error.message, details)
}

/** Sends the answer for a thrown error, and logs what the server is to blame for. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers, body } = toErrorAnswer(error, request.routeOptions.bodyLimit)
  if (status >= 500 && status !== 503) request.log.error({ err: error, method: request.method, path: pathOf(request) }, 'request failed')
  // Fastify closes a connection whose body it refused, and a client that is still sending would see a reset
  // instead of the answer. So the rest is read and dropped, for a bounded time.
  reply.removeHeader('connection')
  endUnreadBody(request)
  void reply.code(status).headers(headers).send(body)
}

const lingerMs = 2_000

function endUnreadBody(request: FastifyRequest): void {
  const { raw } = request
  if (raw.complete || request.ws) return
  raw.resume()
  const timer = setTimeout(() => {
    if (!raw.complete) raw.socket.destroy()
  }, lingerMs)
  timer.unref()
  raw.once('close', () => clearTimeout(timer))
}

/** The path without its query, which may hold a one-time link. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]!
}

function answer(
  status: number,
  code: string,
  message: string,
  details: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): ErrorAnswer {
  return { status, headers, body: { error: { code, message, ...details } } }
}

function detailsOf(error: SignalboxError): Record<string, unknown> {
  const details: Record<string, unknown> = {}
  for (const name of listedDetails) {
    const list = (error as unknown as Record<string, unknown>)[name]
    if (Array.isArray(list)) details[name] = list.map(String)
  }
  return details
}
