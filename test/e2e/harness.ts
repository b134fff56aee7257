// A world of its own for a journey: real repositories, a configuration, a real server as a child process, and a look around at
// the end for what was left behind. Whatever is waited for tells what was seen last.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { git } from '../../src/actors/git.ts'
import type { Action, IssueDocument, Submission } from '../../src/app.ts'

export const program = resolve(import.meta.dirname, '../../bin/signalbox.js')
const token = 'a-token-of-the-tests-that-is-long-enough'

const identity = { GIT_AUTHOR_NAME: 'U', GIT_AUTHOR_EMAIL: 'u@localhost', GIT_COMMITTER_NAME: 'U', GIT_COMMITTER_EMAIL: 'u@localhost' }

/** One project and its repository, which has `README.md` and `notes.txt` on a checked out `main`. */
export interface ProjectOptions {
  id: string
  /** A command line; by default the script that was given with the issue. */
  agentCommand?: string
  /** Its agent as the configuration has it, instead of a command line. */
  agent?: object
  ci?: { command: string; timeout?: string }
  review?: 'human' | 'agent' | 'none'
  budgets?: Record<string, number>
  more?: object
}

export interface WorldOptions {
  projects?: ProjectOptions[]
  limits?: object
  /** The size of a file system of its own for the data folder, such as `12m`; needs `canMount()`. */
  disk?: string
  port?: number
  /** The name of the folder that everything lies in; by default a plain one. */
  name?: string
}

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

export interface ServerHandle {
  readonly pid: number
  readonly url: string
  /** Exit code or signal, once it has ended. */
  readonly ended: Promise<string>
  /** Everything that it printed. */
  readonly printed: () => string
}

export type World = ReturnType<typeof createWorld>

