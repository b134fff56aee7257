// The forge and the tracker that the configuration names.

import { createLocalForge, type LocalForge, type PendingCheck } from '../actors/forge/local.ts'
import type { Authorisation, Forge, Inlet, LandingRequest, Tracker } from '../actors/ports.ts'
import type { LinearTracker } from '../actors/tracker/linear.ts'
import { createLocalTracker, type LocalTracker } from '../actors/tracker/local.ts'
import { discoverBase } from '../actors/workspace/base.ts'
import { serverUrl, type Config } from '../config.ts'
import type { SqliteDatabase } from '../persistence/database.ts'

/** As people write it. */
export const nameOf = (kind: string): string => ({ github: 'GitHub', linear: 'Linear' })[kind] ?? kind

export interface ProvidersHost {
  config: Config
  database: SqliteDatabase
  now: () => number
  after: (ms: number, callback: () => void) => () => void
  /** Called after a commit that added facts. */
  wake: () => void
  log: (level: 'info' | 'warn' | 'error', line: Record<string, unknown>, message: string) => void
  /** The address of the issue's pull request. */
  pullRequestOf: (issue: string) => string | null
  /** Whether the issue is over, so that its pull request may become another's. */
  isOver: (issue: string) => boolean
  /** Starts the actor that runs the checks of one head. */
  spawnCheck: (check: PendingCheck) => Promise<void>
  requestQueue: (request: LandingRequest) => Promise<void>
  withdrawQueue: (request: LandingRequest & { reason: string }) => Promise<void>
}

export interface Providers {
  forge: Forge
  tracker: Tracker
  /** The embedded ones, where they are configured. */
  embedded: { forge: LocalForge | null; tracker: LocalTracker | null }
  /** Of those that speak by themselves, by the name in their webhooks' addresses. */
  inlets: ReadonlyMap<string, Inlet>
  /** Of those that a person has to let us into, by the same name. */
  authorisations: ReadonlyMap<string, Authorisation>
  /** What they do by themselves begins, and ends. */
  start: () => void
  stop: () => Promise<void>
  /** Forgets what they remembered before a time (epoch ms), and answers how much. */
  prune: (before: number) => number
}

export async function createProviders(host: ProvidersHost): Promise<Providers> {
  const { config, database, now, wake } = host
  const linear = await createLinear(host)
  const embeddedTracker =
    linear === null ? createLocalTracker({ database, now, wake, projects: config.projects, url: ({ key }) => issueUrl(config, key) }) : null
  const tracker = linear ?? embeddedTracker!
  const github = await createGithub(host)
  const embeddedForge = github === null ? createEmbedded(host) : null
  const forge: Forge = github ?? embeddedForge!
  const inlets = [tracker, forge].flatMap(({ kind, inlet }: Forge | Tracker) => (inlet === undefined ? [] : [[kind, inlet] as const]))
  return {
    forge,
    tracker,
    embedded: { forge: embeddedForge, tracker: embeddedTracker },
    inlets: new Map(inlets),
    authorisations: new Map(linear === null ? [] : [['linear', linear]]),
    start: () => linear?.start(),
    stop: async () => linear?.stop(),
    prune: (before) => linear?.prune(before) ?? 0,
  }
}

function createEmbedded({ config, ...host }: ProvidersHost): LocalForge {
  const { database, now, wake, isOver, spawnCheck, requestQueue, withdrawQueue } = host
  return createLocalForge({
    ...{ database, now, wake, isOver, spawnCheck, requestQueue, withdrawQueue },
    folder: config.dataFolder,
    projects: config.projects.map(({ id, repo, baseBranch, ci, deploy }) => ({ id, repo, baseBranch, ci, deploy })),
    // A pull request is looked at on its issue's page.
    url: ({ key }) => issueUrl(config, key),
    discoverBase: async (repo) => (await discoverBase(repo, null)).branch,
  })
}

// The two below are loaded where they are configured: their clients are large.

async function createGithub(host: ProvidersHost): Promise<Forge | null> {
  const { config, database, now, after, wake, isOver, requestQueue, withdrawQueue, log } = host
  if (config.forge.kind !== 'github') return null
  const { createGithubForge } = await import('../actors/forge/github.ts')
  return createGithubForge({
    ...{ settings: config.forge, projects: config.projects, webhooks: config.webhooks, folder: config.dataFolder },
    ...{ database, now, after, wake, isOver, requestQueue, withdrawQueue, log },
    ...(config.webhooks ? {} : { pause: config.polling.shortest }),
  })
}

async function createLinear(host: ProvidersHost): Promise<LinearTracker | null> {
  const { config, database, now, after, wake, isOver, pullRequestOf, log } = host
  if (config.tracker.kind !== 'linear') return null
  const { createLinearTracker } = await import('../actors/tracker/linear.ts')
  const { publicUrl } = config.server
  return createLinearTracker({
    ...{ settings: config.tracker, projects: config.projects, webhooks: config.webhooks, database, now, after, wake },
    url: ({ key }) => (publicUrl === null ? null : issueUrl(config, key)),
    callbackUrl: () => `${serverUrl(config.server)}/oauth/linear/callback`,
    pullRequest: pullRequestOf,
    isTerminal: isOver,
    log: (level, message, issue) => log(level, issue === undefined ? {} : { issue }, message),
  })
}

const issueUrl = (config: Config, key: string): string => `${serverUrl(config.server)}/#/issues/${encodeURIComponent(key)}`
