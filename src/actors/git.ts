// Git is called through one function: a clean environment, no prompts, no hooks, no repacking, a timeout, and errors with a code.

import { setTimeout as pause } from 'node:timers/promises'
import { FatalError, RetryableError, type SignalboxError } from '../errors.ts'
import { childEnvironment, runProcess, type ProcessResult } from './process.ts'

export interface GitRequest {
  cwd: string
  /** Milliseconds. Default 60,000. */
  timeout?: number | undefined
  env?: Record<string, string> | undefined
  input?: string | Uint8Array | undefined
  signal?: AbortSignal | undefined
  /** Exit codes that are answers. Default [0]. */
  allow?: readonly number[] | undefined
  /** Bytes of output that are accepted. Default 64 MiB. */
  limit?: number | undefined
  /** Default `utf8`; `latin1` loses nothing. */
  encoding?: 'utf8' | 'latin1' | undefined
}

export interface GitResult {
  exitCode: number
  stdout: string
  stderr: string
}

/**
 * What our own git needs of our environment to reach a remote: never all of it, since a repository's configuration can
 * name programs that git runs, and agents can write that configuration. Variables that redirect git are not here.
 */
const passedOn = [
  'XDG_CONFIG_HOME',
  'GIT_CONFIG_GLOBAL',
  'GIT_CONFIG_SYSTEM',
  'GIT_CONFIG_NOSYSTEM',
  'GIT_EXEC_PATH',
  'GIT_SSH',
  'GIT_SSH_COMMAND',
  'GIT_SSL_CAINFO',
  'SSH_AUTH_SOCK',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'ALL_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'all_proxy',
]

const settings = [
  ...['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'gc.auto=0', 'maintenance.auto=false', 'advice.detachedHead=false'],
  // Agents write among the objects of a clone: what is an ancestor of what is read from the commits themselves.
  'core.commitGraph=false',
  // A server that is at work says so every five seconds: one that says nothing at all must not hold up all issues of a repository.
  ...['http.lowSpeedLimit=1', 'http.lowSpeedTime=15'],
]
const options = settings.flatMap((setting) => ['-c', setting])

function environment(extra: Record<string, string> | undefined): Record<string, string> {
  const env = childEnvironment()
  for (const name of passedOn) if (process.env[name] !== undefined) env[name] = process.env[name]
  return { ...env, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_NO_REPLACE_OBJECTS: '1', GIT_PAGER: 'cat', ...extra }
}

/**
 * Runs `git ARGS`. A `-c` among the first arguments wins over ours (a repository whose hooks must run).
 * Throws FatalError `git-failed` (its message has git's words), `git-missing`, `git-folder-missing`, `git-aborted`,
 * `git-output-too-large`; RetryableError `git-timeout`, `git-locked`, `git-unreachable`, `disk-full`.
 */
export async function git(args: readonly string[], request: GitRequest): Promise<GitResult> {
  for (let wait = 20; ; wait *= 2) {
    try {
      return await runGit(args, request)
    } catch (error) {
      if (wait > 200 || !halfMadeWorktree.test(String(error))) throw error
    }
    await pause(wait)
  }
}

/** A git that looks through the worktrees dies when it meets one that another git is making at that moment, before it did anything. */
const halfMadeWorktree = /fatal: failed to read \S*worktrees\//

/**
 * Runs several gits by one shell script; `$1` and so on are `args`. They have the same environment and settings as those of `git`,
 * and its errors are thrown, under `name`.
 */
export async function gitScript(name: string, script: string, args: readonly string[], request: GitRequest): Promise<GitResult> {
  return runCommand(name, ['/bin/sh', '-c', script, 'sh', ...args], { ...request, env: { ...settingsInEnvironment, ...request.env } })
}

const settingsInEnvironment: Record<string, string> = { GIT_CONFIG_COUNT: String(settings.length) }
for (const [n, setting] of settings.entries()) {
  const [key, value] = setting.split('=') as [string, string]
  Object.assign(settingsInEnvironment, { [`GIT_CONFIG_KEY_${n}`]: key, [`GIT_CONFIG_VALUE_${n}`]: value })
}

const runGit = (args: readonly string[], request: GitRequest): Promise<GitResult> =>
  runCommand(`git ${subcommand(args)}`, ['git', ...options, ...args], request)

async function runCommand(name: string, command: readonly [string, ...string[]], request: GitRequest): Promise<GitResult> {
  const timeout = request.timeout ?? 60_000
  let result: ProcessResult
  try {
    result = await runProcess({
      command,
      cwd: request.cwd,
      env: environment(request.env),
      timeout,
      signal: request.signal,
      input: request.input,
      keep: request.limit ?? 64 * 2 ** 20,
      encoding: request.encoding,
    })
  } catch (error) {
    throw toStartError(error, request.cwd)
  }
  const { exitCode, stdout, stderr } = result
  if (result.timedOut)
    throw new RetryableError('git-timeout', `'${name}' in ${request.cwd} took more than ${timeout} ms.`, { retryAfter: 5_000 })
  if (result.aborted) throw new FatalError('git-aborted', `'${name}' in ${request.cwd} was ended.`)
  const isAnswer = exitCode !== null && (request.allow ?? [0]).includes(exitCode) && !halfMadeWorktree.test(stderr)
  if (!isAnswer) throw toGitError(name, request.cwd, result)
  if (result.truncated) throw new FatalError('git-output-too-large', `'${name}' in ${request.cwd} printed more than is accepted.`)
  return { exitCode, stdout, stderr }
}

/** `-c` and `-C` before the subcommand have a value of their own. */
function subcommand(args: readonly string[]): string {
  return args.find((arg, i) => !arg.startsWith('-') && !/^-[cC]$/.test(args[i - 1] ?? '')) ?? ''
}

function toStartError(cause: unknown, cwd: string): unknown {
  switch ((cause as SignalboxError).code) {
    case 'process-not-found':
      return new FatalError('git-missing', 'The program git was not found in PATH: install git 2.38 or later.', { cause })
    case 'process-folder-missing':
      return new FatalError('git-folder-missing', `The folder '${cwd}' does not exist.`, { cause })
    default:
      return cause
  }
}

/** Nothing of git is damaged by it, and it may pass. */
const full = /No space left on device|Disk quota exceeded/i
/** A lock that another git holds or left behind; not a reference that has moved, which no waiting mends. */
const locked = /Unable to create '[^']*\.lock'|\.lock': File exists|another git process seems to be running|could not lock config file/i
/** Whether git says so. */
export const saysLocked = (words: string): boolean => locked.test(words)
/** Git asks for a name where the credentials are not taken. */
const unauthorized = /returned error: 401|Authentication failed|could not read Username|terminal prompts disabled/i
/** Whether the other side has not taken our credentials: nothing has been done there. */
export const saysUnauthorized = (error: unknown): boolean =>
  error instanceof FatalError && error.code === 'git-failed' && unauthorized.test(error.message)
