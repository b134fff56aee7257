// What `doctor` finds between us and GitHub.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Delivery } from '../../../twins/github.ts'
import { createWorld, doctor, permissions, secret, type World } from './fixture.ts'

let world: World
beforeAll(async () => {
  world = await createWorld({ autoMerge: true })
})
afterAll(() => world.close())

type More = Parameters<typeof doctor>[1]

const appOfWorld = () => [...world.twin.world.apps.values()].find(({ slug }) => slug === 'box')!

const findings = (more: More = {}) => doctor(world, more)

const found = async (more: More = {}) => (await findings(more)).map(({ level, what, message }) => `${level} ${what}: ${message}`)

test('all is well, and who lands', async () => {
  const lines = await found()
  expect(lines.filter((line) => line.startsWith('fail'))).toEqual([])
  expect(lines).toEqual(
    expect.arrayContaining(['pass GitHub App: is box', 'pass project app: is acme/app', "pass project app: GitHub's auto-merge lands"]),
  )
})

test('a key that is none, a token that is none, a repository that is not there', async () => {
  expect((await found({ settings: { privateKey: secret('nonsense') } })).join()).toMatch(/^fail GitHub App: .*private key/)
  expect((await found({ settings: { appId: null, privateKey: null, token: secret('ghp_wrong') } })).join()).toMatch(/^fail GitHub token: /)
  expect((await found({ project: { repo: 'acme/nowhere' } })).join('\n')).toMatch(/fail project app: .*not installed on acme\/nowhere/)
  expect((await found({ project: { repo: '/home/kim/app' } })).join('\n')).toMatch(/fail project app: .*no repository at/)
})

test('a clock that is off, a base branch that is missing, a webhook that goes elsewhere', async () => {
  expect((await found({ now: 120_000 })).join('\n')).toMatch(/fail clock: is 1\d\d s off/)
  expect((await found({ project: { baseBranch: 'trunk' } })).join('\n')).toContain('fail project app: has no branch trunk')
  expect((await found({ publicUrl: 'https://box.example' })).join('\n')).toContain(
    'warn GitHub webhook: goes to http://127.0.0.1:9/, not to https://box.example/webhooks/github',
  )
})

test('a required check that nobody reports, and a lander that is not there', async () => {
  world.twin.ruleset(world.repository, 'main', { requiredChecks: [{ context: 'unit' }] })
  expect((await found()).join('\n')).toContain('warn project app: the required unit has not been reported lately')
  await world.twin.as('root').status(world.repository, world.branch('main')!, 'unit', 'success')
  expect((await found()).join('\n')).toContain('pass project app: requires unit')
  expect((await found({ project: { landing: { lander: 'merge_queue' } } })).join('\n')).toContain(
    'fail project app: its base branch has no merge queue',
  )
  expect((await found({ project: { landing: { lander: 'external' } } })).join('\n')).toContain(
    'warn project app: no check merge-steward/queue has been reported',
  )
})

test('permissions that are needed, and those without which something is left out', async () => {
  const installation = [...world.twin.world.installations.values()].find(({ app }) => app.slug === 'box')!
  world.twin.setPermissions(installation, { ...permissions, pull_requests: 'read' })
  expect((await found()).join('\n')).toMatch(/fail project app: .*pull_requests: write/)
  const { actions: _actions, ...others } = permissions
  world.twin.setPermissions(installation, others)
  expect((await found()).join('\n')).toContain(
    'warn project app: the App lacks the permission actions: write; logs of failed jobs are not read',
  )
})

test('what a token of a user may do, as far as GitHub tells it', async () => {
  const of = async (login: string, scopes?: string[]): Promise<string[]> => {
    const settings = { appId: null, privateKey: null, token: secret(world.twin.userToken(login, scopes)) }
    return (await found({ settings })).filter((line) => / project app: .*(?:push|scope)/.test(line))
  }
  expect(await of('root')).toEqual([])
  expect(await of('root', ['repo', 'workflow'])).toEqual([])
  world.twin.setRole(world.repository, 'reader', 'read')
  expect(await of('reader')).toEqual(['fail project app: the user of the token may not push there'])
  expect(await of('root', ['public_repo', 'workflow'])).toEqual(['fail project app: the token lacks the scope repo'])
  expect(await of('root', ['read:org'])).toEqual([
    'fail project app: the token lacks the scope repo',
    'warn project app: the token lacks the scope workflow; a change of a workflow file cannot be pushed',
  ])
  world.repository.private = false
  onTestFinished(() => void (world.repository.private = true))
  expect(await of('root', ['public_repo', 'workflow'])).toEqual([])
})

