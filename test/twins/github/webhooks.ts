// Hooks and their deliveries: signed as sent, in order per hook, kept for the redelivery API, and disturbed when a test asks for it.

import { createHmac, randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { Refusal } from './state.ts'
import type { Hook, Repository, World } from './state.ts'

/** One attempt to hand a delivery over. A redelivery is a new record with the same `guid`. */
export interface Delivery {
  id: number
  guid: string
  hook: Hook
  event: string
  action: string | undefined
  repository: Repository | undefined
  installationId: number | undefined
  at: number
  redelivery: boolean
  /** The bytes that are signed and sent. */
  body: string
  payload: unknown
  headers: Record<string, string>
  /** `pending` until it is handed over; `dropped` deliveries never left. */
  outcome: 'pending' | 'delivered' | 'failed' | 'timeout' | 'dropped'
  statusCode: number
  /** Seconds, as GitHub counts. */
  duration: number
  responseHeaders: Record<string, string>
  responseBody: string
}

type Predicate = (delivery: Delivery) => boolean
type Disturbance = { match: Predicate; left: number; kind: 'drop' | 'duplicate' | 'delay'; ms: number }

/** GitHub gives a receiver ten seconds. */
const PATIENCE = 10_000
const KEPT_BODIES = 2_000

export class Webhooks {
  readonly deliveries: Delivery[] = []
  readonly #world: World
  readonly #queues = new Map<number, Promise<void>>()
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 })
  #disturbances: Disturbance[] = []
  #held: Delivery[] | undefined
  #shuffle: { random: () => number; window: number; waiting: Delivery[] } | undefined

  constructor(world: World) {
    this.#world = world
  }

  /** Holds everything back until `resume`. */
  pause(): void {
    this.#held ??= []
  }

  resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const delivery of held) this.#enqueue(delivery)
  }

  /** Deliveries that match never leave; GitHub's list has them as failed, so that they can be redelivered. */
  drop(match: Predicate, times = Infinity): void {
    this.#disturbances.push({ match, left: times, kind: 'drop', ms: 0 })
  }

  /** Deliveries that match arrive twice. */
  duplicate(match: Predicate, times = Infinity): void {
    this.#disturbances.push({ match, left: times, kind: 'duplicate', ms: 0 })
  }

  /** Deliveries that match arrive `ms` of the twin's clock later, and overtaken by others. */
  delay(match: Predicate, ms: number, times = Infinity): void {
    this.#disturbances.push({ match, left: times, kind: 'delay', ms })
  }

  /** From now on, deliveries are handed over in groups of `window`, each in an order drawn from `seed`. */
  shuffle(seed: number, window = 8): void {
    let state = seed >>> 0 || 1
    const random = () => {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      return (state >>> 0) / 2 ** 32
    }
    this.#shuffle = { random, window, waiting: [] }
  }

  /** Ends every disturbance; what was held back by them is handed over. */
  calm(): void {
    this.#disturbances = []
    this.#flush()
    this.#shuffle = undefined
    this.resume()
  }

  /** A new event for a hook: `payload` is built when its turn comes, from what was true when it happened. */
  emit(
    hook: Hook,
    event: string,
    action: string | undefined,
    about: { repository?: Repository; installationId?: number },
    payload: Record<string, unknown>,
  ): void {
    const name = [event, action]
      .filter((part) => part !== undefined)
      .join('-')
      .replaceAll('_', '-')
    const wrong = this.#world.schemas.delivery(name, payload)
    if (wrong !== undefined) this.#world.problems.push(`delivery ${wrong}`)
    this.#hand(this.#record(hook, event, action, about, JSON.stringify(payload), randomUUID(), false))
  }

  /** Hands a delivery over again, as the button on GitHub and the API do; GitHub itself never repeats one. */
  redeliver(delivery: Delivery): Delivery {
    if (delivery.body === '') throw new Refusal(404, 'Not Found')
    const about = {
      ...(delivery.repository === undefined ? {} : { repository: delivery.repository }),
      ...(delivery.installationId === undefined ? {} : { installationId: delivery.installationId }),
    }
    const again = this.#record(delivery.hook, delivery.event, delivery.action, about, delivery.body, delivery.guid, true)
    this.#hand(again)
    return again
  }

  /** Resolves once nothing is under way to a receiver. Deliveries that are held or delayed are not waited for. */
  async idle(): Promise<void> {
    for (;;) {
      const queues = [...this.#queues.values()]
      await Promise.all(queues)
      if (queues.every((queue, index) => [...this.#queues.values()][index] === queue)) return
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #record(
    hook: Hook,
    event: string,
    action: string | undefined,
    about: { repository?: Repository; installationId?: number },
    body: string,
    guid: string,
    redelivery: boolean,
  ): Delivery {
    const target = hook.app === undefined ? { id: hook.repository!.id, type: 'repository' } : { id: hook.app.id, type: 'integration' }
    const delivery: Delivery = {
      id: this.#world.nextId(),
      guid,
      hook,
      event,
      action,
      repository: about.repository,
      installationId: about.installationId,
      at: this.#world.clock.now(),
      redelivery,
      body,
      get payload() {
        return JSON.parse(this.body) as unknown
      },
      headers: {
        'Content-Type': 'application/json',
        'User-Agent': 'GitHub-Hookshot/7a1b2c3',
        Accept: '*/*',
        'X-GitHub-Delivery': guid,
        'X-GitHub-Event': event,
        'X-GitHub-Hook-ID': String(hook.id),
        'X-GitHub-Hook-Installation-Target-ID': String(target.id),
        'X-GitHub-Hook-Installation-Target-Type': target.type,
        'X-GitHub-Enterprise-Host': new URL(this.#world.origin).host,
        'X-Hub-Signature-256': `sha256=${createHmac('sha256', hook.secret).update(body).digest('hex')}`,
      },
      outcome: 'pending',
      statusCode: 0,
      duration: 0,
      responseHeaders: {},
      responseBody: '',
    }
    this.deliveries.push(delivery)
    // GitHub forgets deliveries after some days; here the oldest lose their bodies, so that a soak stays small.
    const old = this.deliveries[this.deliveries.length - KEPT_BODIES]
    if (old?.outcome === 'delivered') old.body = ''
    return delivery
  }

  #hand(delivery: Delivery): void {
    const met = (kind: Disturbance['kind']) => {
      const found = this.#disturbances.find((each) => each.kind === kind && each.left > 0 && each.match(delivery))
      if (found !== undefined) found.left -= 1
      return found
    }
    if (met('drop') !== undefined) {
      delivery.outcome = 'dropped'
      return
    }
    const copies = met('duplicate') === undefined ? 1 : 2
    const late = met('delay')
    for (let copy = 0; copy < copies; copy++) {
      if (late !== undefined) this.#world.clock.after(late.ms, () => this.#world.background(() => this.#send(delivery)))
      else this.#order(delivery)
    }
  }

  #order(delivery: Delivery): void {
    if (this.#held !== undefined) this.#held.push(delivery)
    else if (this.#shuffle !== undefined) {
      this.#shuffle.waiting.push(delivery)
      if (this.#shuffle.waiting.length >= this.#shuffle.window) this.#flush()
      // The last few of a burst are not kept back for ever.
      else if (this.#shuffle.waiting.length === 1) this.#world.clock.after(250, () => this.#flush())
    } else this.#enqueue(delivery)
  }

  #flush(): void {
    if (this.#shuffle === undefined) return
    const { random, waiting } = this.#shuffle
    const drawn = waiting.splice(0).map((delivery) => ({ delivery, key: random() }))
    for (const { delivery } of drawn.sort((a, b) => a.key - b.key)) this.#enqueue(delivery)
  }

  #enqueue(delivery: Delivery): void {
    const before = this.#queues.get(delivery.hook.id) ?? Promise.resolve()
    const after = before.then(() => this.#send(delivery))
    this.#queues.set(delivery.hook.id, after)
  }

  async #send(delivery: Delivery): Promise<void> {
    if (this.#world.closed || !delivery.hook.active) {
      delivery.outcome = 'dropped'
      return
    }
    const began = performance.now()
    await new Promise<void>((resolve) => {
      const call = request(delivery.hook.url, {
        method: 'POST',
        agent: this.#agent,
        headers: { ...delivery.headers, 'Content-Length': Buffer.byteLength(delivery.body) },
      })
      let finished = false
      const finish = (outcome: Delivery['outcome'], status: number) => {
        if (finished) return
        finished = true
        clearTimeout(timer)
        delivery.outcome = outcome
        delivery.statusCode = status
        delivery.duration = Math.round(performance.now() - began) / 1000
        resolve()
      }
      // The receiver is a real process: its patience is real time also where the world's clock is virtual.
      const timer = setTimeout(() => {
        call.destroy()
        finish('timeout', 504)
      }, PATIENCE)
      call.on('error', () => finish('failed', 502))
      call.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', () => finish('failed', 502))
        response.on('end', () => {
          delivery.responseBody = Buffer.concat(chunks).toString()
          delivery.responseHeaders = Object.fromEntries(Object.entries(response.headers).map(([key, value]) => [key, String(value)]))
          const status = response.statusCode ?? 0
          finish(status >= 200 && status < 300 ? 'delivered' : 'failed', status)
        })
      })
      call.end(delivery.body)
    })
  }
}
