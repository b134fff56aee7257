// What was told at Linear since it was asked last, found by asking: delegations, sessions, messages, stops.
// A cursor goes no further than what was read, and stays behind the clock, for what was written a moment ago may show up late.

import type { ProjectConfig } from '../../../config.ts'
import { createCatchUp, type Part } from '../../catching-up.ts'
import type { Inlet, Notice } from '../../ports.ts'
import type { Access } from './access.ts'
import type { LinearCalls } from './client.ts'
import { listComments } from './documents/comment.ts'
import { listDelegated } from './documents/issue.ts'
import { oldestFirst, type Page } from './documents/operation.ts'
import { listPrompts, listSessions, type ListedSession, type Speaking } from './documents/session.ts'
import { isRefusal } from './doubted.ts'
import type { Farewell } from './farewell.ts'
import { messageOf, saidAt } from './inlet.ts'
import { newsOf } from './inlet-issues.ts'
import { toActor, type Prompt, type SessionReader } from './inlet-sessions.ts'
import { isClosed } from './issue-facts.ts'
import type { IssueRows } from './issue-rows.ts'
import type { Issues } from './issues.ts'
import { isTrusted } from './routing.ts'
import type { SessionRows } from './session-rows.ts'
import type { Stops } from './stops.ts'
import type { WorkspaceRow, Workspaces } from './workspaces.ts'

/** What is told twice by this is told once by its key. */
const overlap = 2 * 60_000

/** How far back messages are looked for when nothing was ever read: what is older was said to somebody else. */
const firstLook = 60 * 60_000

/** Issues in one question. */
const batch = 50

interface Said {
  session: Speaking
  prompt: Prompt
}

