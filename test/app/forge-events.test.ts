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
  await expect(app.act(key, { action: 'push', branch: 'same' })).rejects.toMatchObject({ code: 'same-head' })

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
