import { existsSync, readFileSync, readlinkSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { childEnvironment, runProcess } from '../../../src/actors/process.ts'
import { commit, createForge, run, tryRun, types, write, type Files, type FixtureOptions, type ForgeFixture } from './fixture.ts'

const heads = (folder: string) => run(folder, 'rev-parse', 'refs/heads/main')
const target = (pullRequest: { number: number; headSha: string }) => ({ project: 'app', ...pullRequest })
const status = (folder: string) => run(folder, 'status', '--porcelain', '-uall')

async function candidate(fixture: ForgeFixture, pullRequest: { number: number; headSha: string }) {
  const built = await fixture.forge.buildCandidate(target(pullRequest))
  if (built.kind !== 'candidate') throw new Error(`not a candidate: ${JSON.stringify(built)}`)
  return { project: 'app', number: pullRequest.number, base: built.base, commit: built.commit }
}

describe('the commit that is tested', () => {
  test('merges base and head, is named after the pull request, and is visible nowhere', async () => {
    const fixture = await createForge()
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    commit(fixture.user, { 'other.txt': 'other\n' }, 'theirs')
    const { base, commit: sha } = await candidate(fixture, pullRequest)
    expect(base).toBe(heads(fixture.user))
    expect(run(fixture.bare, 'log', '-1', '--format=%P|%s|%an <%ae>', sha)).toBe(
      `${base} ${pullRequest.headSha}|Merge #1: Change it (ONE)|Signalbox <signalbox@localhost>`,
    )
    expect(run(fixture.bare, 'ls-tree', '--name-only', sha).split('\n')).toEqual(['README.md', 'new.txt', 'other.txt', 'src'])
    expect(run(fixture.bare, 'for-each-ref', '--format=%(refname)', '--contains', sha)).toBe('')
    expect(tryRun(fixture.user, 'cat-file', '-e', sha)).toBe(false)
  })

  test("takes author, committer and non-ASCII names from the user's repository", async () => {
    const fixture = await createForge()
    run(fixture.user, 'config', 'user.name', 'Zoë Straße')
    run(fixture.user, 'config', 'user.email', 'zoe@example.org')
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    const { commit: sha } = await candidate(fixture, pullRequest)
    expect(run(fixture.bare, 'log', '-1', '--format=%an|%ce', sha)).toBe('Zoë Straße|zoe@example.org')
  })

  test('a conflict names its files, and leaves nothing behind', async () => {
    const fixture = await createForge()
    const pullRequest = await fixture.open('one', { 'src/a.txt': 'mine\n', 'naïve näme.txt': 'mine\n', 'ok.txt': 'ok\n' })
    const base = commit(fixture.user, { 'src/a.txt': 'theirs\n', 'naïve näme.txt': 'theirs\n' }, 'theirs')
    expect(await fixture.forge.buildCandidate(target(pullRequest))).toEqual({
      kind: 'conflict',
      base,
      files: ['naïve näme.txt', 'src/a.txt'],
    })
    expect((await fixture.forge.facts({ project: 'app', issue: '', number: 1, branch: '' }))!.mergeable).toBe('conflict')
  })

  test('two pull requests that conflict: the first lands, the second is told with what', async () => {
    const fixture = await createForge()
    const [first, second] = [await fixture.open('one', { 'src/a.txt': 'first\n' }), await fixture.open('two', { 'src/a.txt': 'second\n' })]
    expect((await fixture.forge.buildCandidate(target(second))).kind).toBe('candidate')
    expect(await fixture.land(first)).toMatchObject({ kind: 'landed' })
    expect(await fixture.forge.buildCandidate(target(second))).toEqual({
      kind: 'conflict',
      base: heads(fixture.user),
      files: ['src/a.txt'],
    })
  })

  test('is refused for a head that is not the newest, and for a pull request that is not open', async () => {
    const fixture = await createForge()
    const first = await fixture.open('one', { a: 'a' })
    const head = fixture.work({ a: 'b' }, first.headSha)
    await fixture.publish({ branch: 'one', head, expected: first.headSha, issue: 'issue-one', key: 'ONE' })
    await expect(fixture.forge.buildCandidate(target(first))).rejects.toMatchObject({ code: 'stale-head' })
    fixture.forge.closePullRequest({ project: 'app', number: 1 })
    await expect(fixture.forge.buildCandidate({ project: 'app', number: 1, headSha: head })).rejects.toMatchObject({
      code: 'pull-request-closed',
    })
    await expect(fixture.forge.buildCandidate({ project: 'app', number: 7, headSha: head })).rejects.toMatchObject({
      code: 'unknown-pull-request',
    })
  })

  test('a rewound base is followed', async () => {
    const fixture = await createForge()
    const first = heads(fixture.user)
    commit(fixture.user, { 'gone.txt': 'gone\n' }, 'to be rewound')
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' }, first)
    expect((await candidate(fixture, pullRequest)).base).not.toBe(first)
    run(fixture.user, 'reset', '-q', '--hard', first)
    const { base, commit: sha } = await candidate(fixture, pullRequest)
    expect(base).toBe(first)
    expect(run(fixture.bare, 'rev-parse', 'main')).toBe(first)
    expect(run(fixture.bare, 'ls-tree', '--name-only', sha)).not.toContain('gone.txt')
  })

  test('a base that was replaced by another history conflicts', async () => {
    const fixture = await createForge()
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    run(fixture.user, 'checkout', '-q', '--orphan', 'fresh')
    commit(fixture.user, { 'fresh.txt': 'fresh\n' }, 'fresh')
    run(fixture.user, 'branch', '-q', '-M', 'main')
    expect(await fixture.forge.buildCandidate(target(pullRequest))).toMatchObject({ kind: 'conflict', base: heads(fixture.user) })
  })
})

describe('a commit that is tested on top of another', () => {
  test('has that one below it, and both land as they were tested', async () => {
    const fixture = await createForge()
    const [one, two] = [await fixture.open('one', { 'one.txt': '1\n' }), await fixture.open('two', { 'two.txt': '2\n' })]
    const first = await candidate(fixture, one)
    const built = await fixture.forge.buildCandidate({ ...target(two), onto: first.commit })
    if (built.kind !== 'candidate') throw new Error(built.kind)
    expect(run(fixture.bare, 'log', '-1', '--format=%P', built.commit)).toBe(`${first.commit} ${two.headSha}`)
    const second = { project: 'app', number: two.number, base: built.base, commit: built.commit }
    expect(await fixture.forge.landCandidate(second)).toEqual({ kind: 'base_moved' })
    expect(await fixture.forge.landCandidate(first)).toEqual({ kind: 'landed', commit: first.commit })
    expect(await fixture.forge.landCandidate(second)).toEqual({ kind: 'landed', commit: second.commit })
    expect(run(fixture.user, 'log', '--first-parent', '-2', '--format=%s')).toBe('Merge #2: Change it (TWO)\nMerge #1: Change it (ONE)')
    expect(run(fixture.bare, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
    expect(status(fixture.user)).toBe('')
  })

  test('conflicts with that one, or is in it already', async () => {
    const fixture = await createForge()
    const [one, two] = [await fixture.open('one', { 'src/a.txt': '1\n' }), await fixture.open('two', { 'src/a.txt': '2\n' })]
    const { commit: onto } = await candidate(fixture, one)
    expect(await fixture.forge.buildCandidate({ ...target(two), onto })).toEqual({ kind: 'conflict', base: onto, files: ['src/a.txt'] })
    expect(await fixture.forge.buildCandidate({ ...target(one), onto })).toEqual({ kind: 'already_landed', base: onto, commit: onto })
  })

  test('whose failure is known to come and go is said to be flaky', async () => {
    const fixture = await createForge({ ci: { command: 'echo "Error: now and then"; exit 1' } })
    const pullRequest = await fixture.open('one', { 'one.txt': '1\n' })
    const { commit: merged } = await candidate(fixture, pullRequest)
    const [failure] = (await fixture.forge.runCandidateChecks({ project: 'app', commit: merged })).failures
    expect(failure).not.toHaveProperty('flaky')
    fixture.database.prepare('INSERT INTO forge_flake (project, signature, at) VALUES (?, ?, 0)').run('app', failure!.signature)
    expect((await fixture.forge.runCandidateChecks({ project: 'app', commit: merged })).failures).toEqual([{ ...failure, flaky: true }])
  })
})

describe('landing on a branch that is checked out', () => {
  test('moves branch, index and files, and tells of it once', async () => {
    const fixture = await createForge({ ci: { command: 'true' } })
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n', 'src/a.txt': 'changed\n' })
    fixture.forge.recordEntered(target(pullRequest))
    fixture.told()
    const landing = await candidate(fixture, pullRequest)
    expect(await fixture.forge.landCandidate(landing)).toEqual({ kind: 'landed', commit: landing.commit })
    expect(heads(fixture.user)).toBe(landing.commit)
    expect(status(fixture.user)).toBe('')
    expect(readFileSync(join(fixture.user, 'new.txt'), 'utf8')).toBe('new\n')
    expect(run(fixture.user, 'log', '-1', '--format=%gs', '-g', 'main')).toContain('signalbox: landed #1 (ONE)')
    const events = fixture.told()
    expect(types(events)).toEqual(['pr.merged', 'queue.left'])
    expect(events[0]).toMatchObject({
      source: 'system',
      number: 1,
      headSha: pullRequest.headSha,
      mergedSha: landing.commit,
      baseRef: 'main',
    })
    expect(await fixture.forge.landCandidate(landing)).toEqual({ kind: 'landed', commit: landing.commit })
    expect(fixture.told()).toEqual([])
  })

  test('leaves no ref, no tag and no FETCH_HEAD with the user', async () => {
    const fixture = await createForge()
    const before = run(fixture.user, 'for-each-ref', '--format=%(refname)')
    expect(await fixture.land(await fixture.open('one', { 'new.txt': 'new\n' }))).toMatchObject({ kind: 'landed' })
    expect(run(fixture.user, 'for-each-ref', '--format=%(refname)')).toBe(before)
    expect(existsSync(join(fixture.user, '.git', 'FETCH_HEAD'))).toBe(false)
    expect(run(fixture.bare, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
    expect(run(fixture.bare, 'rev-parse', 'main')).toBe(heads(fixture.user))
  })

  test('unrelated dirty, staged, untracked and ignored files stay as they are', async () => {
    const fixture = await createForge({ files: { '.gitignore': '*.log\n', 'a.txt': 'a\n', 'b.txt': 'b\n', 'c.txt': 'c\n' } })
    const pullRequest = await fixture.open('one', { 'a.txt': 'landed\n' })
    write(fixture.user, { 'b.txt': 'dirty\n', 'c.txt': 'staged\n', 'untracked.txt': 'u\n', 'x.log': 'ignored\n' })
    run(fixture.user, 'add', 'c.txt')
    const before = status(fixture.user)
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'landed' })
    expect(status(fixture.user)).toBe(before)
    expect(['a.txt', 'b.txt', 'c.txt', 'untracked.txt', 'x.log'].map((name) => readFileSync(join(fixture.user, name), 'utf8'))).toEqual([
      'landed\n',
      'dirty\n',
      'staged\n',
      'u\n',
      'ignored\n',
    ])
  })

  const obstacles: [string, FixtureOptions, (user: string) => void, (user: string) => void, string[] | null, RegExp][] = [
    [
      'a dirty file that it touches',
      {},
      (user) => write(user, { 'src/a.txt': 'dirty\n' }),
      (user) => run(user, 'checkout', '-q', '.'),
      ['src/a.txt'],
      /not committed/,
    ],
    [
      'a staged file that it touches',
      {},
      (user) => {
        write(user, { 'src/a.txt': 'staged\n' })
        run(user, 'add', '.')
      },
      (user) => run(user, 'reset', '-q', '--hard'),
      ['src/a.txt'],
      /not committed/,
    ],
    [
      'an untracked file in the way',
      {},
      (user) => write(user, { 'new ü.txt': 'mine\n' }),
      (user) => rmSync(join(user, 'new ü.txt')),
      ['new ü.txt'],
      /not committed/,
    ],
    [
      'an ignored file in the way',
      { files: { '.gitignore': '*.txt\n', 'src/a': 'a\n' } },
      (user) => write(user, { 'new ü.txt': 'precious\n' }),
      (user) => rmSync(join(user, 'new ü.txt')),
      ['new ü.txt'],
      /not committed/,
    ],
    [
      'a locked index',
      {},
      (user) => writeFileSync(join(user, '.git', 'index.lock'), ''),
      (user) => rmSync(join(user, '.git', 'index.lock')),
      ['.git/index.lock'],
      /index\.lock/,
    ],
    [
      'a locked branch',
      {},
      (user) => writeFileSync(join(user, '.git', 'refs', 'heads', 'main.lock'), ''),
      (user) => rmSync(join(user, '.git', 'refs', 'heads', 'main.lock')),
      null,
      /main\.lock/,
    ],
    [
      'a merge in progress',
      {},
      (user) => {
        run(user, 'checkout', '-q', '-b', 'side')
        commit(user, { 'README.md': 'side\n' })
        run(user, 'checkout', '-q', 'main')
        run(user, 'merge', '-q', '--no-ff', '--no-commit', 'side')
      },
      (user) => run(user, 'merge', '--abort'),
      [],
      /merge is in progress/,
    ],
    [
      'a cherry-pick in progress',
      {},
      (user) => {
        run(user, 'checkout', '-q', '-b', 'side')
        commit(user, { 'README.md': 'side\n' })
        run(user, 'checkout', '-q', 'main')
        run(user, 'update-ref', 'CHERRY_PICK_HEAD', 'side')
      },
      (user) => run(user, 'cherry-pick', '--quit'),
      [],
      /cherry-pick is in progress/,
    ],
    [
      'a rebase of the branch in progress',
      {},
      (user) => {
        run(user, 'branch', 'side')
        run(user, '-c', 'sequence.editor=sed -i 1s/^/break\\\\n/', 'rebase', '-q', '-i', '--root')
      },
      (user) => run(user, 'rebase', '--abort'),
      [],
      /rebase of refs\/heads\/main is in progress/,
    ],
    [
      'a bisection of the branch in progress',
      {},
      (user) => {
        run(user, 'bisect', 'start')
        run(user, 'checkout', '-q', '--detach')
      },
      (user) => run(user, 'bisect', 'reset'),
      [],
      /bisect of main is in progress/,
    ],
  ]
  test.each(obstacles)(
    '%s blocks it with nothing changed, and lets it through when it is gone',
    async (_, options, block, clear, files, reason) => {
      const fixture = await createForge(options)
      const changed: Files = options.files === undefined ? { 'src/a.txt': 'landed\n' } : {}
      await (await fixture.forge.repository('app')).syncBase()
      fixture.work({})
      write(join(fixture.data, 'worktrees', 'agent'), { 'new ü.txt': 'landed\n', ...changed })
      run(join(fixture.data, 'worktrees', 'agent'), 'add', '-f', '.')
      const pullRequest = await fixture.open('one', { other: 'o\n' }, commit(join(fixture.data, 'worktrees', 'agent'), {}))
      fixture.told()
      block(fixture.user)
      const landing = await candidate(fixture, pullRequest)
      const before = [heads(fixture.user), status(fixture.user)]
      const answer = await fixture.forge.landCandidate(landing)
      expect(answer).toEqual({
        kind: 'blocked',
        reason: expect.stringMatching(reason) as string,
        files: files ?? [join(realpathSync(fixture.user), '.git', 'refs', 'heads', 'main.lock')],
      })
      expect([heads(fixture.user), status(fixture.user)]).toEqual(before)
      expect(fixture.told()).toEqual([])
      clear(fixture.user)
      expect(await fixture.forge.landCandidate(landing)).toEqual({ kind: 'landed', commit: landing.commit })
      expect(heads(fixture.user)).toBe(landing.commit)
      expect(readFileSync(join(fixture.user, 'new ü.txt'), 'utf8')).toBe('landed\n')
      expect(status(fixture.user)).toBe('')
    },
  )

  test("the user's own configuration and hooks have no say in it", async () => {
    const fixture = await createForge()
    const trace = join(fixture.data, 'hook-ran')
    for (const hook of ['post-merge', 'pre-merge-commit', 'reference-transaction', 'post-checkout']) {
      write(join(fixture.user, '.git', 'hooks'), { [hook]: { content: `#!/bin/sh\ntouch '${trace}'\nexit 1\n`, mode: 0o755 } })
    }
    for (const [name, value] of [
      ['merge.ff', 'false'],
      ['merge.autoStash', 'true'],
      ['branch.main.mergeOptions', '--squash'],
      ['merge.verifySignatures', 'true'],
      ['commit.gpgSign', 'true'],
      ['submodule.recurse', 'true'],
      ['fetch.prune', 'true'],
    ] as const) {
      run(fixture.user, 'config', name, value)
    }
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n', 'src/a.txt': 'landed\n' })
    write(fixture.user, { 'README.md': 'dirty\n', 'src/a.txt': 'dirty\n' })
    // It is not stashed away to be merged afterwards.
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'blocked', files: ['src/a.txt'] })
    expect(readFileSync(join(fixture.user, 'src/a.txt'), 'utf8')).toBe('dirty\n')
    run(fixture.user, '-c', 'core.hooksPath=/dev/null', 'checkout', '-q', 'src/a.txt')
    const landing = await candidate(fixture, pullRequest)
    expect(await fixture.forge.landCandidate(landing)).toMatchObject({ kind: 'landed' })
    expect(heads(fixture.user)).toBe(landing.commit)
    expect(existsSync(trace)).toBe(false)
    expect(readFileSync(join(fixture.user, 'README.md'), 'utf8')).toBe('dirty\n')
    expect(run(fixture.user, 'stash', 'list')).toBe('')
  })

  test('the base checked out in a linked worktree is moved there', async () => {
    const fixture = await createForge()
    const linked = join(fixture.data, 'linked tree')
    run(fixture.user, 'checkout', '-q', '-b', 'elsewhere')
    run(fixture.user, 'worktree', 'add', '-q', linked, 'main')
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    write(linked, { 'new.txt': 'mine\n' })
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'blocked', files: ['new.txt'] })
    rmSync(join(linked, 'new.txt'))
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'landed' })
    expect(existsSync(join(linked, 'new.txt'))).toBe(true)
    expect([status(linked), status(fixture.user)]).toEqual(['', ''])
    expect(existsSync(join(fixture.user, 'new.txt'))).toBe(false)
  })

  test('a linked worktree whose folder is gone does not keep the branch', async () => {
    const fixture = await createForge()
    const linked = join(fixture.data, 'linked')
    run(fixture.user, 'checkout', '-q', '-b', 'elsewhere')
    run(fixture.user, 'worktree', 'add', '-q', linked, 'main')
    rmSync(linked, { recursive: true })
    expect(await fixture.land(await fixture.open('one', { 'new.txt': 'new\n' }))).toMatchObject({ kind: 'landed' })
  })
})

