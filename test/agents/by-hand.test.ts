// The command line with which a person takes over: on the real programs, what it lets a branch tell them, run, and write.

import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { byHand, type AgentByHand } from '../../src/actors/agents/by-hand.ts'
import { childEnvironment } from '../../src/actors/process.ts'
import { agentBinaries, type AgentBinaries } from './binaries.ts'
import { branch, createGround, read, type Ground } from './conformance/ground.ts'
import { claudeHome, codexHome } from './homes.ts'
import { guide, instructionsIn, plant, put, skill } from './hostile-branch.ts'
import { createModel, type Model } from './model/server.ts'
import { say } from './model/steps.ts'

let model: Model
let binaries: AgentBinaries
beforeAll(async () => {
  model = await createModel()
  binaries = await agentBinaries()
})
afterAll(() => model.close())

/** A worktree with a hostile branch in it, and an operator who has words of its own. */
function hostileGround(): Ground {
  const place = createGround()
  onTestFinished(place.remove)
  plant(place.worktree, join(place.folder, 'ran'))
  guide(place.folder)
  return place
}

const codex = (): AgentByHand => ({ kind: 'codex', command: `${binaries.codex} app-server`, model: null, sandbox: 'workspace-write' })
const claude = (): AgentByHand => ({ kind: 'claude', command: binaries.claude, model: null, sandbox: 'workspace-write' })

const lineOf = async (agent: AgentByHand, { worktree }: Ground, env: Record<string, string>, thread: string | null = null) =>
  (await byHand(agent, { worktree, branch, network: false, thread }, env)).line

/** What the program prints with these words after the line. */
async function printed(line: string, words: string, { worktree }: Ground, env: Record<string, string>): Promise<string> {
  const run = promisify(execFile)('/bin/sh', ['-c', `${line} ${words} < /dev/null`], { cwd: worktree, env })
  return (await run).stdout
}

test('Codex is told nothing by the branch, and a temporary folder around the worktree is not its to write', async () => {
  const place = hostileGround()
  // As whoever began it left it: a skill whose name is no word of TOML, and a temporary folder that has all worktrees in it.
  put(place.worktree, { '.agents/skills/a "b" \\ \u007f c/SKILL.md': skill('seven', 'BRANCH-17') })
  const env = { ...childEnvironment(), ...codexHome(place.folder, 'http://127.0.0.1:9/v1').env, TMPDIR: place.folder }
  const line = await lineOf(codex(), place, env)
  const seen = await printed(line, 'debug prompt-input "Go on."', place, env)
  expect(seen).toContain('OPERATOR-WORDS')
  expect(instructionsIn(seen)).toEqual([])
  const writable = [...seen.matchAll(/access=\\"write\\"><(?:path|special)>([^<]*)/g)].map(([, path]) => path)
  expect(writable).toContain(place.worktree)
  expect(writable.filter((path) => path !== place.worktree && !path!.startsWith(`${place.clone}/`))).toEqual([])
  expect(readdirSync(place.folder)).not.toContain('ran')
  // A conversation that is gone on with has the same.
  const resumed = await lineOf(codex(), place, env, 'a-thread')
  expect(resumed).toBe(line.replace(`${binaries.codex} `, `${binaries.codex} 'resume' 'a-thread' `))
})

test('Codex has a temporary folder of the person’s that is beside the worktree', async () => {
  const place = hostileGround()
  const temporary = join(place.folder, 'temporary')
  mkdirSync(temporary)
  const env = { ...childEnvironment(), ...codexHome(place.folder, 'http://127.0.0.1:9/v1').env, TMPDIR: temporary }
  const seen = await printed(await lineOf(codex(), place, env), 'debug prompt-input "Go on."', place, env)
  expect(seen).toContain('<special>:tmpdir')
})

test('Claude is told nothing by the branch, whose servers are not started, also where the operator takes those of all projects', async () => {
  const place = hostileGround()
  const { name, messagesUrl, requests } = model.scenario('by-hand', [say('So it is.')])
  const { home, env: own } = claudeHome(place.folder, messagesUrl, name)
  const env = { ...childEnvironment(), ...own }
  writeFileSync(join(home, 'settings.json'), JSON.stringify({ enableAllProjectMcpServers: true }))
  const known = JSON.parse(read(home, '.claude.json')) as object
  writeFileSync(join(home, '.claude.json'), JSON.stringify({ ...known, mcpServers: { mine: { command: 'true' } } }))
  const line = await lineOf(claude(), place, env)
  const seen = await printed(line, '--print --verbose --output-format stream-json "Go on."', place, env)
  const messages = seen
    .trim()
    .split('\n')
    .map((message) => JSON.parse(message) as { subtype?: string; mcp_servers?: { name: string }[] })
  expect(messages.find(({ subtype }) => subtype === 'init')!.mcp_servers!.map((server) => server.name)).toEqual(['mine'])
  const [request] = requests()
  expect(JSON.stringify(request!.body)).toContain('OPERATOR-WORDS')
  expect(instructionsIn(JSON.stringify(request!.body))).toEqual([])
  expect(readdirSync(place.folder)).not.toContain('ran')
  const resumed = await lineOf(claude(), place, env, 'a-thread')
  expect(resumed).toBe(line.replace(`${binaries.claude} `, `${binaries.claude} '--resume' 'a-thread' `))
})
