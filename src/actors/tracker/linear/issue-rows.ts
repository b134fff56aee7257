// Reads and writes what is known here of Linear's issues: whose they are, how they were seen last, and whom they speak of.

import { isDeepStrictEqual } from 'node:util'
import type { SqliteDatabase } from '../../../persistence/database.ts'
import { withDelayedDurability } from '../../../persistence/statements.ts'

export interface IssueRow {
  id: string
  project: string
  workspace: string
  team: string
  key: string
  delegated: 0 | 1
  trusted: 0 | 1
  delegated_at: number | null
  digest: string
  observed_at: number
  announced: 0 | 1
  removed_at: number | null
  moved_to: string | null
  moving_to: string | null
  status_comment: string | null
  status_text: string | null
}

/** What a look says of it; what we have done to it is no part. */
export type SeenIssue = Omit<IssueRow, 'announced' | 'moved_to' | 'moving_to' | 'status_comment' | 'status_text'>

export type IssueRows = ReturnType<typeof createIssueRows>

export function createIssueRows({ database, now }: { database: SqliteDatabase; now: () => number }) {
  const byId = database.prepare<[string], IssueRow>('SELECT * FROM linear_issue WHERE id = ?')
  const byKey = database.prepare<[string, string], IssueRow>('SELECT * FROM linear_issue WHERE project = ? AND key = ?')
  const ofWorkspace = database.prepare<[string], IssueRow>(
    'SELECT * FROM linear_issue WHERE workspace = ? AND removed_at IS NULL ORDER BY id',
  )
  const save = database.prepare<[Omit<IssueRow, 'announced' | 'moving_to'>]>(
    `INSERT INTO linear_issue (id, project, workspace, team, key, delegated, trusted, delegated_at, digest, observed_at, removed_at, moved_to, status_comment, status_text)
     VALUES (@id, @project, @workspace, @team, @key, @delegated, @trusted, @delegated_at, @digest, @observed_at, @removed_at, @moved_to, @status_comment, @status_text)
     ON CONFLICT (id) DO UPDATE SET project = @project, workspace = @workspace, team = @team, key = @key, delegated = @delegated,
       trusted = @trusted, delegated_at = @delegated_at, digest = @digest, observed_at = @observed_at, removed_at = @removed_at
     WHERE project <> @project OR workspace <> @workspace OR team <> @team OR key <> @key OR delegated <> @delegated OR trusted <> @trusted
       OR delegated_at IS NOT @delegated_at OR digest <> @digest OR observed_at <> @observed_at OR removed_at IS NOT @removed_at`,
  )
  const setMove = database.prepare<[string, string]>('UPDATE linear_issue SET moved_to = ?, moving_to = NULL WHERE id = ?')
  const forgetMove = database.prepare<[string]>('UPDATE linear_issue SET moved_to = NULL WHERE id = ?')
  const setMoving = database.prepare<[string, string]>('UPDATE linear_issue SET moving_to = ? WHERE id = ?')
  const setStatus = database.prepare<[string, string, string]>('UPDATE linear_issue SET status_comment = ?, status_text = ? WHERE id = ?')
  const unannounced = database.prepare<[string], { id: string }>(
    'SELECT id FROM linear_issue WHERE workspace = ? AND announced = 0 AND delegated = 1 AND removed_at IS NULL ORDER BY id',
  )
  const announce = database.prepare<[string]>('UPDATE linear_issue SET announced = 1 WHERE id = ?')
  const remove = database.prepare<[number, number, string]>('UPDATE linear_issue SET removed_at = ?, observed_at = ? WHERE id = ?')
  const relations = database.prepare<[string], { other: string }>('SELECT other FROM linear_relation WHERE issue = ? ORDER BY other')
  const clearRelations = database.prepare<[string]>('DELETE FROM linear_relation WHERE issue = ?')
  const addRelation = database.prepare<[string, string]>('INSERT OR IGNORE INTO linear_relation (issue, other) VALUES (?, ?)')
  const speakers = database.prepare<[string], { issue: string }>(
    `SELECT relation.issue FROM linear_relation AS relation JOIN linear_issue ON linear_issue.id = relation.issue
     WHERE relation.other = ? AND removed_at IS NULL ORDER BY relation.issue`,
  )
  const cursor = database.prepare<[string, string], { at: number }>('SELECT at FROM linear_cursor WHERE workspace = ? AND name = ?')
  const setCursor = database.prepare<[string, string, number]>(
    `INSERT INTO linear_cursor (workspace, name, at) VALUES (?, ?, ?)
     ON CONFLICT (workspace, name) DO UPDATE SET at = max(at, excluded.at)`,
  )
  const requested = database.prepare<[string], { at: number }>('SELECT at FROM linear_request WHERE key = ?')
  const remember = database.prepare<[string, number]>('INSERT OR IGNORE INTO linear_request (key, at) VALUES (?, ?)')
  const prune = database.prepare<[number]>('DELETE FROM linear_request WHERE at < ?')

  return {
    byId: (id: string) => byId.get(id),
    byKey: (project: string, key: string) => byKey.get(project, key),
    ofWorkspace: (workspace: string) => ofWorkspace.all(workspace),
    /**
     * Keeps how it was seen, and of whom it speaks. What we have done to it stays as it is written; most looks find nothing new, and
     * write nothing. What is gone after a power cut is seen again.
     */
    keep(row: SeenIssue, others: readonly string[]): void {
      withDelayedDurability(database, () =>
        database.transaction(() => {
          save.run({ ...row, moved_to: null, status_comment: null, status_text: null })
          const known = relations.all(row.id).map(({ other }) => other)
          if (isDeepStrictEqual(known, [...new Set(others)].toSorted())) return
          clearRelations.run(row.id)
          for (const other of others) addRelation.run(row.id, other)
        })(),
      )
    },
    /** Issues of whose beginning nobody may have heard. */
    unannounced: (workspace: string) => unannounced.all(workspace).map(({ id }) => id),
    announce: (id: string) => void announce.run(id),
    setMoving: (id: string, state: string) => void setMoving.run(state, id),
    setMove: (id: string, state: string) => void setMove.run(state, id),
    forgetMove: (id: string) => void forgetMove.run(id),
    setStatus: (id: string, comment: string, text: string) => void setStatus.run(comment, text, id),
    /** Answers when it was removed, later than all that was seen of it. */
    remove(row: IssueRow, at: number): number {
      const observedAt = Math.max(at, row.observed_at + 1)
      remove.run(observedAt, observedAt, row.id)
      return observedAt
    },
    /** The issues known here that speak of this one. */
    speakersOf: (other: string) => speakers.all(other).map(({ issue }) => issue),
    cursor: (workspace: string, name: string) => cursor.get(workspace, name)?.at ?? null,
    setCursor: (workspace: string, name: string, at: number) => void setCursor.run(workspace, name, at),
    wasRequested: (key: string) => requested.get(key) !== undefined,
    rememberRequest: (key: string) => void remember.run(key, now()),
    pruneRequests: (before: number) => prune.run(before).changes,
  }
}
