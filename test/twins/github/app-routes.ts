// Operations of an App and its installations, and the few about the caller and the site.

import { accountJson, appJson, installationJson, profileJson } from './account-json.ts'
import { createInstallationToken, installedOn } from './accounts.ts'
import { actorOf, canSee } from './auth.ts'
import { installationOf } from './events.ts'
import { repositoryJson } from './repository-json.ts'
import { roleOf } from './repositories.ts'
import { created, notFound, ok, page, serve, serveIn, texts } from './routing.ts'
import type { Call } from './routing.ts'
import type { App, Installation, Level, Permissions } from './state.ts'
import { Refusal, iso } from './state.ts'

export function appOf(call: Call): App {
  const { credential } = call
  if (credential.kind === 'app') return credential.app
  throw new Refusal(401, 'A JSON web token could not be decoded')
}

function installationById(call: Call): Installation {
  const installation = call.world.installations.get(Number(call.params['installation_id']))
  if (installation === undefined || installation.app !== appOf(call)) throw notFound()
  return installation
}

serve('GET /app', (call) => ok(appJson(call.world, appOf(call))))

serve('GET /app/installations', (call) => {
  const app = appOf(call)
  const own = [...call.world.installations.values()].filter((installation) => installation.app === app)
  return page(call, own, (installation) => installationJson(call.world, installation))
})

serve('GET /app/installations/{installation_id}', (call) => ok(installationJson(call.world, installationById(call))))

serveIn('GET /repos/{owner}/{repo}/installation', '', (call) => {
  const installation = installationOf(call.world, appOf(call), call.repository)
  if (installation === undefined) throw notFound()
  return ok(installationJson(call.world, installation))
})

const RANK: Record<Level, number> = { read: 1, write: 2, admin: 3 }

serve('POST /app/installations/{installation_id}/access_tokens', (call) => {
  const { world, body } = call
  const installation = installationById(call)
  if (installation.suspendedAt !== undefined) throw new Refusal(403, 'This installation has been suspended')
  const asked = body['permissions'] as Permissions | undefined
  for (const [name, level] of Object.entries(asked ?? {})) {
    const granted = installation.permissions[name]
    if (granted === undefined || RANK[granted] < RANK[level])
      throw new Refusal(422, 'The permissions requested are not granted to this installation.')
  }
  const names = texts(body['repositories'])
  const ids = Array.isArray(body['repository_ids']) ? body['repository_ids'].map(Number) : []
  const all = installedOn(world, installation)
  const chosen = all.filter((repository) => names.includes(repository.name) || ids.includes(repository.id))
  if (chosen.length < new Set([...names, ...ids]).size) {
    throw new Refusal(422, 'There is at least one repository that does not exist or is not accessible to the parent installation.')
  }
  const narrowed = names.length + ids.length > 0
  const token = createInstallationToken(
    world,
    installation,
    asked === undefined ? { ...installation.permissions } : { metadata: 'read', ...asked },
    narrowed ? new Set(chosen.map((repository) => repository.id)) : undefined,
  )
  return created({
    token: token.token,
    expires_at: iso(token.expiresAt),
    permissions: token.permissions,
    repository_selection: narrowed ? 'selected' : installation.repositories === undefined ? 'all' : 'selected',
    ...(narrowed ? { repositories: chosen.map((repository) => repositoryJson(world, repository, 'write')) } : {}),
  })
})

serve('GET /installation/repositories', (call) => {
  const { world, credential } = call
  if (credential.kind !== 'installation')
    throw new Refusal(403, 'You must authenticate with an installation access token in order to list repositories for an installation.')
  const seen = installedOn(world, credential.token.installation!).filter((repository) => canSee(credential, repository))
  return page(
    call,
    seen,
    (repository) => repositoryJson(world, repository, 'write'),
    (repositories) => ({ total_count: seen.length, repository_selection: 'selected', repositories }),
  )
})

serve('GET /meta', () =>
  ok({
    verifiable_password_authentication: false,
    hooks: ['127.0.0.0/8'],
    api: ['127.0.0.0/8'],
    git: ['127.0.0.0/8'],
    installed_version: '3.19.0',
  }),
)

serve('GET /rate_limit', (call) => {
  const { limits, credential } = call
  const resource = (name: 'rest' | 'graphql') => {
    const { used, resetAt } = limits.window(credential.key, name)
    const limit = limits.limits[name]
    return { limit, used, remaining: Math.max(0, limit - used), reset: Math.ceil(resetAt / 1000) }
  }
  const core = resource('rest')
  return ok({
    resources: { core, search: { limit: 30, used: 0, remaining: 30, reset: core.reset }, graphql: resource('graphql') },
    rate: core,
  })
})

serve('GET /user', (call) => {
  if (call.credential.kind === 'installation') throw new Refusal(403, 'Resource not accessible by integration')
  return ok(profileJson(call.world, actorOf(call.credential)))
})

serve('GET /users/{username}', (call) => {
  const account = call.world.accounts.get(call.params['username']!.toLowerCase())
  if (account === undefined) throw notFound()
  return ok(profileJson(call.world, account))
})

serveIn('GET /repos/{owner}/{repo}/collaborators/{username}/permission', 'metadata:read', (call) => {
  const { world, repository } = call
  const account = world.accounts.get(call.params['username']!.toLowerCase())
  if (account === undefined) throw notFound()
  const role = roleOf(repository, account)
  return ok({
    permission: role,
    role_name: role,
    user: {
      ...accountJson(world, account),
      role_name: role,
      permissions: { pull: role !== 'none', push: role === 'write' || role === 'admin', admin: role === 'admin' },
    },
  })
})
