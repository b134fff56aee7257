// How a person goes on in an agent's own conversation, at a terminal: the program, with the sandbox that the agent has.

import { join } from 'node:path'
import { commandByHand } from './claude/command-line.ts'
import { waysTo } from './codex/thread-config.ts'
import { bashSandbox, linkByOtherName } from './claude/sandbox.ts'
import { ownExcludes, writeExcludes } from './claude/stand-ins.ts'
import type { SandboxMode } from './talking.ts'
import { quoted } from './output-text.ts'
import { gitFoldersOf, writableRoots } from './writable-roots.ts'

/** What is known of the agent from the configuration. */
export type AgentByHand =
  | { kind: 'codex' | 'claude'; command: string; model: string | null; sandbox: SandboxMode }
  | { kind: 'acp' | 'command'; command: string }

export interface PlaceByHand {
  worktree: string
  branch: string
  network: boolean
  /** Null where there is none to go on with: then it begins a new one. */
  thread: string | null
}

export interface ByHand {
  /** For `/bin/sh -c`, in the worktree. */
  line: string
  /** Whether it goes on in the agent's own conversation. */
  resumes: boolean
}

/** Kinds without a program for people get a shell. `env` is that of the agent. */
export async function byHand(agent: AgentByHand, place: PlaceByHand, env: Record<string, string>): Promise<ByHand> {
  const resumes = place.thread !== null && (agent.kind === 'codex' || agent.kind === 'claude')
  if (agent.kind === 'codex') return { line: codexLine(agent, place), resumes }
  if (agent.kind !== 'claude') return { line: 'exec "${SHELL:-/bin/sh}"', resumes }
  return { line: await claudeLine(agent, place, env), resumes }
}

async function claudeLine(
  agent: { command: string; model: string | null; sandbox: SandboxMode },
  place: PlaceByHand,
  env: Record<string, string>,
): Promise<string> {
  const { worktree } = place
  const isSandboxed = agent.sandbox !== 'danger-full-access' && (await bashSandbox(env)).sandboxed
  if (isSandboxed) linkByOtherName(worktree)
  // As for a turn, but that it stays, in the worktree's own part of the clone: when the person leaves is not known here.
  const folders = process.platform === 'linux' && isSandboxed ? gitFoldersOf(worktree) : null
  const excludes = folders === null ? null : join(folders.own, 'excludes-for-claude')
  if (excludes !== null) writeExcludes(excludes, worktree, await ownExcludes(worktree, env))
  return commandByHand(agent, place, { isSandboxed, env, excludes })
}

function codexLine(
  { command, model, sandbox }: { command: string; model: string | null; sandbox: SandboxMode },
  { worktree, branch, network, thread }: PlaceByHand,
): string {
  const roots = sandbox === 'workspace-write' ? writableRoots(worktree, branch) : []
  const args = [
    ...(thread === null ? [] : ['resume', thread]),
    ...['--cd', worktree, '--sandbox', sandbox, '--ask-for-approval', 'on-request'],
    ...['-c', `sandbox_workspace_write.writable_roots=${JSON.stringify(roots)}`],
    ...['-c', `sandbox_workspace_write.network_access=${network}`],
    // Else it asks whether the folder is trusted, keeps the answer, and runs what the branch has in `.codex`. So it says that it is opened restricted.
    ...[
      '-c',
      `projects={${waysTo(worktree)
        .map((path) => `${JSON.stringify(path)}={trust_level="untrusted"}`)
        .join(',')}}`,
    ],
    ...(model === null ? [] : ['--model', model]),
  ]
  // The configured command starts the server; what is before that word stays.
  return `${command.replace(/\s+app-server\b.*$/s, '')} ${args.map(quoted).join(' ')}`
}
