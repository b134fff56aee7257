// Operations on reviews and the comments on lines.

import { reviewCommentJson, reviewJson } from './pull-json.ts'
import { react } from './reactions.ts'
import { commentLine, createReview, dismissReview, reply } from './reviews.ts'
import type { LineComment } from './reviews.ts'
import { created, notFound, ok, optionalText, page, serveIn, text, timeOf } from './routing.ts'
import type { RepositoryCall } from './routing.ts'
import { Refusal } from './state.ts'
import type { PullRequest, Review, ReviewComment } from './state.ts'

function reviewOf(call: RepositoryCall): Review {
  const id = Number(call.params['review_id'])
  const review = call.pull().reviews.find((each) => each.id === id)
  if (review === undefined) throw notFound()
  return review
}

const commentsOf = (pull: PullRequest): ReviewComment[] => pull.threads.flatMap((thread) => thread.comments).sort((a, b) => a.id - b.id)

serveIn('GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews', 'pull_requests:read', (call) =>
  page(call, call.pull().reviews, (review) => reviewJson(call.world, review)),
)

serveIn('GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}', 'pull_requests:read', (call) =>
  ok(reviewJson(call.world, reviewOf(call))),
)

serveIn('POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews', 'pull_requests:write', async (call) => {
  const event = optionalText(call, 'event')
  if (event !== 'APPROVE' && event !== 'REQUEST_CHANGES' && event !== 'COMMENT') {
    throw new Refusal(422, 'Unprocessable Entity', ['The twin has no pending reviews: `event` is APPROVE, REQUEST_CHANGES or COMMENT'])
  }
  const comments = (Array.isArray(call.body['comments']) ? call.body['comments'] : []).map((each) =>
    lineComment(each as Record<string, unknown>),
  )
  const sha = optionalText(call, 'commit_id')
  const body = optionalText(call, 'body') ?? ''
  return ok(
    reviewJson(
      call.world,
      await createReview(call.world, call.pull(), { event, body, comments, ...(sha === undefined ? {} : { sha }) }, call.actor()),
    ),
  )
})

function lineComment(input: Record<string, unknown>): LineComment {
  const { path, line, body, start_line: startLine } = input
  if (typeof path !== 'string' || typeof line !== 'number' || typeof body !== 'string') {
    throw new Refusal(422, 'Validation Failed', [
      { resource: 'PullRequestReviewComment', code: 'missing_field', field: typeof line === 'number' ? 'body' : 'line' },
    ])
  }
  return { path, line, body, ...(typeof startLine === 'number' ? { startLine } : {}) }
}

serveIn('GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/comments', 'pull_requests:read', (call) => {
  const review = reviewOf(call)
  const comments = commentsOf(review.pull).filter((comment) => comment.review === review)
  return page(call, comments, (comment) => {
    const { line, original_line, start_line, original_start_line, side, start_side, subject_type, ...told } = reviewCommentJson(
      call.world,
      comment,
    )
    return { ...told, line: line ?? undefined, original_line, start_line, original_start_line, side, start_side, subject_type }
  })
})

serveIn('PUT /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/dismissals', 'pull_requests:write', (call) => {
  const review = reviewOf(call)
  dismissReview(call.world, review, call.actor(), text(call, 'message', 'PullRequestReview'))
  return ok(reviewJson(call.world, review))
})

serveIn('GET /repos/{owner}/{repo}/pulls/{pull_number}/comments', 'pull_requests:read', (call) =>
  page(call, commentsOf(call.pull()), (comment) => reviewCommentJson(call.world, comment)),
)

/** Of all pull requests, those that changed since a time, the oldest first. */
serveIn('GET /repos/{owner}/{repo}/pulls/comments', 'pull_requests:read', (call) => {
  const from = timeOf(call.query.get('since')) ?? 0
  const all = [...call.repository.pulls.values()].flatMap((pull) => commentsOf(pull))
  const changed = all.filter(({ updatedAt }) => Math.floor(updatedAt / 1000) * 1000 >= from)
  const sign = call.query.get('direction') === 'desc' ? -1 : 1
  const key = (comment: (typeof all)[number]) => (call.query.get('sort') === 'updated' ? comment.updatedAt : comment.id)
  return page(
    call,
    changed.sort((a, b) => sign * (key(a) - key(b))),
    (comment) => reviewCommentJson(call.world, comment),
  )
})

serveIn('POST /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions', 'pull_requests:write', (call) => {
  const id = Number(call.params['comment_id'])
  const comment = [...call.repository.pulls.values()].flatMap((pull) => commentsOf(pull)).find((each) => each.id === id)
  if (comment === undefined) throw notFound()
  return react(call, comment)
})

serveIn('POST /repos/{owner}/{repo}/pulls/{pull_number}/comments', 'pull_requests:write', async (call) => {
  const { world } = call
  const comment = await commentLine(
    world,
    call.pull(),
    lineComment(call.body),
    call.actor(),
    text(call, 'commit_id', 'PullRequestReviewComment'),
  )
  return created(reviewCommentJson(world, comment))
})

serveIn('POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies', 'pull_requests:write', (call) => {
  const id = Number(call.params['comment_id'])
  const thread = call.pull().threads.find((each) => each.comments.some((comment) => comment.id === id))
  if (thread === undefined) throw notFound()
  return created(reviewCommentJson(call.world, reply(call.world, thread, text(call, 'body', 'PullRequestReviewComment'), call.actor())))
})
