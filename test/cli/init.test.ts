// init: what it finds out on real repositories, what it writes, and what it refuses without leaving anything behind.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseConfig, readEnvironment } from '../../src/config.ts'
import { discoverTests } from '../../src/cli/toolchain.ts'
import { createHome, type Home } from './program.ts'

let home: Home
beforeEach(() => {
  home = createHome('мой проект & more')
})
afterEach(() => home.remove())

const name = 'signalbox.config.json'
const agent = ['--agent-command', './agent.sh --fast']

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=A', '-c', 'user.email=a@example.com', '-c', 'commit.gpgsign=false']
  return execFileSync('git', [...identity, ...args], { cwd: home.folder, env: home.variables, encoding: 'utf8', stdio: 'pipe' })
}

function makeRepository(files: Record<string, string> = { Makefile: 'test:\n\ttrue\n' }, branch = 'main'): void {
  git('init', '--quiet', `--initial-branch=${branch}`)
  for (const [path, content] of Object.entries(files)) writeFileSync(join(home.folder, path), content)
  git('add', '--all')
  git('commit', '--quiet', '--message=first')
}

function written() {
  const file = join(home.folder, name)
  return parseConfig(readFileSync(file, 'utf8'), file, readEnvironment(home.variables))
}

describe('in a repository with tests', () => {
  test('it asks nothing that it can find out, and what it writes is a configuration', async () => {
    makeRepository()
    const { code, stdout } = await home.run(['init', ...agent])
    expect(code).toBe(0)
    expect(stdout).toContain('signalbox doctor')
    const config = written()
    expect(config.projects[0]).toMatchObject({ repo: home.folder, baseBranch: 'main', agent: 'agent', ci: { command: 'make test' } })
    expect(config.agents['agent']).toMatchObject({ kind: 'command', command: './agent.sh --fast' })
  })

  test('the token lies outside, for this user alone', async () => {
    makeRepository()
    const { stdout } = await home.run(['init', ...agent, '--json'])
    const { tokenFile, written: isWritten } = JSON.parse(stdout) as { tokenFile: string; written: boolean }
    expect(isWritten).toBe(true)
    expect(tokenFile.startsWith(home.folder)).toBe(false)
    expect(statSync(tokenFile).mode & 0o777).toBe(0o600)
    expect(statSync(join(tokenFile, '..')).mode & 0o777).toBe(0o700)
    const token = written().server.operatorToken!.reveal()
    expect(token.length).toBeGreaterThanOrEqual(43)
    expect(readFileSync(join(home.folder, name), 'utf8')).not.toContain(token)
  })

  test('a file that is there is kept, unless forced; the token stays the same', async () => {
    makeRepository()
    writeFileSync(join(home.folder, name), '// mine\n{}')
    const kept = await home.run(['init', ...agent])
    expect(kept.stdout).toContain('exists and is kept')
    expect(kept.code).toBe(0)
    expect(readFileSync(join(home.folder, name), 'utf8')).toBe('// mine\n{}')
    expect((await home.run(['init', ...agent, '--force'])).code).toBe(0)
    const token = written().server.operatorToken!.reveal()
    expect((await home.run(['init', ...agent, '--force', '--ci-command', ''])).code).toBe(0)
    expect(written().server.operatorToken!.reveal()).toBe(token)
    expect(written().projects[0]!.ci).toBeNull()
  })

  test('in a folder of the repository it points at the top', async () => {
    makeRepository()
    mkdirSync(join(home.folder, 'deep/er'), { recursive: true })
    expect((await home.run(['init', 'deep/er', ...agent])).code).toBe(0)
    const file = join(home.folder, 'deep/er', name)
    expect(parseConfig(readFileSync(file, 'utf8'), file, readEnvironment(home.variables)).projects[0]!.repo).toBe(home.folder)
  })

  test('a bare repository works as well', async () => {
    makeRepository()
    git('clone', '--quiet', '--bare', '.', 'bare.git')
    expect((await home.run(['init', 'bare.git', ...agent, '--ci-command', 'true'])).code).toBe(0)
  })

  test('text with quotes and dollars comes through', async () => {
    makeRepository()
    const command = `say "it's" $HOME \\ back`
    await home.run(['init', '--agent-command', command, '--ci-command', '$CI'])
    expect(written().agents['agent']!.command).toBe(command)
    expect(written().projects[0]!.ci!.command).toBe('$CI')
  })
})

