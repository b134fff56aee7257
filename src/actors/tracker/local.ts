// The embedded tracker: issues in Signalbox's own database. Every function is one transaction that writes the rows and the facts they cause.

import { randomUUID } from 'node:crypto'
import { FatalError } from '../../errors.ts'
import type { SqliteDatabase } from '../../persistence/database.ts'
import { createFactOutbox, type FactEvent } from '../../persistence/fact-outbox.ts'
import { withDelayedDurability } from '../../persistence/statements.ts'
import type { Asking, Tracker, PolledIssue } from '../ports.ts'
import { createIssueRows, isClosed, stateNames, type CommentRow, type IssueRow, type StateType } from './issue-rows.ts'
import { createReferences } from './references.ts'
import { parseChange, parseMessage, parseSubmission, type Change, type Submission } from './submission.ts'

export interface LocalTrackerOptions {
  database: SqliteDatabase
  projects: readonly { id: string }[]
  now: () => number
  /** Called after a commit that added facts. */
  wake: () => void
  /** The immutable id of a new issue. */
  newId?: () => string
  /** Where people find an issue. */
  url?: (issue: { project: string; key: string }) => string
}

/** An issue as people and the operator API see it. Times are epoch ms. */
export interface TrackerIssue extends Omit<PolledIssue, 'observedAt'> {
  id: string
  project: string
  createdAt: number
  updatedAt: number
}

/** Every `issue` is an id, a key, or `PROJECT/KEY`. All throw FatalError `unknown-issue` and `ambiguous-key`. */
export interface LocalTracker extends Tracker {
  readonly kind: 'local'
  /** Files an issue, and delegates it unless `hold`. Throws ConfigurationError `invalid-input`, `unknown-project`, `unknown-blocker`, `self-blocker`, `unknown-parent`. */
  submit: (submission: Submission, asking?: Asking) => TrackerIssue
  /** Delegates (again); a closed issue is opened. */
  delegate: (issue: string, asking?: Asking) => void
  undelegate: (issue: string, asking?: Asking) => void
  /** A text for everyone; the actor hears it as `tracker.prompted` via `comment`. */
  comment: (issue: string, text: string, asking?: Asking) => void
  /** A text for the agent; the actor hears it as `tracker.prompted` via `session`. */
  prompt: (issue: string, text: string, asking?: Asking) => void
  cancel: (issue: string, asking?: Asking) => void
  close: (issue: string, as: 'done' | 'failed', asking?: Asking) => void
  /** Throws ConfigurationError `invalid-input`, `unknown-blocker`, `self-blocker`, `dependency-cycle`, `unknown-parent`, `parent-cycle`. */
  update: (issue: string, change: Change, asking?: Asking) => TrackerIssue
  /** Deletes the issue for everyone; its number is not used again. */
  remove: (issue: string, asking?: Asking) => void
  get: (issue: string) => TrackerIssue
  /** Oldest first; `cursor` is the id of the last issue of the page before. */
  list: (query?: { project?: string; delegated?: boolean; limit?: number; cursor?: string }) => {
    issues: TrackerIssue[]
    next: string | null
  }
  comments: (issue: string) => CommentRow[]
}

const us = 'Signalbox'

/** Comments that an agent is told of. */
const mostComments = 100

