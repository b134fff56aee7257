// How a repository and its commits are told.

import { accountJson, repoApi, repoHtml } from './account-json.ts'
import type { FileChange } from './git-output.ts'
import type { CommitInfo, Repository, Role, World } from './state.ts'
import { fullName, iso } from './state.ts'

const LINKS: Record<string, string> = {
  archive_url: '/{archive_format}{/ref}',
  assignees_url: '/assignees{/user}',
  blobs_url: '/git/blobs{/sha}',
  branches_url: '/branches{/branch}',
  collaborators_url: '/collaborators{/collaborator}',
  comments_url: '/comments{/number}',
  commits_url: '/commits{/sha}',
  compare_url: '/compare/{base}...{head}',
  contents_url: '/contents/{+path}',
  contributors_url: '/contributors',
  deployments_url: '/deployments',
  downloads_url: '/downloads',
  events_url: '/events',
  forks_url: '/forks',
  git_commits_url: '/git/commits{/sha}',
  git_refs_url: '/git/refs{/sha}',
  git_tags_url: '/git/tags{/sha}',
  hooks_url: '/hooks',
  issue_comment_url: '/issues/comments{/number}',
  issue_events_url: '/issues/events{/number}',
  issues_url: '/issues{/number}',
  keys_url: '/keys{/key_id}',
  labels_url: '/labels{/name}',
  languages_url: '/languages',
  merges_url: '/merges',
  milestones_url: '/milestones{/number}',
  notifications_url: '/notifications{?since,all,participating}',
  pulls_url: '/pulls{/number}',
  releases_url: '/releases{/id}',
  stargazers_url: '/stargazers',
  statuses_url: '/statuses/{sha}',
  subscribers_url: '/subscribers',
  subscription_url: '/subscription',
  tags_url: '/tags',
  teams_url: '/teams',
  trees_url: '/git/trees{/sha}',
}

/** The short form that workflow runs and suites carry. */
export function minimalRepositoryJson(world: World, repository: Repository) {
  const url = repoApi(world, repository)
  const links = Object.fromEntries(Object.entries(LINKS).map(([key, path]) => [key, `${url}${path}`]))
  return {
    id: repository.id,
    node_id: repository.nodeId,
    name: repository.name,
    full_name: fullName(repository),
    private: repository.private,
    owner: accountJson(world, repository.owner),
    html_url: repoHtml(world, repository),
    description: null,
    fork: repository.parent !== undefined,
    url,
    ...links,
  }
}

export function repositoryJson(world: World, repository: Repository, role?: Role): Record<string, unknown> {
  const html = repoHtml(world, repository)
  const { settings } = repository
  return {
    ...minimalRepositoryJson(world, repository),
    created_at: iso(repository.createdAt),
    updated_at: iso(repository.updatedAt),
    pushed_at: iso(repository.pushedAt),
    git_url: html.replace(/^https?/, 'git') + '.git',
    ssh_url: `git@${new URL(world.origin).hostname}:${fullName(repository)}.git`,
    clone_url: `${html}.git`,
    svn_url: html,
    mirror_url: null,
    homepage: null,
    language: null,
    size: 1,
    forks: 0,
    forks_count: 0,
    stargazers_count: 0,
    watchers: 0,
    watchers_count: 0,
    open_issues: 0,
    open_issues_count: 0,
    default_branch: repository.defaultBranch,
    has_issues: true,
    has_projects: false,
    has_downloads: false,
    has_wiki: false,
    has_pages: false,
    has_discussions: false,
    archived: repository.archived,
    disabled: false,
    visibility: repository.private ? 'private' : 'public',
    license: null,
    allow_forking: true,
    is_template: false,
    web_commit_signoff_required: false,
    topics: [],
    allow_rebase_merge: settings.rebase,
    allow_squash_merge: settings.squash,
    allow_merge_commit: settings.mergeCommit,
    allow_auto_merge: settings.autoMerge,
    allow_update_branch: false,
    delete_branch_on_merge: settings.deleteBranchOnMerge,
    ...(role === undefined ? {} : { permissions: permissionsOf(role) }),
  }
}

/** What only `GET /repos/{owner}/{repo}` tells besides. */
export function fullRepositoryJson(world: World, repository: Repository, role: Role): Record<string, unknown> {
  const parent =
    repository.parent === undefined
      ? {}
      : { parent: repositoryJson(world, repository.parent), source: repositoryJson(world, repository.parent) }
  return { ...repositoryJson(world, repository, role), network_count: 0, subscribers_count: 0, ...parent }
}

export function permissionsOf(role: Role) {
  const write = role === 'admin' || role === 'write'
  return { admin: role === 'admin', maintain: role === 'admin', push: write, triage: write, pull: role !== 'none' }
}

export function gitCommitJson(world: World, repository: Repository, commit: CommitInfo) {
  const person = (who: CommitInfo['author']) => ({ name: who.name, email: who.email, date: iso(who.at) })
  const url = repoApi(world, repository)
  return {
    url: `${url}/git/commits/${commit.sha}`,
    author: person(commit.author),
    committer: person(commit.committer),
    message: commit.message,
    comment_count: 0,
    tree: { sha: commit.tree, url: `${url}/git/trees/${commit.tree}` },
    verification: { verified: false, reason: 'unsigned', signature: null, payload: null, verified_at: null },
  }
}

export function commitJson(world: World, repository: Repository, commit: CommitInfo) {
  const url = repoApi(world, repository)
  const html = repoHtml(world, repository)
  const account = (email: string) => {
    const found = world.accounts.get(email.split('@')[0]!.toLowerCase())
    return found === undefined ? null : accountJson(world, found)
  }
  return {
    url: `${url}/commits/${commit.sha}`,
    sha: commit.sha,
    node_id: `C_${commit.sha}`,
    html_url: `${html}/commit/${commit.sha}`,
    comments_url: `${url}/commits/${commit.sha}/comments`,
    commit: gitCommitJson(world, repository, commit),
    author: account(commit.author.email),
    committer: account(commit.committer.email),
    parents: commit.parents.map((sha) => ({ sha, url: `${url}/commits/${sha}`, html_url: `${html}/commit/${sha}` })),
  }
}

/** The short form of a commit that suites, runs and pushes carry. */
export function simpleCommitJson(commit: CommitInfo) {
  return {
    id: commit.sha,
    tree_id: commit.tree,
    message: commit.message,
    timestamp: iso(commit.committer.at),
    author: { name: commit.author.name, email: commit.author.email },
    committer: { name: commit.committer.name, email: commit.committer.email },
  }
}

export function fileJson(world: World, repository: Repository, sha: string, file: FileChange) {
  const path = encodeURIComponent(file.filename)
  return {
    sha: file.sha,
    filename: file.filename,
    status: file.status,
    additions: file.additions,
    deletions: file.deletions,
    changes: file.additions + file.deletions,
    blob_url: `${repoHtml(world, repository)}/blob/${sha}/${path}`,
    raw_url: `${repoHtml(world, repository)}/raw/${sha}/${path}`,
    contents_url: `${repoApi(world, repository)}/contents/${path}?ref=${sha}`,
    ...(file.patch === '' ? {} : { patch: file.patch }),
    ...(file.previous === undefined ? {} : { previous_filename: file.previous }),
  }
}
