// What others may do to a pull request on the embedded forge, tried on a real repository: dismissed, pushed over, closed, opened again.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git } from '../../src/actors/git.ts'
import type { App } from '../../src/app.ts'
import { createPlace } from './app.ts'

const identity = { GIT_AUTHOR_NAME: 'U', GIT_AUTHOR_EMAIL: 'u@localhost', GIT_COMMITTER_NAME: 'U', GIT_COMMITTER_EMAIL: 'u@localhost' }
const long = { timeout: 20_000 }

async function opened(project: object = {}): Promise<{ app: App; key: string; repo: string; show: () => ReturnType<App['issue']> }> {
  const place = await createPlace()
  const config = place.config({ landing: { method: 'manual' }, ...project })
  const command = 'echo "$SIGNALBOX_ATTEMPT" >> line.txt; git add line.txt; git commit -q -m "Write the line"'
  const app = await place.open({ ...config, agents: { mine: { ...config.agents['mine']!, command } as never } })
  const { key } = await app.submit({ title: 'Write the line' })
  const show = () => app.issue(key)
  await expect.poll(() => [show().pr?.state, show().run], long).toEqual(['open', null])
  return { app, key, repo: join(place.folder, 'app'), show }
}

/** A branch of the user's own with the pull request's head, and `change` on top of it. */
async function branch(repo: string, from: string, name: string, change: (folder: string) => void): Promise<void> {
  await git(['fetch', '--quiet', join(repo, '..', 'data', 'repos', 'app.git'), from], { cwd: repo })
  await git(['checkout', '--quiet', '-b', name, 'FETCH_HEAD'], { cwd: repo })
  change(repo)
  await git(['add', '--all'], { cwd: repo })
  await git(['commit', '--quiet', '--allow-empty', '--message', name], { cwd: repo, env: identity })
  await git(['checkout', '--quiet', 'main'], { cwd: repo })
}

test('a dismissed approval is none any more, and there is nothing to dismiss twice', async () => {
  const { app, key, show } = await opened()
  await expect(app.act(key, { action: 'dismiss_review' })).rejects.toMatchObject({ code: 'not-accepted' })
  await app.act(key, { action: 'approve', author: 'ada' })
  expect(show()).toMatchObject({ phase: 'awaiting_queue', pr: { review: 'approved' } })
  await expect(app.act(key, { action: 'dismiss_review', reviewer: 'grace' })).rejects.toMatchObject({ code: 'no-review' })
  await app.act(key, { action: 'dismiss_review', reviewer: 'ada' })
  expect(show()).toMatchObject({ phase: 'pr_open', pr: { review: 'none' } })
  expect(app.verify()).toMatchObject({ different: [] })
})

test('a head that a person pushes asks reviewers again, unless it changes the very same', async () => {
  const { app, key, repo, show } = await opened()
  await app.act(key, { action: 'approve' })
  const { branch: ours } = show()
  await expect(app.act(key, { action: 'push', branch: 'nothing' })).rejects.toMatchObject({ code: 'unknown-branch' })

  await branch(repo, ours!, 'same', () => {})
  await app.act(key, { action: 'push', branch: 'same' })
  expect(show()).toMatchObject({ phase: 'awaiting_queue', pr: { review: 'approved' } })
  // A program that was not answered asks again.
  const before = show()
  await app.act(key, { action: 'push', branch: 'same' })
  expect(show()).toEqual(before)

  await branch(repo, ours!, 'other', (folder) => writeFileSync(join(folder, 'more.txt'), 'more\n'))
  await app.act(key, { action: 'push', branch: 'other' })
  const { stdout } = await git(['rev-parse', 'other'], { cwd: repo })
  expect(show()).toMatchObject({ phase: 'pr_open', pr: { review: 'none', headSha: stdout.trim() } })
  expect(app.verify()).toMatchObject({ different: [] })
})

test('a closed pull request means that the work begins anew, and its branch goes on', async () => {
  const { app, key, repo, show } = await opened()
  const first = show().pr!
  await app.act(key, { action: 'close_pull_request' })
  await expect.poll(() => [show().pr?.state, show().run, show().attempts['implementation']], long).toEqual(['open', null, 2])
  expect(show().pr!.headSha).not.toBe(first.headSha)
  const log = await git(['log', '--format=%H', show().pr!.headSha], { cwd: join(repo, '..', 'data', 'repos', 'app.git') })
  expect(log.stdout).toContain(first.headSha)
  expect(app.verify()).toMatchObject({ different: [] })
})

test('one that is closed by mistake, of an issue that is stopped, is opened again as it was', async () => {
  const { app, key, show } = await opened()
  const first = show().pr!
  await app.act(key, { action: 'stop' })
  await app.act(key, { action: 'close_pull_request' })
  expect(show()).toMatchObject({ authority: 'stopped', run: null, pr: { state: 'closed' } })
  await app.act(key, { action: 'reopen_pull_request' })
  expect(show()).toMatchObject({ phase: 'pr_open', pr: { state: 'open', headSha: first.headSha } })
})

test('what an issue has spent is given back by an operator', async () => {
  const { app, key, show } = await opened()
  expect(show().budgets['runs']!.used).toBe(1)
  await app.act(key, { action: 'reset_budget' })
  expect([show().budgets['runs']!.used, show().attempts['implementation']]).toEqual([0, 0])
})

