// Changes at GitHub, from a branch to a landing: the forge is GitHub's twin, the tracker the embedded one, the server a real process.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
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

test('a red job whose log is late holds nothing else up, and its repair begins with the log', async () => {
  const job = { name: 'test', conclusion: 'failure' as const, log: 'expected 1 to be 2\n', logDelay: Infinity }
  const { world, twin, pullOf } = await hosted({ ci: (_sha, read) => [read('mended.txt') === null ? job : { name: 'test' }] })
  await world.start()
  const key = await world.submit(`case "$SIGNALBOX_RUN_TYPE" in
implementation) echo work > work.txt ;;
*) cp "$SIGNALBOX_CONTEXT_FILE" "$WORLD/repair.json"; echo mended > mended.txt ;;
esac
git add -A; git commit --quiet -m "Work on it"`)
  const pull = await pullOf(key)
  await world.untilIssue(key, ({ pr }) => pr?.checks === 'pending')
  await twin.as('alice').approve(pull)
  const { phase, attempts } = await world.untilIssue(key, ({ pr }) => pr?.review === 'approved')
  expect([phase, attempts['ci_repair']]).toEqual(['pr_open', 0])
  job.logDelay = 0
  await world.untilIssue(key, ({ attempts: made, run, pr }) => made['ci_repair'] === 1 && run === null && pr?.checks === 'passed')
  const { checks } = JSON.parse(readFileSync(join(world.folder, 'repair.json'), 'utf8')) as { checks: unknown }
  expect(JSON.stringify(checks)).toContain('expected 1 to be 2')
})
