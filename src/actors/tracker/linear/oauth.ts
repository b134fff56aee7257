// How a person lets us into a workspace, and how tokens are exchanged: OAuth 2.0 with a state, PKCE, and Linear's actor=app.

import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Config } from '../../../config.ts'
import { ConfigurationError, FatalError, toErrorData } from '../../../errors.ts'
import type { SqliteDatabase } from '../../../persistence/database.ts'
import type { Access } from './access.ts'
import type { LinearCalls } from './client.ts'
import { getIdentity } from './documents/workspace.ts'
import { toFailure, toNonsense, toUnreachable } from './failures.ts'
import type { Vault } from './vault.ts'
import type { Tokens, Workspaces } from './workspaces.ts'

export type LinearSettings = Extract<Config['tracker'], { kind: 'linear' }>

export const scopes = ['read', 'write', 'app:assignable', 'app:mentionable'] as const

/** How an attempt to let us in stands. */
export type Connection =
  | { status: 'pending' }
  | { status: 'done'; workspace: { id: string; name: string } }
  | { status: 'failed'; reason: string }

const tokenAnswer = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1).nullish(),
  expires_in: z.number().positive().nullish(),
  scope: z.union([z.string(), z.array(z.string())]).nullish(),
})
const oauthError = z.object({ error: z.string(), error_description: z.string().nullish() })

/** How long a person has to let us in. */
const patience = 15 * 60_000

interface OauthRow {
  state: string
  verifier: string
  status: 'pending' | 'exchanging' | 'done' | 'failed'
  workspace: string | null
  message: string | null
  expires_at: number
}

/** What is exchanged for tokens. */
export function createTokenEndpoint(settings: LinearSettings, now: () => number, timeout = 15_000) {
  const address = (path: string): string => new URL(path, settings.apiUrl).href

  function client(): Record<string, string> {
    const { clientId, clientSecret } = settings
    if (clientId === null || clientSecret === null) {
      throw new ConfigurationError(
        'no-linear-app',
        "tracker.clientId and tracker.clientSecret are not set. Create an OAuth application in Linear's settings, under API, and set them.",
      )
    }
    return { client_id: clientId, client_secret: clientSecret.reveal() }
  }

  async function post(what: string, path: string, form: Record<string, string>): Promise<unknown> {
    const body = new URLSearchParams(form)
    let response: Response
    let text: string
    try {
      response = await fetch(address(path), { method: 'POST', body, signal: AbortSignal.timeout(timeout) })
      text = await response.text()
    } catch (error) {
      throw toUnreachable(what, error)
    }
    const answer = parse(text)
    if (response.ok) return answer
    const refused = oauthError.safeParse(answer).data
    if (refused !== undefined && response.status < 500 && response.status !== 429) {
      throw new FatalError('linear-unauthorized', `Linear refuses (${what}): ${refused.error_description ?? refused.error}.`, {
        cause: refused,
      })
    }
    throw toFailure(what, { status: response.status, headers: response.headers, body: answer }, now())
  }

  async function exchange(what: string, form: Record<string, string>): Promise<Tokens> {
    const askedAt = now()
    const parsed = tokenAnswer.safeParse(await post(what, '/oauth/token', { ...form, ...client() }))
    if (!parsed.success) throw toNonsense(what, parsed.error.issues)
    const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds, scope } = parsed.data
    return {
      accessToken,
      refreshToken: refreshToken ?? null,
      expiresAt: seconds == null ? null : askedAt + seconds * 1_000,
      scopes: scope == null ? scopes.join(',') : [scope].flat().join(','),
    }
  }

  return {
    forCode: (code: string, verifier: string, redirectUri: string) =>
      exchange('the exchange of a code', {
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
      }),
    refresh: (refreshToken: string) => exchange('the refresh of a token', { grant_type: 'refresh_token', refresh_token: refreshToken }),
    /** Answers false where Linear knows the token no more. */
    async revoke(token: string): Promise<boolean> {
      try {
        await post('the revocation of a token', '/oauth/revoke', { token, ...client() })
        return true
      } catch (error) {
        const isAboutToken = error instanceof FatalError && oauthError.safeParse(error.cause).data?.error !== 'invalid_client'
        if (!isAboutToken || error.code !== 'linear-unauthorized') throw error
        return false
      }
    },
    clientId: () => client()['client_id']!,
  }
}

export type TokenEndpoint = ReturnType<typeof createTokenEndpoint>

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text // Whoever reads it says what is wrong with it.
  }
}

