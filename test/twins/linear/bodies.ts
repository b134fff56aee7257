// The bodies of webhooks: records in the shapes of the SDK's `…WebhookPayload` types.

import { issueUrl, type Workspace } from './workspace.ts'
import type {
  ActivityRecord,
  AttachmentRecord,
  CommentRecord,
  IssueRecord,
  LabelRecord,
  ReactionRecord,
  SessionRecord,
  UserRecord,
} from './records.ts'

type Body = Record<string, unknown>

export const priorityLabels = ['No priority', 'Urgent', 'High', 'Medium', 'Low']

export const userUrl = (workspace: Workspace, user: UserRecord): string => `${workspace.url}/profiles/${user.displayName}`

export const userBody = (workspace: Workspace, user: UserRecord): Body => ({
  id: user.id,
  name: user.name,
  email: user.email,
  url: userUrl(workspace, user),
})

export const actorBody = (workspace: Workspace, user: UserRecord): Body => ({ ...userBody(workspace, user), type: 'user' })

const userChild = (workspace: Workspace, id: string | null): Body | undefined => {
  const user = workspace.store.find('User', id)
  return user && userBody(workspace, user)
}

function teamChild({ store }: Workspace, id: string): Body {
  const { key, name } = store.get('Team', id)
  return { id, key, name }
}

export function issueChild(workspace: Workspace, issue: IssueRecord): Body {
  const identifier = issue.identifier
  return {
    id: issue.id,
    identifier,
    title: issue.title,
    url: issueUrl(workspace, identifier, issue.title),
    teamId: issue.teamId,
    team: teamChild(workspace, issue.teamId),
  }
}

export const issueWithDescription = (workspace: Workspace, issue: IssueRecord): Body => ({
  ...issueChild(workspace, issue),
  description: issue.description,
})

export function labelChild(label: LabelRecord): Body {
  return { id: label.id, name: label.name, color: label.color, parentId: label.parentId }
}

export function issueBody(workspace: Workspace, issue: IssueRecord): Body {
  const { store } = workspace
  const state = store.get('WorkflowState', issue.stateId)
  const project = store.find('Project', issue.projectId)
  return {
    ...issueWithDescription(workspace, issue),
    number: issue.number,
    createdAt: issue.createdAt,
    updatedAt: issue.updatedAt,
    archivedAt: issue.archivedAt,
    priority: issue.priority,
    priorityLabel: priorityLabels[issue.priority],
    prioritySortOrder: issue.sortOrder,
    sortOrder: issue.sortOrder,
    estimate: issue.estimate,
    dueDate: issue.dueDate,
    stateId: state.id,
    state: { id: state.id, name: state.name, type: state.type, color: state.color },
    projectId: issue.projectId,
    ...(project && { project: { id: project.id, name: project.name, url: `${workspace.url}/project/${project.slugId}` } }),
    parentId: issue.parentId,
    creatorId: issue.creatorId,
    creator: userChild(workspace, issue.creatorId),
    assigneeId: issue.assigneeId,
    assignee: userChild(workspace, issue.assigneeId),
    delegateId: issue.delegateId,
    delegate: userChild(workspace, issue.delegateId),
    labelIds: issue.labelIds,
    labels: issue.labelIds.map((id) => labelChild(store.get('IssueLabel', id))),
    subscriberIds: issue.subscriberIds,
    previousIdentifiers: issue.previousIdentifiers,
    startedAt: issue.startedAt,
    completedAt: issue.completedAt,
    canceledAt: issue.canceledAt,
    trashed: issue.trashed,
    reactionData: [],
    releases: [],
  }
}

export const commentChild = (comment: CommentRecord): Body => ({
  id: comment.id,
  body: comment.body,
  issueId: comment.issueId,
  userId: comment.userId,
})

