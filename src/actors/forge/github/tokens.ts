// The credentials: an App's tokens, minted for one repository with named permissions and renewed before they end, or the one token of a user.

import { createAppAuth } from '@octokit/auth-app'
import { z } from 'zod'
import type { Secret } from '../../../config-values.ts'
import { ConfigurationError, FatalError } from '../../../errors.ts'
import type { Client, Credential } from './client.ts'

export type Level = 'read' | 'write'
export type Permissions = Record<string, Level>

/** Without these nothing works. */
export const needed: Permissions = { contents: 'write', pull_requests: 'write', checks: 'read' }
/** What is asked for beside them, where the installation has it: each for one thing that is left out without it. */
export const wished: Permissions = {
  checks: 'write',
  statuses: 'read',
  issues: 'write',
  actions: 'write',
  administration: 'read',
  merge_queues: 'write',
}
/** For git: what is pushed may be a workflow. */
export const forGit: Permissions = { contents: 'write', workflows: 'write' }

export interface Installation {
  id: number
  permissions: Record<string, string>
}

const ranks: Record<string, number> = { read: 1, write: 2, admin: 3 }
export const grants = (granted: Record<string, string>, name: string, level: Level): boolean =>
  (ranks[granted[name] ?? ''] ?? 0) >= ranks[level]!

/** What of `wanted` has been granted, at the level that is granted. */
export function grantedOf(wanted: Permissions, granted: Record<string, string>): Permissions {
  const some = Object.entries(wanted).flatMap(([name, level]): [string, Level][] => {
    if (grants(granted, name, level)) return [[name, level]]
    return grants(granted, name, 'read') ? [[name, 'read']] : []
  })
  return Object.fromEntries(some)
}

/** What is missing of that without which nothing works, such as `contents: write`. */
export const missingOf = (granted: Record<string, string>): string[] =>
  Object.entries(needed).flatMap(([name, level]) => (grants(granted, name, level) ? [] : [`${name}: ${level}`]))

/** Throws FatalError `github-forbidden`, which names what is missing. */
export function assertGranted(repository: string, granted: Record<string, string>): void {
  const missing = missingOf(granted)
  if (missing.length === 0) return
  throw new FatalError(
    'github-forbidden',
    `The App's installation on ${repository} lacks ${missing.join(', ')}. Give the App these permissions, and accept them for the installation.`,
  )
}

/** Milliseconds before its end at which a token is renewed. */
const early = 5 * 60_000

const mintedSchema = z.object({ token: z.string().min(1), expires_at: z.iso.datetime({ offset: true }) })

export interface TokenOptions {
  appId: string | null
  privateKey: Secret | null
  token: Secret | null
  now: () => number
  /** A client that speaks as the App. */
  app: () => Client
}

export type Tokens = ReturnType<typeof createTokens>

/** Throws ConfigurationError `github-credentials` where there are none, or more than one kind. */
export function createTokens(options: TokenOptions) {
  const { appId, privateKey, token, now } = options
  if (token === null && (appId === null || privateKey === null)) {
    throw new ConfigurationError(
      'github-credentials',
      'There is nothing to speak to GitHub with. Set forge.appId and forge.privateKey of a GitHub App, or forge.token.',
    )
  }
  const isApp = appId !== null && privateKey !== null
  const auth = isApp ? createAppAuth({ appId, privateKey: privateKey.reveal() }) : null
  const minted = new Map<string, Promise<{ token: string; expiresAt: number }>>()

  async function mint(installation: number, repository: { id: number } | { name: string }, permissions: Permissions) {
    const one = 'id' in repository ? { repository_ids: [repository.id] } : { repositories: [repository.name] }
    const answer = await options
      .app()
      .request('POST /app/installations/{installation}/access_tokens', { installation, permissions, ...one }, mintedSchema, {
        what: `a token of installation ${installation} for ${'id' in repository ? `repository ${repository.id}` : repository.name}`,
      })
    return { token: answer.token, expiresAt: Date.parse(answer.expires_at) }
  }

  return {
    isApp,

    /** As the App itself. */
    async app(): Promise<Credential> {
      if (auth === null) throw new ConfigurationError('github-credentials', 'forge.appId and forge.privateKey are not set.')
      const jwt = await auth({ type: 'app' }).catch((error: unknown) => {
        throw new ConfigurationError('github-credentials', 'forge.privateKey is not a private key in PEM that signs for forge.appId.', {
          cause: error,
        })
      })
      return { header: `bearer ${jwt.token}`, forget: () => false }
    },

    /** As the user whose token it is. A token that is read from a file may have been replaced. */
    user(): Credential & { secret: string } {
      const secret = token!.reveal()
      return { secret, header: `token ${secret}`, forget: () => token!.reveal() !== secret }
    },

    /** For one repository. Asked at once by many, it is minted once. */
    async installation(
      id: number,
      repository: { id: number } | { name: string },
      permissions: Permissions,
    ): Promise<Credential & { secret: string }> {
      const key = JSON.stringify([id, repository, Object.entries(permissions).toSorted()])
      let known = minted.get(key)
      if (known !== undefined) {
        const { expiresAt } = await known
        if (expiresAt - now() < early) {
          if (minted.get(key) === known) minted.delete(key)
          known = minted.get(key)
        }
      }
      if (known === undefined) {
        known = mint(id, repository, permissions)
        minted.set(key, known)
        known.catch(() => minted.delete(key))
      }
      const mine = known
      const { token: secret } = await mine
      // What ends one before its time ends all of its installation, and git does not say it so clearly.
      const forget = (): boolean => {
        if (minted.get(key) === mine) for (const other of minted.keys()) if (other.startsWith(`[${id},`)) minted.delete(other)
        return true
      }
      return { secret, header: `token ${secret}`, forget }
    },

    /** What an installation may do has changed, or it is gone. */
    forgetAll: () => minted.clear(),
  }
}
