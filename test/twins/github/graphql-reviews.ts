// Reviews, their threads and comments as GraphQL tells them.

import { repoHtml } from './account-json.ts'
import { commitNode } from './graphql-checks.ts'
import { connection } from './graphql-connections.ts'
import type { PageArgs } from './graphql-connections.ts'
import type { GraphqlContext } from './graphql.ts'
import { accountNode, mayWrite, pullNode } from './graphql-nodes.ts'
import { association } from './pull-json.ts'
import { canWrite } from './repositories.ts'
import type { IssueComment, Review, ReviewComment, Thread } from './state.ts'
import { iso } from './state.ts'

export function reviewNode(context: GraphqlContext, review: Review): Record<string, unknown> {
  const { world } = context
  const { pull } = review
  return {
    __typename: 'PullRequestReview',
    id: review.nodeId,
    databaseId: review.id,
    state: review.state,
    body: review.body,
    author: accountNode(world, review.user),
    authorAssociation: association(pull.repository, review.user),
    authorCanPushToRepository: canWrite(pull.repository, review.user),
    submittedAt: iso(review.at),
    createdAt: iso(review.at),
    updatedAt: iso(review.updatedAt),
    commit: () => commitNode(context, pull.repository, review.sha),
    url: `${repoHtml(world, pull.repository)}/pull/${pull.number}#pullrequestreview-${review.id}`,
    comments: (args: PageArgs) => {
      const own = pull.threads.flatMap((thread) => thread.comments).filter((comment) => comment.review === review)
      return connection('comments', own, args, (comment) => reviewCommentNode(context, comment))
    },
  }
}

export function threadNode(context: GraphqlContext, thread: Thread): Record<string, unknown> {
  return {
    __typename: 'PullRequestReviewThread',
    id: thread.id,
    isResolved: thread.resolvedBy !== undefined,
    isOutdated: thread.outdated,
    isCollapsed: thread.resolvedBy !== undefined,
    path: thread.path,
    line: thread.outdated ? null : thread.line,
    originalLine: thread.line,
    startLine: thread.startLine ?? null,
    resolvedBy: thread.resolvedBy === undefined ? null : { ...accountNode(context.world, thread.resolvedBy), __typename: 'User' },
    viewerCanResolve: () => mayWrite(context, thread.pull) && thread.resolvedBy === undefined,
    viewerCanUnresolve: () => mayWrite(context, thread.pull) && thread.resolvedBy !== undefined,
    viewerCanReply: true,
    comments: (args: PageArgs) => connection('comments', thread.comments, args, (comment) => reviewCommentNode(context, comment)),
    pullRequest: () => pullNode(context, thread.pull),
  }
}

export function reviewCommentNode(context: GraphqlContext, comment: ReviewComment): Record<string, unknown> {
  const { thread } = comment
  const { repository } = thread.pull
  return {
    __typename: 'PullRequestReviewComment',
    id: comment.nodeId,
    databaseId: comment.id,
    body: comment.body,
    author: accountNode(context.world, comment.user),
    authorAssociation: association(repository, comment.user),
    path: thread.path,
    line: thread.outdated ? null : thread.line,
    originalLine: thread.line,
    outdated: thread.outdated,
    createdAt: iso(comment.at),
    updatedAt: iso(comment.updatedAt),
    url: `${repoHtml(context.world, repository)}/pull/${thread.pull.number}#discussion_r${comment.id}`,
    diffHunk: comment.hunk,
    commit: () => commitNode(context, repository, comment.sha),
    originalCommit: () => commitNode(context, repository, comment.sha),
    pullRequestReview: () => reviewNode(context, comment.review),
    replyTo: () => (comment.replyTo === undefined ? null : reviewCommentNode(context, comment.replyTo)),
  }
}

export function commentNode(context: GraphqlContext, comment: IssueComment): Record<string, unknown> {
  const { world } = context
  return {
    __typename: 'IssueComment',
    id: comment.nodeId,
    databaseId: comment.id,
    body: comment.body,
    author: accountNode(world, comment.user),
    authorAssociation: association(comment.repository, comment.user),
    createdAt: iso(comment.at),
    updatedAt: iso(comment.updatedAt),
    url: `${repoHtml(world, comment.repository)}/pull/${comment.pull.number}#issuecomment-${comment.id}`,
  }
}
