// Linear's OAuth 2.0: the page where a person lets the app into a workspace, and the exchange of codes and tokens.
// https://linear.app/developers/oauth-2-0-authentication

import { createHash, randomBytes } from 'node:crypto'
import type { AppRegistration } from './app-registration.ts'
import type { Timers } from './timers.ts'
import type { Tokens, TokenPair } from './tokens.ts'
import { installApp, type Workspace } from './workspace.ts'
import type { UserRecord } from './records.ts'

const codeLifetime = 10 * 60_000
const knownScopes = new Set([
  'read',
  'write',
  'issues:create',
  'comments:create',
  'timeSchedule:write',
  'admin',
  'app:assignable',
  'app:mentionable',
])

export interface OAuthAnswer {
  status: number
  body: Record<string, unknown>
}

interface Asked {
  redirectUri: string
  scopes: string[]
  state: string | undefined
  asApp: boolean
  challenge: string | undefined
  /** The challenge is the verifier's SHA-256 and not the verifier. */
  hashed: boolean
}

interface Code extends Asked {
  workspace: Workspace
  user: UserRecord
  expires: number
}

/** The person who stands before the page: where they belong, and whether they agree. */
export interface Consent {
  workspace: Workspace
  user: UserRecord
  /** The teams that the app is let into; undefined for every public one. */
  teamIds?: string[] | undefined
  deny?: boolean | undefined
}

export interface OAuth {
  /** What the page says to the address it was opened with: nothing, or why it cannot go on. */
  check(query: URLSearchParams): string | undefined
  /** Where the person's decision sends the browser. */
  decide(query: URLSearchParams, consent: Consent): string
  token(form: URLSearchParams, authorization: string | undefined): OAuthAnswer
}

export function createOAuth(app: AppRegistration, tokens: Tokens, timers: Timers): OAuth {
  const codes = new Map<string, Code>()

  function read(query: URLSearchParams): Asked | string {
    const redirectUri = query.get('redirect_uri') ?? ''
    if (query.get('client_id') !== app.clientId) return 'Invalid client_id'
    if (!app.redirectUris.includes(redirectUri)) return 'Invalid redirect_uri for the application'
    if (query.get('response_type') !== 'code') return 'Invalid response_type: only code is supported'
    const scopes = (query.get('scope') ?? 'read').split(/[\s,]+/).filter((scope) => scope !== '')
    const unknown = scopes.find((scope) => !knownScopes.has(scope))
    if (unknown) return `Invalid scope: ${unknown}`
    const actor = query.get('actor') ?? 'user'
    if (actor !== 'user' && actor !== 'app') return `Invalid actor: ${actor}`
    if (actor === 'app' && scopes.includes('admin')) return 'The scope admin cannot be asked for with actor=app'
    if (actor === 'user' && scopes.some((scope) => scope.startsWith('app:'))) return 'The scopes of agents need actor=app'
    const prompt = query.get('prompt')
    if (prompt !== null && prompt !== 'consent') return `Invalid prompt: ${prompt}`
    const challenge = query.get('code_challenge') ?? undefined
    const method = query.get('code_challenge_method')
    if (challenge !== undefined && method !== 'S256' && method !== 'plain') return 'code_challenge_method must be S256 or plain'
    return {
      redirectUri,
      // `read` is always present.
      scopes: [...new Set(['read', ...scopes])],
      state: query.get('state') ?? undefined,
      asApp: actor === 'app',
      challenge,
      hashed: method === 'S256',
    }
  }

  const invalidGrant = (why: string): OAuthAnswer => ({ status: 400, body: { error: 'invalid_grant', error_description: why } })

  function answerPair({ accessToken, refreshToken, expiresIn, scopes }: TokenPair): OAuthAnswer {
    return {
      status: 200,
      body: {
        access_token: accessToken,
        token_type: 'Bearer',
        expires_in: expiresIn,
        refresh_token: refreshToken,
        scope: scopes.join(' '),
      },
    }
  }

  function exchange(form: URLSearchParams, hasSecret: boolean): OAuthAnswer {
    const given = form.get('code') ?? ''
    const code = codes.get(given)
    codes.delete(given)
    if (!code || code.expires <= timers.now()) return invalidGrant('The authorization code is invalid or has expired.')
    if (form.get('redirect_uri') !== code.redirectUri) return invalidGrant('redirect_uri does not match.')
    if (code.challenge !== undefined) {
      const verifier = form.get('code_verifier') ?? ''
      const proof = code.hashed ? createHash('sha256').update(verifier).digest('base64url') : verifier
      if (proof !== code.challenge) return invalidGrant('code_verifier does not match.')
    } else if (!hasSecret) return { status: 401, body: { error: 'invalid_client', error_description: 'client_secret is missing.' } }
    return answerPair(tokens.issue({ workspace: code.workspace, user: code.user, scopes: code.scopes }))
  }

  return {
    check(query) {
      const asked = read(query)
      return typeof asked === 'string' ? asked : undefined
    },
    decide(query, { workspace, user, teamIds, deny }) {
      const asked = read(query)
      if (typeof asked === 'string') throw new Error(`Linear's page refuses: ${asked}`)
      const target = new URL(asked.redirectUri)
      if (asked.state !== undefined) target.searchParams.set('state', asked.state)
      if (deny) {
        target.searchParams.set('error', 'access_denied')
        return target.href
      }
      const code = randomBytes(20).toString('hex')
      const actor = asked.asApp ? installApp(workspace, app.name, asked.scopes, teamIds).user : user
      codes.set(code, { ...asked, workspace, user: actor, expires: timers.now() + codeLifetime })
      target.searchParams.set('code', code)
      return target.href
    },
    token(form, authorization) {
      const basic = /^Basic (.+)$/.exec(authorization ?? '')?.[1]
      const [basicId, basicSecret] = basic ? Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent) : []
      const secret = basicSecret ?? form.get('client_secret') ?? undefined
      if ((basicId ?? form.get('client_id')) !== app.clientId || (secret !== undefined && secret !== app.clientSecret)) {
        return { status: 401, body: { error: 'invalid_client', error_description: 'client_id or client_secret is wrong.' } }
      }
      switch (form.get('grant_type')) {
        case 'authorization_code':
          return exchange(form, secret !== undefined)
        case 'refresh_token': {
          const pair = tokens.refresh(form.get('refresh_token') ?? '')
          return pair ? answerPair(pair) : invalidGrant('The refresh token is invalid, expired or revoked.')
        }
        default:
          return { status: 400, body: { error: 'unsupported_grant_type', error_description: 'Unsupported grant_type.' } }
      }
    },
  }
}
