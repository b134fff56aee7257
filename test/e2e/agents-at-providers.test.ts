// Issues of Linear that real agent programs carry to a merged pull request at GitHub: a question, a red check, a reviewer with a point.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { agentBinaries, type AgentBinaries } from '../agents/binaries.ts'
import { createModel, type Model } from '../agents/model/server.ts'
import type { ModelRequest } from '../agents/model/request.ts'
import type { Script } from '../agents/model/scenario.ts'
import { answer, ask, shell } from '../agents/model/steps.ts'
import { both, people } from './both.ts'
import { until } from './harness.ts'
import { assertSchema, realAgent, wired, type RealAgent } from './real-agents.ts'

const nothing = { question: null, prTitle: null, prBody: null }
const done = answer({ outcome: 'completed', summary: 'Painted.', ...nothing })
const paint = (text: string) =>
  shell(`echo '${text}' > work.txt && git add --all && git commit --quiet --message '${text}' && git status --short`)

/** As the scripted command of the two worlds does it: what is asked for is found in the prompt. */
function scriptOf({ said }: ModelRequest): Script {
  const prompt = said.join('\n')
  if (prompt.includes('Failing checks')) return [paint('good blue'), done]
  const ids = [...prompt.matchAll(/, id `([^`]+)`/g)].map(([, id]) => id!)
  if (ids.length > 0) {
    const answers = ids.map((id) => ({ id, body: 'It says so now.' }))
    return [paint('very good blue'), answer({ outcome: 'completed', summary: 'Said it.', ...nothing, answers })]
  }
  return [ask('Which colour?', ['blue', 'red']), paint('bad blue'), done]
}

let model: Model
let binaries: AgentBinaries
beforeAll(async () => {
  model = await createModel()
  binaries = await agentBinaries()
})
afterAll(() => model.close())

test.each<RealAgent>(['codex', 'claude'])(
  'the real %s asks in Linear, mends its check, answers its reviewer, and is merged at GitHub',
  async (kind) => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-agents-'))
    const scenario = model.scenario(`providers-${kind}`, scriptOf)
    const setting = await both({
      agent: wired(realAgent(kind, { binaries, folder, scenario }), folder),
      more: { limits: { run: '300s', progress: '300s' } },
    })
    const { world, acme, github, repository } = setting
    try {
      const issue = acme.as('alice').createIssue({ title: 'Paint it', description: 'In a colour of your choice.', delegate: true })
      const act = people(setting, issue)
      await until(
        async () => {
          await act()
          return acme.stateOf(issue).type === 'completed' && acme.sessions(issue)[0]!.status === 'complete'
        },
        { what: 'the issue to be done in Linear', saw: world.log, patience: 120_000 },
      )
      const document = await world.untilIssue('ENG-1', 'done')
      expect(document).toMatchObject({ attempts: { implementation: 1, ci_repair: 1, review_fix: 1 } })
      expect(document.budgets['tokens']!.used).toBeGreaterThan(0)
      const [pull] = repository.pulls.values()
      expect(pull).toMatchObject({ state: 'closed' })
      expect(await repository.git.readFile('main', 'work.txt')).toBe('very good blue\n')
      expect(pull!.threads.every(({ resolvedBy }) => resolvedBy !== undefined)).toBe(true)
      const asked = acme.activities(acme.sessions(issue)[0]!).filter(({ content }) => content.type === 'elicitation')
      expect(JSON.stringify(asked)).toContain('Which colour?')
      expect(github.problems).toEqual([])
      expect(model.problems).toEqual([])
      assertSchema(kind, binaries, folder)
    } finally {
      await setting.close()
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
