// What a sandbox of Claude Code leaves in a worktree and its clone when it is killed is gone before anything is done there.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../actors/repository.ts'
import { createPlace } from './app.ts'

/** As bubblewrap makes the place that something is mounted on. */
const standIn = (path: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '', { mode: 0o444 })
}

test('is removed at the start, whatever kind of agent there is now; what somebody has made stays', async () => {
  const place = await createPlace()
  const clone = join(place.folder, 'data/clones/app.git')
  const worktree = join(place.folder, 'data/worktrees/app/APP-1')
  run(place.folder, 'clone', '--quiet', '--bare', 'app', clone)
  run(clone, 'worktree', 'add', '--quiet', '-b', 'signalbox/app-1', worktree, 'main')
  for (const name of ['.bashrc', '.gitmodules', '.claude/settings.json', '.claude/hooks']) standIn(join(worktree, name))
  mkdirSync(join(worktree, '.claude/.cc-writes'))
  for (const name of ['config.lock', '.mcp.json', 'refs/heads/signalbox/app-2']) standIn(join(clone, name))
  // Of a worktree that is gone only the clone has any.
  standIn(join(place.folder, 'data/clones/gone.git/config.lock'))
  writeFileSync(join(worktree, '.profile'), '')
  writeFileSync(join(worktree, '.mcp.json'), '{}')
  expect(() => run(clone, 'config', 'a.b', 'c')).toThrow('could not lock config file')

  await place.open()
  expect(run(worktree, 'status', '--porcelain').split('\n').filter(Boolean)).toEqual(['?? .mcp.json', '?? .profile'])
  run(clone, 'config', 'a.b', 'c')
  expect(run(clone, 'for-each-ref', '--format=%(refname:short)').split('\n')).toEqual(['main', 'signalbox/app-1'])
  run(clone, 'branch', 'signalbox/app-2')
  expect(existsSync(join(clone, '.mcp.json'))).toBe(false)
  expect(existsSync(join(place.folder, 'data/clones/gone.git/config.lock'))).toBe(false)
})
