// Every kind of delivery that the twin knows is sent once, signed, received, and held against the published schema.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { createGithubWorld, SECRET } from './github-world.ts'
import type { GithubWorld } from './github-world.ts'
import { DELIVERIES } from './github/published.ts'
import { createVirtualClock } from './clock.ts'

const clock = createVirtualClock(Date.parse('2026-01-01T00:00:00Z'))
let world: GithubWorld
beforeAll(async () => {
  world = await createGithubWorld({ twin: { clock }, repository: { settings: { autoMerge: true } } })
})
afterAll(() => world.close())

it('every delivery of the GitHub twin follows its schema', async () => {
  const { twin, repository, receiver, app, installation } = world
  const [alice, root] = [twin.as('alice'), twin.as('root')]
  const main = repository.refs.get('refs/heads/main')!
  twin.createHook(repository, { url: `${receiver.url}/own`, secret: SECRET, events: ['ping'] })
  twin.ci(repository, () => [{ name: 'test', delay: 1_000 }])
  for (const kind of ['protect', 'ruleset'] as const) {
    twin[kind](repository, 'main', { requiredChecks: [{ context: 'test' }] })
    twin[kind](repository, 'main', { requiredChecks: [{ context: 'test' }], requiredApprovals: 1, codeOwnerReviews: true })
    twin[kind](repository, 'main', undefined)
  }
  await alice.push(repository, 'a', { 'a.txt': 'a\n' })
  const pull = await alice.open(repository, { title: 'A', head: 'a', base: 'main', draft: true })
  alice.ready(pull)
  alice.draft(pull)
  alice.ready(pull)
  alice.edit(pull, { title: 'B', body: 'b' })
  alice.label(pull, 'x')
  alice.unlabel(pull, 'x')
  alice.close(pull)
  alice.reopen(pull)
  root.requestReview(pull, twin.account('rita'))
  await world.user('root').pulls.removeRequestedReviewers({ ...world.at, pull_number: pull.number, reviewers: ['rita'] })
  const thread = await root.reviewComment(pull, { path: 'a.txt', line: 1, body: 'x' })
  root.resolve(thread)
  root.unresolve(thread)
  const review = await root.requestChanges(pull, 'No')
  root.editReview(review, 'Yes')
  root.dismiss(review, 'Fine')
  const comment = alice.comment(pull, 'c')
  alice.editComment(comment, 'd')
  alice.deleteComment(comment)
  await alice.push(repository, 'a', { 'a.txt': 'b\n' })
  const check = await root.check(repository, app, pull.head.sha, { name: 'own', conclusion: 'success', title: 't', summary: 's' })
  root.rerun(check)
  await root.status(repository, main, 'ci', 'pending')
  root.deployment(repository, main, 'production', 'success')
  await clock.advance(1_000)
  await twin.settled()
  twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'test' }], requiredApprovals: 1, mergeQueue: {} })
  alice.enableAutoMerge(pull)
  alice.disableAutoMerge(pull)
  await root.approve(pull)
  await alice.enqueue(pull)
  alice.dequeue(pull)
  await alice.enqueue(pull)
  await twin.settled()
  await clock.advance(1_000)
  await twin.settled()
  expect(pull.mergedAt).toBeDefined()
  await alice.deleteBranch(repository, 'a')
  root.renameRepository(repository, 'store')
  const other = await twin.createRepository({ name: 'acme/other' })
  twin.setRepositories(installation, [repository])
  twin.setRepositories(installation, [repository, other])
  twin.setRepositories(installation, [repository])
  twin.install(app, 'zoo')
  root.transferRepository(await twin.createRepository({ name: 'acme/given' }), 'zoo')
  twin.setPermissions(installation, { contents: 'read' })
  twin.suspend(installation)
  twin.suspend(installation, false)
  twin.uninstall(installation)
  await twin.settled()
  const sent = new Set(receiver.names().map((name) => name.replaceAll(/[._]/g, '-')))
  expect(DELIVERIES.filter((name) => !sent.has(name))).toEqual([])
  expect(receiver.refused).toEqual([])
})
