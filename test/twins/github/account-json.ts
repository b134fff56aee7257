// How accounts, Apps, installations and labels are told.

import type { Account, App, Installation, Label, Repository, World } from './state.ts'
import { iso } from './state.ts'

export const api = (world: World): string => `${world.origin}/api/v3`
export const repoApi = (world: World, repository: Repository): string => `${api(world)}/repos/${repository.owner.login}/${repository.name}`
export const repoHtml = (world: World, repository: Repository): string => `${world.origin}/${repository.owner.login}/${repository.name}`

export function accountJson(world: World, account: Account) {
  const url = `${api(world)}/users/${encodeURIComponent(account.login)}`
  const html = account.type === 'Bot' ? `${world.origin}/apps/${account.login.replace('[bot]', '')}` : `${world.origin}/${account.login}`
  return {
    login: account.login,
    id: account.id,
    node_id: account.nodeId,
    avatar_url: `${world.origin}/avatars/u/${account.id}`,
    gravatar_id: '',
    url,
    html_url: html,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: account.type,
    user_view_type: 'public',
    site_admin: false,
  }
}

/** An account as `GET /users/{login}` tells it. */
export function profileJson(world: World, account: Account) {
  return {
    ...accountJson(world, account),
    name: account.name,
    company: null,
    blog: '',
    location: null,
    email: null,
    hireable: null,
    bio: null,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: '2020-01-01T00:00:00Z',
    updated_at: '2020-01-01T00:00:00Z',
  }
}

export function appJson(world: World, app: App) {
  return {
    id: app.id,
    slug: app.slug,
    node_id: app.nodeId,
    client_id: `Iv1.${app.id.toString(16).padStart(16, '0')}`,
    owner: accountJson(world, app.owner),
    name: app.name,
    description: '',
    external_url: `${world.origin}/apps/${app.slug}`,
    html_url: `${world.origin}/apps/${app.slug}`,
    created_at: iso(app.createdAt),
    updated_at: iso(app.createdAt),
    permissions: app.permissions,
    events: app.events,
  }
}

export function installationJson(world: World, installation: Installation) {
  const url = `${api(world)}/app/installations/${installation.id}`
  return {
    id: installation.id,
    account: accountJson(world, installation.account),
    repository_selection: installation.repositories === undefined ? 'all' : 'selected',
    access_tokens_url: `${url}/access_tokens`,
    repositories_url: `${api(world)}/installation/repositories`,
    html_url: `${world.origin}${installation.account.type === 'Organization' ? `/organizations/${installation.account.login}` : ''}/settings/installations/${installation.id}`,
    app_id: installation.app.id,
    app_slug: installation.app.slug,
    target_id: installation.account.id,
    target_type: installation.account.type,
    permissions: installation.permissions,
    events: installation.app.events,
    created_at: iso(installation.createdAt),
    updated_at: iso(installation.createdAt),
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: null,
    suspended_at: installation.suspendedAt === undefined ? null : iso(installation.suspendedAt),
  }
}

export function labelJson(world: World, repository: Repository, label: Label) {
  return {
    id: label.id,
    node_id: label.nodeId,
    url: `${repoApi(world, repository)}/labels/${encodeURIComponent(label.name)}`,
    name: label.name,
    color: label.color,
    default: false,
    description: null,
  }
}
