// Sends webhooks as Linear does: signed, with five seconds to answer, and again after a minute, an hour and six hours.
// A test can pause, drop, double, delay and shuffle them; every one is on record.

import { createHmac, randomUUID } from 'node:crypto'
import { request } from 'node:http'
import type { Timers } from './timers.ts'
import { payloadProblems } from './payload-check.ts'

const answerWithin = 5_000
const retryAfter = [60_000, 3_600_000, 6 * 3_600_000]

export interface Attempt {
  /** When it was sent, by the twin's clock. */
  at: number
  /** The status of the answer; undefined when none came. */
  status: number | undefined
  error: string | undefined
}

export interface Delivery {
  /** The `Linear-Delivery`, the same at every attempt. */
  id: string
  type: string
  action: string
  workspace: string
  url: string
  body: Record<string, unknown>
  attempts: Attempt[]
  outcome: 'held' | 'sending' | 'retrying' | 'delivered' | 'failed' | 'dropped'
}

export interface Outgoing {
  workspace: string
  url: string
  secret: string
  body: Record<string, unknown>
}

export type DeliveryPredicate = (delivery: Delivery) => boolean

/** What a test can do to the webhooks. Each rule answers a function that ends it. */
export interface WebhookControls {
  pause(): void
  /** Sends what was held, in order, or shuffled when `shuffle` is on. */
  resume(): void
  drop(which?: DeliveryPredicate): () => void
  duplicate(which?: DeliveryPredicate): () => void
  delay(ms: number, which?: DeliveryPredicate): () => void
  /** Every delivery from now on is held back for a part of `within` ms, so that they overtake one another. */
  shuffle(seed: number, within?: number): () => void
  /** Sends a delivery once more at once, whatever has become of it. */
  redeliver(delivery: Delivery): Promise<void>
}

export interface Deliveries {
  log: Delivery[]
  controls: WebhookControls
  send(outgoing: Outgoing): void
  /** Resolves when nothing is on its way; what is held, delayed or waits for a retry does not count. */
  idle(): Promise<void>
  /** Breaks off what is on its way. */
  close(): Promise<void>
}

/** Numbers in [0, 1) that are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function createDeliveries(timers: Timers, report: (problem: string) => void): Deliveries {
  const log: Delivery[] = []
  const secrets = new WeakMap<Delivery, string>()
  const onTheWay = new Set<Promise<void>>()
  const closing = new AbortController()
  const dropped = new Set<DeliveryPredicate>()
  const doubled = new Set<DeliveryPredicate>()
  const delayed = new Set<{ ms: number; which: DeliveryPredicate }>()
  let held: Delivery[] | undefined
  let shuffled: { random: () => number; within: number } | undefined

  function rule<Rule>(rules: Set<Rule>, added: Rule): () => void {
    rules.add(added)
    return () => void rules.delete(added)
  }

  function dispatch(delivery: Delivery): void {
    const copies = [...doubled].some((which) => which(delivery)) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      // Only the first of them is tried again: the second is Linear's mistake and not its promise.
      const round = copy === 0 ? 0 : undefined
      let wait = shuffled ? Math.floor(shuffled.random() * shuffled.within) : 0
      for (const { ms, which } of delayed) if (which(delivery)) wait += ms
      if (wait > 0) timers.after(wait, () => void attempt(delivery, round))
      else void attempt(delivery, round)
    }
  }

  /** `round` counts the attempts of Linear's schedule, to which an extra one does not belong. */
  function attempt(delivery: Delivery, round?: number): Promise<void> {
    const running = post(delivery, secrets.get(delivery)!, timers, closing.signal).then((made) => {
      onTheWay.delete(running)
      delivery.attempts.push(made)
      if (made.status === 200) delivery.outcome = 'delivered'
      if (delivery.outcome === 'delivered' || round === undefined) return
      const wait = retryAfter[round]
      delivery.outcome = wait === undefined ? 'failed' : 'retrying'
      if (wait !== undefined && !closing.signal.aborted) timers.after(wait, () => void attempt(delivery, round + 1))
    })
    onTheWay.add(running)
    return running
  }

  async function idle(): Promise<void> {
    while (onTheWay.size > 0) await Promise.all(onTheWay)
  }

  const everything: DeliveryPredicate = () => true
  return {
    log,
    controls: {
      pause() {
        held ??= []
      },
      resume() {
        const waiting = held ?? []
        held = undefined
        const random = shuffled?.random
        if (random) {
          for (let at = waiting.length - 1; at > 0; at--) {
            const other = Math.floor(random() * (at + 1))
            ;[waiting[at], waiting[other]] = [waiting[other]!, waiting[at]!]
          }
        }
        for (const delivery of waiting) {
          delivery.outcome = 'sending'
          dispatch(delivery)
        }
      },
      drop: (which = everything) => rule(dropped, which),
      duplicate: (which = everything) => rule(doubled, which),
      delay: (ms, which = everything) => rule(delayed, { ms, which }),
      shuffle(seed, within = 50) {
        const current = { random: randomFrom(seed), within }
        shuffled = current
        return () => {
          if (shuffled === current) shuffled = undefined
        }
      },
      redeliver: (delivery) => attempt(delivery),
    },
    send({ workspace, url, secret, body }) {
      for (const problem of payloadProblems({ ...body, webhookTimestamp: timers.now() })) report(`webhook ${problem}`)
      const delivery: Delivery = {
        id: randomUUID(),
        type: String(body['type']),
        action: String(body['action']),
        workspace,
        url,
        // What is sent later is what was true now.
        body: structuredClone(body),
        attempts: [],
        outcome: 'sending',
      }
      secrets.set(delivery, secret)
      log.push(delivery)
      if ([...dropped].some((which) => which(delivery))) delivery.outcome = 'dropped'
      else if (held) {
        delivery.outcome = 'held'
        held.push(delivery)
      } else dispatch(delivery)
    },
    idle,
    async close() {
      closing.abort()
      await idle()
    },
  }
}

/** One attempt. Its time is part of what is signed, so that a retry of hours later is not taken for a replay. */
function post(delivery: Delivery, secret: string, timers: Timers, signal: AbortSignal): Promise<Attempt> {
  const at = timers.now()
  const body = Buffer.from(JSON.stringify({ ...delivery.body, webhookTimestamp: at }))
  return new Promise((resolve) => {
    const sent = request(delivery.url, {
      method: 'POST',
      agent: false,
      signal,
      headers: {
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Length': body.length,
        'Accept-Charset': 'utf-8',
        'User-Agent': 'Linear-Webhook',
        'Linear-Delivery': delivery.id,
        'Linear-Event': delivery.type,
        'Linear-Signature': createHmac('sha256', secret).update(body).digest('hex'),
        'Linear-Timestamp': String(at),
      },
    })
    const stopWaiting = timers.after(answerWithin, () => sent.destroy(new Error('No answer within 5 seconds.')))
    const finish = (status: number | undefined, error?: string): void => {
      stopWaiting()
      resolve({ at, status, error })
    }
    sent.on('response', (response) => {
      response.on('error', (error) => finish(undefined, error.message))
      response.on('end', () => finish(response.statusCode))
      response.resume()
    })
    sent.on('error', (error) => finish(undefined, error.message))
    sent.end(body)
  })
}
