import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  chmodSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { attempt, commit, makeRepository, read, run, show, temporaryFolder, write } from '../repository.ts'
import { nextHead } from '../../../src/actors/workspace/worktree.ts'
import { branch, request, world } from './fixture.ts'

test('a new worktree is on its branch at the head of the base (edge 302)', async () => {
  const { prepare, path, user } = world()
  const head = run(user, 'rev-parse', 'HEAD')
  expect(await prepare()).toEqual({ path, head, baseHead: head, dirty: [] })
  expect(run(path, 'symbolic-ref', '--short', 'HEAD')).toBe(branch)
  expect(read(path, 'readme.md')).toBe('hello\n')
})

test('preparing again changes nothing', async () => {
  const { prepare, path, saved, inspect } = world()
  const first = await prepare()
  write(path, { 'ignored/cache': 'kept' })
  expect(await prepare()).toEqual(first)
  expect(read(path, 'ignored/cache')).toBe('kept')
  expect(saved()).toEqual([])
  expect(await inspect(first.head)).toMatchObject({ dirty: [], commitsAhead: 0 })
})

test('a branch with commits goes on from them, also when the worktree was deleted', async () => {
  const { prepare, path, advanceBase } = world()
  await prepare()
  const work = commit(path, { 'work.txt': 'done' })
  const base = advanceBase({ 'other.txt': 'landed' })
  expect(await prepare()).toMatchObject({ head: work, baseHead: base })
  rmSync(path, { recursive: true })
  expect(await prepare()).toMatchObject({ head: work, dirty: [] })
  expect(read(path, 'work.txt')).toBe('done')
})

test('a branch that another issue’s agent has made begins at the base all the same, and is kept', async () => {
  const { prepare, path, clone, workspace, folder } = world()
  const other = { ...request, key: 'APP-2', branch: 'signalbox/APP-2-leave' }
  const { head: base } = await prepare()
  const planted = commit(path, { 'planted.txt': 'x' })
  run(path, 'branch', other.branch)
  expect(await nextHead(folder, { ...other, restartFrom: null })).toBe(base)
  const made = await workspace.prepare({ ...other, keep: false, runId: 'run-2' })
  expect(made).toMatchObject({ head: base, dirty: [] })
  expect(run(made.path, 'symbolic-ref', '--short', 'HEAD')).toBe(other.branch)
  expect(run(clone, 'for-each-ref', '--format=%(objectname)', 'refs/signalbox/saved/APP-2')).toBe(planted)
  // From now on it is the issue's own.
  const work = commit(made.path, { 'work.txt': 'done' })
  run(clone, 'worktree', 'remove', made.path)
  expect(await workspace.remove({ ...other, landed: null })).toEqual({ removed: true, reason: null })
  expect(await nextHead(folder, { ...other, restartFrom: null })).toBe(work)
  expect(await workspace.prepare({ ...other, keep: false, runId: 'run-3' })).toMatchObject({ head: work })
})

test('a branch is the issue’s own no longer when it has gone with its worktree', async () => {
  const { prepare, path, clone, remove } = world()
  const { head: base } = await prepare()
  expect(await remove()).toEqual({ removed: true, reason: null })
  run(clone, 'worktree', 'add', '--quiet', '--detach', `${path}-2`, base)
  const planted = commit(`${path}-2`, { 'planted.txt': 'x' })
  run(clone, 'branch', branch, planted)
  expect(await prepare()).toMatchObject({ head: base })
})

test('the branch may be checked out by the user too: it is taken up all the same, and theirs stays (case 189)', async () => {
  const { prepare, path, user, publish } = world()
  await prepare()
  commit(path, { 'work.txt': 'done' })
  const published = publish()
  rmSync(path, { recursive: true })
  const linked = join(temporaryFolder(), 'theirs')
  run(user, 'fetch', '--quiet', '../data folder/repos/app.git', `${branch}:${branch}`)
  run(user, 'worktree', 'add', '--quiet', linked, branch)
  expect(await prepare()).toMatchObject({ head: published, dirty: [] })
  expect(run(path, 'symbolic-ref', '--short', 'HEAD')).toBe(branch)
  expect([run(linked, 'symbolic-ref', '--short', 'HEAD'), run(linked, 'rev-parse', 'HEAD')]).toEqual([branch, published])
})

