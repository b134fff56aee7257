// Which policy the issues of a project were told last, so that a start looks at all of them only when it has changed.

import type { SqliteDatabase } from './database.ts'

export const projectPolicySchema = `
CREATE TABLE project_policy (
  project TEXT PRIMARY KEY,
  policy TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`

/** As JSON text; undefined before the first start. */
export function toldPolicy(database: SqliteDatabase, project: string): string | undefined {
  const row = database.prepare('SELECT policy FROM project_policy WHERE project = ?').get(project) as { policy: string } | undefined
  return row?.policy
}

export function rememberPolicy(database: SqliteDatabase, project: string, policy: string): void {
  database
    .prepare('INSERT INTO project_policy (project, policy) VALUES (?, ?) ON CONFLICT (project) DO UPDATE SET policy = excluded.policy')
    .run(project, policy)
}
