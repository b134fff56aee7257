// How check runs, suites, statuses, workflow runs and their jobs are told.

import { accountJson, api, appJson, repoApi, repoHtml } from './account-json.ts'
import { minimalRepositoryJson, simpleCommitJson } from './repository-json.ts'
import { associatedPulls } from './repositories.ts'
import type { CheckRun, CheckSuite, Job, PullRequest, Repository, Status, Workflow, WorkflowRun, World } from './state.ts'
import { fullName, iso } from './state.ts'

const time = (at: number | undefined): string | null => (at === undefined ? null : iso(at))

/** The short form of the open pull requests whose head is this commit. */
function pullsOf(world: World, repository: Repository, branch: string, sha: string) {
  const end = (of: Repository, ref: string, head: string) => ({
    ref,
    sha: head,
    repo: { id: of.id, url: repoApi(world, of), name: of.name },
  })
  const brief = (pull: PullRequest) => ({
    url: `${repoApi(world, repository)}/pulls/${pull.number}`,
    id: pull.id,
    number: pull.number,
    head: end(pull.head.repository ?? repository, pull.head.branch, pull.head.sha),
    base: end(repository, pull.base.branch, pull.base.sha),
  })
  return associatedPulls(repository, branch)
    .filter((pull) => pull.head.sha === sha)
    .map(brief)
}

export function suiteStatus(suite: CheckSuite): { status: CheckRun['status']; conclusion: CheckRun['conclusion'] } {
  if (suite.checks.length === 0) return { status: 'queued', conclusion: null }
  if (suite.checks.some((check) => check.status !== 'completed')) {
    return { status: suite.checks.some((check) => check.status !== 'queued') ? 'in_progress' : 'queued', conclusion: null }
  }
  for (const conclusion of ['failure', 'timed_out', 'cancelled', 'action_required', 'stale'] as const) {
    if (suite.checks.some((check) => check.conclusion === conclusion)) return { status: 'completed', conclusion }
  }
  const all = (conclusion: string) => suite.checks.every((check) => check.conclusion === conclusion)
  return { status: 'completed', conclusion: all('skipped') ? 'skipped' : all('neutral') ? 'neutral' : 'success' }
}

export function checkRunJson(world: World, check: CheckRun) {
  const { repository } = check
  const url = `${repoApi(world, repository)}/check-runs/${check.id}`
  const html = `${repoHtml(world, repository)}/runs/${check.id}`
  return {
    id: check.id,
    name: check.name,
    node_id: check.nodeId,
    head_sha: check.sha,
    external_id: check.externalId,
    url,
    html_url: html,
    details_url: check.detailsUrl ?? html,
    status: check.status,
    conclusion: check.conclusion,
    started_at: iso(check.startedAt),
    completed_at: time(check.completedAt),
    output: {
      title: check.title,
      summary: check.summary,
      text: check.text,
      annotations_count: check.annotations.length,
      annotations_url: `${url}/annotations`,
    },
    check_suite: { id: check.suite.id },
    app: appJson(world, check.app),
    pull_requests: pullsOf(world, repository, check.suite.branch, check.sha),
  }
}

export function suiteJson(world: World, suite: CheckSuite) {
  const url = `${repoApi(world, suite.repository)}/check-suites/${suite.id}`
  return {
    id: suite.id,
    node_id: suite.nodeId,
    head_branch: suite.branch,
    head_sha: suite.sha,
    ...suiteStatus(suite),
    url,
    before: suite.before,
    after: suite.sha,
    pull_requests: pullsOf(world, suite.repository, suite.branch, suite.sha),
    app: appJson(world, suite.app),
    created_at: iso(suite.createdAt),
    updated_at: iso(suite.updatedAt),
    rerequestable: true,
    runs_rerequestable: true,
    latest_check_runs_count: suite.checks.length,
    check_runs_url: `${url}/check-runs`,
    head_commit: simpleCommitJson(suite.commit),
    repository: minimalRepositoryJson(world, suite.repository),
  }
}

