// Repositories: made, forked, renamed and found; who may do what in them; and what follows when one of their refs moves.

import { join } from 'node:path'
import { accountJson, repoHtml } from './account-json.ts'
import { ensureAccount } from './accounts.ts'
import { runCi } from './actions.ts'
import { announce, organizationJson } from './events.ts'
import { Git } from './git.ts'
import { pullsAfterPush } from './pull-heads.ts'
import type { Account, PullRequest, Repository, Role, World } from './state.ts'
import { ZERO, branchRef, fullName, nodeId } from './state.ts'

export interface RepositoryOptions {
  /** `OWNER/NAME`. */
  name: string
  /** The owner is an organization unless told otherwise. */
  ownerType?: 'User' | 'Organization'
  private?: boolean
  defaultBranch?: string
  files?: Record<string, string>
  /** Logins and what they may do. */
  roles?: Record<string, Role>
  settings?: Partial<Repository['settings']>
}

export async function createRepository(world: World, options: RepositoryOptions): Promise<Repository> {
  const [owner, name] = options.name.split('/') as [string, string]
  const account = ensureAccount(world, owner, options.ownerType ?? 'Organization')
  const repository = await bareRepository(world, account, name, options.defaultBranch ?? 'main')
  repository.private = options.private ?? true
  Object.assign(repository.settings, options.settings)
  for (const [login, role] of Object.entries(options.roles ?? {})) repository.roles.set(ensureAccount(world, login).login, role)
  if (account.type === 'User') repository.roles.set(account.login, 'admin')
  const files = options.files ?? { 'README.md': `# ${name}\n` }
  const author = { name: account.login, email: `${account.login}@users.noreply.github.com`, at: world.clock.now() }
  const sha = await repository.git.write(undefined, files, 'First commit', author)
  await repository.git.updateRef(branchRef(repository.defaultBranch), sha)
  repository.refs.set(branchRef(repository.defaultBranch), sha)
  return repository
}

/** A fork shares its parent's objects, as on GitHub. */
export async function forkRepository(world: World, parent: Repository, owner: Account): Promise<Repository> {
  const fork = await bareRepository(world, owner, parent.name, parent.defaultBranch, parent)
  fork.private = parent.private
  fork.roles.set(owner.login, 'admin')
  for (const [ref, sha] of parent.refs) {
    if (!ref.startsWith('refs/heads/') || ref.startsWith('refs/heads/gh-readonly-queue/')) continue
    await fork.git.updateRef(ref, sha)
    fork.refs.set(ref, sha)
  }
  return fork
}

async function bareRepository(world: World, owner: Account, name: string, defaultBranch: string, parent?: Repository): Promise<Repository> {
  const id = world.nextId()
  const now = world.clock.now()
  const git = new Git(join(world.folder, `${id}.git`))
  await git.init(defaultBranch, parent?.git)
  const repository: Repository = {
    id,
    nodeId: nodeId('R', id),
    owner,
    name,
    private: true,
    archived: false,
    defaultBranch,
    parent,
    createdAt: now,
    updatedAt: now,
    pushedAt: now,
    git,
    refs: new Map(),
    roles: new Map(),
    settings: { autoMerge: false, mergeCommit: true, squash: true, rebase: true, deleteBranchOnMerge: false, mergeableAfter: 0 },
    pulls: new Map(),
    byHead: new Map(),
    nextNumber: 1,
    protections: [],
    hooks: new Map(),
    labels: new Map(),
    checks: new Map(),
    checkById: new Map(),
    suites: new Map(),
    statuses: new Map(),
    runs: new Map(),
    workflows: new Map(),
    jobs: new Map(),
    comments: new Map(),
    queues: new Map(),
    ci: undefined,
    ciBranches: (branch) => branch === defaultBranch,
  }
  world.repositories.set(`${owner.login}/${name}`.toLowerCase(), repository)
  world.repositoryById.set(id, repository)
  world.nodes.set(repository.nodeId, { kind: 'Repository', value: repository })
  return repository
}

export function findRepository(world: World, owner: string, name: string): { repository: Repository; moved: boolean } | undefined {
  const key = `${owner}/${name}`.toLowerCase()
  const repository = world.repositories.get(key)
  if (repository !== undefined) return { repository, moved: false }
  const former = world.renamed.get(key)
  return former === undefined ? undefined : { repository: former, moved: true }
}

function move(world: World, repository: Repository, owner: Account, name: string): void {
  const key = fullName(repository).toLowerCase()
  world.repositories.delete(key)
  world.renamed.set(key, repository)
  Object.assign(repository, { owner, name })
  world.repositories.set(fullName(repository).toLowerCase(), repository)
  world.renamed.delete(fullName(repository).toLowerCase())
}

export function renameRepository(world: World, repository: Repository, name: string, sender: Account): void {
  const before = repository.name
  move(world, repository, repository.owner, name)
  announce(world, repository, 'repository', 'renamed', sender, () => ({ changes: { repository: { name: { from: before } } } }))
}

/** To another owner, whose installations it is under from now on. */
export function transferRepository(world: World, repository: Repository, owner: Account, sender: Account): void {
  const before = repository.owner
  for (const [head, pulls] of [...repository.byHead]) {
    if (!head.startsWith(`${before.login}:`)) continue
    repository.byHead.delete(head)
    repository.byHead.set(`${owner.login}${head.slice(before.login.length)}`, pulls)
  }
  move(world, repository, owner, repository.name)
  const from = before.type === 'User' ? { user: accountJson(world, before) } : { organization: organizationJson(world, before) }
  announce(world, repository, 'repository', 'transferred', sender, () => ({ changes: { owner: { from } } }))
}