describe('landing on a branch that is not checked out', () => {
  test('another branch is checked out: its files do not change', async () => {
    const fixture = await createForge()
    run(fixture.user, 'checkout', '-q', '-b', 'elsewhere')
    write(fixture.user, { 'src/a.txt': 'dirty\n' })
    expect(await fixture.land(await fixture.open('one', { 'src/a.txt': 'landed\n' }))).toMatchObject({ kind: 'landed' })
    expect(run(fixture.user, 'show', 'main:src/a.txt')).toBe('landed')
    expect(readFileSync(join(fixture.user, 'src/a.txt'), 'utf8')).toBe('dirty\n')
    expect(run(fixture.user, 'symbolic-ref', 'HEAD')).toBe('refs/heads/elsewhere')
  })

  test('a detached HEAD', async () => {
    const fixture = await createForge()
    run(fixture.user, 'checkout', '-q', '--detach')
    const before = run(fixture.user, 'rev-parse', 'HEAD')
    expect(await fixture.land(await fixture.open('one', { 'new.txt': 'new\n' }))).toMatchObject({ kind: 'landed' })
    expect(run(fixture.user, 'rev-parse', 'HEAD')).toBe(before)
    expect(run(fixture.user, 'show', 'main:new.txt')).toBe('new')
  })

  test('a bare repository, which has no work tree to harm', async () => {
    const fixture = await createForge({
      user(folder) {
        run(folder, 'init', '-q', '-b', 'main', 'work')
        commit(join(folder, 'work'), { a: 'a' })
        run(folder, 'clone', '-q', '--bare', 'work', 'bare.git')
        return join(folder, 'bare.git')
      },
    })
    const bare = join(fixture.user, 'bare.git')
    expect(await fixture.land(await fixture.open('one', { 'new.txt': 'new\n' }))).toMatchObject({ kind: 'landed' })
    expect(run(bare, 'show', 'main:new.txt')).toBe('new')
    // Its own remote, the work repository, is not pushed to.
    expect(run(join(fixture.user, 'work'), 'ls-tree', '--name-only', 'main')).toBe('a')
  })

  test('a locked branch blocks it with the name of the lock', async () => {
    const fixture = await createForge()
    run(fixture.user, 'checkout', '-q', '--detach')
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    const lock = join(realpathSync(fixture.user), '.git', 'refs', 'heads', 'main.lock')
    writeFileSync(lock, '')
    expect(await fixture.land(pullRequest)).toEqual({
      kind: 'blocked',
      reason: expect.stringContaining('main.lock') as string,
      files: [lock],
    })
    rmSync(lock)
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'landed' })
  })
})

