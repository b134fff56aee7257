// Actions: the workflow runs that a repository's CI function asks for, with jobs, steps, annotations and logs.

import { jobJson, workflowJson, workflowRunJson } from './check-json.ts'
import { createCheckRun, createSuite, tellCheck, updateCheckRun } from './checks.ts'
import { announce } from './events.ts'
import { repoHtml } from './account-json.ts'
import type { Account, CheckPlan, CheckRun, CiEvent, Conclusion, Job, Repository, Workflow, WorkflowRun, World } from './state.ts'
import { Refusal, fullName, nodeId } from './state.ts'

/** Asks the repository's CI function about a commit, and runs what it says. */
export function runCi(world: World, repository: Repository, sha: string, event: CiEvent, actor: Account): void {
  const { ci } = repository
  if (ci === undefined) return
  world.background(async () => {
    const plans = await ci(sha, await repository.git.reader(sha), event)
    for (const [name, jobs] of Map.groupBy(plans, ({ workflow }) => workflow)) {
      const workflow = ensureWorkflow(world, repository, name, jobs[0]!.source)
      if (!world.closed) await startRun(world, repository, sha, event, { workflow, jobs, actor })
    }
  })
}

export function ensureWorkflow(world: World, repository: Repository, name = 'CI', source = fullName(repository)): Workflow {
  const path = `.github/workflows/${name.toLowerCase()}.yml`
  const key = source === fullName(repository) ? path : `${source}/${path}`
  const known = repository.workflows.get(key)
  if (known !== undefined) return known
  const id = world.nextId()
  const workflow: Workflow = { id, nodeId: nodeId('W', id), name, path, source, runs: [] }
  repository.workflows.set(key, workflow)
  return workflow
}

async function startRun(
  world: World,
  repository: Repository,
  sha: string,
  event: CiEvent,
  { workflow, jobs, actor }: { workflow: Workflow; jobs: CheckPlan[]; actor: Account },
): Promise<void> {
  const suite = await createSuite(world, repository, world.actions, sha, event.branch, true)
  const id = world.nextId()
  const now = world.clock.now()
  const run: WorkflowRun = {
    id,
    nodeId: nodeId('WFR', id),
    repository,
    workflow,
    suite,
    event: event.event,
    branch: event.branch,
    sha,
    number: workflow.runs.length + 1,
    attempt: 1,
    actor,
    createdAt: now,
    updatedAt: now,
    title: suite.commit.message.split('\n')[0]!,
    jobs: [],
  }
  suite.run = run
  workflow.runs.push(run)
  repository.runs.set(id, run)
  tellRun(world, run, 'requested')
  tellRun(world, run, 'in_progress')
  for (const plan of jobs) startJob(world, run, plan)
}

function startJob(world: World, run: WorkflowRun, plan: CheckPlan): void {
  const check = createCheckRun(world, run.suite, { name: plan.name, status: 'in_progress' })
  check.detailsUrl = `${repoHtml(world, run.repository)}/actions/runs/${run.id}/job/${check.id}`
  const failing = plan.flaky === true && run.attempt === 1
  const conclusion: Conclusion = failing ? 'failure' : plan.flaky === true ? 'success' : (plan.conclusion ?? 'success')
  const steps = (plan.steps ?? [{ name: 'Set up job', conclusion: 'success' }, { name: plan.name }]).map((step) => ({
    name: step.name,
    conclusion: step.conclusion ?? conclusion,
  }))
  const job: Job = { id: check.id, run, check, plan, attempt: run.attempt, steps }
  run.jobs.push(job)
  run.repository.jobs.set(job.id, job)
  tellJob(world, job, 'queued')
  tellJob(world, job, 'in_progress')
  const finish = () => {
    if (world.closed) return
    const failed = conclusion !== 'success'
    updateCheckRun(world, check, {
      conclusion,
      // Actions gives its jobs no title.
      title: null,
      summary: plan.summary ?? null,
      annotations: failed ? (plan.annotations ?? []) : [],
    })
    run.updatedAt = world.clock.now()
    tellJob(world, job, 'completed')
    if (run.suite.checks.every((each) => each.status === 'completed')) tellRun(world, run, 'completed')
  }
  const delay = plan.delay ?? 0
  if (delay > 0) world.clock.after(delay, finish)
  else finish()
}

/** Runs jobs of a run again: the check runs of the attempt before stay, and new ones of the same names take their place. */
export function rerun(world: World, run: WorkflowRun, jobs: Job[]): void {
  if (run.suite.checks.some((check) => check.status !== 'completed')) {
    throw new Refusal(403, `The workflow run containing this job is already running`)
  }
  run.attempt += 1
  run.updatedAt = world.clock.now()
  const again = new Set(jobs)
  const old = new Set<CheckRun>(jobs.map((job) => job.check))
  run.jobs = run.jobs.filter((job) => !again.has(job))
  run.suite.checks = run.suite.checks.filter((check) => !old.has(check))
  tellRun(world, run, 'requested')
  for (const job of jobs) startJob(world, run, job.plan)
}

/** What a check's button does: an App's own check run is asked for again, a job of Actions is run. */
export function rerequest(world: World, check: CheckRun): void {
  const job = check.repository.jobs.get(check.id)
  if (job === undefined) tellCheck(world, check, 'rerequested')
  else rerun(world, job.run, [job])
}

export const failedJobs = (run: WorkflowRun): Job[] =>
  run.jobs.filter((job) => job.check.status === 'completed' && job.check.conclusion !== 'success')

/** The log of a job as Actions keeps it: a time before every line. */
export function logOf(job: Job): string {
  const at = new Date(job.check.startedAt).toISOString().replace('Z', '0000Z')
  const text = job.plan.log ?? `${job.plan.name}: ${job.check.conclusion ?? 'running'}\n`
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `${at} ${line}`))
    .join('\n')
}

function tellRun(world: World, run: WorkflowRun, action: 'requested' | 'in_progress' | 'completed'): void {
  announce(world, run.repository, 'workflow_run', action, run.actor, () => ({
    workflow: workflowJson(world, run.repository, run.workflow),
    // A run that has just been asked for has no jobs yet, whose state would be its own.
    workflow_run: { ...workflowRunJson(world, run), ...(action === 'completed' ? {} : { status: action, conclusion: null }) },
  }))
}

function tellJob(world: World, job: Job, action: 'queued' | 'in_progress' | 'completed'): void {
  announce(world, job.run.repository, 'workflow_job', action, job.run.actor, () => {
    const told = jobJson(world, job)
    const state = action === 'queued' ? { status: 'queued', steps: [] } : {}
    return { workflow_job: { ...told, ...state } }
  })
}
