// What is read of a worktree, saved of it, and when it may go; and the prepare hook.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { attempt, bareEnvironment, commit, isAlive, makeRepository, read, run, show, temporaryFolder, write } from '../repository.ts'
import { createLook } from '../../../src/actors/workspace/inspection.ts'
import { writableRoots } from '../../../src/actors/agents/writable-roots.ts'
import { workSoFar } from '../../../src/actors/workspace/work-so-far.ts'
import { gitEnvironment } from '../../../src/actors/workspace/place.ts'
import { statusOf } from '../../../src/actors/workspace/status.ts'
import { branch, request, world } from './fixture.ts'

const zero = '0'.repeat(40)

/** Everything in a folder that a write would change. */
const trace = (folder: string): string =>
  execFileSync('find', [folder, '-type', 'f', '-printf', '%p %T@ %s\n'], { encoding: 'utf8' }).split('\n').toSorted().join('\n')

// --- the last change -------------------------------------------------------------------------------

test('the last change is that of a file, a commit or a deletion, whatever times their content claims', async () => {
  const { prepare, path, workspace } = world()
  await prepare()
  write(path, { 'ignored/x': 'a' })
  const lastChange = async () => (await workspace.lastChange(request)) ?? 0
  const happens = async (what: () => void): Promise<void> => {
    const before = Date.now()
    await wait(20) // the file system's clock may lag behind by some milliseconds
    expect(await lastChange()).toBeLessThan(before)
    what()
    const changed = await lastChange()
    expect(changed).toBeGreaterThan(before)
    expect(changed).toBeLessThanOrEqual(Date.now())
  }
  await wait(20)
  await happens(() => {
    write(path, { 'deep/er/new.txt': 'a' })
    utimesSync(join(path, 'deep/er/new.txt'), 1, 1)
  })
  await happens(() => write(path, { 'deep/er/new.txt': 'b' }))
  await happens(() => commit(path, {}))
  await happens(() => rmSync(join(path, 'deep'), { recursive: true }))
  await happens(() => rmSync(join(path, 'readme.md')))
  const before = await lastChange()
  await wait(20)
  write(path, { 'ignored/x': 'b' })
  expect(await lastChange()).toBe(before)
})

test('to look for it changes nothing; a worktree that is gone has none', async () => {
  const { prepare, path, workspace, folder } = world()
  await prepare()
  write(path, { 'a.txt': 'b\n' })
  const before = trace(folder)
  await workspace.lastChange(request)
  expect(trace(folder)).toBe(before)
  rmSync(path, { recursive: true })
  await expect(workspace.lastChange(request)).rejects.toMatchObject({ code: 'worktree-missing' })
})

/** What an agent can write in its worktree's own part of the clone, or in the link to it, so that git takes settings of the agent's own. */
const redirections: [name: string, redirect: (place: { path: string; clone: string; own: string; program: string }) => void][] = [
  [
    'a commondir that leads elsewhere',
    ({ clone, own, program }) => writeFileSync(join(own, 'commondir'), `${clonedFor(clone, program)}\n`),
  ],
  [
    'a commondir that begins with a space',
    ({ clone, own, program }) => {
      mkdirSync(join(own, ' ..'))
      cpSync(clonedFor(clone, program), own, { recursive: true, filter: (file) => !/\/(HEAD|worktrees)$/.test(file) })
      writeFileSync(join(own, 'commondir'), ' ../..\n')
    },
  ],
  [
    'a link with a line break in it',
    ({ path, clone, own, program }) => {
      cpSync(clonedFor(clone, program), join(own, '\nevil'), { recursive: true })
      for (const file of ['HEAD', 'index']) cpSync(join(own, file), join(own, '\nevil', file))
      writeFileSync(join(own, '\nevil/objects/info/alternates'), `${clone}/objects\n`)
      writeFileSync(join(path, '.git'), `gitdir: ${own}/\nevil\n`)
    },
  ],
  [
    'settings of the worktree alone, where the clone has some',
    ({ clone, own, program }) => {
      run(clone, 'config', 'extensions.worktreeConfig', 'true')
      writeFileSync(join(own, 'config.worktree'), `[core]\n\tbare = false\n[filter "mine"]\n\tclean = ${program}\n`)
    },
  ],
]