export function createLocalTracker(options: LocalTrackerOptions): LocalTracker {
  const { database, now, wake } = options
  const newId = options.newId ?? randomUUID
  const outbox = createFactOutbox({ database, now, wake })
  const rows = createIssueRows({ database, now, url: options.url ?? ((issue) => `signalbox:${issue.key}`) })
  const { need, toBlockers, toParent, toProject } = createReferences(rows, options.projects)
  const page = database.prepare<[Record<string, unknown>], IssueRow>(
    `SELECT * FROM tracker_issue AS issue WHERE removed_at IS NULL
     AND (@project IS NULL OR project = @project) AND (@delegated IS NULL OR delegated = @delegated)
     AND (@cursor IS NULL OR (created_at, id) > (SELECT created_at, id FROM tracker_issue WHERE id = @cursor))
     ORDER BY created_at, id LIMIT @limit`,
  )

  const toIssue = (row: IssueRow): TrackerIssue => {
    const { observedAt, ...facts } = rows.facts(row)
    return { ...facts, id: row.id, project: row.project, createdAt: row.created_at, updatedAt: observedAt }
  }

  /** Tells the actor everything about its issue, as the event `type`. */
  function tell(row: IssueRow, type: string, source: FactEvent['source'], actor: string | null): number {
    return outbox.record(row.id, { type, source, ...rows.facts(row), actor })
  }

  /** Writes a new time into `row` and tells its actor a single thing. */
  function tellOne(row: IssueRow, event: Omit<FactEvent, 'observedAt' | 'source'> & { type: string }, source: FactEvent['source']): void {
    row.updated_at = rows.nextTime(row)
    rows.update(row)
    outbox.record(row.id, { source, observedAt: row.updated_at, ...event })
  }

  /** Tells those who wait for `row`, and its parent, what a change from `before` means to them. */
  function tellOthers(row: IssueRow, before: StateType): void {
    if (isClosed(before) !== isClosed(row.state_type)) {
      for (const dependent of rows.dependents(row.id)) {
        tellOne(dependent, { type: 'blocker.changed', key: row.key, resolved: isClosed(row.state_type), state: row.state_type }, 'system')
      }
    }
    if (before !== row.state_type) tellParent(row, row.state_type)
  }

  function tellParent(row: IssueRow, state: string): void {
    const parent = row.parent === null ? undefined : rows.byId(row.parent)
    if (parent === undefined || parent.removed_at !== null) return
    tellOne(parent, { type: 'child.changed', key: row.key, state }, 'system')
  }

  function enter(row: IssueRow, stateType: StateType, state = stateNames[stateType]): void {
    row.state = state
    row.state_type = stateType
    row.updated_at = rows.nextTime(row)
  }

  /** A human's change of the state: told to the actor, which then reports its own. */
  function change(row: IssueRow, type: string, stateType: StateType, actor: string | null): void {
    const before = row.state_type
    enter(row, stateType)
    rows.update(row)
    row.state_fact = tell(row, type, 'operator', actor)
    rows.update(row)
    tellOthers(row, before)
  }

  /** Runs `work` on the issue in one transaction, once for each request key. */
  function act(name: string, kind: string, asking: Asking | undefined, work: (row: IssueRow, actor: string | null) => void): void {
    outbox.transaction(() => {
      const row = need(name)
      if (asking?.key !== undefined) {
        const key = `${kind}:${row.id}:${asking.key}`
        if (rows.requested(key) !== undefined) return
        rows.rememberRequest(key, row.id)
      }
      work(row, asking?.author ?? null)
    })
  }

  function say(kind: 'comment' | 'prompt', via: 'comment' | 'session') {
    return (issue: string, text: string, asking?: Asking) => {
      const message = parseMessage({ text, ...(asking?.author === undefined ? {} : { author: asking.author }) })
      act(issue, kind, asking, (row) => {
        const author = message.author ?? null
        rows.addComment(row.id, kind, author ?? 'operator', message.text)
        const read = asking?.intent === undefined ? {} : { intent: asking.intent }
        tellOne(row, { type: 'tracker.prompted', text: message.text, author, via, ...read }, 'operator')
      })
    }
  }

  return {
    kind: 'local',
    projectOf: (issue) => rows.byId(issue)?.project,

    submit(submission, asking) {
      const input = parseSubmission(submission)
      return outbox.transaction(() => {
        const request = asking?.key === undefined ? undefined : `submit:${asking.key}`
        const earlier = request === undefined ? undefined : rows.requested(request)
        if (earlier !== undefined) return toIssue(rows.byId(earlier)!)
        const project = toProject(input.project)
        const self = { id: newId(), key: toKey(project, rows.peekNumber(project)) }
        const blockers = toBlockers(input.blockedBy ?? [], project, self)
        const parent = input.parent === undefined ? null : toParent(input.parent, project, self, blockers)
        const at = rows.nextTime(undefined)
        const stateType: StateType = input.hold ? 'backlog' : 'unstarted'
        rows.insert({
          ...self,
          project,
          number: rows.takeNumber(project),
          title: input.title,
          body: input.body ?? '',
          state: stateNames[stateType],
          state_type: stateType,
          state_fact: null,
          priority: input.priority ?? 0,
          labels: JSON.stringify(input.labels ?? []),
          parent,
          links: JSON.stringify(input.links ?? []),
          delegated: input.hold ? 0 : 1,
          created_at: at,
          updated_at: at,
        })
        rows.setBlockers(self.id, blockers)
        if (request !== undefined) rows.rememberRequest(request, self.id)
        const row = rows.byId(self.id)!
        tell(row, input.hold ? 'tracker.updated' : 'tracker.delegated', 'operator', asking?.author ?? null)
        tellParent(row, stateType)
        return toIssue(row)
      })
    },

    delegate(issue, asking) {
      act(issue, 'delegate', asking, (row, actor) => {
        row.delegated = 1
        const reopened = isClosed(row.state_type) || row.state_type === 'backlog'
        change(row, 'tracker.delegated', reopened ? 'unstarted' : row.state_type, actor)
      })
    },

    undelegate(issue, asking) {
      act(issue, 'undelegate', asking, (row, actor) => {
        if (row.delegated === 0) return
        row.delegated = 0
        row.updated_at = rows.nextTime(row)
        rows.update(row)
        tell(row, 'tracker.undelegated', 'operator', actor)
      })
    },

    comment: say('comment', 'comment'),
    prompt: say('prompt', 'session'),

    cancel(issue, asking) {
      act(issue, 'cancel', asking, (row, actor) => {
        if (row.state_type !== 'canceled') change(row, 'tracker.updated', 'canceled', actor)
      })
    },

    close(issue, as, asking) {
      const stateType = as === 'done' ? 'completed' : 'canceled'
      act(issue, 'close', asking, (row, actor) => {
        if (row.state_type !== stateType) change(row, 'tracker.updated', stateType, actor)
      })
    },

    update(issue, changes, asking) {
      const input = parseChange(changes)
      act(issue, 'update', asking, (row, actor) => {
        const oldParent = row.parent
        if (input.title !== undefined) row.title = input.title
        if (input.body !== undefined) row.body = input.body
        if (input.priority !== undefined) row.priority = input.priority
        if (input.labels !== undefined) row.labels = JSON.stringify(input.labels)
        if (input.links !== undefined) row.links = JSON.stringify(input.links)
        if (input.blockedBy !== undefined) rows.setBlockers(row.id, toBlockers(input.blockedBy, row.project, row))
        if (input.parent !== undefined) row.parent = input.parent === null ? null : toParent(input.parent, row.project, row)
        row.updated_at = rows.nextTime(row)
        rows.update(row)
        tell(row, 'tracker.updated', 'operator', actor)
        if (oldParent === row.parent) return
        tellParent(row, row.state_type)
        const left = oldParent === null ? undefined : rows.byId(oldParent)
        if (left === undefined || left.removed_at !== null) return
        left.updated_at = rows.nextTime(left)
        rows.update(left)
        tell(left, 'tracker.updated', 'system', actor)
      })
      return toIssue(need(issue))
    },

    remove(issue, asking) {
      act(issue, 'remove', asking, (row, actor) => {
        const open = !isClosed(row.state_type)
        row.updated_at = rows.nextTime(row)
        row.removed_at = row.updated_at
        rows.update(row)
        outbox.record(row.id, { type: 'tracker.removed', source: 'operator', observedAt: row.updated_at, actor })
        if (open) {
          for (const dependent of rows.dependents(row.id)) {
            tellOne(dependent, { type: 'blocker.changed', key: row.key, resolved: true }, 'system')
          }
        }
        tellParent(row, 'canceled')
      })
    },

    get: (issue) => toIssue(need(issue)),

    list(query = {}) {
      const limit = Math.max(1, query.limit ?? 100)
      const found = page.all({
        project: query.project ?? null,
        delegated: query.delegated === undefined ? null : Number(query.delegated),
        cursor: query.cursor ?? null,
        limit: limit + 1,
      })
      const issues = found.slice(0, limit)
      return { issues: issues.map(toIssue), next: found.length > limit ? issues.at(-1)!.id : null }
    },

    comments: (issue) => rows.comments(need(issue).id),

    async report(report, id) {
      const take = (): void => {
        const row = rows.byId(report.issue)
        if (row === undefined)
          throw new FatalError('unknown-issue', `There is no issue ${report.key} (${report.issue}) in the embedded tracker.`)
        const request = `report:${id}`
        if (rows.requested(request) !== undefined) return
        rows.rememberRequest(request, row.id)
        if (row.removed_at !== null) return
        if (report.kind !== 'state') return rows.addComment(row.id, report.kind === 'question' ? 'question' : 'report', us, report.text)
        // A human closed or reopened the issue and its actor has not heard of it yet: this report is older than that.
        if (row.state_fact !== null && !outbox.isDelivered(row.state_fact)) return
        const stateType = toStateType(report.phase)
        const state = stateType === 'started' ? toName(report.phase) : stateNames[stateType]
        if (row.state === state && row.state_type === stateType) return
        const before = row.state_type
        enter(row, stateType, state)
        row.state_fact = null
        rows.update(row)
        tellOthers(row, before)
      }
      // Whoever reports does so again until it is settled.
      withDelayedDurability(database, () => outbox.transaction(take))
    },

    async promptContext({ issue }) {
      const row = need(issue)
      const { labels, priority } = toIssue(row)
      // Also what a run was given as a message: later ones are not given it again.
      const said = rows.comments(row.id).filter(({ kind }) => kind === 'comment' || kind === 'prompt')
      const comments = said.slice(-mostComments).map(({ author, at, text }) => ({ author, at, body: text }))
      const leftOut = { comments: said.length - comments.length, files: 0 }
      return { labels, priority, estimate: null, dueDate: null, guidance: [], comments, attachments: [], leftOut }
    },

    async facts({ issue }) {
      const row = rows.byId(issue)
      return row === undefined || row.removed_at !== null ? null : rows.facts(row)
    },
  }
}

const toKey = (project: string, number: number) => `${project.toUpperCase()}-${number}`

/** The tracker's kind of state for a phase of the actor; all but the contract's own words are work in progress. */
function toStateType(phase: string): StateType {
  if (phase === 'done') return 'completed'
  if (phase === 'failed') return 'canceled'
  return phase === 'delegated' ? 'unstarted' : 'started'
}

function toName(phase: string): string {
  const words = phase.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
