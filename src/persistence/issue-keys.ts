// Which issue a key means: every key that an issue ever had resolves to its immutable id, whatever tracker gave it.

import { FatalError } from '../errors.ts'
import type { SqliteDatabase } from './database.ts'
import { statement } from './statements.ts'

export const issueKeySchema = `
CREATE TABLE issue_key (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project TEXT NOT NULL,
  key TEXT NOT NULL COLLATE NOCASE,
  issue TEXT NOT NULL,
  UNIQUE (project, key)
) STRICT;
CREATE INDEX issue_key_key ON issue_key (key);
CREATE INDEX issue_key_issue ON issue_key (issue);
`

export interface IssueKey {
  project: string
  key: string
  issue: string
}

/** Remembers that `key` names `issue` in `project`; a key given to another issue later means the newer one. */
export function rememberKey(database: SqliteDatabase, { project, key, issue }: IssueKey): void {
  // An insert that finds it there writes all the same: the counter of its ids.
  const known = statement(database, 'SELECT issue FROM issue_key WHERE project = ? AND key = ?').get(project, key) as
    | { issue: string }
    | undefined
  if (known?.issue === issue) return
  statement(
    database,
    `INSERT INTO issue_key (project, key, issue) VALUES (?, ?, ?)
     ON CONFLICT (project, key) DO UPDATE SET issue = excluded.issue WHERE issue <> excluded.issue`,
  ).run(project, key, issue)
}

/** The issue that `KEY`, `PROJECT/KEY` or an id means. Throws FatalError `unknown-issue` and `ambiguous-key` (which lists the choices). */
export function findIssue(database: SqliteDatabase, name: string): IssueKey {
  const slash = name.lastIndexOf('/')
  const key = name.slice(slash + 1)
  const rows = (
    slash === -1
      ? statement(database, 'SELECT project, key, issue FROM issue_key WHERE key = ? ORDER BY project').all(key)
      : statement(database, 'SELECT project, key, issue FROM issue_key WHERE key = ? AND project = ?').all(key, name.slice(0, slash))
  ) as IssueKey[]
  const found = new Map(rows.map((row) => [row.issue, row]))
  if (found.size > 1) {
    const choices = rows.map((row) => `${row.project}/${row.key}`)
    throw Object.assign(new FatalError('ambiguous-key', `${name} names ${found.size} issues. Say which: ${choices.join(', ')}.`), {
      keys: choices,
    })
  }
  const [only] = found.values()
  if (only) return only
  const byId = statement(database, 'SELECT project, key, issue FROM issue_key WHERE issue = ? ORDER BY id DESC LIMIT 1').get(name) as
    | IssueKey
    | undefined
  if (byId) return byId
  throw new FatalError('unknown-issue', `There is no issue '${name}'. \`signalbox status\` lists all.`)
}

/**
 * Issues that have started, in the order in which they became known, after the position `after`, each with its newest key; with
 * `shapes` only those whose actor has one of them. A negative limit is none. Streams: what is before `after` and behind `limit` is not looked at.
 */
export function listIssues(
  database: SqliteDatabase,
  options: { project?: string; shapes?: readonly number[]; after: number; limit: number },
): (IssueKey & { position: number })[] {
  return database
    .prepare(
      `SELECT known.id AS position, known.project, known.issue,
              (SELECT newest.key FROM issue_key newest WHERE newest.issue = known.issue ORDER BY newest.id DESC LIMIT 1) AS key
       FROM issue_key known CROSS JOIN actor ON actor.address = 'issue/' || known.issue
       WHERE known.id > @after AND (@project IS NULL OR known.project = @project)
         AND actor.shape IS NOT NULL AND (@shapes IS NULL OR actor.shape IN (SELECT value FROM json_each(@shapes)))
         AND NOT EXISTS (
           SELECT 1 FROM issue_key earlier
           WHERE earlier.issue = known.issue AND earlier.id < known.id AND (@project IS NULL OR earlier.project = known.project)
         )
       ORDER BY known.id LIMIT @limit`,
    )
    .all({
      project: options.project ?? null,
      shapes: options.shapes === undefined ? null : JSON.stringify(options.shapes),
      after: options.after,
      limit: options.limit,
    }) as (IssueKey & { position: number })[]
}