describe('landing at a URL', () => {
  const atUrl: FixtureOptions = {
    user(folder) {
      run(folder, 'init', '-q', '-b', 'main', 'work')
      commit(join(folder, 'work'), { a: 'a' })
      run(folder, 'clone', '-q', '--bare', 'work', 'remote.git')
      return `file://${join(folder, 'remote.git')}`
    },
  }

  test('is a push of exactly that commit', async () => {
    const fixture = await createForge(atUrl)
    const remote = join(fixture.user, 'remote.git')
    const landing = await candidate(fixture, await fixture.open('one', { 'new.txt': 'new\n' }))
    expect(await fixture.forge.landCandidate(landing)).toEqual({ kind: 'landed', commit: landing.commit })
    expect(heads(remote)).toBe(landing.commit)
    expect(run(remote, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
    expect(await fixture.forge.landCandidate(landing)).toMatchObject({ kind: 'landed' })
  })

  test('that moved or was rewound meanwhile is left alone', async () => {
    const fixture = await createForge(atUrl)
    const [work, remote] = [join(fixture.user, 'work'), join(fixture.user, 'remote.git')]
    const first = heads(work)
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    const landing = await candidate(fixture, pullRequest)
    const theirs = commit(work, { b: 'b' })
    run(work, 'push', '-q', remote, 'main')
    expect(await fixture.forge.landCandidate(landing)).toEqual({ kind: 'base_moved' })
    const again = await candidate(fixture, pullRequest)
    expect(again.base).toBe(theirs)
    run(remote, 'update-ref', 'refs/heads/main', first)
    expect(await fixture.forge.landCandidate(again)).toEqual({ kind: 'base_moved' })
    expect(heads(remote)).toBe(first)
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'landed' })
  })

  test('that refuses the push blocks with its reason', async () => {
    const fixture = await createForge(atUrl)
    const remote = join(fixture.user, 'remote.git')
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    const before = heads(remote)
    write(join(remote, 'hooks'), { update: { content: '#!/bin/sh\necho main is frozen >&2\nexit 1\n', mode: 0o755 } })
    const reason = expect.stringMatching(/hook declined.*It says: main is frozen/) as string
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'blocked', reason })
    expect(heads(remote)).toBe(before)
    rmSync(join(remote, 'hooks', 'update'))
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'landed' })
  })
})

