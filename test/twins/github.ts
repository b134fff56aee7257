// A stand-in for GitHub (as an Enterprise host) in the test process: see `createGithubTwin`.

import { mkdir, rm } from 'node:fs/promises'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  createApp,
  createUserToken,
  ensureAccount,
  install,
  setPermissions,
  setRepositories,
  suspend,
  uninstall,
} from './github/accounts.ts'
import type { AppOptions } from './github/accounts.ts'
import { realClock, type Clock } from './clock.ts'
import { Faults } from './faults.ts'
import type { RequestRecord } from './github/faults.ts'
import { createHook } from './github/hook-routes.ts'
import { protect } from './github/protection.ts'
import { RateLimits } from './github/rate-limit.ts'
import type { Limits } from './github/rate-limit.ts'
import { createRepository, findRepository } from './github/repositories.ts'
import type { RepositoryOptions } from './github/repositories.ts'
import { loadSchemas } from './github/schemas.ts'
import { createTwinServer } from './github/server.ts'
import type { Ci, App, Account, Installation, Permissions, Repository, Role, Rules, World } from './github/state.ts'
import { createUser } from './github/users.ts'
import type { User } from './github/users.ts'
import { Webhooks } from './github/webhooks.ts'
import type { Delivery } from './github/webhooks.ts'

export type { AppOptions } from './github/accounts.ts'
export type { Fault, RequestRecord } from './github/faults.ts'
export type { RepositoryOptions } from './github/repositories.ts'
export type {
  Annotation,
  App,
  CheckPlan,
  CheckRun,
  Ci,
  CiEvent,
  Installation,
  PullRequest,
  Repository,
  Review,
  Rules,
  Thread,
} from './github/state.ts'
export type { User } from './github/users.ts'
export type { Delivery } from './github/webhooks.ts'

export interface GithubTwinOptions {
  /** Where the bare repositories are; made when missing, removed at `close`. */
  folder: string
  clock?: Clock
  limits?: Partial<Limits>
}

export type GithubTwin = Awaited<ReturnType<typeof createGithubTwin>>

