// GitHub's own merge queue gives a change back because it conflicts: the agent is told with what, mends it, and the change lands.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Ci, PullRequest } from '../twins/github.ts'
import { hosted } from './github.ts'
import { until } from './harness.ts'

/** Appends a line; asked to mend a conflict, notes what it was told, and keeps both sides. */
const append = (line: string): string => `case "$SIGNALBOX_RUN_TYPE" in
implementation) echo "${line}" >> notes.txt; git add -A; git commit --quiet -m "Write ${line}" ;;
*)
  cp "$SIGNALBOX_CONTEXT_FILE" "$WORLD/$SIGNALBOX_ISSUE.$SIGNALBOX_RUN_TYPE.json"
  git merge --quiet --no-commit "origin/$SIGNALBOX_BASE" >/dev/null || sed -i '/^[<=>]\\{7\\}/d' notes.txt
  git add -A; git commit --quiet -m Merge ;;
esac`

/** CI says nothing of what the queue builds before a repair: `release` does. */
async function queueing() {
  const ci: Ci = (_sha, read, { event }) =>
    event !== 'merge_group' || read('notes.txt')!.trim().split('\n').length > 2 ? [{ name: 'test' }] : []
  const hosting = await hosted({ ci, project: { more: { landing: { sequencing: 'off' } } } })
  const { world, twin, repository, pullOf } = hosting
  twin.protect(repository, 'main', { requiredChecks: [{ context: 'test' }], requiredApprovals: 1, mergeQueue: {} })
  await world.start()
  const other = twin.createApp({ slug: 'ci' })
  const approve = async (key: string): Promise<PullRequest> => {
    await world.untilIssue(key, ({ pr, run }) => run === null && pr?.checks === 'passed')
    const pull = await pullOf(key)
    await twin.as('alice').approve(pull)
    return pull
  }
  return {
    ...hosting,
    approve,
    async queued(line: string): Promise<{ key: string; pull: PullRequest }> {
      const key = await world.submit(append(line))
      return { key, pull: await approve(key) }
    },
    built: (pull: PullRequest) =>
      until(() => pull.queueEntry?.group !== undefined, { what: `the queue to have built #${pull.number}`, saw: world.log }),
    release: (pull: PullRequest) =>
      twin.as('root').check(repository, other, pull.queueEntry!.group!.sha, { name: 'test', status: 'completed', conclusion: 'success' }),
    told: (key: string) => JSON.parse(readFileSync(join(world.folder, `${key}.queue_repair.json`), 'utf8')) as { incident: object | null },
  }
}

test('with a commit that came to the base past the queue', async () => {
  const { world, twin, repository, queued, built, release, approve, told } = await queueing()
  const { key, pull } = await queued('mine')
  await built(pull)
  // Else a look may see the conflict at the pull request before the queue gives it back: then nobody is told of an incident.
  await twin.settled()
  await wait(1_000)
  twin.webhooks.drop(({ event }) => event === 'merge_group')
  await twin.as('root').push(repository, 'main', { 'notes.txt': 'one\ntheirs\n' })
  await release(pull)
  await world.untilIssue(key, ({ attempts, run }) => attempts['queue_repair'] === 1 && run === null)
  expect(told(key)).toMatchObject({ incident: { class: 'conflict', files: ['notes.txt'] } })
  await approve(key)
  const done = await world.untilIssue(key, 'done')
  expect(done.attempts).toMatchObject({ implementation: 1, queue_repair: 1, branch_upkeep: 0 })
  expect(await repository.git.readFile(repository.refs.get('refs/heads/main')!, 'notes.txt')).toBe('one\nmine\ntheirs\n')
})

test('with a commit that is seen before the queue has given the change back', async () => {
  const { world, twin, repository, queued, built, release, approve } = await queueing()
  const { key, pull } = await queued('mine')
  await built(pull)
  twin.webhooks.delay(({ action }) => action === 'dequeued', 1_500)
  await twin.as('root').push(repository, 'main', { 'notes.txt': 'one\ntheirs\n' })
  await release(pull)
  await world.untilIssue(key, ({ attempts, run }) => attempts['queue_repair'] === 1 && run === null)
  await approve(key)
  const done = await world.untilIssue(key, 'done')
  expect(done.attempts).toMatchObject({ implementation: 1, queue_repair: 1, branch_upkeep: 0 })
})

test('with a change that stands before it in the queue: it lands when that one has', async () => {
  const { world, repository, queued, built, release, approve, told } = await queueing()
  const first = await queued('mine')
  await built(first.pull)
  const second = await queued('theirs')
  const head = second.pull.head.sha
  await world.untilIssue(second.key, ({ attempts }) => attempts['queue_repair']! >= 1)
  await until(() => existsSync(join(world.folder, `${second.key}.queue_repair.json`)), { what: 'the repair to begin', saw: world.log })
  expect(told(second.key)).toMatchObject({
    incident: { class: 'conflict', files: [], summary: expect.stringContaining('stood before it') as string },
  })
  await release(first.pull)
  await world.untilIssue(first.key, 'done')
  await world.untilIssue(second.key, ({ pr, run }) => run === null && pr?.headSha !== head)
  await approve(second.key)
  await world.untilIssue(second.key, 'done')
  expect(await repository.git.readFile(repository.refs.get('refs/heads/main')!, 'notes.txt')).toBe('one\ntheirs\nmine\n')
})
