// Issues through the whole embedded loop with the real agent programs, whose model is scripted: from the submitted issue to the
// landed change, with a failing check, a question, and a server that is killed in the middle.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { agentBinaries, type AgentBinaries } from '../agents/binaries.ts'
import { instructionsIn, plant } from '../agents/hostile-branch.ts'
import { createModel, type Model, type ScenarioHandle } from '../agents/model/server.ts'
import type { ModelRequest } from '../agents/model/request.ts'
import type { Script } from '../agents/model/scenario.ts'
import { always, answer, ask, hang, say, shell, write } from '../agents/model/steps.ts'
import { createWorld, program, until, type World } from './harness.ts'
import { assertSchema, realAgent, wired, type RealAgent } from './real-agents.ts'

const done = answer({
  outcome: 'completed',
  summary: 'Done.',
  question: null,
  prTitle: 'A title of the agent',
  prBody: 'As the agent says.',
})
const commit = (message: string) => shell(`git add --all && git commit --quiet --message "${message}" && git log --oneline | head -1`)

/** What the model does in a conversation, by the issue that it is told of and what the turn is for. */
function scriptOf(first: ModelRequest): Script {
  const said = first.said.join('\n')
  const is = (text: string): boolean => said.includes(text)
  if (is('Break the check')) {
    if (is('Failing checks')) return [shell('rm broken.txt'), commit('Mend it'), done]
    // For all programs under all names, those that the base has and those that it has not.
    const guide = shell('for name in AGENTS.md AGENTS.override.md CLAUDE.md; do echo "BRANCH-WORDS in $name" > $name; done')
    return [guide, write('broken.txt', 'broken\n'), commit('Break it'), done]
  }
  if (is('Ask first')) return [ask('Which greeting?', ['Formal', 'Casual']), write('greeting.txt', 'Good day\n'), commit('Greet'), done]
  if (is('Be taken over')) return [write('begun.txt', 'begun\n'), always(afterTheHand)]
  if (is('Be cut off')) return [write('half.txt', 'half\n'), shell('touch cut-off.txt; sleep 600'), always(afterTheCut)]
  return [write('plain.txt', 'plain\n'), commit('Do it'), done]
}

/** Steps in order for each kind, each once. */
function inOrder(steps: Script): (name: string) => Script[number] {
  const next = new Map<string, number>()
  return (name) => {
    const n = next.get(name) ?? 0
    next.set(name, n + 1)
    return steps[n]!
  }
}

const byHand = 'Commit what there is'
const taken = inOrder([commit('Commit by hand'), say('So it is done.')])
const givenBack = inOrder([write('finished.txt', 'finished\n'), commit('Finish what was begun'), done])
/** Hangs until somebody has taken over, and then given it back: what the next run is told comes in the same conversation. */
function afterTheHand({ name, said }: ModelRequest): Script[number] {
  if (said.filter((text) => text.includes('Be taken over')).length > 1) return givenBack(name)
  return said.some((text) => text.includes(byHand)) ? taken(name) : hang()
}

const cutOff = inOrder([write('whole.txt', 'whole\n'), commit('Finish it'), done])
/** The model of one that was cut off hangs until its server is killed; then it goes on in its thread. */
function afterTheCut(request: ModelRequest): Script[number] {
  if (!request.said.join('\n').includes('cut off from outside')) return hang()
  return cutOff(request.name)
}

const withoutSpaces = (text: string): string => text.replace(/\s/g, '')