test('a branch without commits of its own starts at the base as it is now', async () => {
  const { prepare, path, advanceBase } = world()
  await prepare()
  const base = advanceBase({ 'other.txt': 'landed' })
  expect(await prepare()).toMatchObject({ head: base, baseHead: base })
  expect(read(path, 'other.txt')).toBe('landed')
})

test('where the commit to start over from has gone with its clone, the branch starts as a new one does', async () => {
  const { prepare, path, clone, advanceBase } = world()
  await prepare()
  const gone = commit(path, { 'work.txt': 'done' })
  expect(await prepare({ restartFrom: gone })).toMatchObject({ head: gone })
  rmSync(path, { recursive: true })
  rmSync(clone, { recursive: true })
  const base = advanceBase({ 'other.txt': 'landed' })
  expect(await prepare({ restartFrom: gone })).toMatchObject({ head: base, dirty: [] })
})

test('a published branch goes on at its head, wherever the base is, also when our clone is gone (edge 332)', async () => {
  const { prepare, path, publish, clone, advanceBase } = world()
  await prepare()
  commit(path, { 'work.txt': 'done' })
  const published = publish()
  const base = advanceBase({ 'other.txt': 'landed' })
  expect(await prepare()).toMatchObject({ head: published, baseHead: base })
  rmSync(path, { recursive: true })
  rmSync(clone, { recursive: true })
  expect(await prepare()).toMatchObject({ head: published })
})

test('commits that others published on the branch are taken over', async () => {
  const { prepare, path, publish, repository, home } = world()
  await prepare()
  commit(path, { 'work.txt': 'done' })
  publish()
  run(home, 'clone', '--quiet', '--branch', branch, repository, 'colleague')
  const theirs = commit(join(home, 'colleague'), { 'theirs.txt': 'more' })
  run(join(home, 'colleague'), 'push', '--quiet', 'origin', branch)
  expect(await prepare()).toMatchObject({ head: theirs })
  expect(read(path, 'theirs.txt')).toBe('more')
})

test('rewritten published history gives way to what was published, and is kept', async () => {
  const { prepare, path, publish, saved, inspect } = world()
  const { baseHead } = await prepare()
  commit(path, { 'work.txt': 'done' })
  const published = publish()
  run(path, 'commit', '--quiet', '--amend', '--message', 'rewritten')
  const rewritten = run(path, 'rev-parse', 'HEAD')
  expect(await inspect(published)).toMatchObject({ head: rewritten, descendsFromSince: false })
  expect(await inspect(baseHead)).toMatchObject({ descendsFromSince: true })
  expect(await prepare()).toMatchObject({ head: published, dirty: [] })
  expect(saved()).toEqual([rewritten])
})

test('rewritten commits of the branch are kept also when HEAD is elsewhere, or the worktree gone', async () => {
  const { prepare, path, publish, saved } = world()
  await prepare()
  commit(path, { 'work.txt': 'done' })
  const published = publish()
  const rewritten = ['one', 'two'].map((message) => {
    run(path, 'commit', '--quiet', '--amend', '--message', message)
    return run(path, 'rev-parse', 'HEAD')
  })
  run(path, 'checkout', '--quiet', '--detach', published)
  expect(await prepare()).toMatchObject({ head: published })
  expect(saved()).toEqual([rewritten[1]])
  run(path, 'reset', '--quiet', '--hard', rewritten[0]!)
  rmSync(path, { recursive: true })
  expect(await prepare()).toMatchObject({ head: published })
  expect(saved()).toEqual([rewritten[1], rewritten[0]])
})

