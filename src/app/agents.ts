// The agents of a configuration, by their names.

import { createClaudeAgent } from '../actors/agents/claude.ts'
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
  command({ command, env, classify, confidence, namespace, bounds }, { name, folder, processes }) {
    const reading =
      classify === null ? {} : { classify: createClassifier({ command: classify, env, folder, processes }), leastConfidence: confidence }
    return { ...createCommandAgent({ name, command, env, processes, namespace, bounds }), ...reading }
  },
  claude: ({ kind: _kind, ...agent }, { name, processes }) => createClaudeAgent({ ...agent, name, processes }),
  codex: ({ kind: _kind, ...agent }, { name, processes }) => createCodexAgent({ ...agent, name, processes }),
}

export function createAgents({ agents, dataFolder: folder }: Config, processes: ProcessRecords): Map<string, Agent> {
  return new Map(
    Object.entries(agents).flatMap(([name, agent]): [string, Agent][] => {
      const make = makers[agent.kind] as ((agent: AgentConfig, host: Host) => Agent) | undefined
      return make === undefined ? [] : [[name, make(agent, { name, folder, processes })]]
    }),
  )
}
