// Repositories as people have them: shallow, with submodules, bare, with a detached HEAD, in a folder with spaces and letters of
// other alphabets. Each carries a change to a landing; those that cannot be used are refused, and used once they are mended.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { git } from '../../src/actors/git.ts'
import { createWorld, plainWork, type World } from './harness.ts'

const identity = { GIT_AUTHOR_NAME: 'U', GIT_AUTHOR_EMAIL: 'u@localhost', GIT_COMMITTER_NAME: 'U', GIT_COMMITTER_EMAIL: 'u@localhost' }
const run = async (cwd: string, ...args: string[]): Promise<string> => (await git(args, { cwd, env: identity })).stdout.trim()

/** A repository of its own with these files, each in a commit, on a checked out `main`. */
async function make(folder: string, files: Record<string, string>): Promise<void> {
  mkdirSync(folder)
  await run(folder, 'init', '--quiet', '--initial-branch=main')
  for (const [path, content] of Object.entries(files)) {
    writeFileSync(join(folder, path), content)
    await run(folder, 'add', '--all')
    await run(folder, 'commit', '--quiet', '--message', `Add ${path}`)
  }
}

describe('a change lands in a repository that', () => {
  const ids = ['plain', 'shallow', 'modular', 'bare', 'detached', 'linked']
  const titleOf = (id: string): string => `Füge „${id}“ hinzu: 追加 & "quoted" $HOME \`x\``
  let world: World

  beforeAll(async () => {
    const check = { command: 'test -f "Größe – Ñandú.txt" || test -f README.md' }
    world = createWorld({
      name: `Größe & Söhne – 100 % (neu) 'σ'`.replaceAll("'", ''),
      projects: ids.map((id) => ({ id, ci: check, ...(id === 'detached' ? { more: { baseBranch: 'main' } } : {}) })),
    })
    const { folder, repo } = world
    await make(join(folder, 'library'), { 'library.txt': 'library\n' })
    await make(join(folder, 'origin'), { 'README.md': '# origin\n', 'b.txt': 'b\n', 'c.txt': 'c\n' })

    await run(folder, 'clone', '--quiet', '--depth=1', `file://${join(folder, 'origin')}`, repo('shallow'))

    await make(repo('modular'), { 'README.md': '# modular\n' })
    const add = ['-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', join(folder, 'library'), 'lib']
    await run(repo('modular'), ...add)
    await run(repo('modular'), 'commit', '--quiet', '--message', 'A submodule')

    await run(folder, 'clone', '--quiet', '--bare', 'origin', repo('bare'))

    await make(repo('detached'), { 'README.md': '# detached\n' })
    await run(repo('detached'), 'checkout', '--quiet', '--detach')

    await make(join(folder, 'main work tree'), { 'README.md': '# linked\n' })
    await run(join(folder, 'main work tree'), 'worktree', 'add', '--quiet', '-b', 'größe/side', repo('linked'))
    await world.start()
  })

  afterAll(async () => {
    await world.close()
  })

  async function land(id: string): Promise<string> {
    const key = await world.submit(`printf 'ja\\n' > "Größe – Ñandú.txt"\n${plainWork}`, { project: id, title: titleOf(id) })
    const done = await world.untilIssue(key, 'done')
    expect(done).toMatchObject({ title: titleOf(id), attempts: { implementation: 1 }, pr: { state: 'merged' } })
    const branch = id === 'linked' ? 'größe/side' : 'main'
    expect(await run(world.repo(id), 'log', '-1', '--format=%s', branch)).toBe(`Merge #1: ${titleOf(id)} (${key})`)
    expect(await run(world.repo(id), 'show', `${branch}:Größe – Ñandú.txt`)).toBe('ja')
    return key
  }

  it('lies in a folder with spaces and letters of other alphabets, under such a title', async () => {
    await land('plain')
    expect(readFileSync(join(world.repo('plain'), 'Größe – Ñandú.txt'), 'utf8')).toBe('ja\n')
    expect(await world.asUser(['status', '--porcelain'], 'plain')).toBe('')
  })

  it('is a shallow clone: what it came from is left alone', async () => {
    const before = await run(join(world.folder, 'origin'), 'for-each-ref')
    await land('shallow')
    expect(await run(world.repo('shallow'), 'rev-parse', '--is-shallow-repository')).toBe('true')
    expect(await run(world.repo('shallow'), 'status', '--porcelain')).toBe('')
    expect(await run(join(world.folder, 'origin'), 'for-each-ref')).toBe(before)
    expect(await run(join(world.folder, 'origin'), 'cat-file', '--batch-check', '--batch-all-objects')).not.toContain('Merge')
  })

  it('has submodules: they stay at their commit, and work in them is left alone', async () => {
    const commit = await run(world.repo('modular'), 'rev-parse', 'main:lib')
    writeFileSync(join(world.repo('modular'), 'lib', 'mine.txt'), 'not committed\n')
    await land('modular')
    expect(await run(world.repo('modular'), 'rev-parse', 'main:lib')).toBe(commit)
    expect(readdirSync(join(world.repo('modular'), 'lib')).toSorted()).toEqual(['.git', 'library.txt', 'mine.txt'])
  })

  it('is bare', async () => {
    await land('bare')
    expect(await run(world.repo('bare'), 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
  })

  it('has a detached HEAD and a configured base: HEAD and files stay where they were', async () => {
    const head = await run(world.repo('detached'), 'rev-parse', 'HEAD')
    await land('detached')
    expect(await run(world.repo('detached'), 'rev-parse', 'HEAD')).toBe(head)
    expect(existsSync(join(world.repo('detached'), 'Größe – Ñandú.txt'))).toBe(false)
    expect(await run(world.repo('detached'), 'status', '--porcelain')).toBe('')
  })

  it('is a work tree of another one, on a branch with a name like any other', async () => {
    await land('linked')
    expect(existsSync(join(world.repo('linked'), 'Größe – Ñandú.txt'))).toBe(true)
    expect(existsSync(join(world.folder, 'main work tree', 'Größe – Ñandú.txt'))).toBe(false)
  })
})

describe('a repository that cannot be used is refused, and used once it is mended:', () => {
  type Mend = (world: World) => Promise<unknown>
  const cases: [string, object, Mend, RegExp, Mend][] = [
    [
      'HEAD is detached and no base is configured',
      {},
      (world) => world.asUser(['checkout', '--quiet', '--detach']),
      /HEAD of .*app names no branch\. Set baseBranch to one of: main; or check out a branch/,
      (world) => world.asUser(['checkout', '--quiet', 'main']),
    ],
    [
      'the configured base is not there',
      { baseBranch: 'mian' },
      async () => {},
      /app has no branch mian\. Did you mean main\? Set baseBranch/,
      (world) => world.asUser(['branch', 'mian']),
    ],
    [
      'the configured base is only at the remote',
      { baseBranch: 'develop' },
      async (world) => {
        await world.asUser(['clone', '--quiet', '--bare', '.', '../origin.git'])
        await world.asUser(['--git-dir=../origin.git', 'branch', 'develop'])
        await world.asUser(['remote', 'add', 'origin', '../origin.git'])
        await world.asUser(['fetch', '--quiet', 'origin'])
      },
      /develop only at its remote.*git branch develop origin\/develop/,
      (world) => world.asUser(['branch', 'develop', 'origin/develop']),
    ],
    [
      'the branch that is checked out has no commit',
      {},
      (world) => world.asUser(['checkout', '--quiet', '--orphan', 'unborn']),
      /on the branch unborn, which has no commit yet.*main/,
      (world) => world.asUser(['symbolic-ref', 'HEAD', 'refs/heads/main']),
    ],
  ]
  it.each(cases)('%s', async (_title, more, spoil, sentence, mend) => {
    const world = createWorld({ projects: [{ id: 'app', more }] })
    try {
      await world.makeRepositories()
      await spoil(world)
      const refs = await world.asUser(['for-each-ref'])
      const { code, stdout, stderr } = await world.run('start')
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(sentence)
      expect(stderr.trim().split('\n')).toHaveLength(1)
      expect(await world.asUser(['for-each-ref'])).toBe(refs)
      const doctor = await world.run('doctor', '--json')
      expect(doctor.code).toBe(3)
      expect(doctor.stdout.replaceAll('\\"', '"')).toMatch(sentence)
      await mend(world)
      await world.start()
      await world.untilIssue(await world.submit(plainWork), 'done')
    } finally {
      await world.close()
    }
  })

  it('a misspelt base is forgotten when the setting is taken away', async () => {
    const world = createWorld()
    try {
      await world.makeRepositories()
      const good = readFileSync(world.config, 'utf8')
      const configuration = JSON.parse(good) as { projects: { baseBranch?: string }[] }
      configuration.projects[0]!.baseBranch = 'mian'
      writeFileSync(world.config, JSON.stringify(configuration))
      expect((await world.run('start')).stderr).toContain('no branch mian')
      writeFileSync(world.config, good)
      await world.start()
      await world.untilIssue(await world.submit(plainWork), 'done')
      expect(await world.asUser(['log', '-1', '--format=%s', 'main'])).toContain('Merge #1')
    } finally {
      await world.close()
    }
  })
})
