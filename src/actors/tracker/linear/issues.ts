// Owns how issues are looked at: one look at a time for each issue, so that an older look never writes over a newer one.

import type { ProjectConfig } from '../../../config.ts'
import { FatalError, ProtocolError } from '../../../errors.ts'
import { createInTurn } from '../../in-turn.ts'
import type { PolledIssue } from '../../ports.ts'
import type { Access } from './access.ts'
import type { CallOptions, LinearCalls } from './client.ts'
import { doubted, isRefusal } from './doubted.ts'
import { getDelegations } from './documents/issue.ts'
import { remedies } from './health.ts'
import { digestOf, fetchIssue, newestOf, observedAtOf, relatedTo, toFacts, type WholeIssue } from './issue-facts.ts'
import type { IssueRow, IssueRows } from './issue-rows.ts'
import { hasRules, isTrusted, routeOf, type Actor, type Route } from './routing.ts'
import type { Workspaces } from './workspaces.ts'

/** What a look at an issue has found. */
export type Sight =
  | { kind: 'here'; row: IssueRow; before: IssueRow | undefined; facts: PolledIssue; issue: WholeIssue }
  /** Removed, or put into the bin; `row` is there when it was known. */
  | { kind: 'gone'; row: IssueRow | undefined; removedAt: number }
  /** No project wants it, or several do. */
  | { kind: 'stray'; candidates: string[]; issue: WholeIssue }
  /** Delegated by somebody who may not, and not known here. */
  | { kind: 'untrusted'; issue: WholeIssue; project: string }
  /** Neither known nor delegated to us. */
  | { kind: 'unrelated'; issue: WholeIssue }

export interface Look extends CallOptions {
  /** Who has just delegated it; undefined where that is not known. */
  delegator?: Actor | null | undefined
  /** When somebody has delegated it: news, also where it looks as it did before. Undefined where that is not known. Epoch ms, by Linear's clock. */
  handoverAt?: number | undefined
  /** The project that a person has chosen. */
  project?: string | undefined
  /** Whether it is to be known from now on though it is not delegated. */
  keep?: boolean | undefined
}

interface Delegation {
  by: Actor | null
  at: number
}

export interface Issues {
  look: (workspace: string, id: string, how: Look) => Promise<Sight>
  /** The workspace of an issue that is known. Throws FatalError `unknown-issue`. */
  need: (id: string) => IssueRow
}

