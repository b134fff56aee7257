// Which repository at GitHub a project is, whatever its name is by now, and with whose word we speak there.

import { z } from 'zod'
import type { Config, ProjectConfig } from '../../../config.ts'
import { ConfigurationError, FatalError } from '../../../errors.ts'
import type { SqliteDatabase } from '../../../persistence/database.ts'
import type { RemoteAccess } from '../base-at-url.ts'
import { createClient, type Client, type Credential } from './client.ts'
import { gitAccess } from './git-access.ts'
import { assertGranted, createTokens, forGit, grantedOf, wished, type Installation } from './tokens.ts'

export type GithubSettings = Extract<Config['forge'], { kind: 'github' }>

/** A repository as it was seen last. */
export interface Place {
  project: string
  id: number
  owner: string
  name: string
  fullName: string
  installation: number | null
  defaultBranch: string
}

/** Who we are there. */
export interface Self {
  /** As REST names it: `slug[bot]`, or the login of a user. */
  login: string
  /** The App's short name; of a user the login. What people address. */
  slug: string
}

type Route = [path: string, parameters: Record<string, unknown>]

const isUnknown = (error: unknown): boolean => error instanceof FatalError && error.code === 'github-not-found'

interface PlaceRow {
  project: string
  repository_id: number
  full_name: string
  configured: string
  installation_id: number | null
  default_branch: string
}

const repositorySchema = z.object({ id: z.int(), full_name: z.string().regex(/^[^/]+\/[^/]+$/), default_branch: z.string().min(1) })
const installationSchema = z.object({
  id: z.int(),
  permissions: z.record(z.string(), z.string()),
  suspended_at: z.string().nullish(),
  html_url: z.string(),
})

/** Where people and git find what is at `apiUrl`. */
export function webUrlOf(apiUrl: string): string {
  const url = new URL(apiUrl)
  if (url.hostname.startsWith('api.')) return `${url.protocol}//${url.host.slice('api.'.length)}`
  return apiUrl.replace(/\/api\/v3$/, '')
}

