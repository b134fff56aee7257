// Reviews, their line comments in threads, and the comments of a pull request's conversation.

import { announce, installationOf } from './events.ts'
import { tryAutoMerge } from './merging.ts'
import { touch } from './pulls.ts'
import { issueCommentJson, issueJson, pullJson, reviewCommentJson, reviewJson } from './pull-json.ts'
import { canWrite } from './repositories.ts'
import type { Account, App, IssueComment, PullRequest, Review, ReviewComment, Thread, World } from './state.ts'
import { Refusal, nodeId } from './state.ts'

export interface LineComment {
  path: string
  line: number
  startLine?: number
  body: string
}

export interface ReviewInput {
  event: 'APPROVE' | 'REQUEST_CHANGES' | 'COMMENT'
  body?: string
  comments?: LineComment[]
  sha?: string
}

const STATES = { APPROVE: 'APPROVED', REQUEST_CHANGES: 'CHANGES_REQUESTED', COMMENT: 'COMMENTED' } as const

export async function createReview(world: World, pull: PullRequest, input: ReviewInput, user: Account): Promise<Review> {
  const refuse = (message: string) => new Refusal(422, 'Unprocessable Entity', [message])
  if (user === pull.author && input.event === 'APPROVE') throw refuse('Can not approve your own pull request')
  if (user === pull.author && input.event === 'REQUEST_CHANGES') throw refuse('Can not request changes on your own pull request')
  if (input.event !== 'APPROVE' && (input.body ?? '') === '' && (input.comments ?? []).length === 0) throw refuse("Body can't be blank")
  if (pull.state === 'closed' && input.event !== 'COMMENT') throw refuse('Can not review a closed pull request')
  const places = await Promise.all((input.comments ?? []).map((comment) => hunkOf(pull, comment))).catch((error: unknown) => {
    // With a review, its words come alone.
    throw error instanceof Refusal ? refuse('Line could not be resolved') : error
  })
  const review = addReview(world, pull, STATES[input.event], input.body ?? '', input.sha ?? pull.head.sha, user)
  pull.requested = pull.requested.filter((account) => account !== user)
  tellReview(world, review, 'submitted', user)
  for (const [index, comment] of (input.comments ?? []).entries()) startThread(world, review, comment, places[index]!)
  reconsider(world, pull)
  return review
}

function addReview(world: World, pull: PullRequest, state: Review['state'], body: string, sha: string, user: Account): Review {
  const id = world.nextId()
  const now = world.clock.now()
  const review: Review = { id, nodeId: nodeId('PRR', id), pull, user, state, body, sha, at: now, updatedAt: now }
  pull.reviews.push(review)
  world.nodes.set(review.nodeId, { kind: 'PullRequestReview', value: review })
  touch(world, pull)
  return review
}

/** A comment on a line by itself is a review of its own, as on GitHub. */
export async function commentLine(
  world: World,
  pull: PullRequest,
  comment: LineComment,
  user: Account,
  sha?: string,
): Promise<ReviewComment> {
  const hunk = await hunkOf(pull, comment)
  const review = addReview(world, pull, 'COMMENTED', '', sha ?? pull.head.sha, user)
  tellReview(world, review, 'submitted', user)
  return startThread(world, review, comment, hunk)
}

/** The diff around a commented line; a line that is not part of the diff is refused. */
async function hunkOf(pull: PullRequest, comment: LineComment): Promise<string> {
  const { files } = await pull.repository.git.compare(pull.base.sha, pull.head.sha)
  const refuse = (field: string) =>
    new Refusal(422, 'Validation Failed', [
      {
        resource: 'PullRequestReviewComment',
        code: 'custom',
        field: `pull_request_review_thread.${field}`,
        message: `${field} could not be resolved`,
      },
    ])
  const file = files.find((each) => each.filename === comment.path)
  if (file === undefined) throw refuse('path')
  for (const hunk of file.patch.split(/^(?=@@ )/m)) {
    const range = /^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@/.exec(hunk)
    if (range === null) continue
    const first = Number(range[1])
    if (comment.line >= first && comment.line < first + Number(range[2] ?? 1)) return hunk.replace(/\n$/, '')
  }
  throw refuse('line')
}

function startThread(world: World, review: Review, input: LineComment, hunk: string): ReviewComment {
  const { pull } = review
  const thread: Thread = {
    id: nodeId('PRRT', world.nextId()),
    pull,
    path: input.path,
    line: input.line,
    startLine: input.startLine,
    outdated: false,
    resolvedBy: undefined,
    comments: [],
  }
  pull.threads.push(thread)
  world.nodes.set(thread.id, { kind: 'PullRequestReviewThread', value: thread })
  return addToThread(world, thread, review, input.body, hunk, undefined)
}

export function reply(world: World, thread: Thread, body: string, user: Account): ReviewComment {
  const first = thread.comments[0]!
  const review = addReview(world, thread.pull, 'COMMENTED', '', thread.pull.head.sha, user)
  tellReview(world, review, 'submitted', user)
  return addToThread(world, thread, review, body, first.hunk, first)
}