describe('the base moves during a landing', () => {
  test('the user commits: nothing is landed, and the next candidate contains their commit', async () => {
    const fixture = await createForge()
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    const landing = await candidate(fixture, pullRequest)
    const theirs = commit(fixture.user, { 'theirs.txt': 'theirs\n' }, 'theirs')
    expect(await fixture.forge.landCandidate(landing)).toEqual({ kind: 'base_moved' })
    expect(heads(fixture.user)).toBe(theirs)
    const again = await candidate(fixture, pullRequest)
    expect(again.base).toBe(theirs)
    expect(await fixture.forge.landCandidate(again)).toMatchObject({ kind: 'landed' })
    expect(run(fixture.user, 'ls-tree', '--name-only', 'main').split('\n')).toContain('theirs.txt')
  })

  test('the user rewinds: what they rewound does not come back', async () => {
    const fixture = await createForge()
    const first = heads(fixture.user)
    commit(fixture.user, { 'gone.txt': 'gone\n' }, 'to be rewound')
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' }, first)
    const landing = await candidate(fixture, pullRequest)
    run(fixture.user, 'reset', '-q', '--hard', first)
    expect(await fixture.forge.landCandidate(landing)).toEqual({ kind: 'base_moved' })
    expect(heads(fixture.user)).toBe(first)
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'landed' })
    expect(existsSync(join(fixture.user, 'gone.txt'))).toBe(false)
  })

  describe('in the milliseconds before git merges', () => {
    /** Runs `script` in the user's repository the moment that our git is started with `word` among its arguments. */
    async function atTheMoment<T>(fixture: ForgeFixture, word: string, script: string, work: () => Promise<T>): Promise<T> {
      const path = process.env['PATH']!
      const real = path
        .split(':')
        .map((folder) => join(folder, 'git'))
        .find((file) => existsSync(file))!
      const folder = join(fixture.data, 'shim')
      const trap = join(folder, 'trap')
      write(folder, {
        trap: `cd '${fixture.user}' || exit\nexport GIT_AUTHOR_NAME=k GIT_AUTHOR_EMAIL=k GIT_COMMITTER_NAME=k GIT_COMMITTER_EMAIL=k\n${script}\n`,
        git: {
          content: `#!/bin/sh\nPATH='${path}'\ncase " $* " in *' ${word} '*) if [ -f '${trap}' ]; then mv '${trap}' '${trap}.sprung'; sh '${trap}.sprung' > /dev/null; fi ;; esac\nexec '${real}' "$@"\n`,
          mode: 0o755,
        },
      })
      process.env['PATH'] = `${folder}:${path}`
      try {
        return await work()
      } finally {
        process.env['PATH'] = path
        expect(existsSync(trap)).toBe(false)
      }
    }

    test('the user rewinds: they get back what they had', async () => {
      const fixture = await createForge()
      const first = heads(fixture.user)
      commit(fixture.user, { 'gone.txt': 'gone\n' }, 'to be rewound')
      const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
      const landing = await candidate(fixture, pullRequest)
      write(fixture.user, { 'README.md': 'dirty\n' })
      const answer = await atTheMoment(fixture, 'merge', `git reset -q --keep ${first}`, () => fixture.forge.landCandidate(landing))
      expect(answer).toEqual({ kind: 'base_moved' })
      expect(heads(fixture.user)).toBe(first)
      expect(status(fixture.user)).toBe(' M README.md')
      expect((await fixture.forge.facts({ project: 'app', issue: '', number: 1, branch: '' }))!.state).toBe('open')
    })

    test('the branch is locked, so that git writes the files and cannot move it: they are taken back', async () => {
      const fixture = await createForge()
      const pullRequest = await fixture.open('one', { 'new.txt': 'new\n', 'src/a.txt': 'landed\n', 'README.md': null })
      const landing = await candidate(fixture, pullRequest)
      write(fixture.user, { 'mine.txt': 'mine\n', 'staged.txt': 'staged\n' })
      run(fixture.user, 'add', 'staged.txt')
      const before = status(fixture.user)
      const lock = join(fixture.user, '.git', 'refs', 'heads', 'main.lock')
      const answer = await atTheMoment(fixture, 'merge', `touch '${lock}'`, () => fixture.forge.landCandidate(landing))
      expect(answer).toMatchObject({ kind: 'blocked', reason: expect.stringContaining('main.lock') as string })
      expect(heads(fixture.user)).toBe(landing.base)
      expect(status(fixture.user)).toBe(before)
      expect([existsSync(join(fixture.user, 'new.txt')), readFileSync(join(fixture.user, 'src/a.txt'), 'utf8')]).toEqual([
        false,
        'one\ntwo\nthree\n',
      ])
      rmSync(lock)
      expect(await fixture.forge.landCandidate(landing)).toMatchObject({ kind: 'landed' })
      expect(status(fixture.user)).toBe(before)
    })

    test('the user commits while git merges: their commit is in the index too, and nothing of the landing is left', async () => {
      const fixture = await createForge()
      // Git runs this while it holds the index and before it moves the branch.
      const theirs = [
        `cat; [ -e '${fixture.data}/sprung' ] && exit; touch '${fixture.data}/sprung'; cd '${fixture.user}'; echo theirs > src/a.txt`,
        `export GIT_INDEX_FILE='${fixture.data}/index' GIT_AUTHOR_NAME=k GIT_AUTHOR_EMAIL=k GIT_COMMITTER_NAME=k GIT_COMMITTER_EMAIL=k`,
        `git read-tree main; git add src/a.txt; git update-ref refs/heads/main $(git commit-tree -p main -m theirs $(git write-tree))`,
      ]
      write(fixture.data, { smudge: theirs.join('\n') })
      run(fixture.user, 'config', 'filter.slow.smudge', `sh '${fixture.data}/smudge'`)
      write(fixture.user, { '.git/info/attributes': '*.slow filter=slow\n', 'README.md': 'dirty\n' })
      const pullRequest = await fixture.open('one', { 'new.slow': 'new\n' })
      const landing = await candidate(fixture, pullRequest)
      expect(await fixture.forge.landCandidate(landing)).toEqual({ kind: 'base_moved' })
      expect(run(fixture.user, 'log', '-1', '--format=%s', 'main')).toBe('theirs')
      expect(status(fixture.user)).toBe(' M README.md')
      expect(readFileSync(join(fixture.user, 'src/a.txt'), 'utf8')).toBe('theirs\n')
      expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'landed' })
    })

    test('the user changes to a new branch: it does not get the landing, and the next one moves the base', async () => {
      const fixture = await createForge()
      const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
      const landing = await candidate(fixture, pullRequest)
      const answer = await atTheMoment(fixture, 'merge', 'git checkout -q -b feature', () => fixture.forge.landCandidate(landing))
      expect(answer).toEqual({ kind: 'base_moved' })
      expect([heads(fixture.user), run(fixture.user, 'rev-parse', 'feature')]).toEqual([landing.base, landing.base])
      expect(status(fixture.user)).toBe('')
      expect(await fixture.forge.landCandidate(landing)).toMatchObject({ kind: 'landed' })
      expect(run(fixture.user, 'rev-parse', 'feature')).toBe(landing.base)
    })

    test('the user changes branch while the objects are copied: nothing is merged', async () => {
      const fixture = await createForge()
      const landing = await candidate(fixture, await fixture.open('one', { 'new.txt': 'new\n' }))
      const answer = await atTheMoment(fixture, 'fetch', 'git checkout -q -b feature', () => fixture.forge.landCandidate(landing))
      expect(answer).toEqual({ kind: 'base_moved' })
      expect(run(fixture.user, 'rev-parse', 'feature')).toBe(landing.base)
      expect(run(fixture.user, 'log', '-g', '--format=%gs', 'feature')).not.toContain('signalbox')
      expect(await fixture.forge.landCandidate(landing)).toMatchObject({ kind: 'landed' })
    })

    test('the user commits to a branch that is not checked out: their commit stays', async () => {
      const fixture = await createForge()
      run(fixture.user, 'checkout', '-q', '--detach')
      const landing = await candidate(fixture, await fixture.open('one', { 'new.txt': 'new\n' }))
      const script = `git update-ref refs/heads/main $(git commit-tree -m theirs -p main 'main^{tree}')`
      expect(await atTheMoment(fixture, 'update-ref', script, () => fixture.forge.landCandidate(landing))).toEqual({ kind: 'base_moved' })
      expect(run(fixture.user, 'log', '-1', '--format=%s', 'main')).toBe('theirs')
      const again = await candidate(fixture, { number: 1, headSha: fixture.forge.pullRequestOf('issue-one')!.headSha })
      run(fixture.user, 'branch', '-q', 'saved', 'main')
      const deleted = await atTheMoment(fixture, 'update-ref', 'git branch -q -D main', () => fixture.forge.landCandidate(again))
      expect(deleted).toEqual({ kind: 'base_moved' })
    })
  })

  test("a lock that a killed landing left on the branch is removed, and nobody else's", async () => {
    const fixture = await createForge()
    const landing = await candidate(fixture, await fixture.open('one', { 'new.txt': 'new\n' }))
    const lock = join(fixture.user, '.git', 'refs', 'heads', 'main.lock')
    for (const content of ['', `${landing.base}\n`]) {
      writeFileSync(lock, content)
      expect(await fixture.forge.landCandidate(landing)).toMatchObject({ kind: 'blocked' })
      expect(readFileSync(lock, 'utf8')).toBe(content)
    }
    writeFileSync(lock, `${landing.commit}\n`)
    expect(await fixture.forge.landCandidate(landing)).toMatchObject({ kind: 'landed' })
    expect(existsSync(lock)).toBe(false)
  })

  test('two landings from one base: exactly one gets through', async () => {
    const fixture = await createForge()
    for (const detach of [true, false]) {
      if (detach) run(fixture.user, 'checkout', '-q', '--detach')
      else run(fixture.user, 'checkout', '-q', 'main')
      const [one, two] = [
        await fixture.open(`one-${detach}`, { [`1-${detach}`]: '1' }),
        await fixture.open(`two-${detach}`, { [`2-${detach}`]: '2' }),
      ]
      const landings = [await candidate(fixture, one), await candidate(fixture, two)]
      const answers = await Promise.all(landings.map((landing) => fixture.forge.landCandidate(landing)))
      const landed = answers.filter((answer) => answer.kind === 'landed')
      expect(landed).toHaveLength(1)
      expect(heads(fixture.user)).toBe(landed[0]!.kind === 'landed' ? landed[0]!.commit : '')
      expect(answers.find((answer) => answer.kind !== 'landed')).toEqual({ kind: 'base_moved' })
      expect(status(fixture.user)).toBe('')
    }
  })

  test('a user who commits all the time loses nothing and is overtaken in the end', async () => {
    const fixture = await createForge()
    const script = `
      for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        echo $i > theirs-$i
        until git add theirs-$i && git commit -q -m "theirs $i"; do sleep 0.01; done 2> /dev/null
      done`
    const user = runProcess({
      command: script,
      cwd: fixture.user,
      env: childEnvironment({ GIT_AUTHOR_NAME: 'k', GIT_AUTHOR_EMAIL: 'k', GIT_COMMITTER_NAME: 'k', GIT_COMMITTER_EMAIL: 'k' }),
    })
    for (let i = 0; i < 4; i++) {
      const pullRequest = await fixture.open(`ours-${i}`, { [`ours-${i}`]: `${i}\n` })
      for (let attempt = 0; attempt < 100; attempt++) if ((await fixture.land(pullRequest)).kind === 'landed') break
      expect(fixture.forge.pullRequestOf(`issue-ours-${i}`)!.state).toBe('merged')
    }
    expect((await user).exitCode).toBe(0)
    const files = run(fixture.user, 'ls-tree', '--name-only', 'main').split('\n')
    expect(files.filter((name) => name.startsWith('theirs'))).toHaveLength(12)
    expect(files.filter((name) => name.startsWith('ours'))).toHaveLength(4)
    expect(status(fixture.user)).toBe('')
  })

  test('the base branch is deleted: a human is waited for', async () => {
    const fixture = await createForge()
    run(fixture.user, 'checkout', '-q', '-b', 'elsewhere')
    const landing = await candidate(fixture, await fixture.open('one', { 'new.txt': 'new\n' }))
    run(fixture.user, 'branch', '-q', '-D', 'main')
    expect(await fixture.forge.landCandidate(landing)).toMatchObject({
      kind: 'blocked',
      reason: expect.stringContaining('does not exist any more') as string,
    })
    run(fixture.user, 'branch', 'main', landing.base)
    expect(await fixture.forge.landCandidate(landing)).toMatchObject({ kind: 'landed' })
  })

  test('a new head is published during the test: the old candidate does not land', async () => {
    const fixture = await createForge()
    const first = await fixture.open('one', { a: 'a' })
    const landing = await candidate(fixture, first)
    const head = fixture.work({ a: 'b' }, first.headSha)
    await fixture.publish({ branch: 'one', head, expected: first.headSha, issue: 'issue-one', key: 'ONE' })
    for (const forge of [fixture.forge, fixture.restart()]) {
      await expect(forge.landCandidate(landing)).rejects.toMatchObject({ code: 'stale-head' })
    }
    expect(heads(fixture.user)).toBe(landing.base)
  })
})

