// A change that contradicts one in flight, on real repositories: it is based on that before anybody sees it, and lands after it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, type World } from './harness.ts'

let world: World

beforeAll(async () => {
  world = createWorld({
    projects: [
      { id: 'app', review: 'human' },
      { id: 'stubborn', review: 'human' },
    ],
  })
  await world.start()
})

afterAll(async () => {
  await world.close()
})

const write = (text: string): string => `echo "${text}" >> README.md; git add -A; git commit --quiet -m "Write ${text}"`
/** Both sides stay. */
const merge = `git merge --quiet --no-commit "origin/$SIGNALBOX_BASE" >/dev/null || sed -i '/^[<=>]\\{7\\}/d' README.md; git add -A; git commit --quiet -m Merge`
const onto = (text: string, stack: string): string => `if [ "$SIGNALBOX_TURN" = stack ]; then ${stack}; else ${write(text)}; fi`
const reviewable = (key: string) =>
  world.untilIssue(key, (issue) => issue.pr?.checks === 'passed' || (issue.pr !== null && issue.run === null))

describe.concurrent('a change that contradicts one in flight', () => {
  it('is based on it in a turn of the same run, waits for it, and lands after it', async () => {
    const first = await world.submit(write('one'))
    const { pr } = await reviewable(first)
    const second = await world.submit(onto('two', merge))
    const published = await reviewable(second)
    expect(published).toMatchObject({ attempts: { implementation: 1 } })
    expect(published.waitsFor.map(({ reason }) => reason).join('\n')).toContain(`pull request #${pr!.number}, which it is based on`)
    await world.act(second, { action: 'approve' })
    await world.act(first, { action: 'approve' })
    await world.untilIssue(first, 'done')
    const landed = await world.untilIssue(second, 'done')
    expect(landed.attempts).toMatchObject({ implementation: 1, queue_repair: 0, branch_upkeep: 0 })
    expect((await world.asUser(['show', 'main:README.md'], 'app')).trimEnd().split('\n').slice(-2).toSorted()).toEqual(['one', 'two'])
  })

  it('is published as it was when its agent does not get it there', async () => {
    const first = await world.submit(write('one'), { project: 'stubborn' })
    await reviewable(first)
    const second = await world.submit(onto('two', 'git merge --quiet "origin/$SIGNALBOX_BASE" >/dev/null; exit 1'), { project: 'stubborn' })
    const published = await reviewable(second)
    expect(published).toMatchObject({ attempts: { implementation: 1 }, phase: 'pr_open' })
    expect(published.waitsFor.map(({ reason }) => reason).join('\n')).not.toContain('based on')
  })
})
