// Changes at GitHub, from a branch to a landing: the forge is GitHub's twin, the tracker the embedded one, the server a real process.

import { expect, test } from 'vitest'
import { plainWork, until } from './harness.ts'
import { hosted } from './github.ts'

test.each([
  { webhooks: true, token: false },
  { webhooks: false, token: false },
  { webhooks: false, token: true },
])('a change is published, approved, tested and landed (%o)', async (how) => {
  const { world, twin, repository, pullOf } = await hosted(how)
  await world.start()
  const key = await world.submit(plainWork, { title: 'Add a file' })
  const pull = await pullOf(key)
  expect(pull).toMatchObject({ title: 'Add a file', draft: false, base: { branch: 'main' } })
  await twin.as('alice').approve(pull)
  const done = await world.untilIssue(key, 'done')
  expect(done.pr).toMatchObject({ number: pull.number, state: 'merged' })
  await until(() => pull.mergedAt !== undefined, { what: 'GitHub to have merged it', saw: world.log })
  expect(repository.pulls.size).toBe(1)
})

test('a fetch that fails while a worktree is prepared is made again, and nothing is spent by it (edge 303)', async () => {
  const { world, twin, pullOf } = await hosted()
  const met: boolean[] = []
  let isFiled = false
  // The start finds the repository out of reach, and so does the first look of the run.
  twin.faults.add({
    match: ({ route }) => route === 'git-upload-pack' && !met.includes(true) && met.push(isFiled) > 0,
    status: 502,
    times: Infinity,
  })
  await world.start()
  expect(met).not.toEqual([])
  isFiled = true
  const key = await world.submit(plainWork)
  await pullOf(key)
  expect(met.at(-1)).toBe(true)
  const { attempts, budgets } = await world.issue(key)
  expect([attempts['implementation'], budgets['runs']?.used]).toEqual([1, 1])
  const failed = (await world.ask(`/api/issues/${key}/timeline`)).body.entries.filter(({ event }: any) => event.type === 'run.finished')
  expect(failed.filter(({ event }: any) => event.outcome !== 'completed')).toEqual([])
})
