// The way of a pull request through the GitHub twin, driven by the real clients and real git.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGithubWorld } from './github-world.ts'
import type { GithubWorld } from './github-world.ts'

describe('the GitHub twin carries a pull request', () => {
  let world: GithubWorld
  beforeEach(async () => {
    world = await createGithubWorld()
  })
  afterEach(() => world.close())

  it('from a push over HTTP to the merge, told by signed deliveries in order', async () => {
    const { twin, octokit, at, repository, receiver } = world
    twin.ci(repository, (_sha, read) => [
      { name: 'test', conclusion: read('src/price.ts')?.includes('bug') === true ? 'failure' : 'success' },
    ])
    const token = await world.token()
    const clone = await world.clone(token)
    const first = await world.commit(clone, 'fix', 'src/price.ts', 'export const price = "bug"\n')
    await world.git(clone, token, 'push', '-q', 'origin', 'fix')
    const { data: opened } = await octokit.pulls.create({ ...at, head: 'fix', base: 'main', title: 'Fix the price', body: 'As asked.' })
    expect(opened.head.sha).toBe(first)
    expect(opened.user.login).toBe('signalbox[bot]')
    await twin.settled()
    const checks = await octokit.checks.listForRef({ ...at, ref: first })
    expect(checks.data.check_runs.map((check) => [check.name, check.conclusion])).toEqual([['test', 'failure']])

    const second = await world.commit(clone, 'fix', 'src/price.ts', 'export const price = 3\n')
    await world.git(clone, token, 'push', '-q', 'origin', 'fix')
    await twin.settled()
    const { data: moved } = await octokit.pulls.get({ ...at, pull_number: opened.number })
    expect(moved).toMatchObject({ head: { sha: second }, commits: 2, changed_files: 1, mergeable: true, mergeable_state: 'clean' })

    await twin.as('alice').approve(repository.pulls.get(opened.number)!)
    const { data: merged } = await octokit.pulls.merge({ ...at, pull_number: opened.number, sha: second })
    expect(merged.merged).toBe(true)
    await twin.settled()
    const { data: branch } = await octokit.repos.getBranch({ ...at, branch: 'main' })
    expect(branch.commit.sha).toBe(merged.sha)
    expect(branch.commit.parents[1]?.sha).toBe(second)

    expect(receiver.refused).toEqual([])
    const told = receiver.names().filter((name) => /^(pull_request|push|check_run)/.test(name))
    expect(told).toEqual([
      'push',
      'pull_request.opened',
      'check_run.created',
      'check_run.completed',
      'push',
      'pull_request.synchronize',
      'check_run.created',
      'check_run.completed',
      'pull_request_review.submitted',
      'pull_request.closed',
      'push',
      'check_run.created',
      'check_run.completed',
    ])
    const closed = receiver.received.findLast(({ event, action }) => event === 'pull_request' && action === 'closed')!
    expect(closed.payload['pull_request']).toMatchObject({ merged: true, merge_commit_sha: merged.sha })
  })

  it('knows what a push has changed, also where git keeps the refs packed', async () => {
    const { repository } = world
    const token = await world.token()
    const clone = await world.clone(token)
    const push = (...args: string[]) => world.git(clone, token, 'push', '-q', '--force', 'origin', ...args)
    const first = await world.commit(clone, 'one', 'one.txt', '1\n')
    await push('one', 'one:refs/heads/two', 'one:refs/heads/three')
    await repository.git.run(['pack-refs', '--all'])
    const second = await world.commit(clone, 'one', 'one.txt', '2\n')
    await push('one', ':refs/heads/two')
    const at = (name: string) => repository.refs.get(`refs/heads/${name}`)
    expect(['one', 'two', 'three'].map(at)).toEqual([second, undefined, first])
    await push('one:refs/heads/three', ':refs/heads/nowhere')
    expect([at('three'), at('nowhere')]).toEqual([second, undefined])
    expect(await repository.git.at(['refs/heads/three', 'refs/heads/two'])).toEqual(new Map([['refs/heads/three', second]]))
  })

  it('packs its repositories from time to time, and goes on with what others do meanwhile', async () => {
    const { octokit, at, repository } = world
    const token = await world.token()
    const clone = await world.clone(token)
    const push = async (text: string) => {
      const sha = await world.commit(clone, 'one', 'one.txt', text)
      await world.git(clone, token, 'push', '-q', 'origin', 'one')
      return sha
    }
    await push('1\n')
    await octokit.pulls.create({ ...at, head: 'one', base: 'main', title: 'One' })
    const loose = async () => Number(/^count: (\d+)$/m.exec(await repository.git.run(['count-objects', '-v']))![1])
    expect(await loose()).toBeGreaterThan(0)
    const [, second] = await Promise.all([Promise.all(Array.from({ length: 128 }, () => repository.git.tend())), push('2\n')])
    const third = await push('3\n')
    await Promise.all(Array.from({ length: 64 }, () => repository.git.tend()))
    expect(await loose()).toBe(0)
    const refs = ['refs/heads/one', 'refs/pull/1/head']
    expect(await repository.git.at(refs)).toEqual(new Map(refs.map((ref) => [ref, third])))
    expect((await repository.git.run(['rev-list', 'one'])).split('\n')).toContain(second)
  })

  it('has a ref of each pull request, which follows its head also where it was packed', async () => {
    const { twin, octokit, at, repository } = world
    const token = await world.token()
    const clone = await world.clone(token)
    const told = async () => (await world.git(clone, token, 'ls-remote', 'origin', 'refs/pull/*')).split('\n').filter((line) => line !== '')
    const push = async (text: string) => {
      const sha = await world.commit(clone, 'one', 'one.txt', text)
      await world.git(clone, token, 'push', '-q', 'origin', 'one')
      return sha
    }
    const first = await push('1\n')
    await octokit.pulls.create({ ...at, head: 'one', base: 'main', title: 'One' })
    expect(await told()).toEqual([`${first}\trefs/pull/1/head`])
    await expect(world.git(clone, token, 'push', '-q', 'origin', '+main:refs/pull/1/head')).rejects.toThrow('deny updating a hidden ref')
    await repository.git.run(['pack-refs', '--all'])
    const second = await push('2\n')
    await twin.settled()
    expect(await told()).toEqual([`${second}\trefs/pull/1/head`])
  })

  it('takes pushes into a fork, which tells what its parent has', async () => {
    const { twin, repository } = world
    const token = await world.token()
    const clone = await world.clone(token)
    const fork = await twin.as('mallory').fork(repository)
    const theirs = await world.commit(clone, 'more', 'more.txt', '1\n')
    await world.git(clone, token, 'push', '-q', 'origin', 'more')
    const mallory = twin.userToken('mallory')
    const told = async (url: string) => {
      const headers = { Authorization: `Basic ${Buffer.from(`x-access-token:${mallory}`).toString('base64')}` }
      return (await fetch(`${url}/info/refs?service=git-receive-pack`, { headers })).text()
    }
    expect(await told(twin.cloneUrl(fork))).toContain(`${theirs} .have`)
    const mine = await world.commit(clone, 'mine', 'mine.txt', '1\n')
    await world.git(clone, mallory, 'push', '-q', twin.cloneUrl(fork), 'mine')
    expect(fork.refs.get('refs/heads/mine')).toBe(mine)
    await twin.settled()
    const fresh = `${clone}-of-fork`
    await world.git(world.folder, mallory, 'clone', '-q', '-b', 'mine', twin.cloneUrl(fork), fresh)
    expect((await world.git(fresh, undefined, 'log', '--format=%H', '-2')).trim()).toBe(`${mine}\n${theirs}`)
  })
})
