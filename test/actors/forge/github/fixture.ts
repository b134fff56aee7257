// A GitHub (its stand-in), a data folder, a database and the forge on them.

import Database from 'better-sqlite3'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { checkGithub, createGithubForge, type GithubForge } from '../../../../src/actors/forge/github.ts'
import type { Delivery, LandingRequest, Notice, PublishInput } from '../../../../src/actors/ports.ts'
import type { ProjectConfig } from '../../../../src/config.ts'
import { configSchema } from '../../../../src/config-schema.ts'
import { Secret } from '../../../../src/config-values.ts'
import { createFactOutbox, type FactEvent } from '../../../../src/persistence/fact-outbox.ts'
import { events } from '../../../../src/actors/forge/github/doctor-webhook.ts'
import { forGit, needed, wished, type Permissions } from '../../../../src/actors/forge/github/tokens.ts'
import { migrations } from '../../../../src/persistence/migrations.ts'
import { createGithubTwin, type GithubTwin, type PullRequest, type Repository, type Rules } from '../../../twins/github.ts'

export const slug = 'box'
export const permissions: Permissions = { ...needed, ...wished, ...forGit, metadata: 'read' }

export interface World {
  twin: GithubTwin
  repository: Repository
  forge: GithubForge
  database: Database.Database
  data: string
  /** Milliseconds that the forge's clock is ahead of the real one. */
  clock: { ahead: number }
  logged: string[]
  queued: LandingRequest[]
  /** What was told to the actors since the last call. */
  told: () => FactEvent[]
  /** Commits one file in an agent's worktree on `from` (default: the base), and answers the commit. */
  commit: (file: string, content: string, from?: string) => Promise<string>
  input: (head: string, more?: Partial<PublishInput>) => PublishInput
  /** A published change: its pull request at GitHub. */
  open: (file?: string, more?: Partial<PublishInput>) => Promise<{ number: number; head: string; pull: PullRequest }>
  facts: (number?: number) => Promise<NonNullable<Awaited<ReturnType<GithubForge['facts']>>>>
  /** The branch at GitHub. */
  branch: (name: string) => string | null
  /** What the webhooks that have come since the last call are read as. */
  read: () => Promise<Notice[]>
  /** A process that was started after this one was killed. */
  restart: (more?: Partial<Parameters<typeof createGithubForge>[0]>) => GithubForge
  close: () => Promise<void>
}

export interface WorldOptions {
  /** With a user's token instead of the App. */
  token?: boolean
  project?: Record<string, unknown>
  rules?: Rules
  autoMerge?: boolean
  permissions?: Permissions
  timeout?: number
  /** `owner/name` of the repository of a second project, `web`; the App is installed there too. */
  second?: string
}

export const secret = (value: string): Secret => new Secret('forge', 'a test', null, () => value)

