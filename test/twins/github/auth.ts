// Who calls: an App by its JWT, an installation or a user by a token; and what they may do in a repository.

import { createPublicKey, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { covers } from './events.ts'
import { roleOf } from './repositories.ts'
import type { Account, App, Level, Repository, Token, World } from './state.ts'
import { Refusal } from './state.ts'

export type Credential =
  | { kind: 'none'; key: string }
  | { kind: 'app'; key: string; app: App }
  | { kind: 'installation' | 'user'; key: string; token: Token; account: Account }

const ANONYMOUS: Credential = { kind: 'none', key: 'anonymous' }
const unauthorized = (message = 'Bad credentials') => new Refusal(401, message)
const publicKeys = new Map<string, KeyObject>()

/** The credential of an `Authorization` header; one that is wrong is refused, none is anonymous. */
export function authenticate(world: World, header: string | undefined): Credential {
  if (header === undefined || header === '') return ANONYMOUS
  const space = header.indexOf(' ')
  const scheme = header.slice(0, space).toLowerCase()
  const value = header.slice(space + 1).trim()
  if (scheme === 'basic') {
    const text = Buffer.from(value, 'base64').toString()
    return byToken(world, text.slice(text.indexOf(':') + 1))
  }
  if (scheme !== 'bearer' && scheme !== 'token') throw unauthorized()
  return value.split('.').length === 3 ? byJwt(world, value) : byToken(world, value)
}

function byToken(world: World, value: string): Credential {
  const token = world.tokens.get(value)
  if (token === undefined || token.expiresAt <= world.clock.now()) throw unauthorized()
  if (token.installation?.suspendedAt !== undefined) throw new Refusal(403, 'This installation has been suspended')
  return {
    kind: token.kind,
    key: token.installation === undefined ? `user:${token.account.login}` : `installation:${token.installation.id}`,
    token,
    account: token.account,
  }
}

function byJwt(world: World, jwt: string): Credential {
  const [head, body, signature] = jwt.split('.') as [string, string, string]
  const claims = decode(body)
  if (decode(head)?.['alg'] !== 'RS256' || claims === undefined) throw unauthorized('A JSON web token could not be decoded')
  const issuer = String(claims['iss'])
  const app = [...world.apps.values()].find(
    (each) => String(each.id) === issuer || `Iv1.${each.id.toString(16).padStart(16, '0')}` === issuer,
  )
  if (app === undefined) throw unauthorized("'Issuer' claim ('iss') must be an Integer")
  let key = publicKeys.get(app.publicKey)
  if (key === undefined) publicKeys.set(app.publicKey, (key = createPublicKey(app.publicKey)))
  if (!verify('RSA-SHA256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')))
    throw unauthorized('A JSON web token could not be decoded')
  const now = world.clock.now() / 1000
  const { iat, exp } = claims
  if (typeof iat !== 'number' || iat > now + 60)
    throw unauthorized("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
  if (typeof exp !== 'number' || exp <= now)
    throw unauthorized(
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    )
  // A minute of drift is forgiven on both sides, as by GitHub.
  if (exp > now + 660 || exp - iat > 660) throw unauthorized("'Expiration time' claim ('exp') is too far in the future")
  return { kind: 'app', key: `app:${app.id}`, app }
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
  } catch {
    return undefined
  }
}

/** Whether the caller can know that the repository is there. */
export function canSee(credential: Credential, repository: Repository): boolean {
  if (!repository.private) return true
  if (credential.kind === 'user') return roleOf(repository, credential.account) !== 'none'
  return credential.kind === 'installation' && onInstallation(credential.token, repository)
}

const onInstallation = (token: Token, repository: Repository): boolean =>
  token.installation !== undefined &&
  covers(token.installation, repository) &&
  (token.repositories === undefined || token.repositories.has(repository.id))

const RANK: Record<Level, number> = { read: 1, write: 2, admin: 3 }

/** What users need for a permission: GitHub asks for a role where it asks an App for a permission. */
const USER_NEEDS: Record<string, 'read' | 'write' | 'admin'> = {
  'administration:read': 'admin',
  'repository_hooks:read': 'admin',
  'repository_hooks:write': 'admin',
  'pull_requests:write': 'read',
  'issues:write': 'read',
}

/** Refuses a caller who lacks a permission, as `pull_requests:write`. Several with `|` between them: one is enough. */
export function demand(credential: Credential, repository: Repository, permission: string): void {
  if (credential.kind === 'none' || credential.kind === 'app') {
    if (!permission.split('|').every((each) => each.endsWith(':read')) || repository.private) throw unauthorized('Requires authentication')
    return
  }
  const allowed = permission.split('|').some((each) => {
    const [name, level] = each.split(':') as [string, Level]
    if (credential.kind === 'user') {
      const role = roleOf(repository, credential.account)
      const needs = USER_NEEDS[each] ?? (level === 'read' ? 'read' : 'write')
      return { none: 0, read: 1, write: 2, admin: 3 }[role] >= RANK[needs]
    }
    if (!onInstallation(credential.token, repository))
      return level === 'read' && !repository.private && name !== 'administration' && name !== 'repository_hooks'
    const granted = credential.token.permissions?.[name]
    return granted !== undefined && RANK[granted] >= RANK[level]
  })
  if (allowed) return
  if (credential.kind === 'installation') throw new Refusal(403, 'Resource not accessible by integration')
  throw new Refusal(
    403,
    permission.includes('administration') ? 'Must have admin rights to Repository.' : 'You must have push access to the repository.',
  )
}

/** The account that acts; the anonymous and an App as such act as nobody. */
export function actorOf(credential: Credential): Account {
  if (credential.kind === 'none' || credential.kind === 'app') throw unauthorized('Requires authentication')
  return credential.account
}
