// A landed change is deployed by the project's own command, from a clean worktree of the commit that landed.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git } from '../../src/actors/git.ts'
import { createPlace } from './app.ts'

test('a failed deployment asks for a human, and a retry deploys again', async () => {
  const place = await createPlace()
  const [log, ready] = [join(place.folder, 'deployed.log'), join(place.folder, 'ready')]
  const config = place.config({
    review: { by: 'none' },
    deploy: {
      command: `cat line.txt >> "$LOG"; test -e "$READY" || { echo "the server is away" >&2; exit 3; }`,
      env: { LOG: log, READY: ready },
    },
  })
  const command = 'echo one > line.txt; git add line.txt; git commit -q -m "Write the line"'
  const app = await place.open({ ...config, agents: { mine: { ...config.agents['mine']!, command } as never } })
  const { key } = await app.submit({ title: 'Write the line' })
  await expect
    .poll(() => app.issue(key).waitsFor, { timeout: 20_000 })
    .toMatchObject([{ party: 'human', reason: expect.stringContaining('deploy ended with exit status 3') as string }])
  expect(app.issue(key)).toMatchObject({ pr: { state: 'merged' } })
  writeFileSync(ready, '')
  await app.act(key, { action: 'retry' })
  await expect.poll(() => app.issue(key).phase, { timeout: 20_000 }).toBe('done')
  expect(readFileSync(log, 'utf8')).toBe('one\none\n')
  // Nothing of it stays in the repository.
  expect((await git(['status', '--porcelain'], { cwd: join(place.folder, 'app') })).stdout).toBe('')
  expect(existsSync(join(place.folder, 'data', 'checks', 'app'))).toBe(true)
  rmSync(log)
}, 60_000)
