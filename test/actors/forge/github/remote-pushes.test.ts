// Pushes to a repository at a URL, through git itself and GitHub's stand-in.

import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createRemotePushes, type Pushed, type RefUpdate, type RemotePushes } from '../../../../src/actors/forge/remote-pushes.ts'
import type { Repository } from '../../../../src/actors/forge/repository.ts'
import { createWorld, type World } from './fixture.ts'

let world: World
let repository: Repository
let pushes: RemotePushes
let commits: string[]
beforeAll(async () => {
  world = await createWorld()
  repository = await world.forge.repository('app')
  const { source, git } = repository.base
  const url = await source()
  pushes = createRemotePushes({ url: () => url, git })
  const first = await world.commit('a.txt', '1\n')
  commits = [first, await world.commit('a.txt', '2\n', first), await world.commit('b.txt', '3\n')]
})
afterAll(() => world.close())
afterEach(() => world.twin.faults.clear())

let made = 0
const fresh = (): string => `refs/heads/branch-${++made}`
const at = (ref: string): string | null => world.branch(ref.slice('refs/heads/'.length))
const sent = (): number => world.twin.requests.filter(({ method, path }) => method === 'POST' && path.includes('git-receive-pack')).length
const push = (ref: string, to: string | null, lease: RefUpdate['lease']): Promise<Pushed> =>
  pushes.push(repository.clone, { ref, to, lease })

/** What is asked for while another push is under way. */
async function meanwhile(ask: () => Promise<Pushed>[]): Promise<PromiseSettledResult<Pushed>[]> {
  const first = push(fresh(), commits[0]!, null)
  await turn()
  const answers = Promise.allSettled(ask())
  expect(await first).toEqual({ kind: 'moved' })
  return answers
}
const kinds = (answers: PromiseSettledResult<Pushed>[]): string[] =>
  answers.map((one) => (one.status === 'fulfilled' ? one.value.kind : String((one.reason as { code?: string }).code)))

describe('what is asked for while a push is under way', () => {
  test('goes by one push, and each hears what became of its own', async () => {
    const [one, two, other] = commits as [string, string, string]
    const [added, same, gone, stale, replaced, guarded, elsewhere] = Array.from({ length: 7 }, fresh) as [string, ...string[]] as string[]
    for (const ref of [same, gone, stale, replaced, elsewhere]) await push(ref!, one, null)
    world.twin.protect(world.repository, guarded!.slice('refs/heads/'.length), { requiredApprovals: 1 })
    await world.twin.as('root').push(world.repository, guarded!.slice('refs/heads/'.length), { 'z.txt': 'z\n' })
    const before = sent()
    const answers = await meanwhile(() => [
      push(added!, two, null),
      push(same!, one, one),
      push(gone!, null, 'any'),
      push(stale!, two, other),
      push(replaced!, other, 'any'),
      push(elsewhere!, two, one),
    ])
    expect(kinds(answers)).toEqual(['moved', 'already', 'moved', 'stale', 'moved', 'moved'])
    expect([added, same, gone, stale, replaced, elsewhere].map((ref) => at(ref!))).toEqual([two, one, null, one, other, two])
    expect(sent() - before).toBe(2)
    const refused = await meanwhile(() => [push(guarded!, two, 'any'), push(fresh(), two, null)])
    expect(kinds(refused)).toEqual(['refused', 'moved'])
    expect(refused[0]).toMatchObject({
      value: { reason: expect.stringContaining('[remote rejected]'), words: expect.stringContaining('GH006') },
    })
  })

  test('is not lost with one that takes all others with it', async () => {
    const [ok, broken] = [fresh(), fresh()]
    const answers = await meanwhile(() => [push(ok, commits[1]!, null), push(broken, 'f'.repeat(40), null)])
    expect([kinds(answers)[0], at(ok), at(broken)]).toEqual(['moved', commits[1], null])
    expect(kinds(answers)[1]).not.toBe('moved')
  })

  test('is asked for once more where the answer is lost, and is told of it where GitHub does not answer at all', async () => {
    const failing = async (when: 'before' | 'after', times: number): Promise<string[]> => {
      const refs = [fresh(), fresh(), fresh()]
      const answers = await meanwhile(() => {
        let isOver = false
        world.twin.faults.add({
          ...{ status: 502, when, times },
          match: ({ method, path }) => {
            if (!path.includes('git-receive-pack')) return false
            const isMet = isOver
            isOver ||= method === 'POST'
            return isMet && (method === 'POST' || times > 1)
          },
        })
        return refs.map((ref) => push(ref, commits[1]!, null))
      })
      world.twin.faults.clear()
      return kinds(answers)
    }
    expect(await failing('after', 1)).toEqual(['already', 'already', 'already'])
    expect(await failing('before', 1)).toEqual(['moved', 'moved', 'moved'])
    expect(await failing('before', Infinity)).toEqual(['git-unreachable', 'git-unreachable', 'git-unreachable'])
  })

  test('waits a moment for one that is not answered, and no longer', async () => {
    world.twin.faults.add({ match: ({ method, path }) => method === 'POST' && path.includes('git-receive-pack'), status: 'timeout' })
    const [slow, quick] = [fresh(), fresh()]
    const unanswered = push(slow, commits[0]!, null)
    await turn()
    const began = performance.now()
    expect(await push(quick, commits[0]!, null)).toEqual({ kind: 'moved' })
    const waited = performance.now() - began
    expect(waited).toBeGreaterThan(1_500)
    expect(waited).toBeLessThan(12_000)
    expect(await unanswered).toMatchObject({ kind: 'unanswered' })
  }, 60_000)
})

