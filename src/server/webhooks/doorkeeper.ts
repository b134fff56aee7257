// What has come to the providers' doors since the server was started: how often each reason turned a delivery away, and when a genuine
// one came last. In memory: what anybody may send writes nothing to the database.

import type { FastifyBaseLogger } from 'fastify'
import { metricOf } from '../../app/health.ts'

/** Deliveries that were turned away for one reason. */
export interface Refusal {
  reason: string
  count: number
  lastAt: string
  /** What to do about it. */
  remedy: string
}

export interface Doorkeeper {
  /** A genuine one has come, were it known already. */
  took: (provider: string) => void
  /** `message`: what is wrong with it, as a sentence. */
  refused: (provider: string, reason: string, words: { message: string; remedy: string }) => void
  of: (provider: string) => { tookAt: number | null; refused: Refusal[] }
  /** Prometheus text. */
  metrics: () => string
}

/** Milliseconds between two lines in the log about the same: a flood must not fill it. */
const quiet = 60_000

export function createDoorkeeper({ log, now }: { log: FastifyBaseLogger; now: () => number }): Doorkeeper {
  const took = new Map<string, number>()
  // As many as there are codes, whoever sends what.
  const refusals = new Map<string, Map<string, { count: number; at: number; loggedAt: number; leftOut: number; remedy: string }>>()
  const refusalsOf = (provider: string) => [...(refusals.get(provider) ?? [])]

  return {
    took: (provider) => void took.set(provider, now()),
    refused(provider, reason, { message, remedy }) {
      const reasons = refusals.get(provider) ?? new Map()
      refusals.set(provider, reasons)
      const entry = reasons.get(reason) ?? { count: 0, at: 0, loggedAt: -Infinity, leftOut: 0, remedy }
      reasons.set(reason, entry)
      entry.count += 1
      entry.at = now()
      if (entry.at - entry.loggedAt < quiet) {
        entry.leftOut += 1
        return
      }
      const { leftOut } = entry
      const others = leftOut === 0 ? '' : ` So were ${leftOut} more since this was last said.`
      log.warn({ provider, reason, leftOut }, `A delivery to /webhooks/${provider} was refused: ${message}${others} ${remedy}`)
      entry.loggedAt = entry.at
      entry.leftOut = 0
    },
    of: (provider) => ({
      tookAt: took.get(provider) ?? null,
      refused: refusalsOf(provider).map(([reason, { count, at, remedy }]) => ({
        reason,
        count,
        lastAt: new Date(at).toISOString(),
        remedy,
      })),
    }),
    metrics: () =>
      metricOf(
        { name: 'signalbox_webhooks_refused_total', type: 'counter', help: 'Deliveries of providers that were refused since the start' },
        [...refusals.keys()].flatMap((provider) =>
          refusalsOf(provider).map(([reason, { count }]) => ({ labels: { provider, reason }, value: count })),
        ),
      ),
  }
}
