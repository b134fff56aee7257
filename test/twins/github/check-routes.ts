// Operations on check runs, suites and statuses of commits.

import { rerequest } from './actions.ts'
import { checkRunJson, statusJson, suiteJson } from './check-json.ts'
import { repoApi } from './account-json.ts'
import { addStatus, createCheckRun, createSuite, latestChecks, latestStatuses, updateCheckRun } from './checks.ts'
import type { CheckInput } from './checks.ts'
import { minimalRepositoryJson } from './repository-json.ts'
import { commitOf } from './repository-routes.ts'
import { created, notFound, ok, optionalText, page, serveIn, text, timeOf } from './routing.ts'
import type { RepositoryCall } from './routing.ts'
import { Refusal } from './state.ts'
import type { Annotation, CheckRun, CheckStatus, Conclusion, Status } from './state.ts'

async function shaOf(call: RepositoryCall): Promise<string> {
  const name = call.params['ref'] ?? call.params['sha']!
  const sha = await commitOf(call.repository, name)
  if (sha === undefined) throw new Refusal(422, `No commit found for SHA: ${name}`)
  return sha
}

serveIn('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', 'checks:read', async (call) => {
  const { repository, query } = call
  const sha = await shaOf(call)
  const all = query.get('filter') === 'all' ? [...(repository.checks.get(sha) ?? [])] : latestChecks(repository, sha)
  const matches = (key: string, value: (check: CheckRun) => string) => (check: CheckRun) =>
    query.get(key) === null || query.get(key) === value(check)
  const found = all
    .filter(matches('check_name', (check) => check.name))
    .filter(matches('status', (check) => check.status))
    .filter(matches('app_id', (check) => String(check.app.id)))
    .reverse()
  return page(
    call,
    found,
    (check) => checkRunJson(call.world, check),
    (runs) => ({ total_count: found.length, check_runs: runs }),
  )
})

serveIn('GET /repos/{owner}/{repo}/commits/{ref}/check-suites', 'checks:read', async (call) => {
  const suites = call.repository.suites.get(await shaOf(call)) ?? []
  return page(
    call,
    suites,
    (suite) => suiteJson(call.world, suite),
    (told) => ({ total_count: suites.length, check_suites: told }),
  )
})

const CONCLUSIONS = new Set(['success', 'failure', 'neutral', 'cancelled', 'skipped', 'timed_out', 'action_required', 'stale'])

function checkInput(call: RepositoryCall): Partial<CheckInput> {
  const { body } = call
  const input: Partial<CheckInput> = {}
  const refuse = (field: string) => new Refusal(422, 'Validation Failed', [{ resource: 'CheckRun', field, code: 'invalid' }])
  const status = optionalText(call, 'status')
  const conclusion = optionalText(call, 'conclusion')
  if (status !== undefined) {
    if (!['queued', 'in_progress', 'completed'].includes(status)) throw refuse('status')
    input.status = status as CheckStatus
  }
  if (conclusion !== undefined) {
    if (!CONCLUSIONS.has(conclusion)) throw refuse('conclusion')
    input.conclusion = conclusion as Conclusion
  }
  if (status === 'completed' && conclusion === undefined) throw refuse('conclusion')
  const name = optionalText(call, 'name')
  if (name !== undefined) input.name = name
  const externalId = optionalText(call, 'external_id')
  if (externalId !== undefined) input.externalId = externalId
  const detailsUrl = optionalText(call, 'details_url')
  if (detailsUrl !== undefined) input.detailsUrl = detailsUrl
  const startedAt = timeOf(body['started_at'])
  if (startedAt !== undefined) input.startedAt = startedAt
  const completedAt = timeOf(body['completed_at'])
  if (completedAt !== undefined) input.completedAt = completedAt
  const output = body['output'] as Record<string, unknown> | undefined
  if (output !== undefined) {
    if (typeof output['summary'] !== 'string') throw refuse('output.summary')
    input.title = typeof output['title'] === 'string' ? output['title'] : null
    input.summary = output['summary']
    if (typeof output['text'] === 'string') input.text = output['text']
    const annotations = Array.isArray(output['annotations']) ? (output['annotations'] as Annotation[]) : []
    if (annotations.length > 50) throw new Refusal(422, 'Invalid request.\n\nNo more than 50 items are allowed; 51 were supplied.')
    input.annotations = annotations
  }
  return input
}

