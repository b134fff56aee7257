// Reads and writes the rows of one issue of the embedded tracker, and turns them into the facts of the port.

import type { SqliteDatabase } from '../../persistence/database.ts'
import type { PolledIssue } from '../ports.ts'

export type StateType = PolledIssue['stateType']

export interface IssueRow {
  id: string
  project: string
  number: number
  key: string
  title: string
  body: string
  state: string
  state_type: StateType
  /** The fact by which a human's change of the state was told to the actor; null when the state came from the actor. */
  state_fact: number | null
  priority: number
  labels: string
  parent: string | null
  links: string
  delegated: 0 | 1
  created_at: number
  /** Strictly increasing: the `observedAt` of every fact about the issue. */
  updated_at: number
  removed_at: number | null
}

export interface CommentRow {
  id: number
  kind: 'comment' | 'prompt' | 'report' | 'question'
  author: string
  text: string
  at: number
}

/** The name that a `stateType` has for people; the phases of a started issue have names of their own. */
export const stateNames: Record<StateType, string> = {
  backlog: 'Backlog',
  unstarted: 'Todo',
  started: 'In progress',
  completed: 'Done',
  canceled: 'Canceled',
}

/** A closed blocker blocks nobody, whichever way it was closed, as in the trackers people know. */
export const isClosed = (stateType: StateType) => stateType === 'completed' || stateType === 'canceled'

export type IssueRows = ReturnType<typeof createIssueRows>

