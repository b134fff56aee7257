// How Claude Code is started for one turn: its arguments, settings and variables.

import type { AgentRequest } from '../../ports.ts'
import { answerSchema } from '../answer.ts'
import { filesOf } from '../turn-process.ts'
import { editTools } from './items.ts'
import { quoted } from '../output-text.ts'
import { sandboxSettings, type SandboxedPlace } from './sandbox.ts'
import type { ClaudeOptions } from '../claude.ts'

/** They move the agent out of its worktree, outlive its turn, wait for a person, or speak to the sessions of others. */
const notOffered = [
  ...['EnterWorktree', 'ExitWorktree', 'EnterPlanMode', 'ExitPlanMode', 'ScheduleWakeup', 'CronCreate', 'CronDelete', 'CronList'],
  ...['ListAgents', 'SendMessage', 'RemoteTrigger'],
]

/** `session`: the id of a thread that is made; null where one is gone on with. */
export function commandLine(options: ClaudeOptions, request: AgentRequest, session: string | null, sandboxed: boolean): string {
  const { command, model, effort, sandbox } = options
  const { temporary } = filesOf(request.folder)
  const settings = {
    // Nothing runs that nobody asked for: neither the operator's hooks, which are for a person at the terminal, nor a plugin's.
    disableAllHooks: true,
    // A rule of the operator's that allows edits does not allow them everywhere: these are asked for, and answered by ours.
    permissions: { ask: editTools },
    sandbox: sandboxSettings(sandbox, sandboxed, request, [temporary]),
  }
  const args = [
    ...['--print', '--verbose', '--input-format', 'stream-json', '--output-format', 'stream-json', '--permission-prompt-tool', 'stdio'],
    // The pieces of an answer are signs of life: without them nothing comes while the model speaks or thinks.
    ...['--include-partial-messages', '--permission-mode', 'manual', '--disallowedTools', notOffered.join(',')],
    ...withoutGuidance(settings),
    // Nor do the operator's servers run, which are for a person at the terminal like the hooks.
    '--strict-mcp-config',
    ...['--json-schema', JSON.stringify(answerSchema(request))],
    ...(model === null ? [] : ['--model', model]),
    ...(effort === null ? [] : ['--effort', effort]),
    ...(request.thread === null ? [] : ['--resume', request.thread]),
    ...(request.thread !== null && session !== null ? ['--fork-session'] : []),
    ...(session === null ? [] : ['--session-id', session]),
  ]
  return `${command} ${args.map(quoted).join(' ')}`
}

/**
 * The branch's own settings could run hooks and send the operator's key elsewhere, the servers of its `.mcp.json` are programs, and its
 * CLAUDE.md does not instruct the agent, or the person, that works on it. `settings`: ours.
 */
const withoutGuidance = (settings: object): string[] => ['--setting-sources', 'user', '--settings', JSON.stringify(settings)]

/**
 * For a person at a terminal, who is asked for what the rules do not allow. The person's own hooks, servers and settings count, the
 * branch's do not: whether its folder is to be trusted is not asked, and nothing is noted in the person's own configuration. `excludes` as below.
 */
export function commandByHand(
  { command, model, sandbox }: Pick<ClaudeOptions, 'command' | 'model' | 'sandbox'>,
  { thread, ...place }: SandboxedPlace & { thread: string | null },
  { isSandboxed, env, excludes }: { isSandboxed: boolean; env: Record<string, string>; excludes: string | null },
): string {
  const variables = { CLAUDE_CODE_SANDBOXED: '1', ...excluding(env, excludes) }
  const args = [
    ...(thread === null ? [] : ['--resume', thread]),
    ...withoutGuidance({ sandbox: sandboxSettings(sandbox, isSandboxed, place, []) }),
    ...(model === null ? [] : ['--model', model]),
  ]
  const words = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}`)
  return [...words, command, ...args.map(quoted)].join(' ')
}

/** `excludes`: git's file of what it leaves out; null where it is to be the usual one. */
export function variablesOf(env: Record<string, string>, excludes: string | null): Record<string, string> {
  return {
    // Another version in the middle of a run would be another agent.
    DISABLE_AUTOUPDATER: '1',
    // What it learns on one issue is not for the next: that stands in the repository, where people see it.
    CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1',
    ...env,
    ...excluding(env, excludes),
  }
}

/** What the configuration sets for git goes before. */
function excluding(env: Record<string, string>, excludes: string | null): Record<string, string> {
  if (excludes === null) return {}
  const count = Number(env['GIT_CONFIG_COUNT'] ?? 0)
  return {
    GIT_CONFIG_COUNT: String(count + 1),
    [`GIT_CONFIG_KEY_${count}`]: 'core.excludesFile',
    [`GIT_CONFIG_VALUE_${count}`]: excludes,
  }
}
