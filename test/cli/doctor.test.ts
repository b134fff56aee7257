// doctor on real machines: what passes, what it finds, and that it says what to do.

import { bashSandbox } from '../../src/actors/agents/claude/sandbox.ts'
import { ownCgroup } from '../../src/actors/process/cgroup.ts'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Finding } from '../../src/cli/doctor.ts'
import { networkFileSystem } from '../../src/cli/doctor-machine.ts'
import { firstWord } from '../../src/cli/doctor-projects.ts'
import { openDatabase } from '../../src/persistence/database.ts'
import { takeOwnership } from '../../src/persistence/ownership.ts'
import { createHome, type Home } from './program.ts'

let home: Home
beforeEach(() => {
  home = createHome()
  git('init', '--quiet', '--initial-branch=main')
  writeFileSync(join(home.folder, 'agent.sh'), '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(join(home.folder, 'plain.sh'), '#!/bin/sh\n', { mode: 0o644 })
  git('add', '--all')
  git('commit', '--quiet', '--message=first')
})
afterEach(() => home.remove())

function git(...args: string[]): void {
  execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.com', ...args], {
    cwd: home.folder,
    env: home.variables,
    stdio: 'pipe',
  })
}

const ci = { command: 'true' }

async function examine(more: object = {}): Promise<{ code: number | null; checks: Finding[] }> {
  home.writeConfig({ projects: [{ id: 'app', repo: '.', ci }], ...more })
  const { code, stdout, stderr } = await home.run(['doctor', '--json'])
  expect(stderr).toBe('')
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Finding[] }
  expect(ok).toBe(checks.every(({ status }) => status !== 'FAIL'))
  expect(code).toBe(ok ? 0 : 3)
  for (const { status, remedy } of checks) expect(remedy === null).toBe(status === 'PASS')
  return { code, checks }
}

const found = (checks: Finding[], status: Finding['status']): string[] =>
  checks.filter((one) => one.status === status).map(({ check, message }) => `${check}: ${message}`)

test('a machine on which all is well', async () => {
  const { checks } = await examine()
  expect(found(checks, 'FAIL')).toEqual([])
  for (const check of [
    'configuration',
    'secrets',
    'disk',
    'database',
    'server',
    'clock',
    'git',
    'project app',
    'agents.mine.command',
    'projects[0].ci.command',
  ]) {
    expect(checks.map((one) => one.check)).toContain(check)
  }
  expect(readdirSync(home.data).filter((name) => name.startsWith('.'))).toEqual([])
})

test('for people each line has its remedy', async () => {
  home.writeConfig({ agents: { mine: { kind: 'command', command: 'no-such-agent' } } })
  const { code, stdout } = await home.run(['doctor'])
  expect(stdout).toMatch(/^PASS {2}configuration: /m)
  expect(stdout).toMatch(/^FAIL {2}agents\.mine\.command: no-such-agent is not found[^\n]*\n {6}→ Install no-such-agent/m)
  expect(stdout).toMatch(/^WARN {2}project app: it declares no checks/m)
  expect(stdout).toContain('1 of ')
  expect(code).toBe(3)
})

