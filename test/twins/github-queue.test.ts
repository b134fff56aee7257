// What branches ask for: protection against pushes, reviews that count, automatic merges and the merge queue, on virtual time.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGithubWorld } from './github-world.ts'
import type { GithubWorld } from './github-world.ts'
import { createVirtualClock } from './clock.ts'
import type { VirtualClock } from './clock.ts'
import type { CheckPlan, PullRequest } from './github.ts'

let world: GithubWorld
let clock: VirtualClock
beforeEach(async () => {
  clock = createVirtualClock(Date.parse('2026-01-01T00:00:00Z'))
  world = await createGithubWorld({ twin: { clock }, repository: { settings: { autoMerge: true } } })
})
afterEach(() => world.close())

async function open(branch: string, files: Record<string, string> = { [`${branch}.txt`]: `${branch}\n` }): Promise<PullRequest> {
  const { twin, repository, octokit, at } = world
  await twin.as('alice').push(repository, branch, files)
  const { data } = await octokit.pulls.create({ ...at, head: branch, base: 'main', title: branch })
  await twin.settled()
  return repository.pulls.get(data.number)!
}

const ofEvent = (event: string) => world.receiver.names().filter((name) => name.startsWith(`${event}.`))

describe('protected branches', () => {
  it('refuse a push without the required check, and take it once the check has passed', async () => {
    const { twin, repository, octokit, at } = world
    const token = await world.token()
    twin.protect(repository, 'main', { requiredChecks: [{ context: 'gate' }] })
    const clone = await world.clone(token)
    const sha = await world.commit(clone, 'main', 'a.txt', 'a\n')
    await expect(world.git(clone, token, 'push', 'origin', 'main')).rejects.toThrow(
      /GH006: Protected branch update failed for refs\/heads\/main[^]*"gate" is expected/,
    )
    expect(repository.refs.get('refs/heads/main')).not.toBe(sha)
    await world.git(clone, token, 'push', 'origin', 'main:train')
    await octokit.repos.createCommitStatus({ ...at, sha, state: 'success', context: 'gate' })
    await world.git(clone, token, 'push', 'origin', 'main')
    expect(repository.refs.get('refs/heads/main')).toBe(sha)
    await world.commit(clone, 'main', 'b.txt', 'b\n')
    await world.git(clone, undefined, 'commit', '-q', '--amend', '-m', 'other')
    await world.git(clone, undefined, 'reset', '-q', '--hard', 'HEAD~2')
    await expect(world.git(clone, token, 'push', '--force', 'origin', 'main')).rejects.toThrow(/expected|force-push/)
    await expect(world.git(clone, token, 'push', 'origin', ':main')).rejects.toThrow(/Cannot delete|refusing to delete/)
  })

  it('count the approvals of writers only, dismiss stale ones, and ask code owners', async () => {
    const { twin, repository, octokit } = world
    await twin.as('root').push(repository, 'main', { CODEOWNERS: '*.sql @root\n' })
    twin.protect(repository, 'main', { requiredApprovals: 1, dismissStale: true, codeOwnerReviews: true })
    const pull = await open('schema', { 'a.sql': 'select 1\n' })
    const decision = async () => {
      const found = await octokit.graphql<any>(
        `query($id: ID!) { node(id: $id) { ... on PullRequest { reviewDecision reviewRequests(first: 5) { nodes { asCodeOwner } } } } }`,
        { id: pull.nodeId },
      )
      return found.node
    }
    expect(await decision()).toEqual({ reviewDecision: 'REVIEW_REQUIRED', reviewRequests: { nodes: [{ asCodeOwner: true }] } })
    // Without owners to wait for, only her lack of the right to write keeps this approval from counting.
    twin.protect(repository, 'main', { requiredApprovals: 1 })
    await twin.as('rita').approve(pull)
    expect((await decision()).reviewDecision).toBe('REVIEW_REQUIRED')
    twin.protect(repository, 'main', { requiredApprovals: 1, dismissStale: true, codeOwnerReviews: true })
    await twin.as('alice').approve(pull)
    expect((await decision()).reviewDecision).toBe('REVIEW_REQUIRED')
    await twin.as('root').approve(pull)
    expect((await decision()).reviewDecision).toBe('APPROVED')
    await twin.as('alice').requestChanges(pull, 'Wait.')
    expect((await decision()).reviewDecision).toBe('CHANGES_REQUESTED')
    await twin.as('alice').approve(pull)
    await twin.as('alice').push(repository, 'schema', { 'a.sql': 'select 2\n' })
    await twin.settled()
    expect((await decision()).reviewDecision).toBe('REVIEW_REQUIRED')
    expect(ofEvent('pull_request_review')).toContain('pull_request_review.dismissed')
  })
})

describe('an automatic merge', () => {
  it('happens when the last requirement is met', async () => {
    const { twin, repository, octokit } = world
    twin.ci(repository, () => [{ name: 'test', delay: 60_000 }])
    twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'test' }], requiredApprovals: 1 })
    const pull = await open('auto')
    const enable = `mutation($id: ID!) { enablePullRequestAutoMerge(input: { pullRequestId: $id, mergeMethod: SQUASH }) { pullRequest { autoMergeRequest { mergeMethod enabledBy { login } } } } }`
    const told = await octokit.graphql<any>(enable, { id: pull.nodeId })
    expect(told.enablePullRequestAutoMerge.pullRequest.autoMergeRequest).toEqual({
      mergeMethod: 'SQUASH',
      enabledBy: { login: 'signalbox' },
    })
    await twin.as('alice').approve(pull)
    await twin.settled()
    expect(pull.mergedAt).toBeUndefined()
    await clock.advance(60_000)
    await twin.settled()
    expect(pull.mergedBy?.login).toBe('signalbox[bot]')
    expect((await repository.git.commit(pull.mergeSha!)).parents).toHaveLength(1)
    expect(ofEvent('pull_request').slice(-2)).toEqual(['pull_request.auto_merge_enabled', 'pull_request.closed'])
  })
})

