// Every fact about a pull request, as GitHub has it: one look, read into the words of the issue machine.

import { FatalError, RetryableError } from '../../../errors.ts'
import type { PullRequestFacts } from '../../ports.ts'
import type { CheckRecords } from '../check-records.ts'
import type { PullRequestRow, PullRequests } from '../pull-requests.ts'
import type { createReviews } from '../reviews.ts'
import type { Failures } from './failures.ts'
import { settleHead, type SeenRun } from './head-standing.ts'
import type { Landers } from './landers.ts'
import type { Loader } from './loader.ts'
import type { Mirror, Sighting } from './mirror.ts'
import { ownContext } from './own-check.ts'
import type { Parents } from './parents.ts'
import type { SeenContext, SeenPullRequest } from './queries.ts'
import type { GithubRepositories } from './repositories.ts'
import type { RequiredChecks } from './required.ts'
import { nameOf } from './standing.ts'
import type { Threads } from './threads.ts'
import { isObjection, needsMore, objectorsOf, verdictsOf } from './verdicts.ts'
import { readWorkflowRuns } from './workflow-runs.ts'

const mergeabilities = { MERGEABLE: 'clean', CONFLICTING: 'conflict', UNKNOWN: 'unknown' } as const
const states = { OPEN: 'open', CLOSED: 'closed', MERGED: 'merged' } as const

const toSighting = (seen: SeenPullRequest): Sighting => ({
  number: seen.number,
  title: seen.title,
  body: seen.body,
  author: seen.author?.login ?? 'ghost',
  state: states[seen.state],
  draft: seen.isDraft,
  headSha: seen.headRefOid,
  headRef: seen.headRefName,
  baseRef: seen.baseRefName,
  mergedSha: seen.state === 'MERGED' ? (seen.mergeCommit?.oid ?? seen.headRefOid) : null,
  createdAt: seen.createdAt,
  updatedAt: seen.updatedAt,
})

/** What is read beside the look itself: the rest is told without it, and it is asked for again. */
function later(error: unknown): RetryableError {
  if (error instanceof RetryableError) return error
  throw error
}

/** What is reported on this head; GitHub may not have come to it yet. */
export const contextsOf = (seen: SeenPullRequest, head: string): SeenContext[] => {
  const commit = seen.commits.nodes.at(-1)?.commit
  return commit?.oid === head ? (commit.statusCheckRollup?.contexts.nodes ?? []) : []
}

export function createFacts(options: {
  repositories: GithubRepositories
  loader: Loader
  mirror: Mirror
  pullRequests: PullRequests
  records: CheckRecords
  reviews: ReturnType<typeof createReviews>
  required: RequiredChecks
  failures: Failures
  landers: Landers
  threads: Threads
  parents: Parents
  /** The name of the check by which an external lander speaks. */
  queueCheck: (project: string) => string
  now: () => number
  /** What is required could not be looked at, for want of a permission; told once in a process. */
  onUnreadable: (project: string, error: FatalError) => void
}) {
  const { repositories, loader, mirror, pullRequests, records, required, failures, landers, threads, parents, queueCheck, now } = options

  const unreadable = new Set<string>()

  /** None where GitHub does not show them: then a workflow that is required has not passed, as far as is known. */
  async function runsOn(project: string, head: string): Promise<SeenRun[]> {
    try {
      return await readWorkflowRuns(repositories, project, head)
    } catch (error) {
      if (!(error instanceof FatalError) || error.code !== 'github-forbidden') throw error
      if (!unreadable.has(project)) options.onUnreadable(project, error)
      unreadable.add(project)
      return []
    }
  }

  async function checksOf(
    row: PullRequestRow,
    seen: SeenPullRequest,
    contexts: SeenContext[],
  ): Promise<Pick<PullRequestFacts, 'checks' | 'unread'>> {
    const { project, number } = row
    const rules = await required.onHead(project, seen.baseRefName)
    const runs = rules.workflows.length === 0 ? [] : await runsOn(project, row.head_sha)
    const standing = settleHead(contexts, rules, runs, now() - mirror.headSeenAt(project, number))
    const { state, names, observedAt } = standing
    const checks = { headSha: row.head_sha, names, observedAt }
    const reading = Promise.all(standing.failed.map((context) => failures.of(project, context)))
    return reading.then(
      (found) => ({ checks: { ...checks, state, failures: found.map((failure) => records.marked(project, failure)) } }),
      // A repair begins with why it is red (edge 174).
      (error: unknown) => ({ checks: { ...checks, state: 'pending', failures: [] }, unread: later(error) }),
    )
  }

  /** What reviewers say; comments whose thread has been resolved ask for nothing any more. */
  async function reviewsOf(row: PullRequestRow, seen: SeenPullRequest): Promise<PullRequestFacts['reviews']> {
    const { project, number } = row
    const self = await repositories.self()
    const hasObjections = seen.latestOpinionatedReviews.nodes.some(isObjection)
    const standing = hasObjections ? await threads.standing(project, seen.id) : { settled: new Set<string>() }
    const approvedAt = mirror.approvals(project, number, !needsMore(seen), seen.updatedAt)
    const verdicts = verdictsOf(seen, { self, ...standing, approvedAt, own: options.reviews.of(project, number) })
    mirror.keepReviews(project, number, verdicts)
    return verdicts
  }

  return async function facts(request: {
    project: string
    issue: string
    number: number | null
    branch: string
  }): Promise<PullRequestFacts | null> {
    const { project, issue, number, branch } = request
    const known =
      number === null ? (pullRequests.byBranch(project, branch) ?? pullRequests.byIssue(issue)) : pullRequests.byNumber(project, number)
    if (known === undefined) return null
    const seen = await loader.pullRequest(project, known.number)
    if (seen === null) return null
    const row = (await mirror.note(project, toSighting(seen)))!
    const self = await repositories.self()
    // Where GitHub has not noticed our last push, the head is what we know it to be, and nothing is known of it yet.
    const isBehind = row.head_sha !== seen.headRefOid
    const all = contextsOf(seen, row.head_sha)
    const contexts = all.filter((context) => !ownContext(context, self) && nameOf(context) !== queueCheck(project))
    const [{ checks, ...red }, reviews, { queue, ...eviction }, parent] = await Promise.all([
      checksOf(row, seen, contexts),
      reviewsOf(row, seen),
      landers.queueOf(row, seen, all).then(
        (found) => ({ queue: found }),
        (error: unknown) => ({ queue: pullRequests.queue(row), unread: later(error) }),
      ),
      parents.of(row),
    ])
    records.keep(row, checks)
    return {
      number: row.number,
      url: seen.url,
      title: row.title,
      author: row.author,
      // A landing of ours, or a push, that GitHub has not noticed yet.
      state: row.state,
      headSha: row.head_sha,
      headRef: row.head_ref,
      baseRef: row.base_ref,
      draft: row.draft === 1,
      mergedSha: row.merged_sha,
      mergeable: row.state === 'open' && !isBehind ? mergeabilities[seen.mergeable] : 'unknown',
      reviews,
      objectors: objectorsOf(seen, self),
      checks,
      queue,
      patchId: row.patch_id,
      parent,
      observedAt: seen.updatedAt,
      ...eviction,
      ...red,
    }
  }
}