export function statusJson(world: World, repository: Repository, status: Status) {
  return {
    url: `${repoApi(world, repository)}/statuses/${status.sha}`,
    avatar_url: `${world.origin}/avatars/u/${status.creator.id}`,
    id: status.id,
    node_id: status.nodeId,
    state: status.state,
    description: status.description,
    target_url: status.targetUrl,
    context: status.context,
    created_at: iso(status.at),
    updated_at: iso(status.at),
    creator: accountJson(world, status.creator),
  }
}

export function workflowJson(world: World, repository: Repository, workflow: Workflow) {
  const url = `${repoApi(world, repository)}/actions/workflows/${workflow.id}`
  return {
    id: workflow.id,
    node_id: workflow.nodeId,
    name: workflow.name,
    path: workflow.path,
    state: 'active',
    created_at: iso(repository.createdAt),
    updated_at: iso(repository.createdAt),
    url,
    html_url: `${repoHtml(world, repository)}/blob/${repository.defaultBranch}/${workflow.path}`,
    badge_url: `${repoHtml(world, repository)}/workflows/${encodeURIComponent(workflow.name)}/badge.svg`,
  }
}

export function workflowRunJson(world: World, run: WorkflowRun) {
  const { repository } = run
  const url = `${repoApi(world, repository)}/actions/runs/${run.id}`
  return {
    id: run.id,
    name: run.workflow.name,
    node_id: run.nodeId,
    check_suite_id: run.suite.id,
    check_suite_node_id: run.suite.nodeId,
    head_branch: run.branch,
    head_sha: run.sha,
    path: run.workflow.path,
    run_number: run.number,
    run_attempt: run.attempt,
    run_started_at: iso(run.createdAt),
    referenced_workflows: [],
    event: run.event,
    display_title: run.title,
    ...suiteStatus(run.suite),
    workflow_id: run.workflow.id,
    url,
    html_url: `${repoHtml(world, repository)}/actions/runs/${run.id}`,
    pull_requests: pullsOf(world, repository, run.branch, run.sha),
    created_at: iso(run.createdAt),
    updated_at: iso(run.updatedAt),
    actor: accountJson(world, run.actor),
    triggering_actor: accountJson(world, run.actor),
    jobs_url: `${url}/jobs`,
    logs_url: `${url}/logs`,
    check_suite_url: `${repoApi(world, repository)}/check-suites/${run.suite.id}`,
    artifacts_url: `${url}/artifacts`,
    cancel_url: `${url}/cancel`,
    rerun_url: `${url}/rerun`,
    previous_attempt_url: run.attempt > 1 ? `${url}/attempts/${run.attempt - 1}` : null,
    workflow_url: `${repoApi(world, repository)}/actions/workflows/${run.workflow.id}`,
    head_commit: simpleCommitJson(run.suite.commit),
    repository: minimalRepositoryJson(world, repository),
    head_repository: minimalRepositoryJson(world, repository),
  }
}

export function jobJson(world: World, job: Job) {
  const { run, check } = job
  const url = `${repoApi(world, run.repository)}/actions/jobs/${job.id}`
  return {
    id: job.id,
    run_id: run.id,
    workflow_name: run.workflow.name,
    head_branch: run.branch,
    run_url: `${repoApi(world, run.repository)}/actions/runs/${run.id}`,
    run_attempt: job.attempt,
    node_id: check.nodeId,
    head_sha: run.sha,
    url,
    html_url: `${world.origin}/${fullName(run.repository)}/actions/runs/${run.id}/job/${job.id}`,
    status: check.status,
    conclusion: check.conclusion,
    created_at: iso(check.startedAt),
    started_at: iso(check.startedAt),
    completed_at: time(check.completedAt),
    name: job.plan.name,
    steps: job.steps.map((step, index) => ({
      name: step.name,
      status: check.status,
      conclusion: check.status === 'completed' ? step.conclusion : null,
      number: index + 1,
      started_at: iso(check.startedAt),
      completed_at: time(check.completedAt),
    })),
    check_run_url: `${api(world)}/repos/${fullName(run.repository)}/check-runs/${check.id}`,
    labels: ['ubuntu-latest'],
    runner_id: 1,
    runner_name: 'twin-1',
    runner_group_id: 1,
    runner_group_name: 'Default',
  }
}
