// How a person goes on in an agent's own conversation, at a terminal: the program, with the sandbox and the rules that the agent has.

import { join } from 'node:path'
import { commandByHand as claudeByHand } from './claude/command-line.ts'
import { bashSandbox, linkByOtherName } from './claude/sandbox.ts'
import { ownExcludes, writeExcludes } from './claude/stand-ins.ts'
import { commandByHand as codexByHand } from './codex/command-line.ts'
import type { SandboxMode } from './talking.ts'
import { gitFoldersOf } from './writable-roots.ts'

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
  if (agent.kind === 'codex') return { line: codexByHand(agent, { ...place, temporary: env['TMPDIR'] }), resumes }
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
  return claudeByHand(agent, place, { isSandboxed, env, excludes })
}