test('F35: uncommitted work is saved before the tree is reset; ignored files stay', async () => {
  const { prepare, path, clone, saved } = world()
  const { head } = await prepare()
  write(path, { 'readme.md': 'changed\n', 'new file.txt': 'new', 'ignored/cache': 'kept' })
  rmSync(join(path, '.gitignore'))
  write(path, { '.gitignore': 'ignored/\n', 'staged.txt': 'staged' })
  run(path, 'add', 'staged.txt')
  expect(await prepare({ runId: 'run-2' })).toMatchObject({ head, dirty: [] })
  expect(run(path, 'status', '--porcelain')).toBe('')
  expect(read(path, 'ignored/cache')).toBe('kept')
  const [kept] = saved()
  expect(show(clone, kept!, 'readme.md')).toBe('changed')
  expect(show(clone, kept!, 'new file.txt')).toBe('new')
  expect(show(clone, kept!, 'staged.txt')).toBe('staged')
  expect(run(clone, 'show', '--no-patch', '--format=%P %s', kept!)).toBe(
    `${head} Saved by Signalbox: the worktree was reset before run run-2`,
  )
})

test('with `keep` everything uncommitted stays as it is, a merge in progress included', async () => {
  const { prepare, path, advanceBase, saved } = world()
  await prepare()
  const work = commit(path, { 'readme.md': 'ours\n' })
  advanceBase({ 'readme.md': 'theirs\n' })
  await prepare()
  expect(attempt(path, 'merge', 'origin/trunk').code).toBe(1)
  write(path, { 'new.txt': 'new' })
  expect(await prepare({ keep: true })).toMatchObject({ head: work, dirty: ['readme.md', 'new.txt'] })
  expect(read(path, 'readme.md')).toContain('<<<<<<<')
  expect(run(path, 'rev-parse', '--verify', 'MERGE_HEAD')).toMatch(/^[0-9a-f]{40}$/)
  expect(saved()).toEqual([])
})

test('without `keep` a merge in progress is ended after it was saved, with both its parents', async () => {
  const { prepare, path, advanceBase, saved, clone, inspect } = world()
  await prepare()
  const work = commit(path, { 'readme.md': 'ours\n' })
  const base = advanceBase({ 'readme.md': 'theirs\n' })
  await prepare()
  attempt(path, 'merge', 'origin/trunk')
  expect(await inspect(work)).toMatchObject({ operation: 'merge', dirty: ['readme.md'] })
  expect(await prepare()).toMatchObject({ head: work, dirty: [] })
  expect(await inspect(work)).toMatchObject({ operation: null, dirty: [] })
  expect(run(clone, 'show', '--no-patch', '--format=%P', saved()[0]!)).toBe(`${work} ${base}`)
})

test.each([
  ['rebase', ['rebase', 'origin/trunk']],
  ['cherry-pick', ['cherry-pick', 'origin/trunk']],
  ['revert', ['revert', '--no-edit', 'HEAD~1']],
])('a %s in progress is ended, and the branch is as it was (case 191) (edge 305)', async (operation, command) => {
  const { prepare, path, publish, advanceBase, inspect } = world()
  await prepare()
  commit(path, { 'readme.md': 'ours\n' })
  const work = commit(path, { 'readme.md': 'ours again\n' })
  publish()
  advanceBase({ 'readme.md': 'theirs\n' })
  await prepare()
  expect(attempt(path, ...command).code).toBe(1)
  expect(await inspect(work)).toMatchObject({ operation })
  expect(await prepare()).toMatchObject({ head: work, dirty: [] })
  expect(run(path, 'diff', '--stat', `origin/${branch}`)).toBe('')
  expect(await inspect(work)).toMatchObject({ operation: null, branch, head: work })
})

test.each([
  ['a rebase without its state', 'rebase', ['rebase-merge']],
  ['an am without its state', 'rebase', ['rebase-apply']],
  ['a bisection without its state', 'bisect', ['BISECT_LOG/nonsense']],
])('%s is forgotten', async (_, operation, folders) => {
  const { prepare, path, inspect } = world()
  const { head } = await prepare()
  for (const folder of folders) mkdirSync(join(run(path, 'rev-parse', '--absolute-git-dir'), folder), { recursive: true })
  expect(await inspect(head)).toMatchObject({ operation })
  expect(await prepare()).toMatchObject({ head, dirty: [] })
  expect(await inspect(head)).toMatchObject({ operation: null, branch, head })
})

