import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { workSoFar } from '../../../src/actors/workspace/work-so-far.ts'
import { makeRepository, run, temporaryFolder, write } from '../repository.ts'

test('what a branch holds: its commits, what they and the worktree have changed, and what of that is not committed', async () => {
  const home = temporaryFolder()
  makeRepository(join(home, 'clone'))
  const folder = join(home, 'worktree')
  run(join(home, 'clone'), 'worktree', 'add', '--quiet', '-b', 'work', folder)
  const commit = (subject: string) => {
    run(folder, 'add', '--all')
    run(folder, 'commit', '--quiet', '--message', subject)
  }
  write(folder, { 'old.txt': 'old\n' })
  commit('The start')
  run(folder, 'update-ref', 'refs/remotes/origin/base', 'HEAD')
  expect(await workSoFar(folder, 'origin/base')).toEqual({ commits: [], files: [], uncommitted: [] })

  write(folder, { 'a b.txt': 'one\n' })
  commit('First: "one"')
  write(folder, { 'ü.txt': 'two\n' })
  commit('Second')
  write(folder, { 'ü.txt': 'three\n', 'new/file.txt': '' })
  rmSync(join(folder, 'old.txt'))
  const { commits, files, uncommitted } = await workSoFar(folder, 'origin/base')
  expect(commits).toEqual([expect.stringMatching(/^[0-9a-f]{7,} Second$/), expect.stringMatching(/^[0-9a-f]{7,} First: "one"$/)])
  expect(files.toSorted()).toEqual(['a b.txt', 'new/file.txt', 'old.txt', 'ü.txt'])
  expect(uncommitted.toSorted()).toEqual(['new/file.txt', 'old.txt', 'ü.txt'])
})

test('what git does not know is refused, and what is no worktree', async () => {
  const clone = makeRepository(join(temporaryFolder(), 'clone'))
  await expect(workSoFar(clone, 'HEAD')).rejects.toMatchObject({ code: 'worktree-broken' })
  const folder = `${clone}-worktree`
  run(clone, 'worktree', 'add', '--quiet', folder)
  await expect(workSoFar(folder, 'origin/missing')).rejects.toMatchObject({ name: expect.stringMatching(/Error$/) })
})
