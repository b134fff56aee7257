// `signalbox connect github` against GitHub's twin: as whom we come, where we are let in, and what is to be done where we are not.

import { expect, test } from 'vitest'
import { hosted } from './github.ts'
import { createWorld, type World } from './harness.ts'

const connect = async (world: World) => {
  const { code, stdout, stderr } = await world.run('connect', 'github', '--json')
  return { code, stderr, document: stdout === '' ? null : (JSON.parse(stdout) as Record<string, any>) }
}

test('an App: its installations, each project with the one that it is reached by, and where to install it', async () => {
  const { world, twin } = await hosted({ second: 'zoo/web' })
  const [acme, zoo] = [...twin.world.installations.values()]
  const url = `${twin.url}/apps/signalbox/installations/new`
  expect(await connect(world)).toMatchObject({
    code: 0,
    document: {
      ...{ provider: 'github', kind: 'app', name: 'signalbox', url },
      installations: [
        { id: acme!.id, account: 'acme', repositories: 'all', suspended: false, missing: [] },
        { id: zoo!.id, account: 'zoo', repositories: 'all', suspended: false, missing: [] },
      ],
      projects: [
        { project: 'app', repository: 'acme/app', installation: acme!.id, connected: true, reason: null },
        { project: 'web', repository: 'zoo/web', installation: zoo!.id, connected: true, reason: null },
      ],
    },
  })

  twin.setPermissions(acme!, { contents: 'read', pull_requests: 'write', checks: 'write' })
  twin.suspend(zoo!)
  const second = await connect(world)
  expect(second).toMatchObject({
    code: 3,
    document: {
      installations: [{ missing: ['contents: write'] }, { suspended: true }],
      projects: [
        { connected: false, reason: expect.stringContaining('lacks contents: write') as string },
        { connected: false, reason: expect.stringContaining('is suspended') as string },
      ],
    },
  })

  twin.uninstall(zoo!)
  twin.setRepositories(acme!, [])
  expect(await connect(world)).toMatchObject({
    code: 3,
    document: {
      installations: [{ account: 'acme', repositories: 'selected' }],
      projects: [
        {
          installation: null,
          connected: false,
          reason: expect.stringContaining(`not installed on acme/app. Install it: ${url}`) as string,
        },
        { installation: null, connected: false, reason: expect.stringContaining('not installed on zoo/web') as string },
      ],
    },
  })
  const { code, stdout } = await world.run('connect', 'github', '--no-open')
  expect([code, stdout]).toEqual([3, expect.stringContaining(url)])
  expect(stdout).toMatch(/signalbox .*App[^]*acme[^]*selected[^]*app[^]*not installed on acme\/app/)
})

test('a token: whose it is, and which repositories it shows', async () => {
  const { world, twin } = await hosted({ second: 'zoo/web', token: true })
  const about = { kind: 'token', name: 'root', url: null, installations: [] }
  expect(await connect(world)).toMatchObject({
    code: 3,
    document: {
      ...about,
      projects: [
        { repository: 'acme/app', installation: null, connected: true },
        { repository: 'zoo/web', connected: false, reason: expect.stringContaining('does not show it to us') as string },
      ],
    },
  })
  twin.setRole(twin.repository('zoo/web'), 'root', 'write')
  expect(await connect(world)).toMatchObject({ code: 0, document: { ...about, projects: [{ connected: true }, { connected: true }] } })
})

test('credentials that GitHub does not take are an error, and so is a forge that is another', async () => {
  const { world, twin } = await hosted()
  twin.world.apps.clear()
  expect(await connect(world)).toMatchObject({ code: 1, stderr: expect.stringContaining('forge.appId') as string, document: null })
  const other = createWorld()
  try {
    expect(await connect(other)).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing to connect with github') as string })
  } finally {
    await other.close()
  }
})
