// Reads and writes what is known here of agent sessions: their state, what stands in them, when something was last said, and which stops
// were asked for in them.

import type { SqliteDatabase } from '../../../persistence/database.ts'
import type { Prompt } from './inlet-sessions.ts'

/** As Linear names it, and `gone` for one that is not there any more. */
export type SessionState = 'pending' | 'active' | 'awaitingInput' | 'complete' | 'error' | 'stale' | 'stopping' | 'gone'

export interface SessionRow {
  id: string
  workspace: string
  issue: string | null
  state: SessionState
  creator: string | null
  opened: 0 | 1
  awaits: 'project' | 'delegation' | null
  said: string | null
  plan: string | null
  urls: string
  context: string
  last_activity_at: number
  prompted_at: number
}

export interface SessionContext {
  guidance?: { origin: string; body: string }[] | undefined
}

export type SessionRows = ReturnType<typeof createSessionRows>

export function createSessionRows({ database, now }: { database: SqliteDatabase; now: () => number }) {
  const byId = database.prepare<[string], SessionRow>('SELECT * FROM linear_session WHERE id = ?')
  const ofIssue = database.prepare<[string], SessionRow>(
    `SELECT * FROM linear_session WHERE issue = ? AND state <> 'gone' ORDER BY prompted_at DESC, id`,
  )
  const quiet = database.prepare<[number], SessionRow>(
    `SELECT * FROM linear_session WHERE last_activity_at <= ? AND state IN ('pending', 'active', 'stale')
     AND EXISTS (SELECT 1 FROM linear_issue WHERE linear_issue.id = issue AND delegated = 1 AND trusted = 1 AND removed_at IS NULL)
     ORDER BY last_activity_at`,
  )
  const insert = database.prepare<[Pick<SessionRow, 'id' | 'workspace' | 'issue' | 'state' | 'creator' | 'context'> & { at: number }]>(
    `INSERT INTO linear_session (id, workspace, issue, state, creator, context, last_activity_at, prompted_at)
     VALUES (@id, @workspace, @issue, @state, @creator, @context, @at, @at)
     ON CONFLICT (id) DO UPDATE SET issue = coalesce(issue, @issue), creator = coalesce(creator, @creator),
       context = CASE WHEN context = '{}' THEN @context ELSE context END
     WHERE (issue IS NULL AND @issue IS NOT NULL) OR (creator IS NULL AND @creator IS NOT NULL) OR (context = '{}' AND @context <> '{}')`,
  )
  const setState = database.prepare<[SessionState, number, string]>(
    'UPDATE linear_session SET state = ?, last_activity_at = max(last_activity_at, ?) WHERE id = ?',
  )
  const setOpened = database.prepare<[string]>('UPDATE linear_session SET opened = 1 WHERE id = ?')
  const setSaid = database.prepare<[string, string]>('UPDATE linear_session SET said = ? WHERE id = ?')
  const setPrompted = database.prepare<[number, string]>('UPDATE linear_session SET prompted_at = max(prompted_at, ?) WHERE id = ?')
  const setAwaits = database.prepare<[SessionRow['awaits'], string]>('UPDATE linear_session SET awaits = ? WHERE id = ?')
  const setPlan = database.prepare<[string, string]>('UPDATE linear_session SET plan = ? WHERE id = ?')
  const setUrls = database.prepare<[string, string]>('UPDATE linear_session SET urls = ? WHERE id = ?')

  const stopping = database.prepare<[], SessionRow>("SELECT * FROM linear_session WHERE state = 'stopping' ORDER BY prompted_at")
  const addStop = database.prepare<[string, string, string, number]>(
    'INSERT OR IGNORE INTO linear_stop (id, issue, prompt, at) VALUES (?, ?, ?, ?)',
  )
  const hasStop = database.prepare<[string], unknown>('SELECT 1 FROM linear_stop WHERE id = ?')
  const stopsOf = database.prepare<[string], { prompt: string }>('SELECT prompt FROM linear_stop WHERE issue = ? ORDER BY at, id')
  const pruneStops = database.prepare<[number]>('DELETE FROM linear_stop WHERE at < ?')

  const prune = database.prepare<[number]>(
    "DELETE FROM linear_session WHERE last_activity_at < ? AND state IN ('complete', 'error', 'gone')",
  )

  return {
    byId: (id: string) => byId.get(id),
    /** The one in which a person spoke last comes first. */
    ofIssue: (issue: string) => ofIssue.all(issue),
    /** Those that would go stale, in which nothing was said since `time`. */
    quietSince: (time: number) => quiet.all(time),
    /** Adds what is told first of it; what is known stays. */
    add(session: {
      id: string
      workspace: string
      issue: string | null
      creator: string | null
      at: number
      context?: SessionContext
    }): void {
      insert.run({ ...session, state: 'pending', context: JSON.stringify(session.context ?? {}) })
    },
    setState: (id: string, state: SessionState) => void setState.run(state, now(), id),
    setOpened: (id: string) => void setOpened.run(id),
    setSaid: (id: string, text: string) => void setSaid.run(text, id),
    setPrompted: (id: string, at: number) => void setPrompted.run(at, id),
    setAwaits: (id: string, awaits: SessionRow['awaits']) => void setAwaits.run(awaits, id),
    setPlan: (id: string, plan: string) => void setPlan.run(plan, id),
    /** Those in which a person has asked to stop and was not answered. */
    stopping: () => stopping.all(),
    hasStop: (id: string) => hasStop.get(id) !== undefined,
    addStop: (issue: string, prompt: Prompt): void => void addStop.run(prompt.id, issue, JSON.stringify(prompt), now()),
    /** Oldest first. */
    stopsOf: (issue: string) => stopsOf.all(issue).map(({ prompt }) => JSON.parse(prompt) as Prompt),
    prune: (before: number) => prune.run(before).changes + pruneStops.run(before).changes,
    setUrls: (id: string, urls: string) => void setUrls.run(urls, id),
  }
}
