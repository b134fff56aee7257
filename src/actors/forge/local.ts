// The embedded forge: pull requests in Signalbox's own database, on bare git repositories of its own. Composes the parts beside it.

import { FatalError } from '../../errors.ts'
import type { SubmitInput, Submitted } from '../../machines/run/inputs.ts'
import type { SqliteDatabase } from '../../persistence/database.ts'
import { createFactOutbox } from '../../persistence/fact-outbox.ts'
import type { CheckFailure, Forge, LandingRequest, PublishInput, PullRequest, PullRequestFacts } from '../ports.ts'
import type { ProcessIdentity } from '../process.ts'
import { createAdoption } from './adoption.ts'
import { createCheckRecords } from './check-records.ts'
import { createChecks, type CheckCommand, type CheckResult } from './checks.ts'
import { checkRefs } from './guard.ts'
import { createLanding } from './landing.ts'
import { createPublisher } from './publisher.ts'
import { createPullRequests, type PullRequestRow } from './pull-requests.ts'
import { createPushGuard } from './push-guard.ts'
import { createRefRows, type RefIncident } from './refs.ts'
import { createRepositories } from './repository.ts'
import { createReviews, type ReviewRequest } from './reviews.ts'
import { createSequencing } from './sequencing.ts'

export interface ForgeProject {
  id: string
  /** A folder or a URL. */
  repo: string
  /** Null: discovered once, then remembered. */
  baseBranch: string | null
  ci: CheckCommand | null
  /** What deploys a landed commit; without a command nothing is deployed. */
  deploy?: { command: string | null; timeout: number; env: Record<string, string> } | undefined
}

export interface LocalForgeOptions {
  database: SqliteDatabase
  /** The data folder. */
  folder: string
  projects: readonly ForgeProject[]
  now: () => number
  /** Called after a commit that added facts. */
  wake: () => void
  /** Starts the actor that runs the checks of one head. Must be idempotent. */
  spawnCheck: (check: PendingCheck) => void | Promise<void>
  /** Sends the request to the landing queue of the project; both resolve when it is durable. */
  requestQueue: (request: LandingRequest) => Promise<void>
  withdrawQueue: (request: LandingRequest & { reason: string }) => Promise<void>
  discoverBase: (repo: string) => Promise<string>
  /** Whether an issue is over, so that its pull request may become another's. */
  isOver?: (issue: string) => boolean
  /** Where people find a pull request. */
  url?: (pullRequest: { project: string; number: number; key: string }) => string
}

export interface PendingCheck {
  project: string
  issue: string
  number: number
  headSha: string
  /** From 1; a check that is asked for again has the next one. */
  attempt: number
}

/** Methods about a pull request throw FatalError `unknown-pull-request`; those of git, and BaseBranch's ConfigurationErrors where a repository is used. */
export interface LocalForge extends Forge {
  readonly kind: 'local'
  closePullRequest: (request: { project: string; number: number }) => void
  reopenPullRequest: (request: { project: string; number: number }) => void
  review: (request: ReviewRequest) => void
  /** As the port has it; and nothing is written when it does not count. */
  submitReview: (request: SubmitInput) => Submitted
  /** Throws FatalError `environment` and RetryableError `check-aborted` instead of an answer about the commit. */
  runChecks: (request: {
    project: string
    number: number
    headSha: string
    signal?: AbortSignal | undefined
    onStart?: ((identity: ProcessIdentity) => void) | undefined
  }) => Promise<CheckResult>
  /** Writes the result and its fact. Idempotent; a result for a head that is not the present one is kept without a fact. */
  recordChecks: (request: { project: string; number: number; headSha: string; result: CheckResult }) => void
  /** Notes what keeps the checks from running: the head stays pending, and says why. */
  recordObstacle: (request: { project: string; number: number; headSha: string; reason: string }) => void
  /** Heads without a result, whose check actor a kill may have kept from starting. */
  pendingChecks: () => PendingCheck[]
  /** Takes back what one reviewer, or everybody, has said. Throws FatalError `no-review`. */
  dismissReviews: (request: { project: string; number: number; reviewer?: string }) => void
  /**
   * Makes a branch of the user's repository the head of the pull request, wherever that was. Idempotent. Throws FatalError
   * `unknown-branch`, `pull-request-closed`.
   */
  pushHead: (request: { project: string; number: number; branch: string; author: string }) => Promise<void>
  /** The newest pull request of the issue. */
  pullRequestOf: (issue: string) => PullRequest | null
}

