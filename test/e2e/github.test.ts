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
