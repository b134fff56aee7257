// Comments, reactions and what they tell the webhooks of; what a comment means to an agent is told in `conversation.ts`.

import { announceChange, notifyApp } from './announce.ts'
import { forbidden, invalidInput } from './errors.ts'
import type { Workspace } from './workspace.ts'
import type { CommentRecord, IssueRecord, ReactionRecord, UserRecord } from './records.ts'

export interface NewComment {
  id?: string | null
  body?: string | null
  issueId?: string | null
  parentId?: string | null
  quotedText?: string | null
  createAsUser?: string | null
}

/**
 * Adds a comment, by nobody when Linear itself opens the thread of a session. A reply belongs to the thread that the
 * comment it answers belongs to: threads are one level deep.
 */
export function addComment(workspace: Workspace, by: UserRecord | undefined, input: NewComment): CommentRecord {
  const { store } = workspace
  if (!input.body?.trim()) throw invalidInput('Argument Validation Error', 'body should not be empty.')
  const answered = input.parentId ? store.get('Comment', input.parentId) : undefined
  const issueId = input.issueId ? store.issue(input.issueId).id : answered?.issueId
  if (!issueId) throw invalidInput('Argument Validation Error', 'A comment needs an issueId or a parentId.')
  if (answered && answered.issueId !== issueId) {
    throw invalidInput('Argument Validation Error', 'The parent comment belongs to another issue.')
  }
  const comment = store.add(
    'Comment',
    {
      body: input.body,
      issueId,
      parentId: answered ? (answered.parentId ?? answered.id) : null,
      userId: by?.id ?? null,
      editedAt: null,
      quotedText: input.quotedText ?? null,
      resolvedAt: null,
      resolvingUserId: null,
      createAsUser: input.createAsUser ?? null,
      isArtificialAgentSessionRoot: by === undefined,
    },
    input.id,
  )
  announceChange(workspace, { action: 'create', record: comment, by })
  return comment
}

function assertOwn(by: UserRecord, ownerId: string | null): void {
  if (ownerId !== by.id) throw forbidden('You can only change what is your own.')
}

export function updateComment(workspace: Workspace, by: UserRecord, id: string, body: string | null | undefined): CommentRecord {
  const comment = workspace.store.get('Comment', id)
  assertOwn(by, comment.userId)
  if (!body?.trim()) throw invalidInput('Argument Validation Error', 'body should not be empty.')
  if (body === comment.body) return comment
  const updatedFrom = workspace.store.change(comment, { body, editedAt: new Date(workspace.timers.now()).toISOString() })
  announceChange(workspace, { action: 'update', record: comment, by, updatedFrom })
  return comment
}

export function deleteComment(workspace: Workspace, by: UserRecord, id: string): void {
  const comment = workspace.store.get('Comment', id)
  assertOwn(by, comment.userId)
  announceChange(workspace, { action: 'remove', record: comment, by })
  workspace.store.remove(comment)
}

export function commentsOf(workspace: Workspace, issue: IssueRecord): CommentRecord[] {
  return workspace.store.by('Comment', 'issueId', issue.id)
}

export interface NewReaction {
  id?: string | null
  emoji: string
  issueId?: string | null
  commentId?: string | null
}

export function addReaction(workspace: Workspace, by: UserRecord, input: NewReaction): ReactionRecord {
  const { store } = workspace
  if (!input.issueId === !input.commentId) {
    throw invalidInput('Argument Validation Error', 'A reaction needs either an issueId or a commentId.')
  }
  const reaction = store.add(
    'Reaction',
    {
      emoji: input.emoji,
      issueId: input.issueId ? store.issue(input.issueId).id : null,
      commentId: input.commentId ? store.get('Comment', input.commentId).id : null,
      userId: by.id,
    },
    input.id,
  )
  announceChange(workspace, { action: 'create', record: reaction, by })
  const comment = store.find('Comment', reaction.commentId)
  const issue = store.get('Issue', reaction.issueId ?? comment?.issueId)
  if (comment && comment.userId === workspace.app?.user.id) {
    notifyApp(workspace, { type: 'issueCommentReaction', issue, by, comment, emoji: reaction.emoji })
  } else if (!comment && issue.delegateId === workspace.app?.user.id) {
    notifyApp(workspace, { type: 'issueEmojiReaction', issue, by, emoji: reaction.emoji })
  }
  return reaction
}

export function deleteReaction(workspace: Workspace, by: UserRecord, id: string): void {
  const reaction = workspace.store.get('Reaction', id)
  assertOwn(by, reaction.userId)
  announceChange(workspace, { action: 'remove', record: reaction, by })
  workspace.store.remove(reaction)
}
