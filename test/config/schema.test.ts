// The published JSON Schema is what the program reads by. `npx vitest run test/config/schema.test.ts -u` writes it anew.

import { expect, test } from 'vitest'
import { configSchema, type JsonSchema, toJsonSchema, toMilliseconds } from '../../src/config-schema.ts'

test('schema/signalbox.schema.json is current', async () => {
  await expect(`${JSON.stringify(toJsonSchema(), null, 2)}\n`).toMatchFileSnapshot('../../schema/signalbox.schema.json')
})

test('F31: every object of the schema is strict', () => {
  const open: string[] = []
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return
    const node = value as Record<string, unknown>
    if (node['properties'] && node['additionalProperties'] !== false) open.push(path)
    for (const [key, inner] of Object.entries(node)) walk(inner, `${path}.${key}`)
  }
  walk(toJsonSchema(), '$')
  expect(open).toEqual([])
})

test('F32: every key that the contract shows is accepted', () => {
  // The example of the contract, with every `null` and default spelt out.
  const outcome = configSchema.safeParse({
    server: { host: '127.0.0.1', port: 8787, publicUrl: null, operatorToken: null },
    store: { path: '/data/signalbox.db', retention: '14d' },
    tracker: { kind: 'local' },
    forge: { kind: 'local' },
    agents: {
      codex: { kind: 'codex', command: 'codex app-server', model: null, effort: null, sandbox: 'workspace-write', env: {} },
      mine: { kind: 'command', command: './my-agent.sh' },
    },
    limits: { activeRuns: 4, checks: 4, run: '120m', progress: '15m', nudge: '5m', stalls: 1, usdPerDay: null },
    prices: {},
    notify: null,
    webhooks: true,
    projects: [
      {
        id: 'app',
        repo: 'owner/name',
        baseBranch: null,
        branchPrefix: 'signalbox',
        agent: 'codex',
        agents: { ci_repair: 'mine' },
        tracker: { teams: ['APP'], projects: [], labels: [] },
        trustedActors: { emails: [], domains: [], ids: [] },
        checks: { required: null, queue: 'merge-steward/queue' },
        ci: { command: 'npm test', timeout: '20m', env: {} },
        review: { by: 'human' },
        landing: { method: 'queue' },
        deploy: { workflow: null, timeout: '20m' },
        budgets: {
          implementation: 3,
          ci_repair: 10,
          queue_repair: 10,
          review_fix: 10,
          branch_upkeep: 5,
          recovery: 5,
          runs: 40,
          hours: 24,
          tokens: null,
          usd: null,
        },
        delays: { recovery: '15s', settle: '10s' },
        hooks: { prepare: null, timeout: '120s' },
        prompts: { implementation: 'IMPLEMENTATION_WORKFLOW.md', review: 'REVIEW_WORKFLOW.md', extra: null },
      },
    ],
  })
  expect(outcome.error?.issues).toBeUndefined()
})

test.each([
  ['15s', 15_000],
  ['20m', 1_200_000],
  ['1.5h', 5_400_000],
  ['14d', 1_209_600_000],
  ['250ms', 250],
])('%s is %i ms', (text, ms) => {
  expect(toMilliseconds(text)).toBe(ms)
})

test.each(['', '15', 's', '-1s', '15 s', '1w', '15S', '1m30s', 'Infinityd'])('%j is not a duration', (text) => {
  expect(toMilliseconds(text)).toBeUndefined()
})

test('of no length is only what may also not be waited for at all: a limit would end everything, and what comes round would never pause', () => {
  const base = { agents: { mine: { kind: 'command', command: 'x' } }, projects: [{ id: 'app', repo: '.', ci: { command: 'x' } }] }
  const isTaken = (path: string[]): boolean => {
    const value = structuredClone(base)
    let at = value as Record<string, any>
    for (const key of path.slice(0, -1)) {
      const inner = (at[key === '*' ? 'mine' : key] ??= {}) as object
      at = Array.isArray(inner) ? inner[0] : inner
    }
    at[path.at(-1)!] = '0s'
    return configSchema.safeParse(value).success
  }
  const durations = durationsIn(toJsonSchema(), [])
  expect(durations.length).toBeGreaterThan(20)
  expect(durations.filter(isTaken).map((path) => path.join('.'))).toEqual([
    'store.retention',
    ...['recovery', 'longest', 'settle', 'confirmation'].map((name) => `projects.delays.${name}`),
  ])
})

/** The path of every duration, once for all branches of a union; `*` is a name of the user's choice. */
function durationsIn(node: JsonSchema, path: string[]): string[][] {
  const inner = [node.items, ...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap((one) => (one ? durationsIn(one, path) : []))
  const below = Object.entries(node.properties ?? {}).flatMap(([key, one]) => durationsIn(one, [...path, key]))
  const named = typeof node.additionalProperties === 'object' ? durationsIn(node.additionalProperties, [...path, '*']) : []
  const all = [...(node.format === 'duration' ? [path] : []), ...inner, ...below, ...named]
  return [...new Map(all.map((one) => [one.join('.'), one])).values()]
}
