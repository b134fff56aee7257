// Reviews by a human (or an agent) of a pull request, each bound to the head that it had at that moment.

import { z } from 'zod'
import { ConfigurationError, FatalError } from '../../errors.ts'
import type { SqliteDatabase } from '../../persistence/database.ts'
import type { FactOutbox } from '../../persistence/fact-outbox.ts'
import type { Finding, PullRequestFacts } from '../ports.ts'
import type { PullRequests } from './pull-requests.ts'

export interface ReviewRequest {
  project: string
  number: number
  verdict: 'approved' | 'changes_requested'
  reviewer: string
  body?: string | undefined
  comments?: readonly Finding[] | undefined
  /** The head that was looked at; without it the present one. Throws FatalError `stale-head` when the pull request has moved on. */
  headSha?: string | undefined
  /** Default `operator`. */
  source?: 'operator' | 'agent' | undefined
  /** A repeated request with the same key is the same review. */
  key?: string | undefined
}

const textLimit = 64 * 1024
const text = z.string('must be a text').refine((value) => Buffer.byteLength(value) <= textLimit, `is longer than ${textLimit} bytes`)
const content = z.object({
  reviewer: z.string('must be a text').trim().min(1, 'is empty').max(200, 'is longer than 200 characters'),
  body: text.default(''),
  comments: z
    .array(
      z.strictObject({
        path: z.string('must be a text').min(1, 'is empty').max(4096, 'is longer than 4096 characters'),
        line: z.number('must be a number or null').int('must be a whole number').positive('must be positive').nullable(),
        body: text,
        blocking: z.boolean('must be true or false').optional(),
      }),
      'must be a list',
    )
    .max(500, 'has more than 500 entries')
    .default([]),
})

interface ReviewRow {
  id: number
  reviewer: string
  verdict: 'approved' | 'changes_requested'
  head_sha: string
  body: string
  comments: string
  at: number
  dismissed_at: number | null
}

export function createReviews(options: { database: SqliteDatabase; outbox: FactOutbox; pullRequests: PullRequests }) {
  const { database, outbox, pullRequests } = options
  const insert = database.prepare<[Record<string, unknown>]>(
    `INSERT INTO forge_review (project, number, reviewer, verdict, head_sha, body, comments, request_key, at)
     VALUES (@project, @number, @reviewer, @verdict, @headSha, @body, @comments, @key, @at)`,
  )
  const all = database.prepare<[string, number], ReviewRow>('SELECT * FROM forge_review WHERE project = ? AND number = ? ORDER BY id')
  const asked = database.prepare<[string], { one: 1 }>('SELECT 1 AS one FROM forge_review WHERE request_key = ?')

  const dismiss = database.prepare<[number, number]>('UPDATE forge_review SET dismissed_at = ? WHERE id = ?')
  const standing = (project: string, number: number): ReviewRow[] => all.all(project, number).filter((row) => row.dismissed_at === null)

  return {
    /** Takes back what `reviewer`, or everybody, has said. Throws FatalError `unknown-pull-request`, `pull-request-closed`, `no-review`. */
    dismiss(request: { project: string; number: number; reviewer?: string }): void {
      outbox.transaction(() => {
        const row = pullRequests.needHead(request.project, request.number)
        const said = standing(row.project, row.number).filter(({ reviewer }) => (request.reviewer ?? reviewer) === reviewer)
        if (said.length === 0) {
          const whose = request.reviewer === undefined ? 'There is no review' : `There is no review of ${request.reviewer}`
          throw new FatalError('no-review', `${whose} to dismiss on pull request #${row.number}.`)
        }
        const heads = new Map(said.map(({ reviewer, head_sha: headSha }) => [`${reviewer} ${headSha}`, { reviewer, headSha }]))
        const facts = [...heads.values()].map(({ reviewer, headSha }) => ({
          ...{ type: 'review.dismissed', source: 'operator' as const, number: row.number, headSha, reviewer, body: '', comments: [] },
        }))
        pullRequests.change(row, facts)
        for (const { id } of said) dismiss.run(row.updated_at, id)
      })
    },

    /** Throws ConfigurationError `invalid-input`, FatalError `unknown-pull-request`, `pull-request-closed`, `stale-head`. */
    add(request: ReviewRequest): void {
      const { reviewer, body, comments } = parse(request)
      outbox.transaction(() => {
        if (request.key !== undefined && asked.get(request.key) !== undefined) return
        const row = pullRequests.needHead(request.project, request.number, request.headSha)
        const headSha = row.head_sha
        const type = request.verdict === 'approved' ? 'review.approved' : 'review.changesRequested'
        pullRequests.change(row, [{ type, source: request.source ?? 'operator', number: row.number, headSha, reviewer, body, comments }])
        insert.run({
          project: row.project,
          number: row.number,
          reviewer,
          verdict: request.verdict,
          headSha,
          body,
          comments: JSON.stringify(comments),
          key: request.key ?? null,
          at: row.updated_at,
        })
      })
    },

    /** Oldest first; one that was taken back at the time of that. */
    of: (project: string, number: number): PullRequestFacts['reviews'] =>
      all.all(project, number).map((row) => ({
        id: String(row.id),
        reviewer: row.reviewer,
        verdict: row.dismissed_at === null ? row.verdict : 'dismissed',
        headSha: row.head_sha,
        body: row.dismissed_at === null ? row.body : '',
        comments: row.dismissed_at === null ? (JSON.parse(row.comments) as Finding[]) : [],
        observedAt: row.dismissed_at ?? row.at,
      })),
  }
}

function parse(request: ReviewRequest): z.output<typeof content> {
  const result = content.safeParse(request)
  if (!result.success) {
    const sentences = result.error.issues.map((issue) => `${issue.path.map(String).join('.')} ${issue.message}.`)
    throw new ConfigurationError('invalid-input', sentences.join(' '))
  }
  if (request.verdict !== 'approved' && request.verdict !== 'changes_requested') {
    throw new ConfigurationError('invalid-input', 'verdict must be approved or changes_requested.')
  }
  const says = result.data.body.trim() !== '' || result.data.comments.length > 0
  if (request.verdict === 'changes_requested' && !says) {
    throw new ConfigurationError('invalid-input', 'body is empty. Say what should change.')
  }
  return result.data
}
