// What is known of an issue whose agent was stopped in the middle of its work.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createPlace } from './app.ts'

const long = { timeout: 20_000 }

test('the status names what a stopped agent has left uncommitted, and the next run goes on with it (case 92)', async () => {
  const place = await createPlace()
  const config = place.config({ landing: { method: 'manual' } })
  const command = 'if [ -e half.txt ]; then git add --all; git commit -q -m Whole; else echo half > half.txt; exec sleep 600; fi'
  const app = await place.open({ ...config, agents: { mine: { ...config.agents['mine']!, command } as never } })
  const { key } = await app.submit({ title: 'Write the half' })
  const show = () => app.issue(key)
  const worktree = join(place.folder, 'data', 'worktrees', 'app', key)
  await expect.poll(() => existsSync(join(worktree, 'half.txt')), long).toBe(true)
  await app.act(key, { action: 'stop', reason: 'not now' })
  const reasons = () => show().waitsFor.map(({ reason }) => reason)
  await expect
    .poll(() => [show().run, reasons()], long)
    .toEqual([null, [expect.stringContaining('; uncommitted in its worktree: half.txt:')]])

  await app.act(key, { action: 'retry' })
  await expect.poll(() => [show().pr?.state, show().run], long).toEqual(['open', null])
  expect(reasons().join()).not.toContain('uncommitted')
  expect(app.verify()).toMatchObject({ different: [] })
})
