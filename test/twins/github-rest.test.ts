// Every REST operation of the twin is called once with the real client: its answers are held against the published schemas.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGithubWorld, SECRET } from './github-world.ts'
import type { GithubWorld } from './github-world.ts'
import { OPERATIONS } from './github/published.ts'
import { served } from './github/routing.ts'

let world: GithubWorld
let number: number
let head: string

beforeAll(async () => {
  world = await createGithubWorld()
  const { twin, repository, octokit, at } = world
  twin.ci(repository, () => [
    { name: 'lint' },
    {
      name: 'test',
      flaky: true,
      log: 'one\ntwo\n',
      annotations: [{ path: 'src/price.ts', start_line: 1, end_line: 1, annotation_level: 'failure', message: 'wrong price' }],
    },
  ])
  twin.protect(repository, 'main', { requiredChecks: [{ context: 'test' }], requiredApprovals: 1, dismissStale: true })
  twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'lint' }], requiredApprovals: 1 })
  head = await twin.as('alice').push(repository, 'change', { 'src/price.ts': 'export const price = 5\nexport const tax = 2\n' })
  const { data } = await octokit.pulls.create({ ...at, head: 'change', base: 'main', title: 'Change' })
  number = data.number
  await twin.settled()
})
afterAll(() => world.close())

const failing = async (call: Promise<unknown>) => {
  const error = (await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )) as { status: number; message: string; response?: { data: any } } | undefined
  return error === undefined ? undefined : { status: error.status, data: error.response?.data as Record<string, unknown> }
}