export function createWorld(options: WorldOptions = {}) {
  const outermost = realpathSync(mkdtempSync(join(tmpdir(), 'signalbox-e2e-')))
  const folder = options.name === undefined ? outermost : join(outermost, options.name)
  mkdirSync(folder, { recursive: true })
  const disk = join(folder, 'disk')
  const data = options.disk === undefined ? join(folder, 'data') : join(disk, 'data')
  const scripts = join(folder, 'scripts')
  const config = join(folder, 'signalbox.config.json')
  const projects = options.projects ?? [{ id: 'app' }]
  const counters = new Map<string, number>()
  const children = new Set<ChildProcess>()
  let server: (ServerHandle & { child: ChildProcess }) | undefined

  if (options.disk !== undefined) {
    mkdirSync(disk)
    mount('-t', 'tmpfs', '-o', `size=${options.disk},mode=0700`, 'tmpfs', disk)
  }
  mkdirSync(scripts)
  mkdirSync(join(folder, 'home'))
  mkdirSync(data, { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, 'operator-token'), `${token}\n`, { mode: 0o600 })
  const writeConfig = (more: object = {}): void => {
    // In a PID namespace a script would know itself by another number than the one that the journeys look for.
    const agents = Object.fromEntries(
      projects.map(({ id, agentCommand, agent }) => [
        id,
        agent ?? {
          kind: 'command',
          namespace: false,
          command: agentCommand ?? `. '${scripts}'/"$SIGNALBOX_ISSUE.sh"`,
          env: { WORLD: folder },
        },
      ]),
    )
    const configuration = {
      server: { port: options.port ?? 0, operatorToken: 'file:operator-token' },
      store: { path: join(data, 'signalbox.db') },
      agents,
      limits: { activeRuns: 4, run: '60s', progress: '60s', ...options.limits },
      projects: projects.map(({ id, ci, review = 'none', budgets = {}, more: rest }) => ({
        id,
        repo: join(folder, id),
        agent: id,
        review: { by: review },
        delays: { recovery: '200ms', settle: '100ms' },
        budgets,
        ...(ci ? { ci } : {}),
        ...rest,
      })),
      ...more,
    }
    writeFileSync(config, JSON.stringify(configuration, null, 2))
  }
  writeConfig()

  const repo = (project = projects[0]!.id): string => join(folder, project)

  /** git in the user's repository, as the user. */
  const asUser = async (args: string[], project?: string): Promise<string> =>
    (await git(['-c', 'commit.gpgSign=false', ...args], { cwd: repo(project), env: identity })).stdout.trim()

  async function makeRepositories(): Promise<void> {
    for (const { id } of projects) {
      if (existsSync(repo(id))) continue
      mkdirSync(repo(id))
      await asUser(['init', '--quiet', '--initial-branch=main'], id)
      writeFileSync(join(repo(id), 'README.md'), `# ${id}\n`)
      writeFileSync(join(repo(id), 'notes.txt'), 'one\n')
      await asUser(['add', '--all'], id)
      await asUser(['commit', '--quiet', '--message', 'The start'], id)
    }
  }

  const variables = (): Record<string, string> => ({
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: join(folder, 'home'),
    LANG: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
  })

  function spawnProgram(args: readonly string[]): ChildProcess {
    // The pipe is its lifeline: when this process is gone, the server goes too.
    const child = spawn(process.execPath, [program, ...args, '--config', config], {
      cwd: folder,
      env: { ...variables(), SIGNALBOX_HANDED_OVER: '1' },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }

  const endOf = (child: ChildProcess): Promise<string> =>
    new Promise((done) => child.once('exit', (code, signal) => done(signal ?? String(code))).once('error', (error) => done(error.message)))

  /** A command line, to its end. */
  async function run(...args: string[]): Promise<Outcome> {
    const child = spawnProgram(args)
    const ended = endOf(child)
    const [stdout, stderr, how] = await Promise.all([readText(child.stdout!), readText(child.stderr!), ended])
    return { code: /^\d+$/.test(how) ? Number(how) : null, stdout, stderr }
  }

  /** Starts the server; resolves when it is ready, and throws with what it said when it ends before. */
  async function start(): Promise<ServerHandle> {
    await makeRepositories()
    const child = spawnProgram(['start', '--json'])
    let stdout = ''
    let printed = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      stdout += String(chunk)
      printed += String(chunk)
    })
    child.stderr!.on('data', (chunk: Buffer) => (printed += String(chunk)))
    let isOver = false
    const ended = endOf(child).then((how) => {
      isOver = true
      return how
    })
    await until(() => stdout.includes('\n') || isOver, { what: 'the server to be ready', saw: () => printed, patience: 30_000 })
    if (isOver) throw new Error(`The server did not start (${await ended}):\n${printed}`)
    const { url, pid } = JSON.parse(stdout.slice(0, stdout.indexOf('\n'))) as { url: string; pid: number }
    server = { child, pid, url, ended, printed: () => printed }
    return server
  }

  /** SIGTERM or another signal, and how it ended. */
  async function stop(signal: NodeJS.Signals = 'SIGTERM', { withHost = false } = {}): Promise<string> {
    if (!server) return 'not started'
    const { child, ended, pid } = server
    // The process that starts all others would end them: only when it is killed as well is anything left behind.
    const hosts = withHost ? childrenOf(pid).filter((each) => look(`/proc/${each}/cmdline`).includes('signalbox-processes')) : []
    for (const host of hosts) process.kill(host, 'SIGSTOP')
    if (child.exitCode === null && child.signalCode === null) process.kill(pid, signal)
    const how = await ended
    for (const host of hosts) endOne(host)
    server = undefined
    return how
  }

  const ask = async (path: string, request: RequestInit = {}): Promise<{ status: number; body: any }> => {
    const response = await fetch(`${server!.url}${path}`, {
      ...request,
      headers: { authorization: `Bearer ${token}`, ...(request.body ? { 'content-type': 'application/json' } : {}), ...request.headers },
      signal: AbortSignal.timeout(15_000),
    })
    const body = await response.text()
    return { status: response.status, body: body === '' ? {} : JSON.parse(body) }
  }

  /** The key that the next issue of the project will have. */
  const nextKey = (project = projects[0]!.id): string => `${project.toUpperCase()}-${(counters.get(project) ?? 0) + 1}`

  /** Files an issue whose agent is this shell script. */
  function submit(script: string | null, submission: Partial<Submission> = {}): Promise<string> {
    // One after the other: the script must be there before the issue, under the key that the issue will have.
    const submitted = filing.then(() => file(script, submission))
    filing = submitted.catch(() => {})
    return submitted
  }

  let filing: Promise<unknown> = Promise.resolve()
  async function file(script: string | null, submission: Partial<Submission>): Promise<string> {
    const project = submission.project ?? projects[0]!.id
    const key = nextKey(project)
    if (script !== null) setScript(key, script)
    const { status, body } = await ask('/api/issues', {
      method: 'POST',
      body: JSON.stringify({ title: `The issue ${key}`, project, ...submission }),
    })
    expect({ status, body }).toMatchObject({ status: 201, body: { key } })
    counters.set(project, (counters.get(project) ?? 0) + 1)
    return key
  }

  const setScript = (key: string, script: string): void => writeFileSync(join(scripts, `${key}.sh`), `set -eu\n${script}\n`)

  const act = (key: string, action: Action): Promise<{ status: number; body: any }> =>
    ask(`/api/issues/${key}/actions`, { method: 'POST', body: JSON.stringify(action) })

  const issue = async (key: string): Promise<IssueDocument> => (await ask(`/api/issues/${key}`)).body as IssueDocument

  /** The document of an issue, once it is as wanted. */
  async function untilIssue(
    key: string,
    wanted: string | ((document: IssueDocument) => boolean),
    patience = 40_000,
  ): Promise<IssueDocument> {
    let last: IssueDocument | undefined
    let restingSince: number | undefined
    const isWanted = typeof wanted === 'string' ? (document: IssueDocument) => document.phase === wanted : wanted
    await until(
      async () => {
        last = await issue(key)
        if (isWanted(last)) return true
        const isResting = ['escalated', 'awaiting_input', 'failed', 'done'].includes(last.phase)
        restingSince = isResting ? (restingSince ?? Date.now()) : undefined
        // Nothing will come any more: no need to wait for all of the patience.
        if (restingSince !== undefined && Date.now() - restingSince > 5_000) patience = 0
        return false
      },
      {
        what: `${key} to be ${typeof wanted === 'string' ? wanted : String(wanted)}`,
        saw: () => JSON.stringify({ phase: last?.phase, waitsFor: last?.waitsFor, run: last?.run, pr: last?.pr, faulted: last?.faulted }),
        patience: () => patience,
      },
    )
    return last!
  }

  /** Processes that Signalbox started for this world, and servers of it. */
  function processesLeft(): string[] {
    const mark = createHash('sha256').update(realpathSync(data)).digest('hex').slice(0, 32)
    const entries = [`SIGNALBOX_OWNER=${mark}`, `=${data}`, `=${folder}/`]
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .flatMap((pid) => {
        const environment = look(`/proc/${pid}/environ`)
        const commandLine = look(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
        const isOurs =
          (environment.includes('SIGNALBOX_') && entries.some((entry) => environment.includes(entry))) || commandLine.includes(config)
        return isOurs && !/^State:\s+[ZX]/m.test(look(`/proc/${pid}/status`)) ? [`${pid} ${commandLine}`] : []
      })
  }

  /** The common end of every journey: the journal replays, no process is left, the folder goes. */
  async function close({ verify = true } = {}): Promise<void> {
    try {
      if (server) expect(await stop()).toBe('0')
      if (verify && existsSync(join(data, 'signalbox.db'))) {
        expect(await run('verify')).toMatchObject({ code: 0 })
      }
      await until(() => processesLeft().length === 0, {
        what: 'no process of this world to be left',
        saw: () => processesLeft().join('\n'),
        patience: 5_000,
      })
    } finally {
      for (const child of children) child.kill('SIGKILL')
      for (const line of processesLeft()) endOne(Number(line.split(' ')[0]))
      if (options.disk !== undefined) spawnSync('umount', ['--lazy', disk])
      rmSync(outermost, { recursive: true, force: true, maxRetries: 5 })
    }
  }

  return {
    folder,
    data,
    config,
    disk,
    token,
    scripts,
    repo,
    asUser,
    makeRepositories,
    writeConfig,
    start,
    stop,
    run,
    ask,
    nextKey,
    submit,
    setScript,
    act,
    issue,
    untilIssue,
    processesLeft,
    close,
    isRunning: (): boolean => server !== undefined,
    get url() {
      return server!.url
    },
    get pid() {
      return server!.pid
    },
    /** Adds a commit to the user's checked out branch. */
    async commitAsUser(path: string, content: string, project?: string): Promise<string> {
      writeFileSync(join(repo(project), path), content)
      await asUser(['add', '--', path], project)
      await asUser(['commit', '--quiet', '--message', `Change ${path}`], project)
      return asUser(['rev-parse', 'HEAD'], project)
    },
    note: (name: string, line: string): void => appendFileSync(join(folder, name), `${line}\n`),
    /** The newest lines of the server's log. */
    log: (): string => look(join(data, 'log.jsonl')).slice(-6_000),
    /** What it says of one issue. */
    logOf: (key: string): string =>
      look(join(data, 'log.jsonl'))
        .split('\n')
        .filter((line) => line.includes(`"${key}"`))
        .join('\n'),
  }
}

/** Whether this user may mount a file system, asked by doing it. */
export function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-mount-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  if (status === 0) spawnSync('umount', [folder])
  rmSync(folder, { recursive: true, force: true })
  return status === 0
}

