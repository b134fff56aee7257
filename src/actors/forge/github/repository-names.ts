// Which repository at GitHub each project is: as the configuration names it, and as it was seen last, whatever its name is by now.

import type { ProjectConfig } from '../../../config.ts'
import { ConfigurationError, FatalError } from '../../../errors.ts'
import type { SqliteDatabase } from '../../../persistence/database.ts'

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

/** What a route of GitHub's begins with, and its parameters. */
export type Route = [path: string, parameters: Record<string, unknown>]

interface PlaceRow {
  project: string
  repository_id: number
  full_name: string
  configured: string
  installation_id: number | null
  default_branch: string
}

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

const partsOf = (fullName: string): { owner: string; repo: string } => {
  const [owner, repo] = fullName.split('/') as [string, string]
  return { owner, repo }
}

export const routeByName = (fullName: string): Route => ['/repos/{owner}/{repo}', partsOf(fullName)]

function toPlace(row: PlaceRow): Place {
  const { owner, repo } = partsOf(row.full_name)
  const { project, repository_id: id, full_name: fullName, installation_id: installation, default_branch: defaultBranch } = row
  return { project, id, owner, name: repo, fullName, installation, defaultBranch }
}

export type RepositoryNames = ReturnType<typeof createRepositoryNames>

export function createRepositoryNames({
  projects,
  database,
  webUrl,
}: {
  projects: readonly Pick<ProjectConfig, 'id' | 'repo'>[]
  database: SqliteDatabase
  webUrl: string
}) {
  const get = database.prepare<[string], PlaceRow>('SELECT * FROM github_repository WHERE project = ?')
  const byId = database.prepare<[number], PlaceRow>('SELECT * FROM github_repository WHERE repository_id = ? ORDER BY project')
  const write = database.prepare<[PlaceRow]>(
    `INSERT INTO github_repository (project, repository_id, full_name, configured, installation_id, default_branch)
     VALUES (@project, @repository_id, @full_name, @configured, @installation_id, @default_branch)
     ON CONFLICT DO UPDATE SET repository_id = @repository_id, full_name = @full_name, configured = @configured,
       installation_id = @installation_id, default_branch = @default_branch`,
  )
  const rename = database.prepare<[string, number]>('UPDATE github_repository SET full_name = ? WHERE repository_id = ?')
  /** By the repository's id; asked with every webhook. */
  const owners = new Map<number, string[]>()

  function configuredName(project: string): string {
    const found = projects.find(({ id }) => id === project)
    if (found === undefined) throw new FatalError('unknown-project', `There is no project '${project}' in the configuration any more.`)
    return fullNameOf(found.repo, webUrl)
  }

  /** As it was seen last, unless the configuration names another repository by now. */
  function known(project: string): Place | undefined {
    const row = get.get(project)
    return row?.configured === configuredName(project) ? toPlace(row) : undefined
  }

  const nameOf = (project: string): string => known(project)?.fullName ?? configuredName(project)

  return {
    configuredName,
    known,
    nameOf,

    /** By its number where that is known: its name may be another's by now. */
    routeOf(project: string): Route {
      const place = known(project)
      return place === undefined ? routeByName(configuredName(project)) : ['/repositories/{id}', { id: place.id }]
    },

    seen(project: string, { id, fullName, installation, defaultBranch }: Omit<Place, 'project' | 'owner' | 'name'>): Place {
      owners.clear()
      const configured = configuredName(project)
      write.run({
        project,
        repository_id: id,
        full_name: fullName,
        configured,
        installation_id: installation,
        default_branch: defaultBranch,
      })
      return toPlace(get.get(project)!)
    },

    /** It has another name: answers the projects that it is of. */
    renamed(repositoryId: number, fullName: string): string[] {
      rename.run(fullName, repositoryId)
      return byId.all(repositoryId).map(({ project }) => project)
    },

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
  }
}
