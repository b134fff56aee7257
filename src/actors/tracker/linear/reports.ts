// What the issue's actor reports, as people see it at Linear: in the session where there is one, else in one comment.

import { isGivenUp, stageOf, stepsOf, type Stage } from '../../../machines/issue/stage.ts'
import { pauseBefore } from '../../../machines/backoff.ts'
import { isRefusedAccess } from '../../../machines/vocabulary.ts'
import { FatalError, RetryableError } from '../../../errors.ts'
import type { TrackerReport } from '../../ports.ts'
import type { LinearCalls } from './client.ts'
import { createOnce } from './create-once.ts'
import { doubted, isRefusal } from './doubted.ts'
import { makeComment, updateComment } from './documents/comment.ts'
import { makeAttachment } from './documents/issue.ts'
import { listSessionsOfIssue } from './documents/session.ts'
import { ownMark } from './issue-facts.ts'
import { uuidOf } from './ids.ts'
import type { IssueRow, IssueRows } from './issue-rows.ts'
import type { Issues } from './issues.ts'
import type { SessionRow, SessionRows } from './session-rows.ts'
import { optionsOf, type ExternalUrl, type PlanStep, type Saying, type Sessions } from './sessions.ts'
import type { Workflow } from './workflow.ts'
import type { Workspaces } from './workspaces.ts'

const how = { priority: 'report' as const }

/** Between two attempts to say something where we are not let in: the longest, which is come to step by step, for some refuse by mistake. */
const untilLetIn = { pause: 2_000, longest: 5 * 60_000 }

const retired = '**Signalbox**: from here on it is told in the session of this issue.'

export function createReports(options: {
  rows: IssueRows
  issues: Issues
  sessionRows: SessionRows
  sessions: Sessions
  workflow: Workflow
  workspaces: Workspaces
  calls: LinearCalls
  /** Our page of an issue; null where people cannot reach it. */
  url: (issue: { project: string; key: string }) => string | null
  /** The address of the issue's pull request. */
  pullRequest: (issue: string) => string | null
}) {
  const { rows, issues, sessionRows, sessions, workflow, workspaces, calls, url, pullRequest } = options

  function urlsOf(row: IssueRow): ExternalUrl[] {
    const page = url(row)
    const change = pullRequest(row.id)
    return [
      ...(page === null ? [] : [{ label: 'Signalbox', url: page }]),
      ...(change === null ? [] : [{ label: 'Pull request', url: change }]),
    ]
  }

  /** The issue's sessions. The word that one was opened may be lost or late, so Linear is asked before there is said to be none. */
  async function sessionsOf(row: IssueRow): Promise<SessionRow[]> {
    const known = sessionRows.ofIssue(row.id)
    if (known.length > 0 || row.delegated === 0) return known
    const us = workspaces.need(row.workspace).app_user
    const found = await calls.pages(row.workspace, listSessionsOfIssue, { id: row.id }, how, (answer) => answer.issue.sessions)
    for (const { id, status, createdAt, appUser, creator } of found) {
      if (appUser.id !== us || status === 'complete' || status === 'error') continue
      // It stays unopened: what was said with it is still to be read.
      sessionRows.add({ id, workspace: row.workspace, issue: row.id, creator: creator?.name ?? null, at: createdAt })
    }
    return sessionRows.ofIssue(row.id)
  }

  /** Says it in the session in which a person spoke last; an end, or a halt, is told in all of them, so that none looks at work for ever. */
  async function tellSessions(row: IssueRow, open: SessionRow[], report: TrackerReport, id: string): Promise<void> {
    const stage = stageOf(report.phase)
    const isHalt = report.kind === 'halt'
    const isEnd = isHalt || (report.kind === 'state' && (stage === 'done' || stage === 'failed'))
    for (const [index, session] of (isEnd ? open : open.slice(0, 1)).entries()) {
      if ((index > 0 || isHalt) && (session.state === 'complete' || session.state === 'error')) continue
      // Whoever stops it in a session is answered there.
      if (isHalt && session.state === 'stopping') continue
      const saying = sayingOf(report, stage, uuidOf('report', id, session.id), row.key)
      if (saying !== null) await sessions.say(session, saying, report.kind === 'question' ? 'human' : 'report')
      const plan = report.kind === 'comment' || isHalt ? undefined : planOf(report.phase, session.plan)
      await sessions.show(sessionRows.byId(session.id)!, { ...(plan === undefined ? {} : { plan }), urls: urlsOf(row) }, 'report')
    }
    await retireComment(row)
  }

  /** Another one would stand beside it if it were held to be gone by mistake. */
  async function rewrite({ workspace }: IssueRow, id: string, body: string): Promise<void> {
    await doubted('linear-not-found', () => calls.call(workspace, updateComment, { id, input: { body } }, how))
  }

  /** The comment of before there was a session would go on saying what was true then. */
  async function retireComment(row: IssueRow): Promise<void> {
    if (row.status_comment === null || row.status_text === retired) return
    try {
      await rewrite(row, row.status_comment, retired)
    } catch (error) {
      // A person has removed it, which is as good.
      if (!isRefusal(error, 'linear-not-found')) throw error
    }
    rows.setStatus(row.id, row.status_comment, retired)
  }

  const create = (row: IssueRow, id: string, body: string): Promise<void> =>
    createOnce(calls, row.workspace, makeComment, { id, issueId: row.id, body }, how)

  /** Without a session: the state in one comment, which is written over; what is asked in one of its own, for nobody is told of an edit. */
  async function tellComment(row: IssueRow, { kind, text }: TrackerReport, id: string): Promise<void> {
    if (text === '') return
    if (kind === 'comment' || kind === 'question') return create(row, uuidOf('comment', id), text)
    const page = url(row)
    const body = `**Signalbox**: ${text}${page === null ? '' : `\n\n[More about it](${page})`}`
    if (row.status_text === body) return
    const comment = row.status_comment ?? uuidOf('status', row.id, id)
    if (row.status_comment === null) await create(row, comment, body)
    else {
      try {
        await rewrite(row, comment, body)
      } catch (error) {
        if (!isRefusal(error, 'linear-not-found')) throw error
        // A person has removed it: it is written anew.
        const next = uuidOf('status', row.id, id)
        await create(row, next, body)
        return rows.setStatus(row.id, next, body)
      }
    }
    rows.setStatus(row.id, comment, body)
  }

  /** The pull request as the issue's own: by this mark it is known for it, by whatever way it is looked at. */
  async function attach(row: IssueRow): Promise<void> {
    const change = pullRequest(row.id)
    if (change === null) return
    const request = `attachment:${row.id}:${change}`
    if (rows.wasRequested(request)) return
    const number = /\/(\d+)$/.exec(change)?.[1]
    const title = number === undefined ? 'Pull request' : `Pull request #${number}`
    const input = { id: uuidOf('attachment', row.id, change), issueId: row.id, url: change, title, metadata: { [ownMark]: true } }
    await createOnce(calls, row.workspace, makeAttachment, input, how)
    rows.rememberRequest(request)
  }

  async function report(told: TrackerReport, id: string): Promise<void> {
    const request = `report:${id}`
    const row = issues.need(told.issue)
    if (rows.wasRequested(request) || row.removed_at !== null) return
    const open = await sessionsOf(row)
    try {
      await (open.length > 0 ? tellSessions(row, open, told, id) : tellComment(row, told, id))
    } catch (error) {
      // The session that it was to be said in is not there any more.
      if (!isRefusal(error, 'linear-not-found') || open.length === 0) throw error
      if (sessionRows.ofIssue(row.id).length === open.length) throw error
      return report(told, id)
    }
    if (told.kind === 'state' || told.kind === 'question') {
      await workflow.show(row, stageOf(told.phase))
      await attach(row)
    }
    rows.rememberRequest(request)
  }

  const refusals = new Map<string, number>()

  return async function reportWhenLetIn(told: TrackerReport, id: string): Promise<void> {
    try {
      await report(told, id)
      refusals.delete(id)
    } catch (error) {
      if (!(error instanceof FatalError) || !isRefusedAccess(error.code)) throw error
      // A person changes that, by connecting again or by giving access: what was to be said is kept until then.
      const count = (refusals.get(id) ?? 0) + 1
      refusals.set(id, count)
      throw new RetryableError(error.code, error.message, { cause: error, retryAfter: pauseBefore(untilLetIn, count) })
    }
  }
}

