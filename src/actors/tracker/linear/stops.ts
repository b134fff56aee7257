// Owns what becomes of a person's stop: it is told at once, whatever Linear answers; it is confirmed in its session afterwards, which nobody
// waits for; and what was handed over before it is not begun by being read after it.

import { RetryableError, toErrorData } from '../../../errors.ts'
import type { ProjectConfig } from '../../../config.ts'
import type { Notice } from '../../ports.ts'
import { stopRequested, type Source } from './inlet-issues.ts'
import { promptKey, toActor, type Prompt } from './inlet-sessions.ts'
import type { IssueRows } from './issue-rows.ts'
import { isTrusted } from './routing.ts'
import type { SessionRow, SessionRows } from './session-rows.ts'
import type { Sessions } from './sessions.ts'

export type Stops = ReturnType<typeof createStops>

export function createStops(options: {
  rows: IssueRows
  sessionRows: SessionRows
  sessions: Sessions
  projects: readonly ProjectConfig[]
  log: (message: string, issue?: string) => void
}) {
  const { rows, sessionRows, sessions, projects, log } = options
  const underWay = new Set<Promise<void>>()
  const ending = new AbortController()

  async function sayStopped(session: SessionRow): Promise<void> {
    const isKnown = session.issue !== null && rows.byId(session.issue) !== undefined
    const body = isKnown
      ? 'Stopped. Nothing more is done until somebody writes here or delegates the issue again.'
      : 'Stopped: nothing was under way.'
    try {
      await sessions.confirmStop(session, { content: { type: 'response', body } }, 'human', ending.signal)
    } catch (error) {
      // It stays to be said, by the next of us if need be.
      if (error instanceof RetryableError || ending.signal.aborted) return
      if (sessionRows.byId(session.id)?.state === 'stopping') sessionRows.setState(session.id, 'complete')
      log(`Nothing could be said in the session ${session.id}: ${toErrorData(error).message}`)
    }
  }

  function confirm(session: SessionRow): void {
    const saying = sayStopped(session).finally(() => underWay.delete(saying))
    underWay.add(saying)
  }

  /** What it comes to. Asks Linear nothing. */
  function take(session: SessionRow & { issue: string }, prompt: Prompt, source: Source): Notice[] {
    const { issue, workspace } = session
    const isKnown = rows.byId(issue) !== undefined
    const request = `stop:${prompt.id}`
    // Told again later, when work has been taken up, it would look like a second stop.
    if (!rows.wasRequested(request) && prompt.at >= session.prompted_at) {
      sessionRows.setAwaits(session.id, null)
      sessionRows.setState(session.id, 'stopping')
      rows.rememberRequest(request)
      confirm(session)
    }
    // Whose the issue will be is not known: who may not stop it in one of the projects may not beforehand.
    if (isKnown || projects.every((project) => isTrusted(project, toActor(prompt.author)))) rows.setStopped(workspace, issue, prompt.at)
    if (!isKnown) {
      rows.rememberRequest(unheard(issue, prompt.at))
      return []
    }
    return [stopRequested(issue, { author: prompt.author?.name ?? null, observedAt: prompt.at, source }, promptKey(prompt))]
  }

  /** What was told of the time `at`, as it is after the stops of then: a delegation of before one lifts nothing, and begins nothing. */
  const after = (workspace: string, notices: Notice[], at: number): Notice[] =>
    notices.flatMap((notice): Notice[] => {
      if (notice.kind !== 'fact' || notice.event.type !== 'tracker.delegated') return [notice]
      const { issue, event } = notice
      const stoppedAt = rows.stoppedAt(workspace, issue)
      if (stoppedAt === null || at > stoppedAt) return [notice]
      const news: Notice = { ...notice, event: { ...event, type: 'tracker.updated' } }
      const key = unheard(issue, stoppedAt)
      if (!rows.wasRequested(key)) return [news]
      return [news, stopRequested(issue, { author: null, observedAt: stoppedAt, source: event.source }, `linear:${key}`)]
    })

  return {
    take,
    after,
    /** Says what is still to be said. */
    confirmAll: () => sessionRows.stopping().forEach(confirm),
    /** Resolves when nothing more is said. */
    async end(): Promise<void> {
      ending.abort()
      await Promise.allSettled(underWay)
    },
  }
}

/** Of a stop that no actor was there for. */
const unheard = (issue: string, at: number): string => `unheard-stop:${issue}:${at}`