describe('after a kill', () => {
  for (const place of ['checked out', 'not checked out'] as const) {
    test(`between the landing and its row, ${place}: the landing is adopted`, async () => {
      const fixture = await createForge()
      if (place === 'not checked out') run(fixture.user, 'checkout', '-q', '--detach')
      const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
      fixture.told()
      const landing = await candidate(fixture, pullRequest)
      fixture.database.exec("CREATE TEMP TRIGGER killed BEFORE UPDATE ON forge_pull_request BEGIN SELECT RAISE(ABORT, 'killed'); END")
      await expect(fixture.forge.landCandidate(landing)).rejects.toThrow('killed')
      fixture.database.exec('DROP TRIGGER killed')
      expect(heads(fixture.user)).toBe(landing.commit)
      commit(fixture.user, { 'later.txt': 'later\n' }, 'later')
      fixture.restart()
      expect(await fixture.forge.start()).toEqual({ incidents: [], failures: [] })
      expect(await fixture.forge.landCandidate(landing)).toEqual({ kind: 'landed', commit: landing.commit })
      expect(types(fixture.told())).toEqual(['pr.merged'])
    })
  }

  test('a landing that is found made by a new candidate is adopted with its merge commit', async () => {
    const fixture = await createForge()
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    fixture.told()
    const landing = await candidate(fixture, pullRequest)
    run(fixture.user, 'fetch', '-q', fixture.bare, landing.commit)
    run(fixture.user, 'merge', '-q', '--ff-only', landing.commit)
    const base = commit(fixture.user, { 'later.txt': 'later\n' }, 'later')
    expect(await fixture.forge.buildCandidate(target(pullRequest))).toEqual({ kind: 'already_landed', base, commit: landing.commit })
    await fixture.forge.adoptLanding({ ...target(pullRequest), commit: landing.commit })
    await fixture.forge.adoptLanding({ ...target(pullRequest), commit: landing.commit })
    expect(types(fixture.told())).toEqual(['pr.merged'])
    expect(await fixture.forge.facts({ project: 'app', issue: '', number: 1, branch: '' })).toMatchObject({
      state: 'merged',
      mergedSha: landing.commit,
    })
    expect(run(fixture.bare, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
    expect(await fixture.forge.checkRefs()).toEqual([])
  })

  test('a head that the user fast-forwarded to by hand is landed as it is', async () => {
    const fixture = await createForge()
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    run(fixture.user, 'fetch', '-q', fixture.bare, 'one')
    run(fixture.user, 'merge', '-q', '--ff-only', pullRequest.headSha)
    expect(await fixture.forge.buildCandidate(target(pullRequest))).toMatchObject({ kind: 'already_landed', commit: pullRequest.headSha })
  })

  test('a git that was killed between files and branch is healed by the next landing', async () => {
    const fixture = await createForge()
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n', 'src/a.txt': 'landed\n' })
    const landing = await candidate(fixture, pullRequest)
    run(fixture.user, 'fetch', '-q', fixture.bare, landing.commit)
    run(fixture.user, 'read-tree', '-m', '-u', landing.base, landing.commit)
    expect(status(fixture.user)).not.toBe('')
    expect(await fixture.forge.landCandidate(landing)).toMatchObject({ kind: 'landed' })
    expect(status(fixture.user)).toBe('')
  })
})

describe('what lands is what was in the head', () => {
  test('modes, links, binaries, line ends, empty and odd names, byte for byte', async () => {
    const fixture = await createForge({
      name: 'my projéct (1)',
      files: {
        '.gitattributes': '*.crlf -text\n',
        'run.sh': { content: '#!/bin/sh\n', mode: 0o644 },
        link: { link: 'run.sh' },
        'gone/x': 'x',
      },
    })
    const binary = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 31 + (i >> 8)) & 255))
    const pullRequest = await fixture.open('one', {
      'run.sh': { mode: 0o755 },
      'binary.bin': binary,
      'dos.crlf': 'a\r\nb\r\n',
      'mixed.txt': 'a\r\nb\nc\r',
      empty: '',
      'ünï çødé/日本 🚂.txt': 'x\n',
      ' leading': 'x\n',
      'quote"d\'.txt': 'x\n',
      'new-link': { link: 'ünï çødé/日本 🚂.txt' },
      'gone/x': null,
    })
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'landed' })
    const { user } = fixture
    expect(run(user, 'rev-parse', 'main^{tree}')).toBe(run(user, 'rev-parse', `${pullRequest.headSha}^{tree}`))
    expect(status(user)).toBe('')
    expect(statSync(join(user, 'run.sh')).mode & 0o111).toBe(0o111)
    expect(readFileSync(join(user, 'binary.bin')).equals(binary)).toBe(true)
    expect(readFileSync(join(user, 'dos.crlf'), 'latin1')).toBe('a\r\nb\r\n')
    expect(readFileSync(join(user, 'mixed.txt'), 'latin1')).toBe('a\r\nb\nc\r')
    expect(readlinkSync(join(user, 'new-link'))).toBe('ünï çødé/日本 🚂.txt')
    expect(existsSync(join(user, 'gone'))).toBe(false)
    expect(readFileSync(join(user, 'quote"d\'.txt'), 'utf8')).toBe('x\n')
  })

  test('a submodule keeps its commit, and a changed one lands', async () => {
    const fixture = await createForge({
      user(folder) {
        run(folder, 'init', '-q', '-b', 'main', 'library')
        commit(join(folder, 'library'), { lib: '1' })
        run(folder, 'init', '-q', '-b', 'main', 'app')
        commit(join(folder, 'app'), { a: 'a' })
        run(join(folder, 'app'), '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', join(folder, 'library'), 'lib')
        commit(join(folder, 'app'), {}, 'submodule')
        commit(join(folder, 'library'), { lib: '2' })
        return join(folder, 'app')
      },
      ci: { command: 'test -d lib && test -f a' },
    })
    const user = join(fixture.user, 'app')
    const newer = heads(join(fixture.user, 'library'))
    const older = run(user, 'rev-parse', 'main:lib')
    expect(await fixture.land(await fixture.open('one', { b: 'b' }))).toMatchObject({ kind: 'landed' })
    expect(run(user, 'rev-parse', 'main:lib')).toBe(older)
    expect(status(user)).toBe('')
    const agent = join(fixture.data, 'worktrees', 'agent')
    fixture.work({})
    run(agent, 'update-index', '--cacheinfo', `160000,${newer},lib`)
    run(agent, 'commit', '-q', '-m', 'newer library')
    const { number } = await fixture.publish({ branch: 'two', head: run(agent, 'rev-parse', 'HEAD') })
    const headSha = run(agent, 'rev-parse', 'HEAD')
    expect(await fixture.forge.runChecks({ project: 'app', number, headSha })).toEqual({ state: 'passed', failures: [] })
    expect(await fixture.land({ number, headSha })).toMatchObject({ kind: 'landed' })
    expect(run(user, 'rev-parse', 'main:lib')).toBe(newer)
    // As after a merge by hand, the submodule's own work tree is the user's to update.
    expect(status(user)).toBe(' M lib')
  })

  test('a shallow clone', async () => {
    const fixture = await createForge({
      user(folder) {
        run(folder, 'init', '-q', '-b', 'main', 'origin')
        for (const name of ['a', 'b', 'c']) commit(join(folder, 'origin'), { [name]: name }, name)
        run(folder, 'clone', '-q', '--depth', '1', `file://${join(folder, 'origin')}`, 'shallow')
        return join(folder, 'shallow')
      },
      ci: { command: 'test -f new.txt && test "$(git rev-list --count HEAD)" = 2' },
    })
    const user = join(fixture.user, 'shallow')
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    expect(await fixture.forge.runChecks(target(pullRequest))).toEqual({ state: 'passed', failures: [] })
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'landed' })
    expect(status(user)).toBe('')
    expect(run(user, 'ls-tree', '--name-only', 'main').split('\n')).toEqual(['a', 'b', 'c', 'new.txt'])
    expect(run(join(fixture.user, 'origin'), 'ls-tree', '--name-only', 'main').split('\n')).toEqual(['a', 'b', 'c'])
    expect(await fixture.land(await fixture.open('two', { 'newer.txt': 'newer\n' }))).toMatchObject({ kind: 'landed' })
  })

  test('a repository with SHA-256 names', async () => {
    const fixture = await createForge({
      user(folder) {
        run(folder, 'init', '-q', '-b', 'main', '--object-format=sha256')
        commit(folder, { a: 'a' })
      },
      ci: { command: 'test -f new.txt' },
    })
    const pullRequest = await fixture.open('one', { 'new.txt': 'new\n' })
    expect(pullRequest.headSha).toHaveLength(64)
    expect(await fixture.forge.runChecks(target(pullRequest))).toMatchObject({ state: 'passed' })
    expect(await fixture.land(pullRequest)).toMatchObject({ kind: 'landed' })
    expect(await fixture.forge.checkRefs()).toEqual([])
  })
})

test('those who ask for the base while its mirror is busy are answered by one look, which is made after they asked', async () => {
  const fixture = await createForge()
  const repository = await fixture.forge.repository('app')
  const { promise, resolve } = Promise.withResolvers<void>()
  const busy = repository.moveBase(() => promise)
  const first = repository.syncBase()
  const head = commit(fixture.user, { 'later.txt': 'x\n' })
  expect(repository.syncBase()).toBe(first)
  resolve()
  await busy
  expect(await first).toBe(head)
  const next = commit(fixture.user, { 'last.txt': 'x\n' })
  expect(await repository.syncBase()).toBe(next)
})
