// T4: how many signed webhooks are accepted a second, durably, and what the processor does meanwhile.

import { join } from 'node:path'
import { folder } from './databases.ts'
import { figure, rounds, tell, type Figure } from './measure.ts'
import { offer, type Offered } from './offer.ts'
import { openOperator } from './operator.ts'
import { byPart, profiled, type Frame } from './profile.ts'

const changes = 60
const seconds = 3
/** A quick answer of the real ones. */
const latency = 100

const parts: [part: string, isIt: (frame: Frame) => boolean][] = [
  ['commit', ({ url, functionName }) => /persistence\/(deliveries|sqlite-store)\.ts/.test(url) && /^(flush|commit)$/.test(functionName)],
  ['signature', ({ url }) => /octokit\/webhooks|linear\/sdk.*webhooks|server\/webhooks\/(github|linear)\.ts/.test(url)],
  ['step', ({ url }) => /src\/actors\/system\/|xstate\//.test(url)],
  ['what follows', ({ url }) => /src\/(app|machines|actors|persistence)\/|undici|octokit|linear\/sdk|graphql/.test(url)],
  ['HTTP', ({ url }) => /src\/server\/|fastify|find-my-way|node:(_http|http|net|internal\/(http|net|stream))/.test(url)],
  ['collection of garbage', ({ functionName }) => functionName === '(garbage collector)'],
]
const partOf = (frame: Frame): string | null =>
  // Taking a delivery is in the way of each; what it calls says which part that is.
  frame.functionName === 'take' ? null : (parts.find(([, isIt]) => isIt(frame))?.[0] ?? null)

export async function measure(): Promise<Figure[]> {
  const operator = await openOperator(join(folder(), 't4'), changes)
  const templates = operator.templates()
  operator.github.latency = operator.linear.latency = latency
  const seen = { accepted: [] as number[], megabytes: [] as number[] }
  const shares = new Map<string, number[]>()
  let accepted = 0
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    let answer: Offered | undefined
    const profile = await profiled(operator.debugger, async () => {
      answer = await offer({ url: operator.url, templates, seconds, name: `t4-${round}` })
    })
    await operator.handled()
    const { refused, accepted: names, seconds: took, bytes } = answer!
    if (Object.keys(refused).length > 0) throw new Error(`Refused: ${JSON.stringify(refused)}`)
    accepted += names.length
    if (round === 0) continue
    seen.accepted.push(names.length / took)
    seen.megabytes.push(bytes / took / 1e6)
    const spent = byPart(profile, partOf)
    const all = [...spent.values()].reduce((sum, ms) => sum + ms, 0)
    for (const part of [...parts.map(([name]) => name), 'other'])
      shares.set(part, [...(shares.get(part) ?? []), ((spent.get(part) ?? 0) / all) * 100])
  }
  operator.github.latency = operator.linear.latency = 0
  const { unhandled, putAside, offered } = await operator.stop()
  if (offered.size !== accepted || unhandled + putAside > 0)
    throw new Error(`${offered.size} of ${accepted} are stored, ${unhandled} not handled, ${putAside} put aside`)
  return [
    figure('T4', 'signed webhooks accepted a second, durable', '', seen.accepted, { note: 'with everything that follows from them' }),
    figure('T4', 'of their bodies', 'MB/s', seen.megabytes),
    ...[...shares].map(([part, values]) => figure('T4', `share of the processor: ${part}`, '%', values)),
  ]
}

if (import.meta.main) tell(await measure())
