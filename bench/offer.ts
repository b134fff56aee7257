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
  /** That many a second, whatever becomes of them; without it, the next one whenever one of `width` is answered. */
  rate?: number
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
  const agent = new Agent({ keepAlive: true, maxSockets: rate === undefined ? width : 256, scheduling: 'fifo' })
  const { hostname, port } = new URL(url)
  const latencies: number[] = []
  const accepted: string[] = []
  const refused: Record<string, number> = {}
  let bytes = 0
  let count = 0
  const deliver = (due: number): Promise<void> => {
    const id = `offered-${name}-${count}`
    // The steps between those that are taken have no divisor in common with the number of templates, or hardly.
    const { path, headers, bytes: body } = write(templates[(count * 7_919) % templates.length]!, id)
    count += 1
    bytes += body.length
    return new Promise((resolve) => {
      const end = (how: string): void => {
        if (how === '200') {
          latencies.push(performance.now() - due)
          accepted.push(id)
        } else refused[how] = (refused[how] ?? 0) + 1
        resolve()
      }
      const call = request({ agent, hostname, port, path, headers, method: 'POST', timeout: 30_000 }, (answer) => {
        answer.resume().once('end', () => end(String(answer.statusCode)))
      })
      call.once('error', (error) => end(error.message)).once('timeout', () => call.destroy(new Error('timeout')))
      call.end(body)
    })
  }
  const start = performance.now()
  const pending = new Set<Promise<void>>()
  if (rate === undefined) {
    const worker = async (): Promise<void> => {
      while (performance.now() - start < seconds * 1_000) await deliver(performance.now())
    }
    await Promise.all(Array.from({ length: width }, worker))
  } else {
    const total = rate * seconds
    for (let sent = 0; sent < total;) {
      const due = Math.min(total, Math.floor(((performance.now() - start) * rate) / 1_000))
      for (; sent < due; sent++) {
        const one: Promise<void> = deliver(start + (sent * 1_000) / rate).finally(() => pending.delete(one))
        pending.add(one)
      }
      await new Promise((next) => setTimeout(next, 1))
    }
    await Promise.all(pending)
  }
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