test('a bisection in progress is ended', async () => {
  const { prepare, path, inspect } = world()
  await prepare()
  commit(path, { 'a.txt': 'a' })
  const work = commit(path, { 'b.txt': 'b' })
  run(path, 'bisect', 'start', 'HEAD', 'HEAD~2')
  expect(await inspect(work)).toMatchObject({ operation: 'bisect', branch: null })
  expect(await prepare()).toMatchObject({ head: work, dirty: [] })
  expect(await inspect(work)).toMatchObject({ operation: null, branch, head: work })
})

test('a rebase of the branch is left alone with `keep`', async () => {
  const { prepare, path, advanceBase } = world()
  await prepare()
  commit(path, { 'readme.md': 'ours\n' })
  advanceBase({ 'readme.md': 'theirs\n' })
  await prepare()
  attempt(path, 'rebase', 'origin/trunk')
  expect(await prepare({ keep: true })).toMatchObject({ dirty: ['readme.md'] })
  expect(existsSync(run(path, 'rev-parse', '--git-path', 'rebase-merge'))).toBe(true)
})

test('a branch that the agent switched away from is checked out again, and what it did elsewhere is kept', async () => {
  const { prepare, path, saved, clone } = world()
  await prepare()
  const work = commit(path, { 'work.txt': 'done' })
  run(path, 'checkout', '--quiet', '-b', 'my-own')
  const elsewhere = commit(path, { 'elsewhere.txt': 'x' })
  write(path, { 'dirty.txt': 'y' })
  expect(await prepare()).toMatchObject({ head: work, dirty: [] })
  expect(run(path, 'symbolic-ref', '--short', 'HEAD')).toBe(branch)
  expect(existsSync(join(path, 'elsewhere.txt'))).toBe(false)
  expect(show(clone, saved()[0]!, 'dirty.txt')).toBe('y')
  expect(run(clone, 'rev-parse', `${saved()[0]!}^`)).toBe(elsewhere)
})

test('with `keep`, commits that go on from the branch under another name become the branch', async () => {
  const { prepare, path } = world()
  await prepare()
  run(path, 'checkout', '--quiet', '-b', 'my-own')
  const elsewhere = commit(path, { 'elsewhere.txt': 'x' })
  write(path, { 'dirty.txt': 'y' })
  expect(await prepare({ keep: true })).toMatchObject({ head: elsewhere, dirty: ['dirty.txt'] })
  expect(run(path, 'symbolic-ref', '--short', 'HEAD')).toBe(branch)
})

test('with `keep`, changes that do not fit on the branch are saved instead', async () => {
  const { prepare, path, saved, clone } = world()
  await prepare()
  const work = commit(path, { 'readme.md': 'ours\n' })
  run(path, 'checkout', '--quiet', '--detach', 'HEAD~1')
  write(path, { 'readme.md': 'elsewhere\n' })
  expect(await prepare({ keep: true })).toMatchObject({ head: work, dirty: [] })
  expect(show(clone, saved()[0]!, 'readme.md')).toBe('elsewhere')
})

test('commits on a detached HEAD are kept, also when the worktree is deleted after them', async () => {
  const { prepare, path, saved } = world()
  const { head } = await prepare()
  run(path, 'checkout', '--quiet', '--detach')
  const first = commit(path, { 'a.txt': 'a' })
  expect(await prepare()).toMatchObject({ head })
  run(path, 'checkout', '--quiet', '--detach')
  const second = commit(path, { 'b.txt': 'b' })
  rmSync(path, { recursive: true })
  expect(await prepare()).toMatchObject({ head })
  expect(saved()).toEqual([first, second])
})

test('an orphan branch is saved and left', async () => {
  const { prepare, path, saved, clone, inspect } = world()
  const { head } = await prepare()
  run(path, 'checkout', '--quiet', '--orphan', 'lonely')
  write(path, { 'lonely.txt': 'x' })
  await expect(inspect(head)).rejects.toMatchObject({ code: 'worktree-broken' })
  expect(await prepare()).toMatchObject({ head, dirty: [] })
  expect(show(clone, saved()[0]!, 'lonely.txt')).toBe('x')
})

