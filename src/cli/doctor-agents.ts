// Doctor: what keeps the agents to their worktrees on this machine, and what does not.

import { bashSandbox } from '../actors/agents/claude/sandbox.ts'
import { childEnvironment, isOnPath } from '../actors/process.ts'
import { ownCgroup } from '../actors/process/cgroup.ts'
import { namespaceWords } from '../actors/process/namespace.ts'
import type { Config } from '../config.ts'
import { warningsOf } from '../config-warnings.ts'
import { type Finding, pass, warn } from './doctor.ts'

/** Of a server that is started as this command was: a supervisor may place it elsewhere. */
export function checkBounds(): Finding[] {
  const own = ownCgroup()
  const seen = process.platform === 'linux' ? 'is looked at every second' : 'is not known on this system'
  if (own === null) return [pass('bounds', `no cgroup (v2) can be made from here: what a turn uses ${seen}`)]
  const told = `each turn gets a cgroup in ${own.folder}, which counts what it uses and ends it`
  return [
    own.memory
      ? pass('bounds', `${told}, and holds it to its memory when the server is alone there`)
      : pass('bounds', `${told}; it has no controller for memory, which ${seen}`),
  ]
}

export async function checkConfinement(config: Config): Promise<Finding[]> {
  const findings = warningsOf(config).map(({ key, message, remedy }) => warn(key, message, remedy))
  for (const [name, agent] of Object.entries(config.agents)) {
    const check = `agents.${name}`
    if (agent.namespace && namespaceWords() === null) {
      findings.push(
        warn(
          check,
          'its processes get no PID namespace here: those that leave its group are looked for by their environment',
          'Install util-linux, and allow user namespaces; or set `namespace` to false, which says that this is known.',
        ),
      )
    }
    if (agent.kind === 'command' || agent.sandbox === 'danger-full-access') continue
    if (agent.kind === 'claude') {
      const { sandboxed, reason } = await bashSandbox(childEnvironment(agent.env))
      findings.push(
        sandboxed
          ? pass(check, 'its commands run in a sandbox of its own')
          : warn(check, `its commands are not sandboxed here: ${reason}`, 'Install bubblewrap and socat, or use an agent with a sandbox.'),
      )
    } else if (agent.kind === 'acp') {
      if (agent.command.includes('codex-acp') && !isOnPath('bwrap', childEnvironment(agent.env))) {
        findings.push(
          warn(
            check,
            'codex-acp runs its commands with bwrap, which is not found: each of them would fail',
            'Install the package bubblewrap.',
          ),
        )
      }
      findings.push(
        warn(
          check,
          'the protocol has no words for a sandbox: what its commands may write is up to the agent',
          'Hand $SIGNALBOX_SANDBOX and $SIGNALBOX_WRITABLE_ROOTS to it in its command line where it has one (docs/agents.md).',
        ),
      )
    }
  }
  return findings
}
