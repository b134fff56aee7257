// A real user's repository, a data folder, a database and the embedded forge on them.

import Database from 'better-sqlite3'
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach } from 'vitest'
import type { CheckCommand } from '../../../src/actors/forge/checks.ts'
import { createLocalForge, type LocalForge, type PendingCheck } from '../../../src/actors/forge/local.ts'
import type { LandingRequest, PublishInput } from '../../../src/actors/ports.ts'
import { createFactOutbox, type FactEvent } from '../../../src/persistence/fact-outbox.ts'
import { migrations } from '../../../src/persistence/migrations.ts'

export type Files = Record<string, string | Buffer | { mode?: number; content?: string; link?: string } | null>

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const clean of cleanups.splice(0).toReversed()) clean()
})

const home = mkdtempSync(join(tmpdir(), 'signalbox-forge-home-'))
process.env['HOME'] = home
process.env['GIT_CONFIG_NOSYSTEM'] = '1'
afterAll(() => rmSync(home, { recursive: true, force: true }))

const identity = {
  GIT_AUTHOR_NAME: 'Kim',
  GIT_AUTHOR_EMAIL: 'kim@example.org',
  GIT_COMMITTER_NAME: 'Kim',
  GIT_COMMITTER_EMAIL: 'kim@example.org',
}

/** Runs git as the user would, and answers what it printed. */
export function run(cwd: string, ...args: string[]): string {
  const env = { PATH: process.env['PATH'], HOME: home, GIT_CONFIG_NOSYSTEM: '1', GIT_EDITOR: 'true', LC_ALL: 'C', ...identity }
  return execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trimEnd()
}

/** As `run`, for commands that are meant to fail: answers whether it did not. */
export function tryRun(cwd: string, ...args: string[]): boolean {
  try {
    run(cwd, ...args)
    return true
  } catch {
    return false
  }
}

export function write(folder: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    if (content === null) rmSync(path, { recursive: true })
    else if (typeof content === 'string' || Buffer.isBuffer(content)) writeFileSync(path, content)
    else if (content.link !== undefined) symlinkSync(content.link, path)
    else {
      if (content.content !== undefined) writeFileSync(path, content.content)
      if (content.mode !== undefined) chmodSync(path, content.mode)
    }
  }
}

export function commit(folder: string, files: Files, message = 'change'): string {
  write(folder, files)
  run(folder, 'add', '-A')
  run(folder, 'commit', '-q', '--allow-empty', '-m', message)
  return run(folder, 'rev-parse', 'HEAD')
}