function clonedFor(clone: string, program: string): string {
  const mine = `${clone}.mine`
  cpSync(clone, mine, { recursive: true })
  run(mine, 'config', 'core.bare', 'false')
  run(mine, 'config', 'filter.mine.clean', program)
  return mine
}

test.each(redirections)('%s, with which git would run a program of the agent, is seen before git is asked', async (_, redirect) => {
  const { prepare, path, workspace, clone, inspect } = world()
  const { head } = await prepare()
  const own = run(path, 'rev-parse', '--absolute-git-dir')
  // Without a space in its path, which git would part.
  const at = mkdtempSync('/tmp/signalbox-ran-')
  onTestFinished(() => rmSync(at, { recursive: true }))
  const ran = join(at, 'ran')
  writeFileSync(join(at, 'program'), `#!/bin/sh\ntouch ${ran}\ncat\n`, { mode: 0o755 })
  // Of the same length and another time: else git knows without reading it that it has changed.
  write(path, { '.gitattributes': '* filter=mine\n', 'readme.md': 'HELLO\n' })
  utimesSync(join(path, 'readme.md'), 1, 1)
  redirect({ path, clone, own, program: join(at, 'program') })
  attempt(path, 'status')
  expect(existsSync(ran)).toBe(true)
  rmSync(ran)
  write(path, { 'readme.md': 'hELLO\n' })
  utimesSync(join(path, 'readme.md'), 2, 2)
  await expect(workspace.lastChange(request)).rejects.toMatchObject({ code: 'worktree-broken' })
  await expect(inspect(head)).rejects.toMatchObject({ code: 'worktree-broken' })
  await expect(workSoFar(path, 'origin/trunk')).rejects.toMatchObject({ code: 'worktree-broken' })
  expect(writableRoots(path, branch)).toEqual([])
  await workspace.uncommitted(request)
  await workspace.save({ ...request, reason: 'to keep it' })
  expect(await workspace.remove({ ...request, landed: head })).toMatchObject({ removed: false })
  await prepare()
  expect(existsSync(ran)).toBe(false)
})

test('what is written to that end between a look and git is not heard while the agent is at work', async () => {
  const { prepare, path, clone } = world()
  await prepare()
  const own = run(path, 'rev-parse', '--absolute-git-dir')
  const ran = join(temporaryFolder(), 'ran')
  write(path, { '.gitattributes': '* filter=mine\n', 'readme.md': 'HELLO\n' })
  utimesSync(join(path, 'readme.md'), 1, 1)
  writeFileSync(join(own, 'commondir'), clonedFor(clone, `touch '${ran}'; cat`))
  await statusOf(path, { env: gitEnvironment({ path, clone }, own) })
  expect(existsSync(ran)).toBe(false)
  await statusOf(path)
  expect(existsSync(ran)).toBe(true)
})

test('a worktree that is sparse is one all the same', async () => {
  const { prepare, path, inspect } = world()
  const { head } = await prepare()
  run(path, 'sparse-checkout', 'set', 'src')
  expect(await inspect(head)).toMatchObject({ head })
  expect(await prepare({ keep: true })).toMatchObject({ head })
})

// --- inspect -------------------------------------------------------------------------------------

test('an inspection tells head, branch, commits, files, tree and what is uncommitted', async () => {
  const { prepare, path, inspect } = world()
  const { head: since } = await prepare()
  commit(path, { 'a.txt': 'a\n', 'ünï code.txt': 'x\n' })
  const head = commit(path, { 'a.txt': 'aa\n' })
  write(path, { 'a.txt': 'dirty\n', 'new\nline.txt': '', 'ignored/x': '' })
  expect(await inspect(since)).toEqual({
    head,
    branch,
    dirty: ['a.txt', 'new\nline.txt'],
    operation: null,
    descendsFromSince: true,
    hasParent: true,
    commitsAhead: 2,
    files: ['a.txt', 'ünï code.txt'],
    patchId: expect.stringMatching(/^[0-9a-f]{40}$/),
    tree: run(path, 'rev-parse', 'HEAD^{tree}'),
    reverts: [],
    protectedFiles: [],
  })
})

test('a branch without a difference has no patch identity', async () => {
  const { prepare, path, inspect } = world()
  const { head: since } = await prepare()
  expect(await inspect(since)).toMatchObject({ head: since, commitsAhead: 0, files: [], patchId: null })
  const empty = commit(path, {}, 'nothing')
  expect(await inspect(since)).toMatchObject({ head: empty, commitsAhead: 1, files: [], patchId: null, descendsFromSince: true })
})

