// The pull requests of the embedded forge: their rows, and the facts that tell of each change, written in one transaction.

import { FatalError } from '../../errors.ts'
import type { SqliteDatabase } from '../../persistence/database.ts'
import type { FactEvent, FactOutbox } from '../../persistence/fact-outbox.ts'
import type { ParentPullRequest, PublishInput, PullRequest, PullRequestFacts, QueueIncident } from '../ports.ts'

export interface PullRequestRow {
  project: string
  number: number
  issue: string
  key: string
  title: string
  body: string
  author: string
  state: 'open' | 'closed' | 'merged'
  draft: 0 | 1
  /** Of what the head changes against its base; null when it is not known. */
  patch_id: string | null
  /** The head of the pull request that it is based on, as far as it has that; null when it is on the base branch. */
  parent_head: string | null
  head_ref: string
  head_sha: string
  base_ref: string
  merged_sha: string | null
  queue_state: 'none' | 'queued' | 'evicted'
  queue_head: string | null
  queue_incident: string | null
  queue_at: number
  created_at: number
  /** Strictly increasing: the `observedAt` of every fact about the pull request. */
  updated_at: number
}

export type Mergeable = PullRequestFacts['mergeable']

export type PullRequests = ReturnType<typeof createPullRequests>

const author = 'Signalbox'
const titleLimit = 256
// oxlint-disable-next-line no-control-regex
const unprintable = /[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

export function createPullRequests(options: {
  database: SqliteDatabase
  outbox: FactOutbox
  now: () => number
  url: (pullRequest: { project: string; number: number; key: string }) => string
  /** What is based on a pull request is told of its changes. Not where another forge has them: it tells that itself, with its own times. */
  tellsChildren?: boolean
}) {
  const { database, outbox, now, url, tellsChildren = true } = options
  const byNumber = database.prepare<[string, number], PullRequestRow>('SELECT * FROM forge_pull_request WHERE project = ? AND number = ?')
  const byBranch = database.prepare<[string, string], PullRequestRow>(
    'SELECT * FROM forge_pull_request WHERE project = ? AND head_ref = ? ORDER BY number DESC LIMIT 1',
  )
  const byIssue = database.prepare<[string], PullRequestRow>(
    'SELECT * FROM forge_pull_request WHERE issue = ? ORDER BY number DESC LIMIT 1',
  )
  const openOn = database.prepare<[string, string], PullRequestRow>(
    "SELECT * FROM forge_pull_request WHERE project = ? AND head_ref = ? AND state = 'open'",
  )
  const basedOn = database.prepare<[string, string], PullRequestRow>(
    "SELECT * FROM forge_pull_request WHERE project = ? AND base_ref = ? AND state = 'open' ORDER BY number",
  )
  const inFlight = database.prepare<[string], PullRequestRow>(
    "SELECT * FROM forge_pull_request WHERE project = ? AND state = 'open' ORDER BY number",
  )
  const nextNumber = database.prepare<[string], { number: number }>(
    'SELECT coalesce(max(number), 0) + 1 AS number FROM forge_pull_request WHERE project = ?',
  )
  const write = database.prepare<[PullRequestRow]>(
    `INSERT INTO forge_pull_request (project, number, issue, key, title, body, author, state, draft, patch_id, parent_head, head_ref, head_sha, base_ref, merged_sha,
       queue_state, queue_head, queue_incident, queue_at, created_at, updated_at)
     VALUES (@project, @number, @issue, @key, @title, @body, @author, @state, @draft, @patch_id, @parent_head, @head_ref, @head_sha, @base_ref, @merged_sha,
       @queue_state, @queue_head, @queue_incident, @queue_at, @created_at, @updated_at)
     ON CONFLICT DO UPDATE SET issue = @issue, key = @key, title = @title, body = @body, state = @state, draft = @draft, patch_id = @patch_id, parent_head = @parent_head, head_sha = @head_sha, base_ref = @base_ref,
       merged_sha = @merged_sha, queue_state = @queue_state, queue_head = @queue_head, queue_incident = @queue_incident, queue_at = @queue_at,
       updated_at = @updated_at`,
  )

  function need(project: string, number: number): PullRequestRow {
    const row = byNumber.get(project, number)
    if (row === undefined) throw new FatalError('unknown-pull-request', `There is no pull request #${number} in ${project}.`)
    return row
  }

  /** Gives the row the time of a change: later than its last one, whatever the clock does. */
  function touch(row: PullRequestRow): number {
    row.updated_at = Math.max(now(), row.updated_at + 1)
    return row.updated_at
  }

  /** Writes a changed row and its facts; to be called in a transaction. */
  function change(row: PullRequestRow, events: readonly (Omit<FactEvent, 'observedAt'> & { type: string })[]): void {
    const before = byNumber.get(row.project, row.number)
    const observedAt = touch(row)
    write.run(row)
    for (const event of events) outbox.record(row.issue, { observedAt, ...event } as FactEvent)
    if (!tellsChildren || before === undefined || (before.head_sha === row.head_sha && before.state === row.state)) return
    for (const child of basedOn.all(row.project, row.head_ref)) {
      // When it has landed, what was based on it is based on what it was based on. What was turned down must not land with its child.
      if (row.state === 'merged')
        Object.assign(child, { base_ref: row.base_ref, parent_head: row.parent_head } satisfies Partial<PullRequestRow>)
      change(child, [about(child, 'pr.updated', 'system')])
    }
  }

  /** What a change on this branch is based on: the open pull request of the branch, or the last one of it, if that was closed. */
  function below(project: string, branch: string): PullRequestRow | undefined {
    const row = openOn.get(project, branch) ?? byBranch.get(project, branch)
    return row?.state === 'merged' ? undefined : row
  }

  function parentOf(row: PullRequestRow): ParentPullRequest | null {
    const parent = row.parent_head === null ? undefined : below(row.project, row.base_ref)
    if (parent === undefined) return null
    if (parent.state === 'closed') return { number: parent.number, moved: false, closed: true }
    return { number: parent.number, moved: parent.head_sha !== row.parent_head }
  }

  const about = (row: PullRequestRow, type: string, source: FactEvent['source']) => ({
    type,
    source,
    number: row.number,
    url: url(row),
    headSha: row.head_sha,
    headRef: row.head_ref,
    baseRef: row.base_ref,
    draft: row.draft === 1,
    author: row.author,
    mergeable: 'unknown' as const,
    patchId: row.patch_id,
    parent: parentOf(row),
  })

  /** The pull request that a publication of `head` on `branch` is about already; null when a new one must be opened. */
  function current(request: PublishInput): PullRequestRow | null {
    const row = byBranch.get(request.project, request.branch)
    if (row === undefined) return null
    // One that has ended is only adopted by the very publication that it ended with; a closed one is opened again by new work.
    return row.state === 'merged' && row.head_sha !== request.head ? null : row
  }

  return {
    byNumber: (project: string, number: number) => byNumber.get(project, number),
    byBranch: (project: string, branch: string) => byBranch.get(project, branch),
    byIssue: (issue: string) => byIssue.get(issue),
    openOn: (project: string, branch: string) => openOn.get(project, branch),
    below,
    inFlight: (project: string) => inFlight.all(project),
    need,
    change,
    /** Writes down what another forge says of it, which tells nobody. */
    keep: (row: PullRequestRow) => void write.run(row),
    parentOf,
    url,
    about,

    /** The open pull request with exactly this head. Throws FatalError `pull-request-closed` and `stale-head`. */
    needHead(project: string, number: number, headSha?: string): PullRequestRow {
      const row = need(project, number)
      if (row.state !== 'open') throw new FatalError('pull-request-closed', `Pull request #${number} in ${project} is ${row.state}.`)
      if (headSha !== undefined && row.head_sha !== headSha) {
        throw new FatalError('stale-head', `Pull request #${number} in ${project} is at ${row.head_sha} now, not at ${headSha} any more.`)
      }
      return row
    },

    /** What the request asks for is so already. */
    published(request: PublishInput): PullRequestRow | null {
      const row = current(request)
      if (row === null || row.head_sha !== request.head) return null
      const same = row.title === toSubject(request) && row.body === request.body && row.draft === Number(request.draft)
      return row.state !== 'open' || same ? row : null
    },

    /** Writes what a push has made true: the pull request opened, opened again, at a new head, or with a new text. */
    publish(request: PublishInput, parentHead: string | null = null): { row: PullRequestRow; adopted: boolean } {
      const title = toSubject(request)
      const draft = request.draft ? 1 : 0
      const { head, body, branch, base } = request
      const row = current(request)
      if (row === null) {
        const fresh: PullRequestRow = {
          project: request.project,
          number: nextNumber.get(request.project)!.number,
          issue: request.issue,
          key: request.key,
          title,
          body,
          author,
          state: 'open',
          draft,
          patch_id: request.patchId ?? null,
          parent_head: parentHead,
          head_ref: branch,
          head_sha: head,
          base_ref: base,
          merged_sha: null,
          queue_state: 'none',
          queue_head: null,
          queue_incident: null,
          queue_at: 0,
          created_at: now(),
          updated_at: -1,
        }
        change(fresh, [about(fresh, 'pr.opened', 'self')])
        return { row: fresh, adopted: false }
      }
      if (row.state !== 'open' && row.head_sha === head) return { row, adopted: true }
      const types = [
        ...(row.state === 'open' ? [] : ['pr.reopened']),
        ...(row.head_sha === head ? [] : ['pr.pushed']),
        ...(row.title === title && row.body === body && row.draft === draft && row.base_ref === base ? [] : ['pr.updated']),
      ]
      Object.assign(row, {
        state: 'open',
        title,
        body,
        draft,
        patch_id: request.patchId ?? null,
        parent_head: parentHead,
        head_sha: head,
        base_ref: base,
      } satisfies Partial<PullRequestRow>)
      if (types.length > 0)
        change(
          row,
          types.map((type) => about(row, type, 'self')),
        )
      return { row, adopted: true }
    },

    toPullRequest: (row: PullRequestRow, adopted: boolean): PullRequest => ({
      number: row.number,
      url: url(row),
      headSha: row.head_sha,
      headRef: row.head_ref,
      baseRef: row.base_ref,
      title: row.title,
      draft: row.draft === 1,
      state: row.state,
      patchId: row.patch_id,
      adopted,
    }),

    queue: (row: PullRequestRow): PullRequestFacts['queue'] => ({
      headSha: row.queue_head ?? row.head_sha,
      state: row.queue_state,
      incident: row.queue_incident === null ? null : (JSON.parse(row.queue_incident) as QueueIncident),
      observedAt: row.queue_at,
    }),
  }
}

/** The title becomes the subject of the merge commit: one line, printable, and never empty. */
export function toSubject(request: { title: string; key: string }): string {
  const line = request.title.toWellFormed().replace(unprintable, ' ').trim()
  const characters = [...line]
  if (characters.length > titleLimit)
    return `${characters
      .slice(0, titleLimit - 1)
      .join('')
      .trimEnd()}…`
  return line === '' ? request.key : line
}
