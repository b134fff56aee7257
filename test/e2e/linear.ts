// A world whose tracker is Linear's twin: a workspace that has let us in by the walk through OAuth, and a real server.

import { afterEach, expect } from 'vitest'
import { createLinearTwin, type LinearTwin } from '../twins/linear.ts'
import { freePort } from '../../src/cli/demo/server.ts'
import { createWorld, type World, type WorldOptions } from './harness.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

export interface LinearWorld {
  world: World
  twin: LinearTwin
}

/** `tracker` of a configuration. */
export function linearSettings(twin: LinearTwin) {
  const { clientId, clientSecret, webhookSecret } = twin.app
  const keys = { clientId, clientSecret, webhookSecret, tokenKey: 'a key of the tests that is long enough' }
  return { kind: 'linear', apiUrl: twin.apiUrl, authorizeUrl: `${twin.url}/oauth/authorize`, ...keys }
}

/** The walk through OAuth, as a person takes it. */
export async function letIn(world: World, twin: LinearTwin, workspace = 'acme'): Promise<void> {
  const { stdout } = await world.run('connect', 'linear', '--no-wait', '--json')
  const page = await fetch(await twin.oauth.approve((JSON.parse(stdout) as { url: string }).url, { workspace }))
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining(`${workspace} is connected`)])
}

/** A workspace that has let us in, and a server that it tells everything. `second` names another one, which nobody has let us into yet. */
export async function connected(
  options: { webhooks?: boolean; world?: WorldOptions; more?: object; second?: string } = {},
): Promise<LinearWorld> {
  const { webhooks = true } = options
  const port = await freePort()
  const address = `http://127.0.0.1:${port}`
  const twin = await createLinearTwin({
    workspaces: [
      { name: 'acme', teams: [{ key: 'ENG', name: 'Engineering' }] },
      ...(options.second ? [{ name: options.second, teams: [{ key: 'OPS', name: 'Operations' }] }] : []),
    ],
    app: { redirectUris: [`${address}/oauth/linear/callback`], webhookUrl: webhooks ? `${address}/webhooks/linear` : undefined },
  })
  const world = createWorld({ port, ...options.world })
  world.writeConfig({
    tracker: linearSettings(twin),
    webhooks,
    // Where webhooks come nothing is asked for: what becomes known was told.
    polling: webhooks ? { shortest: '1h', longest: '1h' } : { shortest: '200ms', longest: '1s', everyone: 1 },
    ...options.more,
  })
  open.push(
    () => twin.close(),
    () => world.close(),
    () => twin.idle(),
  )
  await world.start()
  await letIn(world, twin)
  return { world, twin }
}
