// Offers signed webhooks from a thread of its own, so that nothing else delays the clock that they are measured by.

import { createHmac } from 'node:crypto'
import { Agent, request } from 'node:http'
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

/** The request of one delivery. */
function write({ provider, event, body, secret }: Template, id: string): { path: string; headers: Record<string, string>; bytes: Buffer } {
  const text = provider === 'linear' ? body.replace(/"webhookTimestamp":\d+/, `"webhookTimestamp":${Date.now()}`) : body
  const bytes = Buffer.from(text)
  const [header, prefix] = signatures[provider]
  const mark = provider === 'github' ? 'x-github' : 'linear'
  return {
    path: `/webhooks/${provider}`,
    headers: {
      ...{ 'content-type': 'application/json', 'content-length': String(bytes.length) },
      ...{ [`${mark}-delivery`]: id, [`${mark}-event`]: event },
      [header]: prefix + createHmac('sha256', secret).update(bytes).digest('hex'),
    },
    bytes,
  }
}

async function run({ url, templates, seconds, rate, width = 64, name }: Offer): Promise<Offered> {
  const agent = new Agent({ keepAlive: true, maxSockets: width })
  const { hostname, port } = new URL(url)
  const latencies: number[] = []
  const accepted: string[] = []
  const refused: Record<string, number> = {}
  let bytes = 0
  const ask = (path: string, method: string, headers: Record<string, string>, body?: Buffer): Promise<string> =>
    new Promise((resolve) => {
      const call = request({ agent, hostname, port, path, headers, method, timeout: 30_000 }, (answer) => {
        answer.resume().once('end', () => resolve(String(answer.statusCode)))
      })
      call.once('error', (error) => resolve(error.message)).once('timeout', () => call.destroy(new Error('timeout')))
      call.end(body)
    })
  const deliver = async (count: number, due: number): Promise<void> => {
    const id = `offered-${name}-${count}`
    // A step that has no divisor in common with the number of templates, or hardly one.
    const template = templates[(count * 7_919) % templates.length]!
    const { path, headers, bytes: body } = write(template, id)
    const how = await ask(path, 'POST', headers, body)
    if (how === '200') {
      latencies.push(performance.now() - due)
      accepted.push(id)
      bytes += body.length
    } else {
      const what = `${how} to ${template.provider} ${template.event}`
      refused[what] = (refused[what] ?? 0) + 1
    }
  }
  // Connections stay open. Node takes one new connection in each turn of its event loop, which is not what is measured.
  await Promise.all(Array.from({ length: width }, () => ask('/health', 'GET', {})))
  const start = performance.now()
  const end = start + seconds * 1_000
  let next = 0
  /** One connection: whatever is due first is next. */
  const connection = async (): Promise<void> => {
    for (;;) {
      const count = next++
      const due = rate === undefined ? performance.now() : start + (count * 1_000) / rate
      if (due >= end) return
      while (performance.now() < due) await new Promise((later) => setTimeout(later, due - performance.now()))
      await deliver(count, due)
    }
  }
  await Promise.all(Array.from({ length: width }, connection))
  const took = (performance.now() - start) / 1_000
  agent.destroy()
  return { latencies: Float64Array.from(latencies), accepted, refused, seconds: took, bytes }
}

/** The value that the share `p` (0 to 1) of them does not exceed. */
export const percentile = (values: Float64Array, p: number): number => {
  const sorted = values.toSorted()
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * p) - 1)]!
}

if (!isMainThread) parentPort!.postMessage(await run(workerData as Offer))
