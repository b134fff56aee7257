// Claude Code's own sandbox for the commands of Bash: whether it would work here, and its settings.

import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { AgentRequest } from '../../ports.ts'
import { runProcess } from '../../process.ts'
import type { SandboxMode } from '../talking.ts'
import { writableRoots } from '../writable-roots.ts'

export interface BashSandbox {
  /** Whether commands of Claude's Bash are kept within the worktree on this machine. */
  sandboxed: boolean
  /** Why not, and what to do; null when they are. */
  reason: string | null
}

/** Says whether the commands of Claude's Bash would be sandboxed here, for an agent with this environment. Contract: never rejects. */
export async function bashSandbox(env: Record<string, string>): Promise<BashSandbox> {
  if (process.platform === 'darwin') return { sandboxed: true, reason: null } // Seatbelt is a part of the system
  if (process.platform !== 'linux') return { sandboxed: false, reason: `Claude Code has no sandbox for ${process.platform}.` }
  const missing = ['bwrap', 'socat'].filter((program) => !isOnPath(program, env['PATH'] ?? ''))
  if (missing.length > 0) {
    return { sandboxed: false, reason: `${missing.join(' and ')} not found: install the packages bubblewrap and socat.` }
  }
  try {
    // Where it may not make namespaces, each command would fail, not run without a sandbox.
    const probe = ['bwrap', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--unshare-net', '--unshare-pid', 'true'] as const
    const { exitCode, stderr } = await runProcess({ command: probe, cwd: '/', env, timeout: 5_000 })
    if (exitCode === 0) return { sandboxed: true, reason: null }
    return { sandboxed: false, reason: `bubblewrap does not work here: ${stderr.trim().split('\n')[0] ?? ''}` }
  } catch (error) {
    return { sandboxed: false, reason: `bubblewrap cannot be run: ${(error as Error).message}` }
  }
}

const isOnPath = (program: string, path: string): boolean =>
  path.split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)))

export type SandboxedPlace = Pick<AgentRequest, 'worktree' | 'branch' | 'network'>

/** The `sandbox` of Claude's settings for one turn. https://code.claude.com/docs/en/sandboxing */
export function sandboxSettings(
  mode: SandboxMode,
  sandboxed: boolean,
  { worktree, branch, network }: SandboxedPlace,
  temporary: string,
): object {
  if (mode === 'danger-full-access' || !sandboxed) return { enabled: false }
  const filesystem =
    mode === 'read-only'
      ? { denyWrite: [worktree, ...clonesOf(worktree)], allowWrite: [temporary] }
      : { allowWrite: [...writableRoots(worktree, branch), temporary], denyWrite: notOurs(worktree, branch) }
  return {
    enabled: true,
    // The model may not choose to run a command beside it.
    allowUnsandboxedCommands: false,
    filesystem,
    network: network ? { allowedDomains: ['*'] } : { allowedDomains: [], strictAllowlist: true },
  }
}

/** The clone of a worktree; none where the folder is a clone, or nothing that can be read. */
function clonesOf(worktree: string): string[] {
  const [own] = writableRoots(worktree, 'HEAD')
  return own === undefined ? [] : [join(own, '..', '..')]
}

/**
 * Claude lets commands write in all of the clone but its configuration and hooks, and what is denied cannot be allowed within. So what
 * is there and not of this branch is named: HEAD, packed refs, tags, and the branches beside it. What is not there cannot be named: a
 * file is put in its place, which git would take for a broken ref.
 */
function notOurs(worktree: string, branch: string): string[] {
  const [clone] = clonesOf(worktree)
  if (clone === undefined) return []
  const denied = ['HEAD', 'packed-refs'].map((name) => join(clone, name))
  let folder = join(clone, 'refs')
  for (const segment of ['heads', ...branch.split('/')]) {
    for (const name of entriesOf(folder)) if (name !== segment && name !== `${segment}.lock`) denied.push(join(folder, name))
    folder = join(folder, segment)
  }
  return denied.filter((path) => existsSync(path))
}

const entriesOf = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return [] // a file, or not there
  }
}
