// The checks of what our own landing queue is about to land: the candidate is pushed to a branch of its own, and what must pass is awaited there.

import type { ProjectConfig } from '../../../config.ts'
import { FatalError, RetryableError } from '../../../errors.ts'
import type { CheckFailure, LandingPlace } from '../../ports.ts'
import type { CheckRecords } from '../check-records.ts'
import type { Checks, CheckResult } from '../checks.ts'
import type { PullRequests } from '../pull-requests.ts'
import type { OpenRepository } from '../repository.ts'
import { lateLog, type Failures } from './failures.ts'
import type { LandingEffects } from '../landing.ts'
import type { LandingBranches } from './landing-branches.ts'
import type { Loader } from './loader.ts'
import { ownContext } from './own-check.ts'
import type { SeenContext } from './queries.ts'
import type { GithubRepositories } from './repositories.ts'
import type { RequiredChecks } from './required.ts'
import { nameOf, reportOf, settle, type Required } from './standing.ts'
import type { Watch } from './watch.ts'

/** Milliseconds in which something that is required must have been heard of: else no workflow runs on that branch. */
const hearing = 10 * 60_000
const longest = 3 * 3_600_000

export function createCandidateChecks(options: {
  repositories: GithubRepositories
  projects: readonly Pick<ProjectConfig, 'id' | 'branchPrefix' | 'checks'>[]
  open: OpenRepository
  landingBranches: LandingBranches
  mergedHead: LandingEffects['mergedHead']
  checks: Checks
  loader: Loader
  records: CheckRecords
  pullRequests: PullRequests
  required: RequiredChecks
  failures: Failures
  watch: Watch
  /** Milliseconds between two looks. */
  pause: number
  now: () => number
}): LandingPlace['runCandidateChecks'] {
  const { repositories, projects, open, landingBranches, mergedHead, checks, loader, records, pullRequests } = options
  const { required, failures, watch, pause, now } = options

  const marked = (project: string, result: CheckResult): CheckResult => ({
    ...result,
    failures: result.failures.map((failure) => records.marked(project, failure)),
  })

  /** What must pass: what the base requires, else whatever has been reported on the head that the candidate merges. */
  async function rulesOf(project: string, base: string, head: string | null): Promise<Required[]> {
    const rules = await required.of(project, base)
    if (rules !== null) return rules
    const row = pullRequests.inFlight(project).find(({ head_sha }) => head_sha === head)
    return row === undefined ? [] : records.of(row).names.map((name) => ({ name, app: null }))
  }

  /** Null while a log is still to come. The branch stays until then: if it were made anew, its checks would run once more. */
  const failuresOf = (project: string, failed: readonly SeenContext[]): Promise<CheckFailure[] | null> =>
    Promise.all(failed.map((context) => failures.of(project, context))).catch((error: unknown) => {
      if (error instanceof RetryableError && error.code === lateLog) return null
      throw error
    })

  async function awaitChecks(
    project: string,
    commit: string,
    branch: string,
    rules: Required[],
    outdated: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<CheckResult> {
    const self = await repositories.self()
    const queueCheck = projects.find(({ id }) => id === project)!.checks.queue
    const since = now()
    for (;;) {
      const all = await loader.contextsOf(project, commit, signal)
      const contexts = all.filter(
        (context) => !ownContext(context, self) && nameOf(context) !== queueCheck && !outdated.includes(reportOf(context)),
      )
      const { state, failed } = settle(contexts, rules, now() - since)
      if (state === 'passed') return { state, failures: [] }
      const found = state === 'failed' ? await failuresOf(project, failed) : null
      if (state === 'failed' && found !== null) return marked(project, { state, failures: found, reports: failed.map(reportOf) })
      const isHeard = contexts.some((context) => rules.some(({ name }) => name === nameOf(context)))
      const names = rules.map(({ name }) => name).join(', ')
      if (!isHeard && now() - since >= hearing)
        throw new FatalError(
          'environment',
          `Nothing has reported ${names} on ${branch}: let its workflow run for pushes to ${branch.replace(/[^/]*$/, '**')}.`,
        )
      if (now() - since >= longest)
        throw new FatalError('environment', `${names} did not end on ${branch} within ${longest / 60_000} minutes.`)
      await watch.wait(`commit ${commit}`, pause, signal)
    }
  }

  return async ({ project, commit, outdated = [], signal, onStart }) => {
    const label = `landing-${commit.slice(0, 12)}`
    if (checks.isDeclared(project)) return marked(project, await checks.run({ project, commit, label, env: {}, signal, onStart }))
    const repository = await open(project)
    const head = await mergedHead(repository, commit)
    const rules = await rulesOf(project, repository.base.name, head)
    if (rules.length === 0) return { state: 'passed', failures: [] }
    const number = pullRequests.inFlight(project).find(({ head_sha }) => head_sha === head)?.number ?? 0
    const { branchPrefix } = projects.find(({ id }) => id === project)!
    const branch = `${branchPrefix}/landing/${number}-${commit.slice(0, 10)}`
    return landingBranches.within(repository, branch, commit, () => awaitChecks(project, commit, branch, rules, outdated, signal))
  }
}
