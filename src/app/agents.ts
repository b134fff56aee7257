// The agents of a configuration, by their names.

import { createAcpAgent } from '../actors/agents/acp.ts'
import { createClaudeAgent } from '../actors/agents/claude.ts'
import { createClassifier } from '../actors/agents/classifier.ts'
import { createCodexAgent } from '../actors/agents/codex.ts'
import { createCommandAgent } from '../actors/agents/command.ts'
import type { ProcessRecords } from '../actors/agents/orphans.ts'
import type { TalkLimits } from '../actors/agents/talking.ts'
import type { Agent } from '../actors/ports.ts'
import type { Config } from '../config.ts'

type AgentConfig = Config['agents'][string]
type Of<Kind extends AgentConfig['kind']> = Extract<AgentConfig, { kind: Kind }>

interface Host {
  name: string
  /** The data folder. */
  folder: string
  processes: ProcessRecords
  /** Of an agent that is talked with. */
  limits: TalkLimits
}

const makers: { [Kind in AgentConfig['kind']]: (agent: Of<Kind>, host: Host) => Agent } = {
  command({ command, env, classify, confidence, namespace, bounds }, { name, folder, processes }) {
    const reading =
      classify === null ? {} : { classify: createClassifier({ command: classify, env, folder, processes }), leastConfidence: confidence }
    return { ...createCommandAgent({ name, command, env, processes, namespace, bounds }), ...reading }
  },
  acp: ({ kind: _kind, ...agent }, { folder: _folder, ...host }) => createAcpAgent({ ...agent, ...host }),
  claude: ({ kind: _kind, ...agent }, { folder: _folder, ...host }) => createClaudeAgent({ ...agent, ...host }),
  codex: ({ kind: _kind, ...agent }, { folder: _folder, ...host }) => createCodexAgent({ ...agent, ...host }),
}

export function createAgents({ agents, dataFolder: folder, limits: { signal } }: Config, processes: ProcessRecords): Map<string, Agent> {
  // Told less often than it is waited for, a sign of life would come too late.
  const limits = signal === undefined ? {} : { sign: Math.min(10_000, signal / 3) }
  return new Map(
    Object.entries(agents).map(([name, agent]) => {
      const make = makers[agent.kind] as (agent: AgentConfig, host: Host) => Agent
      return [name, make(agent, { name, folder, processes, limits })]
    }),
  )
}

/** The model that an agent of the configuration is to use; null where that is left to the agent. */
export function modelOf({ agents }: Pick<Config, 'agents'>, name: string): string | null {
  const agent = agents[name]
  return agent === undefined || agent.kind === 'command' ? null : agent.model
}
