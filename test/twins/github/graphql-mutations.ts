// The few changes that GitHub offers only in GraphQL: merge queue, automatic merges, threads, drafts.

import { GraphQLError } from 'graphql'
import { demand } from './auth.ts'
import type { GraphqlContext } from './graphql.ts'
import { accountNode, canEnableAutoMerge, entryNode, pullNode } from './graphql-nodes.ts'
import { reviewCommentNode, threadNode } from './graphql-reviews.ts'
import { tryAutoMerge } from './merging.ts'
import { disableAutoMerge, enableAutoMerge, setDraft } from './pulls.ts'
import { enqueue, mayEnqueue, removeFromQueue } from './queue.ts'
import { reply, resolveThread } from './reviews.ts'
import type { PullRequest, Thread } from './state.ts'

interface Input {
  clientMutationId?: string | null
  pullRequestId: string
  id: string
  threadId: string
  pullRequestReviewThreadId: string
  body: string
  jump?: boolean | null
  expectedHeadOid?: string | null
  mergeMethod?: string | null
  commitHeadline?: string | null
  commitBody?: string | null
}

type Args = { input: Input }

const unprocessable = (message: string) => new GraphQLError(message, { extensions: { type: 'UNPROCESSABLE' } })
const missing = (id: string) =>
  new GraphQLError(`Could not resolve to a node with the global id of '${id}'`, { extensions: { type: 'NOT_FOUND' } })

export function mutations(context: GraphqlContext) {
  const { world, credential } = context
  const by = credential.account
  const find = (id: string, permission: string): PullRequest => {
    const node = world.nodes.get(id)
    if (node?.kind !== 'PullRequest') throw missing(id)
    demand(credential, node.value.repository, permission)
    return node.value
  }
  const findThread = (id: string): Thread => {
    const node = world.nodes.get(id)
    if (node?.kind !== 'PullRequestReviewThread') throw missing(id)
    demand(credential, node.value.pull.repository, 'pull_requests:write')
    return node.value
  }
  const echo = (input: Input) => ({ clientMutationId: input.clientMutationId ?? null })
  const guarded = (pull: PullRequest, input: Input) => {
    if (input.expectedHeadOid != null && input.expectedHeadOid !== pull.head.sha)
      throw unprocessable("Head sha didn't match expected head sha")
  }

  return {
    async enqueuePullRequest({ input }: Args) {
      const pull = find(input.pullRequestId, 'contents:write')
      guarded(pull, input)
      const refusal = mayEnqueue(pull)
      if (refusal !== undefined) throw unprocessable(refusal)
      const entry = await enqueue(world, pull, by, input.jump ?? false)
      return { ...echo(input), mergeQueueEntry: entryNode(context, entry) }
    },
    dequeuePullRequest({ input }: Args) {
      const pull = find(input.id, 'contents:write')
      const entry = pull.queueEntry
      if (entry === undefined) throw unprocessable('Pull request is not in the merge queue')
      const told = entryNode(context, entry)
      removeFromQueue(world, pull, 'MANUAL', by)
      return { ...echo(input), mergeQueueEntry: told }
    },
    async enablePullRequestAutoMerge({ input }: Args) {
      const pull = find(input.pullRequestId, 'contents:write')
      guarded(pull, input)
      if (!pull.repository.settings.autoMerge) throw unprocessable('Auto merge is not allowed for this repository')
      if (pull.state === 'closed') throw unprocessable('Pull request is closed')
      if (pull.draft) throw unprocessable('Pull request is in draft state')
      if (!canEnableAutoMerge(context, pull)) throw unprocessable('Pull request is in clean status')
      enableAutoMerge(
        world,
        pull,
        (input.mergeMethod ?? 'MERGE').toLowerCase() as 'merge',
        by,
        input.commitHeadline ?? null,
        input.commitBody ?? null,
      )
      const told = pullNode(context, pull)
      world.background(() => tryAutoMerge(world, pull))
      return { ...echo(input), actor: accountNode(world, by), pullRequest: told }
    },
    disablePullRequestAutoMerge({ input }: Args) {
      const pull = find(input.pullRequestId, 'contents:write')
      if (pull.autoMerge === undefined) throw unprocessable("Can't disable auto-merge for this pull request")
      disableAutoMerge(world, pull, by)
      return { ...echo(input), actor: accountNode(world, by), pullRequest: pullNode(context, pull) }
    },
    resolveReviewThread({ input }: Args) {
      const thread = findThread(input.threadId)
      resolveThread(world, thread, true, by)
      return { ...echo(input), thread: threadNode(context, thread) }
    },
    unresolveReviewThread({ input }: Args) {
      const thread = findThread(input.threadId)
      resolveThread(world, thread, false, by)
      return { ...echo(input), thread: threadNode(context, thread) }
    },
    addPullRequestReviewThreadReply({ input }: Args) {
      const thread = findThread(input.pullRequestReviewThreadId)
      return { ...echo(input), comment: reviewCommentNode(context, reply(world, thread, input.body, by)) }
    },
    markPullRequestReadyForReview({ input }: Args) {
      const pull = find(input.pullRequestId, 'pull_requests:write')
      setDraft(world, pull, false, by)
      return { ...echo(input), pullRequest: pullNode(context, pull) }
    },
    convertPullRequestToDraft({ input }: Args) {
      const pull = find(input.pullRequestId, 'pull_requests:write')
      setDraft(world, pull, true, by)
      return { ...echo(input), pullRequest: pullNode(context, pull) }
    },
  }
}
