// What runs cost, from an agent's result to the reports about it, and the budget of a day that holds issues back until it is lifted.

import { expect, test } from 'vitest'
import type { App } from '../../src/app.ts'
import { parseConfig } from '../../src/config.ts'
import { createPlace, type Place } from './app.ts'

const result = {
  outcome: 'needs_input',
  summary: 's',
  question: 'Which one?',
  model: 'm-1',
  usage: { inputTokens: 1_000_000, outputTokens: 0 },
}
const configOf = (place: Place, project: object, limits: object = {}) =>
  parseConfig(
    JSON.stringify({
      server: { operatorToken: 'file:token' },
      store: { path: 'data/signalbox.db' },
      agents: { mine: { kind: 'command', command: `printf '%s' '${JSON.stringify(result)}' > "$SIGNALBOX_RESULT_FILE"` } },
      prices: { m: { input: 3, output: 1 } },
      limits: { activeRuns: 1, ...limits },
      projects: [{ id: 'app', repo: './app', agent: 'mine', ...project }],
    }),
    `${place.folder}/signalbox.config.json`,
  )

async function until<T>(look: () => T | undefined | false | null): Promise<T> {
  for (let n = 0; n < 300; n++) {
    const found = look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it does not come')
}
const asks = (app: App, key: string) => until(() => app.issue(key).question)
const held = (app: App, key: string) => until(() => app.issue(key).waitsFor.find(({ until: time }) => time !== null))

const budget = { usdPerDay: 3 }
test.each([
  [
    'a project',
    { project: { budgets: budget }, limits: {}, lifted: ['app'], words: 'the project app', command: 'signalbox lift-budget app' },
  ],
  ['the server', { project: {}, limits: budget, lifted: [], words: 'all projects', command: 'signalbox lift-budget' }],
])('the budget of %s for a day holds the next issue back, over a restart too, until it is lifted', { timeout: 60_000 }, async (_, of) => {
  const place = await createPlace()
  const config = configOf(place, of.project, of.limits)
  const first = await place.open(config)
  const one = await first.submit({ title: 'One' })
  const before = new Date().toISOString().slice(0, 10)
  await asks(first, one.key)
  const two = await first.submit({ title: 'Two' })
  const midnight = new Date(new Date().setUTCHours(24, 0, 0, 0)).toISOString()
  const wait = await held(first, two.key)
  // A test that runs over midnight says nothing.
  if (before !== new Date().toISOString().slice(0, 10)) return
  expect(wait).toMatchObject({ party: 'capacity', until: midnight })
  expect(wait.reason).toBe(`the budget of ${of.words} for a day is used up (3 USD of 3 USD): \`${of.command}\` lifts it for today`)
  await first.stop()

  const second = await place.open(config)
  expect(await held(second, two.key)).toMatchObject({ party: 'capacity', until: midnight })
  await second.liftBudget(of.lifted[0])
  await asks(second, two.key)

  const usage = { inputTokens: 1_000_000, cachedTokens: 0, outputTokens: 0, usd: 3 }
  await until(() => second.costs({ days: 1, by: 'run' }).total.runs === 2)
  expect(second.costs({ days: 1, by: 'run' }).costs).toEqual(
    [one.key, two.key].map((key) => ({ project: 'app', key, run: 'run-1', type: 'implementation', agent: 'mine', runs: 1, usage })),
  )
  const both = { runs: 2, usage: { ...usage, inputTokens: 2_000_000, usd: 6 } }
  expect(second.costs({ days: 2, by: 'day' })).toEqual({
    by: 'day',
    from: new Date(Date.parse(before) - 86_400_000).toISOString().slice(0, 10),
    costs: [{ day: before, project: 'app', ...both }],
    total: both,
  })
  expect(second.costs({ days: 1, by: 'issue', project: 'other' }).costs).toEqual([])
  expect(second.issue(one.key).budgets['usd']).toEqual({ used: 3, limit: null })
  const figures = second.metrics()
  expect(figures).toContain('signalbox_usd_total{project="app",agent="mine"} 6\n')
  expect(figures).toContain('signalbox_tokens_total{project="app",agent="mine",kind="input"} 2000000\n')
})

test('the budget of an issue for its life holds it, says who may lift it, and is reset', { timeout: 60_000 }, async () => {
  const place = await createPlace()
  const app = await place.open(configOf(place, { budgets: { usd: 3 } }))
  const { key } = await app.submit({ title: 'One' })
  await asks(app, key)
  await app.act(key, { action: 'prompt', text: 'the first one' })
  const wait = await until(() => app.issue(key).waitsFor.find(({ party }) => party === 'operator'))
  expect(wait.reason).toBe("the budget 'usd' of this issue is used up (3 of 3): an operator resets or raises it")
  await app.act(key, { action: 'reset_budget' })
  await until(() => app.costs({ days: 1, by: 'issue' }).total.runs === 2)
})