/** `owner/name` of what the configuration says. Throws ConfigurationError `not-at-github`. */
export function fullNameOf(repo: string, webUrl: string): string {
  const { host, pathname } = new URL(webUrl)
  const path = pathname.replace(/\/$/, '')
  const tail = repo
    .replace(/^https?:\/\/(?:[^/@]*@)?/i, '')
    .replace(/^ssh:\/\/(?:[^/@]*@)?/i, '')
    .replace(/^[^/@:]+@/, '')
  const named = /^[\w.-]+\/[\w.-]+$/.test(repo)
    ? repo
    : tail.startsWith(`${host}${path}/`)
      ? tail.slice(host.length + path.length + 1)
      : tail.startsWith(`${host}:`)
        ? tail.slice(host.length + 1)
        : ''
  const name = named.replace(/\.git$/, '').replace(/\/$/, '')
  if (!/^[\w.-]+\/[\w.-]+$/.test(name)) {
    throw new ConfigurationError('not-at-github', `${repo} is no repository at ${webUrl}. Set repo to owner/name.`)
  }
  return name
}

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
  const app = createClient({ apiUrl, now, timeout, paced, id: 'app', credential: tokens.app })
  const clients = new Map<string, Client>()
  const places = new Map<string, Promise<Place>>()
  const searches = new Map<string, { at: number; hasMoved: Promise<boolean> }>()
  const installations = new Map<string, Promise<Installation>>()
  const permissions = new Map<number, Record<string, string>>()
  let self: Promise<Self> | undefined
  /** By the repository's id; asked with every webhook. */
  const owners = new Map<number, string[]>()

  const get = database.prepare<[string], PlaceRow>('SELECT * FROM github_repository WHERE project = ?')
  const byId = database.prepare<[number], PlaceRow>('SELECT * FROM github_repository WHERE repository_id = ? ORDER BY project')
  const write = database.prepare<[PlaceRow]>(
    `INSERT INTO github_repository (project, repository_id, full_name, configured, installation_id, default_branch)
     VALUES (@project, @repository_id, @full_name, @configured, @installation_id, @default_branch)
     ON CONFLICT DO UPDATE SET repository_id = @repository_id, full_name = @full_name, configured = @configured,
       installation_id = @installation_id, default_branch = @default_branch`,
  )
  const rename = database.prepare<[string, number]>('UPDATE github_repository SET full_name = ? WHERE repository_id = ?')

  function configuredName(project: string): string {
    const found = projects.find(({ id }) => id === project)
    if (found === undefined) throw new FatalError('unknown-project', `There is no project '${project}' in the configuration any more.`)
    return fullNameOf(found.repo, webUrl)
  }

  /** The row, unless the configuration names another repository by now. */
  function known(project: string): PlaceRow | undefined {
    const row = get.get(project)
    return row?.configured === configuredName(project) ? row : undefined
  }

  const nameOf = (project: string): string => known(project)?.full_name ?? configuredName(project)
  const parts = (fullName: string) => {
    const [owner, repo] = fullName.split('/') as [string, string]
    return { owner, repo }
  }

  /** Where somebody lets the App in; an Enterprise has its Apps elsewhere, so that GitHub says where. */
  async function installUrl(): Promise<string> {
    const { html_url: page } = await app.request('GET /app', {}, z.object({ html_url: z.string() }), { what: 'the App itself' })
    return `${page}/installations/new`
  }

  function installationOf(project: string): Promise<Installation> {
    let found = installations.get(project)
    if (found === undefined) {
      found = askForInstallation(project)
      installations.set(project, found)
      found.catch(() => installations.delete(project))
    }
    return found
  }

  async function askForInstallation(project: string): Promise<Installation> {
    const fullName = nameOf(project)
    const ask = ([path, parameters]: Route) =>
      app.request(`GET ${path}/installation`, parameters, installationSchema, { what: `the App's installation on ${fullName}` })
    // By its number where that is known: its name may be another's by now. GitHub answers to it, and leads old names to it, without
    // documenting it: where it is not answered to the name is, and a token of another's installation is none for our number.
    const routes = known(project) === undefined ? [byName(fullName)] : [routeOf(project), byName(fullName)]
    const {
      id,
      permissions: granted,
      suspended_at: suspended,
      html_url: page,
    } = await ask(routes[0]!)
      .catch((error: unknown) => {
        if (routes[1] === undefined || !isUnknown(error)) throw error
        return ask(routes[1])
      })
      .catch(async (error: unknown) => {
        if (!isUnknown(error)) throw error
        const sentence = `The App is not installed on ${fullName}. Install it: ${await installUrl()}`
        throw new FatalError('github-not-installed', sentence, { cause: error })
      })
    if (suspended != null)
      throw new FatalError('github-not-installed', `The App's installation on ${fullName} is suspended. Its owner lifts that at ${page}`)
    permissions.set(id, granted)
    return { id, permissions: granted }
  }

  async function credentialOf(project: string, purpose: 'api' | 'git'): Promise<Credential & { secret: string }> {
    if (!tokens.isApp) return tokens.user()
    const isKnown = installations.has(project)
    try {
      return await tokenOf(project, purpose)
    } catch (error) {
      // Since it was asked for, the App may have been let in anew, or the repository may have moved to where another one counts.
      if (!isKnown || !(error instanceof FatalError)) throw error
      installations.delete(project)
      return tokenOf(project, purpose)
    }
  }

  async function tokenOf(project: string, purpose: 'api' | 'git'): Promise<Credential & { secret: string }> {
    const row = known(project)
    const { id, permissions: granted } = await installationOf(project)
    const repository = row === undefined ? { name: parts(nameOf(project)).repo } : { id: row.repository_id }
    assertGranted(nameOf(project), granted)
    return tokens.installation(
      id,
      repository,
      grantedOf(purpose === 'git' ? forGit : { contents: 'write', pull_requests: 'write', ...wished }, granted),
    )
  }

  const clientOf = (project: string, more: Partial<Parameters<typeof createClient>[0]> = {}): Client =>
    createClient({ apiUrl, now, timeout, paced, id: project, credential: () => credentialOf(project, 'api'), ...more })

  function client(project: string): Client {
    let found = clients.get(project)
    if (found === undefined) {
      const isRefusal = (error: unknown): boolean =>
        error instanceof FatalError && ['github-not-found', 'github-forbidden'].includes(error.code)
      found = clientOf(project, {
        onRenamed: () => forget(project),
        hasMoved: async (error) => isRefusal(error) && hasMoved(project),
      })
      clients.set(project, found)
    }
    return found
  }

  const byName = (fullName: string): Route => ['/repos/{owner}/{repo}', parts(fullName)]
  const routeOf = (project: string): Route => {
    const row = known(project)
    return row === undefined ? byName(configuredName(project)) : ['/repositories/{id}', { id: row.repository_id }]
  }

  async function look(project: string): Promise<Place> {
    const configured = configuredName(project)
    const what = `the repository ${nameOf(project)}`
    const [path, parameters] = routeOf(project)
    // With a client that does not look for it in turn.
    const {
      id,
      full_name: fullName,
      default_branch: defaultBranch,
    } = await clientOf(project).request(`GET ${path}`, parameters, repositorySchema, { what })
    const installation = tokens.isApp ? (await installationOf(project)).id : null
    owners.clear()
    write.run({ project, repository_id: id, full_name: fullName, configured, installation_id: installation, default_branch: defaultBranch })
    return toPlace(get.get(project)!)
  }

  const toPlace = (row: PlaceRow): Place => {
    const { owner, repo } = parts(row.full_name)
    const { project, repository_id: id, full_name: fullName, installation_id: installation, default_branch: defaultBranch } = row
    return { project, id, owner, name: repo, fullName, installation, defaultBranch }
  }

  /** It is looked at again when it is asked for next. */
  function forget(project: string): void {
    installations.delete(project)
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
      const before = known(project)
      forget(project)
      const after = await place(project)
      return after.fullName !== before?.full_name || after.installation !== before.installation_id
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
    await found
    return toPlace(get.get(project)!)
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
    installationOf,
    installUrl,
    configuredName,
    /** Where people look at it. */
    pageOf: (project: string): string => `${webUrl}/${nameOf(project)}`,
    /** Whether a project names it, were it looked at or not. */
    isConfigured: (fullName: string): boolean => projects.some(({ id }) => configuredName(id).toLowerCase() === fullName.toLowerCase()),
    /** The projects whose repository this is; empty for one that is not ours. */
    projectsOf(repositoryId: number): readonly string[] {
      let found = owners.get(repositoryId)
      if (found === undefined) {
        found = byId.all(repositoryId).flatMap(({ project }) => (projects.some(({ id }) => id === project) ? [project] : []))
        // Anybody's repositories may be told of, where the App is installed for all of them.
        if (found.length > 0) owners.set(repositoryId, found)
      }
      return found
    },

    /** What routes of the repository need. */
    async at(project: string): Promise<{ owner: string; repo: string }> {
      const { owner, name } = await place(project)
      return { owner, repo: name }
    },

    /** It has another name or another owner, whose installation is another one. */
    moved(repositoryId: number, fullName: string): void {
      rename.run(fullName, repositoryId)
      for (const { project } of byId.all(repositoryId)) forget(project)
    },

    /** Installed anew, taken away, or with other permissions: everything is asked for again. */
    installationChanged(): void {
      installations.clear()
      places.clear()
      tokens.forgetAll()
    },

    access: (project: string): RemoteAccess =>
      gitAccess({
        webUrl,
        url: () => `${webUrl}/${nameOf(project)}.git`,
        credential: () => credentialOf(project, 'git'),
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