export function createLocalForge(options: LocalForgeOptions): LocalForge {
  const { database, folder, projects, now, wake, spawnCheck } = options
  const outbox = createFactOutbox({ database, now, wake })
  const guard = createPushGuard(folder)
  const refs = createRefRows(database)
  const open = createRepositories({ folder, projects, database, refs, guard, discoverBase: options.discoverBase })
  const url = options.url ?? (({ project, number }) => `signalbox:${project}/pull/${number}`)
  const pullRequests = createPullRequests({ database, outbox, now, url })
  const reviews = createReviews({ database, outbox, pullRequests })
  const checks = createChecks({ folder, projects, open })
  const records = createCheckRecords({ database, outbox, pullRequests })
  const { mergeable, ...landing } = createLanding({ open, pullRequests, refs, outbox, now })
  const { findConflict } = createSequencing({ open, pullRequests, reviewsOf: reviews.of, records })
  const compare = async (project: string) => checkRefs(await open(project), { database, refs, guard, now })
  const publisher = createPublisher({ open, refs, guard, outbox, pullRequests, records, isChecked: checks.isDeclared, compare })

  const adopt = createAdoption({ outbox, pullRequests, reviews, records, publisher, isOver: options.isOver ?? (() => false) })

  const toPending = (row: PullRequestRow): PendingCheck => ({
    project: row.project,
    issue: row.issue,
    number: row.number,
    headSha: row.head_sha,
    attempt: records.attempt(row),
  })

  async function publish(request: PublishInput, signal?: AbortSignal): Promise<PullRequest> {
    const { row, adopted } = await publisher.publish(request, signal)
    // Also when it was published before: a kill may have come between the commit and this line.
    if (row.state === 'open' && records.isPending(row)) await spawnCheck(toPending(row))
    return pullRequests.toPullRequest(row, adopted)
  }

  /** Also when it was asked before: a pull request that is so already, has moved on or has landed stays as it is. */
  async function decidePublication({ project, number, headSha, wanted }: Parameters<Forge['decidePublication']>[0]): Promise<void> {
    outbox.transaction(() => {
      const row = pullRequests.byNumber(project, number)
      const [from, to, type] = wanted ? (['closed', 'open', 'pr.reopened'] as const) : (['open', 'closed', 'pr.closed'] as const)
      if (row === undefined || row.state !== from || row.head_sha !== headSha) return
      row.state = to
      pullRequests.change(row, [pullRequests.about(row, type, 'self')])
    })
  }

  function change(target: { project: string; number: number }, from: 'open' | 'closed', to: 'open' | 'closed', type: string): void {
    outbox.transaction(() => {
      const row = pullRequests.need(target.project, target.number)
      if (row.state === to) return
      if (row.state !== from)
        throw new FatalError('pull-request-closed', `Pull request #${row.number} is ${row.state}: it cannot be ${to}.`)
      row.state = to
      pullRequests.change(row, [pullRequests.about(row, type, 'operator')])
    })
  }

  async function facts(request: Parameters<Forge['facts']>[0]): Promise<PullRequestFacts | null> {
    const { project, issue, number, branch } = request
    const row =
      number === null ? (pullRequests.byBranch(project, branch) ?? pullRequests.byIssue(issue)) : pullRequests.byNumber(project, number)
    if (row === undefined) return null
    return {
      number: row.number,
      url: url(row),
      title: row.title,
      author: row.author,
      state: row.state,
      headSha: row.head_sha,
      headRef: row.head_ref,
      baseRef: row.base_ref,
      draft: row.draft === 1,
      mergedSha: row.merged_sha,
      mergeable: await mergeable(row),
      reviews: reviews.of(project, row.number),
      checks: records.of(row),
      queue: pullRequests.queue(row),
      patchId: row.patch_id,
      parent: pullRequests.parentOf(row),
      observedAt: row.updated_at,
    }
  }

  const runChecks = (project: string, commit: string, label: string, env: Record<string, string>, rest: object) =>
    checks.run({ project, commit, label, env, ...rest })

  return {
    kind: 'local',
    ...landing,
    publish,
    decidePublication,
    facts,
    findConflict,
    isInFlight: (project, branch) => pullRequests.openOn(project, branch) !== undefined,
    repository: open,
    review: reviews.add,
    submitReview({ project, issue, runId, reviewer, verdict, body, findings: comments, headSha }) {
      const row = pullRequests.byIssue(issue)
      if (row === undefined) return { counts: false }
      try {
        reviews.add({ project, number: row.number, reviewer, verdict, body, comments, headSha, source: 'agent', key: `${issue}/${runId}` })
        return { counts: true }
      } catch (error) {
        if (error instanceof FatalError && ['stale-head', 'pull-request-closed'].includes(error.code)) return { counts: false }
        throw error
      }
    },
    dismissReviews: reviews.dismiss,
    async pushHead(request) {
      const row = await publisher.pushHead(request)
      if (records.isPending(row)) await spawnCheck(toPending(row))
    },
    recordChecks: records.record,
    recordObstacle: records.obstacle,
    pendingChecks: () => records.pending(),
    refIncidents: refs.incidents,
    closePullRequest: (target) => change(target, 'open', 'closed', 'pr.closed'),
    reopenPullRequest: (target) => change(target, 'closed', 'open', 'pr.reopened'),

    async start() {
      await checks.clear()
      const incidents: RefIncident[] = []
      const failures: { project: string; error: unknown }[] = []
      for (const { id } of projects) {
        try {
          const repository = await open(id)
          await repository.syncBase()
          incidents.push(...(await compare(id)))
        } catch (error) {
          failures.push({ project: id, error })
        }
      }
      for (const check of records.pending()) await spawnCheck(check)
      return { incidents, failures }
    },

    async requestLanding(request) {
      const row = pullRequests.need(request.project, request.number)
      if (row.state === 'merged' && row.head_sha === request.headSha) return
      pullRequests.needHead(request.project, request.number, request.headSha)
      await options.requestQueue(request)
    },
    async rerunChecks(target) {
      if (!records.again(target)) return
      await spawnCheck(toPending(pullRequests.need(target.project, target.number)))
    },
    async deployment({ project, sha, signal }) {
      const { command, timeout, env } = projects.find(({ id }) => id === project)?.deploy ?? { command: null, timeout: 0, env: {} }
      if (command === null) throw new FatalError('no-deployment', `The project '${project}' declares no deploy.command any more.`)
      const other = { name: 'deploy', command: { command, timeout, env } }
      const { state, failures } = await checks.run({ project, commit: sha, label: `deploy-${sha.slice(0, 12)}`, other, signal })
      const [failure] = failures
      if (state === 'passed' || failure === undefined) return { state: 'succeeded', url: null, reason: '' }
      return { state: 'failed', url: failure.url, reason: failure.summary }
    },
    async adopt(request) {
      const { pullRequest, row } = await adopt(request)
      if (row.state === 'open' && records.isPending(row)) await spawnCheck(toPending(row))
      return pullRequest
    },
    refresh: async (project) => void (await (await open(project)).syncBase()),
    withdrawLanding: (request) => options.withdrawQueue(request),

    runChecks({ project, number, headSha, ...rest }) {
      const { head_ref: branch } = pullRequests.need(project, number)
      const env = { SIGNALBOX_PR: String(number), SIGNALBOX_BRANCH: branch }
      return runChecks(project, headSha, `${number}-${headSha.slice(0, 12)}`, env, rest)
    },
    async runCandidateChecks({ project, commit, ...rest }) {
      const { state, failures } = await runChecks(project, commit, `landing-${commit.slice(0, 12)}`, {}, rest)
      return { state, failures: failures.map((failure) => records.marked(project, failure)) }
    },

    pullRequestOf(issue) {
      const row = pullRequests.byIssue(issue)
      return row === undefined ? null : pullRequests.toPullRequest(row, true)
    },

    async checkRefs(project) {
      const incidents: RefIncident[] = []
      for (const { id } of projects) if (project === undefined || id === project) incidents.push(...(await compare(id)))
      return incidents
    },
  }
}

export type { CheckCommand, CheckFailure, CheckResult, PullRequestRow, RefIncident, ReviewRequest }
