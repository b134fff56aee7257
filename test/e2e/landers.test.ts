// Who lands where it is not our own queue: GitHub's auto-merge, and a lander of somebody else's that speaks by its check.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hosted } from './github.ts'
import { plainWork, until } from './harness.ts'

/** What our own queue would test on. */
const landingBranches = (refs: Iterable<string>): string[] => [...refs].filter((ref) => ref.includes('signalbox/landing/'))

test('where the repository allows auto-merge GitHub lands the change, in the way that is configured', async () => {
  const { world, twin, repository, pullOf } = await hosted({ project: { more: { landing: { merge: 'squash' } } } })
  repository.settings.autoMerge = true
  twin.protect(repository, 'main', { requiredChecks: [{ context: 'test' }], requiredApprovals: 1 })
  await world.start()
  const key = await world.submit(plainWork)
  const pull = await pullOf(key)
  await twin.as('alice').approve(pull)
  await world.untilIssue(key, 'done')
  expect(pull).toMatchObject({ state: 'closed', mergedBy: { login: 'signalbox[bot]' } })
  const main = repository.refs.get('refs/heads/main')!
  expect(main).toBe(pull.mergeSha)
  expect((await repository.git.commit(main)).parents).toHaveLength(1)
  expect(landingBranches(repository.refs.keys())).toEqual([])
})

test('an external lander gives a change back with an incident in the text of its check: it is mended, approved anew and landed by it', async () => {
  const { world, twin, repository, pullOf } = await hosted()
  await world.start()
  const key = await world.submit(`if [ "$SIGNALBOX_RUN_TYPE" = queue_repair ]; then
  cp "$SIGNALBOX_CONTEXT_FILE" "$WORLD/context.json"
  cp "$SIGNALBOX_PROMPT_FILE" "$WORLD/prompt.md"
  echo mended > mended.txt
  git add -A; git commit --quiet -m Mend
  exit 0
fi
${plainWork}`)
  const steward = twin.createApp({ slug: 'steward' })
  const alice = twin.as('alice')
  const pull = await pullOf(key)
  const says = (input: object) =>
    twin.as('root').check(repository, steward, pull.head.sha, { name: 'merge-steward/queue', status: 'in_progress', ...input })
  const queue = async (): Promise<void> => {
    await says({})
    await alice.approve(pull)
    await world.untilIssue(key, ({ phase }) => phase === 'awaiting_queue')
  }
  await world.untilIssue(key, ({ pr, run }) => run === null && pr?.checks === 'passed')
  await queue()
  const first = pull.head.sha
  await says({
    ...{ status: 'completed', conclusion: 'failure', title: 'Evicted', summary: '' },
    text: JSON.stringify({ class: 'checks', files: [], summary: 'The lamp of the base is red with it.' }),
  })
  await world.untilIssue(key, ({ pr, run }) => run === null && pr !== null && pr.headSha !== first && pr.checks === 'passed')
  const { incident } = JSON.parse(readFileSync(join(world.folder, 'context.json'), 'utf8')) as { incident: object }
  expect(incident).toMatchObject({ headSha: first, summary: 'The lamp of the base is red with it.' })
  expect(readFileSync(join(world.folder, 'prompt.md'), 'utf8')).toContain('> The lamp of the base is red with it.')

  await queue()
  await twin.settled()
  expect([pull.state, landingBranches(repository.refs.keys())]).toEqual(['open', []])
  await says({ status: 'completed', conclusion: 'success' })
  await twin.as('root').merge(pull)
  const done = await world.untilIssue(key, 'done')
  expect(done.attempts).toMatchObject({ implementation: 1, queue_repair: 1 })
  await until(() => pull.mergedAt !== undefined, { what: 'the merge' })
})
