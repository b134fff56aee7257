// What runs cost whose agent names its model itself: of the real Codex, whose model the configuration leaves to it, and of others.

import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { agentBinaries } from '../agents/binaries.ts'
import { codexHome } from '../agents/homes.ts'
import { createModel, type Model } from '../agents/model/server.ts'
import { answer, usage } from '../agents/model/steps.ts'
import { createPlace, type Place } from './app.ts'

let model: Model
beforeAll(async () => {
  model = await createModel()
})
afterAll(() => model.close())

/** What the first run of this agent is said to have cost, when its day is over. */
async function costOf(place: Place, agent: object, prices: object) {
  const config = {
    server: { operatorToken: 'file:token' },
    store: { path: 'data/signalbox.db' },
    agents: { mine: agent },
    prices,
    projects: [{ id: 'app', repo: './app', agent: 'mine' }],
  }
  const app = await place.open(parseConfig(JSON.stringify(config), join(place.folder, 'signalbox.config.json')))
  await app.submit({ title: 'One' })
  await expect.poll(() => app.costs({ days: 2, by: 'run' }).total.runs, { timeout: 90_000, interval: 50 }).toBe(1)
  return app.costs({ days: 2, by: 'run' }).total.usage
}

const asking = { outcome: 'needs_input', summary: 's', question: 'Which one?', prTitle: null, prBody: null }

test('of the real Codex as it comes: by the table, for the model that it names', { timeout: 120_000 }, async () => {
  const place = await createPlace()
  const script = usage({ input: 1_000, cached: 400, cacheWritten: 100, output: 50 }, answer(asking))
  const { name, responsesUrl } = model.scenario('priced-codex', script)
  const agent = {
    kind: 'codex',
    command: `${(await agentBinaries()).codex} app-server`,
    env: codexHome(place.folder, responsesUrl, name).env,
  }
  const cost = await costOf(place, agent, { fake: { input: 1_000, cached: 100, cacheWrite: 2_000, output: 4_000 } })
  const usd = (500 * 1_000 + 400 * 100 + 100 * 2_000 + 50 * 4_000) / 1_000_000
  expect(cost).toEqual({ inputTokens: 1_000, cachedTokens: 400, outputTokens: 50, usd: expect.closeTo(usd, 9) })
})

test.each([
  ['the one that it names', { dear: { input: 3, output: 0 }, chosen: { input: 1, output: 0 } }, 3],
  ['the configured one, where the table has no other', { chosen: { input: 1, output: 0 } }, 1],
])('of an agent with a name of its own for its model: by %s', { timeout: 60_000 }, async (_, prices, usd) => {
  const place = await createPlace()
  const text = { type: 'text', text: JSON.stringify(asking) }
  const script = {
    initialize: { result: { protocolVersion: 1, agentCapabilities: {} } },
    'session/new': { result: { sessionId: 's', models: { currentModelId: 'dear-one', availableModels: [] } } },
    'session/prompt': {
      says: [{ sessionUpdate: 'agent_message_chunk', content: text }],
      result: { stopReason: 'end_turn', usage: { inputTokens: 1_000_000, outputTokens: 0, totalTokens: 1_000_000 } },
    },
  }
  const env = { ACP_LOG: join(place.folder, 'log.jsonl'), ACP_SCRIPT: JSON.stringify(script) }
  const command = `${process.execPath} ${join(import.meta.dirname, '../agents/acp-script.ts')}`
  expect(await costOf(place, { kind: 'acp', command, model: 'chosen', env }, prices)).toMatchObject({ inputTokens: 1_000_000, usd })
})
