// Check runs in their suites and commit statuses, and what they come to for a commit.

import { checkRunJson, statusJson, suiteJson, suiteStatus } from './check-json.ts'
import { repoHtml } from './account-json.ts'
import { commitJson } from './repository-json.ts'
import { announce } from './events.ts'
import { autoMergeAfter } from './merging.ts'
import { queueAfterChecks } from './queue.ts'
import type { Account, Annotation, App, CheckRun, CheckStatus, CheckSuite, Conclusion, Repository, Status, World } from './state.ts'
import { ZERO, nodeId } from './state.ts'

/** The suite of an App for a commit; a workflow run has one of its own. */
export async function createSuite(
  world: World,
  repository: Repository,
  app: App,
  sha: string,
  branch: string,
  own: boolean,
): Promise<CheckSuite> {
  const commit = await repository.git.commit(sha)
  const suites = repository.suites.get(sha) ?? []
  repository.suites.set(sha, suites)
  const shared = own ? undefined : suites.find((suite) => suite.app === app && suite.run === undefined)
  if (shared !== undefined) return shared
  const id = world.nextId()
  const now = world.clock.now()
  const suite: CheckSuite = {
    id,
    nodeId: nodeId('CS', id),
    repository,
    app,
    sha,
    branch,
    before: commit.parents[0] ?? ZERO,
    createdAt: now,
    updatedAt: now,
    run: undefined,
    checks: [],
    commit,
  }
  suites.push(suite)
  return suite
}

export interface CheckInput {
  name: string
  status?: CheckStatus
  conclusion?: Conclusion
  startedAt?: number
  completedAt?: number
  externalId?: string
  detailsUrl?: string
  title?: string | null
  summary?: string | null
  text?: string | null
  annotations?: Annotation[]
}

export function createCheckRun(world: World, suite: CheckSuite, input: CheckInput): CheckRun {
  const { repository, sha } = suite
  const id = world.nextId()
  const check: CheckRun = {
    id,
    nodeId: nodeId('CR', id),
    repository,
    suite,
    app: suite.app,
    sha,
    name: input.name,
    status: 'queued',
    conclusion: null,
    startedAt: input.startedAt ?? world.clock.now(),
    completedAt: undefined,
    externalId: input.externalId ?? '',
    detailsUrl: input.detailsUrl,
    title: null,
    summary: null,
    text: null,
    annotations: [],
  }
  suite.checks.push(check)
  const checks = repository.checks.get(sha)
  if (checks === undefined) repository.checks.set(sha, [check])
  else checks.push(check)
  repository.checkById.set(id, check)
  world.nodes.set(check.nodeId, { kind: 'CheckRun', value: check })
  apply(world, check, input)
  tellCheck(world, check, 'created')
  if (check.status === 'completed') completed(world, check)
  return check
}

export function updateCheckRun(world: World, check: CheckRun, input: Partial<CheckInput>): void {
  const before = check.status
  apply(world, check, input)
  if (check.status === 'completed' && before !== 'completed') completed(world, check)
}

function apply(world: World, check: CheckRun, input: Partial<CheckInput>): void {
  const now = world.clock.now()
  if (input.name !== undefined) check.name = input.name
  if (input.externalId !== undefined) check.externalId = input.externalId
  if (input.detailsUrl !== undefined) check.detailsUrl = input.detailsUrl
  if (input.title !== undefined) check.title = input.title
  if (input.summary !== undefined) check.summary = input.summary
  if (input.text !== undefined) check.text = input.text
  // GitHub adds the annotations of an update to those that are there.
  check.annotations.push(...(input.annotations ?? []))
  if (input.status !== undefined) check.status = input.status
  if (input.conclusion !== undefined) {
    check.conclusion = input.conclusion
    check.status = 'completed'
    check.completedAt = input.completedAt ?? now
  } else if (check.status !== 'completed') {
    check.conclusion = null
    check.completedAt = undefined
  }
  check.suite.updatedAt = now
}

