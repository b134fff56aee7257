import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { discoverBase } from '../../../src/actors/workspace/base.ts'
import { commit, makeRepository, run, temporaryFolder, write } from '../repository.ts'

const refused = async (repo: string, configured: string | null, code: string, words: RegExp) =>
  expect(discoverBase(repo, configured)).rejects.toMatchObject({ name: 'ConfigurationError', code, message: expect.stringMatching(words) })

test('F16: without a configured base it is the branch that HEAD names, whatever it is called', async () => {
  const folder = makeRepository(temporaryFolder(), { 'a.txt': 'a' }, 'größe/trunk')
  run(folder, 'branch', 'main')
  const head = run(folder, 'rev-parse', 'HEAD')
  expect(await discoverBase(folder, null)).toEqual({ branch: 'größe/trunk', head, shallow: false, submodules: false })
})

test('the configured base wins, also when HEAD is elsewhere or detached', async () => {
  const folder = makeRepository(temporaryFolder())
  const first = run(folder, 'rev-parse', 'HEAD')
  run(folder, 'branch', 'release')
  const second = commit(folder, { 'b.txt': 'b' })
  expect(await discoverBase(folder, 'release')).toMatchObject({ branch: 'release', head: first })
  run(folder, 'checkout', '--quiet', '--detach')
  expect(await discoverBase(folder, 'trunk')).toMatchObject({ branch: 'trunk', head: second })
})

test('a bare repository serves', async () => {
  const folder = temporaryFolder()
  makeRepository(join(folder, 'source'))
  run(folder, 'clone', '--quiet', '--bare', 'source', 'bare.git')
  expect(await discoverBase(join(folder, 'bare.git'), null)).toMatchObject({ branch: 'trunk' })
})

test('a worktree of the user’s serves, with its own HEAD', async () => {
  const folder = temporaryFolder()
  makeRepository(join(folder, 'source'))
  run(join(folder, 'source'), 'worktree', 'add', '--quiet', '-b', 'side', join(folder, 'side'))
  expect(await discoverBase(join(folder, 'side'), null)).toMatchObject({ branch: 'side' })
})

test('what is not a repository is refused, each with what to do', async () => {
  const folder = temporaryFolder()
  write(folder, { 'file.txt': 'no folder' })
  mkdirSync(join(folder, 'plain'))
  makeRepository(join(folder, 'repository'))
  mkdirSync(join(folder, 'repository/inside'))
  await refused(join(folder, 'nonesuch'), null, 'repository-missing', /Set repo to/)
  await refused(join(folder, 'file.txt'), null, 'repository-missing', /Set repo to/)
  await refused(join(folder, 'plain'), null, 'not-a-repository', /git init/)
  await refused(join(folder, 'repository/inside'), null, 'repository-not-root', /Set repo to the repository/)
  await refused(join(folder, 'repository/.git/objects'), null, 'repository-not-root', /Set repo to the repository/)
})

test('an empty repository is refused', async () => {
  const folder = temporaryFolder()
  run(folder, 'init', '--quiet', '--initial-branch=trunk')
  await refused(folder, null, 'repository-empty', /Make a first one/)
  await refused(folder, 'trunk', 'repository-empty', /Make a first one/)
})

test('a detached HEAD is refused with the branches that there are', async () => {
  const folder = makeRepository(temporaryFolder())
  run(folder, 'checkout', '--quiet', '--detach')
  await refused(folder, null, 'detached-head', /Set baseBranch to one of: trunk/)
})

test('a base that is not there is refused with the nearest name, or with the command that makes it', async () => {
  const folder = temporaryFolder()
  const source = makeRepository(join(folder, 'source'))
  run(source, 'branch', 'develop')
  run(folder, 'clone', '--quiet', 'source', 'copy')
  await refused(source, 'trunc', 'base-missing', /Did you mean trunk\?/)
  await refused(join(folder, 'copy'), 'develop', 'base-missing', /git branch develop origin\/develop/)
  run(source, 'checkout', '--quiet', '--orphan', 'unborn')
  await refused(source, null, 'base-missing', /on the branch unborn, which has no commit yet.*develop, trunk/)
})

test('a shallow clone and submodules are allowed, and said', async () => {
  const folder = temporaryFolder()
  const part = makeRepository(join(folder, 'part'))
  const source = makeRepository(join(folder, 'source'))
  run(source, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', part, 'part')
  commit(source, {}, 'a submodule')
  run(folder, 'clone', '--quiet', '--depth', '1', `file://${source}`, 'shallow')
  expect(await discoverBase(join(folder, 'shallow'), null)).toMatchObject({ branch: 'trunk', shallow: true, submodules: true })
})

test('a URL is asked where it is', async () => {
  const folder = temporaryFolder()
  const source = makeRepository(join(folder, 'source'))
  const head = run(source, 'rev-parse', 'HEAD')
  run(folder, 'init', '--quiet', 'empty')
  const url = `file://${source}`
  expect(await discoverBase(url, null)).toMatchObject({ branch: 'trunk', head })
  await refused(url, 'trunc', 'base-missing', /Did you mean trunk/)
  await expect(discoverBase(`file://${folder}/nothing`, null)).rejects.toMatchObject({
    code: 'repository-unreadable',
    message: expect.stringMatching(/^file:.*nothing cannot be read: .* Check repo/) as string,
  })
  await refused(`file://${folder}/empty`, null, 'repository-empty', /Make a first one/)
  run(source, 'checkout', '--quiet', '--detach')
  await refused(url, null, 'detached-head', /Set baseBranch to one of: trunk/)
})
