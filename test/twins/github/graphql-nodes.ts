// Pull requests, repositories and what hangs on them, as GraphQL tells them: objects whose fields are values or functions.

import { GraphQLError } from 'graphql'
import { repoHtml } from './account-json.ts'
import { commitNode } from './graphql-checks.ts'
import { connection } from './graphql-connections.ts'
import type { PageArgs } from './graphql-connections.ts'
import { commentNode, reviewNode, threadNode } from './graphql-reviews.ts'
import type { GraphqlContext } from './graphql.ts'
import { mergeState } from './merging.ts'
import { opinions, queueRules, reviewDecision, unmet } from './protection.ts'
import { positionOf, queueOf } from './queue.ts'
import { branchSha, canWrite, roleOf } from './repositories.ts'
import type { Account, Label, PullRequest, QueueEntry, Repository, TimelineEvent, World } from './state.ts'
import { fullName, iso } from './state.ts'

const time = (at: number | undefined): string | null => (at === undefined ? null : iso(at))

/** GraphQL tells a bot's login without the `[bot]` that the REST API adds. */
export function accountNode(world: World, account: Account) {
  const login = account.login.replace(/\[bot\]$/, '')
  return {
    __typename: account.type,
    id: account.nodeId,
    databaseId: account.id,
    login,
    name: account.name,
    url: account.type === 'Bot' ? `${world.origin}/apps/${login}` : `${world.origin}/${login}`,
    avatarUrl: `${world.origin}/avatars/u/${account.id}`,
  }
}

/** Every owner is told as a user: the schema keeps no organizations, of which nothing is ever asked. */
const ownerNode = (world: World, account: Account) => ({ ...accountNode(world, account), __typename: 'User' })

