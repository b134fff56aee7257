// The four kinds of agent, each on the real program that speaks its protocol.

import { createAcpAgent } from '../../../src/actors/agents/acp.ts'
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
    {
      kind: 'codex-acp',
      // It tells how full its context is, and not what was used.
      can: {
        ...{
          protocol: true,
          resume: true,
          fork: false,
          steer: false,
          ask: false,
          items: true,
          usage: false,
          resetTime: false,
          sandbox: true,
        },
      },
      create: ({ folder, processes }, { name, responsesUrl }, { wrap = '', env = {} }) =>
        createAcpAgent({
          ...{ name: 'codex-acp', command: `${wrap} ${binaries.codexAcp} ${sandboxArguments}`.trim() },
          ...{ model: null, effort: null, sandbox: 'workspace-write', processes },
          // A slug that Codex knows: of others it warns in a message, which runs together with what the model says.
          env: { ...codexHome(folder, responsesUrl, name, { model: 'gpt-5.4' }).env, ...env },
          limits: { request: 60_000 },
        }),
    },
    {
      kind: 'claude-agent-acp',
      // Its edits are asked for, its commands are allowed: nothing keeps these to the worktree.
      can: {
        ...{
          protocol: true,
          resume: true,
          fork: false,
          steer: true,
          ask: true,
          items: true,
          usage: true,
          resetTime: false,
          sandbox: false,
        },
      },
      create: ({ folder, processes }, { name, messagesUrl }, { wrap = '', env = {} }) =>
        createAcpAgent({
          ...{ name: 'claude-agent-acp', command: `${wrap} ${binaries.claudeAgentAcp.join(' ')}`.trim() },
          ...{ model: null, effort: null, sandbox: 'workspace-write', processes },
          // It would ask its model what the person might want next, which is a request that no scenario has a step for.
          env: { ...claudeHome(folder, messagesUrl, name).env, CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION: 'false', ...env },
          limits: { request: 60_000 },
        }),
    },
  ]
}

/** How codex-acp is told its bounds, since the protocol has no words for them: by the variables of the turn. */
const sandboxArguments = [
  '-c approval_policy=never',
  '-c sandbox_mode=$SIGNALBOX_SANDBOX',
  '-c "sandbox_workspace_write.writable_roots=$SIGNALBOX_WRITABLE_ROOTS"',
  '-c sandbox_workspace_write.network_access=$SIGNALBOX_NETWORK',
  '-c sandbox_workspace_write.exclude_slash_tmp=true',
].join(' ')