test('an inspection changes nothing, not even the index', async () => {
  const { prepare, path, inspect, folder } = world()
  const { head } = await prepare()
  commit(path, { 'a.txt': 'a\n' })
  write(path, { 'a.txt': 'b\n' })
  const before = trace(folder)
  await inspect(head)
  expect(trace(folder)).toBe(before)
})

test('the patch identity is of the change: the same after a rebase or an amended message, another for other content, also of binary files (case 317) (edge 312)', async () => {
  const { prepare, path, inspect, advanceBase } = world({ 'readme.md': 'hello\n', 'image.bin': Buffer.from([0, 1, 2]) })
  const { head: since } = await prepare()
  commit(path, { 'a.txt': 'a\n', 'image.bin': Buffer.from([0, 3]) })
  const first = await inspect(since)
  advanceBase({ 'other.txt': 'landed' })
  run(path, 'fetch', '--quiet', 'origin')
  run(path, 'rebase', '--quiet', 'origin/trunk')
  const rebased = await inspect(since)
  expect(rebased.head).not.toBe(first.head)
  expect(rebased).toMatchObject({ patchId: first.patchId, files: first.files, commitsAhead: 1 })
  run(path, 'commit', '--quiet', '--amend', '--message', 'In other words')
  const reworded = await inspect(since)
  expect([reworded.head === rebased.head, reworded.patchId]).toEqual([false, first.patchId])
  write(path, { 'image.bin': Buffer.from([0, 4]) })
  run(path, 'commit', '--quiet', '--all', '--amend', '--no-edit')
  expect((await inspect(since)).patchId).not.toBe(first.patchId)
})

test('bytes that are no UTF-8 count in the patch identity', async () => {
  const { prepare, path, inspect } = world()
  const { head: since } = await prepare()
  commit(path, { 'latin.txt': Buffer.from([0xe9, 10]) })
  const first = await inspect(since)
  write(path, { 'latin.txt': Buffer.from([0xe8, 10]) })
  run(path, 'commit', '--quiet', '--all', '--amend', '--no-edit')
  expect((await inspect(since)).patchId).not.toBe(first.patchId)
})

test('settings of the repository do not change what is read', async () => {
  const { prepare, path, inspect } = world()
  const { head: since } = await prepare()
  run(path, 'mv', 'readme.md', 'moved.md')
  commit(path, { 'a.txt': 'a\n', 'data.bin': Buffer.from([0, 1]) })
  write(path, { 'sub/untracked.txt': '' })
  const before = await inspect(since)
  const settings = {
    'diff.noprefix': 'true',
    'diff.renames': 'copies',
    'diff.external': 'false',
    'diff.context': '0',
    'status.showUntrackedFiles': 'no',
    'status.relativePaths': 'true',
    'core.quotePath': 'true',
    'core.abbrev': '5',
    'color.ui': 'always',
    'core.fsmonitor': 'false-monitor',
  }
  for (const [name, value] of Object.entries(settings)) run(path, 'config', name, value)
  expect(await inspect(since)).toEqual(before)
})

test('the base is compared as it is published, also where the clone has not fetched it', async () => {
  const { prepare, path, inspect, advanceBase, user } = world()
  const { head: since } = await prepare()
  commit(path, { 'a.txt': 'a\n' })
  advanceBase({ 'other.txt': 'landed' })
  expect(await inspect(since)).toMatchObject({ commitsAhead: 1, files: ['a.txt'] })
  // The agent merges the new base from where it lies, past our remote: its file is not the branch's change.
  run(path, 'fetch', '--quiet', user, 'trunk')
  run(path, 'merge', '--quiet', '--no-edit', 'FETCH_HEAD')
  expect(await inspect(since)).toMatchObject({ commitsAhead: 2, files: ['a.txt'], descendsFromSince: true })
})