/** Whether it shows us nothing, or lets us change nothing there: nothing has been done. */
export const saysOutOfReach = (error: unknown): boolean =>
  error instanceof FatalError && error.code === 'git-failed' && /repository '[^']*' not found|returned error: 403/i.test(error.message)
const unreachable =
  /Could not resolve host|Connection (timed out|refused|reset)|Network is unreachable|Operation timed out|Operation too slow|early EOF|transfer closed|Empty reply|bad line length character|unexpected disconnect|remote end hung up|TLS connection|The requested URL returned error: (429|5\d\d)/i

function toGitError(name: string, cwd: string, { exitCode, signal, stdout, stderr }: ProcessResult): SignalboxError {
  // Git says the reason on stderr; a few commands (merge, commit) on stdout.
  const words = clip((stderr.trim() === '' ? stdout : stderr).trim(), 2_000)
  const message = `'${name}' in ${cwd} ended with ${exitCode === null ? signal : `exit code ${exitCode}`}${words === '' ? '.' : `: ${words}`}`
  if (full.test(stderr)) return new RetryableError('disk-full', message, { retryAfter: 60_000 })
  if (locked.test(stderr) || halfMadeWorktree.test(stderr)) return new RetryableError('git-locked', message, { retryAfter: 1_000 })
  if (unreachable.test(stderr)) return new RetryableError('git-unreachable', message, { retryAfter: 10_000 })
  return new FatalError('git-failed', message)
}

const clip = (text: string, length: number): string => (text.length <= length ? text : `…${text.slice(-length)}`)

const roles = ['author', 'committer'] as const
const fallback = { name: 'Signalbox', email: 'signalbox@localhost' }

/** GIT_AUTHOR_* and GIT_COMMITTER_* as the repository's configuration has them, `Signalbox <signalbox@localhost>` where it has none. */
export async function gitIdentity(cwd: string): Promise<Record<string, string>> {
  const configured = await configuredIdentity(cwd)
  return { ...missing(configured), ...configured }
}

/** Only those of `gitIdentity` that the configuration does not give: with them git can commit, and what is configured still rules. */
export async function missingGitIdentity(cwd: string): Promise<Record<string, string>> {
  return missing(await configuredIdentity(cwd))
}

async function configuredIdentity(cwd: string): Promise<Record<string, string>> {
  const { stdout } = await git(['config', '--null', '--get-regexp', '^(user|author|committer)\\.(name|email)$'], { cwd, allow: [0, 1] })
  const values: Record<string, string> = {}
  for (const entry of stdout.split('\0')) {
    const end = entry.indexOf('\n')
    if (end !== -1 && entry.slice(end + 1).trim() !== '') values[entry.slice(0, end).toLowerCase()] = entry.slice(end + 1).trim()
  }
  const identity: Record<string, string> = {}
  for (const role of roles) {
    for (const part of ['name', 'email'] as const) {
      const value = values[`${role}.${part}`] ?? values[`user.${part}`]
      if (value !== undefined) identity[variable(role, part)] = value
    }
  }
  return identity
}

function missing(configured: Record<string, string>): Record<string, string> {
  const identity: Record<string, string> = {}
  for (const role of roles) {
    for (const part of ['name', 'email'] as const) {
      if (configured[variable(role, part)] === undefined) identity[variable(role, part)] = fallback[part]
    }
  }
  return identity
}

const variable = (role: (typeof roles)[number], part: 'name' | 'email'): string => `GIT_${role.toUpperCase()}_${part.toUpperCase()}`