describe('the merge queue', () => {
  const verdicts = (plan: (path: (name: string) => string | null) => CheckPlan) => {
    const { twin, repository } = world
    twin.ci(repository, (_sha, read, { event }) => [event === 'merge_group' ? { ...plan(read), delay: 30_000 } : { name: 'test' }])
    twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'test' }], mergeQueue: {} })
  }

  it('tests every entry on those before it, and lands them in order', async () => {
    const { twin, repository, octokit, at, receiver } = world
    verdicts(() => ({ name: 'test' }))
    const [one, two] = [await open('one'), await open('two')]
    const merge = await octokit.pulls.merge({ ...at, pull_number: one.number }).catch((error: { status: number }) => error.status)
    expect(merge).toBe(405)
    const enqueue = `mutation($id: ID!) { enqueuePullRequest(input: { pullRequestId: $id }) { mergeQueueEntry { position state } } }`
    await octokit.graphql(enqueue, { id: one.nodeId })
    const second = await octokit.graphql<any>(enqueue, { id: two.nodeId })
    expect(second.enqueuePullRequest.mergeQueueEntry.position).toBe(2)
    await twin.settled()
    const groups = receiver.received
      .filter(({ event }) => event === 'merge_group')
      .map(({ payload }) => payload['merge_group'] as Record<string, string>)
    const base = repository.refs.get('refs/heads/main')!
    expect(groups[0]).toMatchObject({ base_sha: base, head_ref: `refs/heads/gh-readonly-queue/main/pr-${one.number}-${base}` })
    expect(groups[1]).toMatchObject({ base_sha: groups[0]!['head_sha'] })
    await clock.advance(30_000)
    await twin.settled()
    expect([one.mergedAt, two.mergedAt]).not.toContain(undefined)
    expect(repository.refs.get('refs/heads/main')).toBe(groups[1]!['head_sha'])
    expect([...repository.refs.keys()].filter((ref) => ref.includes('gh-readonly-queue'))).toEqual([])
    expect(ofEvent('pull_request').filter((name) => /queued|closed/.test(name))).toEqual([
      'pull_request.enqueued',
      'pull_request.enqueued',
      'pull_request.dequeued',
      'pull_request.closed',
      'pull_request.dequeued',
      'pull_request.closed',
    ])
  })

  it('removes an entry whose checks fail, with the reason, and tests the next one without it', async () => {
    const { twin, octokit, receiver } = world
    verdicts((read) => ({ name: 'test', conclusion: read('bad.txt') === null ? 'success' : 'failure' }))
    const [bad, good] = [await open('bad'), await open('good')]
    twin.as('alice')
    await twin.as('alice').enqueue(bad)
    await twin.as('alice').enqueue(good)
    await twin.settled()
    await clock.advance(30_000)
    await twin.settled()
    expect(bad.state).toBe('open')
    const dequeued = receiver.received.filter(({ action }) => action === 'dequeued')
    expect(dequeued.map(({ payload }) => [payload['number'], payload['reason']])).toEqual([[bad.number, 'CI_FAILURE']])
    await clock.advance(30_000)
    await twin.settled()
    expect(good.mergedAt).toBeDefined()
    const query = `query($id: ID!) { node(id: $id) { ... on PullRequest { isInMergeQueue timelineItems(first: 10, itemTypes: [ADDED_TO_MERGE_QUEUE_EVENT, REMOVED_FROM_MERGE_QUEUE_EVENT]) { nodes { __typename ... on RemovedFromMergeQueueEvent { reason } } } } } }`
    const { node } = await octokit.graphql<any>(query, { id: bad.nodeId })
    expect(node.isInMergeQueue).toBe(false)
    expect(node.timelineItems.nodes.map((each: { __typename: string }) => each.__typename)).toEqual([
      'AddedToMergeQueueEvent',
      'RemovedFromMergeQueueEvent',
    ])
  })

  it('removes an entry that is pushed to, that conflicts, or whose checks never answer', async () => {
    const { twin, repository, receiver } = world
    twin.ci(repository, (_sha, _read, { event }) => (event === 'merge_group' ? [] : [{ name: 'test' }]))
    twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'test' }], mergeQueue: { checkTimeoutMs: 600_000 } })
    const first = await open('first', { 'same.txt': 'first\n' })
    const second = await open('second', { 'same.txt': 'second\n' })
    const third = await open('third')
    for (const pull of [first, second, third]) await twin.as('alice').enqueue(pull)
    await twin.settled()
    await twin.as('alice').push(repository, 'third', { 'third.txt': 'more\n' })
    await twin.settled()
    await clock.advance(600_000)
    await twin.settled()
    const reasons = receiver.received
      .filter(({ action }) => action === 'dequeued')
      .map(({ payload }) => [payload['number'], payload['reason']])
    expect(reasons).toEqual([
      [second.number, 'MERGE_CONFLICT'],
      [third.number, 'GIT_TREE_INVALID'],
      [first.number, 'CI_TIMEOUT'],
    ])
  })
})