export function temporaryFolder(name = 'signalbox-forge-'): string {
  const folder = mkdtempSync(join(tmpdir(), name))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

export interface ForgeFixture {
  forge: LocalForge
  database: Database.Database
  /** The data folder. */
  data: string
  /** The user's repository. */
  user: string
  bare: string
  clone: string
  clock: { time: number }
  spawned: PendingCheck[]
  queued: LandingRequest[]
  withdrawn: LandingRequest[]
  wakes: () => number
  /** What was told to the actors since the last call. */
  told: () => FactEvent[]
  /** Commits files in an agent's worktree on `from` (default: the mirrored base), and answers the commit. */
  work: (files: Files, from?: string) => string
  publish: (request: Partial<PublishInput> & { head: string }) => ReturnType<LocalForge['publish']>
  /** A published change of the files: its number and head. */
  open: (branch: string, files: Files, from?: string) => Promise<{ number: number; headSha: string }>
  /** Builds and lands the pull request without checks. */
  land: (pullRequest: { number: number; headSha: string }) => ReturnType<LocalForge['landCandidate']>
  /** The forge of a process that was started after this one was killed. */
  restart: () => LocalForge
}

export interface FixtureOptions {
  ci?: Partial<CheckCommand> | null
  base?: string | null
  /** Makes the user's repository in `folder`; answers what `repo` is to be. */
  user?: (folder: string) => string | undefined | void
  files?: Files
  /** Under the temporary folder. */
  name?: string
}

let made: string | undefined
/** The usual repository of the user, made once. */
function template(): string {
  if (made !== undefined) return made
  made = join(home, 'template')
  mkdirSync(made)
  run(made, 'init', '-q', '-b', 'main')
  commit(made, { 'README.md': '# Demo\n', 'src/a.txt': 'one\ntwo\nthree\n' }, 'first')
  return made
}

export async function createForge(options: FixtureOptions = {}): Promise<ForgeFixture> {
  const root = temporaryFolder()
  const user = join(root, options.name ?? 'user')
  const data = join(root, options.name === undefined ? 'data' : `data ${options.name}`)
  mkdirSync(user, { recursive: true })
  mkdirSync(data)
  let repo: string = user
  if (options.user !== undefined) repo = options.user(user) || user
  else if (options.files === undefined) {
    cpSync(template(), user, { recursive: true })
    run(user, 'status') // the index knows its files by their inodes
  } else {
    run(user, 'init', '-q', '-b', 'main')
    commit(user, options.files, 'first')
  }
  const database = new Database(join(data, 'signalbox.db'))
  cleanups.push(() => database.close())
  database.pragma('journal_mode = WAL')
  database.pragma('foreign_keys = ON')
  for (const { sql } of migrations) database.exec(sql)
  const clock = { time: 1_700_000_000_000 }
  const spawned: PendingCheck[] = []
  const queued: LandingRequest[] = []
  const withdrawn: LandingRequest[] = []
  let wakes = 0
  const now = () => clock.time
  const ci = options.ci === undefined || options.ci === null ? null : { command: 'true', timeout: 20_000, env: {}, ...options.ci }
  const start = () =>
    createLocalForge({
      database,
      folder: data,
      projects: [{ id: 'app', repo, baseBranch: options.base === undefined ? 'main' : options.base, ci }],
      now,
      wake: () => void (wakes += 1),
      spawnCheck: (check) => void spawned.push(check),
      requestQueue: async (request) => void queued.push(request),
      withdrawQueue: async (request) => void withdrawn.push(request),
      discoverBase: async () => run(user, 'symbolic-ref', '--short', 'HEAD'),
    })
  const outbox = createFactOutbox({ database, now, wake: () => {} })
  const bare = join(data, 'repos', 'app.git')
  const clone = join(data, 'clones', 'app.git')
  const agent = join(data, 'worktrees', 'agent')

  const fixture: ForgeFixture = {
    forge: start(),
    database,
    data,
    user,
    bare,
    clone,
    clock,
    spawned,
    queued,
    withdrawn,
    wakes: () => wakes,
    told() {
      const facts = outbox.undelivered()
      outbox.markDelivered(facts.map((fact) => fact.seq))
      return facts.map((fact) => fact.event)
    },
    work(files, from) {
      if (!existsSync(clone)) {
        run(data, 'clone', '-q', '--bare', bare, clone)
        run(clone, 'worktree', 'add', '-q', '--detach', agent)
      }
      if (from === undefined) {
        const base = run(bare, 'symbolic-ref', 'HEAD')
        run(clone, 'fetch', '-q', '--update-shallow', bare, `+${base}:refs/remotes/origin/base`)
      }
      run(agent, 'checkout', '-q', '--force', '--detach', from ?? 'refs/remotes/origin/base')
      return commit(agent, files)
    },
    publish: (request) =>
      fixture.forge.publish({
        project: 'app',
        issue: 'issue-1',
        key: 'APP-1',
        branch: 'signalbox/APP-1-demo',
        base: 'main',
        expected: null,
        title: 'Change it',
        body: 'Because.',
        draft: false,
        ...request,
      }),
    async open(branch, files, from) {
      await (await fixture.forge.repository('app')).syncBase()
      const head = fixture.work(files, from)
      const { number, headSha } = await fixture.publish({ branch, head, issue: `issue-${branch}`, key: branch.toUpperCase() })
      return { number, headSha }
    },
    async land({ number, headSha }) {
      const candidate = await fixture.forge.buildCandidate({ project: 'app', number, headSha })
      if (candidate.kind !== 'candidate') throw new Error(`not a candidate: ${JSON.stringify(candidate)}`)
      return fixture.forge.landCandidate({ project: 'app', number, base: candidate.base, commit: candidate.commit })
    },
    restart: () => (fixture.forge = start()),
  }
  return fixture
}

export const types = (events: readonly FactEvent[]): string[] => events.map((event) => event.type)
