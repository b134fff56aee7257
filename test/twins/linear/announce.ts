// Tells the webhooks of a change of an entity, and the app's user of what concerns it.

import { randomUUID } from 'node:crypto'
import {
  actorBody,
  attachmentBody,
  commentBody,
  commentChild,
  issueBody,
  issueWithDescription,
  labelBody,
  reactionBody,
  userBody,
} from './bodies.ts'
import { issueUrl, type Workspace } from './workspace.ts'
import type { AttachmentRecord, CommentRecord, IssueRecord, LabelRecord, ReactionRecord, UserRecord } from './records.ts'

type Entity = IssueRecord | CommentRecord | LabelRecord | AttachmentRecord | ReactionRecord

export interface Change {
  action: 'create' | 'update' | 'remove'
  record: Entity
  /** Who has done it; nobody when it was Linear itself. */
  by: UserRecord | undefined
  /** The values that the changed fields had. */
  updatedFrom?: Record<string, unknown> | undefined
}

export function announceChange(workspace: Workspace, { action, record, by, updatedFrom }: Change): void {
  const { data, issue, teamId } = describe(workspace, record)
  const identifier = issue && issue.identifier
  const url = issue && identifier ? issueUrl(workspace, identifier, issue.title) : `${workspace.url}/settings/labels`
  workspace.announce({
    type: record.__typename,
    action,
    teamId: teamId ?? undefined,
    body: {
      createdAt: new Date(workspace.timers.now()).toISOString(),
      ...(by && { actor: actorBody(workspace, by) }),
      data,
      url: record.__typename === 'Comment' ? `${url}#comment-${record.id.slice(0, 8)}` : url,
      ...(updatedFrom && { updatedFrom }),
    },
  })
}

function describe(
  workspace: Workspace,
  record: Entity,
): { data: Record<string, unknown>; issue?: IssueRecord | undefined; teamId?: string | null | undefined } {
  const { store } = workspace
  switch (record.__typename) {
    case 'Issue':
      return { data: issueBody(workspace, record), issue: record, teamId: record.teamId }
    case 'Comment': {
      const issue = store.find('Issue', record.issueId)
      return { data: commentBody(workspace, record), issue, teamId: issue?.teamId }
    }
    case 'IssueLabel':
      return { data: labelBody(record), teamId: record.teamId }
    case 'Attachment': {
      const issue = store.find('Issue', record.issueId)
      return { data: attachmentBody(record), issue, teamId: issue?.teamId }
    }
    case 'Reaction': {
      const issue = store.find('Issue', record.issueId ?? store.find('Comment', record.commentId)?.issueId)
      return { data: reactionBody(workspace, record), issue, teamId: issue?.teamId }
    }
  }
}

export type NotificationType =
  | 'issueAssignedToYou'
  | 'issueUnassignedFromYou'
  | 'issueCommentMention'
  | 'issueCommentReaction'
  | 'issueEmojiReaction'
  | 'issueMention'
  | 'issueNewComment'
  | 'issueStatusChanged'

export interface Notification {
  type: NotificationType
  issue: IssueRecord
  by: UserRecord
  comment?: CommentRecord
  emoji?: string
}

/** What Linear puts into the inbox of the app's user; nobody is told of what they did themselves. */
export function notifyApp(workspace: Workspace, { type, issue, by, comment, emoji }: Notification): void {
  const app = workspace.app
  if (!app || by.id === app.user.id) return
  const at = new Date(workspace.timers.now()).toISOString()
  workspace.announce({
    type: 'AppUserNotification',
    action: type,
    teamId: issue.teamId,
    appOnly: true,
    body: {
      createdAt: at,
      appUserId: app.user.id,
      oauthClientId: workspace.clientId,
      notification: {
        id: randomUUID(),
        type,
        createdAt: at,
        updatedAt: at,
        userId: app.user.id,
        actorId: by.id,
        actor: userBody(workspace, by),
        issueId: issue.id,
        issue: issueWithDescription(workspace, issue),
        ...(emoji !== undefined && { reactionEmoji: emoji }),
        ...(comment && { commentId: comment.id, comment: commentChild(comment) }),
      },
    },
  })
}
