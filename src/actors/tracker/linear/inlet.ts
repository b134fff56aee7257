// Reads what Linear tells by webhook, and answers a new session at once. Own words and own deeds begin nothing.

import { toErrorData } from '../../../errors.ts'
import type { ProjectConfig } from '../../../config.ts'
import { createFirsts } from '../../firsts.ts'
import type { Delivery, Inlet, Notice } from '../../ports.ts'
import type { Access } from './access.ts'
import { addressedText } from './addressing.ts'
import type { LinearCalls } from './client.ts'
import type { Farewell } from './farewell.ts'
import type { Greeting } from './greeting.ts'
import { createIssueReader, look, prompted, type Source } from './inlet-issues.ts'
import { openingOf, toActor, type Prompt, type SessionReader } from './inlet-sessions.ts'
import type { IssueRows } from './issue-rows.ts'
import type { Issues } from './issues.ts'
import { issueOf, readEvent, turnOf, typeOf, type CommentEvent, type Person, type SessionEvent } from './payloads.ts'
import { isTrusted } from './routing.ts'
import type { SessionRows } from './session-rows.ts'
import type { Sessions } from './sessions.ts'
import type { Stops } from './stops.ts'
import type { WorkspaceRow, Workspaces } from './workspaces.ts'

export interface SaidComment {
  id: string
  body: string
  issue: string
  at: number
  author: Person | null
}

/** When a comment was given the text that it has. */
export const saidAt = ({ createdAt, editedAt }: { createdAt: number; editedAt?: number | null | undefined }): number =>
  Math.max(createdAt, editedAt ?? 0)

/** A comment that speaks to us, as a message to the issue's actor; null for any other. */
export function messageOf(
  { app_name: name, app_user: us }: WorkspaceRow,
  { id, body, issue, at, author }: SaidComment,
  mayPrompt: (author: Person | null) => boolean,
  source: Source,
): Notice | null {
  if (author === null || author.id === us || !mayPrompt(author)) return null
  const text = addressedText(body, [name])
  if (text === null || text === '') return null
  return prompted(issue, { text, author: author.name ?? null, via: 'mention', observedAt: at, source }, `linear:comment:${id}`)
}

export function createInlet(options: {
  rows: IssueRows
  issues: Issues
  sessionRows: SessionRows
  sessions: Sessions
  sessionReader: SessionReader
  stops: Stops
  farewell: Farewell
  greeting: Greeting
  access: Access
  workspaces: Workspaces
  calls: LinearCalls
  projects: readonly ProjectConfig[]
  catchUp: Inlet['catchUp']
  log: (message: string, issue?: string) => void
  /** What is of no consequence. */
  inform: (message: string) => void
}): Inlet {
  const { rows, sessionRows, sessionReader, stops, farewell, greeting, access, workspaces, projects, catchUp, log, inform } = options
  const readIssue = createIssueReader(options)
  const strangers = createFirsts()
  const unread = createFirsts()

  async function readSession(workspace: WorkspaceRow, event: SessionEvent, signal?: AbortSignal): Promise<Notice[]> {
    const { action, agentSession, agentActivity } = event
    // Another app's agent.
    if (agentSession.appUserId !== workspace.app_user) return []
    if (action === 'created') return sessionReader.opened(workspace, openingOf(event), 'webhook', signal)
    if (agentActivity == null || agentActivity.content.type !== 'prompt') return []
    const author = agentActivity.user ?? (agentActivity.userId == null ? null : { id: agentActivity.userId })
    if (author?.id === workspace.app_user) return []
    const { id, creator, createdAt } = agentSession
    sessionRows.add({ id, workspace: workspace.id, issue: issueOf(agentSession), creator: creator?.name ?? null, at: createdAt })
    const prompt: Prompt = {
      id: agentActivity.id,
      text: agentActivity.content.body ?? '',
      stop: agentActivity.signal === 'stop',
      at: agentActivity.createdAt,
      author,
      comment: agentActivity.sourceCommentId ?? null,
    }
    return sessionReader.spoken(workspace, sessionRows.byId(id)!, prompt, 'webhook', signal)
  }

  function readComment(workspace: WorkspaceRow, { action, data, updatedFrom }: CommentEvent): Notice[] {
    const issue = issueOf(data)
    const row = issue === null ? undefined : rows.byId(issue)
    // Edited, it may be for us now; what has been heard is known by its key.
    const isSaid = action === 'create' || (action === 'update' && updatedFrom != null && 'body' in updatedFrom)
    if (!isSaid || row === undefined || row.removed_at !== null) return []
    const author = data.user ?? (data.userId == null ? null : { id: data.userId })
    const project = projects.find(({ id }) => id === row.project)
    const mayPrompt = (person: Person | null): boolean => project !== undefined && isTrusted(project, toActor(person))
    const { id, body } = data
    // Our own, whoever edits it.
    if (id === row.status_comment) return []
    const message = messageOf(workspace, { id, body, issue: row.id, at: saidAt(data), author }, mayPrompt, 'webhook')
    return message === null ? [] : [message]
  }

  async function read(delivery: Delivery, signal?: AbortSignal): Promise<Notice[]> {
    const event = readEvent(delivery)
    if (event === null) {
      const type = typeOf(delivery)
      if (unread.isFirst(type))
        inform(`Linear tells of "${type}", which is not read: leave it out of the webhook there, and both are spared the traffic.`)
      return []
    }
    const workspace = workspaces.find(event.organizationId)
    if (workspace === undefined) {
      if (strangers.isFirst(event.organizationId))
        log(
          `Linear tells of the workspace ${event.organizationId}, which is not connected: nothing is done there. Run \`signalbox connect linear\` as somebody of it, or take the application out of it at Linear.`,
        )
      return []
    }
    switch (event.type) {
      case 'Issue':
        return stops.following(await farewell.ofAll(await readIssue(workspace, event, signal)))
      case 'AgentSessionEvent':
        return stops.following(await farewell.ofAll(await readSession(workspace, event, signal)))
      case 'Comment':
        return readComment(workspace, event)
      case 'Attachment': {
        const issue = event.data.issueId ?? ''
        return rows.byId(issue) === undefined ? [] : [look(issue)]
      }
      case 'PermissionChange':
        await access(workspace.id, { priority: 'report', signal })
        return []
      case 'OAuthApp':
        if (event.action !== 'revoked') return []
        workspaces.setHealth(workspace.id, 'revoked', 'It has taken Signalbox out.')
        return []
    }
  }

  async function acknowledge(delivery: Delivery): Promise<Notice[]> {
    // What the header calls something else is read in its turn all the same.
    if (delivery.event !== 'AgentSessionEvent') return []
    try {
      const event = readEvent(delivery)
      const workspace = event === null ? undefined : workspaces.find(event.organizationId)
      if (event?.type !== 'AgentSessionEvent' || workspace === undefined || event.agentSession.appUserId !== workspace.app_user) return []
      // A stop asks Linear nothing, so that it waits for nothing.
      if (event.agentActivity?.signal === 'stop') return await readSession(workspace, event)
      if (event.action !== 'created') return []
      const { id, issue, creator, at, context } = openingOf(event)
      await greeting.greet(workspace.id, { id, issue, creator: creator?.name ?? null, at, context })
    } catch (error) {
      log(`A session could not be answered at once: ${toErrorData(error).message}`)
    }
    return []
  }

  return { turnOf, read, acknowledge, catchUp }
}
