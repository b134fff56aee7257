// How a workspace that has let us in stands, in words, and what a person does about it: the same in the log, in doctor and in `status`.

import type { SqliteDatabase } from '../../../persistence/database.ts'
import type { IssueRow } from './issue-rows.ts'
import type { WorkspaceRow } from './workspaces.ts'

export type Health = 'ok' | 'revoked' | 'unauthorized' | 'permissions_changed'

/** A workspace as people see it. */
export interface WorkspaceHealth {
  id: string
  name: string
  /** Its address is linear.app/URLKEY. */
  urlKey: string
  health: Health
  reason: string | null
  remedy: string | null
  scopes: string[]
  expiresAt: number | null
}

const connect = 'Run `signalbox connect linear` to let Signalbox in again.'

export const remedies = {
  ok: null,
  revoked: connect,
  unauthorized: connect,
  permissions_changed:
    "Give the app access to the teams again in Linear's settings, under Applications, or change the teams of the projects.",
} as const satisfies Record<Health, string | null>

export const scopesOf = ({ scopes }: WorkspaceRow): string[] => scopes.split(/[\s,]+/).filter((scope) => scope !== '')

/** Every workspace that has let us in. */
export function readHealth(database: SqliteDatabase): WorkspaceHealth[] {
  const rows = database.prepare<[], WorkspaceRow>('SELECT * FROM linear_workspace ORDER BY id').all()
  return rows.map((row) => ({
    ...{ id: row.id, name: row.name, urlKey: row.url_key, expiresAt: row.expires_at, scopes: scopesOf(row) },
    ...{ health: row.health, reason: row.reason, remedy: remedies[row.health] },
  }))
}

/** Which of the issues, in which there is something to do, are in teams that are not shown to us; null where none is. */
export function missingAccess(issues: readonly IssueRow[], shown: readonly { id: string }[]): string | null {
  const lost = issues.filter(({ team }) => shown.every(({ id }) => id !== team))
  if (lost.length === 0) return null
  const keys = lost.slice(0, 5).map(({ key }) => key)
  const affected = [...new Set(lost.map(({ project }) => project))].toSorted()
  const where = `${affected.length === 1 ? 'project' : 'projects'} ${affected.join(', ')}`
  return `Signalbox was put out of the team of ${keys.join(', ')}${lost.length > 5 ? ' and others' : ''} (${where}).`
}
