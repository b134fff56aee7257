// Doctor: whether it can be known what the agents cost.

import { priceOf } from '../actors/agents/prices.ts'
import type { Config } from '../config.ts'
import { type Finding, pass, warn } from './doctor.ts'

/** Kinds of agents that never tell their cost: without a price nothing is known of it. */
const silent = ['codex']

export function checkPrices({ agents, prices }: Config): Finding[] {
  return Object.entries(agents).flatMap(([name, agent]): Finding[] => {
    if (agent.kind === 'command') return []
    const key = `agents.${name}`
    if (priceOf(prices, agent.model) !== null) return [pass(key, `${agent.model} has a price`)]
    if (!silent.includes(agent.kind)) return []
    const what = agent.model === null ? 'the model is left to the agent' : `${agent.model} has no price`
    return [
      warn(
        key,
        `${what}: its cost is not known, and budgets in USD do not see it`,
        'Set `model`, and its price per million tokens in `prices`.',
      ),
    ]
  })
}
