// What a branch has for agents to read by themselves does not reach the agent that works on it: on the real programs, by their requests.

import { appendFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { candidates } from './conformance/candidates.ts'
import { createGround, play } from './conformance/ground.ts'
import { createModel, type Model } from './model/server.ts'
import { answer, shell, tool } from './model/steps.ts'

let model: Model
beforeAll(async () => {
  model = await createModel()
})
afterAll(() => model.close())

const done = answer({ outcome: 'completed', summary: 'Greets.', question: null, prTitle: 'Greet', prBody: 'It greets.' })
const skill = (name: string, mark: string): string => `---\nname: ${name}\ndescription: ${mark}\n---\n${mark}\n`

function put(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

/** `ran`: where the programs of the branch say that they have run. */
function plant(worktree: string, ran: string): void {
  const hooks = { SessionStart: [{ hooks: [{ type: 'command', command: `echo hook >> ${ran}` }] }] }
  const server = { command: 'sh', args: ['-c', `echo server >> ${ran}`] }
  put(worktree, {
    ...{ 'AGENTS.md': 'BRANCH-1', 'AGENTS.override.md': 'BRANCH-2', 'pkg/AGENTS.md': 'BRANCH-3', 'pkg/CLAUDE.md': 'BRANCH-4' },
    ...{ 'CLAUDE.md': 'BRANCH-5 @imported.md', 'imported.md': 'BRANCH-6', 'CLAUDE.local.md': 'BRANCH-7', 'pkg/x.txt': 'x' },
    ...{ '.claude/CLAUDE.md': 'BRANCH-8', '.claude/rules/a.md': 'BRANCH-9', '.claude/skills/one/SKILL.md': skill('one', 'BRANCH-10') },
    ...{ '.claude/agents/two.md': skill('two', 'BRANCH-11'), '.claude/commands/three.md': skill('three', 'BRANCH-12') },
    ...{ '.agents/skills/four/SKILL.md': skill('four', 'BRANCH-13'), '.codex/skills/five/SKILL.md': skill('five', 'BRANCH-14') },
    ...{ 'elsewhere/six/SKILL.md': skill('six', 'BRANCH-15') },
    '.codex/config.toml': `developer_instructions = "BRANCH-16"\n[mcp_servers.x]\ncommand = "sh"\nargs = ["-c", "echo server >> ${ran}"]\n`,
    '.codex/hooks.json': JSON.stringify({ hooks }),
    '.claude/settings.json': JSON.stringify({ hooks, enableAllProjectMcpServers: true }),
    '.mcp.json': JSON.stringify({ mcpServers: { x: server } }),
  })
  symlinkSync('../../elsewhere/six', join(worktree, '.agents/skills/six'))
}

const all = await candidates()
const kinds = all.filter(({ can }) => can.protocol)

describe.each(kinds.map((candidate) => [candidate.kind, candidate] as const))('%s', (kind, candidate) => {
  test('is not instructed by the branch that it works on, and runs none of its programs', async () => {
    const place = createGround()
    onTestFinished(place.remove)
    const ran = join(place.folder, 'ran')
    plant(place.worktree, ran)
    put(place.folder, { 'codex/skills/mine/SKILL.md': skill('mine', 'OPERATOR-SKILL'), 'codex/AGENTS.md': 'OPERATOR-WORDS' })
    put(place.folder, { 'claude/skills/mine/SKILL.md': skill('mine', 'OPERATOR-SKILL'), 'claude/CLAUDE.md': 'OPERATOR-WORDS' })
    const read = kind.startsWith('claude') ? tool('Read', { file_path: join(place.worktree, 'pkg/x.txt') }) : shell('cat pkg/x.txt')
    const first = play(candidate, place, model, [read, shell('cd pkg && cat x.txt'), done])
    const { thread, outcome } = await first.turn.result
    expect(outcome).toBe('completed')
    // What a thread was told when it began is not all that it could be told.
    const second = play(candidate, place, model, [read, done], { thread: thread!, prompt: 'Go on.' })
    expect(await second.turn.result).toMatchObject({ outcome: 'completed', thread })

    const requests = [...first.scenario.requests(), ...second.scenario.requests()].map(({ body }) => JSON.stringify(body))
    expect(requests).toHaveLength(5)
    expect(requests.flatMap((body) => body.match(/BRANCH-\d+/g) ?? [])).toEqual([])
    for (const body of requests) expect(body).toContain('OPERATOR-WORDS')
    if (kind !== 'codex-acp') expect(requests[0]).toContain('OPERATOR-SKILL')
    expect(readdirSync(place.folder)).not.toContain('ran')
    // Nor does the operator's own configuration trust the folder from now on.
    if (kind === 'codex') expect(readFileSync(join(place.folder, 'codex/config.toml'), 'utf8')).not.toContain('trust_level')
    expect(model.problems).toEqual([])
  })
})

test('codex takes nothing of a branch up although its operator trusts the folder', async () => {
  const place = createGround()
  onTestFinished(place.remove)
  plant(place.worktree, join(place.folder, 'ran'))
  const codex = kinds.find(({ kind }) => kind === 'codex')!
  const config = join(place.folder, 'codex/config.toml')
  const played = play(
    {
      ...codex,
      create: (...args) => {
        const agent = codex.create(...args)
        appendFileSync(
          config,
          `[projects."${place.worktree}"]\ntrust_level = "trusted"\n[projects."${place.clone}"]\ntrust_level = "trusted"\n`,
        )
        return agent
      },
    },
    place,
    model,
    [done],
  )
  expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
  expect(JSON.stringify(played.scenario.requests()[0]!.body)).not.toMatch(/BRANCH-\d+/)
  expect(readdirSync(place.folder)).not.toContain('ran')
})
