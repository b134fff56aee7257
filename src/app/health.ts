// How the runtime is doing: the lag of its event loop, and its figures for Prometheus.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ActorSystem } from '../actors/system/index.ts'
import type { SpendingRow } from '../persistence/spending.ts'

/** Milliseconds between two looks at the event loop; what it measures contains them. */
const resolution = 20

export interface LagMeter {
  /** How late the event loop was at most in the last one to two windows, in ms. */
  read: () => number
  /** Begins the next window. */
  turn: () => void
  stop: () => void
}

export function createLagMeter(): LagMeter {
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  const worst = (): number => (delay.count === 0 ? 0 : Math.max(0, Math.round(delay.max / 1e6 - resolution)))
  let before = 0
  return {
    read: () => Math.max(before, worst()),
    turn() {
      before = worst()
      delay.reset()
    },
    stop: () => void delay.disable(),
  }
}

/** One figure in Prometheus' text. Labels are words of ours: nothing in them needs to be escaped. */
export function metricOf(
  { name, help, type = 'gauge' }: { name: string; help: string; type?: 'gauge' | 'counter' },
  samples: readonly { labels?: Record<string, string>; value: number }[],
): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const words = Object.entries(labels).map(([label, word]) => `${label}="${word}"`)
    return `${name}${words.length === 0 ? '' : `{${words.join(',')}}`} ${value}\n`
  })
  return `# HELP ${name} ${help}.\n# TYPE ${name} ${type}\n${lines.join('')}`
}

/** Prometheus text. */
export function metricsOf(
  system: Pick<ActorSystem, 'health'>,
  {
    activeTurns,
    troubles,
    aside,
    spending,
  }: { activeTurns: number; troubles: number; aside: ReadonlyMap<string, number>; spending: readonly SpendingRow[] },
): string {
  const { backlog, oldestUnhandledMs, faulted, runningEffects, pendingEffects, cachedBytes } = system.health()
  const gauges: [string, string, number][] = [
    ['signalbox_backlog', 'Events that wait to be handled', backlog],
    ['signalbox_oldest_unhandled_seconds', 'Age of the oldest of them', oldestUnhandledMs / 1_000],
    ['signalbox_faulted_actors', 'Actors that need an operator', faulted.length],
    ['signalbox_effects_running', 'Effects at work', runningEffects],
    ['signalbox_effects_pending', 'Effects that wait for their turn', pendingEffects],
    ['signalbox_agent_turns', 'Agent turns under way', activeTurns],
    ['signalbox_troubles', 'Workspaces in which a person has to do something', troubles],
    ['signalbox_cached_bytes', 'Bytes of committed snapshots in memory', cachedBytes],
  ]
  const putAside = metricOf(
    {
      name: 'signalbox_deliveries_put_aside_total',
      type: 'counter',
      help: 'Deliveries of providers that could not be handled since the start',
    },
    [...aside].map(([provider, value]) => ({ labels: { provider }, value })),
  )
  const spent = (of: 'input' | 'cached' | 'output' | 'usd', labels: Record<string, string> = {}) =>
    spending.map((row) => ({ labels: { project: row.project!, agent: row.agent!, ...labels }, value: row[of] }))
  const tokens = metricOf(
    { name: 'signalbox_tokens_total', type: 'counter', help: 'Tokens that runs have used; those from a cache are part of the input' },
    (['input', 'cached', 'output'] as const).flatMap((kind) => spent(kind, { kind })),
  )
  const usd = metricOf({ name: 'signalbox_usd_total', type: 'counter', help: 'What runs have cost, in US dollars' }, spent('usd'))
  return gauges.map(([name, help, value]) => metricOf({ name, help }, [{ value }])).join('') + putAside + tokens + usd
}
