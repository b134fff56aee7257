// Runs red checks once more: the failed jobs of GitHub's own workflows, and the check suites of other Apps.

import { z } from 'zod'
import { FatalError, RetryableError } from '../../../errors.ts'
import type { PullRequests } from '../pull-requests.ts'
import { contextsOf } from './facts.ts'
import type { Loader } from './loader.ts'
import { ownContext } from './own-check.ts'
import type { SeenCheckRun } from './queries.ts'
import type { GithubRepositories } from './repositories.ts'
import type { RequiredChecks } from './required.ts'
import { countedOf, nameOf, standingOf } from './standing.ts'

const runSchema = z.object({ status: z.string().nullable() })
/** Milliseconds until a run that is not over is looked at again. */
const pause = 60_000

export function createReruns(options: {
  repositories: GithubRepositories
  loader: Loader
  pullRequests: PullRequests
  required: RequiredChecks
  queueCheck: (project: string) => string
}) {
  const { repositories, loader, pullRequests, required, queueCheck } = options

  /** Throws as the client, and RetryableError `github-run-under-way`. */
  return async function rerun({ project, number, headSha }: { project: string; number: number; headSha: string }): Promise<void> {
    const row = pullRequests.byNumber(project, number)
    if (row === undefined || row.state !== 'open' || row.head_sha !== headSha) return
    const seen = await loader.pullRequest(project, number)
    if (seen === null || seen.state !== 'OPEN' || seen.headRefOid !== headSha) return
    const self = await repositories.self()
    const place = await repositories.at(project)
    const { request } = repositories.client(project)
    const contexts = contextsOf(seen, headSha).filter((context) => !ownContext(context, self) && nameOf(context) !== queueCheck(project))
    // Whatever else is red keeps nothing from landing: it is neither run again nor waited for.
    const rules = await required.onHead(project, seen.baseRefName)
    // Of a workflow that is required any job may be the one.
    const red = countedOf(contexts, rules.workflows.length > 0 ? null : rules.checks).filter(
      (context): context is SeenCheckRun => context.__typename === 'CheckRun' && standingOf(context) === 'failed',
    )
    const workflows = new Set(red.flatMap(({ checkSuite: { workflowRun } }) => (workflowRun === null ? [] : [workflowRun.databaseId])))
    const suites = new Set(red.flatMap(({ checkSuite: { workflowRun, databaseId } }) => (workflowRun === null ? [databaseId] : [])))
    const runs = await Promise.all(
      [...workflows].map((run_id) =>
        request('GET /repos/{owner}/{repo}/actions/runs/{run_id}', { ...place, run_id }, runSchema, { what: `a run of #${number}` }),
      ),
    )
    // GitHub runs failed jobs again when the others of their run have ended. The other runs and suites wait with them: asked for now, they
    // would be asked for at each of the next times as well, if they fail again.
    const waiting = `The failed jobs of #${number} can run once more when the others of their run have ended.`
    if (runs.some(({ status }) => status !== 'completed')) throw new RetryableError('github-run-under-way', waiting, { retryAfter: pause })
    // One that runs already, by an earlier request of ours or by a person, is what was asked for.
    const unlessRunning = (error: unknown): void => {
      if (
        !(error instanceof FatalError) ||
        !/already running|in progress|cannot be retried|not rerequestable|already been/i.test(error.message)
      )
        throw error
    }
    for (const run_id of workflows)
      await request('POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs', { ...place, run_id }, z.unknown(), {
        what: `another run of the failed jobs of #${number}`,
      }).catch(unlessRunning)
    for (const check_suite_id of suites)
      await request('POST /repos/{owner}/{repo}/check-suites/{check_suite_id}/rerequest', { ...place, check_suite_id }, z.unknown(), {
        what: `another run of the checks of #${number}`,
      }).catch(unlessRunning)
  }
}