describe('of the webhook it says', () => {
  const ours = async (more: More = {}) => (await findings(more)).filter(({ what }) => what === 'GitHub webhook')
  const token = { appId: null, privateKey: null, token: secret('') }

  const deliveries = () => world.twin.deliveries as Delivery[]

  /** The App's webhook goes to a server that answers with these, one after the other, and for ever with the last. */
  async function answering(...statuses: number[]) {
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(statuses.length > 1 ? statuses.shift()! : statuses[0]!).end()
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const publicUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    world.twin.setWebhook(appOfWorld(), { url: `${publicUrl}/webhooks/github`, secret: 'secret' })
    return publicUrl
  }
  /** GitHub tells the App of something, as often as there are answers to it; none of before is known any more. */
  async function told(times = 1) {
    deliveries().splice(0)
    for (let n = 0; n < times; n++) {
      await world.twin.as('root').status(world.repository, world.branch('main')!, 'unit', 'success')
      await world.twin.settled()
    }
  }

  test('that its secret is missing here, or at GitHub', async () => {
    expect(await ours({ settings: { webhookSecret: null } })).toMatchObject([
      { level: 'fail', message: expect.stringContaining('forge.webhookSecret is not set'), remedy: expect.stringContaining('at GitHub') },
    ])
    const publicUrl = await answering(200)
    world.twin.setWebhook(appOfWorld(), { url: `${publicUrl}/webhooks/github`, secret: '' })
    await told(0)
    expect(await ours({ publicUrl })).toMatchObject([
      { level: 'pass' },
      { level: 'fail', message: expect.stringContaining('no secret at GitHub'), remedy: expect.stringContaining('forge.webhookSecret') },
    ])
  })

  test('that it has no address, and where it goes while ours is not known', async () => {
    world.twin.setWebhook(appOfWorld(), { url: '', secret: 'secret' })
    await told(0)
    expect(await ours()).toMatchObject([
      { level: 'warn', message: 'the App has no address for it', remedy: expect.stringContaining('http://127.0.0.1:9/webhooks/github') },
    ])
    const publicUrl = await answering(200)
    expect(await ours({ publicUrl: null })).toMatchObject([
      { level: 'warn', message: expect.stringContaining('server.publicUrl is not set'), remedy: expect.stringContaining(publicUrl) },
    ])
  })

  test('what the App does not subscribe to', async () => {
    const publicUrl = await answering(200)
    await told(0)
    const app = appOfWorld()
    const { events } = app
    app.events = events.filter((event) => event !== 'check_run' && event !== 'status')
    onTestFinished(() => void (app.events = events))
    expect(await ours({ publicUrl })).toMatchObject([
      { level: 'pass' },
      { level: 'warn', message: 'the App does not subscribe to check_run, status', remedy: expect.stringContaining('Subscribe') },
    ])
  })

  test('nothing where all is well', async () => {
    const publicUrl = await answering(200)
    await told(2)
    expect(await ours({ publicUrl })).toMatchObject([{ level: 'pass', message: `goes to ${publicUrl}/webhooks/github` }])
  })

  test('that the secrets differ where deliveries were refused with 401, and that later ones were taken', async () => {
    const publicUrl = await answering(401)
    await told(2)
    expect((await ours({ publicUrl }))[1]).toMatchObject({
      level: 'fail',
      message: expect.stringMatching(/2 of the last 2 deliveries failed with status 401.*: the secrets differ/),
      remedy: expect.stringContaining('forge.webhookSecret'),
    })
    const mended = await answering(401, 200)
    await told(2)
    expect((await ours({ publicUrl: mended }))[1]).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('later ones were taken'),
    })
  })

  test.each([
    [307, 'leads elsewhere'],
    [403, 'another name'],
    [404, 'no Signalbox'],
    [413, 'too large'],
    [415, 'application/json'],
    [422, 'refused'],
    [502, 'not reached'],
    [503, 'stopping'],
    [500, 'signalbox logs'],
  ])('what the status %i means', async (status, words) => {
    const publicUrl = await answering(status)
    await told()
    const [, finding, ...others] = await ours({ publicUrl })
    expect(finding).toMatchObject({ level: 'warn', message: expect.stringContaining(`status ${status}`), remedy: expect.any(String) })
    expect(`${finding!.message} ${finding!.remedy}`).toContain(words)
    expect(others).toEqual([])
  })

  test('that the address was not reached, or did not answer in time, each by itself', async () => {
    const publicUrl = await answering(200)
    world.twin.webhooks.drop(({ event }) => event === 'status', 1)
    await told(2)
    deliveries()[1]!.outcome = 'timeout'
    deliveries()[1]!.statusCode = 504
    const all = await ours({ publicUrl })
    expect(all.slice(1).map(({ message }) => message)).toEqual([
      expect.stringMatching(/^1 of the last 2 .*status 504 \(timed out\).*did not answer in time/),
      expect.stringMatching(/^1 of the last 2 .*status 0 \(failed to connect to host\).*not reached/),
    ])
  })

  test('what cannot be looked at with a token', async () => {
    const settings = { ...token, token: secret(world.twin.userToken('root')) }
    expect(await ours({ settings, publicUrl: 'https://box.example' })).toMatchObject([
      {
        level: 'warn',
        message: expect.stringContaining('with a token'),
        remedy: expect.stringMatching(/acme\/app.*https:\/\/box\.example\/webhooks\/github/),
      },
    ])
  })
})