test('several that are asked for in one breath go by one push', async () => {
  const before = sent()
  expect(await Promise.all([fresh(), fresh(), fresh()].map((ref) => push(ref, commits[0]!, null)))).toEqual(
    Array(3).fill({ kind: 'moved' }),
  )
  expect(sent() - before).toBe(1)
})

describe('the base branch', () => {
  const looks = (): number => world.twin.requests.filter(({ path }) => path.includes('git-upload-pack')).length

  test('is not looked at for each beginning, and at once where it was not what we took it for', async () => {
    await repository.syncBase()
    const before = looks()
    const known = await repository.recentBase()
    expect([looks() - before, at(repository.base.ref)]).toEqual([0, known])
    const moved = await world.twin.as('kim').push(world.repository, 'main', { 'new.txt': 'x\n' })
    repository.doubtBase()
    expect(await repository.recentBase()).toBe(moved)
    expect(looks()).toBeGreaterThan(before)
  })

  test('is looked at again once it is told that we may be let in otherwise than before', async () => {
    await world.read()
    await repository.syncBase()
    const before = looks()
    await repository.recentBase()
    expect(looks()).toBe(before)
    const installation = [...world.twin.world.installations.values()][0]!
    world.twin.suspend(installation)
    world.twin.suspend(installation, false)
    await world.read()
    await repository.recentBase()
    expect(looks()).toBeGreaterThan(before)
  })

  test('is looked at by a candidate after a landing that found it moved', async () => {
    const { number, head } = await world.open('c.txt', { branch: 'signalbox/APP-9-c', key: 'APP-9', issue: 'issue-9' })
    const build = () => world.forge.buildCandidate({ project: 'app', number, headSha: head })
    const first = await build()
    if (first.kind !== 'candidate') throw new Error(first.kind)
    const moved = await world.twin.as('kim').push(world.repository, 'main', { 'newer.txt': 'x\n' })
    expect(await world.forge.landCandidate({ project: 'app', number, base: first.base, commit: first.commit })).toEqual({
      kind: 'base_moved',
    })
    expect(await build()).toMatchObject({ kind: 'candidate', base: moved })
  })
})