/** Starts a GitHub on a free port of 127.0.0.1. REST is at `restUrl`, GraphQL at `graphqlUrl`, git at `cloneUrl(repository)`. */
export async function createGithubTwin(options: GithubTwinOptions) {
  await mkdir(options.folder, { recursive: true })
  const world = createWorld(options)
  const limits = new RateLimits(world)
  Object.assign(limits.limits, options.limits)
  const server = createTwinServer(world, limits)
  server.server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  world.origin = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`
  const users = new Map<string, User>()

  return {
    /** Everything below is built on this; tests that need more than the methods offer read it. */
    world,
    url: world.origin,
    restUrl: `${world.origin}/api/v3`,
    graphqlUrl: `${world.origin}/api/graphql`,
    cloneUrl: (repository: Repository): string => `${world.origin}/${repository.owner.login}/${repository.name}.git`,
    requests: server.requests,
    faults: world.faults as Pick<Faults<RequestRecord>, 'add' | 'clear' | 'pending'>,
    webhooks: world.webhooks as Pick<Webhooks, 'pause' | 'resume' | 'drop' | 'duplicate' | 'delay' | 'shuffle' | 'calm'>,
    deliveries: world.webhooks.deliveries as readonly Delivery[],
    problems: world.problems as readonly string[],
    limits: limits.limits,
    get latency(): number {
      return server.latency
    },
    set latency(ms: number) {
      server.latency = ms
    },

    createRepository: (repository: RepositoryOptions): Promise<Repository> => createRepository(world, repository),
    repository(name: string): Repository {
      const [owner, short] = name.split('/') as [string, string]
      const found = findRepository(world, owner, short)
      if (found === undefined) throw new Error(`The twin has no repository ${name}.`)
      return found.repository
    },
    setRole(repository: Repository, login: string, role: Role): void {
      repository.roles.set(ensureAccount(world, login).login, role)
    },
    /** What CI says of every commit of a pull request, a merge group, and of pushes to `branches` (the default branch when not given). */
    ci(repository: Repository, ci: Ci | undefined, branches?: (branch: string) => boolean): void {
      repository.ci = ci
      if (branches !== undefined) repository.ciBranches = branches
    },
    protect: (repository: Repository, branch: string, rules: Rules | undefined): void =>
      protect(world, repository, branch, 'protection', rules, repository.owner),
    ruleset: (repository: Repository, branch: string, rules: Rules | undefined): void =>
      protect(world, repository, branch, 'ruleset', rules, repository.owner),

    createApp: (app: AppOptions): App => createApp(world, app),
    install: (app: App, owner: string, repositories?: Repository[]): Installation =>
      install(world, app, ensureAccount(world, owner, 'Organization'), repositories),
    uninstall: (installation: Installation): void => uninstall(world, installation),
    suspend: (installation: Installation, suspended = true): void => suspend(world, installation, suspended),
    /** What was given out so far is worth nothing any more. */
    revokeTokens: (): void => world.tokens.clear(),
    setPermissions: (installation: Installation, permissions: Permissions): void => setPermissions(world, installation, permissions),
    setRepositories: (installation: Installation, repositories: Repository[]): void => setRepositories(world, installation, repositories),
    createHook: (repository: Repository, hook: { url: string; secret: string; events: string[] }) =>
      createHook({ world, repository }, hook),
    /** Where an App's deliveries go from now on. */
    setWebhook(app: App, webhook: { url: string; secret: string }): void {
      if (app.hook === undefined)
        app.hook = {
          id: world.nextId(),
          app,
          repository: undefined,
          events: app.events,
          active: true,
          createdAt: world.clock.now(),
          ...webhook,
        }
      else Object.assign(app.hook, webhook)
    },
    /** A personal access token: a classic one with these scopes, without them one that is fine-grained. Scopes are told, and not held to. */
    userToken: (login: string, scopes?: readonly string[]): string => createUserToken(world, ensureAccount(world, login), scopes).token,
    account: (login: string, type?: Account['type']): Account => ensureAccount(world, login, type),

    /** A user who acts by hand. */
    as(login: string): User {
      let user = users.get(login)
      if (user === undefined) users.set(login, (user = createUser(world, ensureAccount(world, login))))
      return user
    },
    /** Hands a delivery over again, as the button on the site does. */
    redeliver: (delivery: Delivery): Delivery => world.webhooks.redeliver(delivery),

    /** Resolves once nothing goes on in the twin by itself: no CI that is due, no merge, no delivery under way. */
    settled: (): Promise<void> => settled(world),

    /** Stops, removes the repositories, and throws when the twin broke GitHub's published schemas or failed itself. */
    async close(): Promise<void> {
      world.closed = true
      server.server.closeAllConnections()
      await new Promise((resolve) => server.server.close(resolve))
      await settled(world)
      world.webhooks.close()
      for (const repository of world.repositoryById.values()) repository.git.close()
      await rm(options.folder, { recursive: true, force: true, maxRetries: 5 })
      if (world.problems.length > 0) {
        throw new Error(
          `The GitHub twin has ${world.problems.length} problems of its own:\n${[...new Set(world.problems)].slice(0, 10).join('\n')}`,
        )
      }
    },
  }
}

const background = new WeakMap<World, Set<Promise<void>>>()

async function settled(world: World): Promise<void> {
  const works = background.get(world)!
  do {
    await Promise.all(works)
    await world.webhooks.idle()
  } while (works.size > 0)
}

function createWorld(options: GithubTwinOptions): World {
  let lastId = 1000
  const works = new Set<Promise<void>>()
  const world = {
    folder: options.folder,
    clock: options.clock ?? realClock,
    schemas: loadSchemas(),
    faults: new Faults<RequestRecord>(),
    problems: [] as string[],
    origin: '',
    accounts: new Map(),
    apps: new Map(),
    installations: new Map(),
    tokens: new Map(),
    repositories: new Map(),
    repositoryById: new Map(),
    renamed: new Map(),
    nodes: new Map(),
    closed: false,
    nextId: () => ++lastId,
    background(work: () => Promise<void>): void {
      const running: Promise<void> = work()
        .catch((error: unknown) => {
          // What is cut short by the end is no problem.
          if (!world.closed) world.problems.push((error as Error).stack ?? String(error))
        })
        .finally(() => works.delete(running))
      works.add(running)
    },
  } as unknown as World & { webhooks: Webhooks; actions: App }
  Object.assign(world, { webhooks: new Webhooks(world) })
  Object.assign(world, { actions: createApp(world, { slug: 'github-actions', owner: 'github' }) })
  background.set(world, works)
  return world
}
