// Owns what becomes of a person's stop: it is told without asking Linear anything, to an issue that becomes known afterwards too, and
// confirmed in its session, which nobody waits for.

import type { ProjectConfig } from '../../../config.ts'
import { isRefusedAccess } from '../../../machines/vocabulary.ts'
import { RetryableError, toErrorData } from '../../../errors.ts'
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

  async function say(session: SessionRow): Promise<void> {
    const isKnown = session.issue !== null && rows.byId(session.issue) !== undefined
    const body = isKnown
      ? 'Stopped. Nothing more is done until somebody writes here or delegates the issue again.'
      : 'Stopped: nothing was under way.'
    try {
      await sessions.confirmStop(session, { type: 'response', body }, ending.signal)
    } catch (error) {
      // It stays to be said, by the next process if need be.
      if (error instanceof RetryableError || isRefusedAccess(toErrorData(error).code) || ending.signal.aborted) return
      if (sessionRows.byId(session.id)?.state === 'stopping') sessionRows.setState(session.id, 'complete')
      log(`Nothing could be said in the session ${session.id}: ${toErrorData(error).message}`)
    }
  }

  function confirm(session: SessionRow): void {
    const saying = say(session).finally(() => underWay.delete(saying))
    underWay.add(saying)
  }

  /** Whoever may not begin anything may not end it either. */
  function mayStop(issue: string, { author }: Prompt): boolean {
    const row = rows.byId(issue)
    const project = projects.find(({ id }) => id === row?.project)
    return row === undefined || (project !== undefined && isTrusted(project, toActor(author)))
  }

  const toldOf = (issue: string, prompt: Prompt, source: Source): Notice[] => {
    if (rows.byId(issue) === undefined || !mayStop(issue, prompt)) return []
    const said = { author: prompt.author?.name ?? null, observedAt: prompt.at, source }
    // Whatever tells of the issue tells of it again.
    return [{ ...stopRequested(issue, said, promptKey(prompt)), again: true }]
  }

  return {
    /** What it comes to. Contract: asks nobody, and told again it is the same stop. */
    take(session: SessionRow & { issue: string }, prompt: Prompt, source: Source): Notice[] {
      if (!mayStop(session.issue, prompt)) return []
      // Not where a person has gone on since.
      if (!sessionRows.hasStop(prompt.id) && prompt.at >= session.prompted_at) {
        sessionRows.setAwaits(session.id, null)
        sessionRows.setState(session.id, 'stopping')
        confirm(session)
      }
      // Last: until it is known, whoever is told of it again does all of this again.
      sessionRows.addStop(session.issue, prompt)
      return toldOf(session.issue, prompt, source)
    },
    /** The same for all that is told, with the stops of what is told of: its actor may be there for the first time. */
    following: (notices: Notice[]): Notice[] =>
      notices.flatMap((notice): Notice[] => {
        if (notice.kind !== 'fact' || !('title' in notice.event)) return [notice]
        const { issue, event } = notice
        return [notice, ...sessionRows.stopsOf(issue).flatMap((prompt) => toldOf(issue, prompt, event.source))]
      }),
    /** Says what is still to be said. */
    confirmAll: (): void => sessionRows.stopping().forEach(confirm),
    /** Resolves when nothing more is said. */
    async end(): Promise<void> {
      ending.abort()
      await Promise.allSettled(underWay)
    },
  }
}