test('where the branch has left the base is what git says, whatever way there was', async () => {
  const { prepare, path, repository, advanceBase } = world()
  const { head: since } = await prepare()
  const look = createLook({ path, repository })
  const holds = async (): Promise<void> => {
    const base = run(repository, 'rev-parse', 'trunk')
    const head = run(path, 'rev-parse', 'HEAD')
    const { fork } = await look.ahead(base, head)
    run(path, 'fetch', '--quiet', repository, 'trunk')
    const answer = spawnSync('git', ['merge-base', '--all', base, head], { cwd: path, env: bareEnvironment, encoding: 'utf8' })
    const bases = answer.stdout.split('\n').filter((line) => line !== '')
    if (fork === undefined) expect(bases.length).toBeGreaterThan(1)
    else expect(bases).toEqual(fork === null ? [] : [fork])
    expect(await look.mergeBase(base, head)).toBe(fork === undefined ? bases[0] : fork)
  }
  await holds()
  const first = commit(path, { 'a.txt': 'a\n' })
  await holds()
  advanceBase({ 'other.txt': 'landed' })
  await holds()
  // Each takes the other in: then there are two commits that both have, and none of them before the other.
  run(path, 'fetch', '--quiet', 'origin')
  run(path, 'merge', '--quiet', '--no-edit', 'origin/trunk')
  await holds()
  const [theirs, ours] = [run(path, 'rev-parse', 'origin/trunk'), first]
  const tree = run(path, 'rev-parse', 'HEAD^{tree}')
  const crossed = run(path, 'commit-tree', tree, '-p', theirs, '-p', ours, '-m', 'the other way round')
  run(path, 'push', '--quiet', repository, `${crossed}:refs/heads/trunk`)
  await holds()
  run(path, 'reset', '--quiet', '--hard', since)
  await holds()
  run(path, 'checkout', '--quiet', '--orphan', 'alone')
  run(path, 'commit', '--quiet', '--message', 'all anew')
  await holds()
})

test('history that was replaced does not descend from what was there', async () => {
  const { prepare, path, inspect } = world()
  const { head: since } = await prepare()
  const published = commit(path, { 'a.txt': 'a\n' })
  expect(await inspect(published)).toMatchObject({ descendsFromSince: true })
  expect(await inspect(zero)).toMatchObject({ descendsFromSince: false })
  run(path, 'checkout', '--quiet', '--orphan', 'fresh')
  run(path, 'commit', '--quiet', '--message', 'all anew')
  expect(await inspect(since)).toMatchObject({
    branch: 'fresh',
    descendsFromSince: false,
    commitsAhead: 1,
    files: ['.gitignore', 'a.txt', 'readme.md'],
  })
  run(path, 'checkout', '--quiet', '--detach')
  expect(await inspect(since)).toMatchObject({ branch: null })
})

test('new commits that take others back are told, and not those of the base or of before', async () => {
  const { prepare, path, inspect, advanceBase } = world()
  await prepare()
  commit(path, { 'a.txt': 'a\n' })
  const since = commit(path, {}, 'Revert "before"')
  advanceBase({ 'other.txt': 'landed' }, 'Revert "of the base"')
  run(path, 'fetch', '--quiet', 'origin')
  run(path, 'merge', '--quiet', '--no-edit', 'origin/trunk')
  expect(await inspect(since)).toMatchObject({ reverts: [] })
  commit(path, {}, 'Revert "a thing"')
  commit(path, {}, 'Say Revert "nothing"')
  expect(await inspect(since)).toMatchObject({ reverts: ['Revert "a thing"'] })
  expect(await inspect(zero)).toMatchObject({ descendsFromSince: false })
})

