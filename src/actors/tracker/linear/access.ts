// Whether the teams in which we have something to do are shown to our app: asked of Linear, whoever wonders, and kept as the workspace's health.

import type { CallOptions, LinearCalls } from './client.ts'
import { listTeams, type Team } from './documents/workspace.ts'
import { missingAccess } from './health.ts'
import type { IssueRows } from './issue-rows.ts'
import type { Workspaces } from './workspaces.ts'

export type Access = ReturnType<typeof createAccess>

export function createAccess(options: {
  rows: IssueRows
  workspaces: Workspaces
  calls: LinearCalls
  /** Whether the issue has its end. */
  isTerminal: (issue: string) => boolean
}) {
  const { rows, workspaces, calls, isTerminal } = options

  /** Answers the teams that are shown to us. */
  return async function access(workspace: string, how: CallOptions): Promise<Team[]> {
    const teams = await calls.pages(workspace, listTeams, {}, how, (answer) => answer.teams)
    const open = rows.ofWorkspace(workspace).filter(({ id }) => !isTerminal(id))
    const reason = missingAccess(open, teams)
    if (reason !== null) workspaces.setHealth(workspace, 'permissions_changed', reason)
    else if (workspaces.find(workspace)?.health === 'permissions_changed') workspaces.setHealth(workspace, 'ok', null)
    return teams
  }
}
