// Which change in flight a new one should be based on: the one that it would conflict with and that is likeliest to land first.

import { join } from 'node:path'
import type { ChangeInFlight, ConflictInput, PullRequestFacts } from '../ports.ts'
import { git } from '../git.ts'
import type { CheckRecords } from './check-records.ts'
import { mergeTree, mergeTrees } from './merging.ts'
import type { PullRequestRow, PullRequests } from './pull-requests.ts'
import type { OpenRepository } from './repository.ts'

/** Points for how near a change is to landing (core §3.25). */
const points = { queued: 100, approved: 50, green: 25, changesRequested: -30 }

/** How likely it is that the change lands soon: each reviewer's last word on the present head counts. */
export function likelihood(row: PullRequestRow, reviews: PullRequestFacts['reviews'], checks: PullRequestFacts['checks']): number {
  const last = new Map(reviews.filter(({ headSha }) => headSha === row.head_sha).map(({ reviewer, verdict }) => [reviewer, verdict]))
  const verdicts = [...last.values()]
  const isRefused = verdicts.some((verdict) => verdict === 'changes_requested')
  return (
    (row.queue_state === 'queued' ? points.queued : 0) +
    (!isRefused && verdicts.includes('approved') ? points.approved : 0) +
    (checks.state === 'passed' ? points.green : 0) +
    (isRefused ? points.changesRequested : 0)
  )
}

export function createSequencing(options: {
  open: OpenRepository
  pullRequests: PullRequests
  reviewsOf: (project: string, number: number) => PullRequestFacts['reviews']
  records: Pick<CheckRecords, 'of'>
}) {
  const { open, pullRequests, reviewsOf, records } = options

  /** The likeliest first; among equals the one that has waited longest in the queue, then the lowest number. */
  function ranked(rows: PullRequestRow[]): PullRequestRow[] {
    const waiting = (row: PullRequestRow): number => (row.queue_state === 'queued' ? row.queue_at : Infinity)
    const scored = rows.map((row) => ({ row, score: likelihood(row, reviewsOf(row.project, row.number), records.of(row)) }))
    const sorted = scored.toSorted(
      (a, b) =>
        b.score - a.score || (waiting(a.row) === waiting(b.row) ? 0 : waiting(a.row) - waiting(b.row)) || a.row.number - b.row.number,
    )
    return sorted.map(({ row }) => row)
  }

  return {
    /**
     * The first of the changes in flight, by how soon they will land, that the commit contradicts; null when there is none, and when the
     * commit contradicts the base branch itself: to bring it up to date is another matter. Drafts are not in flight.
     */
    async findConflict({ project, branch, head }: ConflictInput): Promise<ChangeInFlight | null> {
      const rows = pullRequests.inFlight(project).filter((row) => row.head_ref !== branch && row.head_sha !== head && row.draft === 0)
      if (rows.length === 0) return null
      const repository = await open(project)
      // The commit is in the clone only; its configuration is an agent's to write, so git runs in our repository.
      const env = { GIT_ALTERNATE_OBJECT_DIRECTORIES: join(repository.clone, 'objects') }
      const base = repository.mirrored()
      if (base === null) return null
      const inOrder = ranked(rows)
      const [onBase, ...others] = await mergeTrees(
        repository,
        [base, ...inOrder.map((row) => row.head_sha)].map((sha) => [sha, head] as const),
        env,
      )
      if (!onBase || 'files' in onBase || others.every((merged) => 'tree' in merged)) return null
      const { stdout } = await git(['merge-base', base, head], { cwd: repository.path, env, allow: [0, 1] })
      const fork = stdout.trim()
      for (const [n, row] of inOrder.entries()) {
        const merged = others[n]
        if (!merged || 'tree' in merged) continue
        // What contradicts the very commit that this work started from has to be brought up to date itself.
        if (fork !== '' && 'files' in (await mergeTree(repository, row.head_sha, fork, env))) continue
        return { number: row.number, url: pullRequests.url(row), branch: row.head_ref, head: row.head_sha, files: merged.files }
      }
      return null
    },
  }
}
