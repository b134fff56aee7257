// What is asked of comments, and what is written as one.

import { z } from 'zod'
import { found, operation, page, success, time, user } from './operation.ts'

const comment = z.object({
  id: z.string(),
  body: z.string(),
  createdAt: time,
  /** When its text was changed last. */
  editedAt: time.nullish(),
  /** Written by Linear itself, to open the thread of a session. */
  isArtificialAgentSessionRoot: z.boolean(),
  user: user.nullish(),
  parent: z.object({ id: z.string() }).nullish(),
  issue: z.object({ id: z.string() }).nullish(),
})
export type LinearComment = z.infer<typeof comment>

const fields = 'id body createdAt editedAt isArtificialAgentSessionRoot user { id name displayName email } parent { id } issue { id }'

export const listComments = operation(
  `query SignalboxComments($filter: CommentFilter!, $after: String) {
    comments(filter: $filter, first: 50, after: $after) { nodes { ${fields} } pageInfo { hasNextPage endCursor } }
  }`,
  z.object({ comments: page(comment) }),
)

export const getComment = operation(`query SignalboxComment($id: String!) { comment(id: $id) { ${fields} } }`, z.object({ comment }))

export const makeComment = {
  create: operation(
    `mutation SignalboxCommentCreate($input: CommentCreateInput!) { commentCreate(input: $input) { success } }`,
    z.object({ commentCreate: success }),
  ),
  find: operation(`query SignalboxCommentIsThere($id: String!) { found: comment(id: $id) { id } }`, found),
}

export const updateComment = operation(
  `mutation SignalboxCommentUpdate($id: String!, $input: CommentUpdateInput!) { commentUpdate(id: $id, input: $input) { success } }`,
  z.object({ commentUpdate: success }),
)
