// What the configuration can name already and this version cannot run yet.

import type { Config } from '../config.ts'
import { ConfigurationError } from '../errors.ts'

const agentKinds = ['command', 'codex', 'claude']

/** One sentence for each part of the configuration that this version does not run. */
export function findUnsupported(config: Config): string[] {
  const found: string[] = []
  const check = (key: string, kind: string, kinds: string[]): void => {
    if (!kinds.includes(kind))
      found.push(`${key}: "${kind}" is not in this version, which has ${kinds.map((name) => `"${name}"`).join(', ')}`)
  }
  const used = new Set(config.projects.flatMap(({ agent, agents }) => [agent, ...Object.values(agents)]))
  for (const name of used) check(`agents.${name}.kind`, config.agents[name]!.kind, agentKinds)
  return found
}

/** Throws ConfigurationError `not-in-this-version`. */
export function assertSupported(config: Config): void {
  const found = findUnsupported(config)
  if (found.length > 0) throw new ConfigurationError('not-in-this-version', `${config.file}: ${found.join('; ')}.`)
}
