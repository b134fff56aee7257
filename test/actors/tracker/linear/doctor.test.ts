// Whether what is wrong with the connection to Linear is said, with what to do.

import { describe, expect, test } from 'vitest'
import type { CheckLinearOptions } from '../../../../src/actors/tracker/linear.ts'
import { check, createBench, impatient, secret, type Bench, type BenchOptions } from './fixture.ts'

async function problems(bench: Bench, options: Partial<CheckLinearOptions> = {}) {
  const checks = await check(bench, options)
  for (const { level, remedy } of checks) expect(remedy === '').toBe(level === 'pass')
  return checks.filter(({ level }) => level !== 'pass').map(({ what, level }) => `${level} ${what}`)
}

const routed = (tracker: Record<string, unknown>): BenchOptions => ({ projects: [{ id: 'app', tracker }] })

describe('doctor', () => {
  test('has nothing to say where everything is well, but for webhooks that an app is not shown', async () => {
    const bench = await createBench(routed({ teams: ['ENG'], labels: [] }))
    const all = await problems(bench)
    expect(all.filter((one) => one !== 'warn acme: webhook')).toEqual([])
    const checks = await check(bench)
    // Whether it is the right one, deliveries show.
    expect(checks.find(({ what }) => what === 'webhook secret')!.message).toBe('tracker.webhookSecret is set.')
    expect(checks.find(({ what }) => what === 'team ENG: states')!.message).toBe(
      'work: In Progress, review: In Review, landed: Done, given up: Canceled',
    )
  })

  test('names what is not set', async () => {
    const bench = await createBench({ connect: false })
    const settings = { ...bench.settings, clientId: null, webhookSecret: null, tokenKey: null }
    expect(await problems(bench, { settings, webhookUrl: null })).toEqual([
      'fail OAuth application',
      'fail token key',
      'fail webhook secret',
      'warn webhook address',
    ])
    expect(await problems(bench)).toEqual(['fail workspaces'])
  })

  test('names teams, projects and labels that are not there, and columns that are missing', async () => {
    const states = [
      { name: 'Open', type: 'unstarted' as const },
      { name: 'Closed', type: 'completed' as const },
    ]
    const bench = await createBench({
      twin: { teams: [{ key: 'ENG', states, labels: ['api'] }] },
      ...routed({ teams: ['ENG', 'OPS'], projects: ['Web'], labels: ['API', 'mobile'] }),
    })
    const checks = await check(bench)
    const routing = checks.find(({ what }) => what === 'project app: tracker')!
    expect(routing).toMatchObject({ level: 'fail', message: expect.stringContaining('team OPS, project Web, label mobile') })
    expect(checks.find(({ what }) => what === 'team ENG: states')).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('started, canceled'),
    })
  })

  test('says that a workspace has to be connected again, and writes nothing', async () => {
    const bench = await createBench()
    bench.workspace.revoke()
    const before = bench.database.prepare('SELECT * FROM linear_workspace').all()
    expect(await problems(bench)).toContain('fail acme')
    expect(bench.database.prepare('SELECT * FROM linear_workspace').all()).toEqual(before)
    expect((await check(bench)).find(({ what }) => what === 'acme')!.remedy).toContain('signalbox connect linear')
    expect(await problems(bench, { settings: { ...bench.settings, tokenKey: secret('another') } })).toContain('fail acme')
  })

  test('leaves a token that is about to end to the server, and Linear that cannot be reached for later', async () => {
    const bench = await createBench()
    bench.twin.faults.add({ match: ({ path }) => path === '/graphql', status: 503 })
    expect(await problems(bench)).toContain('warn acme')
    bench.database.prepare('UPDATE linear_workspace SET expires_at = ?').run(Date.now())
    const exchanged = bench.twin.requests.length
    expect(await problems(bench)).toContain('warn acme')
    expect(bench.twin.requests).toHaveLength(exchanged)
  })

  test('sees scopes that were not granted, and a clock that is wrong', async () => {
    const bench = await createBench()
    bench.database.prepare("UPDATE linear_workspace SET scopes = 'read,write'").run()
    expect(await problems(bench)).toContain('fail acme: scopes')
    expect(await problems(bench, { now: () => Date.now() - 10 * 60_000 })).toContain('fail acme: clock')
    bench.twin.faults.add({ match: ({ path, operation }) => path === '/graphql' && operation === undefined, status: 'timeout' })
    expect(await problems(bench, impatient)).toContain('warn acme: clock')
  })
})
