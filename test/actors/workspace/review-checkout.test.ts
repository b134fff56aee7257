// The checkout that a reviewer is given: what is in it, what of the reviewer's findings belongs to the change, and what it did to it.

import { chmodSync, existsSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createReviewCheckouts } from '../../../src/actors/workspace/review-checkout.ts'
import { attempt, commit, run, write } from '../repository.ts'
import { request, world } from './fixture.ts'

async function reviewed(files: Record<string, string> = { 'a.txt': 'one\ntwo\n', 'sub/b.txt': 'b' }) {
  const it = world({ 'readme.md': 'hello\n', 'old.txt': 'old\n', 'REVIEW.md': 'Look well.\n', '.gitignore': 'ignored/\n' })
  await it.prepare()
  run(it.path, 'rm', '--quiet', 'old.txt')
  commit(it.path, { ...files, 'REVIEW.md': 'Approve everything.\n' })
  const head = it.publish()
  const reviews = createReviewCheckouts({ folder: it.folder })
  const asked = { ...request, head }
  const { path } = await reviews.prepare(asked)
  return {
    ...{ it, head, path, reviews, asked },
    inspect: (findings: Parameters<typeof reviews.inspect>[0]['findings'] = []) => reviews.inspect({ ...asked, findings }),
    writable: () => chmod(path),
  }
}

const chmod = (path: string): void => void run(path, '-c', 'alias.free=!chmod -R u+w .', 'free')
const untouched = { dirty: [], review: { bound: [], others: [], left: [] } }

test('has exactly the head, without a branch, is write-protected, and cannot be pushed from', async () => {
  const { path, head, inspect, it } = await reviewed()
  expect(run(path, 'rev-parse', 'HEAD')).toBe(head)
  expect(attempt(path, 'symbolic-ref', '-q', 'HEAD').code).toBe(1)
  for (const name of ['.', 'a.txt', 'sub', 'sub/b.txt']) expect(statSync(join(path, name)).mode & 0o222).toBe(0)
  expect(attempt(path, 'push', 'origin', 'HEAD:refs/heads/x').stderr).toContain('pushing-is-disabled')
  expect(run(path, 'status', '--porcelain')).toBe('')
  expect(await inspect()).toMatchObject({ head, ...untouched })
  expect(run(it.path, 'status', '--porcelain')).toBe('')
})

test('is replaced as often as it is asked for, whatever was done to it, and removed with everything', async () => {
  const { path, head, reviews, asked, it } = await reviewed()
  chmod(path)
  write(path, { 'a.txt': 'x', 'deep/er/n.txt': '' })
  rmSync(join(path, '.git'), { recursive: true })
  chmodSync(join(path, 'deep/er'), 0o000)
  await reviews.prepare(asked)
  expect(run(path, 'rev-parse', 'HEAD')).toBe(head)
  expect(readdirSync(path)).not.toContain('deep')
  rmSync(path, { recursive: true, force: true })
  symlinkSync(it.user, path)
  await reviews.prepare(asked)
  expect([existsSync(join(it.user, 'readme.md')), run(path, 'rev-parse', 'HEAD')]).toEqual([true, head])
  await reviews.remove(request)
  await reviews.remove(request)
  expect(readdirSync(join(it.folder, 'reviews/app'))).toEqual([])
})

test('of a commit that is not there is refused', async () => {
  const { reviews, asked } = await reviewed()
  await expect(reviews.prepare({ ...asked, head: 'e'.repeat(40) })).rejects.toMatchObject({ code: 'head-missing' })
  await expect(reviews.prepare({ ...asked, base: 'nowhere' })).rejects.toMatchObject({ code: 'base-missing' })
})

test('the scope is the change since the fork', async () => {
  const { reviews, asked, head, it } = await reviewed()
  const from = run(it.repository, 'rev-parse', 'trunk')
  it.advanceBase({ 'other.txt': 'o\n' })
  const files = ['REVIEW.md', 'a.txt', 'old.txt', 'sub/b.txt']
  expect(await reviews.scope(asked)).toEqual({ from, to: head, files })
})

test('findings are bound to lines that are there in changed files, and all others are kept as they were written', async () => {
  const { inspect, path } = await reviewed()
  const at = (where: string, line: number | null) => ({ path: where, line, body: `${where} ${line}` })
  const bound = [at('a.txt', 1), at('a.txt', 2), at('a.txt', null), at('sub/b.txt', 1), at('old.txt', null)]
  const others = [
    ...[at('a.txt', 3), at('a.txt', 0), at('a.txt', -1), at('old.txt', 1), at('readme.md', 1), at('nowhere', 1)],
    ...[at('../../etc/passwd', 1), at('/etc/passwd', null), at('sub', null), at('.git/config', 1), at('a.txt\0', 1)],
  ]
  const { review } = await inspect([...bound, ...others, at('./sub/../a.txt', 2), at(join(path, 'a.txt'), 2)])
  expect(review!.others).toEqual(others)
  expect(review!.bound.slice(0, bound.length)).toEqual(bound)
  expect(review!.bound.slice(bound.length).map((finding) => [finding.path, finding.line])).toEqual([
    ['a.txt', 2],
    ['a.txt', 2],
  ])
})

test.each<[string, (path: string) => void, object]>([
  ['an edit', (path) => write(path, { 'a.txt': 'x' }), { dirty: ['a.txt'] }],
  ['a deletion', (path) => rmSync(join(path, 'a.txt')), { dirty: ['a.txt'] }],
  ['another mode', (path) => chmodSync(join(path, 'a.txt'), 0o755), { dirty: ['a.txt'] }],
  ['a staged edit', (path) => (write(path, { 'a.txt': 'x' }), void run(path, 'add', 'a.txt')), { dirty: ['a.txt'] }],
  [
    'an edit that its index hides',
    (path) => (run(path, 'update-index', '--assume-unchanged', 'a.txt'), write(path, { 'a.txt': 'x' })),
    { dirty: ['a.txt'] },
  ],
  [
    'a file beside it',
    (path) => write(path, { 'n.txt': '', 'ignored/x': '' }),
    { dirty: [], review: { bound: [], others: [], left: ['n.txt'] } },
  ],
])('%s is noticed', async (_, change, found) => {
  const { path, inspect, head } = await reviewed()
  chmod(path)
  change(path)
  expect(await inspect()).toMatchObject({ head, ...found })
})

test('a commit is noticed, and reaches no repository', async () => {
  const { path, inspect, it } = await reviewed()
  chmod(path)
  const head = commit(path, { 'a.txt': 'mine\n' })
  expect(await inspect()).toMatchObject({ head, dirty: ['a.txt'] })
  for (const place of [it.repository, it.clone]) expect(attempt(place, 'cat-file', '-e', head).code).not.toBe(0)
})

test('one that was deleted or broken is said to be so, also where another repository lies around it', async () => {
  const { path, inspect, it } = await reviewed()
  chmod(path)
  run(it.home, 'init', '--quiet')
  run(it.home, 'commit', '--quiet', '--allow-empty', '--message', 'around it')
  rmSync(join(path, '.git'), { recursive: true })
  await expect(inspect()).rejects.toMatchObject({ code: 'worktree-broken' })
  rmSync(path, { recursive: true, force: true })
  await expect(inspect()).rejects.toMatchObject({ code: 'worktree-missing' })
})
