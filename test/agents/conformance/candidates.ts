// The four kinds of agent, each on the real program that speaks its protocol.

import { join } from 'node:path'
import { createAcpAgent } from '../../../src/actors/agents/acp.ts'
import { createClaudeAgent } from '../../../src/actors/agents/claude.ts'
import { bashSandbox } from '../../../src/actors/agents/claude/sandbox.ts'
import { createCodexAgent } from '../../../src/actors/agents/codex.ts'
import { createCommandAgent } from '../../../src/actors/agents/command.ts'
import { childEnvironment } from '../../../src/actors/process.ts'
import { agentBinaries } from '../binaries.ts'
import { claudeHome, codexHome } from '../homes.ts'
import type { Ground, Where, WholeCandidate } from './ground.ts'

/** Milliseconds for a turn to stop when it is asked to: a busy machine takes more than the default. */
const patience = 5_000
/** The prompt is what a turn is: its answer comes when the turn has stopped. */
const acpStops = ['told session/cancel', 'answered session/prompt']

const shellAgent = join(import.meta.dirname, 'shell-agent.mjs')

/** What is configured for each. */
const envOf = {
  command: (_: Ground, { name, messagesUrl }: Where) => ({ MODEL_URL: messagesUrl, MODEL_KEY: name, ...committer }),
  codex: ({ folder }: Ground, { name, responsesUrl }: Where) =>
    codexHome(folder, responsesUrl, name, { features: { default_mode_request_user_input: true } }).env,
  // A subscription: only of a plan's limits is told when they end.
  claude: ({ folder }: Ground, { name, messagesUrl }: Where) => claudeHome(folder, messagesUrl, name, { subscription: true }).env,
  // A slug that Codex knows: of others it warns in a message, which runs together with what the model says.
  codexAcp: ({ folder }: Ground, { name, responsesUrl }: Where) => codexHome(folder, responsesUrl, name, { model: 'gpt-5.4' }).env,
  // It would ask its model what the person might want next, which is a request that no scenario has a step for.
  claudeAgentAcp: ({ folder }: Ground, { name, messagesUrl }: Where) => ({
    ...claudeHome(folder, messagesUrl, name).env,
    CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION: 'false',
  }),
}

export async function candidates(): Promise<WholeCandidate[]> {
  const binaries = await agentBinaries()
  return [
    {
      kind: 'command',
      program: [process.execPath, shellAgent],
      // Its prompt is a file, its turn a process: there is no conversation, and what it is about it says in lines.
      can: {
        protocol: false,
        resume: false,
        fork: false,
        steer: false,
        ask: false,
        items: false,
        usage: false,
        exhausted: false,
        resetTime: false,
        sandbox: false,
      },
      stops: [],
      env: envOf.command,
      create: (place, scenario, { wrap = '', env = {} }) =>
        createCommandAgent({
          ...{ name: 'command', command: `${wrap} ${process.execPath} ${shellAgent}`.trim() },
          ...{ namespace: true, processes: place.processes, env: { ...envOf.command(place, scenario), ...env } },
        }),
    },
    {
      kind: 'codex',
      program: [binaries.codex],
      // Codex has no word for it, and nothing was heard of the model.
      refusals: { 'invalid-request': 'environment' },
      can: {
        protocol: true,
        resume: true,
        fork: true,
        steer: true,
        ask: true,
        items: true,
        usage: true,
        exhausted: true,
        resetTime: true,
        sandbox: true,
      },
      stops: [
        ...['asked turn/interrupt', 'answered turn/interrupt'],
        ...['asked thread/backgroundTerminals/clean', 'answered thread/backgroundTerminals/clean'],
      ],
      env: envOf.codex,
      create: (place, scenario, { wrap = '', env = {} }) =>
        createCodexAgent({
          ...{
            name: 'codex',
            command: `${wrap} ${binaries.codex} app-server`.trim(),
            namespace: true,
            model: null,
            effort: null,
            sandbox: 'workspace-write',
            processes: place.processes,
          },
          env: { ...envOf.codex(place, scenario), ...env },
          limits: { reread: 1_000, request: 15_000, interrupt: patience },
        }),
    },
    {
      kind: 'claude',
      program: [binaries.claude],
      // Its commands are held where bubblewrap and socat are installed, and can write anywhere where they are not.
      can: {
        protocol: true,
        resume: true,
        fork: true,
        steer: true,
        ask: true,
        items: true,
        usage: true,
        exhausted: true,
        resetTime: true,
        sandbox: (await bashSandbox(childEnvironment())).sandboxed,
      },
      stops: ['asked interrupt', 'answered interrupt'],
      env: envOf.claude,
      create: (place, scenario, { wrap = '', env = {} }) =>
        createClaudeAgent({
          ...{
            name: 'claude',
            command: `${wrap} ${binaries.claude}`.trim(),
            namespace: true,
            model: null,
            effort: null,
            sandbox: 'workspace-write',
            processes: place.processes,
          },
          env: { ...envOf.claude(place, scenario), ...env },
          limits: { reread: 1_000, request: 30_000, interrupt: patience },
        }),
    },
    {
      kind: 'codex-acp',
      program: [binaries.codexAcp],
      refusals: { unauthorized: 'agent' },
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
          exhausted: true,
          resetTime: false,
          sandbox: true,
        },
      },
      stops: acpStops,
      env: envOf.codexAcp,
      create: (place, scenario, { wrap = '', env = {} }) =>
        createAcpAgent({
          ...{ name: 'codex-acp', command: `${wrap} ${binaries.codexAcp} ${sandboxArguments}`.trim() },
          ...{ model: null, effort: null, sandbox: 'workspace-write', namespace: true, processes: place.processes },
          env: { ...envOf.codexAcp(place, scenario), ...env },
          limits: { request: 60_000, interrupt: patience },
        }),
    },
    {
      kind: 'claude-agent-acp',
      program: binaries.claudeAgentAcp,
      refusals: { overloaded: 'environment' },
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
          exhausted: false,
          resetTime: false,
          sandbox: false,
        },
      },
      stops: acpStops,
      env: envOf.claudeAgentAcp,
      create: (place, scenario, { wrap = '', env = {} }) =>
        createAcpAgent({
          ...{ name: 'claude-agent-acp', command: `${wrap} ${binaries.claudeAgentAcp.join(' ')}`.trim() },
          ...{ model: null, effort: null, sandbox: 'workspace-write', namespace: true, processes: place.processes },
          env: { ...envOf.claudeAgentAcp(place, scenario), ...env },
          limits: { request: 60_000, interrupt: patience },
        }),
    },
  ]
}

/** Of the kind, or of the program for one that several speak. */
export async function candidateOf(kind: string): Promise<WholeCandidate> {
  return (await candidates()).find((candidate) => candidate.kind === kind)!
}

const committer = {
  ...{ GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.com', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.com' },
}

/** How codex-acp is told its bounds, since the protocol has no words for them: by the variables of the turn. */
export const sandboxArguments = [
  '-c approval_policy=never',
  '-c sandbox_mode=$SIGNALBOX_SANDBOX',
  '-c "sandbox_workspace_write.writable_roots=$SIGNALBOX_WRITABLE_ROOTS"',
  '-c sandbox_workspace_write.network_access=$SIGNALBOX_NETWORK',
  '-c sandbox_workspace_write.exclude_slash_tmp=true',
  '-c project_doc_max_bytes=0 -c skills.include_instructions=false',
].join(' ')
