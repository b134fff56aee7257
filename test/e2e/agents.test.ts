// Issues through the whole embedded loop with the real agent programs, whose model is scripted: from the submitted issue to the
// landed change, with a failing check, a question, and a server that is killed in the middle.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { agentBinaries, type AgentBinaries } from '../agents/binaries.ts'
import { claudeHome, codexHome } from '../agents/homes.ts'
import { createModel, type Model, type ScenarioHandle } from '../agents/model/server.ts'
import type { ModelRequest } from '../agents/model/request.ts'
import type { Script } from '../agents/model/scenario.ts'
import { always, answer, ask, hang, shell, write } from '../agents/model/steps.ts'
import { createWorld, until, type World } from './harness.ts'

interface Kind {
  kind: string
  /** Its part of the configuration. */
  agent: (binaries: AgentBinaries, folder: string, scenario: ScenarioHandle) => object
}

const kinds: Kind[] = [
  {
    kind: 'claude',
    agent: ({ claude }, folder, { name, messagesUrl }) => ({
      kind: 'claude',
      command: claude,
      env: claudeHome(folder, messagesUrl, name).env,
    }),
  },
  {
    kind: 'codex',
    agent: ({ codex }, folder, { name, responsesUrl }) => ({
      kind: 'codex',
      command: `${codex} app-server`,
      env: codexHome(folder, responsesUrl, name, { features: { default_mode_request_user_input: true } }).env,
    }),
  },
]

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
    return [write('broken.txt', 'broken\n'), commit('Break it'), done]
  }
  if (is('Ask first')) return [ask('Which greeting?', ['Formal', 'Casual']), write('greeting.txt', 'Good day\n'), commit('Greet'), done]
  if (is('Be cut off')) return [write('half.txt', 'half\n'), shell('touch cut-off.txt; sleep 600'), always(afterTheCut)]
  return [write('plain.txt', 'plain\n'), commit('Do it'), done]
}

let cutOffDone = 0
/** The model of one that was cut off hangs until its server is killed; then it goes on in its thread. */
function afterTheCut(request: ModelRequest): Script[number] {
  if (!request.said.join('\n').includes('cut off from outside')) return hang()
  return [[write('whole.txt', 'whole\n'), commit('Finish it'), done][cutOffDone++]!].flat()
}

let model: Model
let binaries: AgentBinaries
beforeAll(async () => {
  model = await createModel()
  binaries = await agentBinaries()
})
afterAll(() => model.close())

describe.each(kinds)('an issue with the real $kind', ({ kind, agent }) => {
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
          agent: agent(binaries, folder, scenario),
          ci: { command: 'cat README.md; if [ -e broken.txt ]; then echo "it is broken: see broken.txt"; exit 1; fi' },
        },
      ],
      limits: { run: '300s', progress: '300s' },
    })
    await world.start()
  })
  afterAll(async () => {
    await world.close()
    rmSync(folder, { recursive: true, force: true })
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

  it('whose check fails is mended by another run, which is told what the check said', async () => {
    const key = await world.submit(null, { title: 'Break the check' })
    expect(await world.untilIssue(key, 'done', 120_000)).toMatchObject({ attempts: { implementation: 1, ci_repair: 1 } })
    expect(existsSync(join(world.repo(), 'broken.txt'))).toBe(false)
    const repair = scenario.requests().find(({ said }) => said.join('\n').includes('Failing checks'))!
    expect(repair.said.join('\n')).toContain('it is broken: see broken.txt')
  })

  it('whose agent has a question goes on in its thread with the answer', async () => {
    const key = await world.submit(null, { title: 'Ask first' })
    expect((await world.untilIssue(key, 'awaiting_input', 90_000)).question).toContain('Which greeting?')
    expect((await world.act(key, { action: 'prompt', text: 'Formal, please' })).status).toBe(202)
    await world.untilIssue(key, 'done', 90_000)
    expect(landed('greeting.txt')).toBe('Good day\n')
  })

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
