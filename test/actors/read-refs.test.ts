// Refs read from files are what git says they are, whatever way they are kept.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readAllRefs, readRefs } from '../../src/actors/read-refs.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'signalbox-refs-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const env = { PATH: process.env['PATH'], GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', LC_ALL: 'C' }
const who = { GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@b' }
const run = (cwd: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd, env: { ...env, ...who }, encoding: 'utf8', input: '' }).trimEnd()

function bare(format = 'sha1'): { folder: string; commits: string[] } {
  const folder = join(root, format)
  run(root, 'init', '-q', '--bare', `--object-format=${format}`, folder)
  const tree = run(folder, 'mktree')
  return { folder, commits: ['one', 'two', 'three'].map((message) => run(folder, 'commit-tree', tree, '-m', message)) }
}
const names = ['a', 'b', 'c', 'dir', 'dir/d', 'gone', 'a/below'].map((name) => `refs/heads/${name}`)
const asked = (folder: string): Map<string, string> =>
  new Map(
    run(folder, 'for-each-ref', '--format=%(refname) %(objectname)')
      .split('\n')
      .map((line) => line.split(' ') as [string, string])
      .filter(([ref]) => names.includes(ref)),
  )
const sorted = (found: Map<string, string>): [string, string][] => [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))

test.each(['sha1', 'sha256'])(
  'of a bare repository (%s), each of its own file, packed, moved since, packed and gone, or no ref at all',
  async (format) => {
    const { folder, commits } = bare(format)
    const set = (name: string, n: number) => run(folder, 'update-ref', `refs/heads/${name}`, commits[n]!)
    for (const name of ['a', 'b', 'gone', 'dir/d']) set(name, 0)
    const compare = async () => expect(sorted(await readRefs(folder, names))).toEqual(sorted(asked(folder)))
    await compare()
    run(folder, 'pack-refs', '--all')
    await compare()
    set('a', 1)
    set('c', 2)
    run(folder, 'update-ref', '-d', 'refs/heads/gone')
    await compare()
    expect(asked(folder).size).toBe(4)
  },
)

test('all of a repository are those that git lists, loose and packed, whatever else lies among them', async () => {
  const { folder, commits } = bare()
  const compare = async (below: 'refs' | 'refs/heads') => {
    const listed = run(folder, 'for-each-ref', '--format=%(refname) %(objectname)', `${below}/`).split('\n')
    const read = () => readAllRefs(folder, below)
    const isPlain = listed.every((line) => /^[ -~]*$/.test(line)) && !existsSync(join(folder, 'refs/heads/b'))
    expect(sorted(await (isPlain ? alone(read) : read()))).toEqual(listed.map((line) => line.split(' ')))
  }
  const set = (ref: string, n: number) => run(folder, 'update-ref', ref, commits[n]!)
  for (const ref of ['heads/a', 'heads/dir/d', 'tags/v1', 'signalbox/saved/APP-1/1']) set(`refs/${ref}`, 0)
  run(folder, 'tag', '--annotate', '--message', 'peeled when it is packed', 'v0', commits[0]!)
  await compare('refs')
  run(folder, 'pack-refs', '--all')
  set('refs/heads/a', 1)
  set('refs/tags/v2', 2)
  run(folder, 'update-ref', '-d', 'refs/heads/dir/d')
  for (const below of ['refs', 'refs/heads'] as const) await compare(below)
  set('refs/heads/größe', 0)
  await compare('refs')
  const { ref, sha } = { ref: join(folder, 'refs/heads/a'), sha: `${commits[0]}\n` }
  writeFileSync(`${ref}.lock`, sha)
  writeFileSync(join(folder, 'refs/heads/no name'), sha)
  symlinkSync('a', join(folder, 'refs/heads/b'))
  writeFileSync(join(folder, 'refs/tags/v2'), 'nonsense')
  await compare('refs/heads')
  const all = await readAllRefs(folder, 'refs')
  expect([...all.keys()]).toEqual([
    'refs/heads/a',
    'refs/heads/b',
    'refs/heads/größe',
    'refs/signalbox/saved/APP-1/1',
    'refs/tags/v0',
    'refs/tags/v1',
  ])
})

test('all are read without a process', async () => {
  const { folder, commits } = bare()
  run(folder, 'update-ref', 'refs/heads/a', commits[0]!)
  run(folder, 'update-ref', 'refs/tags/v1', commits[1]!)
  expect([...(await alone(() => readAllRefs(folder, 'refs'))).keys()].toSorted()).toEqual(['refs/heads/a', 'refs/tags/v1'])
})

/** Without a git that could be asked. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  const path = process.env['PATH']
  process.env['PATH'] = root
  return work().finally(() => (process.env['PATH'] = path))
}

test('no process is started where the files tell, and one where they cannot', async () => {
  const { folder, commits } = bare()
  run(folder, 'update-ref', 'refs/heads/a', commits[0]!)
  const look = () => alone(() => readRefs(folder, ['refs/heads/a', 'refs/heads/b']))
  expect(await look()).toEqual(new Map([['refs/heads/a', commits[0]]]))
  await expect(alone(() => readRefs(folder, ['HEAD']))).rejects.toMatchObject({ code: 'git-missing' })
  // The refs are in its tables then.
  mkdirSync(join(folder, 'reftable'))
  await expect(look()).rejects.toMatchObject({ code: 'git-missing' })
})

test('of a work tree, a symbolic ref and a broken file git is asked', async () => {
  const { folder, commits } = bare()
  run(folder, 'update-ref', 'refs/heads/a', commits[0]!)
  run(folder, 'symbolic-ref', 'refs/heads/b', 'refs/heads/a')
  expect(await readRefs(folder, ['refs/heads/b'])).toEqual(new Map([['refs/heads/b', commits[0]]]))
  writeFileSync(join(folder, 'refs/heads/c'), '')
  expect(await readRefs(folder, ['refs/heads/a', 'refs/heads/c'])).toEqual(new Map([['refs/heads/a', commits[0]]]))
  // A work tree with files of the names that a repository has.
  const work = join(root, 'work')
  run(root, 'init', '-q', '--initial-branch=main', work)
  for (const name of ['objects', 'refs/heads']) mkdirSync(join(work, name), { recursive: true })
  writeFileSync(join(work, 'HEAD'), 'ref: refs/heads/main\n')
  writeFileSync(join(work, 'refs/heads/main'), `${'0'.repeat(40)}\n`)
  run(work, 'commit', '-q', '--allow-empty', '-m', 'one')
  expect(await readRefs(work, ['refs/heads/main'])).toEqual(new Map([['refs/heads/main', run(work, 'rev-parse', 'HEAD')]]))
})
