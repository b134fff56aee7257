// The agents of a configuration, by their names.

import { createClassifier } from '../actors/agents/classifier.ts'
import { createCommandAgent } from '../actors/agents/command.ts'
import type { ProcessRecords } from '../actors/agents/orphans.ts'
import type { Agent } from '../actors/ports.ts'
import type { Config } from '../config.ts'

export function createAgents({ agents, dataFolder: folder }: Config, processes: ProcessRecords): Map<string, Agent> {
  return new Map(
    Object.entries(agents).flatMap(([name, agent]): [string, Agent][] => {
      if (agent.kind !== 'command') return []
      const { command, env, classify, confidence } = agent
      const reading =
        classify === null ? {} : { classify: createClassifier({ command: classify, env, folder, processes }), leastConfidence: confidence }
      return [[name, { ...createCommandAgent({ name, command, env, processes }), ...reading }]]
    }),
  )
}

/** The model that an agent of the configuration is to use; null where that is left to the agent. */
export function modelOf({ agents }: Pick<Config, 'agents'>, name: string): string | null {
  const agent = agents[name]
  return agent === undefined || agent.kind === 'command' ? null : agent.model
}