export function createIssueRows(options: {
  database: SqliteDatabase
  now: () => number
  url: (issue: { project: string; key: string }) => string
}) {
  const { database, now, url } = options
  const byId = database.prepare<[string], IssueRow>('SELECT * FROM tracker_issue WHERE id = ?')
  const byKey = database.prepare<[string], IssueRow>('SELECT * FROM tracker_issue WHERE key = ? AND removed_at IS NULL ORDER BY project')
  const children = database.prepare<[string], { key: string; state: string }>(
    'SELECT key, state_type AS state FROM tracker_issue WHERE parent = ? AND removed_at IS NULL ORDER BY created_at, number',
  )
  const blockers = database.prepare<[string], { key: string; state_type: StateType }>(
    `SELECT issue.key, issue.state_type FROM tracker_blocker JOIN tracker_issue AS issue ON issue.id = tracker_blocker.blocker
     WHERE tracker_blocker.issue = ? AND issue.removed_at IS NULL ORDER BY issue.project, issue.number`,
  )
  const dependents = database.prepare<[string], IssueRow>(
    `SELECT issue.* FROM tracker_blocker JOIN tracker_issue AS issue ON issue.id = tracker_blocker.issue
     WHERE tracker_blocker.blocker = ? AND issue.removed_at IS NULL ORDER BY issue.created_at, issue.number`,
  )
  const nextNumber = database.prepare<[string], { last_number: number }>(
    `INSERT INTO tracker_project (id, last_number) VALUES (?, 1)
     ON CONFLICT (id) DO UPDATE SET last_number = last_number + 1 RETURNING last_number`,
  )
  const peekNumber = database.prepare<[string], { last_number: number }>('SELECT last_number FROM tracker_project WHERE id = ?')
  const insert = database.prepare<[Omit<IssueRow, 'removed_at'>]>(
    `INSERT INTO tracker_issue (id, project, number, key, title, body, state, state_type, state_fact, priority, labels, parent, links, delegated, created_at, updated_at)
     VALUES (@id, @project, @number, @key, @title, @body, @state, @state_type, @state_fact, @priority, @labels, @parent, @links, @delegated, @created_at, @updated_at)`,
  )
  const update = database.prepare<[IssueRow]>(
    `UPDATE tracker_issue SET title = @title, body = @body, state = @state, state_type = @state_type, state_fact = @state_fact, priority = @priority,
     labels = @labels, parent = @parent, links = @links, delegated = @delegated, updated_at = @updated_at, removed_at = @removed_at WHERE id = @id`,
  )
  const clearBlockers = database.prepare<[string]>('DELETE FROM tracker_blocker WHERE issue = ?')
  const addBlocker = database.prepare<[string, string]>('INSERT INTO tracker_blocker (issue, blocker) VALUES (?, ?)')
  const blocks = database.prepare<[{ issue: string; other: string }], { one: 1 }>(
    `WITH RECURSIVE waits (id) AS (
       SELECT blocker FROM tracker_blocker WHERE issue = @issue
       UNION SELECT id FROM tracker_issue WHERE parent = @issue
       UNION SELECT tracker_blocker.blocker FROM tracker_blocker JOIN waits ON tracker_blocker.issue = waits.id
       UNION SELECT tracker_issue.id FROM tracker_issue JOIN waits ON tracker_issue.parent = waits.id
     ) SELECT 1 AS one FROM waits WHERE id = @other`,
  )
  const descends = database.prepare<[string, string], { one: 1 }>(
    `WITH RECURSIVE above (id) AS (
       SELECT parent FROM tracker_issue WHERE id = ?
       UNION SELECT tracker_issue.parent FROM tracker_issue JOIN above ON tracker_issue.id = above.id
     ) SELECT 1 AS one FROM above WHERE id = ?`,
  )
  const addComment = database.prepare<[string, string, string, string, number]>(
    'INSERT INTO tracker_comment (issue, kind, author, text, at) VALUES (?, ?, ?, ?, ?)',
  )
  const comments = database.prepare<[string], CommentRow>(
    'SELECT id, kind, author, text, at FROM tracker_comment WHERE issue = ? ORDER BY id',
  )
  const findRequest = database.prepare<[string], { issue: string }>('SELECT issue FROM tracker_request WHERE key = ?')
  const addRequest = database.prepare<[string, string, number]>('INSERT INTO tracker_request (key, issue, at) VALUES (?, ?, ?)')

  return {
    byId: (id: string) => byId.get(id),
    byKey: (key: string) => byKey.all(key),
    dependents: (id: string) => dependents.all(id),
    /** The time of a change: never earlier than, or equal to, the issue's last one, whatever the clock does. */
    nextTime: (row: { updated_at: number } | undefined) => Math.max(now(), (row?.updated_at ?? -1) + 1),
    /** Takes the project's next number. */
    takeNumber: (project: string) => nextNumber.get(project)!.last_number,
    peekNumber: (project: string) => (peekNumber.get(project)?.last_number ?? 0) + 1,
    insert: (row: Omit<IssueRow, 'removed_at'>) => void insert.run(row),
    update: (row: IssueRow) => void update.run(row),
    setBlockers(issue: string, ids: readonly string[]): void {
      clearBlockers.run(issue)
      for (const id of ids) addBlocker.run(issue, id)
    },
    /** Whether `issue` waits for `other`, directly or through others: for its blockers, and for its parts. */
    waitsFor: (issue: string, other: string) => blocks.get({ issue, other }) !== undefined,
    isBelow: (issue: string, other: string) => descends.get(issue, other) !== undefined,
    addComment: (issue: string, kind: CommentRow['kind'], author: string, text: string) =>
      void addComment.run(issue, kind, author, text, now()),
    comments: (issue: string) => comments.all(issue),
    /** The issue that an earlier request with this key was about. */
    requested: (key: string) => findRequest.get(key)?.issue,
    rememberRequest: (key: string, issue: string) => void addRequest.run(key, issue, now()),
    facts(row: IssueRow): PolledIssue {
      return {
        key: row.key,
        title: row.title,
        description: row.body,
        url: url(row),
        state: row.state,
        stateType: row.state_type,
        priority: row.priority,
        labels: JSON.parse(row.labels) as string[],
        parent: row.parent === null ? null : (byId.get(row.parent)?.key ?? null),
        children: children.all(row.id),
        blockedBy: blockers.all(row.id).map(({ key, state_type: state }) => ({ key, resolved: isClosed(state), state })),
        links: JSON.parse(row.links) as string[],
        delegated: row.delegated === 1,
        observedAt: row.updated_at,
      }
    },
  }
}