export function roleOf(repository: Repository, account: Account): Role {
  return repository.roles.get(account.login) ?? (repository.private ? 'none' : 'read')
}

export const canWrite = (repository: Repository, account: Account): boolean => ['admin', 'write'].includes(roleOf(repository, account))

export const branchSha = (repository: Repository, branch: string): string | undefined => repository.refs.get(branchRef(branch))

/** The open pull requests, also into a parent, whose head is this branch. */
export function associatedPulls(repository: Repository, branch: string): PullRequest[] {
  const of = (base: Repository) =>
    (base.byHead.get(`${repository.owner.login}:${branch}`) ?? []).filter(
      (pull) => pull.state === 'open' && pull.head.repository === repository,
    )
  return repository.parent === undefined ? of(repository) : [...of(repository), ...of(repository.parent)]
}

/** Moves a ref in git and lets everything follow. `old` guards against another move in between. */
export async function moveRef(world: World, repository: Repository, ref: string, sha: string | undefined, by: Account): Promise<void> {
  const old = repository.refs.get(ref)
  if (old === sha) return
  await repository.git.updateRef(ref, sha, old ?? ZERO)
  await refMoved(world, repository, ref, old, sha, by)
}

/** What follows when a ref has moved, whoever moved it. */
export async function refMoved(
  world: World,
  repository: Repository,
  ref: string,
  old: string | undefined,
  sha: string | undefined,
  by: Account,
): Promise<void> {
  if (sha === undefined) repository.refs.delete(ref)
  else repository.refs.set(ref, sha)
  repository.pushedAt = world.clock.now()
  repository.updatedAt = world.clock.now()
  if (!ref.startsWith('refs/heads/') && !ref.startsWith('refs/tags/')) return
  const type = ref.startsWith('refs/tags/') ? 'tag' : 'branch'
  const short = ref.slice(ref.indexOf('/', 5) + 1)
  const arrival =
    sha === undefined
      ? { forced: false, commits: [] }
      : await repository.git.arrival(old, sha, branchSha(repository, repository.defaultBranch))
  const commits = await Promise.all(arrival.commits.map(async (each) => ({ ...each, info: await repository.git.commit(each.sha) })))
  if (old === undefined) {
    announce(world, repository, 'create', undefined, by, () => ({
      ref: short,
      ref_type: type,
      master_branch: repository.defaultBranch,
      description: null,
      pusher_type: 'user',
    }))
  }
  if (sha === undefined) announce(world, repository, 'delete', undefined, by, () => ({ ref: short, ref_type: type, pusher_type: 'user' }))
  announce(world, repository, 'push', undefined, by, () => pushPayload(world, repository, ref, old, sha, by, arrival.forced, commits))
  if (type !== 'branch') return
  await pullsAfterPush(world, repository, short, old, sha, arrival.forced, by)
  if (sha !== undefined && repository.ciBranches(short)) runCi(world, repository, sha, { branch: short, event: 'push' }, by)
}

type Arrived = { sha: string; added: string[]; removed: string[]; modified: string[]; info: Awaited<ReturnType<Git['commit']>> }

function pushPayload(
  world: World,
  repository: Repository,
  ref: string,
  old: string | undefined,
  sha: string | undefined,
  by: Account,
  forced: boolean,
  arrived: Arrived[],
) {
  const html = repoHtml(world, repository)
  const commits = arrived.map(({ info, added, removed, modified }) => ({
    id: info.sha,
    tree_id: info.tree,
    distinct: true,
    message: info.message,
    timestamp: new Date(info.committer.at).toISOString(),
    url: `${html}/commit/${info.sha}`,
    author: { name: info.author.name, email: info.author.email },
    committer: { name: info.committer.name, email: info.committer.email },
    added,
    removed,
    modified,
  }))
  return {
    ref,
    before: old ?? ZERO,
    after: sha ?? ZERO,
    base_ref: null,
    created: old === undefined,
    deleted: sha === undefined,
    forced,
    compare: `${html}/compare/${(old ?? ZERO).slice(0, 12)}...${(sha ?? ZERO).slice(0, 12)}`,
    commits,
    head_commit: commits.at(-1) ?? null,
    pusher: { name: by.login, email: `${by.login}@users.noreply.github.com` },
  }
}

/** The owners of a path by the CODEOWNERS file of a base; the last matching line decides. */
export async function codeOwners(repository: Repository, base: string, paths: string[]): Promise<Set<string>> {
  const places = ['.github/CODEOWNERS', 'CODEOWNERS', 'docs/CODEOWNERS']
  const text = (await Promise.all(places.map((path) => repository.git.file(base, path)))).find((found) => found !== null)
  const owners = new Set<string>()
  if (text === undefined || text === null) return owners
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/\s+/))
  for (const path of paths) {
    const line = lines.findLast(([pattern]) => matchesPattern(pattern!, path))
    for (const owner of line?.slice(1) ?? []) owners.add(owner.replace(/^@/, ''))
  }
  return owners
}

function matchesPattern(pattern: string, path: string): boolean {
  const anchored = pattern.startsWith('/') || pattern.slice(0, -1).includes('/')
  const source = pattern
    .replace(/^\//, '')
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('**', '\u0001')
    .replaceAll('*', '[^/]*')
    .replaceAll('\u0001', '.*')
    .replace(/\/$/, '/.*')
  return new RegExp(`${anchored ? '^' : '(^|/)'}${source}(/.*)?$`).test(path)
}
