// A stop in the very moment of a publication, on a real repository: no pull request is left open, no work is lost, and a retry publishes it.

import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { git } from '../../src/actors/git.ts'
import { createPlace } from './app.ts'

const long = { timeout: 20_000 }

test('a run that is stopped while it publishes leaves no open pull request, and a retry goes on from its work (edge 159)', async () => {
  const place = await createPlace()
  const config = place.config({ landing: { method: 'manual' } })
  const command = 'echo "$SIGNALBOX_RUN_ID" >> line.txt; git add line.txt; git commit -q -m "Write the line"'
  const app = await place.open({ ...config, agents: { mine: { ...config.agents['mine']!, command } as never } })
  const { key } = await app.submit({ title: 'Write the line' })
  const show = () => app.issue(key)
  const end = Date.now() + long.timeout
  while (show().run?.phase !== 'publishing') {
    expect([show().pr, Date.now() < end]).toEqual([null, true])
    await turn()
  }
  await app.act(key, { action: 'stop', reason: 'not now' })
  await expect.poll(() => [show().authority, show().run, show().attempts['implementation']], long).toEqual(['stopped', null, 0])
  // Whatever the push had come to, nobody is shown a pull request that waits for a review.
  const settled = Date.now() + 1_000
  while (Date.now() < settled) {
    expect(show().pr).toBeNull()
    await turn()
  }

  await app.act(key, { action: 'retry' })
  await expect.poll(() => [show().pr?.state, show().run, show().authority], long).toEqual(['open', null, 'acting'])
  const log = await git(['log', '--format=%s', `main..${show().branch!}`], { cwd: join(place.folder, 'data', 'repos', 'app.git') })
  expect(log.stdout.trim().split('\n').length).toBeGreaterThanOrEqual(1)
  const text = await git(['show', `${show().pr!.headSha}:line.txt`], { cwd: join(place.folder, 'data', 'repos', 'app.git') })
  expect(text.stdout).toContain('run-1\n')
  expect(app.verify()).toMatchObject({ different: [] })
})
