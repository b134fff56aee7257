// doctor with agents that are talked with: the real programs, logged in and out, and programs that are none of them.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Finding } from '../../src/cli/doctor.ts'
import { checkReadiness } from '../../src/cli/doctor-readiness.ts'
import { parseConfig } from '../../src/config.ts'
import { isAlive } from '../actors/repository.ts'
import { agentBinaries, type AgentBinaries } from '../agents/binaries.ts'
import { acpSchema, watchAcp } from '../agents/acp-protocol.ts'
import { codexSchema, watchCodex } from '../agents/codex-protocol.ts'
import { claudeHome, codexHome } from '../agents/homes.ts'
import { createModel, type Model } from '../agents/model/server.ts'
import { createHome, type Home } from './program.ts'

let binaries: AgentBinaries
let model: Model
let home: Home
beforeAll(async () => {
  binaries = await agentBinaries()
  model = await createModel()
})
afterAll(() => model.close())
beforeEach(() => {
  home = createHome()
  const git = (...args: string[]) => execFileSync('git', args, { cwd: home.folder, env: home.variables, stdio: 'pipe' })
  git('init', '--quiet', '--initial-branch=main')
  git('-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit', '--quiet', '--allow-empty', '--message=first')
})
afterEach(() => home.remove())

type Variables = Record<string, string>

const place = (name: string): string => join(home.folder, '..', name)

/** The real programs, each with a home of its own. */
function realAgents(codex: (folder: string) => Variables, claude: (folder: string) => Variables) {
  return {
    codex: { kind: 'codex', command: `${binaries.codex} app-server`, env: codex(place('codex')) },
    claude: { kind: 'claude', command: binaries.claude, env: claude(place('claude')) },
    codexAcp: { kind: 'acp', command: binaries.codexAcp, env: codex(place('codex-acp')) },
    claudeAcp: { kind: 'acp', command: binaries.claudeAgentAcp.join(' '), env: claude(place('claude-acp')) },
  }
}

function loggedOutCodex(folder: string): Variables {
  mkdirSync(join(folder, 'empty'), { recursive: true })
  return { ...codexHome(folder, `${model.url}/v1`).env, CODEX_HOME: join(folder, 'empty') }
}

function loggedOutClaude(folder: string): Variables {
  const { ANTHROPIC_API_KEY: _key, ...env } = claudeHome(folder, model.url).env
  return env
}

/** One project for each of them: what nobody uses would only be warned of. */
const projectsOf = (agents: object) => Object.keys(agents).map((agent) => ({ id: agent, repo: '.', ci: { command: 'true' }, agent }))

/** What the program says of the readiness of each agent. */
async function examine(agents: object): Promise<{ code: number | null; said: Record<string, string> }> {
  home.writeConfig({ agents, projects: projectsOf(agents) })
  const { code, stdout, stderr } = await home.run(['doctor', '--json'])
  expect(stderr).toBe('')
  const { checks } = JSON.parse(stdout) as { checks: Finding[] }
  return { code, said: wordsOf(checks) }
}

const isOfReadiness = ({ check, message }: Finding): boolean =>
  /^agents\.\w+$/.test(check) && !/price|sandbox|cost is not known|namespace/.test(message)
const wordsOf = (findings: Finding[]): Record<string, string> =>
  Object.fromEntries(
    findings
      .filter(isOfReadiness)
      .map(({ check, status, message, remedy }) => [check, `${status} ${message}${remedy === null ? '' : ` → ${remedy}`}`]),
  )

