// What Linear's schema shows of a record beyond what is remembered of it: computed values, what it points to, what belongs to it.

import { historyOf } from './issue-history.ts'
import { priorityLabels, sessionUrl, userUrl } from './bodies.ts'
import { canSeeTeam, issueUrl, statesOf, type Workspace } from './workspace.ts'
import type { AnyRecord, RecordName, Records, UserRecord } from './records.ts'

/** Who asks, and where. */
export interface Viewer {
  workspace: Workspace
  user: UserRecord
  scopes: ReadonlySet<string>
}

type Fields<Name extends RecordName> = Record<string, (record: Records[Name], viewer: Viewer) => unknown>

/** Links from a record to one other: the field of the schema, the field with the id, and what it is the id of. */
const links: { [Name in RecordName]?: Record<string, [field: keyof Records[Name] & string, to: RecordName]> } = {
  WorkflowState: { team: ['teamId', 'Team'] },
  IssueLabel: { team: ['teamId', 'Team'], parent: ['parentId', 'IssueLabel'], creator: ['creatorId', 'User'] },
  Issue: {
    team: ['teamId', 'Team'],
    state: ['stateId', 'WorkflowState'],
    project: ['projectId', 'Project'],
    parent: ['parentId', 'Issue'],
    creator: ['creatorId', 'User'],
    assignee: ['assigneeId', 'User'],
    delegate: ['delegateId', 'User'],
  },
  Comment: {
    issue: ['issueId', 'Issue'],
    parent: ['parentId', 'Comment'],
    user: ['userId', 'User'],
    resolvingUser: ['resolvingUserId', 'User'],
  },
  Attachment: { issue: ['issueId', 'Issue'], creator: ['creatorId', 'User'] },
  IssueRelation: { issue: ['issueId', 'Issue'], relatedIssue: ['relatedIssueId', 'Issue'] },
  Reaction: { issue: ['issueId', 'Issue'], comment: ['commentId', 'Comment'], user: ['userId', 'User'] },
  AgentSession: {
    issue: ['issueId', 'Issue'],
    comment: ['commentId', 'Comment'],
    sourceComment: ['sourceCommentId', 'Comment'],
    creator: ['creatorId', 'User'],
    appUser: ['appUserId', 'User'],
  },
  AgentActivity: {
    agentSession: ['agentSessionId', 'AgentSession'],
    sourceComment: ['sourceCommentId', 'Comment'],
    user: ['userId', 'User'],
  },
  Webhook: { team: ['teamId', 'Team'], creator: ['creatorId', 'User'] },
}

const list = (viewer: Viewer, name: RecordName, test: (record: never) => boolean): AnyRecord[] =>
  viewer.workspace.store.all(name).filter((record) => test(record as never) && isVisible(viewer, record))

/** The part of an app that acted under the name of somebody else. */
const bot = (name: string | null, viewer: Viewer) =>
  name === null
    ? null
    : { __typename: 'ActorBot', type: 'oauth', id: viewer.workspace.clientId, name: viewer.workspace.app?.user.name, userDisplayName: name }