/** What a report is in a session. Only an end or a halt ends it, and only a question awaits an answer. */
function sayingOf({ kind, phase, text }: TrackerReport, stage: Stage, id: string, key: string): Saying | null {
  if (text === '') return null
  if (kind === 'question') return { id, content: { type: 'elicitation', body: text }, options: optionsOf(text) }
  if (kind === 'comment') {
    // Anything else than these would take the session out of the state that it is in.
    const type = stage === 'done' || stage === 'failed' ? 'response' : stage === 'needs_human' ? 'elicitation' : 'thought'
    return { id, content: { type, body: text } }
  }
  if (kind === 'halt' || stage === 'done') return { id, content: { type: 'response', body: text } }
  if (isGivenUp(phase)) return { id, content: { type: 'error', body: text } }
  if (stage === 'working') return { id, content: { type: 'action', action: text, parameter: key } }
  return { id, content: { type: 'thought', body: text } }
}

const steps = ['Make the change', 'Review and checks', 'Land it']

/** The way of an issue. A question leaves it as it stood; a failure crosses out what it has not come to. */
function planOf(phase: TrackerReport['phase'], before: string | null): PlanStep[] | undefined {
  const stage = stageOf(phase)
  if (stage === 'needs_human') return undefined
  if (stage === 'failed') {
    const known = before === null ? undefined : (JSON.parse(before) as PlanStep[])
    return known?.map((step) => (step.status === 'completed' ? step : { ...step, status: 'canceled' }))
  }
  const { behind, isUnderWay } = stepsOf(phase)
  return steps.map((content, index) => {
    const status = index < behind ? 'completed' : index === behind && isUnderWay ? 'inProgress' : 'pending'
    return { content, status }
  })
}