export function mount(...words: string[]): void {
  const { status, stderr } = spawnSync('mount', words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`mount ${words.join(' ')}: ${stderr}`)
}

/** By so much slower are machines on which a fork costs more, with other tests beside. */
const slowest = 3

/** Resolves when `condition` holds; rejects after three times `patience` ms with what was seen last. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { what, saw, patience = 20_000 }: { what: string; saw?: () => string; patience?: number | (() => number) },
): Promise<void> {
  const begun = performance.now()
  let failure: unknown
  for (;;) {
    try {
      if (await condition()) return
      failure = undefined
    } catch (error) {
      failure = error // a server that is being restarted does not answer for a moment
    }
    const waited = performance.now() - begun
    if (waited > slowest * (typeof patience === 'number' ? patience : patience())) {
      const last = failure === undefined ? (saw?.() ?? '') : String(failure)
      throw new Error(`Waited ${Math.round(waited / 1_000)} s for ${what}. Seen last: ${last.slice(-3_000)}`)
    }
    await wait(50)
  }
}

/** Whether the process is there and no zombie. */
export function isAlive(pid: number): boolean {
  const status = look(`/proc/${pid}/status`)
  return status !== '' && !/^State:\s+[ZX]/m.test(status)
}

function look(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has ended, or it is another user's
  }
}

const childrenOf = (pid: number): number[] => look(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number)

function endOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it ended by itself
  }
}

/** The work that lands: one commit of one file named after the issue. */
export const plainWork = `echo "$SIGNALBOX_ISSUE" > "$SIGNALBOX_ISSUE.txt"
git add -A
git commit --quiet -m "Do $SIGNALBOX_ISSUE"`