describe('the base branch', () => {
  test('is the one that is checked out, whatever its name and whatever others there are', async () => {
    makeRepository(undefined, 'größe/develop')
    git('branch', 'main')
    await home.run(['init', ...agent])
    expect(written().projects[0]!.baseBranch).toBe('größe/develop')
  })

  test('is the one that was named, also when HEAD is detached', async () => {
    makeRepository()
    git('branch', 'release')
    git('checkout', '--quiet', '--detach')
    expect((await home.run(['init', ...agent, '--base', 'release'])).code).toBe(0)
    expect(written().projects[0]!.baseBranch).toBe('release')
  })

  test.each([
    ['one that does not exist is refused with the nearest', [], ['--base', 'mian'], /--base: .* has no branch mian\. Did you mean main\?/],
    [
      'one that is only at the remote is refused with the command that makes it',
      [['update-ref', 'refs/remotes/origin/develop', 'HEAD']],
      ['--base', 'develop'],
      /--base: .*git branch develop origin\/develop/,
    ],
    [
      'a detached HEAD names the flag and the branches',
      [
        ['branch', 'other'],
        ['checkout', '--quiet', '--detach'],
      ],
      [],
      /--base is missing: HEAD of .* names no branch\. Set --base to one of: main, other/,
    ],
    [
      'a branch without a commit names the flag and the branches',
      [['checkout', '--quiet', '--orphan', 'unborn']],
      [],
      /--base is missing: .*unborn, which has no commit yet.*--base to one of: main/,
    ],
  ])('%s', async (_, commands, flags, sentence) => {
    makeRepository()
    for (const command of commands) git(...command)
    const { code, stdout, stderr } = await home.run(['init', ...agent, ...flags])
    expect(stderr).toMatch(sentence)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(existsSync(join(home.folder, name))).toBe(false)
  })
})

describe('what it refuses, leaving nothing behind', () => {
  afterEach(() => {
    for (const path of [join(home.folder, name), join(home.variables['HOME']!, '.local')]) {
      if (existsSync(path)) throw new Error(`${path} was left behind`)
    }
  })

  test('a folder that is not there', async () => {
    const { code, stderr } = await home.run(['init', 'nowhere', ...agent])
    expect(stderr).toContain('nowhere does not exist')
    expect(code).toBe(1)
  })

  test('no repository', async () => {
    const { code, stderr } = await home.run(['init', ...agent])
    expect(stderr).toContain('is not a git repository')
    expect(stderr).toContain('git init')
    expect(code).toBe(1)
  })

  test('an empty repository', async () => {
    git('init', '--quiet')
    const { code, stderr } = await home.run(['init', ...agent])
    expect(stderr).toMatch(/has no commits\. Make a first one/)
    expect(code).toBe(1)
  })

  test('without a terminal a missing answer names its flag', async () => {
    makeRepository({ 'README.md': '' })
    for (const yes of [[], ['--yes']]) {
      const { code, stderr } = await home.run(['init', ...yes])
      expect(stderr).toContain('--agent-command C')
      expect(stderr).toContain('--ci-command C')
      expect(code).toBe(2)
    }
    expect((await home.run(['init', '--agent-command', ''])).stderr).toContain('--agent-command is empty')
  })
})

test('a shallow clone and submodules are told', async () => {
  makeRepository()
  git('commit', '--quiet', '--allow-empty', '--message=second')
  writeFileSync(join(home.folder, '.gitmodules'), '')
  git('add', '--all')
  git('commit', '--quiet', '--message=third')
  git('clone', '--quiet', '--depth=1', `file://${home.folder}`, 'shallow')
  const { code, stderr } = await home.run(['init', 'shallow', ...agent])
  expect(stderr).toContain('shallow clone')
  expect(stderr).toContain('submodules')
  expect(code).toBe(0)
})

describe('how a project runs its tests', () => {
  const cases: [Record<string, string>, string | null][] = [
    [{}, null],
    [{ 'package.json': '{ "scripts": { "test": "node --test" } }' }, 'npm test'],
    [
      { 'package.json': '{ "scripts": { "test": "x" }, "devDependencies": { "a": "1" } }', 'package-lock.json': '{}' },
      'npm ci && npm test',
    ],
    [{ 'package.json': '{ "scripts": { "test": "x" }, "dependencies": { "a": "1" } }' }, 'npm install --no-save && npm test'],
    [
      { 'package.json': '{ "scripts": { "test": "x" }, "dependencies": { "a": "1" } }', 'pnpm-lock.yaml': '' },
      'pnpm install --frozen-lockfile && pnpm test',
    ],
    [{ 'package.json': '{ "scripts": { "test": "echo \\"Error: no test specified\\" && exit 1" } }' }, null],
    [{ 'package.json': 'not json', 'Cargo.toml': '' }, 'cargo test'],
    [{ 'package.json': '[]' }, null],
    [{ Makefile: 'all:\n\ttrue\ntest: all\n' }, 'make test'],
    [{ Makefile: 'all:\n\ttrue\n' }, null],
    [{ 'go.mod': '' }, 'go test ./...'],
    [{ 'pyproject.toml': '[tool.pytest.ini_options]\n' }, 'python3 -m pytest'],
  ]
  test.each(cases)('%j gives %j', (files, expected) => {
    for (const [path, content] of Object.entries(files)) writeFileSync(join(home.folder, path), content)
    expect(discoverTests(home.folder)).toBe(expected)
    expect(readdirSync(home.folder).sort()).toEqual(Object.keys(files).sort())
  })
})
