// The life of an agent session: how it begins, how the last activity decides its state, and when it counts as stale.
// https://linear.app/developers/agent-interaction, …/agent-best-practices

import { randomBytes } from 'node:crypto'
import { activityBody, commentChild, sessionBody } from './bodies.ts'
import { addComment } from './comments.ts'
import { invalidInput } from './errors.ts'
import { guidanceBody, promptContext } from './prompt-context.ts'
import type { Workspace } from './workspace.ts'
import type {
  ActivityRecord,
  ActivityType,
  CommentRecord,
  ExternalUrl,
  IssueRecord,
  SessionRecord,
  SessionStatus,
  UserRecord,
} from './records.ts'

/** Linear shows an agent as unresponsive that gives no sign of life for so long after the start. */
const unresponsiveAfter = 10_000
/** Linear shows a session as stale that had no activity for so long. */
const staleAfter = 30 * 60_000

const statusAfter: Record<ActivityType, SessionStatus> = {
  prompt: 'active',
  thought: 'active',
  action: 'active',
  elicitation: 'awaitingInput',
  response: 'complete',
  error: 'error',
}

const staleTimers = new WeakMap<SessionRecord, () => void>()
const now = (workspace: Workspace): string => new Date(workspace.timers.now()).toISOString()

export interface SessionStart {
  issue: IssueRecord
  by: UserRecord
  /** The comment that mentions the agent; a delegation has none, and Linear opens a thread for it. */
  source?: CommentRecord
  externalUrls?: ExternalUrl[]
}

export function startSession(workspace: Workspace, { issue, by, source, externalUrls = [] }: SessionStart): SessionRecord {
  const { store, app, timers } = workspace
  if (!app) throw invalidInput('No agent is installed in this workspace.')
  const root = source
    ? (store.find('Comment', source.parentId) ?? source)
    : addComment(workspace, undefined, { issueId: issue.id, body: `This thread is for an agent session with ${app.user.displayName}.` })
  const session = store.add('AgentSession', {
    slugId: randomBytes(6).toString('hex'),
    status: 'pending',
    type: 'commentThread',
    issueId: issue.id,
    commentId: root.id,
    sourceCommentId: source?.id ?? null,
    creatorId: by.id,
    appUserId: app.user.id,
    startedAt: null,
    endedAt: null,
    dismissedAt: null,
    summary: null,
    externalUrls,
    plan: null,
    respondedWithin: undefined,
    unresponsive: false,
  })
  timers.after(unresponsiveAfter, () => {
    session.unresponsive = session.respondedWithin === undefined
  })
  waitForStaleness(workspace, session)
  announceSession(workspace, 'created', session, {
    promptContext: promptContext(workspace, issue, root),
    guidance: guidanceBody(workspace, issue.teamId),
    ...(source && { previousComments: threadBefore(workspace, source).map((comment) => commentChild(comment)) }),
  })
  return session
}

function threadBefore({ store }: Workspace, source: CommentRecord): CommentRecord[] {
  if (!source.parentId) return []
  const thread = [store.get('Comment', source.parentId), ...store.by('Comment', 'parentId', source.parentId)]
  return thread.filter((comment) => comment.id !== source.id && comment.createdAt <= source.createdAt)
}

function announceSession(workspace: Workspace, action: string, session: SessionRecord, more: Record<string, unknown>): void {
  workspace.announce({
    type: 'AgentSessionEvent',
    action,
    teamId: workspace.store.find('Issue', session.issueId)?.teamId,
    appOnly: true,
    body: {
      createdAt: now(workspace),
      appUserId: session.appUserId,
      oauthClientId: workspace.clientId,
      agentSession: sessionBody(workspace, session),
      ...more,
    },
  })
}

export interface NewActivity {
  id?: string | null | undefined
  content: ActivityRecord['content']
  ephemeral?: boolean
  signal?: ActivityRecord['signal']
  signalMetadata?: Record<string, unknown> | null
  sourceCommentId?: string | null
}