test.each([
  ['.git deleted', (path: string) => rmSync(join(path, '.git'))],
  [
    '.git replaced by a repository of its own',
    (path: string) => {
      rmSync(join(path, '.git'))
      makeRepository(path, {})
    },
  ],
  [
    '.git that leads to another repository',
    (path: string) => writeFileSync(join(path, '.git'), `gitdir: ${makeRepository(temporaryFolder())}/.git\n`),
  ],
  [
    'a worktree of another repository at its place',
    (path: string) => {
      rmSync(path, { recursive: true })
      run(makeRepository(temporaryFolder(), { 'unpublished.txt': 'precious' }), 'worktree', 'add', '--quiet', path)
    },
  ],
  ['.git with nonsense', (path: string) => writeFileSync(join(path, '.git'), 'nonsense')],
  [
    'a link at its place',
    (path: string) => {
      const elsewhere = `${path}-elsewhere`
      renameSync(path, elsewhere)
      symlinkSync(elsewhere, path)
    },
  ],
  [
    'a file at its place',
    (path: string) => {
      rmSync(path, { recursive: true })
      writeFileSync(path, 'unpublished')
    },
  ],
  ['a damaged index', (path: string) => writeFileSync(run(path, 'rev-parse', '--git-path', 'index'), 'nonsense')],
  [
    'a word to git that its repository is elsewhere',
    (path: string) => {
      const elsewhere = run(makeRepository(temporaryFolder(), {}), 'rev-parse', '--absolute-git-dir')
      const common = run(path, 'rev-parse', '--git-path', 'commondir')
      writeFileSync(resolve(path, common), elsewhere)
    },
  ],
  ['its registration deleted', (path: string) => rmSync(run(path, 'rev-parse', '--absolute-git-dir'), { recursive: true })],
])('a worktree with %s is broken: moved aside whole, and made anew from the branch', async (_, damage) => {
  const { prepare, path, inspect, remove, folder } = world()
  await prepare()
  const work = commit(path, { 'work.txt': 'done' })
  write(path, { 'unpublished.txt': 'precious' })
  damage(path)
  await expect(inspect(work)).rejects.toMatchObject({ name: 'FatalError', code: 'worktree-broken' })
  expect(await remove(work)).toMatchObject({ removed: false, reason: expect.any(String) })
  expect(await prepare()).toMatchObject({ path, head: work, dirty: [] })
  expect(lstatSync(path).isDirectory()).toBe(true)
  expect(read(path, 'work.txt')).toBe('done')
  const aside = join(folder, 'worktrees/app/.damaged-APP-1-1')
  expect(lstatSync(aside).isFile() ? read(aside) : read(aside, 'unpublished.txt')).toMatch(/precious|unpublished/)
  // The folder that was moved does not act on the new worktree.
  if (lstatSync(aside).isDirectory()) attempt(aside, 'checkout', '--quiet', '--detach', 'HEAD~1')
  expect(await inspect(work)).toMatchObject({ branch, head: work, dirty: [] })
  expect(await prepare()).toMatchObject({ head: work, dirty: [] })
})

test('damaged folders are numbered, none replaces another', async () => {
  const { prepare, path, folder } = world()
  for (const n of [1, 2, 3]) {
    await prepare()
    write(path, { 'unpublished.txt': String(n) })
    rmSync(join(path, '.git'))
  }
  await prepare()
  for (const n of [1, 2, 3]) expect(read(folder, `worktrees/app/.damaged-APP-1-${n}/unpublished.txt`)).toBe(String(n))
})