export function commentBody(workspace: Workspace, comment: CommentRecord): Body {
  const { store } = workspace
  const issue = store.find('Issue', comment.issueId)
  const parent = store.find('Comment', comment.parentId)
  return {
    ...commentChild(comment),
    createdAt: comment.createdAt,
    updatedAt: comment.updatedAt,
    archivedAt: comment.archivedAt,
    editedAt: comment.editedAt,
    quotedText: comment.quotedText,
    resolvedAt: comment.resolvedAt,
    resolvingUserId: comment.resolvingUserId,
    parentId: comment.parentId,
    ...(parent && { parent: commentChild(parent) }),
    ...(issue && { issue: issueChild(workspace, issue) }),
    user: userChild(workspace, comment.userId),
    reactionData: [],
  }
}

export const labelBody = (label: LabelRecord): Body => ({
  ...labelChild(label),
  createdAt: label.createdAt,
  updatedAt: label.updatedAt,
  archivedAt: label.archivedAt,
  description: label.description,
  isGroup: label.isGroup,
  teamId: label.teamId,
  creatorId: label.creatorId,
})

export const attachmentBody = (attachment: AttachmentRecord): Body => ({
  id: attachment.id,
  createdAt: attachment.createdAt,
  updatedAt: attachment.updatedAt,
  archivedAt: attachment.archivedAt,
  title: attachment.title,
  subtitle: attachment.subtitle,
  url: attachment.url,
  metadata: attachment.metadata,
  sourceType: attachment.sourceType,
  groupBySource: attachment.groupBySource,
  issueId: attachment.issueId,
  creatorId: attachment.creatorId,
})

export function reactionBody(workspace: Workspace, reaction: ReactionRecord): Body {
  const issue = workspace.store.find('Issue', reaction.issueId)
  const comment = workspace.store.find('Comment', reaction.commentId)
  return {
    id: reaction.id,
    createdAt: reaction.createdAt,
    updatedAt: reaction.updatedAt,
    archivedAt: reaction.archivedAt,
    emoji: reaction.emoji,
    userId: reaction.userId,
    user: userChild(workspace, reaction.userId),
    issueId: reaction.issueId,
    ...(issue && { issue: issueChild(workspace, issue) }),
    commentId: reaction.commentId,
    ...(comment && { comment: commentChild(comment) }),
  }
}

export const sessionUrl = (workspace: Workspace, session: SessionRecord): string =>
  `${issueUrl(workspace, workspace.store.get('Issue', session.issueId).identifier, '')}#agent-session-${session.slugId}`

export function sessionBody(workspace: Workspace, session: SessionRecord): Body {
  const { store } = workspace
  const comment = store.find('Comment', session.sourceCommentId ?? session.commentId)
  const issue = store.find('Issue', session.issueId)
  return {
    id: session.id,
    createdAt: session.createdAt,
    updatedAt: session.updatedAt,
    archivedAt: session.archivedAt,
    status: session.status,
    type: session.type,
    appUserId: session.appUserId,
    organizationId: workspace.id,
    creatorId: session.creatorId,
    creator: userChild(workspace, session.creatorId),
    commentId: session.commentId,
    sourceCommentId: session.sourceCommentId,
    ...(comment && { comment: commentChild(comment) }),
    issueId: session.issueId,
    ...(issue && { issue: issueWithDescription(workspace, issue) }),
    startedAt: session.startedAt,
    endedAt: session.endedAt,
    summary: session.summary,
    url: issue && sessionUrl(workspace, session),
  }
}

export const activityBody = (workspace: Workspace, activity: ActivityRecord): Body => ({
  id: activity.id,
  createdAt: activity.createdAt,
  updatedAt: activity.updatedAt,
  archivedAt: activity.archivedAt,
  agentSessionId: activity.agentSessionId,
  content: activity.content,
  signal: activity.signal,
  signalMetadata: activity.signalMetadata,
  sourceCommentId: activity.sourceCommentId,
  userId: activity.userId,
  user: userChild(workspace, activity.userId),
})