test('protected paths that were changed are told, and not what merging the base brought or was changed before', async () => {
  const protectedPaths = ['package.json', '.ci/**', 'with space.md']
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`)
  const { prepare, path, workspace, advanceBase } = world({
    'package.json': lines.join('\n'),
    '.ci/deep/run': 'x\n',
    'with space.md': 'x\n',
  })
  const changed = async (since: string) => (await workspace.inspect({ ...request, since, protectedPaths })).protectedFiles
  await prepare()
  const since = commit(path, { 'package.json': ['own', ...lines].join('\n') })
  commit(path, { 'a.txt': 'a\n', 'sub/package.json': '{}' })
  expect(await changed(since)).toEqual([])
  // The base changes another part of the same file, and a protected one that is not the branch's.
  advanceBase({ 'package.json': [...lines, 'landed'].join('\n'), 'with space.md': 'landed\n' })
  run(path, 'fetch', '--quiet', 'origin')
  run(path, 'merge', '--quiet', '--no-edit', 'origin/trunk')
  expect(await changed(since)).toEqual([])
  commit(path, { '.ci/deep/run': 'true\n' })
  expect(await changed(since)).toEqual(['.ci/deep/run'])
  commit(path, { 'with space.md': 'mine\n' })
  expect(await changed(since)).toEqual(['.ci/deep/run', 'with space.md'])
  expect(await changed(zero)).toEqual([])
  expect((await workspace.inspect({ ...request, since })).protectedFiles).toEqual([])
})

test('a worktree that was deleted is missing', async () => {
  const { prepare, path, inspect } = world()
  const { head } = await prepare()
  rmSync(path, { recursive: true })
  await expect(inspect(head)).rejects.toMatchObject({ name: 'FatalError', code: 'worktree-missing' })
})

test('work on a shallow history is inspected and goes on', async () => {
  const { prepare, path, inspect, repository, user, home, clone } = world()
  commit(user, { 'second.txt': '2' })
  commit(user, { 'third.txt': '3' })
  run(home, 'clone', '--quiet', '--depth', '1', `file://${user}`, 'shallow')
  rmSync(repository, { recursive: true })
  run(home, 'clone', '--quiet', '--bare', 'shallow', repository)
  const { head: since } = await prepare()
  commit(path, { 'a.txt': 'a\n' })
  expect(await inspect(since)).toMatchObject({ commitsAhead: 1, files: ['a.txt'], descendsFromSince: true })
  const next = commit(join(home, 'shallow'), { 'fourth.txt': '4' })
  run(repository, 'fetch', '--quiet', '--update-shallow', join(home, 'shallow'), '+trunk:trunk')
  expect(await prepare()).toMatchObject({ baseHead: next })
  expect(run(clone, 'rev-parse', '--is-shallow-repository')).toBe('true')
})

// --- save ----------------------------------------------------------------------------------------

test('a save keeps everything that is not ignored, and touches neither files, index nor branches', async () => {
  const { prepare, path, save, clone, saved } = world({
    'readme.md': 'hello\n',
    'gone.txt': 'x',
    'tool.sh': '#!/bin/sh\n',
    '.gitignore': 'ignored/\n',
  })
  const { head } = await prepare()
  write(path, { 'readme.md': 'staged\n' })
  run(path, 'add', 'readme.md')
  write(path, { 'readme.md': 'changed\n', 'deep/new file.txt': 'new', 'ignored/cache': 'x', 'data.bin': Buffer.from([0, 255, 1]) })
  rmSync(join(path, 'gone.txt'))
  chmodSync(join(path, 'tool.sh'), 0o755)
  symlinkSync('readme.md', join(path, 'link'))
  const before = [run(path, 'status', '--porcelain=v2'), run(path, 'for-each-ref', 'refs/heads'), trace(path)]
  const commitId = await save('a stop')
  expect([run(path, 'status', '--porcelain=v2'), run(path, 'for-each-ref', 'refs/heads'), trace(path)]).toEqual(before)
  expect(saved()).toEqual([commitId])
  expect(run(clone, 'ls-tree', '-r', '--name-only', commitId!).split('\n')).toEqual([
    '.gitignore',
    'data.bin',
    'deep/new file.txt',
    'link',
    'readme.md',
    'tool.sh',
  ])
  expect(show(clone, commitId!, 'readme.md')).toBe('changed')
  expect(run(clone, 'ls-tree', commitId!, 'tool.sh', 'link')).toMatch(/120000 .*link\n100755 .*tool\.sh/s)
  expect(run(clone, 'show', '--no-patch', '--format=%an <%ae>|%P|%s|%b', commitId!)).toBe(
    `Signalbox <signalbox@localhost>|${head}|Saved by Signalbox: a stop|Branch: ${branch}`,
  )
  expect(readdirSync(clone).filter((name) => name.startsWith('signalbox-index'))).toEqual([])
})

test('saving the same work again answers the same commit; other work gets the next number', async () => {
  const { prepare, path, save, saved } = world()
  await prepare()
  write(path, { 'a.txt': '1' })
  const first = await save()
  expect(await save('again')).toBe(first)
  write(path, { 'a.txt': '2' })
  const second = await save()
  expect(second).not.toBe(first)
  expect(saved()).toEqual([first, second])
})

