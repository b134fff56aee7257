// A receiver of Linear's webhooks for tests of the twin: it answers what it is told to, and remembers what it was sent.

import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  headers: IncomingHttpHeaders
  raw: Buffer
  // The tests look into bodies of many types.
  body: any
}

export interface Receiver {
  url: string
  received: Received[]
  /** The status of the next answers; `silence` never answers. */
  answer: number | 'silence'
  bodies(type: string, action?: string): any[]
  close(): Promise<void>
}

export async function createReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const raw = Buffer.concat(chunks)
    received.push({ headers: request.headers, raw, body: JSON.parse(raw.toString('utf8')) })
    if (receiver.answer !== 'silence') response.writeHead(receiver.answer).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/linear`,
    received,
    answer: 200,
    bodies: (type, action) =>
      received.map(({ body }) => body).filter((body) => body.type === type && (action === undefined || body.action === action)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return receiver
}
