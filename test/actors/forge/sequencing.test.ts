// Which change in flight a new one is to be based on, on real repositories.

import { describe, expect, test } from 'vitest'
import { likelihood } from '../../../src/actors/forge/sequencing.ts'
import type { PullRequestRow } from '../../../src/actors/forge/local.ts'
import { commit, createForge, run, type ForgeFixture } from './fixture.ts'

const mine = (fixture: ForgeFixture, head: string) => fixture.forge.findConflict({ project: 'app', branch: 'mine', head })
/** The base branch is taken over, as at every start. */
async function opened(...options: Parameters<typeof createForge>): Promise<ForgeFixture> {
  const fixture = await createForge(...options)
  await (await fixture.forge.repository('app')).syncBase()
  return fixture
}
const approve = (fixture: ForgeFixture, number: number, verdict: 'approved' | 'changes_requested' = 'approved', reviewer = 'ada') =>
  fixture.forge.review({ project: 'app', number, verdict, reviewer, body: 'hm' })

describe('a commit that is to be published', () => {
  test('is compared before anybody else sees it, and leaves no trace', async () => {
    const fixture = await createForge()
    const other = await fixture.open('other', { 'src/a.txt': 'theirs\n', 'z.txt': 'z\n' })
    const head = fixture.work({ 'src/a.txt': 'mine\n' })
    const refs = run(fixture.bare, 'for-each-ref')
    expect(await mine(fixture, head)).toEqual({
      ...{ number: other.number, branch: 'other', head: other.headSha, files: ['src/a.txt'] },
      url: `signalbox:app/pull/${other.number}`,
    })
    expect(run(fixture.bare, 'for-each-ref')).toBe(refs)
  })

  test('is free where nothing is in flight, where it merges, and where only the same file is touched (edge 198)', async () => {
    const fixture = await opened({ files: { 'long.txt': Array.from({ length: 40 }, (_, i) => `line ${i}\n`).join('') } })
    const long = (at: number): string => Array.from({ length: 40 }, (_, i) => (i === at ? 'changed\n' : `line ${i}\n`)).join('')
    const head = fixture.work({ 'long.txt': long(2) })
    expect(await mine(fixture, head)).toBeNull()
    await fixture.open('other', { 'long.txt': long(35), 'b.txt': 'b\n' })
    expect(await mine(fixture, head)).toBeNull()
  })

  test('that contradicts the base branch itself is not based on anything: it has to be brought up to date', async () => {
    const fixture = await opened()
    const head = fixture.work({ 'src/a.txt': 'mine\n' })
    commit(fixture.user, { 'src/a.txt': 'the base\n' })
    await fixture.open('other', { 'src/a.txt': 'theirs\n' })
    expect(await mine(fixture, head)).toBeNull()
  })

  test('has nothing to do with a change that contradicts what both of them stand on', async () => {
    const fixture = await opened()
    await fixture.open('other', { 'src/a.txt': 'theirs\n' })
    commit(fixture.user, { 'src/a.txt': 'the base\n' })
    await (await fixture.forge.repository('app')).syncBase()
    expect(await mine(fixture, fixture.work({ 'new.txt': 'mine\n' }))).toBeNull()
  })

  test('is not compared with its own branch, with drafts, or with what is closed', async () => {
    const fixture = await opened()
    const head = fixture.work({ 'src/a.txt': 'mine\n' })
    await fixture.publish({ branch: 'mine', head: fixture.work({ 'src/a.txt': 'before\n' }), issue: 'issue-mine' })
    const draft = fixture.work({ 'src/a.txt': 'draft\n' })
    await fixture.publish({ branch: 'draft', head: draft, issue: 'issue-draft', draft: true })
    const closed = await fixture.open('closed', { 'src/a.txt': 'closed\n' })
    fixture.forge.closePullRequest({ project: 'app', number: closed.number })
    expect(await mine(fixture, head)).toBeNull()
  })

  test('follows the one that will land first; among equals the one opened first; never its own branch (case 315) (edge 198)', async () => {
    const fixture = await createForge()
    const numbers: number[] = []
    for (const branch of ['one', 'two', 'three']) numbers.push((await fixture.open(branch, { 'src/a.txt': `${branch}\n` })).number)
    const head = fixture.work({ 'src/a.txt': 'mine\n' })
    const first = async () => (await mine(fixture, head))?.number
    expect(await first()).toBe(numbers[0])
    approve(fixture, numbers[2]!)
    expect(await first()).toBe(numbers[2])
    const two = await fixture.forge.facts({ project: 'app', issue: '', number: numbers[1]!, branch: '' })
    fixture.forge.recordEntered({ project: 'app', number: numbers[1]!, headSha: two!.headSha })
    expect(await first()).toBe(numbers[1])
  })
})

const row = { head_sha: 'H', queue_state: 'none' } as PullRequestRow
const word = (verdict: 'approved' | 'changes_requested' | 'dismissed', reviewer = 'ada', headSha = 'H') => ({
  ...{ id: '1', reviewer, verdict, headSha, body: '', comments: [], observedAt: 1 },
})
const checks = (state: 'none' | 'passed' | 'failed') => ({ headSha: 'H', state, names: [], failures: [], observedAt: 1 })

test.each([
  ['nothing is known', row, [], 'none', 0],
  ['queued, approved and green', { ...row, queue_state: 'queued' as const }, [word('approved')], 'passed', 175],
  ['approved and red', row, [word('approved')], 'failed', 50],
  ['refused', row, [word('changes_requested')], 'none', -30],
  ['refused by one and approved by another', row, [word('changes_requested'), word('approved', 'bob')], 'none', -30],
  ['refused, then approved', row, [word('changes_requested'), word('approved')], 'none', 50],
  ['taken back', row, [word('approved'), word('dismissed')], 'none', 0],
  ['of a former head', row, [word('approved', 'ada', 'G')], 'none', 0],
] as const)('how soon a change will land: %s', (_what, change, reviews, state, points) => {
  expect(likelihood(change, [...reviews], checks(state))).toBe(points)
})