test('a clean worktree saves its head while nothing published leads to it', async () => {
  const { prepare, path, save, publish, saved } = world()
  await prepare()
  expect(await save()).toBe(null)
  const head = commit(path, { 'work.txt': 'done' })
  expect(await save()).toBe(head)
  expect(await save()).toBe(head)
  expect(saved()).toEqual([head])
  publish()
  await prepare()
  expect(await save()).toBe(null)
})

test('a save works in the midst of a conflict, and with a lock on the index', async () => {
  const { prepare, path, save, advanceBase, clone } = world()
  await prepare()
  commit(path, { 'readme.md': 'ours\n' })
  advanceBase({ 'readme.md': 'theirs\n' })
  await prepare()
  attempt(path, 'merge', 'origin/trunk')
  const unmerged = run(path, 'ls-files', '--unmerged')
  writeFileSync(run(path, 'rev-parse', '--git-path', 'index.lock'), '')
  const commitId = await save()
  expect(show(clone, commitId!, 'readme.md')).toContain('<<<<<<<')
  expect(run(path, 'ls-files', '--unmerged')).toBe(unmerged)
})

test('without its .git the files of a worktree are saved as a change of the branch', async () => {
  const { prepare, path, save, clone } = world()
  await prepare()
  const head = commit(path, { 'work.txt': 'done' })
  write(path, { 'unpublished.txt': 'precious', 'ignored/cache': '' })
  rmSync(join(path, '.git'))
  const commitId = await save()
  expect(show(clone, commitId!, 'unpublished.txt')).toBe('precious')
  expect(run(clone, 'rev-parse', `${commitId}^`)).toBe(head)
  expect(run(clone, 'ls-tree', '-r', '--name-only', commitId!)).not.toContain('ignored')
})

test('of a worktree that was deleted there is nothing to save', async () => {
  const { prepare, path, save } = world()
  await prepare()
  rmSync(path, { recursive: true })
  expect(await save()).toBe(null)
})

// --- remove --------------------------------------------------------------------------------------

test('F29: a clean worktree whose head is published or landed goes, and its branch in the clone; again is no error', async () => {
  const { prepare, path, publish, remove, clone } = world()
  await prepare()
  commit(path, { 'work.txt': 'done' })
  publish()
  write(path, { 'ignored/cache': 'x' })
  expect(await remove()).toEqual({ removed: true, reason: null })
  expect(existsSync(path)).toBe(false)
  expect(run(clone, 'for-each-ref', 'refs/heads')).toBe('')
  expect(run(clone, 'worktree', 'list', '--porcelain')).not.toContain('APP-1')
  expect(await remove()).toEqual({ removed: true, reason: null })
})

test('a head that was landed may go, whichever way the landing is known', async () => {
  const { prepare, path, publish, remove, repository, user } = world()
  await prepare()
  const head = commit(path, { 'work.txt': 'done' })
  expect(await remove()).toMatchObject({ removed: false })
  expect(await remove(zero)).toMatchObject({ removed: false })
  expect(await remove(head)).toEqual({ removed: true, reason: null })
  await prepare()
  publish('HEAD', 'landing')
  const next = commit(path, { 'more.txt': 'done' })
  run(user, 'fetch', '--quiet', path, next)
  run(user, 'merge', '--quiet', '--no-ff', '--no-edit', 'FETCH_HEAD')
  const landed = run(user, 'rev-parse', 'HEAD')
  expect(await remove(landed)).toMatchObject({ removed: false })
  run(repository, 'fetch', '--quiet', user, 'trunk')
  expect(await remove(landed)).toEqual({ removed: true, reason: null })
})

