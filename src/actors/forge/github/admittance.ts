// Where GitHub lets us in: the installations of the App, and each project with the one that it is reached by, or with the reason why not.

import Database from 'better-sqlite3'
import { z } from 'zod'
import type { ProjectConfig } from '../../../config.ts'
import { SignalboxError } from '../../../errors.ts'
import { githubSchema } from '../../../persistence/github-schema.ts'
import { createGithubRepositories, type GithubSettings } from './repositories.ts'
import { fullNameOf } from './repository-names.ts'
import { missingOf } from './tokens.ts'

export interface Admittance {
  kind: 'app' | 'token'
  /** The App's short name, or the login of the token's user. */
  name: string
  /** Where somebody installs the App; null for a token. */
  url: string | null
  installations: {
    id: number
    account: string
    /** Where its owner looks at it. */
    url: string
    repositories: 'all' | 'selected'
    suspended: boolean
    /** The permissions without which nothing works, such as `contents: write`. */
    missing: string[]
  }[]
  projects: {
    project: string
    repository: string
    installation: number | null
    connected: boolean
    /** What keeps us out, and what to do about it. */
    reason: string | null
  }[]
}

const installationSchema = z.object({
  id: z.int(),
  account: z.object({ login: z.string().optional(), slug: z.string().optional() }).nullish(),
  html_url: z.string(),
  repository_selection: z.enum(['all', 'selected']),
  suspended_at: z.string().nullish(),
  permissions: z.record(z.string(), z.string()),
})

/** Throws what GitHub makes of credentials that it does not take; that a project is not reached is part of the answer. */
export async function findAdmittance(
  settings: GithubSettings,
  projects: readonly ProjectConfig[],
  options: { now: () => number; timeout?: number },
): Promise<Admittance> {
  const database = new Database(':memory:')
  try {
    database.exec(githubSchema)
    const repositories = createGithubRepositories({ settings, projects, database, ...options })
    const { isApp, app, webUrl } = repositories
    const { slug } = await repositories.self()
    const installed = isApp
      ? await app.pages('GET /app/installations', {}, installationSchema, { what: 'the installations of the App' })
      : []
    const found: Admittance['projects'] = []
    for (const { id: project, repo } of projects) {
      const known = { project, repository: fullNameOf(repo, webUrl) }
      try {
        const { fullName, installation } = await repositories.place(project)
        found.push({ project, repository: fullName, installation, connected: true, reason: null })
      } catch (error) {
        if (!(error instanceof SignalboxError)) throw error
        const installation = isApp ? await repositories.installationOf(project).catch(() => null) : null
        found.push({ ...known, installation: installation?.id ?? null, connected: false, reason: error.message })
      }
    }
    return {
      kind: isApp ? 'app' : 'token',
      name: slug,
      url: isApp ? await repositories.installUrl() : null,
      installations: installed.map(({ id, account, html_url, repository_selection, suspended_at, permissions }) => ({
        ...{ id, account: account?.login ?? account?.slug ?? '', url: html_url, repositories: repository_selection },
        ...{ suspended: suspended_at != null, missing: missingOf(permissions) },
      })),
      projects: found,
    }
  } finally {
    database.close()
  }
}
