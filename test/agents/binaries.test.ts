// The install of the real agents from nothing; most of it with an npm of our own, which is a script, since the real one brings 1.4 GB.

import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../actors/repository.ts'
import { agentBinaries, installAgents, npmEnvironment } from './binaries.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

/** A folder to install from, a cache, and an npm that takes a moment, notes that it ran, and makes what `brings` names. */
function world(brings = ['codex', 'claude', 'codexAcp', 'claudeAgentAcp']) {
  const folder = temporaryFolder()
  const from = join(folder, 'from')
  mkdirSync(from)
  writeFileSync(join(from, 'package.json'), '{}')
  writeFileSync(join(from, 'package-lock.json'), '{"one":1}')
  const paths: Record<string, string> = {
    codex: '@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex',
    claude: '@anthropic-ai/claude-code-linux-x64/claude',
    codexAcp: '@zed-industries/codex-acp-linux-x64/bin/codex-acp',
    claudeAgentAcp: '@agentclientprotocol/claude-agent-acp/dist/index.js',
  }
  const npm = join(folder, 'npm')
  const making = brings.map((name) => `mkdir -p "$(dirname "node_modules/${paths[name]}")"; echo binary > "node_modules/${paths[name]}"`)
  const script = (lines: string[]): void => {
    writeFileSync(npm, ['#!/bin/sh', `echo "$@" >> '${folder}/runs'`, ...lines].join('\n'))
    chmodSync(npm, 0o755)
  }
  script(['sleep 0.2', ...making])
  const runs = (): number => (existsSync(join(folder, 'runs')) ? readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n').length : 0)
  return { folder, from, cache: join(folder, 'cache'), npm, script, making, runs }
}

test('what is not there is installed once, whoever asks at the same time, and is there the next time', async () => {
  const { from, cache, npm, runs } = world()
  const [one, other] = await Promise.all([installAgents({ from, cache, npm }), installAgents({ from, cache, npm })])
  expect(other).toEqual(one)
  expect(readFileSync(one.codex, 'utf8')).toBe('binary\n')
  expect(one.claudeAgentAcp[0]).toBe(process.execPath)
  await installAgents({ from, cache, npm })
  expect(runs()).toBe(1)
})

test('processes wait for one another', async () => {
  const { from, cache, npm, runs } = world()
  const program = `import { installAgents } from './test/agents/binaries.ts'
    process.stdout.write((await installAgents(${JSON.stringify({ from, cache, npm })})).claude)`
  const answers = await Promise.all(
    [1, 2, 3].map(() => run(process.execPath, ['--input-type=module-typescript', '-e', program], { cwd: root })),
  )
  expect(new Set(answers.map(({ stdout }) => stdout)).size).toBe(1)
  expect(runs()).toBe(1)
})

test('another lockfile is another install, and one that nobody has used for long is removed', async () => {
  const { from, cache, npm, runs } = world()
  const one = await installAgents({ from, cache, npm })
  writeFileSync(join(from, 'package-lock.json'), '{"one":2}')
  const other = await installAgents({ from, cache, npm })
  expect(other.codex).not.toBe(one.codex)
  expect(runs()).toBe(2)
  const folders = (): string[] => readdirSync(cache).filter((name) => !name.startsWith('lock'))
  const [old] = folders().filter((name) => one.codex.includes(name))
  utimesSync(join(cache, old!, 'installed.json'), new Date(0), new Date(0))
  writeFileSync(join(from, 'package-lock.json'), '{"one":3}')
  await installAgents({ from, cache, npm })
  expect(folders()).toHaveLength(2)
  expect(folders()).not.toContain(old)
})

test('an install that was killed, or that lost a part since, is made again', async () => {
  const { from, cache, npm, script, making, runs } = world()
  script([making[0]!, 'kill -9 $$'])
  await expect(installAgents({ from, cache, npm })).rejects.toThrow(/`npm ci` ended with SIGKILL/)
  script(making)
  const { codex, claude } = await installAgents({ from, cache, npm })
  truncateSync(codex, 3)
  await installAgents({ from, cache, npm })
  expect(readFileSync(codex, 'utf8')).toBe('binary\n')
  rmSync(claude)
  await installAgents({ from, cache, npm })
  expect(readFileSync(claude, 'utf8')).toBe('binary\n')
  expect(runs()).toBe(4)
})

test('an owner of the lock that is killed keeps nobody waiting, and what it has left is not taken for an install', async () => {
  const { from, cache, npm, script, making, runs } = world()
  script([making[0]!, 'kill -9 $PPID'])
  const program = `import { installAgents } from './test/agents/binaries.ts'; await installAgents(${JSON.stringify({ from, cache, npm })})`
  await expect(run(process.execPath, ['--input-type=module-typescript', '-e', program], { cwd: root })).rejects.toMatchObject({
    signal: 'SIGKILL',
  })
  expect(readdirSync(cache).some((name) => name.includes('.draft-'))).toBe(true)
  script(making)
  await installAgents({ from, cache, npm })
  expect(readdirSync(cache).some((name) => name.includes('.draft-'))).toBe(false)
  expect(runs()).toBe(2)
})

test('a failed install says what npm said and what to do', async () => {
  const { from, cache, npm, script } = world()
  script(['echo "npm error code ENOTFOUND" >&2', 'exit 1'])
  await expect(installAgents({ from, cache, npm })).rejects.toThrow(
    /ended with 1\. Try `npm ci --ignore-scripts` in agents-e2e[^]*npm error code ENOTFOUND/,
  )
  const lacking = world(['codex', 'claude'])
  await expect(installAgents(lacking)).rejects.toThrow(/has not brought .*codex-acp/)
  await expect(installAgents({ from, cache, npm: '/nonexistent/npm' })).rejects.toThrow(/ENOENT/)
})

test('an npm that does not come to an end is ended with what it has started, and keeps no other from trying', async () => {
  const { folder, from, cache, npm, script, making } = world()
  script([`while :; do date +%s%N > '${folder}/beat'; sleep 0.1; done & wait`])
  await expect(installAgents({ from, cache, npm, timeout: 3_000 })).rejects.toThrow(/`npm ci` ended with SIGKILL after 3 s/)
  const beat = (): string => readFileSync(join(folder, 'beat'), 'utf8')
  const last = beat()
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(beat()).toBe(last)
  script(making)
  expect(readFileSync((await installAgents({ from, cache, npm })).codex, 'utf8')).toBe('binary\n')
})

test('nothing that an outer npm has set for itself reaches the inner one', () => {
  const outer = {
    ...{ PATH: '/bin', HOME: '/h', NPM_CONFIG_REGISTRY: 'a', npm_config_registry: 'b', npm_config_cache: 'c', npm_config_userconfig: 'd' },
    ...{ npm_config_omit: 'optional', npm_config_dry_run: 'true', npm_config_prefix: '/x', npm_config_local_prefix: '/x' },
    ...{
      npm_lifecycle_event: 'test',
      npm_package_json: '/x/package.json',
      npm_command: 'test',
      INIT_CWD: '/x',
      NODE_OPTIONS: '--x',
      VITEST: '1',
    },
  }
  expect(Object.keys(npmEnvironment(outer))).toEqual([
    'PATH',
    'HOME',
    'NPM_CONFIG_REGISTRY',
    'npm_config_registry',
    'npm_config_cache',
    'npm_config_userconfig',
  ])
})

test('the pins are exact and the lockfile names no registry and every platform', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'agents-e2e/package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const text = readFileSync(join(root, 'agents-e2e/package-lock.json'), 'utf8')
  const { packages } = JSON.parse(text) as { packages: Record<string, { optionalDependencies?: Record<string, string> }> }
  expect(Object.values(dependencies).filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  expect(text).not.toMatch(/"resolved"|https?:\/\/(?!opencollective\.com|github\.com)[^"]*registry/)
  for (const { optionalDependencies = {} } of Object.values(packages)) {
    for (const name of Object.keys(optionalDependencies)) expect(packages).toHaveProperty([`node_modules/${name}`])
  }
})

// By the real npm, and, with SIGNALBOX_NIGHTLY, from nothing instead of from what another test has installed already.
test('the real programs are brought by npm and run', { timeout: 600_000 }, async () => {
  const binaries = process.env['SIGNALBOX_NIGHTLY'] ? await installAgents({ cache: temporaryFolder() }) : await agentBinaries()
  const version = async (program: string, ...args: string[]): Promise<string> => (await run(program, args)).stdout.trim()
  expect(await version(binaries.codex, '--version')).toBe('codex-cli 0.169.0')
  expect(await version(binaries.claude, '--version')).toBe('2.1.330 (Claude Code)')
  expect(await version(binaries.codexAcp, '--help')).toContain('codex-acp')
  expect(existsSync(binaries.claudeAgentAcp[1]!)).toBe(true)
})