const computed: { [Name in RecordName]?: Fields<Name> } = {
  User: {
    url: (user, { workspace }) => userUrl(workspace, user),
    isMe: (user, viewer) => user.id === viewer.user.id,
    initials: (user) => user.name.slice(0, 2).toUpperCase(),
    isAssignable: (user, { workspace }) => !user.app || (workspace.app?.scopes.has('app:assignable') ?? false),
    isMentionable: (user, { workspace }) => !user.app || (workspace.app?.scopes.has('app:mentionable') ?? false),
    supportsAgentSessions: (user) => user.app,
    organization: (_, viewer) => organization(viewer),
    teams: (user, viewer) => list(viewer, 'Team', (team: Records['Team']) => user.app || team.memberIds.includes(user.id)),
    assignedIssues: (user, viewer) => list(viewer, 'Issue', (issue: Records['Issue']) => issue.assigneeId === user.id),
    createdIssues: (user, viewer) => list(viewer, 'Issue', (issue: Records['Issue']) => issue.creatorId === user.id),
    delegatedIssues: (user, { workspace }) => workspace.store.by('Issue', 'delegateId', user.id),
  },
  Team: {
    states: (team, { workspace }) => statesOf(workspace, team.id),
    defaultIssueState: (team, { workspace }) => statesOf(workspace, team.id).find(({ type }) => type === 'unstarted') ?? null,
    issues: (team, { workspace }) => workspace.store.by('Issue', 'teamId', team.id),
    labels: (team, viewer) => list(viewer, 'IssueLabel', (label: Records['IssueLabel']) => label.teamId === team.id),
    members: (team, { workspace }) => team.memberIds.map((id) => workspace.store.get('User', id)),
    projects: (team, viewer) => list(viewer, 'Project', (project: Records['Project']) => project.teamIds.includes(team.id)),
    organization: (_, viewer) => organization(viewer),
    visibility: (team) => (team.private ? 'private' : 'public'),
  },
  WorkflowState: {
    issues: (state, viewer) => list(viewer, 'Issue', (issue: Records['Issue']) => issue.stateId === state.id),
  },
  Project: {
    url: (project, { workspace }) => `${workspace.url}/project/${project.slugId}`,
    status: (_, { workspace }) => ({
      __typename: 'ProjectStatus',
      id: workspace.plannedId,
      createdAt: workspace.createdAt,
      updatedAt: workspace.createdAt,
      name: 'Planned',
      type: 'planned',
      color: '#bec2c8',
    }),
    teams: (project, { workspace }) => project.teamIds.map((id) => workspace.store.get('Team', id)),
    issues: (project, viewer) => list(viewer, 'Issue', (issue: Records['Issue']) => issue.projectId === project.id),
  },
  IssueLabel: {
    organization: (_, viewer) => organization(viewer),
    children: (label, viewer) => list(viewer, 'IssueLabel', (child: Records['IssueLabel']) => child.parentId === label.id),
    issues: (label, viewer) => list(viewer, 'Issue', (issue: Records['Issue']) => issue.labelIds.includes(label.id)),
  },
  Issue: {
    url: (issue, { workspace }) => issueUrl(workspace, issue.identifier, issue.title),
    branchName: (issue, { user }) => {
      const slug = issue.title
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, '-')
        .replaceAll(/^-|-$/g, '')
        .slice(0, 60)
      return `${user.displayName}/${issue.identifier.toLowerCase()}${slug && `-${slug}`}`
    },
    priorityLabel: (issue) => priorityLabels[issue.priority],
    prioritySortOrder: (issue) => issue.sortOrder,
    botActor: (issue, viewer) => bot(issue.createAsUser, viewer),
    history: (issue) => historyOf(issue),
    labels: (issue, { workspace }) => issue.labelIds.map((id) => workspace.store.get('IssueLabel', id)),
    subscribers: (issue, { workspace }) => issue.subscriberIds.map((id) => workspace.store.get('User', id)),
    children: (issue, { workspace }) => workspace.store.by('Issue', 'parentId', issue.id),
    comments: (issue, { workspace }) => workspace.store.by('Comment', 'issueId', issue.id),
    attachments: (issue, { workspace }) => workspace.store.by('Attachment', 'issueId', issue.id),
    relations: (issue, { workspace }) => workspace.store.by('IssueRelation', 'issueId', issue.id),
    inverseRelations: (issue, { workspace }) => workspace.store.by('IssueRelation', 'relatedIssueId', issue.id),
    reactions: (issue, { workspace }) => workspace.store.by('Reaction', 'issueId', issue.id),
    agentSessions: (issue, { workspace }) => workspace.store.by('AgentSession', 'issueId', issue.id),
    hasBlockedByRelations: (issue, { workspace }) =>
      workspace.store.by('IssueRelation', 'relatedIssueId', issue.id).some(({ type }) => type === 'blocks'),
    hasBlockingRelations: (issue, { workspace }) =>
      workspace.store.by('IssueRelation', 'issueId', issue.id).some(({ type }) => type === 'blocks'),
  },
  Comment: {
    bodyData: (comment) =>
      JSON.stringify({ type: 'doc', content: [{ type: 'paragraph', content: [{ type: 'text', text: comment.body }] }] }),
    url: (comment, { workspace }) => {
      const issue = workspace.store.get('Issue', comment.issueId)
      return `${issueUrl(workspace, issue.identifier, issue.title)}#comment-${comment.id.slice(0, 8)}`
    },
    botActor: (comment, viewer) => bot(comment.createAsUser, viewer),
    children: (comment, { workspace }) => workspace.store.by('Comment', 'parentId', comment.id),
    reactions: (comment, { workspace }) => workspace.store.by('Reaction', 'commentId', comment.id),
    agentSession: (comment, { workspace }) => workspace.store.by('AgentSession', 'commentId', comment.id).at(-1) ?? null,
    agentSessions: (comment, { workspace }) => workspace.store.by('AgentSession', 'commentId', comment.id),
  },
  AgentSession: {
    url: (session, { workspace }) => sessionUrl(workspace, session),
    activities: (session, { workspace }) => workspace.store.by('AgentActivity', 'agentSessionId', session.id),
    externalLink: (session) => session.externalUrls[0]?.url ?? null,
    externalLinks: (session) => session.externalUrls.map((item) => ({ __typename: 'AgentSessionExternalLink', ...item })),
  },
  AgentActivity: {
    content: ({ content }) => ({
      __typename: `AgentActivity${content.type[0]!.toUpperCase()}${content.type.slice(1)}Content`,
      bodyData: {},
      ...content,
    }),
    type: ({ content }) => content.type,
  },
}

