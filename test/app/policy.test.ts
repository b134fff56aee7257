// Every number of the machines' policy is a key of the configuration, and what the file does not name stays as the machines have it.

import { expect, test } from 'vitest'
import { dayBudgets, toPolicy } from '../../src/app/policy.ts'
import { toJsonSchema, type JsonSchema } from '../../src/config-schema.ts'
import { parseConfig, readEnvironment, type Config } from '../../src/config.ts'
import { defaultRetry as checkRetry } from '../../src/machines/check/policy.ts'
import { defaultRetry as entryRetry } from '../../src/machines/entry/policy.ts'
import { defaultPolicy } from '../../src/machines/issue/policy.ts'
import { defaultPace } from '../../src/machines/reconciliation/policy.ts'
import { defaultLimits } from '../../src/machines/run/policy.ts'

function parse(project: object = {}, more: object = {}): Config {
  const file = {
    agents: { mine: { kind: 'command', command: './agent.sh' } },
    projects: [{ id: 'app', repo: '.', ...project }],
    ...more,
  }
  return parseConfig(JSON.stringify(file), '/nowhere/signalbox.config.json', readEnvironment({ HOME: '/nowhere' }))
}
const policyOf = (config: Config) => toPolicy(config, config.projects[0]!)
const keysOf = (schema: JsonSchema | undefined): string[] => Object.keys(schema?.properties ?? {}).sort()

test('the keys of budgets, delays and limits are those of the policy', () => {
  const { properties } = toJsonSchema()
  const project = properties!['projects']!.items
  expect(keysOf(project?.properties?.['budgets'])).toEqual([...Object.keys(defaultPolicy.budgets), 'usdPerDay'].sort())
  expect(keysOf(project?.properties?.['delays'])).toEqual(Object.keys(defaultPolicy.delays).sort())
  expect(keysOf(properties!['limits'])).toEqual(
    [...Object.keys(defaultLimits), 'run', 'progress', 'signal', 'activeRuns', 'checks', 'usdPerDay'].sort(),
  )
})

test('what tries again has its numbers from the configuration, and by itself the same', () => {
  const { projects, polling } = parse({ ci: { command: 'true' } })
  expect([projects[0]!.landing.retry, projects[0]!.ci!.retry, polling]).toEqual([entryRetry, checkRetry, defaultPace])
  const [changed] = parse({ landing: { retry: { attempts: 2, held: '3s' } }, ci: { command: 'true', retry: { longest: '1m' } } }).projects
  expect(changed!.landing.retry).toEqual({ ...entryRetry, attempts: 2, held: 3_000 })
  expect(changed!.ci!.retry).toEqual({ ...checkRetry, longest: 60_000 })
})

test('the least configuration gives the policy that the machines have by themselves (edge 299)', () => {
  expect(policyOf(parse())).toEqual({
    ...defaultPolicy,
    ...{ limits: { ...defaultPolicy.limits, ...defaultLimits }, checks: false, agent: 'mine' },
  })
})

test('a number that is named is the policy, and the others stay (edge 299)', () => {
  const { budgets, delays, limits } = policyOf(
    parse(
      { budgets: { interruptions: 1, environment: 2, capacity: null, usd: null }, delays: { longest: '3m' } },
      { limits: { commits: 0, ending: '2s', signal: '1m', forks: 4 } },
    ),
  )
  expect(budgets).toEqual({ ...defaultPolicy.budgets, interruptions: 1, environment: 2, capacity: Number.MAX_SAFE_INTEGER })
  expect(delays).toEqual({ ...defaultPolicy.delays, longest: 180_000 })
  expect(limits).toEqual({ ...defaultPolicy.limits, ...defaultLimits, commits: 0, ending: 2_000, signal: 60_000, forks: 4 })
})

test('what a day may cost is no part of the policy of an issue, and which agent stands in for which is', () => {
  const agents = {
    a: { kind: 'codex', failover: 'b' },
    b: { kind: 'claude', failover: 'mine' },
    mine: { kind: 'command', command: './agent.sh' },
  }
  const config = parse({ agent: 'a', budgets: { usdPerDay: 5, usd: 2 } }, { agents, limits: { usdPerDay: 20 } })
  expect(dayBudgets(config)).toEqual({ all: 20, projects: { app: 5 } })
  expect(dayBudgets(parse())).toEqual({ all: null, projects: {} })
  expect(policyOf(config).budgets).toEqual({ ...defaultPolicy.budgets, usd: 2 })
  expect(policyOf(config).failover).toEqual({ a: 'b', b: 'mine' })
  expect(policyOf(config).limits).not.toHaveProperty('usdPerDay')
})
