// Agents whose turn ends without a change, and agents that repair more than they may: what a real command answers when it is
// asked why, and what becomes of its issue.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { IssueDocument } from '../../src/app.ts'
import { createWorld, plainWork, type World } from './harness.ts'

let world: World

beforeAll(async () => {
  world = createWorld({
    projects: [
      { id: 'app', budgets: { implementation: 2 } },
      { id: 'reviewed', review: 'human', budgets: { review_fix: 1 } },
    ],
    limits: { activeRuns: 3 },
  })
  await world.start()
})

afterAll(async () => {
  await world.close()
})

const reasonOf = ({ waitsFor }: IssueDocument): string => waitsFor.map(({ reason }) => reason).join('\n')
const answer = (result: object): string => `echo '${JSON.stringify({ outcome: 'no_change', ...result })}' > "$SIGNALBOX_RESULT_FILE"`
/** Does the one when it is asked, and the other at work. */
const whenAsked = (asked: string, work = 'true'): string => `if [ "$SIGNALBOX_TURN" = completion_check ]; then ${asked}; else ${work}; fi`

describe.concurrent('an agent that changed nothing', () => {
  it('and says that nothing has to be changed, closes its issue (case 218)', async () => {
    const key = await world.submit(whenAsked(answer({ completion: 'done', summary: 'It is there.' })))
    expect(await world.untilIssue(key, 'done')).toMatchObject({ pr: null })
  })

  it('and has a question, waits for the answer (case 216) (edge 263)', async () => {
    const key = await world.submit(whenAsked(answer({ outcome: 'needs_input', summary: 's', question: 'Which of the two?' })))
    expect(reasonOf(await world.untilIssue(key, 'awaiting_input'))).toContain('Which of the two?')
  })

  it('and has work left, goes back to it in the same run', async () => {
    const work = `if [ -e "$WORLD/asked-$SIGNALBOX_ISSUE" ]; then ${plainWork}; fi`
    const asked = `touch "$WORLD/asked-$SIGNALBOX_ISSUE"; ${answer({ completion: 'continue', summary: 'all of it' })}`
    const key = await world.submit(whenAsked(asked, work))
    expect(await world.untilIssue(key, (issue) => issue.pr !== null)).toMatchObject({ attempts: { implementation: 1 } })
  })

  it('and cannot do it, or does not say, leaves it to a human', async () => {
    const failing = await world.submit(whenAsked(answer({ completion: 'failed', summary: 'There is no such API.' })))
    expect(reasonOf(await world.untilIssue(failing, 'escalated'))).toContain('There is no such API.')
    const silent = await world.submit(whenAsked('true'))
    expect(reasonOf(await world.untilIssue(silent, 'escalated'))).toContain('it did not say')
  })

  it('and says done while it leaves work behind, has that committed and published (case 219)', async () => {
    const asked = `echo late > late.txt; ${answer({ completion: 'done', summary: 'Nothing.' })}`
    const commits = 'git add --all && git commit --quiet --message late'
    const work = `if [ "$SIGNALBOX_TURN" = commit ]; then ${commits}; fi`
    const key = await world.submit(whenAsked(asked, work))
    expect((await world.untilIssue(key, (issue) => issue.pr !== null)).phase).not.toBe('escalated')
  })
})

describe.concurrent('an agent that is to mend what a reviewer asked for', () => {
  const mending = (mend: string): string => `if [ "$SIGNALBOX_RUN_TYPE" = review_fix ]; then ${mend}; else ${plainWork}; fi`
  const objectedTo = async (mend: string): Promise<{ key: string; head: string | undefined }> => {
    const key = await world.submit(mending(mend), { project: 'reviewed' })
    const head = (await world.untilIssue(key, (issue) => issue.pr !== null && issue.run === null)).pr?.headSha
    await world.act(key, { action: 'request_changes', body: 'Better, please.' })
    return { key, head }
  }

  it('and rewrites the instructions, has nothing published: a human is asked, with the path', async () => {
    const { key, head } = await objectedTo('echo anything > AGENTS.md; git add -A; git commit --quiet -m Ease')
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain('AGENTS.md')
    expect(ended.pr?.headSha).toBe(head)
  })

  it('and takes its commit back, has nothing published: a human is asked, with the commit', async () => {
    const { key, head } = await objectedTo('git revert --no-edit HEAD >/dev/null')
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain('Revert "Do ')
    expect(ended.pr?.headSha).toBe(head)
  })

  it('and commits nothing of any matter, does not ask the reviewer again', async () => {
    const { key, head } = await objectedTo('git commit --quiet --allow-empty -m Mended')
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain('makes no difference')
    expect(ended.pr?.headSha).toBe(head)
  })
})
