// What people ask for here instead of at Linear: done there, and told to the issue's actor by us, for Linear's echo of it begins nothing.

import { randomUUID } from 'node:crypto'
import { toErrorData } from '../../../errors.ts'
import type { FactEvent, FactOutbox } from '../../../persistence/fact-outbox.ts'
import type { Asking, Tracker } from '../../ports.ts'
import type { LinearCalls } from './client.ts'
import { createOnce } from './create-once.ts'
import { makeComment } from './documents/comment.ts'
import { getPlace, listStates, updateIssue, type Place, type WorkflowState } from './documents/issue.ts'
import type { Farewell } from './farewell.ts'
import { uuidOf } from './ids.ts'
import { isClosed } from './issue-facts.ts'
import type { IssueRow, IssueRows } from './issue-rows.ts'
import type { Issues } from './issues.ts'
import type { SessionRows } from './session-rows.ts'
import type { Sessions } from './sessions.ts'
import type { Workspaces } from './workspaces.ts'

const how = { priority: 'human' as const }

export function createRequests(options: {
  rows: IssueRows
  issues: Issues
  sessionRows: SessionRows
  sessions: Sessions
  workspaces: Workspaces
  calls: LinearCalls
  outbox: FactOutbox
  farewell: Farewell
  now: () => number
  log: (message: string, issue?: string) => void
}): Pick<Tracker, 'delegate' | 'undelegate' | 'cancel' | 'comment' | 'prompt'> {
  const { rows, issues, sessionRows, sessions, workspaces, calls, outbox, farewell, now, log } = options

  const keyOf = (kind: string, row: IssueRow, asking?: Asking): string | null =>
    asking?.key === undefined ? null : `${kind}:${row.id}:${asking.key}`

  /** Does `work` at Linear once for each key, and records what it comes to. */
  async function act(kind: string, id: string, asking: Asking | undefined, work: (row: IssueRow) => Promise<FactEvent>): Promise<void> {
    const row = issues.need(id)
    const key = keyOf(kind, row, asking)
    if (key !== null && rows.wasRequested(key)) return
    const event = await work(row)
    outbox.transaction(() => {
      if (key !== null) rows.rememberRequest(key)
      outbox.record(row.id, event)
    })
    await farewell.farewell(row.id, event)
  }

  /** Changes the issue at Linear, where it is not so already, and answers the event that tells of it. */
  async function change(
    row: IssueRow,
    type: 'tracker.delegated' | 'tracker.undelegated' | 'tracker.updated',
    actor: string | null,
    changed: (place: Place, states: () => Promise<WorkflowState[]>) => Promise<Record<string, unknown>>,
  ): Promise<FactEvent> {
    const { issue: place } = await calls.call(row.workspace, getPlace, { id: row.id }, how)
    const states = (): Promise<WorkflowState[]> =>
      calls.pages(row.workspace, listStates, { team: place.team.id }, how, (answer) => answer.team.states)
    const input = await changed(place, states)
    if (Object.keys(input).length > 0) await calls.call(row.workspace, updateIssue, { id: row.id, input }, how)
    const isHandover = type === 'tracker.delegated'
    const us = workspaces.need(row.workspace).app_user
    const handoverAt = Math.max(now(), rows.byId(row.id)!.observed_at + 1)
    const sight = await issues.look(row.workspace, row.id, { ...how, ...(isHandover ? { handoverAt, delegator: { id: us } } : {}) })
    if (sight.kind !== 'here') return { type: 'tracker.removed', source: 'operator', observedAt: handoverAt, actor }
    // An operator says so now, knowing all that was seen.
    const handover = isHandover ? { delegatedAt: sight.facts.observedAt } : {}
    return { type, source: 'operator', ...sight.facts, ...handover, actor }
  }

  const firstOf = (states: readonly WorkflowState[], ...types: string[]): WorkflowState | undefined =>
    types.flatMap((type) => states.filter((state) => state.type === type).toSorted((one, other) => one.position - other.position))[0]

  const authorOf = (asking?: Asking): string | null => asking?.author ?? null

  const message = (text: string, via: 'comment' | 'session', asking?: Asking): FactEvent => ({
    type: 'tracker.prompted',
    source: 'operator',
    observedAt: now(),
    text,
    author: authorOf(asking),
    via,
    ...(asking?.intent === undefined ? {} : { intent: asking.intent }),
  })

  return {
    delegate: (id, asking) =>
      act('delegate', id, asking, (row) =>
        change(row, 'tracker.delegated', authorOf(asking), async (place, states) => {
          const us = workspaces.need(row.workspace).app_user
          const open = isClosed(place.state.type) ? firstOf(await states(), 'unstarted', 'backlog', 'started') : undefined
          return { ...(place.delegate?.id === us ? {} : { delegateId: us }), ...(open === undefined ? {} : { stateId: open.id }) }
        }),
      ),

    undelegate: (id, asking) =>
      act('undelegate', id, asking, (row) =>
        change(row, 'tracker.undelegated', authorOf(asking), async (place) => {
          const us = workspaces.need(row.workspace).app_user
          return place.delegate?.id === us ? { delegateId: null } : {}
        }),
      ),

    cancel: (id, asking) =>
      act('cancel', id, asking, (row) =>
        change(row, 'tracker.updated', authorOf(asking), async (place, states) => {
          const canceled = place.state.type === 'canceled' ? undefined : firstOf(await states(), 'canceled')
          return canceled === undefined ? {} : { stateId: canceled.id }
        }),
      ),

    comment: (id, text, asking) =>
      act('comment', id, asking, async (row) => {
        const commentId = asking?.key === undefined ? randomUUID() : uuidOf('operator-comment', row.id, asking.key)
        const body = asking?.author === undefined ? text : `**${asking.author}**: ${text}`
        await createOnce(calls, row.workspace, makeComment, { id: commentId, issueId: row.id, body }, how)
        return message(text, 'comment', asking)
      }),

    async prompt(id, text, asking) {
      await act('prompt', id, asking, async () => message(text, 'session', asking))
      const row = issues.need(id)
      const session = sessionRows.ofIssue(row.id)[0]
      if (session === undefined) return
      const activity = asking?.key === undefined ? randomUUID() : uuidOf('operator-prompt', row.id, asking.key)
      const body = `${asking?.author ?? 'Somebody'} said through Signalbox: ${text}`
      try {
        await sessions.say(session, { id: activity, content: { type: 'thought', body } }, 'human')
      } catch (error) {
        // The actor has it: that onlookers do not see it keeps nobody from working.
        log(`A message could not be shown in the session: ${toErrorData(error).message}`, row.id)
      }
    },
  }
}