test('a worktree with anything unpublished stays, and says why (P10)', async () => {
  const { prepare, path, publish, remove, advanceBase } = world()
  const stays = async (reason: RegExp, landed: string | null = null) => {
    expect(await remove(landed)).toEqual({ removed: false, reason: expect.stringMatching(reason) })
    expect(existsSync(join(path, 'readme.md'))).toBe(true)
  }
  await prepare()
  const head = commit(path, { 'work.txt': 'done', 'readme.md': 'ours\n' })
  await stays(/neither landed nor published/)
  // An agent can write the clone's idea of what is published.
  run(path, 'update-ref', `refs/remotes/origin/${branch}`, head)
  await stays(/neither landed nor published/)
  publish()
  write(path, { 'new.txt': '' })
  await stays(/uncommitted changes: new\.txt/, head)
  rmSync(join(path, 'new.txt'))
  run(path, 'checkout', '--quiet', '--detach')
  commit(path, { 'detached.txt': '' })
  await stays(/neither landed nor published/, head)
  run(path, 'checkout', '--quiet', branch)
  const base = advanceBase({ 'other.txt': 'landed' })
  run(path, 'fetch', '--quiet', 'origin')
  run(path, 'merge', '--quiet', '--no-commit', '--no-ff', base)
  await stays(/a merge is in progress/)
  run(path, 'merge', '--abort')
  // An agent can have git overlook its files.
  run(path, 'config', 'status.showUntrackedFiles', 'no')
  write(path, { 'hidden/new.txt': '' })
  await stays(/uncommitted changes: hidden\/new\.txt/, head)
  rmSync(join(path, 'hidden'), { recursive: true })
  // Its own branch, which goes on from ours, ends with the worktree too.
  run(path, 'checkout', '--quiet', '-b', 'elsewhere')
  commit(path, { 'elsewhere.txt': '' })
  await stays(/neither landed nor published/, head)
  run(path, 'checkout', '--quiet', branch)
  run(path, 'worktree', 'lock', path)
  await stays(/locked/)
})

test('commits on the branch stay, also while HEAD is elsewhere', async () => {
  const { prepare, path, remove, clone } = world()
  const { head } = await prepare()
  const work = commit(path, { 'work.txt': 'done' })
  run(path, 'checkout', '--quiet', '--detach', head)
  expect(await remove(head)).toMatchObject({ removed: false })
  expect(run(clone, 'rev-parse', branch)).toBe(work)
})

// --- submodules ----------------------------------------------------------------------------------

