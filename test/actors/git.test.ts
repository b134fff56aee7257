import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, gitIdentity, missingGitIdentity } from '../../src/actors/git.ts'
import { commit, makeRepository, run, script, temporaryFolder, write } from './repository.ts'

const none = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }

/** With these variables in our own environment while `work` runs. */
async function within<T>(variables: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env }
  Object.assign(process.env, variables)
  try {
    return await work()
  } finally {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
}

test('an exit code that is an answer is one, every other is an error with git’s words', async () => {
  const folder = makeRepository(temporaryFolder())
  expect(await git(['rev-parse', '--verify', '--quiet', 'nonesuch'], { cwd: folder, allow: [0, 1] })).toMatchObject({ exitCode: 1 })
  await expect(git(['rev-parse', '--verify', 'nonesuch'], { cwd: folder })).rejects.toMatchObject({
    name: 'FatalError',
    code: 'git-failed',
    message: expect.stringMatching(/'git rev-parse' in .* exit code 128: fatal: Needed a single revision/),
  })
})

test('a variable that redirects git is not inherited', async () => {
  const folder = makeRepository(temporaryFolder())
  const other = makeRepository(temporaryFolder())
  const redirect = {
    GIT_DIR: join(other, '.git'),
    GIT_WORK_TREE: other,
    GIT_INDEX_FILE: '/nonexistent',
    GIT_CONFIG_PARAMETERS: "'user.name=Eve'",
  }
  await within(redirect, async () => {
    expect((await git(['rev-parse', '--show-toplevel'], { cwd: folder })).stdout.trim()).toBe(folder)
  })
})

test('no hook of the repository runs, unless it is asked for', async () => {
  const folder = makeRepository(temporaryFolder())
  const trace = join(temporaryFolder(), 'ran')
  script(folder, '.git/hooks/pre-commit', `touch '${trace}'`)
  const identity = await gitIdentity(folder)
  await git(['commit', '--allow-empty', '--message', 'quiet'], { cwd: folder, env: identity })
  expect(existsSync(trace)).toBe(false)
  await git(['-c', `core.hooksPath=${folder}/.git/hooks`, 'commit', '--allow-empty', '--message', 'loud'], { cwd: folder, env: identity })
  expect(existsSync(trace)).toBe(true)
})

test('a lock is worth another try, a reference that has moved is not', async () => {
  const folder = makeRepository(temporaryFolder())
  const head = run(folder, 'rev-parse', 'HEAD')
  const next = commit(folder, { 'a.txt': 'a' })
  await expect(git(['update-ref', 'refs/heads/trunk', head, head], { cwd: folder })).rejects.toMatchObject({ code: 'git-failed' })
  writeFileSync(join(folder, '.git/index.lock'), '')
  await expect(git(['reset', '--hard', next], { cwd: folder })).rejects.toMatchObject({ name: 'RetryableError', code: 'git-locked' })
})

test('a worktree that another git is just making is waited for, and never taken for an answer', async () => {
  const folder = makeRepository(temporaryFolder())
  const halfMade = join(folder, '.git/worktrees/other')
  write(halfMade, { gitdir: '/nonexistent/.git\n', HEAD: 'ref: refs/heads/other\n', commondir: '' })
  const later = setTimeout(() => rmSync(halfMade, { recursive: true }), 60)
  expect(await git(['worktree', 'list', '--porcelain'], { cwd: folder })).toMatchObject({ exitCode: 0 })
  clearTimeout(later)
  write(halfMade, { gitdir: '/nonexistent/.git\n', HEAD: 'ref: refs/heads/other\n', commondir: '' })
  await expect(git(['worktree', 'list'], { cwd: folder, allow: [0, 128] })).rejects.toMatchObject({ code: 'git-locked' })
})

test('a git that takes too long is ended and may be tried again', async () => {
  const folder = makeRepository(temporaryFolder())
  await expect(git(['-c', 'alias.wait=!sleep 60', 'wait'], { cwd: folder, timeout: 200 })).rejects.toMatchObject({
    name: 'RetryableError',
    code: 'git-timeout',
  })
})

test('a git that is aborted says so', async () => {
  const folder = makeRepository(temporaryFolder())
  const signal = AbortSignal.timeout(100)
  await expect(git(['-c', 'alias.wait=!sleep 60', 'wait'], { cwd: folder, signal })).rejects.toMatchObject({ code: 'git-aborted' })
})

test('a folder that is not there and too much output have codes of their own', async () => {
  const folder = makeRepository(temporaryFolder(), { big: 'x'.repeat(10_000) })
  await expect(git(['status'], { cwd: join(folder, 'nonesuch') })).rejects.toMatchObject({ code: 'git-folder-missing' })
  await expect(git(['show', 'HEAD:big'], { cwd: folder, limit: 1_000 })).rejects.toMatchObject({ code: 'git-output-too-large' })
})

test('nothing is asked at a terminal: a remote that wants a password fails', async () => {
  const folder = makeRepository(temporaryFolder())
  const { stdout } = await git(['-c', 'alias.show-prompt=!printf %s "$GIT_TERMINAL_PROMPT"', 'show-prompt'], { cwd: folder })
  expect(stdout).toBe('0')
})

test('the identity is the configured one, for author and committer each', async () => {
  const folder = makeRepository(temporaryFolder())
  run(folder, 'config', 'user.name', 'Grace Hopper')
  run(folder, 'config', 'user.email', 'grace@example.com')
  run(folder, 'config', 'committer.email', 'bot@example.com')
  await within(none, async () => {
    expect(await gitIdentity(folder)).toEqual({
      GIT_AUTHOR_NAME: 'Grace Hopper',
      GIT_AUTHOR_EMAIL: 'grace@example.com',
      GIT_COMMITTER_NAME: 'Grace Hopper',
      GIT_COMMITTER_EMAIL: 'bot@example.com',
    })
    expect(await missingGitIdentity(folder)).toEqual({})
  })
})

test('what the configuration does not say is Signalbox', async () => {
  const folder = makeRepository(temporaryFolder())
  await within(none, async () => {
    expect(await missingGitIdentity(folder)).toEqual({
      GIT_AUTHOR_NAME: 'Signalbox',
      GIT_AUTHOR_EMAIL: 'signalbox@localhost',
      GIT_COMMITTER_NAME: 'Signalbox',
      GIT_COMMITTER_EMAIL: 'signalbox@localhost',
    })
    run(folder, 'config', 'user.name', 'Grace Hopper')
    expect(await missingGitIdentity(folder)).toEqual({
      GIT_AUTHOR_EMAIL: 'signalbox@localhost',
      GIT_COMMITTER_EMAIL: 'signalbox@localhost',
    })
    expect(await gitIdentity(folder)).toMatchObject({ GIT_AUTHOR_NAME: 'Grace Hopper', GIT_COMMITTER_EMAIL: 'signalbox@localhost' })
  })
})

test('a server that takes the call and says nothing is given up, to be asked again', async () => {
  const sockets = new Set<{ destroy: () => void }>()
  const server = createServer((socket) => void sockets.add(socket))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  try {
    const begun = performance.now()
    const asked = git(['ls-remote', `http://127.0.0.1:${port}/acme/app.git`], { cwd: temporaryFolder() })
    await expect(asked).rejects.toMatchObject({ name: 'RetryableError', code: 'git-unreachable' })
    expect(performance.now() - begun).toBeLessThan(40_000)
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((done) => server.close(done))
  }
})