export function createIssues(options: {
  rows: IssueRows
  access: Access
  workspaces: Workspaces
  calls: LinearCalls
  projects: readonly ProjectConfig[]
  now: () => number
}): Issues {
  const { rows, access, workspaces, calls, projects, now } = options
  const inTurn = createInTurn()

  const projectOf = (id: string): ProjectConfig | undefined => projects.find((project) => project.id === id)

  async function fetchOrNull(workspace: string, id: string, how: CallOptions): Promise<WholeIssue | null> {
    try {
      // What is gone is closed and its work put away.
      const issue = await doubted('linear-not-found', () => fetchIssue(calls, workspace, id, how))
      return issue.trashed ? null : issue
    } catch (error) {
      const isGone = isRefusal(error, 'linear-not-found')
      if (!isGone && !isRefusal(error, 'linear-forbidden')) throw error
      const row = rows.byId(id)
      if (row !== undefined) await assertAccess(row, how)
      if (!isGone) throw error
      return null
    }
  }

  /** Linear says the same of what is gone and of what we may not see any more. */
  async function assertAccess({ workspace, team, key }: IssueRow, how: CallOptions): Promise<void> {
    const teams = await access(workspace, how)
    if (teams.some(({ id }) => id === team)) return
    throw new FatalError(
      'linear-forbidden',
      `Signalbox has no access any more to the team of ${key} at Linear. ${remedies.permissions_changed}`,
    )
  }

  const routeTo = (row: IssueRow | undefined, issue: WholeIssue, chosen: string | undefined): Route => {
    // What has been begun in a project stays there, wherever the issue is moved.
    const known = chosen ?? row?.project
    if (known !== undefined && projectOf(known) !== undefined) return { project: known }
    return routeOf(projects, { team: issue.team, project: issue.project, labels: issue.labels.map(({ name }) => name) })
  }

  /** Who delegated it last, and when, as its history says. */
  async function lastDelegation(workspace: string, { id, createdAt }: WholeIssue, appUser: string, how: CallOptions): Promise<Delegation> {
    const history = await calls.pages(workspace, getDelegations, { id }, how, (answer) => answer.issue.history)
    const delegations = history.filter(({ toDelegate }) => toDelegate?.id === appUser)
    const last = delegations.toSorted((one, other) => other.createdAt - one.createdAt)[0]
    const by = last?.actor ?? null
    // What we have done ourselves was asked for before, nobody knows when; of what has no history, it has been so from the beginning.
    return { by, at: last === undefined || by?.id === appUser ? createdAt : last.createdAt }
  }

  async function isAllowed(
    project: ProjectConfig,
    row: IssueRow | undefined,
    appUser: string,
    delegator: Look['delegator'],
    last: () => Promise<Delegation>,
  ): Promise<boolean> {
    if (!hasRules(project)) return true
    // What we delegate to ourselves was asked for here, by somebody who may.
    if (delegator?.id === appUser) return true
    if (delegator !== undefined) return isTrusted(project, delegator)
    if (row?.delegated && row.trusted) return true
    return isTrusted(project, (await last()).by)
  }

  /** When it was delegated last. What is told of it late is no newer for being told late. */
  async function delegatedAt(row: IssueRow | undefined, handoverAt: number | undefined, last: () => Promise<Delegation>): Promise<number> {
    const known = row?.delegated && row.trusted ? row.delegated_at : null
    return known === null && handoverAt === undefined ? (await last()).at : Math.max(known ?? 0, handoverAt ?? 0)
  }

  async function lookNow(workspace: string, id: string, how: Look): Promise<Sight> {
    const appUser = workspaces.need(workspace).app_user
    // A move of ours may come between the answer and here.
    const asked = rows.byId(id)
    const issue = await fetchOrNull(workspace, id, how)
    const before = rows.byId(id)
    if (issue === null) {
      if (before === undefined) return { kind: 'gone', row: undefined, removedAt: now() }
      const removedAt = before.removed_at ?? rows.remove(before, now())
      return { kind: 'gone', row: before, removedAt }
    }
    if (issue.id !== id) throw new ProtocolError('linear-nonsense', `Linear was asked for the issue ${id} and answered ${issue.id}.`)
    const isOurs = issue.delegate?.id === appUser
    if (!isOurs && before === undefined && how.keep !== true) return { kind: 'unrelated', issue }
    const route = routeTo(before, issue, how.project)
    if (!('project' in route)) return { kind: 'stray', candidates: route.candidates, issue }
    const project = projectOf(route.project)!
    let asking: Promise<Delegation> | undefined
    const last = (): Promise<Delegation> =>
      (asking ??= lastDelegation(workspace, issue, appUser, { priority: how.priority, signal: how.signal }))
    const trusted = isOurs && (await isAllowed(project, before, appUser, how.delegator, last))
    if (isOurs && !trusted && before === undefined && how.keep !== true) return { kind: 'untrusted', issue, project: project.id }

    const ours = [asked, before].flatMap((row) => [row?.moved_to, row?.moving_to])
    const since = trusted ? await delegatedAt(before, how.handoverAt, last) : null
    const facts = toFacts(issue, trusted, ours)
    const digest = digestOf(facts)
    const newest = newestOf(issue)
    const observedAt = Math.max(observedAtOf(before, digest, newest), how.handoverAt === undefined ? 0 : Math.max(how.handoverAt, newest))
    rows.keep(
      {
        ...{ id, project: project.id, workspace, team: issue.team.id, key: issue.identifier },
        ...{ delegated: isOurs ? 1 : 0, trusted: trusted ? 1 : 0, delegated_at: since, digest, observed_at: observedAt, removed_at: null },
      },
      relatedTo(issue),
    )
    return {
      kind: 'here',
      row: rows.byId(id)!,
      before,
      facts: { ...facts, observedAt, ...(since === null ? {} : { delegatedAt: since }) },
      issue,
    }
  }

  return {
    look: (workspace, id, how) => inTurn(id, () => lookNow(workspace, id, how)),
    need(id) {
      const row = rows.byId(id)
      if (row === undefined) throw new FatalError('unknown-issue', `There is no issue ${id} that Linear has told of.`)
      return row
    },
  }
}