test('agents with a key or a provider of their own pass, and no model is asked', async () => {
  const agents = realAgents(
    (folder) => codexHome(folder, `${model.url}/v1`).env,
    (folder) => claudeHome(folder, model.url).env,
  )
  const { code, said } = await examine(agents)
  expect(said).toEqual({
    'agents.codex': 'PASS Codex 0.169.0, its provider needs no login',
    'agents.claude': 'PASS Claude Code 2.1.330, logged in (ANTHROPIC_API_KEY)',
    'agents.codexAcp': 'PASS Codex 0.16.0, which opens a session',
    'agents.claudeAcp': expect.stringMatching(/^PASS Claude Agent 0\.101\.0, (logged in \(|which does not say)/),
  })
  expect(code).toBe(0)
  expect(model.requests.filter(({ method }) => method === 'POST')).toEqual([])
  expect(readdirSync(home.data).filter((name) => name.startsWith('.'))).toEqual([])
  expect(readdirSync(join(home.data, 'processes'))).toEqual([])
}, 180_000)

test('agents that nobody has logged in fail, and it is said how that is done', async () => {
  const { claudeAcp: _later, ...agents } = realAgents(loggedOutCodex, loggedOutClaude)
  const { code, said } = await examine(agents)
  expect(said).toEqual({
    'agents.codex': expect.stringMatching(/^FAIL Codex is not logged in\. → .*`codex login`/),
    'agents.claude': expect.stringMatching(/^FAIL Claude Code is not logged in\. → .*`claude auth login`/),
    'agents.codexAcp': expect.stringMatching(/^FAIL Authentication required\. The agent can be let in by: .*chatgpt.* → Log in/),
  })
  expect(code).toBe(3)
}, 180_000)

test('an agent that opens a session logged out, but says that it is, fails', async () => {
  const agents = { mine: realAgents(loggedOutCodex, loggedOutClaude).claudeAcp }
  let [finding] = await look(agents, 60_000)
  // It gives itself five seconds to find out and says nothing when that was not enough, as on a busy machine.
  while (finding!.message.includes('does not say')) [finding] = await look(agents, 60_000)
  expect(wordsOf([finding!])).toEqual({
    'agents.mine': expect.stringMatching(/^FAIL Claude Agent 0\.101\.0 is not logged in\. → Log in/),
  })
}, 180_000)

test('what is said for it is as the schemas of the programs say', async () => {
  const codex = codexSchema(binaries.codex)
  const acp = acpSchema(binaries)
  const toCodex = watchCodex(codex)
  const toAcp = watchAcp(acp)
  try {
    const { codex: one, codexAcp: other } = realAgents(loggedOutCodex, loggedOutClaude)
    await look({ one, other }, 60_000)
    expect([...toCodex.problems, ...toAcp.problems]).toEqual([])
    expect(toCodex.seen()).toBeGreaterThan(3)
    expect(toAcp.seen).toContain('us session/new Request')
  } finally {
    toCodex.stop()
    toAcp.stop()
    codex.remove()
  }
}, 180_000)

/** In this process, so that a test need not wait as long as a person would. */
function look(agents: object, deadline: number, projects: object[] = projectsOf(agents)): Promise<Finding[]> {
  const file = home.writeConfig({ agents, projects })
  return checkReadiness(parseConfig(readFileSync(file, 'utf8'), file), deadline)
}

test.each(['codex', 'claude', 'acp'])('a program that never answers is ended at the deadline (%s)', async (kind) => {
  const pids = join(home.folder, 'pids')
  const command = `echo $$ >> ${pids}; (sleep 600 & echo $! >> ${pids}; wait) #`
  const [finding] = await look({ mine: { kind, command, namespace: false } }, 1_500)
  expect(finding).toMatchObject({ status: 'FAIL', check: 'agents.mine', message: 'The agent did not answer within 2 s and was ended.' })
  expect(finding!.remedy).toContain('by hand')
  const started = readFileSync(pids, 'utf8').trim().split('\n').map(Number)
  expect(started).toHaveLength(2)
  expect(started.filter(isAlive)).toEqual([])
  expect(readdirSync(join(home.data, 'processes'))).toEqual([])
})

test.each([
  ['floods rubbish', 'codex', 'yes rubbish #', /wrote nothing that its protocol allows/],
  [
    'says something else',
    'claude',
    "echo 'Welcome!'; echo 'no such option' >&2; exit 3 #",
    /before its turn began \(exit code 3\).*no such option/,
  ],
  ['does not exist', 'codex', '/nonexistent/codex app-server', /could not be run \(exit code 127\)/],
  ['speaks another version', 'acp', `read hello; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":2}}'; cat`, /speaks version 2/],
  [
    'speaks another protocol',
    'codex',
    `read hello; echo '{"id":1,"result":{}}'; read initialized; read account; echo '{"id":2,"result":{}}'; cat`,
    /answer to 'account\/read' is not valid/,
  ],
] as const)('a program that %s fails in one line (%s)', async (_, kind, command, message) => {
  const [finding] = await look({ mine: { kind, command } }, 20_000)
  expect(finding).toMatchObject({ status: 'FAIL', check: 'agents.mine', message: expect.stringMatching(message) })
  expect(finding!.message).not.toContain('\n')
  expect(finding!.message.length).toBeLessThanOrEqual(500)
})

test('an agent that no project uses is only warned of, and a program of the repository is not started', async () => {
  const file = join(home.folder, 'started')
  const agents = {
    mine: { kind: 'command', command: 'true' },
    spare: { kind: 'codex', command: 'exit 3' },
    own: { kind: 'acp', command: `./agent.sh; touch ${file}` },
  }
  writeFileSync(join(home.folder, 'agent.sh'), '#!/bin/sh\n', { mode: 0o755 })
  const findings = await look(agents, 20_000, [{ id: 'app', repo: '.', agent: 'mine' }])
  expect(findings.map(({ status, check }) => `${status} ${check}`)).toEqual(['WARN agents.spare', 'PASS agents.own'])
  expect(existsSync(file)).toBe(false)
})
