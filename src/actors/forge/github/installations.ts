// Where the App is let in, and the credentials with which we speak for it there; with a user's token, that.

import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import type { Client, Credential } from './client.ts'
import { routeByName, type RepositoryNames, type Route } from './repository-names.ts'
import { assertGranted, forGit, grantedOf, wished, type Installation, type Tokens } from './tokens.ts'

const installationSchema = z.object({
  id: z.int(),
  permissions: z.record(z.string(), z.string()),
  suspended_at: z.string().nullish(),
  html_url: z.string(),
})

const isUnknown = (error: unknown): boolean => error instanceof FatalError && error.code === 'github-not-found'

export type Installations = ReturnType<typeof createInstallations>

/** `app`: speaks as the App itself. */
export function createInstallations({ tokens, app, names }: { tokens: Tokens; app: Client; names: RepositoryNames }) {
  const installations = new Map<string, Promise<Installation>>()

  /** Where somebody lets the App in; an Enterprise has its Apps elsewhere, so that GitHub says where. */
  async function installUrl(): Promise<string> {
    const { html_url: page } = await app.request('GET /app', {}, z.object({ html_url: z.string() }), { what: 'the App itself' })
    return `${page}/installations/new`
  }

  function installationOf(project: string): Promise<Installation> {
    let found = installations.get(project)
    if (found === undefined) {
      found = ask(project)
      installations.set(project, found)
      found.catch(() => installations.delete(project))
    }
    return found
  }

  async function ask(project: string): Promise<Installation> {
    const fullName = names.nameOf(project)
    const get = ([path, parameters]: Route) =>
      app.request(`GET ${path}/installation`, parameters, installationSchema, { what: `the App's installation on ${fullName}` })
    // GitHub answers to the number, and leads old names to it, without documenting it: where it is not answered to the name is, and a
    // token of another's installation is none for our number.
    const route = names.routeOf(project)
    const isByNumber = names.known(project) !== undefined
    const {
      id,
      permissions,
      suspended_at: suspended,
      html_url: page,
    } = await get(route)
      .catch((error: unknown) => {
        if (!isByNumber || !isUnknown(error)) throw error
        return get(routeByName(fullName))
      })
      .catch(async (error: unknown) => {
        if (!isUnknown(error)) throw error
        const sentence = `The App is not installed on ${fullName}. Install it: ${await installUrl()}`
        throw new FatalError('github-not-installed', sentence, { cause: error })
      })
    if (suspended != null)
      throw new FatalError('github-not-installed', `The App's installation on ${fullName} is suspended. Its owner lifts that at ${page}`)
    return { id, permissions }
  }

  async function tokenOf(project: string, purpose: 'api' | 'git'): Promise<Credential & { secret: string }> {
    const place = names.known(project)
    const { id, permissions } = await installationOf(project)
    const repository = place === undefined ? { name: names.nameOf(project).split('/')[1]! } : { id: place.id }
    assertGranted(names.nameOf(project), permissions)
    const wanted = purpose === 'git' ? forGit : ({ contents: 'write', pull_requests: 'write', ...wished } as const)
    return tokens.installation(id, repository, grantedOf(wanted, permissions))
  }

  return {
    installUrl,
    installationOf,

    async credentialOf(project: string, purpose: 'api' | 'git'): Promise<Credential & { secret: string }> {
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
    },

    forget: (project: string): void => void installations.delete(project),
    forgetAll: (): void => installations.clear(),
  }
}
