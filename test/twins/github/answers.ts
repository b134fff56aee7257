// How an answer leaves the server: as JSON with its headers, as a refusal in GitHub's form, or broken as a fault says.

import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { messageOf } from './faults.ts'
import type { Fault, RequestRecord } from './faults.ts'
import type { RateLimits } from './rate-limit.ts'
import type { Answer } from './routing.ts'
import { Refusal } from './state.ts'
import type { World } from './state.ts'

/** One call under way. */
export interface Exchange {
  world: World
  limits: RateLimits
  request: IncomingMessage
  response: ServerResponse
  record: RequestRecord
  url: URL
  body: Buffer
}

export async function answering(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return {
      status: error.status,
      headers: error.headers,
      body: {
        message: error.message,
        ...(error.errors === undefined ? {} : { errors: error.errors }),
        documentation_url: 'https://docs.github.com/rest',
        status: String(error.status),
      },
    }
  }
}

export function send(it: Exchange, answer: Answer): void {
  const { response, request } = it
  const body = answer.body === undefined ? '' : JSON.stringify(answer.body)
  const headers: Record<string, string> = {
    'Content-Type': 'application/json; charset=utf-8',
    'X-GitHub-Media-Type': 'github.v3; format=json',
    ...answer.headers,
  }
  if (answer.status === 200 && request.method === 'GET') {
    const etag = `W/"${createHash('sha256').update(body).digest('hex')}"`
    headers['ETag'] = etag
    if (request.headers['if-none-match'] === etag) {
      delete headers['Content-Type']
      response.writeHead(304, headers).end()
      return
    }
  }
  if (answer.body === undefined) delete headers['Content-Type']
  else headers['Content-Length'] = String(Buffer.byteLength(body))
  response.writeHead(answer.status, headers).end(request.method === 'HEAD' ? undefined : body)
}

/** Answers as the fault says. `answer` is what would have been said. */
export function fail(it: Exchange, fault: Fault, answer: Answer | undefined): void {
  const { response, record } = it
  if (fault.status === 'timeout') return
  if (fault.status === 'reset') {
    record.status = 0
    it.request.socket.resetAndDestroy()
    return
  }
  if (fault.status === 'half') {
    record.status = 0
    const body = JSON.stringify(answer?.body ?? { message: 'half of an answer' })
    response.writeHead(answer?.status ?? 200, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(body)),
    })
    response.write(body.slice(0, Math.floor(body.length / 2)), () => it.request.socket.destroy())
    return
  }
  if (fault.status === 'empty') return send(it, { status: 200, body: {} })
  const headers: Record<string, string> = fault.retryAfter === undefined ? {} : { 'Retry-After': String(fault.retryAfter) }
  send(it, {
    status: fault.status,
    headers,
    body: { message: messageOf(fault), documentation_url: 'https://docs.github.com/rest', status: String(fault.status) },
  })
}
