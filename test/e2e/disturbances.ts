// What goes wrong in a long time, drawn by seed: one call in a hundred fails in one of the ways that the twins know, and webhooks get
// lost, come twice, late and out of order.

import type { BothWorld } from './both.ts'
import { isCounted, randomFrom } from './traffic.ts'

const refusals = [401, 403, 404, 409, 422] as const
const breaks = [500, 'timeout', 'half', 'reset'] as const

const kinds = [
  ...refusals.map((status) => ({ status, when: 'before' as const })),
  { status: 429 as const, when: 'before' as const, retryAfter: 1 },
  // What is done and not heard of is the harder half.
  ...breaks.flatMap((status) => [
    { status, when: 'before' as const },
    { status, when: 'after' as const },
  ]),
]

/** Disturbs both services from now on. Answers how often each kind of failure was met. */
export function disturb({ github, linear }: Pick<BothWorld, 'github' | 'linear'>, seed: number, part = 0.01): Map<string, number> {
  const random = randomFrom(seed)
  const met = new Map<string, number>()
  let drawn: (typeof kinds)[number] | undefined
  const draw = (path: string): void => {
    drawn = !isCounted(path) || random() >= part ? undefined : kinds[Math.floor(random() * kinds.length)]
  }
  const isDrawn = (kind: (typeof kinds)[number]): boolean => {
    if (drawn !== kind) return false
    const name = `${kind.status} ${kind.when}`
    met.set(name, (met.get(name) ?? 0) + 1)
    return true
  }
  const never = (path: string): boolean => {
    draw(path)
    return false
  }
  linear.faults.add({ match: ({ path }) => never(path), status: 500 })
  github.faults.add({ match: ({ path }) => never(path), status: 500 })
  for (const kind of kinds) {
    linear.faults.add({ ...kind, times: Infinity, match: () => isDrawn(kind) })
    github.faults.add({ ...kind, times: Infinity, match: () => isDrawn(kind) })
  }
  const isOne = (name: string) => (): boolean => {
    if (random() >= part) return false
    met.set(name, (met.get(name) ?? 0) + 1)
    return true
  }
  for (const [provider, { drop, duplicate }] of [
    ['linear', linear.webhooks],
    ['github', bound(github.webhooks)],
  ] as const) {
    drop(isOne(`${provider} webhook lost`))
    duplicate(isOne(`${provider} webhook twice`))
  }
  // A little later is behind the next ones, much later behind what came of it.
  linear.webhooks.delay(200, isOne('linear webhook overtaken'))
  linear.webhooks.delay(3_000, isOne('linear webhook late'))
  github.webhooks.delay(isOne('github webhook overtaken'), 200)
  github.webhooks.delay(isOne('github webhook late'), 3_000)
  return met
}

const bound = (webhooks: BothWorld['github']['webhooks']) => ({
  drop: webhooks.drop.bind(webhooks),
  duplicate: webhooks.duplicate.bind(webhooks),
})
