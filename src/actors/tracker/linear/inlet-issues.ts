// What a delivery about an issue, or a look at one, comes to for its actor.

import type { FactEvent } from '../../../persistence/fact-outbox.ts'
import type { Notice } from '../../ports.ts'
import type { IssueRows } from './issue-rows.ts'
import type { Issues, Sight } from './issues.ts'
import type { IssueEvent } from './payloads.ts'
import type { WorkspaceRow } from './workspaces.ts'

export type Source = FactEvent['source']

const fact = (issue: string, event: FactEvent, key?: string) => ({
  kind: 'fact' as const,
  issue,
  event,
  ...(key === undefined ? {} : { key }),
})

export const look = (issue: string): Notice => ({ kind: 'look', issue, at: 'tracker' })

/** Everything about an issue that is here, as the event `type`. */
export const whole = (
  { row, facts }: Extract<Sight, { kind: 'here' }>,
  type: 'tracker.delegated' | 'tracker.undelegated' | 'tracker.updated',
  source: Source,
  actor: string | null,
): Notice => fact(row.id, { type, source, ...facts, actor })

export const removed = (issue: string, observedAt: number, source: Source, actor: string | null): Notice =>
  fact(issue, { type: 'tracker.removed', source, observedAt, actor })

export const prompted = (
  issue: string,
  said: { text: string; author: string | null; via: 'session' | 'mention'; observedAt: number; source: Source },
  key: string,
): Notice => {
  const { source, observedAt, ...words } = said
  return fact(issue, { type: 'tracker.prompted', source, observedAt, ...words }, key)
}

export const stopRequested = (issue: string, said: { author: string | null; observedAt: number; source: Source }, key: string) =>
  fact(issue, { type: 'tracker.stopRequested', reason: 'asked to stop at Linear', ...said }, key)

/** What the sight of an issue comes to: a delegation is news where it was not known to be delegated. */
export function newsOf(sight: Sight, source: Source, actor: string | null): Notice[] {
  if (sight.kind === 'gone') return sight.row === undefined ? [] : [removed(sight.row.id, sight.removedAt, source, actor)]
  if (sight.kind !== 'here') return []
  const { before, facts } = sight
  const wasDelegated = before !== undefined && before.delegated === 1 && before.trusted === 1
  if (facts.delegated && !wasDelegated) return [whole(sight, 'tracker.delegated', source, actor)]
  if (!facts.delegated && wasDelegated) return [whole(sight, 'tracker.undelegated', source, actor)]
  return [whole(sight, 'tracker.updated', source, actor)]
}

export function createIssueReader({
  rows,
  issues,
  log,
}: {
  rows: IssueRows
  issues: Issues
  log: (message: string, issue?: string) => void
}) {
  /** Those of whose facts this issue is a part. */
  function lookers(issue: string, parents: unknown[]): Notice[] {
    const known = parents.filter((parent): parent is string => typeof parent === 'string' && rows.byId(parent) !== undefined)
    return [...new Set([...rows.speakersOf(issue), ...known])].filter((one) => one !== issue).map(look)
  }

  return async function readIssue(
    { id: workspace, app_user: us }: WorkspaceRow,
    { action, actor, data, updatedFrom, createdAt }: IssueEvent,
    signal?: AbortSignal,
  ): Promise<Notice[]> {
    const others = lookers(data.id, [data.parentId, updatedFrom?.['parentId']])
    const row = rows.byId(data.id)
    const handed = updatedFrom != null && ('delegateId' in updatedFrom || 'delegate' in updatedFrom)
    if (row === undefined && data.delegateId !== us) return others
    const isSelf = actor?.id === us
    const source = isSelf ? 'self' : 'webhook'
    const author = actor?.name ?? null
    if (action === 'remove') {
      if (row === undefined) return others
      return [removed(row.id, row.removed_at ?? rows.remove(row, createdAt), source, author), ...others]
    }
    const isHandover = data.delegateId === us && (handed || action === 'create')
    const delegator = actor?.id === undefined ? null : { ...actor, id: actor.id, name: actor.name ?? undefined }
    // What we have done ourselves was asked for before.
    const handover = isHandover ? { delegator, ...(isSelf ? {} : { handoverAt: createdAt }) } : {}
    const sight = await issues.look(workspace, data.id, { priority: 'report', signal, ...handover })
    if (sight.kind === 'stray') log(strayText(sight), data.id)
    if (sight.kind === 'untrusted') log(`${sight.issue.identifier} was delegated by somebody who may not: nothing is begun.`, data.id)
    if (sight.kind !== 'here') return [...newsOf(sight, source, author), ...others]
    // What we have done ourselves begins nothing: whoever asked for it here has told the actor.
    if (isSelf) return [whole(sight, 'tracker.updated', source, author), ...others]
    if (isHandover && sight.facts.delegated) return [whole(sight, 'tracker.delegated', source, author), ...others]
    return [...newsOf(sight, source, author), ...others]
  }
}

export const strayText = ({ issue, candidates }: Extract<Sight, { kind: 'stray' }>): string =>
  candidates.length === 0
    ? `No project is for ${issue.identifier}: name its team ${issue.team.key}, its Linear project or one of its labels in a project's \`tracker\`.`
    : `Several projects are for ${issue.identifier}: ${candidates.join(', ')}. Nothing is begun until it is clear which.`
