// Users, organizations, Apps, their installations and tokens.

import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { accountJson, installationJson } from './account-json.ts'
import { announceToApp } from './events.ts'
import type { Account, App, Installation, Permissions, Repository, Token, World } from './state.ts'
import { fullName, nodeId } from './state.ts'

const PREFIX = { User: 'U_kgDO', Organization: 'O_kgDO', Bot: 'BOT_kgDO' }

/** The account of that login, made when there is none. */
export function ensureAccount(world: World, login: string, type: Account['type'] = 'User'): Account {
  const known = world.accounts.get(login.toLowerCase())
  if (known !== undefined) return known
  const id = world.nextId()
  const account: Account = { id, nodeId: nodeId(PREFIX[type], id), login, name: login, type }
  world.accounts.set(login.toLowerCase(), account)
  return account
}

export interface AppOptions {
  slug: string
  owner?: string
  permissions?: Permissions
  events?: string[]
  /** Where deliveries go; without it the App has no hook. */
  webhook?: { url: string; secret: string }
}

let keys: { publicKey: string; privateKey: string } | undefined

export function createApp(world: World, options: AppOptions): App {
  // Making an RSA key takes a noticeable part of a second; every App of a test process may have the same one.
  keys ??= generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  const id = world.nextId()
  const events = options.events ?? []
  const app: App = {
    id,
    nodeId: nodeId('A', id),
    slug: options.slug,
    name: options.slug,
    owner: ensureAccount(world, options.owner ?? 'octo-owner'),
    bot: ensureAccount(world, `${options.slug}[bot]`, 'Bot'),
    permissions: { metadata: 'read', ...options.permissions },
    events,
    ...keys,
    hook: undefined,
    createdAt: world.clock.now(),
  }
  if (options.webhook !== undefined) {
    app.hook = { id: world.nextId(), app, repository: undefined, ...options.webhook, events, active: true, createdAt: world.clock.now() }
  }
  world.apps.set(id, app)
  return app
}

const briefly = (repository: Repository) => ({
  id: repository.id,
  node_id: repository.nodeId,
  name: repository.name,
  full_name: fullName(repository),
  private: repository.private,
})

const ownedBy = (world: World, installation: Installation): Repository[] =>
  [...world.repositoryById.values()].filter(
    (repository) =>
      repository.owner === installation.account &&
      (installation.repositories === undefined || installation.repositories.has(repository.id)),
  )

export const installedOn = ownedBy

export function install(world: World, app: App, account: Account, repositories?: Repository[]): Installation {
  const installation: Installation = {
    id: world.nextId(),
    app,
    account,
    repositories: repositories === undefined ? undefined : new Set(repositories.map((repository) => repository.id)),
    permissions: { ...app.permissions },
    createdAt: world.clock.now(),
    suspendedAt: undefined,
  }
  world.installations.set(installation.id, installation)
  tellInstallation(world, installation, 'created')
  return installation
}

function tellInstallation(world: World, installation: Installation, action: string): void {
  announceToApp(world, installation.app, 'installation', action, installation, {
    installation: installationJson(world, installation),
    repositories: ownedBy(world, installation).map(briefly),
    requester: null,
    sender: accountJson(world, installation.app.owner),
  })
}

export function uninstall(world: World, installation: Installation): void {
  world.installations.delete(installation.id)
  for (const token of world.tokens.values()) if (token.installation === installation) world.tokens.delete(token.token)
  tellInstallation(world, installation, 'deleted')
}

export function suspend(world: World, installation: Installation, suspended: boolean): void {
  installation.suspendedAt = suspended ? world.clock.now() : undefined
  tellInstallation(world, installation, suspended ? 'suspend' : 'unsuspend')
}

export function setPermissions(world: World, installation: Installation, permissions: Permissions): void {
  installation.permissions = { metadata: 'read', ...permissions }
  tellInstallation(world, installation, 'new_permissions_accepted')
}

export function setRepositories(world: World, installation: Installation, repositories: Repository[]): void {
  const before = ownedBy(world, installation)
  installation.repositories = new Set(repositories.map((repository) => repository.id))
  const added = repositories.filter((repository) => !before.includes(repository))
  const removed = before.filter((repository) => !repositories.includes(repository))
  const tell = (action: 'added' | 'removed') =>
    announceToApp(world, installation.app, 'installation_repositories', action, installation, {
      installation: installationJson(world, installation),
      repository_selection: 'selected',
      repositories_added: action === 'added' ? added.map(briefly) : [],
      repositories_removed: action === 'removed' ? removed.map(briefly) : [],
      requester: null,
      sender: accountJson(world, installation.app.owner),
    })
  if (added.length > 0) tell('added')
  if (removed.length > 0) tell('removed')
}

export function createInstallationToken(
  world: World,
  installation: Installation,
  permissions: Permissions,
  repositories: Set<number> | undefined,
): Token {
  const token: Token = {
    token: `ghs_${randomBytes(18).toString('hex')}`,
    kind: 'installation',
    account: installation.app.bot,
    installation,
    permissions,
    repositories,
    expiresAt: world.clock.now() + 3_600_000,
  }
  world.tokens.set(token.token, token)
  return token
}

export function createUserToken(world: World, account: Account, scopes?: readonly string[]): Token {
  const token: Token = {
    token: `ghp_${randomBytes(18).toString('hex')}`,
    kind: 'user',
    account,
    installation: undefined,
    permissions: undefined,
    repositories: undefined,
    scopes,
    expiresAt: Infinity,
  }
  world.tokens.set(token.token, token)
  return token
}