function addToThread(
  world: World,
  thread: Thread,
  review: Review,
  body: string,
  hunk: string,
  replyTo: ReviewComment | undefined,
): ReviewComment {
  const id = world.nextId()
  const now = world.clock.now()
  const comment: ReviewComment = {
    id,
    nodeId: nodeId('PRRC', id),
    thread,
    review,
    user: review.user,
    body,
    sha: review.sha,
    hunk,
    replyTo,
    at: now,
    updatedAt: now,
    reactions: [],
  }
  thread.comments.push(comment)
  touch(world, thread.pull)
  announce(world, thread.pull.repository, 'pull_request_review_comment', 'created', review.user, () => ({
    comment: reviewCommentJson(world, comment),
    pull_request: pullJson(world, thread.pull),
  }))
  return comment
}

export function resolveThread(world: World, thread: Thread, resolved: boolean, by: Account): void {
  if ((thread.resolvedBy !== undefined) === resolved) return
  thread.resolvedBy = resolved ? by : undefined
  touch(world, thread.pull)
  announce(world, thread.pull.repository, 'pull_request_review_thread', resolved ? 'resolved' : 'unresolved', by, () => ({
    pull_request: pullJson(world, thread.pull),
    thread: { node_id: thread.id, comments: thread.comments.map((comment) => reviewCommentJson(world, comment)) },
    updated_at: new Date(world.clock.now()).toISOString(),
  }))
  reconsider(world, thread.pull)
}

export function dismissReview(world: World, review: Review, by: Account, message: string): void {
  if (review.state !== 'APPROVED' && review.state !== 'CHANGES_REQUESTED') {
    throw new Refusal(422, 'Validation Failed', ['Can not dismiss a commented pull request review'])
  }
  review.state = 'DISMISSED'
  if (message !== '') review.updatedAt = world.clock.now()
  touch(world, review.pull)
  tellReview(world, review, 'dismissed', by)
  reconsider(world, review.pull)
}

export function editReview(world: World, review: Review, body: string, by: Account): void {
  const before = review.body
  review.body = body
  review.updatedAt = world.clock.now()
  touch(world, review.pull)
  tellReview(world, review, 'edited', by, { changes: { body: { from: before } } })
}

function tellReview(
  world: World,
  review: Review,
  action: 'submitted' | 'dismissed' | 'edited',
  sender: Account,
  extra: Record<string, unknown> = {},
): void {
  announce(world, review.pull.repository, 'pull_request_review', action, sender, () => {
    const told = reviewJson(world, review)
    return {
      // Deliveries spell the state in small letters, where the REST API has capitals.
      review: {
        ...told,
        state: told.state.toLowerCase(),
        submitted_at: new Date(review.at).toISOString(),
        updated_at: new Date(review.updatedAt).toISOString(),
      },
      pull_request: pullJson(world, review.pull),
      ...extra,
    }
  })
}

/** An approval or a resolved thread may have been the last thing that an automatic merge waited for. */
function reconsider(world: World, pull: PullRequest): void {
  if (pull.autoMerge !== undefined) world.background(() => tryAutoMerge(world, pull))
}

export function addComment(world: World, pull: PullRequest, body: string, user: Account, app: App | undefined): IssueComment {
  const id = world.nextId()
  const now = world.clock.now()
  const { repository } = pull
  const comment: IssueComment = { id, nodeId: nodeId('IC', id), repository, pull, user, app, body, at: now, updatedAt: now, reactions: [] }
  pull.comments.push(comment)
  repository.comments.set(id, comment)
  world.nodes.set(comment.nodeId, { kind: 'IssueComment', value: comment })
  touch(world, pull)
  tellComment(world, comment, 'created', user)
  return comment
}

export function editComment(world: World, comment: IssueComment, body: string, by: Account): void {
  if (comment.user !== by && !canWrite(comment.repository, by) && !installed(world, comment, by))
    throw new Refusal(403, 'Resource not accessible by integration')
  const before = comment.body
  comment.body = body
  comment.updatedAt = world.clock.now()
  touch(world, comment.pull)
  tellComment(world, comment, 'edited', by, { changes: { body: { from: before } } })
}

const installed = (world: World, comment: IssueComment, by: Account) =>
  [...world.apps.values()].some((app) => app.bot === by && installationOf(world, app, comment.repository) !== undefined)

export function deleteComment(world: World, comment: IssueComment, by: Account): void {
  comment.pull.comments = comment.pull.comments.filter((each) => each !== comment)
  comment.repository.comments.delete(comment.id)
  touch(world, comment.pull)
  tellComment(world, comment, 'deleted', by)
}

function tellComment(
  world: World,
  comment: IssueComment,
  action: 'created' | 'edited' | 'deleted',
  sender: Account,
  extra: Record<string, unknown> = {},
): void {
  announce(world, comment.repository, 'issue_comment', action, sender, () => ({
    comment: issueCommentJson(world, comment),
    issue: issueJson(world, comment.pull),
    ...extra,
  }))
}