export function createLinearCatchUp(options: {
  rows: IssueRows
  issues: Issues
  sessionRows: SessionRows
  sessionReader: SessionReader
  stops: Stops
  farewell: Farewell
  access: Access
  workspaces: Workspaces
  calls: LinearCalls
  projects: readonly ProjectConfig[]
  isTerminal: (issue: string) => boolean
  now: () => number
  log: (message: string) => void
}): Inlet['catchUp'] {
  const { rows, issues, sessionRows, sessionReader, stops, farewell, access, workspaces, calls, projects, isTerminal, now, log } = options

  const since = (workspace: string, name: string): number | null => {
    const at = rows.cursor(workspace, name)
    return at === null ? null : at - overlap
  }
  const iso = (at: number): string => new Date(at).toISOString()

  /** Delegations to us that are not known, and those that are not any more. */
  async function delegations(workspace: WorkspaceRow, signal: AbortSignal): Promise<Notice[]> {
    const { id, app_user: us } = workspace
    const how = { priority: 'polling' as const, signal }
    // Nobody may tell that the teams are shown to us again.
    if (workspace.health === 'permissions_changed') await access(id, how)
    const from = since(id, 'issues')
    const filter = { delegate: { id: { eq: us } }, ...(from === null ? {} : { updatedAt: { gte: iso(from) } }) }
    const delegated = await calls.pages(id, listDelegated, { filter }, how, (answer) => answer.issues)
    const unknown = delegated.filter((issue) => {
      if (issue.trashed) return false
      const row = rows.byId(issue.id)
      return row === undefined ? !isClosed(issue.state.type) : row.delegated === 0 || row.removed_at !== null
    })
    const believed = rows.ofWorkspace(id).filter((row) => row.delegated === 1 && !isTerminal(row.id))
    const gone: string[] = []
    for (let at = 0; at < believed.length; at += batch) {
      const ids = believed.slice(at, at + batch).map((row) => row.id)
      const found = await calls.pages(id, listDelegated, { filter: { id: { in: ids } } }, how, (answer) => answer.issues)
      const still = new Set(found.filter(({ delegate, trashed }) => delegate?.id === us && !trashed).map((issue) => issue.id))
      gone.push(...ids.filter((one) => !still.has(one)))
    }
    const notices: Notice[] = []
    // Whoever was to be told of these may have ended before.
    const unheard = rows.unannounced(id)
    const fresh = new Set(unknown.map((one) => one.id))
    for (const issue of new Set([...fresh, ...gone, ...unheard])) {
      const sight = await issues.look(id, issue, how).catch((error: unknown) => {
        // That its team is not shown to us any more keeps no other from being heard of; it is asked for again, whatever the cursor says.
        if (fresh.has(issue) || !isRefusal(error, 'linear-forbidden')) throw error
        return null
      })
      if (sight === null) continue
      if (sight.kind === 'here' || sight.kind === 'gone') notices.push(...newsOf(sight, 'poll', null))
    }
    return notices
  }

  /** Sessions of ours that nothing has been heard of; the newest come first, so what is older than the cursor is left. */
  async function newSessions(workspace: WorkspaceRow, signal: AbortSignal): Promise<Notice[]> {
    const { id, app_user: us } = workspace
    const from = since(id, 'sessions') ?? now() - firstLook
    const found: ListedSession[] = []
    for (let after: string | null = null; ;) {
      const answer = await calls.call(id, listSessions, { after }, { priority: 'polling', signal })
      const agentSessions: Page<ListedSession> = answer.agentSessions
      const recent = agentSessions.nodes.filter(({ updatedAt }) => updatedAt >= from)
      found.push(...recent.filter(({ appUser }) => appUser.id === us))
      if (recent.length < agentSessions.nodes.length || !agentSessions.pageInfo.hasNextPage) break
      after = agentSessions.pageInfo.endCursor
    }
    const notices: Notice[] = []
    for (const session of oldestFirst(found)) {
      if (sessionRows.byId(session.id)?.opened === 1 || ['complete', 'error'].includes(session.status)) continue
      // An issue that was over before we came is nobody's wish.
      if (session.issue != null && rows.byId(session.issue.id) === undefined && isClosed(session.issue.state.type)) continue
      const opening = {
        id: session.id,
        issue: session.issue?.id ?? null,
        creator: session.creator ?? null,
        at: session.createdAt,
        comment: session.comment ?? null,
        sourceComment: session.sourceComment?.id ?? null,
        context: {},
      }
      notices.push(...(await sessionReader.opened(workspace, opening, 'poll', signal)))
    }
    return notices
  }

  async function listSaid({ id, app_user: us }: WorkspaceRow, signal: AbortSignal): Promise<Said[]> {
    const from = since(id, 'prompts') ?? now() - firstLook
    const filter = { type: { eq: 'prompt' }, createdAt: { gte: iso(from) } }
    const found = await calls.pages(id, listPrompts, { filter }, { priority: 'polling', signal }, (answer) => answer.agentActivities)
    return oldestFirst(found)
      .filter(({ user, agentSession }) => user?.id !== us && agentSession.appUser.id === us)
      .map((activity) => ({
        session: activity.agentSession,
        prompt: {
          id: activity.id,
          text: activity.content.body ?? '',
          stop: activity.signal === 'stop',
          at: activity.createdAt,
          author: activity.user ?? null,
          comment: activity.sourceComment?.id ?? null,
        },
      }))
  }

  async function hear(workspace: WorkspaceRow, said: readonly Said[], signal: AbortSignal): Promise<Notice[]> {
    const notices: Notice[] = []
    for (const { session, prompt } of said) {
      const { id, issue, creator, createdAt } = session
      // A stop holds also where the session's beginning could not be read yet.
      if (prompt.stop)
        sessionRows.add({ id, workspace: workspace.id, issue: issue?.id ?? null, creator: creator?.name ?? null, at: createdAt })
      const known = sessionRows.byId(id)
      if (known !== undefined) notices.push(...(await sessionReader.spoken(workspace, known, prompt, 'poll', signal)))
    }
    return notices
  }

  async function comments(workspace: WorkspaceRow, signal: AbortSignal): Promise<Notice[]> {
    const { id } = workspace
    const from = since(id, 'comments') ?? now() - firstLook
    const filter = { updatedAt: { gte: iso(from) }, issue: { delegate: { id: { eq: workspace.app_user } } } }
    const found = await calls.pages(id, listComments, { filter }, { priority: 'polling', signal }, (answer) => answer.comments)
    // What was changed in something else was heard before.
    const said = found.map((comment) => ({ ...comment, createdAt: saidAt(comment) })).filter(({ createdAt }) => createdAt >= from)
    return oldestFirst(said).flatMap((comment) => {
      const row = comment.issue == null ? undefined : rows.byId(comment.issue.id)
      const project = projects.find((one) => one.id === row?.project)
      if (row === undefined || project === undefined) return []
      const words = { id: comment.id, body: comment.body, issue: row.id, at: comment.createdAt, author: comment.user ?? null }
      const message = messageOf(workspace, words, (author) => isTrusted(project, toActor(author)), 'poll')
      return message === null ? [] : [message]
    })
  }

  type Read = (workspace: WorkspaceRow, signal: AbortSignal) => Promise<Notice[]>

  /** What was said is asked for once; a stop waits for nothing that has to be asked about anything else that was. */
  function kindsOf(): Record<string, Read> {
    let asking: Promise<Said[]> | undefined
    const said =
      (isWanted: (prompt: Prompt) => boolean): Read =>
      async (workspace, signal) => {
        const all = await (asking ??= listSaid(workspace, signal))
        const wanted = all.filter(({ prompt }) => isWanted(prompt))
        return hear(workspace, wanted, signal)
      }
    return {
      issues: delegations,
      sessions: newSessions,
      stops: said(({ stop }) => stop),
      prompts: said(({ stop }) => !stop),
      comments,
    }
  }

  function* parts(): Generator<Part> {
    for (const workspace of workspaces.all()) {
      if (workspace.health === 'revoked' || workspace.health === 'unauthorized') continue
      for (const [kind, read] of Object.entries(kindsOf())) {
        yield {
          ...{ of: workspace.name, kind },
          async read(signal) {
            const at = now()
            const notices = stops.following(await farewell.ofAll(await read(workspace, signal)))
            const seen = (): void => {
              rows.setCursor(workspace.id, kind, at)
              for (const notice of notices) if (notice.kind === 'fact') rows.announce(notice.issue)
            }
            return { notices, seen }
          },
        }
      }
    }
  }

  return createCatchUp(parts, log)
}
