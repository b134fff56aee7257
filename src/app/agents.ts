// The agents of a configuration, by their names.

import { createClassifier } from '../actors/agents/classifier.ts'
import { createCodexAgent } from '../actors/agents/codex.ts'
import { createCommandAgent } from '../actors/agents/command.ts'
import type { ProcessRecords } from '../actors/agents/orphans.ts'
import type { Agent } from '../actors/ports.ts'
import type { Config } from '../config.ts'

type AgentConfig = Config['agents'][string]
type Of<Kind extends AgentConfig['kind']> = Extract<AgentConfig, { kind: Kind }>

interface Host {
  name: string
  /** The data folder. */
  folder: string
  processes: ProcessRecords
}

const makers: { [Kind in AgentConfig['kind']]?: (agent: Of<Kind>, host: Host) => Agent } = {
  command({ command, env, classify, confidence }, { name, folder, processes }) {
    const reading =
      classify === null ? {} : { classify: createClassifier({ command: classify, env, folder, processes }), leastConfidence: confidence }
    return { ...createCommandAgent({ name, command, env, processes }), ...reading }
  },
  codex: ({ command, env, model, effort, sandbox }, { name, processes }) =>
    createCodexAgent({ name, command, env, processes, model, effort, sandbox }),
}

export function createAgents({ agents, dataFolder: folder }: Config, processes: ProcessRecords): Map<string, Agent> {
  return new Map(
    Object.entries(agents).flatMap(([name, agent]): [string, Agent][] => {
      const make = makers[agent.kind] as ((agent: AgentConfig, host: Host) => Agent) | undefined
      return make === undefined ? [] : [[name, make(agent, { name, folder, processes })]]
    }),
  )
}
