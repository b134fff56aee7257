// Issues of Linear, carried to a landing: the tracker is Linear's twin, the forge the embedded one, the server a real process.

import { afterEach, expect, test } from 'vitest'
import { createLinearTwin, type LinearTwin } from '../twins/linear.ts'
import { createWorld, freePort, plainWork, until, type World, type WorldOptions } from './harness.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

interface Setting {
  world: World
  twin: LinearTwin
}

/** A workspace that has let us in, and a server that it tells everything. */
async function connected(options: { webhooks?: boolean; world?: WorldOptions } = {}): Promise<Setting> {
  const { webhooks = true } = options
  const port = await freePort()
  const address = `http://127.0.0.1:${port}`
  const twin = await createLinearTwin({
    teams: [{ key: 'ENG', name: 'Engineering' }],
    app: { redirectUris: [`${address}/oauth/linear/callback`], webhookUrl: webhooks ? `${address}/webhooks/linear` : undefined },
  })
  const { clientId, clientSecret, webhookSecret } = twin.app
  const world = createWorld({ port, ...options.world })
  world.writeConfig({
    tracker: {
      kind: 'linear',
      apiUrl: twin.apiUrl,
      authorizeUrl: `${twin.url}/oauth/authorize`,
      ...{ clientId, clientSecret, webhookSecret, tokenKey: 'a key of the tests that is long enough' },
    },
    webhooks,
    polling: { shortest: '200ms', longest: '1s', everyone: 1 },
  })
  open.push(
    () => twin.close(),
    () => world.close(),
    () => twin.idle(),
  )
  await world.start()
  const { stdout } = await world.run('connect', 'linear', '--no-wait', '--json')
  const back = await twin.oauth.approve((JSON.parse(stdout) as { url: string }).url)
  const page = await fetch(back)
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('acme is connected')])
  return { world, twin }
}

test.each([true, false])(
  'a delegated issue is acknowledged, carried to a landing, and told of in its session (webhooks: %s)',
  async (webhooks) => {
    const { world, twin } = await connected({ webhooks })
    const acme = twin.workspace()
    world.setScript('ENG-1', plainWork)
    const issue = acme.as('alice').createIssue({ title: 'Add a file', description: 'With its own name in it.', delegate: true })
    await until(async () => (await world.ask('/api/issues')).body.issues.length === 1, {
      what: 'the issue to be known',
      saw: () => world.log(),
    })
    const done = await world.untilIssue('ENG-1', 'done')
    expect(done).toMatchObject({ key: 'ENG-1', title: 'Add a file', url: `${twin.url}/acme/issue/ENG-1/add-a-file`, pr: { state: 'merged' } })
    expect(await world.asUser(['show', '--format=%s', '--name-only', 'main^2'])).toContain('ENG-1.txt')
    await until(() => acme.stateOf(issue).type === 'completed', { what: 'Linear to show it done', saw: () => acme.stateOf(issue).name })
    const [session] = acme.sessions(issue)
    await until(() => acme.sessions(issue)[0]!.status === 'complete', {
      what: 'the session to be over',
      saw: () =>
        JSON.stringify(
          acme.activities(session!).map(({ content }) => content),
          null,
          1,
        ),
    })
    const activities = acme.activities(session!)
    expect(activities.filter(({ content }) => content.type === 'response')).toHaveLength(1)
  },
)
