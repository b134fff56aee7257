// Offers signed webhooks from a thread of its own, so that nothing else delays the clock that they are measured by.

import { createHmac } from 'node:crypto'
import { createConnection, type Socket } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** A webhook as it was once told; told again under a new name, and signed anew. */
export interface Template {
  provider: 'github' | 'linear'
  event: string
  body: string
  secret: string
}

export interface Offer {
  url: string
  templates: readonly Template[]
  seconds: number
  /** That many a second, whatever becomes of them; without it, the next one whenever a connection is free. */
  rate?: number
  /** Connections (64). */
  width?: number
  /** Begins the names of the deliveries. */
  name: string
}

export interface Offered {
  /** Milliseconds from the moment that each was due until it was acknowledged. */
  latencies: Float64Array
  accepted: string[]
  /** What was answered or happened instead, and how often. */
  refused: Record<string, number>
  seconds: number
  bytes: number
}

export function offer(what: Offer): Promise<Offered> {
  const worker = new Worker(new URL(import.meta.url), { workerData: what })
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
}

const signatures = { github: ['x-hub-signature-256', 'sha256='], linear: ['linear-signature', ''] } as const

/** A request without the name of its delivery. */
interface Prepared {
  path: string
  headers: string
  nameHeader: string
  body: Buffer
  signedAt: number
}

/** Linear's webhooks are refused when they are a minute old: in a long run each is signed again after half of that. */
const signatureAge = 30_000

/** Signed before the clock runs: what it costs to sign is not what is measured, and the services have processors of their own. */
function prepare({ provider, event, body, secret }: Template): Prepared {
  const text = provider === 'linear' ? body.replace(/"webhookTimestamp":\d+/, `"webhookTimestamp":${Date.now()}`) : body
  const bytes = Buffer.from(text)
  const [header, prefix] = signatures[provider]
  const mark = provider === 'github' ? 'x-github' : 'linear'
  const headers = {
    ...{ 'content-type': 'application/json', 'content-length': bytes.length, [`${mark}-event`]: event },
    [header]: prefix + createHmac('sha256', secret).update(bytes).digest('hex'),
  }
  return {
    path: `/webhooks/${provider}`,
    headers: Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join(''),
    nameHeader: `${mark}-delivery`,
    body: bytes,
    signedAt: performance.now(),
  }
}

/** One connection that stays open and has one request at a time; opened again when it breaks. */
function connect(hostname: string, port: number) {
  let socket: Socket | null = null
  let heard = ''
  let answer: (how: string) => void = () => {}
  function open(): Socket {
    const opened = createConnection({ host: hostname, port, noDelay: true })
    opened.setEncoding('latin1').setTimeout(30_000, () => opened.destroy(new Error('timeout')))
    opened.on('data', (chunk: string) => {
      heard += chunk
      const end = heard.indexOf('\r\n\r\n')
      const length = /\r\ncontent-length: (\d+)\r\n/i.exec(heard.slice(0, end + 2))?.[1]
      if (end === -1 || length === undefined || heard.length < end + 4 + Number(length)) return
      const status = heard.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)
      heard = ''
      answer(status)
    })
    opened.once('error', ({ message }) => answer(message))
    opened.once('close', () => {
      if (socket === opened) socket = null
      answer('closed')
    })
    return opened
  }
  return {
    /** The status of the answer, or what happened instead. */
    ask: (method: string, path: string, headers: string, body?: Buffer): Promise<string> =>
      new Promise((resolve) => {
        socket ??= open()
        heard = ''
        answer = resolve
        socket.cork()
        socket.write(`${method} ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\n${headers}\r\n`, 'latin1')
        if (body !== undefined) socket.write(body)
        socket.uncork()
      }),
    close: (): void => void socket?.destroy(),
  }
}

async function run({ url, templates, seconds, rate, width = 64, name }: Offer): Promise<Offered> {
  const { hostname, port } = new URL(url)
  const prepared = templates.map(prepare)
  const connections = Array.from({ length: width }, () => connect(hostname, Number(port)))
  const latencies: number[] = []
  const accepted: string[] = []
  const refused: Record<string, number> = {}
  let bytes = 0
  const deliver = async ({ ask }: (typeof connections)[0], count: number, due: number): Promise<void> => {
    const id = `offered-${name}-${count}`
    // A step that has no divisor in common with the number of templates, or hardly one.
    const at = (count * 7_919) % templates.length
    if (performance.now() - prepared[at]!.signedAt > signatureAge) prepared[at] = prepare(templates[at]!)
    const { path, headers, nameHeader, body } = prepared[at]!
    const how = await ask('POST', path, `${headers}${nameHeader}: ${id}\r\n`, body)
    if (how === '200') {
      latencies.push(performance.now() - due)
      accepted.push(id)
      bytes += body.length
    } else {
      const what = `${how} to ${templates[at]!.provider} ${templates[at]!.event}`
      refused[what] = (refused[what] ?? 0) + 1
    }
  }
  // Connections stay open. Node takes one new connection in each turn of its event loop, which is not what is measured.
  await Promise.all(connections.map(({ ask }) => ask('GET', '/health', '')))
  const start = performance.now()
  const end = start + seconds * 1_000
  let next = 0
  /** One connection: whatever is due first is next. */
  const keepBusy = async (connection: (typeof connections)[0]): Promise<void> => {
    for (;;) {
      const count = next++
      const due = rate === undefined ? performance.now() : start + (count * 1_000) / rate
      if (due >= end) return
      while (performance.now() < due) await new Promise((later) => setTimeout(later, Math.max(0, due - performance.now())))
      await deliver(connection, count, due)
    }
  }
  await Promise.all(connections.map(keepBusy))
  const took = (performance.now() - start) / 1_000
  for (const { close } of connections) close()
  return { latencies: Float64Array.from(latencies), accepted, refused, seconds: took, bytes }
}

/** The value that the share `p` (0 to 1) of them does not exceed. */
export const percentile = (values: Float64Array, p: number): number => {
  const sorted = values.toSorted()
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * p) - 1)]!
}

if (!isMainThread) parentPort!.postMessage(await run(workerData as Offer))