describe('the REST operations of the GitHub twin', () => {
  it('tell of the App, its installations and the caller', async () => {
    const { asApp, octokit, at, app, installation } = world
    expect((await asApp.apps.getAuthenticated()).data?.slug).toBe('signalbox')
    expect((await asApp.apps.listInstallations()).data.map((each) => each.id)).toEqual([installation.id])
    expect((await asApp.apps.getInstallation({ installation_id: installation.id })).data.account).toMatchObject({ login: 'acme' })
    expect((await asApp.apps.getRepoInstallation(at)).data.id).toBe(installation.id)
    expect((await asApp.apps.getWebhookConfigForApp()).data.url).toBe(app.hook!.url)
    const { data: token } = await asApp.apps.createInstallationAccessToken({
      installation_id: installation.id,
      repositories: ['shop'],
      permissions: { contents: 'read' },
    })
    expect(token.permissions).toEqual({ metadata: 'read', contents: 'read' })
    expect((await octokit.apps.listReposAccessibleToInstallation()).data.repositories.map((each) => each.full_name)).toEqual(['acme/shop'])
    expect((await octokit.meta.get()).data.hooks).toEqual(['127.0.0.0/8'])
    expect((await octokit.rateLimit.get()).data.resources.core.limit).toBe(15_000)
    expect((await world.user('alice').users.getAuthenticated()).data.login).toBe('alice')
    expect((await octokit.users.getByUsername({ username: 'signalbox[bot]' })).data.type).toBe('Bot')
  })

  it('tell of a repository, its branches, rules, refs and commits', async () => {
    const { octokit, at, repository } = world
    const { data: told } = await octokit.repos.get(at)
    expect(told.default_branch).toBe('main')
    expect((await octokit.request('GET /repositories/{id}', { id: told.id })).data.full_name).toBe('acme/shop')
    const { data: branch } = await octokit.repos.getBranch({ ...at, branch: 'main' })
    expect(branch.protection.required_status_checks?.contexts).toEqual(['test'])
    const { data: rules } = await octokit.repos.getBranchRules({ ...at, branch: 'main' })
    const [required] = rules.filter(({ type }) => type === 'required_status_checks')
    const { data: ruleset } = await octokit.repos.getRepoRuleset({ ...at, ruleset_id: required!.ruleset_id! })
    expect(ruleset).toMatchObject({ enforcement: 'active', conditions: { ref_name: { include: ['refs/heads/main'] } } })
    expect(rules.map((rule) => rule.type)).toEqual(['non_fast_forward', 'deletion', 'required_status_checks', 'pull_request'])
    expect(await failing(octokit.repos.getBranchProtection({ ...at, branch: 'main' }))).toMatchObject({
      status: 403,
      data: { message: 'Resource not accessible by integration' },
    })
    expect(
      (await world.user('root').repos.getBranchProtection({ ...at, branch: 'main' })).data.required_pull_request_reviews
        ?.required_approving_review_count,
    ).toBe(1)
    const { data: ref } = await octokit.git.getRef({ ...at, ref: 'heads/main' })
    await octokit.git.createRef({ ...at, ref: 'refs/heads/other', sha: ref.object.sha })
    await octokit.git.updateRef({ ...at, ref: 'heads/other', sha: head })
    expect((await octokit.git.getRef({ ...at, ref: 'heads/other' })).data.object.sha).toBe(head)
    expect(await failing(octokit.git.updateRef({ ...at, ref: 'heads/other', sha: ref.object.sha }))).toMatchObject({
      status: 422,
      data: { message: 'Update is not a fast forward' },
    })
    await octokit.git.deleteRef({ ...at, ref: 'heads/other' })
    expect(repository.refs.has('refs/heads/other')).toBe(false)
    const { data: commit } = await octokit.repos.getCommit({ ...at, ref: 'change' })
    expect(commit.files?.map((file) => [file.filename, file.status, file.additions, file.deletions])).toEqual([
      ['src/price.ts', 'modified', 1, 1],
    ])
    const { data: comparison } = await octokit.repos.compareCommitsWithBasehead({ ...at, basehead: 'main...change' })
    expect(comparison).toMatchObject({ status: 'ahead', ahead_by: 1, behind_by: 0 })
    expect((await octokit.repos.getCollaboratorPermissionLevel({ ...at, username: 'rita' })).data.permission).toBe('read')
  })

  it('list, change and review a pull request', async () => {
    const { octokit, at, twin } = world
    const pull = { ...at, pull_number: number }
    expect((await octokit.pulls.list({ ...at, head: 'acme:change', base: 'main' })).data.map((each) => each.number)).toEqual([number])
    expect((await octokit.pulls.list({ ...at, state: 'closed' })).data).toEqual([])
    expect((await octokit.pulls.get(pull)).data.mergeable_state).toBe('blocked')
    expect((await octokit.pulls.update({ ...pull, title: 'Changed', body: 'why' })).data.title).toBe('Changed')
    expect((await octokit.pulls.listFiles(pull)).data[0]?.patch).toMatch(
      /^@@ -1,2 \+1,2 @@\n-export const price = 1\n\+export const price = 5/,
    )
    expect((await octokit.pulls.listCommits(pull)).data.map((each) => each.sha)).toEqual([head])
    expect(
      (await octokit.pulls.requestReviewers({ ...pull, reviewers: ['alice'] })).data.requested_reviewers?.map((each) => each.login),
    ).toEqual(['alice'])
    expect((await octokit.pulls.removeRequestedReviewers({ ...pull, reviewers: ['alice'] })).data.requested_reviewers).toEqual([])
    const alice = world.user('alice')
    const { data: review } = await alice.pulls.createReview({
      ...pull,
      event: 'REQUEST_CHANGES',
      body: 'No.',
      comments: [{ path: 'src/price.ts', line: 1, body: 'Why five?' }],
    })
    expect((await octokit.pulls.listReviews(pull)).data.map((each) => [each.user?.login, each.state])).toEqual([
      ['alice', 'CHANGES_REQUESTED'],
    ])
    expect((await octokit.pulls.getReview({ ...pull, review_id: review.id })).data.body).toBe('No.')
    const { data: comments } = await octokit.pulls.listCommentsForReview({ ...pull, review_id: review.id })
    expect(comments.map((each) => each.body)).toEqual(['Why five?'])
    const { data: line } = await alice.pulls.createReviewComment({
      ...pull,
      path: 'src/price.ts',
      line: 2,
      body: 'And this?',
      commit_id: head,
    })
    await octokit.pulls.createReplyForReviewComment({ ...pull, comment_id: line.id, body: 'Unchanged.' })
    expect((await octokit.reactions.createForPullRequestReviewComment({ ...at, comment_id: line.id, content: 'eyes' })).status).toBe(201)
    const { data: all } = await octokit.pulls.listReviewComments(pull)
    const { data: everywhere } = await octokit.pulls.listReviewCommentsForRepo({ ...at, sort: 'updated', direction: 'desc' })
    expect(everywhere.map(({ id }) => id).toSorted()).toEqual(all.map(({ id }) => id).toSorted())
    expect(all.map((each) => [each.body, each.in_reply_to_id])).toEqual([
      ['Why five?', undefined],
      ['And this?', undefined],
      ['Unchanged.', line.id],
    ])
    expect((await world.user('root').pulls.dismissReview({ ...pull, review_id: review.id, message: 'Settled.' })).data.state).toBe(
      'DISMISSED',
    )
    expect(await failing(octokit.pulls.createReview({ ...pull, event: 'APPROVE' }))).toMatchObject({
      status: 422,
      data: { errors: ['Can not approve your own pull request'] },
    })
    expect(
      await failing(alice.pulls.createReviewComment({ ...pull, path: 'README.md', line: 1, body: 'x', commit_id: head })),
    ).toMatchObject({ status: 422 })
    await twin.settled()
  })

  it('hold the conversation and the labels', async () => {
    const { octokit, at } = world
    const issue = { ...at, issue_number: number }
    const { data: comment } = await octokit.issues.createComment({ ...issue, body: 'Hello' })
    expect(comment.performed_via_github_app?.slug).toBe('signalbox')
    expect((await octokit.issues.updateComment({ ...at, comment_id: comment.id, body: 'Hello!' })).data.body).toBe('Hello!')
    expect((await octokit.issues.listComments(issue)).data.map((each) => each.body)).toEqual(['Hello!'])
    expect((await octokit.issues.listCommentsForRepo({ ...at, since: '2000-01-01T00:00:00Z' })).data).toHaveLength(1)
    expect((await octokit.issues.listCommentsForRepo({ ...at, since: '2999-01-01T00:00:00Z' })).data).toHaveLength(0)
    expect((await octokit.reactions.createForIssueComment({ ...at, comment_id: comment.id, content: 'eyes' })).status).toBe(201)
    expect((await octokit.reactions.createForIssueComment({ ...at, comment_id: comment.id, content: 'eyes' })).status).toBe(200)
    await octokit.issues.addLabels({ ...issue, labels: ['queue', 'fast'] })
    await octokit.issues.removeLabel({ ...issue, name: 'fast' })
    expect((await octokit.issues.listLabelsOnIssue(issue)).data.map((each) => each.name)).toEqual(['queue'])
  })

  it('report and tell checks, suites and statuses', async () => {
    const { octokit, at } = world
    const ref = { ...at, ref: head }
    const { data: check } = await octokit.checks.create({ ...at, name: 'signalbox', head_sha: head, status: 'in_progress' })
    await octokit.checks.update({ ...at, check_run_id: check.id, conclusion: 'success', output: { title: 'Done', summary: 'All well' } })
    expect((await octokit.checks.get({ ...at, check_run_id: check.id })).data).toMatchObject({ status: 'completed', conclusion: 'success' })
    const { data: runs } = await octokit.checks.listForRef(ref)
    expect(runs.check_runs.map((each) => each.name).sort()).toEqual(['lint', 'signalbox', 'test'])
    const failed = runs.check_runs.find((each) => each.name === 'test')!
    expect((await octokit.checks.listAnnotations({ ...at, check_run_id: failed.id })).data.map((each) => each.message)).toEqual([
      'wrong price',
    ])
    const { data: suites } = await octokit.checks.listSuitesForRef(ref)
    expect(suites.total_count).toBe(2)
    const own = suites.check_suites.find(({ app }) => app?.slug === 'signalbox')!
    expect((await octokit.checks.rerequestSuite({ ...at, check_suite_id: own.id })).status).toBe(201)
    await octokit.repos.createCommitStatus({ ...at, sha: head, state: 'pending', context: 'preview' })
    await octokit.repos.createCommitStatus({ ...at, sha: head, state: 'success', context: 'preview', target_url: 'https://example.com' })
    expect((await octokit.repos.getCombinedStatusForRef(ref)).data).toMatchObject({ state: 'success', total_count: 1 })
    expect((await octokit.repos.listCommitStatusesForRef(ref)).data.map((each) => each.state)).toEqual(['success', 'pending'])
    expect(await failing(world.user('alice').checks.create({ ...at, name: 'x', head_sha: head }))).toMatchObject({ status: 403 })
  })

  it('tell workflow runs with jobs and logs, and run what failed again', async () => {
    const { octokit, at, twin } = world
    const { data: list } = await octokit.actions.listWorkflowRunsForRepo({ ...at, head_sha: head, event: 'pull_request', branch: 'change' })
    expect(list.workflow_runs.map((run) => [run.event, run.conclusion])).toEqual([['pull_request', 'failure']])
    const run = { ...at, run_id: list.workflow_runs[0]!.id }
    expect((await octokit.actions.getWorkflowRun(run)).data.run_attempt).toBe(1)
    const { data: jobs } = await octokit.actions.listJobsForWorkflowRun(run)
    const job = jobs.jobs.find((each) => each.conclusion === 'failure')!
    expect(job.steps?.map((step) => step.conclusion)).toEqual(['success', 'failure'])
    expect((await octokit.actions.getJobForWorkflowRun({ ...at, job_id: job.id })).data.name).toBe('test')
    const log = await octokit.actions.downloadJobLogsForWorkflowRun({ ...at, job_id: job.id })
    expect(String(log.data)).toMatch(/Z one\n.*Z two\n$/)
    await octokit.actions.reRunWorkflowFailedJobs(run)
    await twin.settled()
    const { data: again } = await octokit.actions.getWorkflowRun(run)
    expect(again).toMatchObject({ run_attempt: 2, conclusion: 'success' })
    const { data: newer } = await octokit.actions.listJobsForWorkflowRun(run)
    await octokit.actions.reRunJobForWorkflowRun({ ...at, job_id: newer.jobs[0]!.id })
    await twin.settled()
    expect((await octokit.actions.listRepoWorkflows(at)).data.workflows.map((each) => each.path)).toEqual(['.github/workflows/ci.yml'])
    expect((await octokit.actions.listWorkflowRuns({ ...at, workflow_id: 'ci.yml' })).data.total_count).toBe(1)
  })

  it('make hooks of a repository, and list and repeat the deliveries of both kinds', async () => {
    const { asApp, at, receiver, twin } = world
    const root = world.user('root')
    const { data: hook } = await root.repos.createWebhook({
      ...at,
      config: { url: `${receiver.url}/own`, secret: SECRET, content_type: 'json' },
      events: ['push'],
    })
    expect((await root.repos.listWebhooks(at)).data).toHaveLength(1)
    await twin.settled()
    const own = { ...at, hook_id: hook.id }
    const { data: pings } = await root.repos.listWebhookDeliveries(own)
    expect(pings.map((each) => [each.event, each.status])).toEqual([['ping', 'OK']])
    expect((await root.repos.getWebhookDelivery({ ...own, delivery_id: pings[0]!.id })).data.request.payload).toMatchObject({
      hook_id: hook.id,
    })
    await root.repos.redeliverWebhookDelivery({ ...own, delivery_id: pings[0]!.id })
    await twin.settled()
    expect((await root.repos.listWebhookDeliveries(own)).data.map((each) => [each.guid, each.redelivery])).toEqual([
      [pings[0]!.guid, true],
      [pings[0]!.guid, false],
    ])
    const first = await asApp.apps.listWebhookDeliveries({ per_page: 2 })
    const cursor = /cursor=(\d+)/.exec(String(first.headers.link))![1]!
    const second = await asApp.apps.listWebhookDeliveries({ per_page: 2, cursor })
    expect(second.data[0]!.id).toBeLessThan(first.data[1]!.id)
    expect((await asApp.apps.getWebhookDelivery({ delivery_id: first.data[0]!.id })).data.guid).toBe(first.data[0]!.guid)
    await asApp.apps.redeliverWebhookDelivery({ delivery_id: first.data[0]!.id })
    await twin.settled()
    expect(receiver.received.filter((each) => each.guid === first.data[0]!.guid)).toHaveLength(2)
  })

  it('merge, once what the branch asks for is there', async () => {
    const { octokit, at, twin, repository } = world
    const pull = { ...at, pull_number: number }
    expect(await failing(octokit.pulls.merge(pull))).toMatchObject({
      status: 405,
      data: { message: expect.stringContaining('approving review') as string },
    })
    await twin.as('rita').approve(repository.pulls.get(number)!)
    expect(await failing(octokit.pulls.merge(pull))).toMatchObject({ status: 405 })
    await twin.as('alice').approve(repository.pulls.get(number)!)
    expect(await failing(octokit.pulls.merge({ ...pull, sha: 'f'.repeat(40) }))).toMatchObject({ status: 409 })
    expect((await octokit.pulls.merge({ ...pull, merge_method: 'squash' })).data.merged).toBe(true)
    expect(await failing(octokit.pulls.merge(pull))).toMatchObject({ status: 405 })
    await twin.settled()
  })

  it('refuse as GitHub does', async () => {
    const { octokit, at, twin, repository } = world
    await twin.as('alice').push(repository, 'second', { 'a.txt': 'a\n' })
    await octokit.pulls.create({ ...at, head: 'second', base: 'main', title: 'Second' })
    const again = await failing(octokit.pulls.create({ ...at, head: 'second', base: 'main', title: 'Second' }))
    expect(again).toMatchObject({
      status: 422,
      data: { message: 'Validation Failed', errors: [{ message: 'A pull request already exists for acme:second.' }] },
    })
    await octokit.git.createRef({ ...at, ref: 'refs/heads/same', sha: repository.refs.get('refs/heads/main')! })
    const none = await failing(octokit.pulls.create({ ...at, head: 'same', base: 'main', title: 'Nothing' }))
    expect(none).toMatchObject({ status: 422, data: { errors: [{ message: 'No commits between main and same' }] } })
    expect(await failing(octokit.pulls.create({ ...at, head: 'nowhere', base: 'main', title: 'Nothing' }))).toMatchObject({
      status: 422,
      data: { errors: [{ field: 'head', code: 'invalid' }] },
    })
    expect(await failing(octokit.repos.get({ owner: 'acme', repo: 'hidden' }))).toMatchObject({ status: 404 })
    expect(await failing(world.user('stranger').repos.get(at))).toMatchObject({ status: 404, data: { message: 'Not Found' } })
    await twin.settled()
  })

  it('are all there, and all were called here', () => {
    expect(served().sort()).toEqual([...OPERATIONS].sort())
    const called = new Set(world.twin.requests.filter((each) => (each.status ?? 0) < 400).map((each) => `${each.method} ${each.route}`))
    expect(OPERATIONS.filter((operation) => !called.has(operation))).toEqual([])
  })
})
