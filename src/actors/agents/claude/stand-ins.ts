// What Claude Code's sandbox puts in the place of protected files that are not there: hidden from git while a turn runs, removed after it.

import { lstatSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runProcess } from '../../process.ts'

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
 * Removes what a sandbox that was killed has left in a worktree: its stand-ins would count as changes. What cannot be removed stays, and
 * is a change like others.
 */
export function removeStandIns(worktree: string): void {
  removeFrom(worktree, standIns)
  for (const folder of ['.claude/.cc-writes', '.claude']) attempt(() => rmdirSync(join(worktree, folder)))
}

/**
 * The same for all worktrees and clones of a data folder: a `config.lock` keeps git from writing a clone's configuration, and in the
 * place of a branch that was deleted meanwhile is a broken one. To be called when no agent is at work. Never throws.
 */
export function removeAllStandIns(dataFolder: string): void {
  for (const clone of foldersIn(join(dataFolder, 'clones'))) {
    removeFrom(clone, standInsOfClone)
    attempt(() => removeFrom(join(clone, 'refs'), readdirSync(join(clone, 'refs'), { recursive: true, encoding: 'utf8' })))
  }
  for (const project of foldersIn(join(dataFolder, 'worktrees'))) foldersIn(project).forEach(removeStandIns)
}

function removeFrom(folder: string, names: readonly string[]): void {
  for (const path of names.map((name) => join(folder, name))) attempt(() => isStandIn(path) && rmSync(path, { force: true }))
}

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))
  } catch {
    return [] // nothing was ever made there
  }
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