/** Adds an activity, moves the session to the state that follows, and tells the app of what a person has said. */
export function addActivity(workspace: Workspace, session: SessionRecord, by: UserRecord, input: NewActivity): ActivityRecord {
  const { store } = workspace
  const activity = store.add(
    'AgentActivity',
    {
      agentSessionId: session.id,
      content: input.content,
      ephemeral: input.ephemeral ?? false,
      signal: input.signal ?? null,
      signalMetadata: input.signalMetadata ?? null,
      sourceCommentId: input.sourceCommentId ?? null,
      userId: by.id,
    },
    input.id,
  )
  const { type } = input.content
  const ends = type === 'response' || type === 'error'
  // A session that is being stopped stays so until its agent has said its last word.
  const stays = session.status === 'stopping' && !ends && type !== 'prompt'
  store.change(session, {
    status: type === 'prompt' && input.signal === 'stop' ? 'stopping' : stays ? 'stopping' : statusAfter[type],
    startedAt: session.startedAt ?? now(workspace),
    endedAt: ends ? now(workspace) : null,
  })
  waitForStaleness(workspace, session)
  if (type === 'prompt') {
    announceSession(workspace, 'prompted', session, {
      agentActivity: activityBody(workspace, activity),
      guidance: guidanceBody(workspace, store.get('Issue', session.issueId).teamId),
    })
  } else {
    noteSignOfLife(workspace, session)
  }
  return activity
}

/** What the agent has said for people to read stands as a reply in the session's thread. */
export function replyInThread(workspace: Workspace, session: SessionRecord, by: UserRecord, body: string): CommentRecord | undefined {
  const thread = workspace.store.find('Comment', session.commentId)
  return thread && addComment(workspace, by, { body, parentId: thread.id })
}

export function noteSignOfLife(workspace: Workspace, session: SessionRecord): void {
  session.respondedWithin ??= workspace.timers.now() - Date.parse(session.createdAt)
  session.unresponsive = session.respondedWithin > unresponsiveAfter
}

function waitForStaleness(workspace: Workspace, session: SessionRecord): void {
  staleTimers.get(session)?.()
  const cancel = workspace.timers.after(staleAfter, () => {
    if (['pending', 'active', 'stopping'].includes(session.status)) workspace.store.change(session, { status: 'stale' })
  })
  staleTimers.set(session, cancel)
}

export interface SessionChange {
  externalUrls?: ExternalUrl[] | null
  addedExternalUrls?: ExternalUrl[] | null
  removedExternalUrls?: string[] | null
  plan?: unknown
  summary?: string | null
  dismissedAt?: string | null
}

/** A URL is given once; one that the session has already gets the new label. */
function assertDistinct(items: ExternalUrl[]): void {
  const twice = items.find((item, at) => items.findIndex(({ url }) => url === item.url) !== at)
  if (twice) throw invalidInput('Argument Validation Error', `externalUrls: ${twice.url} is there twice.`)
}

const stepStates = ['pending', 'inProgress', 'completed', 'canceled']

export function updateSession(workspace: Workspace, session: SessionRecord, change: SessionChange): SessionRecord {
  for (const given of [change.externalUrls, change.addedExternalUrls]) assertDistinct(given ?? [])
  const urls = new Map((change.externalUrls ?? session.externalUrls).map((item) => [item.url, item]))
  for (const item of change.addedExternalUrls ?? []) urls.set(item.url, item)
  for (const url of change.removedExternalUrls ?? []) urls.delete(url)
  for (const url of urls.keys()) {
    if (!URL.canParse(url)) throw invalidInput('Argument Validation Error', `externalUrls: ${url} is no URL.`)
  }
  if (change.plan !== undefined && change.plan !== null) checkPlan(change.plan)
  workspace.store.change(session, {
    externalUrls: [...urls.values()],
    ...(change.plan !== undefined && { plan: change.plan }),
    ...(change.summary !== undefined && { summary: change.summary }),
    ...(change.dismissedAt !== undefined && { dismissedAt: change.dismissedAt }),
  })
  if (urls.size > 0) noteSignOfLife(workspace, session)
  return session
}

function checkPlan(plan: unknown): void {
  const isStep = (step: unknown): boolean =>
    typeof step === 'object' &&
    step !== null &&
    typeof (step as { content?: unknown }).content === 'string' &&
    stepStates.includes(String((step as { status?: unknown }).status))
  if (!Array.isArray(plan) || !plan.every(isStep)) {
    throw invalidInput(
      'Argument Validation Error',
      `plan must be a list of { content, status }, with a status of ${stepStates.join(', ')}.`,
    )
  }
}
