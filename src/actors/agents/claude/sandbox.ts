// Claude Code's own sandbox for the commands of Bash: whether it would work here, its settings, and the traces that it leaves.

import { existsSync, lstatSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
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

/** Protected in the worktree whether they are there or not: an empty file, read-only, stands for what is not. */
const standIns = [
  ...[
    '.bash_profile',
    '.bashrc',
    '.gitconfig',
    '.gitmodules',
    '.idea',
    '.mcp.json',
    '.profile',
    '.ripgreprc',
    '.vscode',
    '.zprofile',
    '.zshrc',
  ],
  ...['agents', 'commands', 'hooks', 'launch.json', 'loop.md', 'output-styles', 'routines', 'scheduled_tasks.json', 'settings.json'].map(
    (name) => `.claude/${name}`,
  ),
  ...['settings.local.json', 'skills', 'workflows'].map((name) => `.claude/${name}`),
]
const standInsOfClone = ['config.lock', '.mcp.json']

/** True for what is not there, or only for the sandbox's sake. */
function isStandIn(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found === undefined || (found.isFile() && found.size === 0 && (found.mode & 0o222) === 0)
}

/**
 * Writes the file of what git leaves out for one turn: to git in the sandbox, stand-ins are devices, on which `git add --all` fails. What
 * is really there is not left out. `more`: the lines of the person's own file, which this one takes the place of.
 */
export function writeExcludes(path: string, worktree: string, more: string): void {
  const names = standIns.filter((name) => isStandIn(join(worktree, name))).map((name) => `/${name}`)
  writeFileSync(path, [more.trimEnd(), ...names, ''].join('\n'))
}

/**
 * Removes what a sandbox that was killed has left: its stand-ins would count as changes, and a `config.lock` keep git from the clone.
 * What cannot be removed stays, and is a change like others.
 */
export function removeStandIns(worktree: string): void {
  const inClone = clonesOf(worktree).flatMap((clone) => standInsOfClone.map((name) => join(clone, name)))
  for (const place of [...standIns.map((name) => join(worktree, name)), ...inClone]) {
    attempt(() => isStandIn(place) && rmSync(place, { force: true }))
  }
  for (const folder of ['.claude/.cc-writes', '.claude']) attempt(() => rmdirSync(join(worktree, folder)))
}

function attempt(remove: () => void): void {
  try {
    remove()
  } catch {
    // a folder that is not there or not empty, or a checkout that may not be written in
  }
}

/** The person's own patterns, as git would find them with this environment. */
export async function ownExcludes(worktree: string, env: Record<string, string>): Promise<string> {
  try {
    const { exitCode, stdout } = await runProcess({
      command: ['git', 'config', '--path', 'core.excludesFile'],
      cwd: worktree,
      env,
      timeout: 5_000,
    })
    const usual = join(env['XDG_CONFIG_HOME'] || join(env['HOME'] ?? '', '.config'), 'git', 'ignore')
    return readFileSync(exitCode === 0 ? stdout.trim() : usual, 'utf8')
  } catch {
    return '' // there are none
  }
}
