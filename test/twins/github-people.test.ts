// What people and pushes do to pull requests: heads follow, merges by hand are noticed, forks, renames, drafts and threads.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGithubWorld } from './github-world.ts'
import type { GithubWorld } from './github-world.ts'

let world: GithubWorld
beforeEach(async () => {
  world = await createGithubWorld({ repository: { settings: { deleteBranchOnMerge: true } } })
})
afterEach(() => world.close())

const told = (...events: string[]) => world.receiver.names().filter((name) => events.includes(name.split('.')[0]!))

describe('a pull request', () => {
  it('is merged when its head gets into the base by a push, and closed when its branch goes', async () => {
    const { twin, repository } = world
    const alice = twin.as('alice')
    await alice.push(repository, 'one', { 'one.txt': '1\n' })
    const one = await alice.open(repository, { title: 'One', head: 'one', base: 'main' })
    await alice.push(repository, 'two', { 'two.txt': '2\n' })
    const two = await alice.open(repository, { title: 'Two', head: 'two', base: 'main' })
    const token = await world.token()
    const clone = await world.clone(token)
    await world.git(clone, undefined, 'merge', '-q', '--no-ff', '--no-edit', 'origin/one')
    await world.git(clone, token, 'push', '-q', 'origin', 'main', ':two')
    await twin.settled()
    expect(one.mergeSha).toBe(repository.refs.get('refs/heads/main'))
    expect(one.mergedBy?.login).toBe('signalbox[bot]')
    expect([two.state, two.mergedAt]).toEqual(['closed', undefined])
    expect(repository.refs.has('refs/heads/one')).toBe(false)
    expect(() => alice.reopen(two)).toThrow(/Validation Failed/)
    expect(told('pull_request', 'delete')).toEqual([
      'pull_request.opened',
      'pull_request.opened',
      'pull_request.closed',
      'delete',
      'pull_request.closed',
      'delete',
    ])
  })

  it('is out of date, in conflict or unknown as git says', async () => {
    const { twin, repository, octokit, at } = world
    const alice = twin.as('alice')
    await alice.push(repository, 'price', { 'src/price.ts': 'export const price = 7\nexport const tax = 2\n' })
    const { data } = await octokit.pulls.create({ ...at, head: 'price', base: 'main', title: 'Price' })
    const state = async () => (await octokit.pulls.get({ ...at, pull_number: data.number })).data.mergeable_state
    expect(await state()).toBe('clean')
    await twin.as('root').push(repository, 'main', { 'src/price.ts': 'export const price = 8\nexport const tax = 2\n' })
    expect(await state()).toBe('dirty')
    await expect(octokit.pulls.merge({ ...at, pull_number: data.number })).rejects.toMatchObject({ status: 405 })
    repository.settings.mergeableAfter = 60_000
    await alice.push(repository, 'price', { 'src/price.ts': 'export const price = 8\nexport const tax = 3\n' }, { force: true })
    expect(await state()).toBe('unknown')
    repository.pulls.get(data.number)!.mergeableAt = 0
    twin.protect(repository, 'main', { strict: true })
    expect(await state()).toBe('clean')
    await twin.as('root').push(repository, 'main', { 'b.txt': 'b\n' })
    expect(await state()).toBe('behind')
    expect(repository.pulls.get(data.number)!.timeline.map((event) => event.type)).toEqual(['HeadRefForcePushedEvent'])
    await twin.settled()
  })

  it('is rebased commit by commit', async () => {
    const { twin, repository, octokit, at } = world
    const alice = twin.as('alice')
    await alice.push(repository, 'steps', { 'a.txt': 'a\n' }, { message: 'Add a' })
    await alice.push(repository, 'steps', { 'b.txt': 'b\n' }, { message: 'Add b' })
    await twin.as('root').push(repository, 'main', { 'c.txt': 'c\n' })
    const { data } = await octokit.pulls.create({ ...at, head: 'steps', base: 'main', title: 'Steps' })
    const { data: merged } = await octokit.pulls.merge({ ...at, pull_number: data.number, merge_method: 'rebase' })
    const top = await repository.git.commit(merged.sha)
    const below = await repository.git.commit(top.parents[0]!)
    expect([top.message, below.message]).toEqual(['Add b', 'Add a'])
    expect(['a.txt', 'b.txt', 'c.txt'].map((path) => repository.git.readFile(merged.sha, path))).toEqual(['a\n', 'b\n', 'c\n'])
    await twin.settled()
  })

  it('may come from a fork, whose author is no collaborator', async () => {
    const { twin, repository, octokit, at } = world
    repository.private = false
    const mallory = twin.as('mallory')
    const fork = await mallory.fork(repository)
    await mallory.push(fork, 'gift', { 'gift.txt': 'x\n' })
    const pull = await mallory.open(repository, { title: 'A gift', head: 'mallory:gift', base: 'main' })
    const { data } = await octokit.pulls.get({ ...at, pull_number: pull.number })
    expect([data.head.repo?.full_name, data.head.label, data.author_association]).toEqual(['mallory/shop', 'mallory:gift', 'NONE'])
    const sha = await mallory.push(fork, 'gift', { 'gift.txt': 'y\n' })
    await twin.settled()
    expect((await octokit.pulls.get({ ...at, pull_number: pull.number })).data.head.sha).toBe(sha)
    const token = await world.token()
    const clone = await world.clone(token)
    await world.git(clone, token, 'fetch', '-q', 'origin', `refs/pull/${pull.number}/head`)
    expect((await world.git(clone, undefined, 'rev-parse', 'FETCH_HEAD')).trim()).toBe(sha)
    await expect(world.git(clone, twin.userToken('mallory'), 'push', 'origin', 'HEAD:main')).rejects.toThrow(/403|denied/)
  })

  it('is drafted, renamed, moved to another base, closed and reopened, and every step is told', async () => {
    const { twin, repository } = world
    const alice = twin.as('alice')
    await alice.push(repository, 'next', { 'n.txt': 'n\n' })
    await alice.push(repository, 'work', { 'w.txt': 'w\n' })
    const pull = await alice.open(repository, { title: 'Work', head: 'work', base: 'main', draft: true })
    alice.ready(pull)
    alice.draft(pull)
    alice.edit(pull, { title: 'Works' })
    alice.editBase(pull, 'next')
    alice.label(pull, 'x')
    alice.unlabel(pull, 'x')
    alice.close(pull)
    alice.reopen(pull)
    const thread = await twin.as('root').reviewComment(pull, { path: 'w.txt', line: 1, body: 'Why?' })
    alice.reply(thread, 'So.')
    alice.resolve(thread)
    alice.unresolve(thread)
    const review = await twin.as('root').requestChanges(pull, 'No')
    twin.as('root').editReview(review, 'No!')
    const comment = alice.comment(pull, 'c')
    alice.editComment(comment, 'd')
    alice.deleteComment(comment)
    await alice.push(repository, 'work', { 'w.txt': 'other\n' })
    expect(thread.outdated).toBe(true)
    await twin.settled()
    expect(
      told('pull_request', 'pull_request_review', 'pull_request_review_comment', 'pull_request_review_thread', 'issue_comment'),
    ).toEqual([
      'pull_request.opened',
      'pull_request.ready_for_review',
      'pull_request.converted_to_draft',
      'pull_request.edited',
      'pull_request.edited',
      'pull_request.labeled',
      'pull_request.unlabeled',
      'pull_request.closed',
      'pull_request.reopened',
      'pull_request_review.submitted',
      'pull_request_review_comment.created',
      'pull_request_review.submitted',
      'pull_request_review_comment.created',
      'pull_request_review_thread.resolved',
      'pull_request_review_thread.unresolved',
      'pull_request_review.submitted',
      'pull_request_review.edited',
      'issue_comment.created',
      'issue_comment.edited',
      'issue_comment.deleted',
      'pull_request.synchronize',
    ])
  })
})

