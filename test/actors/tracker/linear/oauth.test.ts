// Letting us in, and what becomes of the tokens.

import { describe, expect, test } from 'vitest'
import { readHealth } from '../../../../src/actors/tracker/linear/health.ts'
import { createVirtualClock } from '../../../twins/clock.ts'
import { callback, check, createBench, factsOf, impatient, saidIn, secret, type Bench } from './fixture.ts'

interface Row {
  id: string
  access_token: string
  refresh_token: string
  expires_at: number
  health: string
}
const rowsOf = (bench: Bench): Row[] => bench.database.prepare('SELECT * FROM linear_workspace ORDER BY name').all() as Row[]
const tokenCalls = (bench: Bench) => bench.twin.requests.filter(({ path }) => path === '/oauth/token').length

async function delegated(bench: Bench): Promise<string> {
  const ann = bench.workspace.as('alice')
  const issue = ann.createIssue('An issue')
  ann.delegate(issue)
  await bench.told()
  return issue.id
}

describe('connecting a workspace', () => {
  test('asks for what an agent needs, with a state and PKCE, and ends with the workspace connected (edges 99, 102, 107)', async () => {
    const bench = await createBench({ connect: false })
    const { url, state } = bench.tracker.connect()
    const asked = Object.fromEntries(new URL(url).searchParams)
    expect(asked).toMatchObject({
      response_type: 'code',
      client_id: bench.twin.app.clientId,
      redirect_uri: callback,
      scope: 'read,write,app:assignable,app:mentionable',
      actor: 'app',
      prompt: 'consent',
      code_challenge_method: 'S256',
      state,
    })
    expect(Buffer.from(state, 'base64url')).toHaveLength(32)
    expect(bench.tracker.connection(state)).toEqual({ status: 'pending' })
    const back = new URL(await bench.twin.oauth.approve(url))
    const { workspace } = await bench.tracker.finish({ code: back.searchParams.get('code')!, state })
    expect(workspace).toEqual({ id: bench.workspace.id, name: 'acme' })
    expect(bench.tracker.connection(state)).toEqual({ status: 'done', workspace })
    expect(readHealth(bench.database)).toMatchObject([
      {
        id: bench.workspace.id,
        urlKey: 'acme',
        health: 'ok',
        reason: null,
        remedy: null,
        scopes: ['read', 'write', 'app:assignable', 'app:mentionable'],
      },
    ])
    const dump = JSON.stringify(bench.database.prepare('SELECT * FROM linear_workspace JOIN linear_oauth').all())
    expect(dump).not.toContain('lin_oauth_')
    expect(dump).not.toContain('lin_refresh_')
  })

  test('several workspaces are told apart', async () => {
    const bench = await createBench({ twin: { workspaces: [{ name: 'acme' }, { name: 'beta' }] } })
    await bench.connect('beta')
    expect(
      readHealth(bench.database)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['acme', 'beta'])
    for (const name of ['acme', 'beta']) {
      const workspace = bench.twin.workspace(name)
      const issue = workspace.as('alice').createIssue(`In ${name}`)
      workspace.as('alice').delegate(issue)
      await bench.told()
      expect(await bench.tracker.facts({ project: 'app', issue: issue.id })).toMatchObject({ title: `In ${name}`, delegated: true })
    }
  })

  test('a state is good once, for a quarter of an hour, and only where we have made it (edges 104, 105)', async () => {
    const clock = createVirtualClock()
    const bench = await createBench({ connect: false, clock })
    const unknown = { code: 'unknown-state' }
    await expect(bench.tracker.finish({ code: 'x', state: 'made up' })).rejects.toMatchObject(unknown)
    expect(() => bench.tracker.connection('made up')).toThrow(/signalbox connect linear/)
    const first = await bench.connect()
    await expect(bench.tracker.finish({ code: 'x', state: first })).rejects.toMatchObject(unknown)
    const { url, state } = bench.tracker.connect()
    await clock.advance(15 * 60_000)
    const code = new URL(await bench.twin.oauth.approve(url)).searchParams.get('code')!
    await expect(bench.tracker.finish({ code, state })).rejects.toMatchObject(unknown)
    expect(bench.tracker.connection(state)).toMatchObject({ status: 'failed' })
  })

  test('a refusal and a wrong code say what happened, and the CLI hears of it (edges 101, 107)', async () => {
    const bench = await createBench({ connect: false })
    const denied = bench.tracker.connect()
    const back = new URL(await bench.twin.oauth.approve(denied.url, { deny: true }))
    await expect(bench.tracker.finish({ state: denied.state, error: back.searchParams.get('error')! })).rejects.toMatchObject({
      code: 'linear-refused',
    })
    expect(bench.tracker.connection(denied.state)).toMatchObject({ status: 'failed', reason: expect.stringContaining('access_denied') })
    const wrong = bench.tracker.connect()
    await expect(bench.tracker.finish({ code: 'wrong', state: wrong.state })).rejects.toMatchObject({ code: 'linear-unauthorized' })
    // A code that was made for another attempt does not fit our proof.
    const [one, other] = [bench.tracker.connect(), bench.tracker.connect()]
    const code = new URL(await bench.twin.oauth.approve(one.url)).searchParams.get('code')!
    await expect(bench.tracker.finish({ code, state: other.state })).rejects.toMatchObject({ code: 'linear-unauthorized' })
    bench.twin.faults.add({ match: ({ path }) => path === '/oauth/token', status: 'empty' })
    const { url, state } = bench.tracker.connect()
    const good = new URL(await bench.twin.oauth.approve(url)).searchParams.get('code')!
    await expect(bench.tracker.finish({ code: good, state })).rejects.toMatchObject({ name: 'ProtocolError', code: 'linear-nonsense' })
    expect(bench.tracker.connection(state)).toMatchObject({ status: 'failed', reason: expect.stringContaining('access_token') })
    expect(readHealth(bench.database)).toEqual([])
  })

  test.each([500, 'timeout', 'reset', 'half'] as const)('an exchange that ends in %s can be begun anew', async (status) => {
    const bench = await createBench()
    bench.reopen({}, impatient)
    bench.database.prepare('DELETE FROM linear_workspace').run()
    bench.twin.faults.add({ match: ({ path }) => path === '/oauth/token', status })
    await expect(bench.connect()).rejects.toMatchObject({ name: 'RetryableError' })
    await bench.connect()
    expect(readHealth(bench.database)).toHaveLength(1)
  })

  test('without an application or a key for the tokens nothing is begun', async () => {
    const bench = await createBench({ connect: false })
    const codeOf = (work: () => unknown) => {
      try {
        return work()
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(codeOf(() => bench.reopen({ clientSecret: null }).connect())).toBe('no-linear-app')
    expect(codeOf(() => bench.reopen({ tokenKey: null }).connect())).toBe('no-token-key')
  })
})

describe('tokens', () => {
  test('F17: a token that is about to end is refreshed once, however many ask, and the new refresh token is kept (edge 111)', async () => {
    const clock = createVirtualClock()
    const bench = await createBench({ clock, twin: { refreshGrace: 0 } })
    const issue = await delegated(bench)
    const before = rowsOf(bench)[0]!
    const exchanged = tokenCalls(bench)
    await clock.advance(24 * 3_600_000 - 4 * 60_000)
    await Promise.all(Array.from({ length: 5 }, () => bench.tracker.facts({ project: 'app', issue })))
    expect(tokenCalls(bench)).toBe(exchanged + 1)
    const after = rowsOf(bench)[0]!
    expect(after.refresh_token).not.toBe(before.refresh_token)
    expect(after.expires_at).toBeGreaterThan(clock.now() + 23 * 3_600_000)
    await clock.advance(24 * 3_600_000 - 60_000)
    expect(await bench.tracker.facts({ project: 'app', issue })).not.toBeNull()
    expect(tokenCalls(bench)).toBe(exchanged + 2)
  })

  test('F17: a token that Linear refuses is replaced and the call made again, once for all that were refused', async () => {
    const bench = await createBench()
    const issue = await delegated(bench)
    const exchanged = tokenCalls(bench)
    bench.twin.faults.add({ match: ({ path }) => path === '/graphql', status: 401, times: 3 })
    const looks = ['a', 'b', 'c'].map(async () => bench.tracker.promptContext({ issue, folder: '/nowhere', fetches: false }))
    await Promise.all(looks)
    expect(tokenCalls(bench)).toBe(exchanged + 1)
  })

  test('where Linear refuses a fresh token too, the workspace is to be connected again, and works when it is', async () => {
    const bench = await createBench()
    const issue = await delegated(bench)
    bench.twin.faults.add({ match: ({ path }) => path === '/graphql', status: 401, times: 2 })
    await expect(bench.tracker.facts({ project: 'app', issue })).rejects.toMatchObject({
      code: 'linear-unauthorized',
      message: expect.stringContaining('signalbox connect linear'),
    })
    expect(readHealth(bench.database)).toMatchObject([
      { health: 'unauthorized', remedy: expect.stringContaining('signalbox connect linear') },
    ])
    await bench.connect()
    expect(readHealth(bench.database)).toMatchObject([{ health: 'ok', reason: null, remedy: null }])
    expect(await bench.tracker.facts({ project: 'app', issue })).not.toBeNull()
  })

  test('a refresh that fails for a moment is no loss; one that is refused is (edge 110)', async () => {
    const bench = await createBench()
    const issue = await delegated(bench)
    bench.reopen({}, impatient)
    bench.database.prepare('UPDATE linear_workspace SET expires_at = ?').run(Date.now())
    const match = ({ path }: { path: string }) => path === '/oauth/token'
    for (const status of [503, 'timeout', 'reset'] as const) {
      bench.twin.faults.add({ match, status })
      await expect(bench.tracker.facts({ project: 'app', issue })).rejects.toMatchObject({ name: 'RetryableError' })
      expect(readHealth(bench.database)).toMatchObject([{ health: 'ok' }])
    }
    // Linear has rotated the token and its answer was lost: asked again, it gives the same pair.
    bench.twin.faults.add({ match, status: 'reset', when: 'after' })
    await expect(bench.tracker.facts({ project: 'app', issue })).rejects.toMatchObject({ name: 'RetryableError' })
    expect(await bench.tracker.facts({ project: 'app', issue })).not.toBeNull()
    bench.workspace.revoke()
    bench.database.prepare('UPDATE linear_workspace SET expires_at = ?').run(Date.now())
    await expect(bench.tracker.facts({ project: 'app', issue })).rejects.toMatchObject({ code: 'linear-unauthorized' })
    expect(readHealth(bench.database)).toMatchObject([{ health: 'unauthorized' }])
  })

  test('with a new key they are encrypted anew at the start; without the former one it says so', async () => {
    const bench = await createBench()
    const issue = await delegated(bench)
    const before = rowsOf(bench)[0]!
    expect(() => bench.reopen({ tokenKey: secret('new') }).start()).toThrow(/formerTokenKeys/)
    bench.reopen({ tokenKey: secret('new'), formerTokenKeys: [bench.settings.tokenKey!] }).start()
    const after = rowsOf(bench)[0]!
    expect(after.access_token.split('.')[1]).not.toBe(before.access_token.split('.')[1])
    expect(after.refresh_token.split('.')[1]).toBe(after.access_token.split('.')[1])
    const tracker = bench.reopen({ tokenKey: secret('new') })
    tracker.start()
    expect(await tracker.facts({ project: 'app', issue })).not.toBeNull()
  })

  test('a workspace that has taken us out is shown so, and is not asked any more', async () => {
    const bench = await createBench()
    const issue = await delegated(bench)
    bench.workspace.revoke()
    expect(await bench.told()).toEqual([])
    expect(readHealth(bench.database)).toMatchObject([{ health: 'revoked', reason: 'It has taken Signalbox out.' }])
    const asked = bench.twin.requests.length
    await expect(bench.tracker.facts({ project: 'app', issue })).rejects.toMatchObject({ code: 'linear-unauthorized' })
    expect(bench.twin.requests).toHaveLength(asked)
  })

  test('a workspace that is disconnected here gives its tokens back, also where the answer is lost', async () => {
    const bench = await createBench()
    const issue = await delegated(bench)
    const match = ({ path }: { path: string }) => path === '/oauth/revoke'
    bench.twin.faults.add({ match, status: 503 })
    await expect(bench.tracker.disconnect(bench.workspace.id)).rejects.toMatchObject({ code: 'linear-failed' })
    expect(await bench.tracker.facts({ project: 'app', issue })).not.toBeNull()
    const workspace = { id: bench.workspace.id, name: 'acme' }
    expect(await bench.tracker.disconnect()).toEqual({ workspace, revoked: true })
    expect(rowsOf(bench)).toEqual([])
    await expect(bench.tracker.facts({ project: 'app', issue })).rejects.toMatchObject({ code: 'linear-unauthorized' })
    await expect(bench.tracker.disconnect()).rejects.toMatchObject({ code: 'unknown-workspace' })
    await bench.connect()
    expect(await bench.tracker.facts({ project: 'app', issue })).not.toBeNull()
  })

  test('a workspace is disconnected by its name, and forgotten also where Linear has forgotten us before', async () => {
    const bench = await createBench({ twin: { workspaces: [{ name: 'acme' }, { name: 'beta' }] } })
    await bench.connect('beta')
    const ambiguous = { code: 'unknown-workspace', message: expect.stringContaining('Say which: acme, beta.') }
    await expect(bench.tracker.disconnect()).rejects.toMatchObject(ambiguous)
    await expect(bench.tracker.disconnect('gamma')).rejects.toMatchObject(ambiguous)
    bench.twin.workspace('beta').revoke()
    // That our own secret is wrong says nothing about the tokens.
    bench.twin.faults.add({ match: ({ path }) => path === '/oauth/revoke', status: 401 })
    await expect(bench.tracker.disconnect('Beta')).rejects.toMatchObject({ code: 'linear-unauthorized' })
    expect(await bench.tracker.disconnect('Beta')).toMatchObject({ workspace: { name: 'beta' }, revoked: false })
    expect(readHealth(bench.database)).toMatchObject([{ name: 'acme', health: 'ok' }])
  })

  test('what was to be said while nobody had let us in is kept, and said when somebody has', async () => {
    const bench = await createBench()
    const issue = await delegated(bench)
    const report = () =>
      bench.tracker.report({ project: 'app', issue, key: 'ENG-1', kind: 'question', phase: 'awaiting_input', text: 'Which colour?' }, 'r1')
    bench.workspace.revoke()
    await bench.told()
    await expect(report()).rejects.toMatchObject({ name: 'RetryableError', code: 'linear-unauthorized', retryAfter: 2_000 })
    // Not to be asked again and again where a person has to do something.
    await expect(report()).rejects.toMatchObject({ retryAfter: 4_000 })
    await bench.connect()
    await report()
    expect(saidIn(bench.workspace, bench.workspace.sessions({ id: issue })[0]!)).toContain('elicitation: Which colour?')
  })

  describe('access to teams that is taken', () => {
    const reason = 'Signalbox was put out of the team of ENG-1 (project app).'
    const remedy = "Give the app access to the teams again in Linear's settings, under Applications, or change the teams of the projects."

    async function begin() {
      const bench = await createBench({ twin: { teams: [{ key: 'ENG' }, { key: 'OPS' }] } })
      const issue = await delegated(bench)
      const doctor = async () => (await check(bench)).filter(({ what, level }) => what === 'acme' && level !== 'pass')
      const warnings = () => bench.logged.filter((line) => line.startsWith('warn'))
      const look = () => bench.tracker.facts({ project: 'app', issue })
      const poll = async () => (await bench.tracker.inlet.catchUp(new AbortController().signal)).notices
      return { bench, issue, doctor, warnings, look, poll }
    }

    test('is said by doctor and by the log with the projects that it is missed in, until it is given back (edges 9, 108)', async () => {
      const { bench, doctor, warnings } = await begin()
      bench.workspace.changeTeamAccess(['OPS'])
      await bench.told()
      expect(await doctor()).toEqual([{ what: 'acme', level: 'warn', message: reason, remedy }])
      expect(warnings()).toEqual([`warn: Linear workspace acme: ${reason} ${remedy}`])
      bench.workspace.changeTeamAccess(['OPS', 'ENG'])
      await bench.told()
      expect([await doctor(), warnings().length, readHealth(bench.database)[0]!.health]).toEqual([[], 1, 'ok'])
    })

    test('is not hidden by connecting anew, which does not give it back', async () => {
      const { bench, doctor } = await begin()
      bench.workspace.revoke()
      await bench.told()
      const { url, state } = bench.tracker.connect()
      const back = new URL(await bench.twin.oauth.approve(url, { teams: ['OPS'] }))
      await bench.tracker.finish({ code: back.searchParams.get('code')!, state })
      expect(readHealth(bench.database)).toMatchObject([{ health: 'permissions_changed', reason, remedy }])
      expect(await doctor()).toMatchObject([{ message: reason, remedy }])
      await bench.connect()
      expect([await doctor(), readHealth(bench.database)[0]!.health]).toEqual([[], 'ok'])
    })

    test('is found by whoever asks where nothing is told, and the end of it as well', async () => {
      const { bench, doctor, warnings, look, poll } = await begin()
      bench.twin.app.webhookUrl = undefined
      bench.workspace.changeTeamAccess(['OPS'])
      // By doctor before the server has noticed.
      expect(await doctor()).toMatchObject([{ message: reason, remedy }])
      await expect(look()).rejects.toMatchObject({ code: 'linear-forbidden', message: expect.stringContaining(remedy) })
      await expect(look()).rejects.toMatchObject({ code: 'linear-forbidden' })
      expect(readHealth(bench.database)).toMatchObject([{ health: 'permissions_changed', reason, remedy }])
      expect(warnings()).toEqual([`warn: Linear workspace acme: ${reason} ${remedy}`])
      bench.workspace.changeTeamAccess(undefined)
      await poll()
      expect([await doctor(), readHealth(bench.database)[0]!.health]).toEqual([[], 'ok'])
    })

    test('keeps nothing of the other teams from being found by asking', async () => {
      const { bench, poll } = await begin()
      bench.twin.app.webhookUrl = undefined
      bench.workspace.changeTeamAccess(['OPS'])
      bench.workspace.as('alice').createIssue({ title: 'In OPS', team: 'OPS', delegate: true })
      expect(factsOf(await poll(), 'tracker.delegated')[0]).toMatchObject({ event: { key: 'OPS-1' } })
      expect(bench.logged.filter((line) => line.includes('caught up'))).toEqual([])
    })

    test("is nobody's concern where nothing is to be done any more", async () => {
      const { bench, issue, doctor } = await begin()
      bench.terminal.add(issue)
      bench.workspace.changeTeamAccess(['OPS'])
      await bench.told()
      expect([await doctor(), readHealth(bench.database)[0]!.health]).toEqual([[], 'ok'])
    })
  })
})
