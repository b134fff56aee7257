// The repositories of the projects at GitHub: where each is, found again when it has moved, and with whose word we speak there.

import { z } from 'zod'
import type { Config, ProjectConfig } from '../../../config.ts'
import { FatalError } from '../../../errors.ts'
import type { SqliteDatabase } from '../../../persistence/database.ts'
import type { RemoteAccess } from '../base-at-url.ts'
import { createClient, type Client } from './client.ts'
import { gitAccess } from './git-access.ts'
import { createInstallations } from './installations.ts'
import { createLimits } from './limits.ts'
import { createRepositoryNames, webUrlOf, type Place } from './repository-names.ts'
import { createTokens } from './tokens.ts'

export type GithubSettings = Extract<Config['forge'], { kind: 'github' }>

/** Who we are there. */
export interface Self {
  /** As REST names it: `slug[bot]`, or the login of a user. */
  login: string
  /** The App's short name; of a user the login. What people address. */
  slug: string
}

const repositorySchema = z.object({ id: z.int(), full_name: z.string().regex(/^[^/]+\/[^/]+$/), default_branch: z.string().min(1) })

/** Milliseconds for which the answer to a search counts for all who ask: less than the pause before a refusal is doubted. */
const pauseOfSearch = 900

const isLoopback = (url: string): boolean => /^(127\.|localhost$|\[::1\]$)/.test(new URL(url).hostname)

export type GithubRepositories = ReturnType<typeof createGithubRepositories>