function completed(world: World, check: CheckRun): void {
  tellCheck(world, check, 'completed')
  const { suite } = check
  if (suiteStatus(suite).status === 'completed') {
    announce(world, suite.repository, 'check_suite', 'completed', suite.app.bot, () => ({ check_suite: suiteDelivery(world, suite) }))
  }
  afterVerdict(world, suite.repository, suite.sha)
}

function suiteDelivery(world: World, suite: CheckSuite) {
  const { repository: _repository, ...told } = suiteJson(world, suite)
  return told
}

export function tellCheck(world: World, check: CheckRun, action: 'created' | 'completed' | 'rerequested'): void {
  announce(world, check.repository, 'check_run', action, check.app.bot, () => ({
    check_run: { ...checkRunJson(world, check), check_suite: suiteDelivery(world, check.suite) },
  }))
}

/** What waits for checks looks again: the merge queue and automatic merges. */
export function afterVerdict(world: World, repository: Repository, sha: string): void {
  world.background(async () => {
    await queueAfterChecks(world, repository, sha)
    await autoMergeAfter(world, repository, sha)
  })
}

export async function addStatus(
  world: World,
  repository: Repository,
  sha: string,
  input: Pick<Status, 'context' | 'state' | 'description' | 'targetUrl'>,
  creator: Account,
): Promise<Status> {
  const commit = await repository.git.commit(sha)
  const id = world.nextId()
  const status: Status = { id, nodeId: nodeId('SC', id), sha, creator, at: world.clock.now(), ...input }
  const statuses = repository.statuses.get(sha)
  // The newest first, as GitHub lists them.
  if (statuses === undefined) repository.statuses.set(sha, [status])
  else statuses.unshift(status)
  const branches = [...repository.refs]
    .filter(([ref, at]) => at === sha && ref.startsWith('refs/heads/'))
    .slice(0, 10)
    .map(([ref]) => ({ name: ref.slice(11), commit: { sha, url: `${repoHtml(world, repository)}/commit/${sha}` }, protected: false }))
  announce(world, repository, 'status', undefined, creator, () => {
    const told = statusJson(world, repository, status)
    return {
      id: status.id,
      sha,
      name: `${repository.owner.login}/${repository.name}`,
      avatar_url: told.avatar_url,
      target_url: status.targetUrl,
      context: status.context,
      description: status.description,
      state: status.state,
      commit: commitJson(world, repository, commit),
      branches,
      created_at: told.created_at,
      updated_at: told.updated_at,
    }
  })
  afterVerdict(world, repository, sha)
  return status
}

/** The newest check run of every name in each suite: a suite is one run of a workflow, or all that another App says. */
export function latestChecks(repository: Repository, sha: string): CheckRun[] {
  const newest = new Map<string, CheckRun>()
  for (const check of repository.checks.get(sha) ?? []) newest.set(`${check.suite.id}/${check.name}`, check)
  return [...newest.values()]
}

/** The newest status of every context. */
export function latestStatuses(repository: Repository, sha: string): Status[] {
  const newest = new Map<string, Status>()
  for (const status of repository.statuses.get(sha) ?? []) if (!newest.has(status.context)) newest.set(status.context, status)
  return [...newest.values()]
}

export type Verdict = 'success' | 'pending' | 'failure'

const PASSING = new Set<Conclusion | null>(['success', 'neutral', 'skipped'])

export function checkVerdict(check: CheckRun): Verdict {
  if (check.status !== 'completed') return 'pending'
  return PASSING.has(check.conclusion) ? 'success' : 'failure'
}

export const statusVerdict = (status: Status): Verdict => (status.state === 'error' ? 'failure' : status.state)

/** What all that is reported on a commit comes to, or undefined when nothing is. */
export function rollup(repository: Repository, sha: string): Verdict | undefined {
  const verdicts = [...latestChecks(repository, sha).map(checkVerdict), ...latestStatuses(repository, sha).map(statusVerdict)]
  if (verdicts.length === 0) return undefined
  return verdicts.includes('failure') ? 'failure' : verdicts.includes('pending') ? 'pending' : 'success'
}
