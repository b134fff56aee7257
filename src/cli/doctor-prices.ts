// Doctor: whether it can be known what the agents cost.

import { priceOf } from '../actors/agents/prices.ts'
import type { Config } from '../config.ts'
import { type Finding, pass, warn } from './doctor.ts'

/** Kinds of agents that never tell their cost, but their model: without a price nothing is known of it. */
const silent = ['codex']

export function checkPrices({ agents, prices }: Config): Finding[] {
  return Object.entries(agents).flatMap(([name, agent]): Finding[] => {
    if (agent.kind === 'command') return []
    const key = `agents.${name}`
    if (priceOf(prices, agent.model) !== null) return [pass(key, `${agent.model} has a price`)]
    if (!silent.includes(agent.kind)) return []
    const isLeft = agent.model === null
    if (isLeft && Object.keys(prices).length > 0) {
      return [pass(key, 'the model is left to the agent: its cost is known where `prices` has the one that it names')]
    }
    const what = isLeft ? 'the model is left to the agent, and none has a price' : `${agent.model} has no price`
    return [
      warn(
        key,
        `${what}: its cost is not known, and budgets in USD do not see it`,
        'Set the price of its model per million tokens in `prices`.',
      ),
    ]
  })
}