/** A real terminal (script(1)) with the program in it. */
function openTerminal(world: World, words: string) {
  // It has no size of its own, and a program that draws would draw nothing.
  const line = `stty cols 120 rows 50; exec ${process.execPath} ${program} ${words} --config ${world.config}`
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], {
    cwd: world.folder,
    env: {
      PATH: process.env['PATH']!,
      HOME: join(world.folder, 'home'),
      TERM: 'xterm-256color',
      SHELL: '/bin/sh',
      COLUMNS: '120',
      LINES: '50',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  let printed = ''
  let isOver = false
  child.stdout!.on('data', (chunk: Buffer) => (printed += String(chunk)))
  child.once('exit', () => (isOver = true))
  const screen = (): string => stripVTControlCharacters(printed)
  const press = (keys: string): void => void child.stdin!.write(keys)
  return {
    screen,
    /** Words are put side by side by moving the cursor, not by spaces. */
    shows: (text: string) => withoutSpaces(screen()).includes(withoutSpaces(text)),
    press,
    /** Again and again, `pause` ms apart: what is pressed the moment a dialog opens is taken for a mistake. */
    async pressUntil(keys: string, isSo: () => boolean, pause: number) {
      for (let n = 0; n * pause < 60_000 && !isSo() && !isOver; n++) {
        press(keys)
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
      if (!isSo()) throw new Error(`It did not come to it. On the screen:\n${screen()}`)
    },
    hasEnded: () => isOver,
    end: () => void (isOver || process.kill(-child.pid!, 'SIGKILL')),
  }
}

let model: Model
let binaries: AgentBinaries
beforeAll(async () => {
  model = await createModel()
  binaries = await agentBinaries()
})
afterAll(() => model.close())

describe.each<RealAgent>(['claude', 'codex'])('an issue with the real %s', (kind) => {
  let world: World
  let scenario: ScenarioHandle
  let folder: string
  beforeAll(async () => {
    scenario = model.scenario(`e2e-${kind}`, scriptOf)
    folder = mkdtempSync(join(tmpdir(), 'signalbox-agents-'))
    world = createWorld({
      projects: [
        {
          id: 'app',
          agent: wired(realAgent(kind, { binaries, folder, scenario }), folder),
          ci: { command: 'cat README.md; if [ -e broken.txt ]; then echo "it is broken: see broken.txt"; exit 1; fi' },
        },
      ],
      limits: { run: '300s', progress: '300s' },
    })
    await world.start()
    await world.commitAsUser('AGENTS.md', 'BASE-WORDS of the project\n')
  })
  afterAll(async () => {
    try {
      await world.close()
      assertSchema(kind, binaries, folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  const landed = (path: string): string => readFileSync(join(world.repo(), path), 'utf8')

  it('is worked on, published as the agent says, checked and landed', async () => {
    const key = await world.submit(null, { title: 'Do something plain' })
    const issue = await world.untilIssue(key, 'done', 90_000)
    expect(landed('plain.txt')).toBe('plain\n')
    expect(issue).toMatchObject({ attempts: { implementation: 1 } })
    expect(issue.budgets['tokens']!.used).toBeGreaterThan(0)
    expect(await world.asUser(['log', '--format=%s', '-1'])).toContain('A title of the agent')
  })

  it('whose check fails is mended by another run, which is told what the check said, and what the base tells agents', async () => {
    const key = await world.submit(null, { title: 'Break the check' })
    expect(await world.untilIssue(key, 'done', 120_000)).toMatchObject({ attempts: { implementation: 1, ci_repair: 1 } })
    expect(existsSync(join(world.repo(), 'broken.txt'))).toBe(false)
    const repair = scenario.requests().find(({ said }) => said.join('\n').includes('Failing checks'))!
    expect(repair.said.join('\n')).toContain('it is broken: see broken.txt')
    expect(repair.said.join('\n')).toContain('BASE-WORDS of the project')
    expect(JSON.stringify(repair.body)).not.toContain('BRANCH-WORDS')
  })

  it('whose agent has a question goes on in its thread with the answer', async () => {
    const key = await world.submit(null, { title: 'Ask first' })
    expect((await world.untilIssue(key, 'awaiting_input', 90_000)).question).toContain('Which greeting?')
    expect((await world.act(key, { action: 'prompt', text: 'Formal, please' })).status).toBe(202)
    await world.untilIssue(key, 'done', 90_000)
    expect(landed('greeting.txt')).toBe('Good day\n')
  })

  it(
    'is taken over by hand at a terminal, in the agent’s own conversation, and goes on when it is given back',
    { timeout: 300_000 },
    async () => {
      const key = await world.submit(null, { title: 'Be taken over' })
      const worktree = join(world.data, 'worktrees/app', key)
      const begun = () => existsSync(join(worktree, 'begun.txt'))
      await until(begun, { what: 'the agent to have begun', saw: () => world.logOf(key), patience: 60_000 })
      plant(worktree, join(world.folder, 'ran'))
      expect((await world.run('open', key)).stderr).toContain('at a terminal')
      const { thread } = await world.issue(key)
      const printed = await world.run('open', key, '--print')
      expect(printed).toMatchObject({ code: 0, stdout: expect.stringContaining(`cd ${worktree} && `) })
      expect(printed.stdout).toMatch(
        new RegExp(`resume' '${thread!.id}'.* '${kind === 'codex' ? 'project_doc_max_bytes=0' : '--setting-sources'}'`),
      )
      expect(await world.issue(key)).toMatchObject({ run: { phase: 'working' } })
      const terminal = openTerminal(world, `open ${key}`)
      const shows = (text: string, what: string) => until(() => terminal.shows(text), { what, saw: terminal.screen, patience: 60_000 })
      try {
        // Codex says first that the folder is opened restricted, since nobody has said that it is trusted.
        if (kind === 'codex') await terminal.pressUntil('\r', () => terminal.shows('begun.txt'), 2_000)
        // What it has done last: of a long prompt the beginning has left the screen.
        await shows('begun.txt', 'its conversation')
        expect(terminal.shows('MCP server')).toBe(false)
        expect(await world.issue(key)).toMatchObject({ authority: 'stopped', run: null, thread: { agent: 'app' } })
        terminal.press(byHand)
        await shows(byHand, 'what the person writes')
        // It sends the text, and says yes where Claude asks the person for the command.
        const isDone = () => scenario.requests().some(({ results }) => results.some(({ output }) => output.includes('Commit by hand')))
        await terminal.pressUntil('\r', isDone, 1_000)
        // Two that are less than a second apart end Claude.
        await terminal.pressUntil('\u0003', terminal.hasEnded, 300)
      } finally {
        terminal.end()
      }
      expect(await world.untilIssue(key, 'done', 90_000)).toMatchObject({ attempts: { implementation: 1 } })
      expect([landed('begun.txt'), landed('finished.txt')]).toEqual(['begun\n', 'finished\n'])
      const ofHand = scenario.requests().filter(({ said }) => said.some((text) => text.includes(byHand)))
      expect(instructionsIn(JSON.stringify(ofHand.map(({ body }) => body)))).toEqual([])
      expect(existsSync(join(world.folder, 'ran'))).toBe(false)
      // That the folder is trusted is for this once, and is not the person's word for ever.
      if (kind === 'claude') expect(readFileSync(join(folder, 'claude/.claude.json'), 'utf8')).toContain('"hasTrustDialogAccepted": false')
    },
  )

  it('whose server and agent are killed in the middle goes on in the same thread, with nothing left behind and no attempt spent', async () => {
    const key = await world.submit(null, { title: 'Be cut off' })
    const cut = () => existsSync(join(world.data, 'worktrees/app', key, 'cut-off.txt'))
    await until(cut, { what: 'the agent to be in the middle', saw: () => world.logOf(key), patience: 60_000 })
    await world.stop('SIGKILL', { withHost: true })
    await world.start()
    expect(await world.untilIssue(key, 'done', 120_000)).toMatchObject({ attempts: { implementation: 1 } })
    expect(landed('whole.txt')).toBe('whole\n')
  })
})
