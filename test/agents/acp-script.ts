// An agent of the Agent Client Protocol that says what a test has written: for what no real agent does, or not when it is wanted.

import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** What it does when a method is called, in this order. `asks` are requests to the client; each waits for its answer. */
export interface AcpReply {
  says?: object[]
  /** Messages as they are. */
  strays?: readonly unknown[]
  asks?: { method: string; params: object }[]
  result?: object
  /** Anything: agents get the form of it wrong, too. */
  error?: unknown
  /** What it answers in place of the request's id. */
  id?: unknown
  /** It does not answer. */
  silent?: boolean
}

/** By method; of a list, one for each call. A method that is not in it is answered with an empty result. */
export type AcpScript = Record<string, AcpReply | AcpReply[]>

const script = JSON.parse(process.env['ACP_SCRIPT']!) as AcpScript
const waiting = new Map<string, () => void>()
let asked = 0

const send = (message: object): void => void process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)

function replyTo(method: string): AcpReply {
  const reply = script[method] ?? {}
  return Array.isArray(reply) ? (reply.shift() ?? {}) : reply
}

async function serve(id: number, method: string): Promise<void> {
  const { says = [], strays = [], asks = [], result = {}, error, silent = false, id: answered = id } = replyTo(method)
  for (const update of says) send({ method: 'session/update', params: { sessionId: 's', update } })
  for (const message of strays) process.stdout.write(`${JSON.stringify(message)}\n`)
  for (const request of asks) {
    const own = `ask-${asked++}`
    send({ id: own, ...request })
    await new Promise<void>((resolve) => waiting.set(own, resolve))
  }
  if (silent) return
  send(error === undefined ? { id: answered, result } : { id: answered, error })
}

createInterface({ input: process.stdin }).on('line', (line) => {
  appendFileSync(process.env['ACP_LOG']!, `${line}\n`)
  const { id, method } = JSON.parse(line) as { id?: number | string; method?: string }
  if (method === undefined) waiting.get(String(id))?.()
  else if (id !== undefined) void serve(Number(id), method)
})