test('what cannot be saved is moved aside rather than lost', async () => {
  const { prepare, path, folder } = world()
  await prepare()
  write(path, { 'readme.md': 'changed\n' })
  rmSync(join(path, '.gitignore'))
  mkdirSync(join(path, '.gitignore/deep'), { recursive: true })
  run(path, 'init', '--quiet', '.gitignore/deep')
  // A tracked file turned into a fifo: git can neither add it nor say nothing of it.
  rmSync(join(path, 'readme.md'))
  run(path, '-c', 'alias.fifo=!mkfifo readme.md', 'fifo')
  const { dirty } = await prepare()
  expect(dirty).toEqual([])
  expect(run(path, 'status', '--porcelain')).toBe('')
  const left = readdirSync(join(folder, 'worktrees/app')).filter((name) => name.startsWith('.damaged'))
  expect(left).toHaveLength(1)
})

test('a repository inside the worktree is moved aside, since git does not save it', async () => {
  const { prepare, path, folder, inspect } = world()
  const { head } = await prepare()
  makeRepository(join(path, 'vendor/tool'), { 'tool.txt': 'unpublished' })
  run(path, 'init', '--quiet', 'hollow')
  write(path, { 'loose.txt': 'x', 'hollow/in.txt': 'y' })
  expect((await inspect(head)).dirty).toEqual(['hollow/', 'loose.txt', 'vendor/tool/'])
  expect(await prepare()).toMatchObject({ head, dirty: [] })
  expect(read(folder, 'worktrees/app/.left-APP-1-1/vendor/tool/tool.txt')).toBe('unpublished')
  expect(read(folder, 'worktrees/app/.left-APP-1-1/hollow/in.txt')).toBe('y')
  expect(existsSync(join(path, 'vendor'))).toBe(false)
})

