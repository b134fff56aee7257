// What happens in agent sessions: one is opened, a person speaks in it, a person wants everything to stop.

import type { ProjectConfig } from '../../../config.ts'
import { toErrorData } from '../../../errors.ts'
import type { Notice } from '../../ports.ts'
import { addressedText } from './addressing.ts'
import type { LinearCalls } from './client.ts'
import { doubted, isRefusal } from './doubted.ts'
import { getComment } from './documents/comment.ts'
import { updateIssue } from './documents/issue.ts'
import { uuidOf } from './ids.ts'
import { newsOf, prompted, strayText, whole, type Source } from './inlet-issues.ts'
import type { IssueRows } from './issue-rows.ts'
import type { Issues, Sight } from './issues.ts'
import { issueOf, type Person, type SessionEvent } from './payloads.ts'
import { isTrusted, type Actor } from './routing.ts'
import type { SessionContext, SessionRow, SessionRows } from './session-rows.ts'
import type { Saying, Sessions } from './sessions.ts'
import type { Stops } from './stops.ts'
import type { WorkspaceRow } from './workspaces.ts'

/** What a person said in a session, by whatever way it is told. */
export interface Prompt {
  id: string
  text: string
  stop: boolean
  at: number
  author: Person | null
  /** The comment that it stands in as well. */
  comment: string | null
}

/** A session that was opened, by whatever way it is told. */
export interface Opening {
  id: string
  issue: string | null
  creator: Person | null
  at: number
  /** The comment that it was opened with. */
  comment: { id: string; body: string } | null
  sourceComment: string | null
  context: SessionContext
}

const workOnIt = 'Work on it'
const notNow = 'Not now'

/** An answer that leaves a session in the state in which it was spoken to. */
const answerTypes: Partial<Record<SessionRow['state'], 'elicitation' | 'response'>> = {
  awaitingInput: 'elicitation',
  complete: 'response',
  error: 'response',
}

export const toActor = (person: Person | null): Actor | null => (person === null ? null : { ...person, name: person.name ?? undefined })

/** By which one message is told once: in a session it is a comment, too. */
export const promptKey = ({ id, comment }: { id: string; comment: string | null }): string =>
  comment === null ? `linear:activity:${id}` : `linear:comment:${comment}`

