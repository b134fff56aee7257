// T13: a slow world. Every call of tracker and forge takes 300 ms, 300 changes are open, and webhooks come all the time.

import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { folder } from './databases.ts'
import { figure, rounds, tell, type Figure } from './measure.ts'
import { offer, percentile } from './offer.ts'
import { openOperator, type Operator } from './operator.ts'

const latency = 300
const changes = 300
/** Webhooks a second. */
const rate = 50
/** PatchRelay was not ready any more from the 60th second on. */
const seconds = Math.max(15, Math.ceil(105 / rounds))

/** Asks ten times a second whether it is ready, until it is ended. */
function watch(operator: Operator): () => Promise<{ asked: number; unready: string[]; slowest: number }> {
  let isOver = false
  const seen = { asked: 0, unready: [] as string[], slowest: 0 }
  const watching = (async () => {
    while (!isOver) {
      const start = performance.now()
      const { ready, ...rest } = await operator.ready()
      seen.asked += 1
      seen.slowest = Math.max(seen.slowest, performance.now() - start)
      if (!ready) seen.unready.push(JSON.stringify(rest))
      await pause(100)
    }
  })()
  return async () => {
    isOver = true
    await watching
    return seen
  }
}

export async function measure(): Promise<Figure[]> {
  const operator = await openOperator(join(folder(), 't13'), changes)
  const templates = operator.templates()
  operator.github.latency = operator.linear.latency = latency
  const end = watch(operator)
  const seen = { p99: [] as number[], behind: [] as number[] }
  const accepted: string[] = []
  for (let round = 0; round < rounds; round++) {
    const answer = await offer({ url: operator.url, templates, rate, seconds, name: `t13-${round}` })
    if (answer.accepted.length !== rate * seconds) throw new Error(`Refused: ${JSON.stringify(answer.refused)}`)
    accepted.push(...answer.accepted)
    seen.p99.push(percentile(answer.latencies, 0.99))
    seen.behind.push((await operator.ready()).backlog)
  }
  const { asked, unready, slowest } = await end()
  operator.github.latency = operator.linear.latency = 0
  const { unhandled, putAside, offered } = await operator.stop()
  const lost = accepted.filter((id) => !offered.has(id)).length
  if (lost + unhandled + putAside > 0) throw new Error(`${lost} lost, ${unhandled} not handled, ${putAside} put aside`)
  const note = `${rounds * seconds} s, ${rate} webhooks a second, asked ${asked} times whether it is ready`
  return [
    figure('T13', `answers that it is not ready, ${changes} changes in a slow world`, '', [unready.length], { limit: { most: 0 }, note }),
    figure('T13', 'the slowest answer whether it is', 'ms', [slowest], { note }),
    figure('T13', 'acknowledgement of webhooks there, p99', 'ms', seen.p99, { limit: { most: 50 }, note }),
    figure('T13', 'deliveries that wait at the end of a round', '', seen.behind, { note }),
  ]
}

if (import.meta.main) tell(await measure())
