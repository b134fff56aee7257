// Temporary folders and real repositories for the tests of git, worktrees and agents.

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) {
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch {
      execFileSync('chmod', ['-R', 'u+rwX', folder])
      rmSync(folder, { recursive: true, force: true })
    }
  }
})

/** A folder that is removed after the test. Its name has a space and letters beyond ASCII, as people's folders do. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'signalbox ünï-')))
  folders.push(folder)
  return folder
}

/** No configuration of the machine takes part in a test. */
export const bareEnvironment: Record<string, string> = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
  GIT_EDITOR: 'true',
}

/** Runs git as a person or an agent would: hooks and all. Answers its trimmed output. */
export function run(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd, env: bareEnvironment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}

/** The exit code and standard error of a git that may fail. */
export function attempt(cwd: string, ...args: string[]): { code: number; stderr: string } {
  try {
    run(cwd, ...args)
    return { code: 0, stderr: '' }
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: string }
    return { code: status, stderr }
  }
}

export type Files = Record<string, string | Uint8Array>

export function write(folder: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
}

/** Writes, stages and commits; answers the commit. */
export function commit(folder: string, files: Files, message = 'a change'): string {
  write(folder, files)
  run(folder, 'add', '--all')
  run(folder, 'commit', '--quiet', '--allow-empty', '--message', message)
  return run(folder, 'rev-parse', 'HEAD')
}

/** A repository with one commit on `branch`. */
export function makeRepository(folder: string, files: Files = { 'readme.md': 'hello\n' }, branch = 'trunk'): string {
  mkdirSync(folder, { recursive: true })
  run(folder, 'init', '--quiet', `--initial-branch=${branch}`)
  commit(folder, files, 'first')
  return folder
}

/** The text of a file at a commit. */
export const show = (folder: string, commitish: string, path: string): string => run(folder, 'show', `${commitish}:${path}`)

/** A script that can be run; answers its path. */
export function script(folder: string, name: string, body: string): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}

export const read = (...path: string[]): string => readFileSync(join(...path), 'utf8')

/** Whether a process is alive; a dead one that nobody has reaped is not. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3))
  } catch {
    return false
  }
}

/** Waits until the condition holds; fails the test after five seconds. */
export async function eventually(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it did not come true within five seconds')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