test('submodules are left alone unless the hook initialises them; work inside of them keeps the worktree', async () => {
  const home = temporaryFolder()
  const part = makeRepository(join(home, 'part'), { 'part.txt': 'part' })
  const { prepare, path, inspect, remove, publish, user, repository } = world(undefined, {
    prepareHook: () => ({ command: 'git -c protocol.file.allow=always submodule update --init --quiet', timeout: 20_000 }),
  })
  run(user, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', part, 'lib')
  commit(user, {}, 'a submodule')
  run(repository, 'fetch', '--quiet', user, '+trunk:trunk')
  const { head } = await prepare()
  expect(read(path, 'lib/part.txt')).toBe('part')
  write(path, { 'lib/part.txt': 'changed' })
  expect((await inspect(head)).dirty).toEqual([]) // not ours to publish
  expect(await prepare()).toMatchObject({ head, dirty: [] })
  expect(read(path, 'lib/part.txt')).toBe('changed') // and not ours to reset
  expect(await remove(head)).toEqual({ removed: false, reason: 'it has uncommitted changes: lib' })
  commit(join(path, 'lib'), {}, 'in the submodule')
  expect((await inspect(head)).dirty).toEqual(['lib'])
  commit(path, {}, 'a newer submodule')
  publish()
  expect(await remove()).toEqual({ removed: false, reason: 'a submodule has commits that were not published' })
  run(join(path, 'lib'), 'push', '--quiet', 'origin', 'HEAD:refs/heads/more')
  run(join(path, 'lib'), 'fetch', '--quiet')
  expect(await remove()).toEqual({ removed: true, reason: null })
})

test.each([
  ['of its own settings', (lib: string, program: string) => run(lib, 'config', 'filter.mine.clean', program)],
  [
    'of the settings of a repository that it leads to',
    (lib: string, program: string) => {
      const mine = makeRepository(temporaryFolder(), {})
      run(mine, 'config', 'filter.mine.clean', program)
      writeFileSync(join(run(lib, 'rev-parse', '--absolute-git-dir'), 'commondir'), join(mine, '.git'))
    },
  ],
  [
    'of the settings that a line break in its link leads to',
    (lib: string, program: string) => {
      cpSync(join(lib, '.git'), `${lib}-good/\nevil`, { recursive: true })
      renameSync(join(lib, '.git'), `${lib}-good/good`)
      run(`${lib}-good/\nevil`, 'config', 'filter.mine.clean', program)
      writeFileSync(join(lib, '.git'), `gitdir: ${lib}-good/\nevil`)
    },
  ],
])('a submodule keeps the worktree where git would run a program %s, which it does not', async (_, program) => {
  const { path, clone, remove, publish, prepare, workspace } = world()
  await prepare()
  const lib = makeRepository(join(path, 'lib'), { 'lib.txt': 'lib', '.gitattributes': '* filter=mine\n' })
  run(path, 'add', 'lib')
  commit(path, {}, 'a submodule of the agent')
  publish()
  const ran = join(temporaryFolder(), 'ran')
  program(lib, `touch '${ran}'; cat`)
  write(lib, { 'lib.txt': 'big' })
  // Nor is it run by what keeps uncommitted work, which is kept.
  write(path, { 'uncommitted.txt': 'precious' })
  const saved = await workspace.save({ ...request, reason: 'to keep it' })
  expect(show(clone, saved!, 'uncommitted.txt')).toBe('precious')
  rmSync(join(path, 'uncommitted.txt'))
  expect(await remove()).toEqual({ removed: false, reason: expect.stringMatching(/^the submodule lib has .*, which may be of an agent$/) })
  expect(existsSync(ran)).toBe(false)
  // Which it would have been.
  run(path, 'status')
  expect(existsSync(ran)).toBe(true)
})

// --- the prepare hook ----------------------------------------------------------------------------

const hooked = (command: string, timeout = 10_000, env: Record<string, string> = {}) =>
  world(undefined, { prepareHook: (project) => (project === 'app' ? { command, timeout } : null), env })

test('the hook runs in the worktree with its variables, at every preparation', async () => {
  const { prepare, path } = hooked('mkdir -p ignored; pwd >> ignored/ran; env > ignored/env', 10_000, { CUSTOM: 'yes' })
  await prepare()
  await prepare({ keep: true, runId: 'run-2' })
  expect(read(path, 'ignored/ran')).toBe(`${path}\n${path}\n`)
  const env = read(path, 'ignored/env').split('\n')
  expect(env).toEqual(
    expect.arrayContaining([
      'SIGNALBOX_ISSUE=APP-1',
      'SIGNALBOX_RUN_ID=run-2',
      `SIGNALBOX_BRANCH=${branch}`,
      'SIGNALBOX_BASE=trunk',
      `SIGNALBOX_WORKTREE=${path}`,
      'CUSTOM=yes',
    ]),
  )
  expect(env.some((line) => line.startsWith('VITEST'))).toBe(false)
})

test('a project without a hook is prepared without one (edge 311)', async () => {
  const ran = { command: 'mkdir ignored', timeout: 10_000 }
  const { prepare, path } = world(undefined, { prepareHook: (project) => (project === 'app' ? null : ran) })
  expect(await prepare()).toMatchObject({ path })
  expect(existsSync(join(path, 'ignored'))).toBe(false)
})

test('a hook that fails fails the preparation with its words; the next one goes on', async () => {
  const { prepare, path } = hooked('[ -e ignored ] || { mkdir ignored; echo "no such package" >&2; exit 3; }')
  await expect(prepare()).rejects.toMatchObject({
    name: 'FatalError',
    code: 'prepare-hook-failed',
    message: expect.stringContaining('no such package'),
  })
  expect(await prepare()).toMatchObject({ path })
})

test('F40: a hook that cannot be run or does not end is a failure of the environment, and leaves no process', async () => {
  await expect(hooked('nonesuch-command').prepare()).rejects.toMatchObject({ name: 'RetryableError', code: 'prepare-hook-unavailable' })
  const { prepare, path } = hooked('mkdir -p ignored; sleep 60 & echo $! > ignored/child; wait', 300)
  await expect(prepare()).rejects.toMatchObject({ name: 'RetryableError', code: 'prepare-hook-unavailable' })
  expect(isAlive(Number(read(path, 'ignored/child')))).toBe(false)
})

test('nothing is written before a preparation asks for it', async () => {
  const { workspace, folder } = world()
  await workspace.save({ ...request, reason: 'x' })
  await workspace.remove({ ...request, landed: null })
  await expect(workspace.inspect({ ...request, since: zero })).rejects.toMatchObject({ code: 'worktree-missing' })
  expect(readdirSync(folder)).toEqual(['repos'])
})
