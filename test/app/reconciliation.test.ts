// What nobody has told an issue it hears when tracker and forge are asked.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git } from '../../src/actors/git.ts'
import { realClock, type Clock } from '../../src/actors/system/index.ts'
import { createPlace } from './app.ts'

const began = Date.now()
const speed = 30
/** A minute passes in two seconds. */
const hasty: Clock = {
  ...realClock,
  now: () => began + (realClock.now() - began) * speed,
  after: (ms, callback) => realClock.after(ms / speed, callback),
}
const identity = { GIT_AUTHOR_NAME: 'U', GIT_AUTHOR_EMAIL: 'u@localhost', GIT_COMMITTER_NAME: 'U', GIT_COMMITTER_EMAIL: 'u@localhost' }

test('a pull request that does not merge any more, since its base has moved, is brought up to date', async () => {
  const place = await createPlace()
  const config = place.config({ review: { by: 'human' } })
  // It writes its line at first, and merges the base when that is asked for.
  const command = [
    'if [ "$SIGNALBOX_RUN_TYPE" = branch_upkeep ]; then git merge -q -X ours "origin/$SIGNALBOX_BASE" -m "Merge the base"',
    'else echo ours > line.txt; git add line.txt; git commit -q -m "Write the line"; fi',
  ].join('; ')
  const agents = { mine: { ...config.agents['mine']!, command } } as typeof config.agents
  const app = await place.open({ ...config, agents }, { clock: hasty })
  const { key } = await app.submit({ title: 'Write the line' })
  await expect.poll(() => app.issue(key).pr?.state, { timeout: 20_000 }).toBe('open')

  const repo = join(place.folder, 'app')
  writeFileSync(join(repo, 'line.txt'), 'theirs\n')
  await git(['add', '--all'], { cwd: repo })
  await git(['commit', '--quiet', '--message', 'Their line'], { cwd: repo, env: identity })

  await expect.poll(() => app.issue(key).attempts, { timeout: 40_000 }).toMatchObject({ branch_upkeep: 1 })
  await expect.poll(() => app.issue(key).run, { timeout: 20_000 }).toBeNull()
  await app.act(key, { action: 'approve' })
  await expect.poll(() => app.issue(key).phase, { timeout: 20_000 }).toBe('done')
  expect((await git(['show', 'main:line.txt'], { cwd: repo })).stdout).toBe('ours\n')
  expect(app.verify()).toMatchObject({ different: [] })
}, 90_000)
