// How pull requests, reviews, their comments and the comments of an issue are told.

import { accountJson, appJson, labelJson, repoApi, repoHtml } from './account-json.ts'
import { repositoryJson } from './repository-json.ts'
import type { Account, IssueComment, PullRequest, Reaction, Repository, Review, ReviewComment, World } from './state.ts'
import { iso } from './state.ts'

export function association(repository: Repository, account: Account): string {
  if (account.login === repository.owner.login) return 'OWNER'
  const role = repository.roles.get(account.login)
  if (role === 'admin' || role === 'write') return account.type === 'Bot' ? 'CONTRIBUTOR' : 'COLLABORATOR'
  return 'NONE'
}

/** A pull request as lists tell it. */
export function pullJson(world: World, pull: PullRequest): Record<string, unknown> {
  const { repository, number } = pull
  const url = `${repoApi(world, repository)}/pulls/${number}`
  const issue = `${repoApi(world, repository)}/issues/${number}`
  const html = `${repoHtml(world, repository)}/pull/${number}`
  const statuses = `${repoApi(world, repository)}/statuses/${pull.head.sha}`
  const end = (owner: Account, of: Repository | undefined, ref: string, sha: string) => ({
    label: `${owner.login}:${ref}`,
    ref,
    sha,
    user: accountJson(world, owner),
    repo: of === undefined ? null : repositoryJson(world, of),
  })
  return {
    url,
    id: pull.id,
    node_id: pull.nodeId,
    html_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    issue_url: issue,
    number,
    state: pull.state,
    locked: false,
    active_lock_reason: null,
    title: pull.title,
    user: accountJson(world, pull.author),
    body: pull.body,
    created_at: iso(pull.createdAt),
    updated_at: iso(pull.updatedAt),
    closed_at: pull.closedAt === undefined ? null : iso(pull.closedAt),
    merged_at: pull.mergedAt === undefined ? null : iso(pull.mergedAt),
    merge_commit_sha: pull.mergeSha ?? null,
    assignee: null,
    assignees: [],
    requested_reviewers: pull.requested.map((account) => accountJson(world, account)),
    requested_teams: [],
    labels: pull.labels.map((label) => labelJson(world, repository, label)),
    milestone: null,
    draft: pull.draft,
    commits_url: `${url}/commits`,
    review_comments_url: `${url}/comments`,
    review_comment_url: `${repoApi(world, repository)}/pulls/comments{/number}`,
    comments_url: `${issue}/comments`,
    statuses_url: statuses,
    head: end(pull.head.owner, pull.head.repository, pull.head.branch, pull.head.sha),
    base: end(repository.owner, repository, pull.base.branch, pull.base.sha),
    _links: {
      self: { href: url },
      html: { href: html },
      issue: { href: issue },
      comments: { href: `${issue}/comments` },
      review_comments: { href: `${url}/comments` },
      review_comment: { href: `${repoApi(world, repository)}/pulls/comments{/number}` },
      commits: { href: `${url}/commits` },
      statuses: { href: statuses },
    },
    author_association: association(repository, pull.author),
    auto_merge: autoMergeJson(world, pull),
  }
}

function autoMergeJson(world: World, pull: PullRequest) {
  if (pull.autoMerge === undefined) return null
  const { by, method, title, message } = pull.autoMerge
  return { enabled_by: accountJson(world, by), merge_method: method, commit_title: title ?? pull.title, commit_message: message ?? '' }
}

/** A pull request as it is told alone, and in deliveries; the numbers come from git. */
export async function fullPullJson(
  world: World,
  pull: PullRequest,
  merge?: { mergeable: boolean | null; state: string },
): Promise<Record<string, unknown>> {
  // The plain part is read at once, so that it says what was true when it was asked for, whatever happens while git counts.
  const told = {
    ...pullJson(world, pull),
    merged: pull.mergedAt !== undefined,
    mergeable: merge?.mergeable ?? null,
    rebaseable: merge?.mergeable ?? null,
    mergeable_state: merge?.state ?? 'unknown',
    merged_by: pull.mergedBy === undefined ? null : accountJson(world, pull.mergedBy),
    comments: pull.comments.length,
    review_comments: pull.threads.reduce((sum, thread) => sum + thread.comments.length, 0),
    maintainer_can_modify: pull.head.repository !== pull.repository,
  }
  const { ahead, files } = await pull.repository.git.compare(pull.base.sha, pull.head.sha)
  return {
    ...told,
    commits: ahead.length,
    additions: files.reduce((sum, file) => sum + file.additions, 0),
    deletions: files.reduce((sum, file) => sum + file.deletions, 0),
    changed_files: files.length,
  }
}

const pullUrls = (world: World, pull: PullRequest) => ({
  url: `${repoApi(world, pull.repository)}/pulls/${pull.number}`,
  html: `${repoHtml(world, pull.repository)}/pull/${pull.number}`,
})