export function createGithubRepositories(options: {
  settings: GithubSettings
  projects: readonly Pick<ProjectConfig, 'id' | 'repo'>[]
  database: SqliteDatabase
  now: () => number
  /** Milliseconds for one call. */
  timeout?: number | undefined
}) {
  const { settings, projects, database, now, timeout } = options
  const { apiUrl } = settings
  const webUrl = webUrlOf(apiUrl)
  const paced = !isLoopback(apiUrl)
  const tokens = createTokens({ ...settings, now, app: () => app })
  const limits = createLimits(now)
  const app = createClient({ apiUrl, now, timeout, paced, limits, id: 'app', credential: tokens.app })
  const names = createRepositoryNames({ projects, database, webUrl })
  const installations = createInstallations({ tokens, app, names })
  const clients = new Map<string, Client>()
  const places = new Map<string, Promise<Place>>()
  const searches = new Map<string, { at: number; hasMoved: Promise<boolean> }>()
  let self: Promise<Self> | undefined
  let changedAt = -Infinity

  /** An App has one installation in each account, whose projects share what it may ask; a user has all of it. */
  const callerOf = (project: string): string =>
    tokens.isApp ? `installation in ${names.nameOf(project).split('/')[0]!.toLowerCase()}` : 'user'
  const clientOf = (project: string, more: Partial<Parameters<typeof createClient>[0]> = {}): Client => {
    const credential = () => installations.credentialOf(project, 'api')
    return createClient({ apiUrl, now, timeout, paced, limits, id: callerOf(project), credential, ...more })
  }

  function client(project: string): Client {
    // A repository may be given to another account.
    const key = JSON.stringify([project, callerOf(project)])
    let found = clients.get(key)
    if (found === undefined) {
      const isRefusal = (error: unknown): boolean =>
        error instanceof FatalError && ['github-not-found', 'github-forbidden'].includes(error.code)
      found = clientOf(project, {
        onRenamed: () => forget(project),
        hasMoved: async (error) => isRefusal(error) && hasMoved(project),
      })
      clients.set(key, found)
    }
    return found
  }

  async function look(project: string): Promise<Place> {
    const what = `the repository ${names.nameOf(project)}`
    const [path, parameters] = names.routeOf(project)
    // With a client that does not look for it in turn.
    const {
      id,
      full_name: fullName,
      default_branch: defaultBranch,
    } = await clientOf(project).request(`GET ${path}`, parameters, repositorySchema, { what })
    const installation = tokens.isApp ? (await installations.installationOf(project)).id : null
    return names.seen(project, { id, fullName, installation, defaultBranch })
  }

  /** It is looked at again when it is asked for next. */
  function forget(project: string): void {
    installations.forget(project)
    places.delete(project)
  }

  /**
   * Whether it is found under another name, or under another installation, than when it was looked at last. Throws FatalError
   * `github-not-installed`.
   */
  function hasMoved(project: string): Promise<boolean> {
    const last = searches.get(project)
    if (last !== undefined && now() - last.at < pauseOfSearch) return last.hasMoved
    const search = async (): Promise<boolean> => {
      const before = names.known(project)
      forget(project)
      const after = await place(project)
      return after.fullName !== before?.fullName || after.installation !== before.installation
    }
    const found = search().catch((error: unknown) => {
      // That we are let in there no more says what to do; anything else says less than the refusal that had it looked for.
      if (error instanceof FatalError && error.code === 'github-not-installed') throw error
      return false
    })
    searches.set(project, { at: now(), hasMoved: found })
    return found
  }

  /** Asked for once in a process, and as the row has it from then on: that it has moved is told by webhook, or seen by an answer. */
  async function place(project: string): Promise<Place> {
    let found = places.get(project)
    if (found === undefined) {
      found = look(project)
      places.set(project, found)
      found.catch(() => places.delete(project))
    }
    const seen = await found
    return names.known(project) ?? seen
  }

  function who(): Promise<Self> {
    self ??= (async () => {
      if (tokens.isApp) {
        const { slug } = await app.request('GET /app', {}, z.object({ slug: z.string().min(1) }), { what: 'the App itself' })
        return { slug, login: `${slug}[bot]` }
      }
      const { login } = await client(projects[0]!.id).request('GET /user', {}, z.object({ login: z.string().min(1) }), {
        what: 'the user of forge.token',
      })
      return { slug: login, login }
    })()
    self.catch(() => (self = undefined))
    return self
  }

  return {
    app,
    isApp: tokens.isApp,
    webUrl,
    client,
    place,
    installationOf: installations.installationOf,
    installUrl: installations.installUrl,
    configuredName: names.configuredName,
    isConfigured: names.isConfigured,
    projectsOf: names.projectsOf,
    /** Where people look at it. */
    pageOf: (project: string): string => `${webUrl}/${names.nameOf(project)}`,
    /** What routes of the repository need. */
    async at(project: string): Promise<{ owner: string; repo: string }> {
      const { owner, name } = await place(project)
      return { owner, repo: name }
    },

    /** It has another name or another owner, whose installation is another one. */
    moved(repositoryId: number, fullName: string): void {
      for (const project of names.renamed(repositoryId, fullName)) forget(project)
    },

    /** Installed anew, taken away, or with other permissions: everything is asked for again. */
    installationChanged(): void {
      changedAt = performance.now()
      installations.forgetAll()
      places.clear()
      tokens.forgetAll()
    },

    access: (project: string): RemoteAccess =>
      gitAccess({
        webUrl,
        url: () => `${webUrl}/${names.nameOf(project)}.git`,
        changedAt: () => changedAt,
        credential: () => installations.credentialOf(project, 'git'),
        hasMoved: () => hasMoved(project),
      }),

    /** Our own commits are the App's, with the address by which GitHub knows it; of a user's token they are the user's. */
    async identity(project: string): Promise<Record<string, string>> {
      const { login } = await who()
      const found = await client(project)
        .request('GET /users/{username}', { username: login }, z.object({ id: z.int() }), { what: `the user ${login}` })
        .catch((error: unknown) => {
          // Not every Enterprise shows the users of Apps.
          if (error instanceof FatalError && error.code === 'github-not-found') return null
          throw error
        })
      const email = `${found === null ? '' : `${found.id}+`}${login}@users.noreply.${new URL(webUrl).hostname}`
      return { GIT_AUTHOR_NAME: login, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: login, GIT_COMMITTER_EMAIL: email }
    },

    /** Who we are there; asked once. */
    self: who,
  }
}
