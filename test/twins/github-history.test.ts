// What the GitHub twin knows of a repository without starting git for it is what git says.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseChanges, parseNames } from './github/git-output.ts'
import { DifferenceReader } from './github/git-process.ts'
import { Git } from './github/git.ts'

const AUTHOR = { name: 'Ada', email: 'ada@example.com', at: 1_700_000_000_000 }

let folder: string
let git: Git
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'github-history-'))
  git = new Git(join(folder, 'one.git'))
  await git.init('main')
})
afterEach(async () => {
  git.close()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

const lines = (text: string) => text.split('\n').filter((line) => line !== '')

/** Commits that each change a file, made at once: `parents` are places in the list. The seconds are those of their committers. */
async function commits(list: readonly { parents: readonly number[]; seconds: number }[]): Promise<string[]> {
  const input = list.flatMap(({ parents, seconds }, n) => [
    `${parents.length === 0 ? 'reset refs/heads/made\n\n' : ''}commit refs/heads/made\nmark :${n + 1}`,
    `committer Ada <ada@example.com> ${seconds} +0000\ndata 1\nx`,
    ...parents.map((parent, place) => `${place === 0 ? 'from' : 'merge'} :${parent + 1}`),
    `M 100644 inline ${n % 20}.txt\ndata <<.\n${n}\n.\n\nget-mark :${n + 1}`,
  ])
  return lines(await git.run(['fast-import', '--quiet', '--force'], { input: `${input.join('\n')}\n` }))
}

async function expectAsGit(base: string, head: string): Promise<void> {
  const all = lines(await git.run(['merge-base', '--all', base, head], { accept: [1] }))
  const sides = lines(await git.run(['rev-list', '--left-right', '--reverse', '--topo-order', `${base}...${head}`]))
  const { mergeBase, ahead, behind } = await git.compare(base, head)
  expect(ahead).toEqual(sides.filter((line) => line.startsWith('>')).map((line) => line.slice(1)))
  expect(behind).toBe(sides.length - ahead.length)
  // Of several, git names one of the newest.
  const ages = await Promise.all(all.map(async (sha) => (await git.commit(sha)).committer.at))
  const newest = all.filter((_, n) => ages[n] === ages[0])
  expect(mergeBase === undefined ? [undefined] : newest).toContain(mergeBase)
  expect(mergeBase === undefined).toBe(all.length === 0)
  let is = true
  await git.run(['merge-base', '--is-ancestor', base, head], { accept: [1], onCode: (code) => (is = code === 0) })
  expect(await git.isAncestor(base, head)).toBe(is)
}

/** As it was asked for before it was known here. */
async function arrivalByGit(old: string | undefined, now: string, known?: string) {
  const range =
    old === undefined ? [now, ...(known === undefined ? [] : [`^${known}`]), '--max-count=20'] : ['--left-right', `${old}...${now}`]
  const text = await git.run(['log', '--reverse', '--topo-order', '--no-renames', '--name-status', '--format=%x01%m%H', ...range])
  const blocks = text.split('\u0001').slice(1)
  const brought = blocks.filter((block) => !block.startsWith('<'))
  return {
    forced: brought.length < blocks.length,
    commits: brought.map((block) => ({ sha: block.slice(1, 41), ...parseNames(block) })).slice(-20),
  }
}

/** Numbers from 0 up to `below`, the same at each run. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe('how commits stand to each other', () => {
  it.each([
    ['in time', 1, 60],
    ['in the same second', 2, 0],
    ['by clocks that are wrong', 3, -1],
  ])('is known of any history, made %s', async (_, seed, step) => {
    const pick = random(seed)
    const list = Array.from({ length: 60 }, (__, n) => {
      const kind = pick(20)
      const recent = () => Math.max(0, n - 1 - pick(8))
      const parents = n === 0 || kind === 0 ? [] : kind < 12 ? [recent()] : [recent(), recent(), ...(kind === 19 ? [recent()] : [])]
      return { parents: [...new Set(parents)], seconds: 1_700_000_000 + (step < 0 ? pick(10_000) : n * step) }
    })
    const shas = await commits(list)
    for (let n = 0; n < 20; n++) await expectAsGit(shas[pick(60)]!, shas[pick(60)]!)
    for (let n = 0; n < 4; n++) {
      const [old, now] = [shas[pick(60)]!, shas[pick(60)]!]
      expect(await git.arrival(old, now, undefined)).toEqual(await arrivalByGit(old, now))
      expect(await git.arrival(undefined, now, old)).toEqual(await arrivalByGit(undefined, now, old === now ? undefined : old))
    }
    expect(await git.arrival(undefined, shas[59]!, undefined)).toEqual(await arrivalByGit(undefined, shas[59]!))
  })

  it('is known where both were merged into each other, and where nothing is common', async () => {
    const seconds = 1_700_000_000
    const parents = [[], [0], [0], [1, 2], [2, 1], [3], [4], [], [7], [6, 8]]
    const shas = await commits(parents.map((each, n) => ({ parents: each, seconds: seconds + n })))
    for (const pair of ['5 6', '6 5', '3 4', '5 8', '8 5', '9 5', '0 9', '9 0', '7 9', '4 4']) {
      const [base, head] = pair.split(' ').map((n) => shas[Number(n)]!) as [string, string]
      await expectAsGit(base, head)
    }
    expect(await git.compare(shas[5]!, shas[8]!)).toMatchObject({ mergeBase: undefined, behind: 5 })
    await expect(git.compare(shas[0]!, '1'.repeat(40))).rejects.toThrow('has no commit')
  })

  it('is known of a long history soon, and of what came since', async () => {
    const shas = await commits(Array.from({ length: 1_000 }, (_, n) => ({ parents: n === 0 ? [] : [n - 1], seconds: 1_700_000_000 + n })))
    expect(await git.compare(shas[10]!, shas[999]!)).toMatchObject({ mergeBase: shas[10], behind: 0 })
    const next = await git.write(shas[999], { 'next.txt': 'x\n' }, 'Next', AUTHOR)
    expect(await git.compare(shas[998]!, next)).toMatchObject({ mergeBase: shas[998], ahead: [shas[999], next], behind: 0 })
  })
})

describe('what a push brought', () => {
  it('is told also of a tag, of a tag of no commit, and where a merge or a root came', async () => {
    const first = await git.write(undefined, { 'a.txt': 'a\n' }, 'First', AUTHOR)
    const left = await git.write(first, { 'b.txt': 'b\n' }, 'Left', AUTHOR)
    const right = await git.write(first, { 'c.txt': 'c\n' }, 'Right', AUTHOR)
    const merge = await git.commitTree((await git.mergeTree(left, right))!, [left, right], 'Merge', AUTHOR)
    const root = await git.write(undefined, { 'r.txt': 'r\n' }, 'Root', AUTHOR)
    const tag = async (name: string, of: string) => {
      await git.run(['tag', '-a', '-m', 'x', name, of])
      return (await git.at([`refs/tags/${name}`])).get(`refs/tags/${name}`)!
    }
    const asGit = async (old: string | undefined, now: string) =>
      expect(await git.arrival(old, now, undefined)).toEqual(await arrivalByGit(old, now))
    await asGit(first, merge)
    await asGit(left, merge)
    await asGit(merge, first)
    await asGit(merge, root)
    await asGit(undefined, merge)
    await asGit(undefined, root)
    const [one, other] = [await tag('one', left), await tag('other', (await git.commit(first)).tree)]
    expect(await git.arrival(undefined, one, first)).toEqual(await arrivalByGit(undefined, one, first))
    await asGit(one, merge)
    expect(await git.arrival(undefined, other, first)).toEqual({ forced: false, commits: [] })
  })
})

it('the tree of a merge is what git says, whichever has the other', async () => {
  const write = (parent: string | undefined, files: Record<string, string | null>) => git.write(parent, files, 'x', AUTHOR)
  const root = await write(undefined, { 'a/one.txt': '1\n', 'b.txt': 'b\n' })
  const moved = await write(root, { 'a/one.txt': null, 'c/one.txt': '1\n' })
  const edited = await write(root, { 'a/one.txt': '2\n' })
  const other = await write(root, { 'b.txt': null })
  const pairs = [
    [root, moved],
    [moved, root],
    [root, root],
    [moved, edited],
    [moved, other],
    [edited, await write(root, { 'a/one.txt': '3\n' })],
  ]
  const found = await Promise.all(pairs.map(([base, head]) => git.mergeTree(base!, head!)))
  const byGit = await Promise.all(
    pairs.map(([base, head]) => git.run(['merge-tree', '--write-tree', '--no-messages', base!, head!], { accept: [1] })),
  )
  expect(found).toEqual(byGit.map((text) => (text.includes('\t') ? undefined : text.trim())))
  expect(found.filter((tree) => tree === undefined)).toHaveLength(1)
})

describe('what commits changed', () => {
  const text = Array.from({ length: 30 }, (_, n) => `line ${n}\n`).join('')
  const write = (parent: string | undefined, files: Record<string, string | null>) => git.write(parent, files, 'x', AUTHOR)

  async function expectAsGit(from: string | undefined, to: string): Promise<void> {
    const diff = ['diff', '--raw', '--numstat', '-p', '-M', '-z', '--no-abbrev', '--no-color']
    expect(await git.changes(from, to)).toEqual(parseChanges(await git.run([...diff, from ?? (await emptyTree()), to])))
    expect(await git.arrival(undefined, to, from)).toEqual(await arrivalByGit(undefined, to, from))
  }
  const emptyTree = async () => (await git.run(['mktree'])).trim()

  it('is what git says, whatever the files are called and hold', async () => {
    const root = await write(undefined, { 'a.txt': text, 'with space.txt': 'x\n', 'ümläut/“quoted”.txt': 'x\n', 'gone.txt': 'x' })
    const quoted = await write(root, { 'say "hello".txt': '1\n', 'tab\there.txt': '1\n', 'ümläut/“quoted”.txt': 'y\n', 'gone.txt': null })
    const moved = await write(quoted, {
      'a.txt': null,
      'b/with space.txt': `${text}end\n`,
      bin: '\0\u0001\0',
      'mark.txt': 'diff --git a/x b/x\n@@ -1 +1 @@\n',
    })
    const folder = await write(moved, { bin: null, 'bin/inner': '\0\0', 'mark.txt': 'diff --git a/x b/x\n@@ -1 +1 @@\nno end' })
    const empty = await write(folder, {})
    await expectAsGit(undefined, root)
    for (const [from, to] of [
      [root, quoted],
      [quoted, moved],
      [moved, folder],
      [folder, empty],
      [root, folder],
    ])
      await expectAsGit(from, to!)
    expect((await git.changes(quoted, moved)).map((file) => `${file.status} ${file.filename}`)).toContain('renamed b/with space.txt')
    await expect(git.changes(root, '1'.repeat(40))).rejects.toThrow('has no commit')
  })

  it('is found where it was made or packed after the first question', async () => {
    const first = await write(undefined, { 'a.txt': text })
    await expectAsGit(undefined, first)
    const second = await write(first, { 'a.txt': 'short\n' })
    await expectAsGit(first, second)
    await git.updateRef('refs/heads/main', second)
    await git.run(['repack', '-adq'])
    await expectAsGit(second, first)
    const third = await write(second, { 'c.txt': 'c\n' })
    await git.updateRef('refs/heads/main', third)
    await git.run(['repack', '-adq'])
    await expectAsGit(first, third)
  })

  it('is asked of another process when one has died', async () => {
    const sha = await write(undefined, { 'a.txt': text })
    const reader = new DifferenceReader(git.folder, ['--root', '--name-status'])
    expect(await reader.read(sha)).toBe(`${sha}\nA\ta.txt\n`)
    const { pid } = reader
    process.kill(pid!, 'SIGSTOP')
    const asked = reader.read(sha)
    process.kill(pid!, 'SIGKILL')
    await expect(asked).rejects.toThrow('ended without an answer')
    expect(await Promise.all([reader.read(sha), reader.read('1'.repeat(40)), reader.read(sha)])).toEqual([
      `${sha}\nA\ta.txt\n`,
      '',
      `${sha}\nA\ta.txt\n`,
    ])
    expect(reader.pid).not.toBe(pid)
    reader.close()
    await expect.poll(() => reader.pid).toBeUndefined()
  })
})