test('pushing by the remote’s name does not work, also after the agent made it work', async () => {
  const { prepare, path, repository } = world()
  await prepare()
  commit(path, { 'work.txt': 'done' })
  const push = attempt(path, 'push', 'origin', 'HEAD')
  expect(push.code).not.toBe(0)
  expect(push.stderr).toContain('pushing-is-disabled-because-signalbox-publishes-the-branch')
  run(path, 'remote', 'set-url', '--push', 'origin', repository)
  await prepare()
  expect(attempt(path, 'push', 'origin', 'HEAD').code).not.toBe(0)
  expect(run(repository, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/trunk')
})

test('the base can be fetched and merged by the agent', async () => {
  const { prepare, path, advanceBase } = world()
  await prepare()
  const base = advanceBase({ 'other.txt': 'landed' })
  run(path, 'fetch', '--quiet', 'origin')
  expect(run(path, 'rev-parse', 'origin/trunk')).toBe(base)
})

test.each([
  ['unreadable configuration', (clone: string) => writeFileSync(join(clone, 'config'), '[nonsense')],
  ['no configuration', (clone: string) => rmSync(join(clone, 'config'))],
  ['no HEAD', (clone: string) => rmSync(join(clone, 'HEAD'))],
  [
    'core.bare and core.worktree changed',
    (clone: string) => writeFileSync(join(clone, 'config'), '[core]\n\tbare = false\n\tworktree = /\n'),
  ],
])('a clone with %s is mended, its worktrees with it', async (_, damage) => {
  const { prepare, path, clone, reopen } = world()
  await prepare()
  const work = commit(path, { 'work.txt': 'done' })
  damage(clone)
  expect(await prepare()).toMatchObject({ head: work, dirty: [] })
  damage(clone)
  expect(await reopen().prepare({ ...request, keep: false, runId: 'run-2' })).toMatchObject({ head: work, dirty: [] })
  expect(attempt(path, 'push', 'origin', 'HEAD').code).not.toBe(0)
})

test('a clone reads the objects of our repository and copies none, also after an agent turned it away from them', async () => {
  const { prepare, path, clone, advanceBase } = world()
  await prepare()
  const own = (): string[] => run(clone, 'count-objects', '-v').split('\n').slice(0, 4)
  expect(own()).toEqual(['count: 0', 'size: 0', 'in-pack: 0', 'packs: 0'])
  const alternates = join(clone, 'objects/info/alternates')
  expect(readFileSync(alternates, 'utf8')).toBe('../../../repos/app.git/objects\n')
  rmSync(alternates)
  const base = advanceBase({ 'other.txt': 'landed' })
  expect(await prepare()).toMatchObject({ head: base, baseHead: base })
  expect(own()[0]).toBe('count: 0')
  expect(run(path, 'fsck', '--connectivity-only', 'HEAD')).toBe('')
})

test('what is left of a clone that was deleted in part is set aside', async () => {
  const { prepare, path, clone, folder } = world()
  const { head } = await prepare()
  write(path, { 'unpublished.txt': 'precious' })
  rmSync(join(clone, 'refs'), { recursive: true })
  expect(await prepare()).toMatchObject({ head, dirty: [] })
  expect(existsSync(join(folder, 'clones/.damaged-app.git-1/objects'))).toBe(true)
  expect(read(folder, 'worktrees/app/.damaged-APP-1-1/unpublished.txt')).toBe('precious')
})

test('the lock of a git that was killed is removed', async () => {
  const { prepare, path } = world()
  const { head } = await prepare()
  write(path, { 'new.txt': 'x' })
  const lock = run(path, 'rev-parse', '--git-path', 'index.lock')
  writeFileSync(lock, '')
  utimesSync(lock, 1, 1)
  expect(await prepare()).toMatchObject({ head, dirty: [] })
  expect(existsSync(lock)).toBe(false)
})

test('a creation that was killed half way is finished', async () => {
  const { prepare, path } = world({ 'a.txt': 'a', 'b.txt': 'b' })
  const { head } = await prepare()
  rmSync(join(path, 'a.txt'))
  writeFileSync(run(path, 'rev-parse', '--git-path', 'locked'), 'initializing\n')
  // Also with `keep`: files that were never checked out are not a deletion that the agent made.
  expect(await prepare({ keep: true })).toMatchObject({ head, dirty: [] })
  expect(read(path, 'a.txt')).toBe('a')
})

test('what a killed creation left of another issue’s worktree does not stand in the way', async () => {
  const { prepare, path, clone, reopen } = world()
  await prepare()
  const work = commit(path, { 'work.txt': 'done' })
  write(clone, { 'worktrees/APP-2/locked': 'initializing', 'worktrees/APP-2/gitdir': `${path}-2/.git\n`, 'worktrees/APP-2/commondir': '' })
  run(path, 'checkout', '--quiet', '--detach')
  expect(await reopen().prepare({ ...request, keep: false, runId: 'run-2' })).toMatchObject({ head: work })
  expect(readdirSync(join(clone, 'worktrees'))).toEqual(['APP-1'])
})

test('several issues are prepared at once, from one clone', async () => {
  const { workspace, folder } = world()
  const keys = Array.from({ length: 12 }, (_, i) => `APP-${i + 1}`)
  const worktrees = await Promise.all(
    keys.map((key) => workspace.prepare({ ...request, key, branch: `signalbox/${key}`, keep: false, runId: 'run-1' })),
  )
  expect(worktrees.map(({ path }) => path)).toEqual(keys.map((key) => join(folder, 'worktrees/app', key)))
})

test('names and links that lead elsewhere are refused', async () => {
  const { workspace, folder } = world()
  for (const key of ['../APP-1', '.damaged', 'a/b', '', '..', 'a..b', 'a.lock', '-x']) {
    await expect(workspace.prepare({ ...request, key, keep: false, runId: 'run-1' })).rejects.toMatchObject({ code: 'worktree-name' })
  }
  await expect(workspace.prepare({ ...request, branch: '--force', keep: false, runId: 'run-1' })).rejects.toMatchObject({
    code: 'branch-name',
  })
  const elsewhere = temporaryFolder()
  mkdirSync(join(folder, 'worktrees'), { recursive: true })
  symlinkSync(elsewhere, join(folder, 'worktrees/app'))
  await expect(workspace.prepare({ ...request, keep: false, runId: 'run-1' })).rejects.toMatchObject({ code: 'worktree-outside' })
  expect(readdirSync(elsewhere)).toEqual([])
})

test('F40: a base or a repository that is not there is said', async () => {
  const { prepare, workspace, repository } = world()
  await expect(prepare({ base: 'nonesuch' })).rejects.toMatchObject({ code: 'base-missing' })
  await prepare()
  rmSync(repository, { recursive: true })
  await expect(prepare()).rejects.toMatchObject({ code: 'repository-missing' })
  await expect(workspace.prepare({ ...request, project: 'other', keep: false, runId: 'run-1' })).rejects.toMatchObject({
    code: 'repository-missing',
  })
})

test('a data folder that was moved goes on: its worktrees are made anew from their branches', async () => {
  const first = world()
  await first.prepare()
  const work = commit(first.path, { 'work.txt': 'done' })
  const moved = join(first.home, 'moved')
  renameSync(first.folder, moved)
  const { createWorkspace } = await import('../../../src/actors/workspace/worktree.ts')
  const workspace = createWorkspace({ folder: moved, prepareHook: () => null, env: {} })
  const again = await workspace.prepare({ ...request, keep: false, runId: 'run-2' })
  expect(again).toMatchObject({ path: join(realpathSync(moved), 'worktrees/app/APP-1'), head: work })
  expect(run(again.path, 'remote', 'get-url', 'origin')).toBe(join(moved, 'repos/app.git'))
})

test('what the hook sets in the clone stays while others are prepared, and what an agent sets does not', async () => {
  const command =
    'git config filter.lfs.clean cat && mkdir -p "$(git rev-parse --git-common-dir)/hooks" && : > "$(git rev-parse --git-common-dir)/hooks/post-commit"'
  const { prepare, path, clone } = world(undefined, { prepareHook: () => ({ command, timeout: 20_000 }) })
  await prepare()
  const first = run(path, 'rev-parse', 'HEAD')
  run(path, 'replace', commit(path, { 'a.txt': 'a' }), first)
  run(path, 'config', 'commit.gpgsign', 'true')
  write(clone, { 'hooks/pre-commit': 'exit 1', 'info/exclude': '*' })
  await prepare()
  expect(run(clone, 'config', '--list', '--local')).toContain('filter.lfs.clean=cat')
  expect(run(clone, 'config', '--list', '--local')).not.toContain('gpgsign')
  expect(readdirSync(join(clone, 'hooks'))).toEqual(['post-commit'])
  expect([existsSync(join(clone, 'info/exclude')), existsSync(join(clone, 'refs/replace'))]).toEqual([false, false])
})

test('the base is taken over and the identity configured before the worktree is made', async () => {
  const order: string[] = []
  const { prepare, path } = world(undefined, {
    repository: async () => ({
      identity: async () => ({
        GIT_AUTHOR_NAME: 'Grace "Amazing" Hopper',
        GIT_AUTHOR_EMAIL: 'grace@example.com',
        GIT_COMMITTER_NAME: 'Grace "Amazing" Hopper',
        GIT_COMMITTER_EMAIL: 'bot@example.com',
      }),
      recentBase: async () => order.push('recent'),
      syncBase: async () => order.push('newest'),
    }),
  })
  await prepare()
  await prepare({ newestBase: true })
  expect(order).toEqual(['recent', 'newest'])
  const identity = ['author', 'committer'].map((role) =>
    run(
      path,
      '-c',
      `alias.who=!env -u GIT_AUTHOR_NAME -u GIT_AUTHOR_EMAIL -u GIT_COMMITTER_NAME -u GIT_COMMITTER_EMAIL git var GIT_${role.toUpperCase()}_IDENT`,
      'who',
    ),
  )
  expect(identity[0]).toMatch(/^Grace "Amazing" Hopper <grace@example.com>/)
  expect(identity[1]).toMatch(/^Grace "Amazing" Hopper <bot@example.com>/)
})

test('a file that must not be read cannot keep its worktree from being taken up', async () => {
  const { prepare, path, folder } = world()
  const { head } = await prepare()
  write(path, { 'secret.txt': 'x' })
  chmodSync(join(path, 'secret.txt'), 0)
  expect(await prepare()).toMatchObject({ head, dirty: [] })
  const kept = existsSync(join(folder, 'worktrees/app/.damaged-APP-1-1/secret.txt'))
  expect(kept || process.getuid?.() === 0).toBe(true) // root reads everything, and has it saved
})
