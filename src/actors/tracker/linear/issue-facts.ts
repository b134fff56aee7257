// An issue of Linear as the facts of the port: all of its parts, whatever their number, and a time that grows when it changes.

import { createHash } from 'node:crypto'
import type { Blocker } from '../../../machines/issue/events.ts'
import type { PolledIssue } from '../../ports.ts'
import type { CallOptions, LinearCalls } from './client.ts'
import { getIssue, getMoreAttachments, getMoreChildren, getMoreLabels, getMoreRelations, type LinearIssue } from './documents/issue.ts'
import type { IssueRow } from './issue-rows.ts'

type StateType = PolledIssue['stateType']

const stateTypes: Record<string, StateType> = {
  triage: 'backlog',
  backlog: 'backlog',
  unstarted: 'unstarted',
  started: 'started',
  completed: 'completed',
  canceled: 'canceled',
  duplicate: 'canceled',
}

/** A kind of state that is newer than this program is work that is not over. */
export const toStateType = (type: string): StateType => stateTypes[type] ?? 'started'

export const isClosed = (type: string): boolean => ['completed', 'canceled'].includes(toStateType(type))

/** By which we know attachments that we have made. */
export const ownMark = 'signalbox'

/** An issue with all pages of its parts. */
export interface WholeIssue extends Omit<LinearIssue, 'labels' | 'children' | 'inverseRelations' | 'attachments'> {
  labels: LinearIssue['labels']['nodes']
  children: LinearIssue['children']['nodes']
  relations: LinearIssue['inverseRelations']['nodes']
  attachments: LinearIssue['attachments']['nodes']
}

/** Throws what a call does; FatalError `linear-not-found` when there is none. */
export async function fetchIssue(calls: LinearCalls, workspace: string, id: string, options: CallOptions): Promise<WholeIssue> {
  const { issue } = await calls.call(workspace, getIssue, { id }, options)
  const { labels, children, inverseRelations, attachments, ...rest } = issue
  const all = await Promise.all([
    calls.pages(workspace, getMoreLabels, { id }, options, (answer) => answer.issue.part, labels),
    calls.pages(workspace, getMoreChildren, { id }, options, (answer) => answer.issue.part, children),
    calls.pages(workspace, getMoreRelations, { id }, options, (answer) => answer.issue.part, inverseRelations),
    calls.pages(workspace, getMoreAttachments, { id }, options, (answer) => answer.issue.part, attachments),
  ])
  // What lies in the bin is no part of anything, and blocks nobody.
  return {
    ...rest,
    labels: all[0],
    children: all[1].filter(({ trashed }) => !trashed),
    relations: all[2].filter((relation) => !relation.issue.trashed),
    attachments: all[3],
  }
}

const byKey = (one: { key: string }, other: { key: string }): number => (one.key < other.key ? -1 : Number(one.key > other.key))

/**
 * Facts without their time. Parts are in an order of their own: Linear's changes with every edit. `ours` are the states that we have
 * moved the issue to: that it is closed by us is nobody's wish, and told as such it would end what has been asked for since.
 */
export function toFacts(
  issue: WholeIssue,
  delegated: boolean,
  ours: readonly (string | null | undefined)[],
): Omit<PolledIssue, 'observedAt'> {
  const blockedBy: Blocker[] = blockersOf(issue).map(({ issue: { identifier, state } }) => ({
    key: identifier,
    resolved: isClosed(state.type),
    state: toStateType(state.type),
  }))
  return {
    key: issue.identifier,
    title: issue.title,
    description: issue.description ?? '',
    url: issue.url,
    state: issue.state.name,
    stateType: isClosed(issue.state.type) && ours.includes(issue.state.id) ? 'started' : toStateType(issue.state.type),
    priority: issue.priority,
    labels: issue.labels.map(({ name }) => name).toSorted(),
    parent: issue.parent?.identifier ?? null,
    children: issue.children.map(({ identifier, state }) => ({ key: identifier, state: toStateType(state.type) })).toSorted(byKey),
    blockedBy: blockedBy.toSorted(byKey),
    links: linksOf(issue),
    delegated,
  }
}

/** An issue may be said to block another more than once. */
function blockersOf({ relations }: WholeIssue): WholeIssue['relations'] {
  const blocking = relations.filter(({ type }) => type === 'blocks')
  return [...new Map(blocking.map((relation) => [relation.issue.id, relation])).values()]
}

/** Pull requests that were said to be the issue's: one that is merely mentioned, or named after it, is not. */
function linksOf({ attachments, identifier }: WholeIssue): string[] {
  const urls = attachments
    .filter(
      ({ url, metadata }) => /\/pull\/\d+(?:[/?#].*)?$/.test(url) && (metadata?.[ownMark] === true || isSaidToClose(metadata, identifier)),
    )
    .map(({ url }) => url.replace(/(\/pull\/\d+).*$/, '$1'))
  return [...new Set(urls)].toSorted()
}

const closingWord = '(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|complet(?:e[sd]?|ing)|implement(?:s|ed|ing)?)'

/**
 * Linear's integration with GitHub writes `closes` also where only the branch or the title has the key, which anybody may have chosen:
 * there the title has to say it in words. Where neither has the key, the text of the pull request says so, or a person in Linear.
 */
function isSaidToClose(metadata: Record<string, unknown> | null, key: string): boolean {
  if (metadata?.['linkKind'] !== 'closes') return false
  const has = (name: string, words: string): boolean =>
    new RegExp(`(?<![a-z0-9])${words}${key}(?!\\d)`, 'i').test(String(metadata[name] ?? ''))
  return has('title', `${closingWord}:?\\s+`) || !(has('title', '') || has('branch', ''))
}

/** Those whose change changes these facts. */
export const relatedTo = (issue: WholeIssue): string[] => [
  ...issue.children.map(({ id }) => id),
  ...blockersOf(issue).map((relation) => relation.issue.id),
  ...(issue.parent == null ? [] : [issue.parent.id]),
]

/** The newest time of the issue and of its parts. */
export const newestOf = (issue: WholeIssue): number =>
  Math.max(
    issue.updatedAt,
    ...issue.children.map(({ updatedAt }) => updatedAt),
    ...issue.relations.flatMap((relation) => [relation.updatedAt, relation.issue.updatedAt]),
    ...issue.attachments.map(({ updatedAt }) => updatedAt),
  )

export const digestOf = (facts: Omit<PolledIssue, 'observedAt'>): string =>
  createHash('sha256').update(JSON.stringify(facts)).digest('base64url')

/** When it became as it is: what has not changed keeps its time, and a part that was taken away does not turn time back. */
export function observedAtOf(row: IssueRow | undefined, digest: string, newest: number): number {
  if (row === undefined) return newest
  return row.digest === digest && row.removed_at === null ? row.observed_at : Math.max(newest, row.observed_at + 1)
}
