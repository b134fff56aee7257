// Tells hooks what happened: who listens, what every payload carries, and the order in which things are told.

import { accountJson, api } from './account-json.ts'
import { repositoryJson } from './repository-json.ts'
import type { Account, App, Hook, Installation, Repository, World } from './state.ts'

/** Events that an App gets without having asked for them. */
const UNASKED = new Set(['installation', 'installation_repositories', 'ping', 'meta'])

const chains = new WeakMap<Repository, Promise<void>>()

export const covers = (installation: Installation, repository: Repository): boolean =>
  installation.account === repository.owner && (installation.repositories === undefined || installation.repositories.has(repository.id))

export function installationOf(world: World, app: App, repository: Repository): Installation | undefined {
  for (const installation of world.installations.values())
    if (installation.app === app && covers(installation, repository)) return installation
  return undefined
}

function listeners(world: World, repository: Repository, event: string): { hook: Hook; installation: Installation | undefined }[] {
  const found: { hook: Hook; installation: Installation | undefined }[] = []
  const wants = (hook: Hook) => hook.active && (hook.events.includes(event) || hook.events.includes('*'))
  for (const hook of repository.hooks.values()) if (wants(hook)) found.push({ hook, installation: undefined })
  for (const app of world.apps.values()) {
    if (app.hook === undefined || !wants(app.hook)) continue
    const installation = installationOf(world, app, repository)
    if (installation !== undefined && installation.suspendedAt === undefined) found.push({ hook: app.hook, installation })
  }
  return found
}

/** Tells everyone who listens. `build` reads the state at once; what it waits for (git's numbers) does not change the order of what is told. */
export function announce(
  world: World,
  repository: Repository,
  event: string,
  action: string | undefined,
  sender: Account,
  build: () => Record<string, unknown> | Promise<Record<string, unknown>>,
): void {
  const told = listeners(world, repository, event)
  if (told.length === 0 || world.closed) return
  const common = {
    ...(action === undefined ? {} : { action }),
    repository: repositoryJson(world, repository),
    ...organization(world, repository.owner),
    sender: accountJson(world, sender),
  }
  const built = Promise.resolve(build())
  // A failure is reported below, when its turn comes.
  built.catch(() => {})
  const before = chains.get(repository) ?? Promise.resolve()
  const turn = before.then(async () => {
    const own = await built
    for (const { hook, installation } of told) {
      const about = { repository, ...(installation === undefined ? {} : { installationId: installation.id }) }
      const extra = installation === undefined ? {} : { installation: { id: installation.id, node_id: `MDIz${installation.id}` } }
      world.webhooks.emit(hook, event, action, about, { ...common, ...own, ...extra })
    }
  })
  world.background(() => turn)
  chains.set(
    repository,
    turn.catch(() => {}),
  )
}

/** Tells one App of its own affairs: installations and pings. */
export function announceToApp(
  world: World,
  app: App,
  event: string,
  action: string | undefined,
  installation: Installation | undefined,
  payload: Record<string, unknown>,
): void {
  const { hook } = app
  if (hook === undefined || !UNASKED.has(event)) return
  world.webhooks.emit(hook, event, action, installation === undefined ? {} : { installationId: installation.id }, {
    ...(action === undefined ? {} : { action }),
    ...payload,
  })
}

const organization = (world: World, owner: Account) =>
  owner.type === 'Organization' ? { organization: organizationJson(world, owner) } : {}

export function organizationJson(world: World, owner: Account) {
  const url = `${api(world)}/orgs/${owner.login}`
  return {
    login: owner.login,
    id: owner.id,
    node_id: owner.nodeId,
    url,
    repos_url: `${url}/repos`,
    events_url: `${url}/events`,
    hooks_url: `${url}/hooks`,
    issues_url: `${url}/issues`,
    members_url: `${url}/members{/member}`,
    public_members_url: `${url}/public_members{/member}`,
    avatar_url: `${world.origin}/avatars/u/${owner.id}`,
    description: '',
  }
}
