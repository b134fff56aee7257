// The four kinds of agent, each on the real program that speaks its protocol.

import { createClaudeAgent } from '../../../src/actors/agents/claude.ts'
import { createCodexAgent } from '../../../src/actors/agents/codex.ts'
import { agentBinaries } from '../binaries.ts'
import { claudeHome, codexHome } from '../homes.ts'
import type { Candidate } from './ground.ts'

export async function candidates(): Promise<Candidate[]> {
  const binaries = await agentBinaries()
  return [
    {
      kind: 'codex',
      can: { protocol: true, resume: true, fork: true, steer: true, ask: true, items: true, usage: true, resetTime: true, sandbox: true },
      create: ({ folder, processes }, { name, responsesUrl }, { wrap = '', env = {} }) =>
        createCodexAgent({
          ...{
            name: 'codex',
            command: `${wrap} ${binaries.codex} app-server`.trim(),
            namespace: true,
            model: null,
            effort: null,
            sandbox: 'workspace-write',
            processes,
          },
          env: { ...codexHome(folder, responsesUrl, name, { features: { default_mode_request_user_input: true } }).env, ...env },
          limits: { reread: 1_000, request: 15_000 },
        }),
    },
    {
      kind: 'claude',
      // Its commands can write in their clone, where bubblewrap and socat are installed, and anywhere where they are not.
      can: { protocol: true, resume: true, fork: true, steer: true, ask: true, items: true, usage: true, resetTime: true, sandbox: false },
      create: ({ folder, processes }, { name, messagesUrl }, { wrap = '', env = {} }) =>
        createClaudeAgent({
          ...{
            name: 'claude',
            command: `${wrap} ${binaries.claude}`.trim(),
            model: null,
            effort: null,
            sandbox: 'workspace-write',
            processes,
          },
          // A subscription: only of a plan's limits is told when they end.
          env: { ...claudeHome(folder, messagesUrl, name, { subscription: true }).env, ...env },
          limits: { reread: 1_000, request: 30_000 },
        }),
    },
  ]
}
