// Who may call: the tokens of the app in each workspace, and the keys of people, with their scopes and their end.

import { randomBytes } from 'node:crypto'
import type { Timers } from './timers.ts'
import type { Viewer } from './fields.ts'
import type { Workspace } from './workspace.ts'
import type { UserRecord } from './records.ts'

const lifetime = 24 * 3_600_000

export interface Grant {
  workspace: Workspace
  user: UserRecord
  scopes: string[]
}

export interface TokenPair {
  accessToken: string
  refreshToken: string
  /** Seconds that the access token lives. */
  expiresIn: number
  scopes: string[]
}

export interface Tokens {
  issue(grant: Grant): TokenPair
  /** The pair that follows a refresh token; undefined for one that is void. */
  refresh(refreshToken: string): TokenPair | undefined
  /** Ends the grant that a token belongs to, and answers it; undefined for a token that is none. */
  revoke(token: string): Grant | undefined
  /** Ends every grant of the app in a workspace. */
  revokeAll(workspace: Workspace): void
  /** A key of a person, which is sent without `Bearer` and does not end. */
  createKey(workspace: Workspace, user: UserRecord): string
  /** Whose an Authorization header is; undefined for nobody's. */
  authenticate(header: string | undefined): Viewer | undefined
}

interface Family {
  grant: Grant
  revoked: boolean
}

/**
 * Linear's pages say that a refresh token is rotated, and leave open what a repeated one is answered with. Therefore
 * `grace` is for how many milliseconds a used refresh token still answers the same pair, for a client that did not get
 * the first answer. After that it is void.
 */
export function createTokens({ now }: Timers, grace: number): Tokens {
  const access = new Map<string, { family: Family; expires: number }>()
  const refreshes = new Map<string, { family: Family; usedAt?: number; next?: TokenPair }>()
  const keys = new Map<string, Grant>()

  function pairFor(family: Family): TokenPair {
    const accessToken = `lin_oauth_${randomBytes(24).toString('hex')}`
    const refreshToken = `lin_refresh_${randomBytes(24).toString('hex')}`
    access.set(accessToken, { family, expires: now() + lifetime })
    refreshes.set(refreshToken, { family })
    return {
      accessToken,
      refreshToken, // Linear counts the second in which the token was made.
      expiresIn: lifetime / 1000,
      scopes: family.grant.scopes,
    }
  }

  const asViewer = ({ workspace, user, scopes }: Grant): Viewer => ({ workspace, user, scopes: new Set(scopes) })

  return {
    issue: (grant) => pairFor({ grant, revoked: false }),
    refresh(token) {
      const found = refreshes.get(token)
      if (!found || found.family.revoked) return undefined
      if (found.usedAt !== undefined) return now() - found.usedAt < grace ? found.next : undefined
      found.usedAt = now()
      found.next = pairFor(found.family)
      return found.next
    },
    revoke(token) {
      const family = access.get(token)?.family ?? refreshes.get(token)?.family
      if (!family || family.revoked) return undefined
      family.revoked = true
      return family.grant
    },
    revokeAll(workspace) {
      for (const { family } of refreshes.values()) if (family.grant.workspace === workspace) family.revoked = true
    },
    createKey(workspace, user) {
      const key = `lin_api_${randomBytes(20).toString('hex')}`
      keys.set(key, { workspace, user, scopes: ['read', 'write', 'admin'] })
      return key
    },
    authenticate(header = '') {
      const key = keys.get(header)
      if (key) return asViewer(key)
      const found = access.get(/^Bearer (.+)$/.exec(header)?.[1] ?? '')
      if (!found || found.family.revoked || found.expires <= now()) return undefined
      return asViewer(found.family.grant)
    },
  }
}
