// Starts a server on a free port over the real runtime of a world, and speaks to it over real sockets.

import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { afterEach } from 'vitest'
import { WebSocket } from 'ws'
import type { App } from '../../src/app.ts'
import { createServer, type Server, type ServerOptions } from '../../src/server/server.ts'
import { token } from './world.ts'

export { token }
/** What is polled for may take its time on a busy machine. */
export const patience = { timeout: 10_000 }
export const bearer = { authorization: `Bearer ${token}` }

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

/** Closed after the test; several may serve one runtime. */
export async function start(app: App, options: Partial<ServerOptions> = {}): Promise<Server> {
  const server = await createServer(app, {
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    operatorToken: token,
    metrics: 'token',
    version: '0.0.0-test',
    ...options,
  })
  open.push(() => server.close())
  return server
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  body: any
}

/** One request with exactly these headers: `fetch` would not let a test choose Host. */
export function ask(
  server: Server,
  method: string,
  path: string,
  options: { headers?: Record<string, string>; body?: string | Buffer; json?: unknown } = {},
): Promise<Answer> {
  const payload = options.json === undefined ? options.body : JSON.stringify(options.json)
  const type = options.json === undefined ? {} : { 'content-type': 'application/json' }
  return new Promise((resolve, reject) => {
    const request = httpRequest(server.url + path, { method, headers: { ...type, ...options.headers }, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const isJson = String(response.headers['content-type']).includes('json')
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          text,
          body: isJson && text !== '' ? JSON.parse(text) : undefined,
        })
      })
    })
    request.on('error', reject)
    request.end(payload)
  })
}

export const get = (server: Server, path: string, headers: Record<string, string> = bearer) => ask(server, 'GET', path, { headers })
export const post = (server: Server, path: string, json: unknown, headers: Record<string, string> = bearer) =>
  ask(server, 'POST', path, { headers, json })

/** Writes bytes as they are and answers all that comes back until the server closes. */
export function raw(server: Server, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(server.port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => (answer += chunk.toString()))
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
    open.push(() => socket.destroy())
  })
}

export interface LiveSocket {
  socket: WebSocket
  messages: any[]
  /** The first message for which the test holds, seen already or yet to come. */
  next: (test: (message: any) => boolean) => Promise<any>
  closed: Promise<{ code: number; reason: string }>
}

/** Rejects with `{ status }` when the server refuses the upgrade. */
export function connectLive(server: Server, query = '', headers: Record<string, string> = bearer): Promise<LiveSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/live${query}`, { headers })
  open.push(() => socket.terminate())
  const messages: any[] = []
  const waiting: { test: (message: any) => boolean; resolve: (message: any) => void }[] = []
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString())
    messages.push(message)
    for (const one of waiting.splice(0)) {
      if (one.test(message)) one.resolve(message)
      else waiting.push(one)
    }
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  )
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (request, response) => {
      reject({ status: response.statusCode })
      request.destroy()
    })
    socket.on('error', reject)
    socket.on('open', () =>
      resolve({
        socket,
        messages,
        closed,
        next: (test) => {
          const seen = messages.find(test)
          return seen === undefined ? new Promise((found) => waiting.push({ test, resolve: found })) : Promise.resolve(seen)
        },
      }),
    )
  })
}

/** The cookie of an answer, as a browser sends it back. */
export function cookieIn(answer: Answer): string {
  return String(answer.headers['set-cookie']).split(';')[0]!
}
