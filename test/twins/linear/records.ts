// What the twin remembers: one record a thing, with the field names of Linear's schema and the ids of what it points to.

export interface BaseRecord {
  id: string
  createdAt: string
  updatedAt: string
  archivedAt: string | null
}

export interface UserRecord extends BaseRecord {
  __typename: 'User'
  name: string
  displayName: string
  email: string
  app: boolean
  active: boolean
  admin: boolean
}

export interface TeamRecord extends BaseRecord {
  __typename: 'Team'
  name: string
  displayName: string
  key: string
  private: boolean
  memberIds: string[]
  /** The number of the issue that was made last. */
  issueCount: number
}

export interface StateRecord extends BaseRecord {
  __typename: 'WorkflowState'
  name: string
  type: StateType
  position: number
  color: string
  teamId: string
}

export type StateType = 'triage' | 'backlog' | 'unstarted' | 'started' | 'completed' | 'canceled'

export interface ProjectRecord extends BaseRecord {
  __typename: 'Project'
  name: string
  description: string
  slugId: string
  teamIds: string[]
}

export interface LabelRecord extends BaseRecord {
  __typename: 'IssueLabel'
  name: string
  color: string
  description: string | null
  isGroup: boolean
  parentId: string | null
  teamId: string | null
  creatorId: string | null
}

export interface IssueRecord extends BaseRecord {
  __typename: 'Issue'
  /** The team's key and the number. */
  identifier: string
  number: number
  title: string
  description: string | null
  priority: number
  estimate: number | null
  dueDate: string | null
  sortOrder: number
  teamId: string
  stateId: string
  projectId: string | null
  parentId: string | null
  creatorId: string | null
  assigneeId: string | null
  delegateId: string | null
  labelIds: string[]
  subscriberIds: string[]
  previousIdentifiers: string[]
  startedAt: string | null
  completedAt: string | null
  canceledAt: string | null
  trashed: boolean | null
  /** The name that an app gave as the creator. */
  createAsUser: string | null
}

export interface CommentRecord extends BaseRecord {
  __typename: 'Comment'
  body: string
  issueId: string | null
  parentId: string | null
  userId: string | null
  editedAt: string | null
  quotedText: string | null
  resolvedAt: string | null
  resolvingUserId: string | null
  createAsUser: string | null
  /** The root of the thread that Linear itself opens for a delegation. */
  isArtificialAgentSessionRoot: boolean
}

export interface AttachmentRecord extends BaseRecord {
  __typename: 'Attachment'
  title: string
  subtitle: string | null
  url: string
  metadata: Record<string, unknown>
  sourceType: string | null
  groupBySource: boolean
  issueId: string
  creatorId: string | null
}

export interface RelationRecord extends BaseRecord {
  __typename: 'IssueRelation'
  type: 'blocks' | 'duplicate' | 'related' | 'similar'
  issueId: string
  relatedIssueId: string
}

export interface ReactionRecord extends BaseRecord {
  __typename: 'Reaction'
  emoji: string
  issueId: string | null
  commentId: string | null
  userId: string | null
}

export interface ExternalUrl {
  label: string
  url: string
}

export type SessionStatus = 'pending' | 'active' | 'awaitingInput' | 'complete' | 'error' | 'stale' | 'stopping'

export interface SessionRecord extends BaseRecord {
  __typename: 'AgentSession'
  slugId: string
  status: SessionStatus
  type: 'commentThread'
  issueId: string
  commentId: string | null
  sourceCommentId: string | null
  creatorId: string | null
  appUserId: string
  startedAt: string | null
  endedAt: string | null
  dismissedAt: string | null
  summary: string | null
  externalUrls: ExternalUrl[]
  plan: unknown
  /** Milliseconds from the making of the session to the first sign of life of its agent. */
  respondedWithin: number | undefined
  /** No sign of life came within ten seconds; what Linear's users are shown. */
  unresponsive: boolean
}

export type ActivityType = 'thought' | 'action' | 'elicitation' | 'response' | 'error' | 'prompt'

export interface ActivityContent {
  type: ActivityType
  body?: string
  action?: string
  parameter?: string
  result?: string | null
}

export interface ActivityRecord extends BaseRecord {
  __typename: 'AgentActivity'
  agentSessionId: string
  content: ActivityContent
  ephemeral: boolean
  signal: 'stop' | 'continue' | 'auth' | 'select' | null
  signalMetadata: Record<string, unknown> | null
  sourceCommentId: string | null
  userId: string
}

export interface WebhookRecord extends BaseRecord {
  __typename: 'Webhook'
  url: string
  label: string | null
  enabled: boolean
  secret: string
  resourceTypes: string[]
  allPublicTeams: boolean
  teamId: string | null
  creatorId: string | null
}

/** Every kind of thing, by the name that Linear's schema has for it. */
export interface Records {
  User: UserRecord
  Team: TeamRecord
  WorkflowState: StateRecord
  Project: ProjectRecord
  IssueLabel: LabelRecord
  Issue: IssueRecord
  Comment: CommentRecord
  Attachment: AttachmentRecord
  IssueRelation: RelationRecord
  Reaction: ReactionRecord
  AgentSession: SessionRecord
  AgentActivity: ActivityRecord
  Webhook: WebhookRecord
}

export type RecordName = keyof Records
export type AnyRecord = Records[RecordName]