export const branchName = 'signalbox/APP-1-change'

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), 'signalbox-github-'))
  const data = join(root, 'data')
  const home = join(root, 'home')
  for (const folder of [data, home]) mkdirSync(folder)
  const twin = await createGithubTwin({ folder: join(root, 'twin') })
  const repository = await twin.createRepository({
    name: 'acme/app',
    files: { 'README.md': '# App\n', 'src/a.ts': 'one\ntwo\nthree\n' },
    roles: { kim: 'write', ada: 'write', root: 'admin', eve: 'read', boxuser: 'write' },
    ...(options.autoMerge === undefined ? {} : { settings: { autoMerge: options.autoMerge } }),
  })
  if (options.rules !== undefined) twin.protect(repository, 'main', options.rules)
  const app = twin.createApp({ slug, permissions: options.permissions ?? permissions, events })
  // Nothing listens: what is sent is read where it was sent from.
  twin.setWebhook(app, { url: 'http://127.0.0.1:9/', secret: 'secret' })
  twin.install(app, 'acme')
  if (options.second !== undefined) {
    await twin.createRepository({ name: options.second, roles: { kim: 'write', ada: 'write', root: 'admin' } })
    twin.install(app, options.second.split('/')[0]!)
  }
  const database = new Database(join(data, 'signalbox.db'))
  database.pragma('foreign_keys = ON')
  for (const { sql } of migrations) database.exec(sql)
  const clock = { ahead: 0 }
  const now = (): number => Date.now() + clock.ahead
  const logged: string[] = []
  const queued: LandingRequest[] = []
  const parsed = configSchema.parse({
    agents: { fake: { kind: 'command', command: 'true' } },
    projects: [
      { id: 'app', repo: 'acme/app', landing: { lander: 'embedded' }, ...options.project },
      ...(options.second === undefined ? [] : [{ id: 'web', repo: options.second }]),
    ],
  })
  const start = (more: Partial<Parameters<typeof createGithubForge>[0]> = {}): GithubForge =>
    createGithubForge({
      settings: {
        ...{ kind: 'github', apiUrl: twin.restUrl, webhookSecret: secret('secret') },
        ...(options.token
          ? { appId: null, privateKey: null, token: secret(twin.userToken('boxuser')) }
          : { appId: String(app.id), privateKey: secret(app.privateKey), token: null }),
      },
      projects: parsed.projects as unknown as ProjectConfig[],
      webhooks: true,
      database,
      folder: data,
      now,
      after(ms, callback) {
        const timer = setTimeout(callback, Math.min(ms, 20))
        return () => clearTimeout(timer)
      },
      wake() {},
      requestQueue: async (request) => void (queued.some(({ headSha }) => headSha === request.headSha) || queued.push(request)),
      withdrawQueue: async (request) =>
        void queued.splice(0, queued.length, ...queued.filter(({ headSha }) => headSha !== request.headSha)),
      isOver: () => false,
      log: (_level, _line, message) => void logged.push(message),
      timeout: options.timeout,
      ...more,
    })
  const outbox = createFactOutbox({ database, now, wake: () => {} })
  const clone = join(data, 'clones', 'app.git')
  const agent = join(data, 'worktrees', 'agent')
  const run = (cwd: string, ...args: string[]): string => {
    const identity = {
      GIT_AUTHOR_NAME: 'Agent',
      GIT_AUTHOR_EMAIL: 'a@example.org',
      GIT_COMMITTER_NAME: 'Agent',
      GIT_COMMITTER_EMAIL: 'a@example.org',
    }
    const env = { PATH: process.env['PATH'], HOME: home, GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C', ...identity }
    return execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trimEnd()
  }
  let read = 0

  const world: World = {
    twin,
    repository,
    forge: start(),
    database,
    data,
    clock,
    logged,
    queued,
    told() {
      const facts = outbox.undelivered()
      outbox.markDelivered(facts.map(({ seq }) => seq))
      return facts.map(({ event }) => event)
    },
    async commit(file, content, from) {
      const { path, base } = await world.forge.repository('app')
      if (!existsSync(clone)) {
        run(data, 'clone', '-q', '--bare', path, clone)
        run(clone, 'worktree', 'add', '-q', '--detach', agent)
      }
      run(clone, 'fetch', '-q', path, '+refs/heads/*:refs/remotes/ours/*')
      run(agent, 'checkout', '-q', '--detach', from ?? `refs/remotes/ours/${base.name}`)
      mkdirSync(dirname(join(agent, file)), { recursive: true })
      writeFileSync(join(agent, file), content)
      run(agent, 'add', '-A')
      run(agent, 'commit', '-q', '-m', `Change ${file}`)
      return run(agent, 'rev-parse', 'HEAD')
    },
    input: (head, more = {}) => ({
      ...{ project: 'app', issue: 'issue-1', key: 'APP-1', branch: branchName, base: 'main', head, expected: null },
      ...{ title: 'Change it', body: 'Because.', draft: false, ...more },
    }),
    async open(file = 'b.txt', more = {}) {
      const head = await world.commit(file, `${file}\n`)
      const { number } = await world.forge.publish(world.input(head, more))
      return { number, head, pull: repository.pulls.get(number)! }
    },
    async facts(number) {
      const facts = await world.forge.facts({ project: 'app', issue: 'issue-1', number: number ?? null, branch: branchName })
      if (facts === null) throw new Error('There are no facts.')
      return facts
    },
    branch: (name) => repository.refs.get(`refs/heads/${name}`) ?? null,
    async read() {
      await twin.settled()
      const notices: Notice[] = []
      for (const delivery of twin.deliveries.slice(read)) {
        read += 1
        notices.push(...(await world.forge.inlet.read(toDelivery(delivery))))
      }
      return notices
    },
    restart: (more) => (world.forge = start(more)),
    async close() {
      database.close()
      await twin.close()
      rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  const { failures } = await world.forge.start()
  if (failures[0] !== undefined) {
    await world.close()
    throw failures[0].error
  }
  return world
}

/** What `signalbox doctor` finds. */
export function doctor(
  { twin }: World,
  more: { project?: object; settings?: object; now?: number; publicUrl?: string | null } = {},
): ReturnType<typeof checkGithub> {
  const app = [...twin.world.apps.values()].find((one) => one.slug === slug)!
  const { projects } = configSchema.parse({
    agents: { fake: { kind: 'command', command: 'true' } },
    projects: [{ id: 'app', repo: 'acme/app', ...more.project }],
  })
  const settings = {
    ...{ kind: 'github' as const, apiUrl: twin.restUrl, appId: String(app.id), privateKey: secret(app.privateKey) },
    ...{ token: null, webhookSecret: secret('s'), ...more.settings },
  }
  return checkGithub(settings, projects as unknown as ProjectConfig[], {
    now: () => Date.now() + (more.now ?? 0),
    webhooks: true,
    publicUrl: more.publicUrl === undefined ? 'http://127.0.0.1:9' : more.publicUrl,
  })
}

export const toDelivery = (delivery: GithubTwin['deliveries'][number]): Delivery => ({
  id: delivery.guid,
  event: delivery.event,
  body: delivery.body,
  receivedAt: 0,
})