export function reviewJson(world: World, review: Review) {
  const { url, html } = pullUrls(world, review.pull)
  return {
    id: review.id,
    node_id: review.nodeId,
    user: accountJson(world, review.user),
    body: review.body,
    state: review.state,
    html_url: `${html}#pullrequestreview-${review.id}`,
    pull_request_url: url,
    author_association: association(review.pull.repository, review.user),
    _links: { html: { href: `${html}#pullrequestreview-${review.id}` }, pull_request: { href: url } },
    ...(review.state === 'PENDING' ? {} : { submitted_at: iso(review.at) }),
    commit_id: review.sha,
  }
}

export function reviewCommentJson(world: World, comment: ReviewComment) {
  const { thread, review } = comment
  const { url, html } = pullUrls(world, thread.pull)
  const self = `${repoApi(world, thread.pull.repository)}/pulls/comments/${comment.id}`
  const link = `${html}#discussion_r${comment.id}`
  return {
    url: self,
    pull_request_review_id: review.id,
    id: comment.id,
    node_id: comment.nodeId,
    diff_hunk: comment.hunk,
    path: thread.path,
    position: thread.outdated ? null : 1,
    original_position: 1,
    commit_id: thread.outdated ? comment.sha : thread.pull.head.sha,
    original_commit_id: comment.sha,
    ...(comment.replyTo === undefined ? {} : { in_reply_to_id: comment.replyTo.id }),
    user: accountJson(world, comment.user),
    body: comment.body,
    created_at: iso(comment.at),
    updated_at: iso(comment.updatedAt),
    html_url: link,
    pull_request_url: url,
    author_association: association(thread.pull.repository, comment.user),
    _links: { self: { href: self }, html: { href: link }, pull_request: { href: url } },
    start_line: thread.startLine ?? null,
    original_start_line: thread.startLine ?? null,
    start_side: thread.startLine === undefined ? null : 'RIGHT',
    line: thread.outdated ? null : thread.line,
    original_line: thread.line,
    side: 'RIGHT',
    subject_type: 'line',
    reactions: reactionsJson(`${self}/reactions`, comment.reactions),
  }
}

export function issueCommentJson(world: World, comment: IssueComment) {
  const { repository, pull } = comment
  const url = `${repoApi(world, repository)}/issues/comments/${comment.id}`
  return {
    id: comment.id,
    node_id: comment.nodeId,
    url,
    html_url: `${repoHtml(world, repository)}/pull/${pull.number}#issuecomment-${comment.id}`,
    body: comment.body,
    user: accountJson(world, comment.user),
    created_at: iso(comment.at),
    updated_at: iso(comment.updatedAt),
    issue_url: `${repoApi(world, repository)}/issues/${pull.number}`,
    author_association: association(repository, comment.user),
    performed_via_github_app: comment.app === undefined ? null : appJson(world, comment.app),
    reactions: reactionsJson(`${url}/reactions`, comment.reactions),
  }
}

function reactionsJson(url: string, reactions: readonly Reaction[]) {
  const count = (content: string) => reactions.filter((each) => each.content === content).length
  const kinds = ['+1', '-1', 'laugh', 'confused', 'heart', 'hooray', 'eyes', 'rocket'] as const
  return {
    url,
    total_count: reactions.length,
    ...(Object.fromEntries(kinds.map((kind) => [kind, count(kind)])) as Record<(typeof kinds)[number], number>),
  }
}

/** The issue that a pull request also is, in deliveries of its comments. */
export function issueJson(world: World, pull: PullRequest) {
  const { repository, number } = pull
  const url = `${repoApi(world, repository)}/issues/${number}`
  const html = `${repoHtml(world, repository)}/pull/${number}`
  return {
    url,
    repository_url: repoApi(world, repository),
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    html_url: html,
    id: pull.id,
    node_id: pull.nodeId,
    number,
    title: pull.title,
    user: accountJson(world, pull.author),
    labels: pull.labels.map((label) => labelJson(world, repository, label)),
    state: pull.state,
    locked: false,
    assignee: null,
    assignees: [],
    milestone: null,
    comments: pull.comments.length,
    created_at: iso(pull.createdAt),
    updated_at: iso(pull.updatedAt),
    closed_at: pull.closedAt === undefined ? null : iso(pull.closedAt),
    author_association: association(repository, pull.author),
    active_lock_reason: null,
    draft: pull.draft,
    body: pull.body,
    reactions: reactionsJson(`${url}/reactions`, []),
    timeline_url: `${url}/timeline`,
    performed_via_github_app: null,
    state_reason: null,
    pull_request: {
      url: `${repoApi(world, repository)}/pulls/${number}`,
      html_url: html,
      diff_url: `${html}.diff`,
      patch_url: `${html}.patch`,
      merged_at: pull.mergedAt === undefined ? null : iso(pull.mergedAt),
    },
  }
}
