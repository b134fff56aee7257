// T3: acknowledgement of signed webhooks, 2,000 a second of both providers, while all that follows from them is done.

import { join } from 'node:path'
import { folder } from './databases.ts'
import { figure, rounds, tell, timed, type Figure } from './measure.ts'
import { offer, percentile } from './offer.ts'
import { openOperator } from './operator.ts'

const rate = 2_000
const seconds = 5
const changes = 200
/** A quick answer of the real ones. */
const latency = 100

export async function measure(): Promise<Figure[]> {
  const operator = await openOperator(join(folder(), 't3'), changes)
  const templates = operator.templates()
  operator.github.latency = operator.linear.latency = latency
  const seen = { p50: [] as number[], p99: [] as number[], most: [] as number[], behind: [] as number[] }
  const accepted: string[] = []
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    const answer = await offer({ url: operator.url, templates, rate, seconds, name: `t3-${round}` })
    const behind = await timed(operator.handled)
    if (answer.accepted.length !== rate * seconds) throw new Error(`Refused: ${JSON.stringify(answer.refused)}`)
    accepted.push(...answer.accepted)
    if (round === 0) continue
    seen.p50.push(percentile(answer.latencies, 0.5))
    seen.p99.push(percentile(answer.latencies, 0.99))
    seen.most.push(percentile(answer.latencies, 1))
    seen.behind.push(behind / 1_000)
  }
  operator.github.latency = operator.linear.latency = 0
  const { unhandled, putAside, offered } = await operator.stop()
  const lost = accepted.filter((id) => !offered.has(id)).length
  if (lost + unhandled + putAside > 0) throw new Error(`${lost} lost, ${unhandled} not handled, ${putAside} put aside`)
  const note = `${rate} a second for ${seconds} s a round, ${changes} changes open, ${accepted.length} accepted, all handled; calls take ${latency} ms`
  return [
    figure('T3', `acknowledgement of ${rate.toLocaleString('en')} webhooks a second, p99`, 'ms', seen.p99, { limit: { most: 25 }, note }),
    figure('T3', 'the same, median', 'ms', seen.p50, { note }),
    figure('T3', 'the same, the slowest', 'ms', seen.most, { note }),
    figure('T3', 'until the last of them was handled', 's', seen.behind, { note }),
  ]
}

if (import.meta.main) tell(await measure())