export function repositoryNode(context: GraphqlContext, repository: Repository): Record<string, unknown> {
  const { world, credential } = context
  const { settings } = repository
  return {
    __typename: 'Repository',
    id: repository.nodeId,
    databaseId: repository.id,
    name: repository.name,
    nameWithOwner: fullName(repository),
    owner: ownerNode(world, repository.owner),
    url: repoHtml(world, repository),
    isPrivate: repository.private,
    isFork: repository.parent !== undefined,
    isArchived: repository.archived,
    defaultBranchRef: () => refNode(context, repository, repository.defaultBranch),
    autoMergeAllowed: settings.autoMerge,
    mergeCommitAllowed: settings.mergeCommit,
    squashMergeAllowed: settings.squash,
    rebaseMergeAllowed: settings.rebase,
    viewerPermission: () => {
      if (credential.kind === 'installation') return credential.token.permissions?.['contents'] === 'write' ? 'WRITE' : 'READ'
      const role = roleOf(repository, credential.account)
      return role === 'none' ? null : role.toUpperCase()
    },
    pullRequest: ({ number }: { number: number }) => {
      const pull = repository.pulls.get(number)
      if (pull === undefined)
        throw new GraphQLError(`Could not resolve to a PullRequest with the number of ${number}.`, { extensions: { type: 'NOT_FOUND' } })
      return pullNode(context, pull)
    },
    pullRequests: (args: PageArgs & { headRefName?: string | null; baseRefName?: string | null; states?: string[] | null }) => {
      const found = [...repository.pulls.values()].filter(
        (pull) =>
          (args.headRefName == null || pull.head.branch === args.headRefName) &&
          (args.baseRefName == null || pull.base.branch === args.baseRefName) &&
          (args.states == null || args.states.includes(stateOf(pull))),
      )
      return connection('pullRequests', found, args, (pull) => pullNode(context, pull))
    },
    ref: ({ qualifiedName }: { qualifiedName: string }) => refNode(context, repository, qualifiedName.replace(/^refs\/heads\//, '')),
    object: ({ oid }: { oid?: string | null }) => (oid == null ? null : commitNode(context, repository, oid).catch(() => null)),
    mergeQueue: ({ branch }: { branch?: string | null }) => queueNode(context, repository, branch ?? repository.defaultBranch),
  }
}

function refNode(context: GraphqlContext, repository: Repository, branch: string) {
  const sha = branchSha(repository, branch)
  if (sha === undefined) return null
  return {
    id: `REF_${Buffer.from(branch).toString('base64url')}`,
    name: branch,
    prefix: 'refs/heads/',
    target: () => commitNode(context, repository, sha),
  }
}

function queueNode(context: GraphqlContext, repository: Repository, branch: string) {
  if (queueRules(repository, branch) === undefined) return null
  return {
    id: `MQ_${repository.id}_${branch}`,
    url: `${repoHtml(context.world, repository)}/queue/${branch}`,
    entries: (args: PageArgs) => connection('entries', queueOf(repository, branch), args, (entry) => entryNode(context, entry)),
  }
}

export function entryNode(context: GraphqlContext, entry: QueueEntry): Record<string, unknown> {
  const { group, pull } = entry
  return {
    id: entry.id,
    position: () => positionOf(entry),
    state: entry.state,
    enqueuedAt: iso(entry.at),
    estimatedTimeToMerge: null,
    jump: entry.jump,
    solo: false,
    enqueuer: accountNode(context.world, entry.enqueuer),
    headCommit: () => (group === undefined ? null : commitNode(context, pull.repository, group.sha)),
    baseCommit: () => (group === undefined ? null : commitNode(context, pull.repository, group.on)),
    pullRequest: () => pullNode(context, pull),
  }
}

const stateOf = (pull: PullRequest): string => (pull.mergedAt !== undefined ? 'MERGED' : pull.state.toUpperCase())

export function pullNode(context: GraphqlContext, pull: PullRequest): Record<string, unknown> {
  const { world } = context
  const { repository, head, base } = pull
  const url = `${repoHtml(world, repository)}/pull/${pull.number}`
  // One question of several fields about mergeability is one computation.
  let state: ReturnType<typeof mergeState> | undefined
  const merge = () => (state ??= mergeState(world, pull))
  const numbers = () => repository.git.compare(base.sha, head.sha)
  return {
    __typename: 'PullRequest',
    id: pull.nodeId,
    databaseId: pull.id,
    number: pull.number,
    url,
    title: pull.title,
    body: pull.body ?? '',
    state: stateOf(pull),
    isDraft: pull.draft,
    merged: pull.mergedAt !== undefined,
    mergedAt: time(pull.mergedAt),
    mergedBy: pull.mergedBy === undefined ? null : accountNode(world, pull.mergedBy),
    createdAt: iso(pull.createdAt),
    updatedAt: iso(pull.updatedAt),
    closedAt: time(pull.closedAt),
    closed: pull.state === 'closed',
    headRefOid: head.sha,
    headRefName: head.branch,
    baseRefName: base.branch,
    baseRefOid: base.sha,
    headRef: () => (head.repository === undefined ? null : refNode(context, head.repository, head.branch)),
    headRepository: () => (head.repository === undefined ? null : repositoryNode(context, head.repository)),
    headRepositoryOwner: ownerNode(world, head.owner),
    repository: () => repositoryNode(context, repository),
    baseRepository: () => repositoryNode(context, repository),
    isCrossRepository: head.repository !== repository,
    maintainerCanModify: head.repository !== repository,
    author: accountNode(world, pull.author),
    mergeable: async () => {
      const { mergeable } = await merge()
      return mergeable === null ? 'UNKNOWN' : mergeable ? 'MERGEABLE' : 'CONFLICTING'
    },
    mergeStateStatus: async () => (await merge()).state.toUpperCase(),
    mergeCommit: () => (pull.mergeSha === undefined ? null : commitNode(context, repository, pull.mergeSha)),
    potentialMergeCommit: null,
    reviewDecision: () => reviewDecision(pull),
    reviewRequests: (args: PageArgs) =>
      connection('reviewRequests', pull.requested, args, (account) => ({
        id: `RR_${pull.id}_${account.id}`,
        databaseId: account.id,
        asCodeOwner: pull.codeOwners.has(account.login),
        requestedReviewer: accountNode(world, account),
      })),
    latestOpinionatedReviews: (args: PageArgs & { writersOnly?: boolean | null }) =>
      connection('latestOpinionatedReviews', opinions(pull, args.writersOnly ?? false), args, (review) => reviewNode(context, review)),
    latestReviews: (args: PageArgs) =>
      connection('latestReviews', [...new Map(pull.reviews.map((review) => [review.user.login, review])).values()], args, (review) =>
        reviewNode(context, review),
      ),
    reviews: (args: PageArgs & { states?: string[] | null; author?: string | null }) => {
      const found = pull.reviews.filter(
        (review) =>
          (args.states == null || args.states.includes(review.state)) && (args.author == null || review.user.login === args.author),
      )
      return connection('reviews', found, args, (review) => reviewNode(context, review))
    },
    reviewThreads: (args: PageArgs) => connection('reviewThreads', pull.threads, args, (thread) => threadNode(context, thread)),
    mergeQueueEntry: () => (pull.queueEntry === undefined ? null : entryNode(context, pull.queueEntry)),
    isInMergeQueue: pull.queueEntry !== undefined,
    isMergeQueueEnabled: queueRules(repository, base.branch) !== undefined,
    mergeQueue: () => queueNode(context, repository, base.branch),
    autoMergeRequest: () => {
      const { autoMerge } = pull
      if (autoMerge === undefined) return null
      return {
        enabledAt: iso(autoMerge.at),
        enabledBy: accountNode(world, autoMerge.by),
        mergeMethod: autoMerge.method.toUpperCase(),
        commitHeadline: autoMerge.title,
        commitBody: autoMerge.message,
        pullRequest: () => pullNode(context, pull),
      }
    },
    viewerCanEnableAutoMerge: () => canEnableAutoMerge(context, pull),
    viewerCanDisableAutoMerge: () => pull.autoMerge !== undefined && mayWrite(context, pull),
    timelineItems: (args: PageArgs & { itemTypes?: string[] | null; since?: string | null }) => {
      const wanted = args.itemTypes?.map((name) => name.replaceAll('_', '').toLowerCase())
      const from = args.since == null ? 0 : Date.parse(args.since)
      const found = pull.timeline.filter((event) => (wanted === undefined || wanted.includes(event.type.toLowerCase())) && event.at >= from)
      return connection('timelineItems', found, args, (event) => timelineNode(context, pull, event))
    },
    commits: async (args: PageArgs) => {
      const { ahead } = await numbers()
      return connection('commits', ahead, args, (sha) => ({
        id: `PRC_${pull.id}_${sha}`,
        url: `${url}/commits/${sha}`,
        commit: () => commitNode(context, repository, sha),
      }))
    },
    labels: (args: PageArgs) =>
      connection('labels', pull.labels, args, (label: Label) => ({ id: label.nodeId, name: label.name, color: label.color })),
    comments: (args: PageArgs) => connection('comments', pull.comments, args, (comment) => commentNode(context, comment)),
    additions: async () => (await numbers()).files.reduce((sum, file) => sum + file.additions, 0),
    deletions: async () => (await numbers()).files.reduce((sum, file) => sum + file.deletions, 0),
    changedFiles: async () => (await numbers()).files.length,
  }
}

export const mayWrite = ({ credential }: GraphqlContext, pull: PullRequest): boolean =>
  credential.kind === 'installation'
    ? credential.token.permissions?.['contents'] === 'write'
    : canWrite(pull.repository, credential.account)

/** GitHub offers an automatic merge where it is allowed and something is still to be waited for. */
export function canEnableAutoMerge(context: GraphqlContext, pull: PullRequest): boolean {
  return (
    pull.repository.settings.autoMerge &&
    pull.state === 'open' &&
    pull.autoMerge === undefined &&
    mayWrite(context, pull) &&
    unmet(pull).length > 0
  )
}

function timelineNode(context: GraphqlContext, pull: PullRequest, event: TimelineEvent) {
  const actor = accountNode(context.world, event.actor)
  const commit = (sha: string | undefined) => () => (sha === undefined ? null : commitNode(context, pull.repository, sha))
  return {
    __typename: event.type,
    id: event.id,
    createdAt: iso(event.at),
    actor,
    enqueuer: event.actor.type === 'User' ? actor : null,
    reason: event.reason ?? null,
    beforeCommit: commit(event.before),
    afterCommit: commit(event.after),
  }
}