export function createOauth(options: {
  settings: LinearSettings
  database: SqliteDatabase
  vault: Vault
  workspaces: Workspaces
  calls: LinearCalls
  endpoint: TokenEndpoint
  access: Access
  now: () => number
  callbackUrl: () => string
  log: (level: 'info' | 'warn', message: string) => void
}) {
  const { settings, database, vault, workspaces, calls, endpoint, access, now, callbackUrl, log } = options
  const insert = database.prepare<[string, string, number]>(
    `INSERT INTO linear_oauth (state, verifier, status, expires_at) VALUES (?, ?, 'pending', ?)`,
  )
  const find = database.prepare<[string], OauthRow>('SELECT * FROM linear_oauth WHERE state = ?')
  const claim = database.prepare<[string, number]>(
    `UPDATE linear_oauth SET status = 'exchanging' WHERE state = ? AND status = 'pending' AND expires_at > ?`,
  )
  const settle = database.prepare<[string, string | null, string | null, string]>(
    'UPDATE linear_oauth SET status = ?, workspace = ?, message = ? WHERE state = ?',
  )
  const forget = database.prepare<[number]>('DELETE FROM linear_oauth WHERE expires_at < ?')

  async function letIn(code: string, verifier: string): Promise<{ id: string; name: string }> {
    const tokens = await endpoint.forCode(code, verifier, callbackUrl())
    const { viewer, organization } = await calls.callWith(tokens.accessToken, getIdentity, {})
    if (!viewer.app) {
      throw new FatalError(
        'linear-refused',
        'Linear gave us a token of a person instead of an app. Open the address that `signalbox connect linear` prints, unchanged.',
      )
    }
    const appName = viewer.displayName ?? viewer.name
    workspaces.save({ id: organization.id, name: organization.name, urlKey: organization.urlKey, appUser: viewer.id, appName }, tokens)
    const { id, name } = organization
    await access(id, { priority: 'report' }).catch((error: unknown) =>
      log('warn', `It could not be seen which teams ${name} shows us: ${toErrorData(error).message}`),
    )
    return { id, name }
  }

  return {
    /** Where a person lets us in. Throws ConfigurationError `no-linear-app`, `no-token-key`. */
    connect(): { url: string; state: string } {
      const clientId = endpoint.clientId()
      const state = randomBytes(32).toString('base64url')
      const verifier = randomBytes(48).toString('base64url')
      const url = new URL(settings.authorizeUrl)
      const challenge = createHash('sha256').update(verifier).digest('base64url')
      for (const [name, value] of Object.entries({
        client_id: clientId,
        redirect_uri: callbackUrl(),
        response_type: 'code',
        scope: scopes.join(','),
        state,
        prompt: 'consent',
        actor: 'app',
        code_challenge: challenge,
        code_challenge_method: 'S256',
      }))
        url.searchParams.set(name, value)
      forget.run(now() - 24 * 3_600_000)
      insert.run(state, vault.seal(verifier, state), now() + patience)
      return { url: url.href, state }
    },

    /** The return of a person. Throws FatalError `unknown-state` for one that nobody has been sent away with, is used, or too late. */
    async finish({ code, state, error }: { code?: string | undefined; state: string; error?: string | undefined }): Promise<{
      workspace: { id: string; name: string }
    }> {
      const row = find.get(state)
      if (row === undefined || claim.run(state, now()).changes === 0) {
        throw new FatalError(
          'unknown-state',
          'This attempt to connect Linear is unknown, was used already, or took too long. Run `signalbox connect linear` again.',
        )
      }
      try {
        if (code === undefined || code === '')
          throw new FatalError('linear-refused', `Linear has not let us in: ${error ?? 'it gave no code'}.`)
        const workspace = await letIn(code, vault.open(row.verifier, state))
        settle.run('done', workspace.id, null, state)
        log('info', `The Linear workspace ${workspace.name} is connected.`)
        return { workspace }
      } catch (failure) {
        settle.run('failed', null, toErrorData(failure).message, state)
        throw failure
      }
    },

    /** Forgets a workspace whose tokens Linear has taken back, now or before. Throws FatalError `unknown-workspace`, and what a call does. */
    async disconnect(named?: string): Promise<{ workspace: { id: string; name: string }; revoked: boolean }> {
      const { id, name } = workspaces.named(named)
      // What Linear does not know any more cannot be given back.
      const revoked = await endpoint.revoke(workspaces.root(id))
      workspaces.forget(id)
      log('info', `The Linear workspace ${name} is disconnected.`)
      return { workspace: { id, name }, revoked }
    },

    /** How an attempt stands. Throws FatalError `unknown-state`. */
    connection(state: string): Connection {
      const row = find.get(state)
      if (row === undefined)
        throw new FatalError('unknown-state', 'There is no such attempt to connect Linear. Run `signalbox connect linear` again.')
      if (row.status === 'done') {
        const { id, name } = workspaces.need(row.workspace!)
        return { status: 'done', workspace: { id, name } }
      }
      if (row.status === 'failed') return { status: 'failed', reason: row.message ?? '' }
      if (row.expires_at <= now())
        return { status: 'failed', reason: 'Nobody has let us in within a quarter of an hour. Run `signalbox connect linear` again.' }
      return { status: 'pending' }
    },
  }
}
