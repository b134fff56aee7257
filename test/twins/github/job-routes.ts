// Operations of Actions: workflow runs, their jobs, logs behind a link that expires, and running them again.

import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { ensureWorkflow, failedJobs, logOf, rerun } from './actions.ts'
import { jobJson, suiteStatus, workflowJson, workflowRunJson } from './check-json.ts'
import { created, notFound, ok, page, serveIn } from './routing.ts'
import type { Answer, RepositoryCall } from './routing.ts'
import { Refusal } from './state.ts'
import type { Job, WorkflowRun, World } from './state.ts'

function runPage(call: RepositoryCall, runs: WorkflowRun[]): Promise<Answer> {
  const { query } = call
  const wants = (key: string, ...values: (string | null)[]) => query.get(key) === null || values.includes(query.get(key))
  const found = runs
    .filter((run) => {
      const { status, conclusion } = suiteStatus(run.suite)
      return wants('head_sha', run.sha) && wants('branch', run.branch) && wants('event', run.event) && wants('status', status, conclusion)
    })
    .sort((a, b) => b.id - a.id)
  return page(
    call,
    found,
    (run) => workflowRunJson(call.world, run),
    (told) => ({ total_count: found.length, workflow_runs: told }),
  )
}

serveIn('GET /repos/{owner}/{repo}/actions/runs', 'actions:read', (call) => runPage(call, [...call.repository.runs.values()]))

function runOf(call: RepositoryCall): WorkflowRun {
  const run = call.repository.runs.get(Number(call.params['run_id']))
  if (run === undefined) throw notFound()
  return run
}

serveIn('GET /repos/{owner}/{repo}/actions/runs/{run_id}', 'actions:read', (call) => ok(workflowRunJson(call.world, runOf(call))))

serveIn('GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs', 'actions:read', (call) => {
  const run = runOf(call)
  const jobs = call.query.get('filter') === 'all' ? [...call.repository.jobs.values()].filter((job) => job.run === run) : run.jobs
  return page(
    call,
    jobs,
    (job) => jobJson(call.world, job),
    (told) => ({ total_count: jobs.length, jobs: told }),
  )
})

serveIn('POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs', 'actions:write', (call) => {
  const run = runOf(call)
  const jobs = failedJobs(run)
  if (jobs.length === 0) throw new Refusal(403, 'The workflow run cannot be retried because it has no failed jobs')
  rerun(call.world, run, jobs)
  return created({})
})

function jobOf(call: RepositoryCall): Job {
  const job = call.repository.jobs.get(Number(call.params['job_id']))
  if (job === undefined) throw notFound()
  return job
}

serveIn('GET /repos/{owner}/{repo}/actions/jobs/{job_id}', 'actions:read', (call) => ok(jobJson(call.world, jobOf(call))))

serveIn('POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun', 'actions:write', (call) => {
  const job = jobOf(call)
  rerun(call.world, job.run, [job])
  return created({})
})

/** A link is good for a minute, and only as it was given. */
const signatureOf = (id: string, until: string) => createHash('sha256').update(`twin:${id}:${until}`).digest('hex').slice(0, 32)

serveIn('GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs', 'actions:read', (call) => {
  const job = jobOf(call)
  if (job.check.status !== 'completed') throw notFound()
  if (call.world.clock.now() < job.check.completedAt! + (job.plan.logDelay ?? 0)) throw notFound()
  const until = String(call.world.clock.now() + 60_000)
  return {
    status: 302,
    headers: { Location: `${call.world.origin}/_logs/${call.repository.id}/${job.id}/${until}/${signatureOf(String(job.id), until)}` },
  }
})

/** Serves a log by its link, without credentials, as the storage behind Actions does. */
export function serveLog(world: World, path: string, response: ServerResponse): void {
  const [, , repository, id, until, signature] = path.split('/')
  const job = world.repositoryById.get(Number(repository))?.jobs.get(Number(id))
  const good = job !== undefined && signature === signatureOf(id!, until!) && Number(until) > world.clock.now()
  if (!good) {
    response.writeHead(403, { 'Content-Type': 'application/xml' }).end('<Error><Code>AuthenticationFailed</Code></Error>')
    return
  }
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' }).end(logOf(job))
}

serveIn('GET /repos/{owner}/{repo}/actions/workflows', 'actions:read', (call) => {
  ensureWorkflow(call.world, call.repository)
  const workflows = [...call.repository.workflows.values()]
  return page(
    call,
    workflows,
    (workflow) => workflowJson(call.world, call.repository, workflow),
    (told) => ({ total_count: workflows.length, workflows: told }),
  )
})

serveIn('GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs', 'actions:read', (call) => {
  const name = call.params['workflow_id']!
  const workflow = [...call.repository.workflows.values()].find((each) => String(each.id) === name || each.path.endsWith(`/${name}`))
  if (workflow === undefined) throw notFound()
  return runPage(call, workflow.runs)
})
