// Doctor: whether each agent starts here, speaks its protocol and is logged in. Nothing is asked of a model, so that it costs nothing.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { createProcessRecords } from '../actors/agents/orphans.ts'
import type { Agent, AgentResult } from '../actors/ports.ts'
import { createAgents } from '../app/agents.ts'
import type { AgentConfig, Config } from '../config.ts'
import { type Finding, fail, pass, warn } from './doctor.ts'
import { firstWord } from './doctor-projects.ts'
import { oneLine } from './output.ts'

/** One after the other: each is as fast as it is for a turn. `deadline`: milliseconds for each; a busy machine starts some in twenty seconds. */
export async function checkReadiness(config: Config, deadline = 60_000): Promise<Finding[]> {
  const findings: Finding[] = []
  const agents = createAgents(config, createProcessRecords(config.dataFolder))
  for (const [name, agent] of agents) findings.push(...(await checkAgent(config, name, agent, deadline)))
  return findings
}

async function checkAgent(config: Config, name: string, agent: Agent, deadline: number): Promise<Finding[]> {
  if (agent.greet === undefined) return []
  const check = `agents.${name}`
  const configured = config.agents[name]!
  const program = firstWord(configured.command)
  if (program?.includes('/') && !isAbsolute(program)) {
    return [pass(check, `${program} is a file of the repository: it was not started here`)]
  }
  const folder = mkdtempSync(join(config.dataFolder, '.doctor-'))
  try {
    const result = await agent.greet(requestIn(folder, name, deadline), { signal: new AbortController().signal, onEvent: () => {} })
    if (result.outcome === 'completed') return [pass(check, oneLine(result.summary))]
    // What no project uses keeps nothing from running.
    const tell = isUsed(config, name) ? fail : warn
    return [tell(check, oneLine(result.summary).slice(0, longestMessage), remedyOf(configured, check, result))]
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

const longestMessage = 500

const isUsed = ({ agents, projects }: Config, name: string): boolean =>
  projects.some((project) => project.agent === name || Object.values(project.agents).includes(name)) ||
  Object.values(agents).some(({ failover }) => failover === name)

/** A turn that never comes: its folder is no worktree, and its prompt is not said. */
function requestIn(folder: string, agent: string, timeout: number): Parameters<NonNullable<Agent['greet']>>[0] {
  const worktree = join(folder, 'worktree')
  mkdirSync(worktree)
  return {
    ...{ agent, issue: 'doctor', project: 'doctor', runId: 'doctor', runType: 'implementation', turnKind: 'work', attempt: 1 },
    ...{ branch: 'doctor', base: 'main', worktree, folder: join(folder, 'run'), prompt: '', images: [], context: null },
    ...{ network: false, timeout, thread: null, recovery: null },
  }
}

/** As the user that starts the server, and with the variables that the agent has in `env`. */
const logins: Record<Exclude<AgentConfig['kind'], 'command'>, string> = {
  codex: 'As the user of the server: `codex login`, or name a provider of your own in its config.toml.',
  claude: 'As the user of the server: `claude auth login`, or hand it a key: "env": { "ANTHROPIC_API_KEY": "$ANTHROPIC_API_KEY" }.',
  acp: 'Log in with the agent itself as the user of the server, or hand it a key that it takes in `env`.',
}

function remedyOf({ kind, command }: AgentConfig, check: string, { failure, code }: AgentResult): string {
  if (code === 'not-offered') return `Set ${check}.model and ${check}.effort to what it offers.`
  if (failure === 'auth' && kind !== 'command') return logins[kind]
  return `Try \`${command}\` by hand: it has to start and to speak its protocol; docs/agents.md names the versions that were tried.`
}