serveIn('POST /repos/{owner}/{repo}/check-runs', 'checks:write', async (call) => {
  const { world, repository, credential } = call
  if (credential.kind !== 'installation') throw new Refusal(403, 'You must authenticate via a GitHub App.')
  const sha = text(call, 'head_sha', 'CheckRun')
  const found = await commitOf(repository, sha)
  if (found === undefined) throw new Refusal(422, `No commit found for SHA: ${sha}`)
  const input = { ...checkInput(call), name: text(call, 'name', 'CheckRun') }
  const branch =
    [...repository.refs].find(([ref, at]) => at === found && ref.startsWith('refs/heads/'))?.[0].slice(11) ?? repository.defaultBranch
  const suite = await createSuite(world, repository, credential.token.installation!.app, found, branch, false)
  return created(checkRunJson(world, createCheckRun(world, suite, input)))
})

function checkOf(call: RepositoryCall): CheckRun {
  const check = call.repository.checkById.get(Number(call.params['check_run_id']))
  if (check === undefined) throw notFound()
  return check
}

serveIn('GET /repos/{owner}/{repo}/check-runs/{check_run_id}', 'checks:read', (call) => ok(checkRunJson(call.world, checkOf(call))))

serveIn('PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}', 'checks:write', (call) => {
  const check = checkOf(call)
  if (call.credential.kind !== 'installation' || call.credential.token.installation!.app !== check.app) {
    throw new Refusal(403, `Invalid app_id \`${call.credential.key}\` - check run can only be modified by the GitHub App that created it.`)
  }
  updateCheckRun(call.world, check, checkInput(call))
  return ok(checkRunJson(call.world, check))
})

serveIn('GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations', 'checks:read', (call) => {
  const check = checkOf(call)
  return page(call, check.annotations, (annotation) => ({
    path: annotation.path,
    start_line: annotation.start_line,
    end_line: annotation.end_line,
    start_column: null,
    end_column: null,
    annotation_level: annotation.annotation_level,
    title: annotation.title ?? null,
    message: annotation.message,
    raw_details: null,
    blob_href: `${repoApi(call.world, call.repository)}/contents/${annotation.path}?ref=${check.sha}`,
  }))
})

serveIn('GET /repos/{owner}/{repo}/commits/{ref}/statuses', 'statuses:read', async (call) => {
  const statuses = call.repository.statuses.get(await shaOf(call)) ?? []
  return page(call, statuses, (status) => statusJson(call.world, call.repository, status))
})

serveIn('GET /repos/{owner}/{repo}/commits/{ref}/status', 'statuses:read', async (call) => {
  const { world, repository } = call
  const sha = await shaOf(call)
  const statuses = latestStatuses(repository, sha)
  const any = (...states: Status['state'][]) => statuses.some((status) => states.includes(status.state))
  const url = `${repoApi(world, repository)}/commits/${sha}`
  return page(
    call,
    statuses,
    (status) => {
      const { creator: _creator, ...told } = statusJson(world, repository, status)
      return told
    },
    (told) => ({
      state: any('failure', 'error') ? 'failure' : statuses.length === 0 || any('pending') ? 'pending' : 'success',
      statuses: told,
      sha,
      total_count: statuses.length,
      repository: minimalRepositoryJson(world, repository),
      commit_url: url,
      url: `${url}/status`,
    }),
  )
})

serveIn('POST /repos/{owner}/{repo}/statuses/{sha}', 'statuses:write', async (call) => {
  const { world, repository } = call
  const sha = await shaOf(call)
  const state = text(call, 'state', 'Status')
  if (!['error', 'failure', 'pending', 'success'].includes(state))
    throw new Refusal(422, 'Validation Failed', [{ resource: 'Status', field: 'state', code: 'custom' }])
  const input = {
    state: state as Status['state'],
    context: optionalText(call, 'context') ?? 'default',
    description: optionalText(call, 'description') ?? null,
    targetUrl: optionalText(call, 'target_url') ?? null,
  }
  return created(statusJson(world, repository, await addStatus(world, repository, sha, input, call.actor())))
})

/** The App of the suite is asked to check once more. */
serveIn('POST /repos/{owner}/{repo}/check-suites/{check_suite_id}/rerequest', 'checks:write', (call) => {
  const id = Number(call.params['check_suite_id'])
  const suite = [...call.repository.suites.values()].flat().find((each) => each.id === id)
  if (suite === undefined) throw notFound()
  for (const check of suite.checks) rerequest(call.world, check)
  return created({})
})