export function createSessionReader(options: {
  rows: IssueRows
  issues: Issues
  sessionRows: SessionRows
  sessions: Sessions
  stops: Stops
  calls: LinearCalls
  projects: readonly ProjectConfig[]
  connectUrl: () => string | null
  log: (message: string, issue?: string) => void
}) {
  const { rows, issues, sessionRows, sessions, stops, calls, projects, connectUrl, log } = options

  /** Said for a person's sake: that it could not be said keeps nothing from going on. */
  async function say(session: Pick<SessionRow, 'id' | 'workspace'>, name: string, saying: Omit<Saying, 'id'>): Promise<void> {
    try {
      await sessions.say(session, { id: uuidOf('answer', session.id, name), ...saying }, 'human')
    } catch (error) {
      log(`Nothing could be said in the session ${session.id}: ${toErrorData(error).message}`)
    }
  }

  const mayPrompt = (project: string, author: Person | null): boolean => {
    const found = projects.find(({ id }) => id === project)
    return found !== undefined && isTrusted(found, toActor(author))
  }

  /** The words with which a person called us, when that is how the session was opened. */
  async function mentionOf(
    { id: workspace, app_name: name }: WorkspaceRow,
    { comment, sourceComment }: Opening,
  ): Promise<{ id: string; text: string } | null> {
    let found = comment
    if (sourceComment !== null && sourceComment !== comment?.id) {
      const answer = await calls.call(workspace, getComment, { id: sourceComment }, { priority: 'report' })
      found = answer.comment
    }
    const text = found === null ? null : addressedText(found.body, [name])
    return found === null || text === null ? null : { id: found.id, text }
  }

  /** Who speaks to us of an issue that is not ours is asked whether it is to be. */
  function offer(session: SessionRow, key: string, occasion: string): Promise<void> {
    sessionRows.setAwaits(session.id, 'delegation')
    const body = `${key} is not delegated to me. Shall I work on it?`
    return say(session, `delegation:${occasion}`, { content: { type: 'elicitation', body }, options: [workOnIt, notNow] })
  }

  /** Says in the session why nothing is begun. */
  async function decline(session: SessionRow, sight: Sight, occasion = ''): Promise<void> {
    if (sight.kind === 'gone')
      return say(session, `gone:${occasion}`, { content: { type: 'response', body: 'The issue is not there any more.' } })
    if (sight.kind === 'untrusted') {
      log(`${sight.issue.identifier} was delegated by somebody who may not: nothing is begun.`, sight.issue.id)
      const body = `Only some people may have Signalbox work on the project ${sight.project}, and you are not among them. Ask one of them to delegate the issue.`
      return say(session, 'untrusted', { content: { type: 'response', body } })
    }
    if (sight.kind === 'unrelated') return offer(session, sight.issue.identifier, occasion)
    if (sight.kind !== 'stray') return
    log(strayText(sight), sight.issue.id)
    if (sight.candidates.length === 0) return say(session, `stray:${occasion}`, { content: { type: 'response', body: strayText(sight) } })
    sessionRows.setAwaits(session.id, 'project')
    const body = `Several projects are for ${sight.issue.identifier}. Which one is it?`
    return say(session, `project:${occasion}`, { content: { type: 'elicitation', body }, options: sight.candidates })
  }

  /** Looks at the session's issue; where we may not, the session says how that is changed. */
  async function lookFor(session: SessionRow, how: Parameters<Issues['look']>[2]): Promise<Sight | null> {
    try {
      return await doubted('linear-forbidden', () => issues.look(session.workspace, session.issue!, how))
    } catch (error) {
      if (!isRefusal(error, 'linear-forbidden')) throw error
      const url = connectUrl()
      const body = `I have no access to this issue. ${toErrorData(error).message}`
      await say(session, 'access', { content: { type: 'elicitation', body }, ...(url === null ? {} : { authorizeAt: url }) })
      return null
    }
  }

  async function opened(workspace: WorkspaceRow, opening: Opening, source: Source, signal?: AbortSignal): Promise<Notice[]> {
    const notices = await open(workspace, opening, source, signal)
    // Only now: what could not be dealt with is found again by asking.
    sessionRows.setOpened(opening.id)
    return notices
  }

  async function open(workspace: WorkspaceRow, opening: Opening, source: Source, signal?: AbortSignal): Promise<Notice[]> {
    const { id, issue, creator, at, context } = opening
    sessionRows.add({ id, workspace: workspace.id, issue, creator: creator?.name ?? null, at, context })
    const session = sessionRows.byId(id)!
    if (issue === null) {
      await say(session, 'no-issue', { content: { type: 'response', body: 'I work on issues: delegate one to me, or mention me in one.' } })
      return []
    }
    const mention = await mentionOf(workspace, opening)
    // Who mentions us in an issue has not delegated it, nor have we by opening a session.
    const isAsked = mention === null && creator?.id !== workspace.app_user
    const how = { priority: 'report' as const, signal, ...(isAsked ? { delegator: toActor(creator), handoverAt: at } : {}) }
    const sight = await lookFor(session, how)
    if (sight === null) return []
    if (sight.kind !== 'here') {
      await decline(session, sight)
      return newsOf(sight, source, creator?.name ?? null)
    }
    const author = creator?.name ?? null
    const news = isAsked && sight.facts.delegated ? [whole(sight, 'tracker.delegated', source, author)] : newsOf(sight, source, author)
    if (mention === null) return news
    if (!sight.facts.delegated) await offer(session, sight.row.key, '')
    if (mention.text === '' || !mayPrompt(sight.row.project, creator)) return news
    return [
      ...news,
      prompted(issue, { text: mention.text, author, via: 'session', observedAt: at, source }, `linear:comment:${mention.id}`),
    ]
  }

  /** What is to be known before a message can reach an actor: a project, or that we are to work on it at all. */
  async function answered(workspace: WorkspaceRow, session: SessionRow, prompt: Prompt, signal?: AbortSignal): Promise<Sight | null> {
    const how = { priority: 'report' as const, signal }
    const said = prompt.text.trim().toLowerCase()
    if (session.awaits === 'project') {
      const project = projects.find(({ id }) => id.toLowerCase() === said)
      if (project !== undefined && mayPrompt(project.id, prompt.author))
        return lookFor(session, { ...how, project: project.id, handoverAt: prompt.at })
    }
    if (session.awaits === 'delegation' && /^(work on it|yes|ok(ay)?|go( on)?|please( do)?)\b/.test(said)) {
      const sight = await lookFor(session, { ...how, keep: true })
      if (sight?.kind !== 'here' || !mayPrompt(sight.row.project, prompt.author)) return sight
      await calls.call(workspace.id, updateIssue, { id: session.issue, input: { delegateId: workspace.app_user } }, how)
      return lookFor(session, { ...how, delegator: toActor(prompt.author), handoverAt: prompt.at })
    }
    return lookFor(session, how)
  }

  async function spoken(
    workspace: WorkspaceRow,
    session: SessionRow,
    prompt: Prompt,
    source: Source,
    signal?: AbortSignal,
  ): Promise<Notice[]> {
    // A message that is told again does not wake a session that has ended since.
    const isNew = prompt.at > session.prompted_at || session.awaits !== null
    sessionRows.setPrompted(session.id, prompt.at)
    if (session.issue === null) return []
    const author = prompt.author?.name ?? null
    if (prompt.stop) return stops.take({ ...session, issue: session.issue }, prompt, source)
    if (isNew) sessionRows.setState(session.id, 'active')
    const row = rows.byId(session.issue)
    const news: Notice[] = []
    let project = row?.project
    if (row !== undefined && (row.delegated === 1 || session.awaits === null)) sessionRows.setAwaits(session.id, null)
    else {
      if (session.awaits === 'delegation' && prompt.text.trim().toLowerCase() === notNow.toLowerCase()) {
        sessionRows.setAwaits(session.id, null)
        await say(session, `not-now:${prompt.id}`, { content: { type: 'response', body: 'All right.' } })
        return []
      }
      const sight = await answered(workspace, session, prompt, signal)
      if (sight === null) return []
      if (sight.kind !== 'here') {
        await decline(session, sight, prompt.id)
        return newsOf(sight, source, author)
      }
      sessionRows.setAwaits(session.id, null)
      project = sight.row.project
      news.push(sight.facts.delegated ? whole(sight, 'tracker.delegated', source, author) : whole(sight, 'tracker.updated', source, author))
      // What only chose is not a message.
      if (session.awaits !== null) return news
    }
    if (prompt.text.trim() === '') return news
    if (!mayPrompt(project!, prompt.author)) {
      const body = `Only some people may tell Signalbox what to do in the project ${project}, and ${author ?? 'you'} is not among them.`
      await say(session, `untrusted:${prompt.author?.id ?? ''}`, { content: { type: answerTypes[session.state] ?? 'thought', body } })
      return news
    }
    if (rows.byId(session.issue)?.delegated === 0) await offer(session, rows.byId(session.issue)!.key, prompt.id)
    return [
      ...news,
      prompted(session.issue, { text: prompt.text, author, via: 'session', observedAt: prompt.at, source }, promptKey(prompt)),
    ]
  }

  return { opened, spoken }
}

export type SessionReader = ReturnType<typeof createSessionReader>

export function openingOf({ agentSession, guidance }: SessionEvent): Opening {
  const { id, creator, createdAt, comment, sourceCommentId } = agentSession
  return {
    id,
    issue: issueOf(agentSession),
    creator: creator ?? null,
    at: createdAt,
    comment: comment ?? null,
    sourceComment: sourceCommentId ?? null,
    context: {
      guidance: (guidance ?? []).map(({ body, origin }) => ({ body, origin: origin.team?.name ?? origin.team?.key ?? 'the workspace' })),
    },
  }
}