test('a configuration that cannot be read is a FAIL, and wrong use', async () => {
  home.writeConfig({ servr: {} })
  const { code, stdout } = await home.run(['doctor', '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, checks: [{ status: 'FAIL', check: 'configuration' }] })
  expect(stdout).toContain('did you mean')
  expect(code).toBe(2)
})

describe('what it finds', () => {
  test('agents that nothing keeps to their worktrees', async () => {
    const { checks } = await examine({ agents: { mine: { kind: 'codex', command: 'true', sandbox: 'danger-full-access' } } })
    expect(found(checks, 'WARN')).toContainEqual(expect.stringContaining('agents.mine: it may write everything that this user may'))
    const acp = await examine({ agents: { mine: { kind: 'acp', command: 'true' } } })
    expect(found(acp.checks, 'WARN')).toContainEqual(expect.stringContaining('the protocol has no words for a sandbox'))
    const codex = await examine({ agents: { mine: { kind: 'codex', command: 'true' } } })
    expect(found(codex.checks, 'WARN').filter((line) => /sandbox|namespace|may write/.test(line))).toEqual([])
  })

  test('codex-acp without the program that it runs its commands with', async () => {
    const folder = join(home.folder, 'programs-of-zed')
    mkdirSync(folder)
    const agents = { zed: { kind: 'acp', command: 'codex-acp -c sandbox_mode=$SIGNALBOX_SANDBOX', env: { PATH: folder } } }
    const said = 'agents.zed: codex-acp runs its commands with bwrap, which is not found: each of them would fail'
    expect(found((await examine({ agents })).checks, 'WARN')).toContainEqual(expect.stringContaining(said))
    writeFileSync(join(folder, 'bwrap'), '')
    expect(found((await examine({ agents })).checks, 'WARN').join()).not.toContain('bwrap')
  })

  test.runIf(process.platform === 'linux')('whether the commands of Claude Code are sandboxed, and what to install where not', async () => {
    const claude = { kind: 'claude', command: 'true' }
    const programs = join(home.folder, 'programs')
    mkdirSync(programs)
    const without = await examine({ agents: { mine: { ...claude, env: { PATH: programs } } } })
    expect(found(without.checks, 'WARN')).toContainEqual(
      expect.stringContaining('agents.mine: its commands are not sandboxed here: bwrap and socat'),
    )
    expect(without.checks.map(({ remedy }) => remedy)).toContainEqual(expect.stringContaining('Install bubblewrap and socat'))
    const here = await examine({ agents: { mine: claude } })
    const { sandboxed } = await bashSandbox(home.variables)
    expect(found(here.checks, 'PASS').includes('agents.mine: its commands run in a sandbox of its own')).toBe(sandboxed)
  })

  test('who counts what a turn uses', async () => {
    const bounds = found((await examine({})).checks, 'PASS').filter((line) => line.startsWith('bounds: '))
    expect(bounds).toEqual([
      expect.stringContaining(ownCgroup() === null ? 'no cgroup (v2) can be made from here' : `a cgroup in ${ownCgroup()!.folder}`),
    ])
  })

  test('secrets that cannot be read, are open to others, short or missing', async () => {
    const file = join(home.data, 'operator-token')
    const token = { port: 1, operatorToken: `file:${file}` }
    expect(found((await examine({ server: { ...token, operatorToken: '$NOPE' } })).checks, 'FAIL')[0]).toContain(
      'server.operatorToken: cannot read "$NOPE"',
    )
    expect(found((await examine({ server: { port: 1 } })).checks, 'FAIL')[0]).toContain('server.operatorToken is missing')
    chmodSync(file, 0o644)
    expect(found((await examine({ server: token })).checks, 'WARN')[0]).toContain('may be read by other users (mode 644)')
    expect(found((await examine({ server: { port: 1, operatorToken: 'short' } })).checks, 'WARN')[0]).toContain('has only 5 characters')
  })

  test('an address to notify that is none', async () => {
    const file = join(home.folder, 'hook')
    writeFileSync(file, 'hooks.example.com/x', { mode: 0o600 })
    expect(found((await examine({ notify: { url: `file:${file}` } })).checks, 'FAIL')).toContainEqual(
      expect.stringContaining('notify.url is no address that begins with http:// or https://.'),
    )
  })

  test('a configuration that others may change', async () => {
    chmodSync(home.writeConfig(), 0o666)
    expect(found((await examine()).checks, 'WARN').join()).toContain('other users may change')
  })

  test('a database that is none, and one that another process owns (edge 356)', async () => {
    mkdirSync(home.data, { recursive: true, mode: 0o700 })
    writeFileSync(join(home.data, 'signalbox.db'), 'garbage '.repeat(1_000))
    expect(found((await examine()).checks, 'FAIL')[0]).toContain('database: ')
    writeFileSync(join(home.data, 'file'), '')
    const through = { store: { path: join(home.data, 'file/signalbox.db') } }
    expect(found((await examine(through)).checks, 'FAIL').join()).toMatch(/database: Cannot write to the data folder .*set store\.path/)
    writeFileSync(join(home.data, 'signalbox.db'), '')
    openDatabase(join(home.data, 'signalbox.db')).close()
    const ownership = takeOwnership(join(home.data, 'signalbox.db'))
    try {
      const { checks } = await examine()
      expect(found(checks, 'WARN').join()).toContain('a live process owns')
      expect(found(checks, 'PASS').join()).toContain('signalbox.db opens')
    } finally {
      ownership.release()
    }
  })

  test('another program on the port', async () => {
    const socket = createServer((connection) => connection.end('SSH-2.0\r\n'))
    socket.listen(0, '127.0.0.1')
    await once(socket, 'listening')
    try {
      const { checks } = await examine({ server: { port: (socket.address() as AddressInfo).port, operatorToken: 'x'.repeat(40) } })
      expect(found(checks, 'FAIL').join()).toContain('another program answers at 127.0.0.1:')
    } finally {
      socket.close()
    }
  })

  test('a clock that was set back', async () => {
    mkdirSync(home.data, { recursive: true, mode: 0o700 })
    openDatabase(join(home.data, 'signalbox.db')).close()
    const future = Date.now() / 1_000 + 86_400
    utimesSync(join(home.data, 'signalbox.db'), future, future)
    expect(found((await examine()).checks, 'FAIL').join()).toMatch(/clock: the database was written 14\d\d minutes in the future/)
  })

  const projects: [string, object, string][] = [
    ['no repository', { repo: 'nowhere' }, 'nowhere is not a folder'],
    ['a folder that is none', { repo: '../home' }, 'is not a git repository'],
    ['a base branch that is missing', { repo: '.', baseBranch: 'trunk' }, 'has no branch trunk'],
    ['an address that does not answer', { repo: 'file:///no/such/repository.git' }, 'project app: '],
  ]
  test.each(projects)('%s', async (_, project, message) => {
    expect(found((await examine({ projects: [{ id: 'app', ci, ...project }] })).checks, 'FAIL').join()).toContain(message)
  })

  test('an empty repository', async () => {
    execFileSync('git', ['init', '--quiet', 'empty'], { cwd: home.folder, env: home.variables })
    expect(found((await examine({ projects: [{ id: 'app', repo: 'empty', ci }] })).checks, 'FAIL').join()).toContain(
      'has no commits. Make a first one',
    )
  })

  test('a detached HEAD', async () => {
    git('checkout', '--quiet', '--detach')
    expect(found((await examine()).checks, 'FAIL').join()).toMatch(/HEAD of .* names no branch\. Set baseBranch to one of: main/)
    const configured = await examine({ projects: [{ id: 'app', repo: '.', baseBranch: 'main', ci }] })
    expect(found(configured.checks, 'FAIL')).toEqual([])
  })

  test('commands that are not there, cannot be run, or cannot be read', async () => {
    const commands: [string, Finding['status'], string][] = [
      ['no-such-program --flag', 'FAIL', 'no-such-program is not found'],
      ['NAME=value exec no-such-other', 'FAIL', 'no-such-other is not found'],
      ['/no/such/program', 'FAIL', '/no/such/program is not found'],
      ['./agent.sh --flag', 'PASS', './agent.sh is in'],
      ['./plain.sh', 'FAIL', 'but not executable'],
      ['./missing.sh', 'FAIL', './missing.sh is not committed'],
      ['if true', 'FAIL', 'the shell cannot read it'],
      ['$SHELL -c true', 'PASS', 'not looked up'],
      ['cd . && true', 'PASS', 'cd'],
    ]
    const { checks } = await examine({
      agents: Object.fromEntries(commands.map(([command], index) => [`a${index}`, { kind: 'command', command }])),
      projects: commands.map((_, index) => ({ id: `p${index}`, repo: '.', ci, agent: `a${index}` })),
    })
    commands.forEach(([command, status, message], index) => {
      const finding = checks.find(({ check }) => check === `agents.a${index}.command`)
      expect([command, finding?.status]).toEqual([command, status])
      expect(finding?.message).toContain(message)
    })
  })

  test('instructions for every run that are not there', async () => {
    const project = { id: 'app', repo: '.', ci, prompts: { extra: 'more.md' } }
    expect(found((await examine({ projects: [project] })).checks, 'FAIL').join()).toMatch(/projects\[0\]\.prompts\.extra: .*more\.md/)
    writeFileSync(join(home.folder, 'more.md'), 'Use tabs.\n')
    expect(found((await examine({ projects: [project] })).checks, 'FAIL')).toEqual([])
  })

  test('what is not committed and only lies there is told so', async () => {
    writeFileSync(join(home.folder, 'new.sh'), '', { mode: 0o755 })
    const { checks } = await examine({ agents: { mine: { kind: 'command', command: './new.sh' } } })
    expect(found(checks, 'FAIL').join()).toContain('only in its working files')
  })
})

test.each([
  [0x6969, { name: 'NFS', certain: true }],
  [0xff534d42 | 0, { name: 'CIFS', certain: true }],
  [0x65735546, { name: 'FUSE', certain: false }],
  [0xef53, undefined],
])('file system type %i', (type, expected) => {
  expect(networkFileSystem(type)).toEqual(expected)
})

test.each([
  ['npm test', 'npm'],
  ['A=1 B=2 npm test', 'npm'],
  ['exec ./x', './x'],
  ['true; false', 'true'],
  ['"quoted program"', null],
  ['(a)', null],
  ['$X', null],
  ['~/x', null],
  ['', null],
])('the first word of %j is %j', (line, word) => {
  expect(firstWord(line)).toBe(word)
})
