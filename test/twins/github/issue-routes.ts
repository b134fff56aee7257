// Operations of the issue that every pull request also is: its conversation, labels and reactions.

import { labelJson } from './account-json.ts'
import { issueCommentJson } from './pull-json.ts'
import { addLabels, removeLabel } from './pulls.ts'
import { react } from './reactions.ts'
import { addComment, editComment } from './reviews.ts'
import { created, notFound, ok, page, serveIn, text, texts, timeOf } from './routing.ts'
import type { RepositoryCall } from './routing.ts'
import type { App, IssueComment } from './state.ts'

const EITHER_READ = 'issues:read|pull_requests:read'
const EITHER_WRITE = 'issues:write|pull_requests:write'

const appOf = (call: RepositoryCall): App | undefined =>
  call.credential.kind === 'installation' ? call.credential.token.installation!.app : undefined

/** Comments that changed since a time, the oldest first. */
function since(call: RepositoryCall, comments: IssueComment[]): IssueComment[] {
  const from = timeOf(call.query.get('since')) ?? 0
  const found = comments.filter((comment) => Math.floor(comment.updatedAt / 1000) * 1000 >= from)
  const key = (comment: IssueComment) => (call.query.get('sort') === 'updated' ? comment.updatedAt : comment.id)
  const sign = call.query.get('direction') === 'desc' ? -1 : 1
  return found.sort((a, b) => sign * (key(a) - key(b)))
}

serveIn('GET /repos/{owner}/{repo}/issues/comments', EITHER_READ, (call) =>
  page(call, since(call, [...call.repository.comments.values()]), (comment) => issueCommentJson(call.world, comment)),
)

serveIn('GET /repos/{owner}/{repo}/issues/{issue_number}/comments', EITHER_READ, (call) =>
  page(call, since(call, call.pull().comments), (comment) => issueCommentJson(call.world, comment)),
)

serveIn('POST /repos/{owner}/{repo}/issues/{issue_number}/comments', EITHER_WRITE, (call) =>
  created(issueCommentJson(call.world, addComment(call.world, call.pull(), text(call, 'body', 'IssueComment'), call.actor(), appOf(call)))),
)

function commentOf(call: RepositoryCall): IssueComment {
  const comment = call.repository.comments.get(Number(call.params['comment_id']))
  if (comment === undefined) throw notFound()
  return comment
}

serveIn('PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}', EITHER_WRITE, (call) => {
  const comment = commentOf(call)
  editComment(call.world, comment, text(call, 'body', 'IssueComment'), call.actor())
  return ok(issueCommentJson(call.world, comment))
})

serveIn('POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions', EITHER_WRITE, (call) => react(call, commentOf(call)))

const told = (call: RepositoryCall) => call.pull().labels.map((label) => labelJson(call.world, call.repository, label))

serveIn('GET /repos/{owner}/{repo}/issues/{issue_number}/labels', EITHER_READ, (call) => page(call, told(call), (label) => label))

serveIn('POST /repos/{owner}/{repo}/issues/{issue_number}/labels', EITHER_WRITE, (call) => {
  addLabels(call.world, call.pull(), texts(call.body['labels'] ?? call.body['items']), call.actor())
  return ok(told(call))
})

serveIn('DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}', EITHER_WRITE, (call) => {
  removeLabel(call.world, call.pull(), call.params['name']!, call.actor())
  return ok(told(call))
})