test('a branch of the user, linked by name, is seen through: checked, reviewed, landed', async () => {
  const { app, repo } = await opened({ review: { by: 'human' }, landing: { method: 'queue' } })
  await git(['checkout', '--quiet', '-b', 'mine'], { cwd: repo })
  writeFileSync(join(repo, 'mine.txt'), 'mine\n')
  await git(['add', '--all'], { cwd: repo })
  await git(['commit', '--quiet', '--message', 'Mine'], { cwd: repo, env: identity })
  await git(['checkout', '--quiet', 'main'], { cwd: repo })

  const { key } = await app.submit({ title: 'See it through', links: ['branch:mine'] })
  await expect.poll(() => app.issue(key), long).toMatchObject({ phase: 'pr_open', branch: 'mine', run: null, pr: { state: 'open' } })
  expect(app.issue(key).budgets['runs']!.used).toBe(0)
  await app.act(key, { action: 'approve' })
  await expect.poll(() => app.issue(key).phase, long).toBe('done')
  expect((await git(['show', 'main:mine.txt'], { cwd: repo })).stdout).toBe('mine\n')
  expect(app.verify()).toMatchObject({ different: [] })
})

test('a pull request of an issue that is over may go to another, with its reviews; one of a living issue may not', async () => {
  const { app, key } = await opened()
  await app.act(key, { action: 'request_changes', body: 'Say it louder', author: 'ada' })
  await expect.poll(() => app.issue(key).run, long).not.toBeNull()
  const taken = await app.submit({ title: 'Take it', links: ['1'] })
  await expect.poll(() => app.issue(taken.key).question, long).toContain('is not over')
  await app.act(key, { action: 'close', as: 'failed' })
  await expect.poll(() => app.issue(key).run, long).toBeNull()
  const { key: next } = await app.submit({ title: 'Take it over', links: ['#1'] })
  await expect.poll(() => app.issue(next), long).toMatchObject({ pr: { number: 1 } })
  // The objection came with it, and is answered.
  await expect.poll(() => app.issue(next).attempts, long).toMatchObject({ review_fix: 1 })
})

test.each([
  ['a branch that is not there', 'branch:nothing', 'no branch nothing'],
  ['the base branch', 'branch:main', 'base branch itself'],
  ['a pull request that is not there', '99', 'no pull request #99'],
  ['something else', 'https://example.com/pull/1', 'neither the number'],
])('%s is a question, not a guess', async (_what, link, words) => {
  const place = await createPlace()
  const app = await place.open()
  const { key } = await app.submit({ title: 'Link', links: [link] })
  await expect.poll(() => app.issue(key).question, long).toContain(words)
  expect(app.issue(key)).toMatchObject({ phase: 'awaiting_input', run: null, pr: null })
})

test('a branch that was begun on another pull request follows it, and lands after it', async () => {
  const place = await createPlace()
  const repo = join(place.folder, 'app')
  const config = place.config()
  const command = 'git merge -q "origin/$SIGNALBOX_BASE" -m "Follow"'
  const app = await place.open({ ...config, agents: { mine: { ...config.agents['mine']!, command } as never } })
  const write = async (name: string, from: string, create = true): Promise<void> => {
    await git(['checkout', '--quiet', ...(create ? ['-b', from] : [from])], { cwd: repo })
    writeFileSync(join(repo, `${name}.txt`), `${name}\n`)
    await git(['add', '--all'], { cwd: repo })
    await git(['commit', '--quiet', '--message', name], { cwd: repo, env: identity })
  }
  await write('lower', 'lower')
  await write('upper', 'upper')
  await git(['checkout', '--quiet', 'main'], { cwd: repo })
  const { key: lower } = await app.submit({ title: 'The lower one', links: ['branch:lower'] })
  await expect.poll(() => app.issue(lower).pr?.state, long).toBe('open')
  const { key: upper } = await app.submit({ title: 'The upper one', links: ['branch:upper'] })
  await expect.poll(() => app.issue(upper).pr?.state, long).toBe('open')
  await app.act(upper, { action: 'approve' })
  expect(app.issue(upper)).toMatchObject({
    phase: 'pr_open',
    waitsFor: [{ party: 'dependency', reason: 'pull request #1, which it is based on, to land' }],
  })

  // What is turned down does not land with what stands on it.
  await app.act(lower, { action: 'stop' })
  await app.act(lower, { action: 'close_pull_request' })
  expect(app.issue(upper)).toMatchObject({
    phase: 'pr_open',
    waitsFor: [{ party: 'human', reason: 'pull request #1, which it is based on, was closed: open it again, or close this one too' }],
  })
  await app.act(lower, { action: 'reopen_pull_request' })
  await app.act(lower, { action: 'retry' })
  expect(app.issue(upper).waitsFor).toMatchObject([{ party: 'dependency' }])

  await write('more', 'lower', false)
  await git(['checkout', '--quiet', 'main'], { cwd: repo })
  await app.act(lower, { action: 'push', branch: 'lower' })
  await expect.poll(() => [app.issue(upper).attempts['branch_upkeep'], app.issue(upper).run], long).toEqual([1, null])

  await app.act(lower, { action: 'approve' })
  await expect.poll(() => app.issue(lower).phase, long).toBe('done')
  // Its own patch is what it was: the approval still holds.
  await expect.poll(() => app.issue(upper).phase, long).toBe('done')
  const { stdout } = await git(['log', '--first-parent', '--format=%s', 'main'], { cwd: repo })
  expect(stdout.trim().split('\n')).toEqual([`Merge #2: The upper one (${upper})`, `Merge #1: The lower one (${lower})`, 'The start'])
  expect(app.verify()).toMatchObject({ different: [] })
})
