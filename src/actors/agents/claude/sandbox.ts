// Claude Code's own sandbox for the commands of Bash: whether it would work here, and its settings.

import { existsSync, lstatSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { AgentRequest } from '../../ports.ts'
import { isOnPath, runProcess } from '../../process.ts'
import type { SandboxMode } from '../talking.ts'
import { gitFoldersOf, writableRoots } from '../writable-roots.ts'

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
  const missing = ['bwrap', 'socat'].filter((program) => !isOnPath(program, env))
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

export type SandboxedPlace = Pick<AgentRequest, 'worktree' | 'branch' | 'network'>

/** The `sandbox` of Claude's settings. `temporary`: beside the one of its own. https://code.claude.com/docs/en/sandboxing */
export function sandboxSettings(
  mode: SandboxMode,
  sandboxed: boolean,
  { worktree, branch, network }: SandboxedPlace,
  temporary: readonly string[],
): object {
  if (mode === 'danger-full-access' || !sandboxed) return { enabled: false }
  const clone = gitFoldersOf(worktree)?.clone
  const filesystem =
    mode === 'read-only'
      ? { denyWrite: [worktree, ...(clone === undefined ? [] : [clone])], allowWrite: temporary }
      : { allowWrite: [...writableRoots(worktree, branch), ...temporary], denyWrite: notItsOwn(worktree, branch) }
  return {
    enabled: true,
    // The model may not choose to run a command beside it.
    allowUnsandboxedCommands: false,
    filesystem,
    network: network ? { allowedDomains: ['*'] } : { allowedDomains: [], strictAllowlist: true },
  }
}

/** Leads to the clone's folder `worktrees`. */
const otherName = 'worktrees-for-claude'

/**
 * Claude lets commands write in all of a clone that is called `*.git` when the worktree's link leads to its folder `worktrees`, and
 * nothing takes that back. By another name of that folder git finds what it finds by the first one, and Claude allows what the settings
 * say. Stays when the turn is over.
 */
export function linkByOtherName(worktree: string): void {
  const folders = gitFoldersOf(worktree)
  if (folders === null) return
  const { own, clone } = folders
  const wanted = `gitdir: ${join(clone, otherName, basename(own))}\n`
  const link = join(worktree, '.git')
  if (lstatSync(join(clone, otherName), { throwIfNoEntry: false }) === undefined) symlinkSync('worktrees', join(clone, otherName))
  if (readFileSync(link, 'utf8') === wanted) return
  // Whole or not at all: without it the folder would be no worktree any more.
  const draft = join(dirname(worktree), `.${basename(worktree)}.link`)
  writeFileSync(draft, wanted)
  renameSync(draft, link)
}

/**
 * What is there and not of this branch, also should Claude allow all of the clone: HEAD, packed refs, tags, the branches beside it, and
 * the files by which git finds one folder of a repository from another. What is not there cannot be named: a file is put in its place,
 * which git would take for a broken ref.
 */
function notItsOwn(worktree: string, branch: string): string[] {
  const folders = gitFoldersOf(worktree)
  if (folders === null) return []
  const { own, clone } = folders
  const denied = ['commondir', 'gitdir', 'config.worktree'].map((name) => join(own, name))
  denied.push(...['HEAD', 'packed-refs', 'objects/info/alternates'].map((name) => join(clone, name)))
  let folder = join(clone, 'refs')
  for (const segment of ['heads', ...branch.split('/')]) {
    // A lock is gone in a moment.
    denied.push(...entriesOf(folder).flatMap((name) => (name === segment || name.endsWith('.lock') ? [] : [join(folder, name)])))
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