/** The workspace itself, as the schema shows it. */
export function organization(viewer: Viewer): Record<string, unknown> {
  const { id, name, urlKey, createdAt, store } = viewer.workspace
  return {
    __typename: 'Organization',
    id,
    name,
    urlKey,
    createdAt,
    updatedAt: createdAt,
    userCount: store.all('User').filter((user) => !user.app).length,
    teams: list(viewer, 'Team', () => true),
    users: store.all('User'),
    labels: list(viewer, 'IssueLabel', (label: Records['IssueLabel']) => label.teamId === null),
  }
}

/** A field of a record: undefined when the twin does not have it, null when there is nothing. */
export function readField(record: AnyRecord, field: string, viewer: Viewer): unknown {
  const name = record.__typename
  const compute = computed[name]?.[field] as ((record: AnyRecord, viewer: Viewer) => unknown) | undefined
  if (compute) return compute(record, viewer)
  const link = links[name]?.[field]
  if (link) return viewer.workspace.store.find(link[1], (record as unknown as Record<string, string | null>)[link[0]]) ?? null
  return (record as unknown as Record<string, unknown>)[field]
}

/** Whether the viewer may see a record: an app sees the teams that it was let into. */
export function isVisible(viewer: Viewer, record: AnyRecord): boolean {
  const { app, store } = viewer.workspace
  if (viewer.user.id !== app?.user.id) return true
  return canSeeTeam(app, teamOf(record, store))
}

function teamOf(record: AnyRecord, store: Workspace['store']): string | undefined {
  switch (record.__typename) {
    case 'Team':
      return record.id
    case 'Issue':
    case 'WorkflowState':
      return record.teamId
    case 'IssueLabel':
      return record.teamId ?? undefined
    case 'Comment':
    case 'Attachment':
    case 'AgentSession':
      return store.find('Issue', record.issueId)?.teamId
    case 'AgentActivity':
      return store.find('Issue', store.find('AgentSession', record.agentSessionId)?.issueId)?.teamId
    default:
      return undefined
  }
}
