// What the refs of our bare repositories should be, as rows: a ref is recorded before it is moved (`pending`) and after (`sha`).

import type { SqliteDatabase } from '../../persistence/database.ts'

export interface RefRow {
  ref: string
  /** The commit it was last known to have; null when it did not exist. */
  sha: string | null
  /** The commit that a push under way, or a push that a kill interrupted, may have given it. */
  pending: string | null
}

/** A ref that was moved without us. */
export interface RefIncident {
  project: string
  ref: string
  /** What it was put back to; null: it was deleted. */
  expected: string | null
  /** What it had been moved to; null: it had been deleted. */
  found: string | null
  at: number
}

export type RefRows = ReturnType<typeof createRefRows>

export function createRefRows(database: SqliteDatabase) {
  const get = database.prepare<[string, string], RefRow>('SELECT ref, sha, pending FROM forge_ref WHERE project = ? AND ref = ?')
  const all = database.prepare<[string], RefRow>('SELECT ref, sha, pending FROM forge_ref WHERE project = ?')
  const intend = database.prepare<[string, string, string]>(
    'INSERT INTO forge_ref (project, ref, pending) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET pending = excluded.pending',
  )
  const record = database.prepare<[string, string, string]>(
    'INSERT INTO forge_ref (project, ref, sha) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sha = excluded.sha, pending = NULL',
  )
  const forget = database.prepare<[string, string]>('DELETE FROM forge_ref WHERE project = ? AND ref = ?')
  const forgetAll = database.prepare<[string]>('DELETE FROM forge_ref WHERE project = ?')
  const addIncident = database.prepare<[RefIncident]>(
    'INSERT INTO forge_ref_incident (project, ref, expected, found, at) VALUES (@project, @ref, @expected, @found, @at)',
  )
  const incidents = database.prepare<[string, number], RefIncident>(
    'SELECT project, ref, expected, found, at FROM forge_ref_incident WHERE project = ? AND at >= ? ORDER BY id',
  )
  return {
    get: (project: string, ref: string) => get.get(project, ref),
    all: (project: string) => new Map(all.all(project).map((row) => [row.ref, row])),
    /** Before a push: the ref may become `sha`. */
    intend: (project: string, ref: string, sha: string) => void intend.run(project, ref, sha),
    /** After it: the ref is `sha`. */
    record: (project: string, ref: string, sha: string) => void record.run(project, ref, sha),
    forget: (project: string, ref: string) => void forget.run(project, ref),
    /** The repository was made anew: it has no refs. */
    forgetAll: (project: string) => void forgetAll.run(project),
    addIncident: (incident: RefIncident) => void addIncident.run(incident),
    incidents: (project: string, since: number) => incidents.all(project, since),
  }
}