describe('a repository', () => {
  it('is found by its former name after it was renamed', async () => {
    const { twin, repository, octokit, at } = world
    twin.as('root').renameRepository(repository, 'store')
    const answer = await fetch(`${twin.restUrl}/repos/acme/shop/pulls?state=all`, {
      redirect: 'manual',
      headers: { authorization: `token ${await world.token()}` },
    })
    expect([answer.status, answer.headers.get('location')]).toEqual([301, `${twin.restUrl}/repositories/${repository.id}/pulls?state=all`])
    expect((await octokit.repos.get(at)).data.full_name).toBe('acme/store')
    await world.git(world.folder, await world.token(), 'ls-remote', `${twin.url}/acme/shop.git`)
    await twin.settled()
    expect(world.receiver.names()).toContain('repository.renamed')
  })

  it('is under the installation of its new owner after it was transferred, and out of reach of the old one', async () => {
    const { twin, repository, app, octokit, at } = world
    await twin.as('alice').push(repository, 'work', { 'w.txt': 'w\n' })
    const pull = await twin.as('alice').open(repository, { title: 'Work', head: 'work', base: 'main' })
    const before = await world.token()
    twin.install(app, 'zoo')
    twin.as('root').transferRepository(repository, 'zoo')
    await expect(octokit.repos.get(at)).rejects.toMatchObject({ status: 404 })
    await expect(world.git(world.folder, before, 'ls-remote', `${twin.url}/acme/shop.git`)).rejects.toThrow('not found')
    await twin.as('alice').push(repository, 'work', { 'more.txt': 'w\n' })
    expect(pull.head.sha).toBe(repository.refs.get('refs/heads/work'))
    await twin.settled()
    expect(world.receiver.names()).toContain('repository.transferred')
  })

  it('asks an App to run its check again, and tells installations of their repositories', async () => {
    const { twin, repository, app, installation } = world
    const other = await twin.createRepository({ name: 'acme/other' })
    const check = await twin
      .as('root')
      .check(repository, app, repository.refs.get('refs/heads/main')!, { name: 'signalbox', conclusion: 'failure' })
    twin.as('root').rerun(check)
    await twin.settled()
    expect(told('check_run', 'check_suite')).toEqual([
      'check_run.created',
      'check_run.completed',
      'check_suite.completed',
      'check_run.rerequested',
    ])
    twin.setRepositories(installation, [other])
    twin.setPermissions(installation, { contents: 'read' })
    twin.suspend(installation)
    twin.suspend(installation, false)
    await twin.settled()
    expect(told('installation', 'installation_repositories')).toEqual([
      'installation.created',
      'installation_repositories.removed',
      'installation.new_permissions_accepted',
      'installation.suspend',
      'installation.unsuspend',
    ])
    await expect(world.octokit.repos.get(world.at)).rejects.toMatchObject({ status: 404 })
  })
})
