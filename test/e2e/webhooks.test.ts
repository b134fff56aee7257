// Whether an operator sees that webhooks do not arrive: what doctor and status say of a secret that differs, an address that leads nowhere,
// and deliveries that could not be handled.

import { createHmac } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/cli/doctor.ts'
import { checkWebhooks } from '../../src/cli/doctor-webhooks.ts'
import { loadConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/persistence/database.ts'
import { freePort } from '../../src/cli/demo/server.ts'
import { hosted } from './github.ts'
import type { World } from './harness.ts'
import { connected } from './linear.ts'

/** What doctor has to say of one thing; asked for itself, which takes less time than all that it looks at. */
const found = async (world: World, check: string): Promise<Finding[]> =>
  (await checkWebhooks(loadConfig({ cwd: world.folder, file: world.config }))).filter((one) => one.check === check)

function setPublicUrl(world: World, publicUrl: string): void {
  const config = JSON.parse(readFileSync(world.config, 'utf8')) as { server: object }
  writeFileSync(world.config, JSON.stringify({ ...config, server: { ...config.server, publicUrl } }))
}

test('a secret that differs shows in doctor and status, with what to do, until a genuine delivery comes', async () => {
  const { world, twin, repository } = await hosted()
  const app = [...twin.world.apps.values()].find(({ slug }) => slug === 'signalbox')!
  const { url, secret } = app.hook!
  const says = async (state: string) => {
    await twin.as('root').status(repository, repository.refs.get('refs/heads/main')!, state, 'success')
    await twin.settled()
  }
  expect(await found(world, 'github webhooks')).toEqual([
    {
      ...{ status: 'WARN', check: 'github webhooks', message: expect.stringContaining('none has come yet') },
      remedy: expect.stringContaining('signalbox start'),
    },
  ])

  twin.setWebhook(app, { url, secret: 'another' })
  await world.start()
  await says('one')
  const { stdout } = await world.run('doctor', '--json')
  const { checks } = JSON.parse(stdout) as { checks: Finding[] }
  expect(checks.filter(({ check }) => check === 'github webhooks')).toEqual([
    {
      status: 'WARN',
      check: 'github webhooks',
      message: expect.stringMatching(/refused \(invalid-signature\).*and no genuine one has come/),
      remedy: expect.stringContaining('forge.webhookSecret'),
    },
  ])
  expect(checks.find(({ check, status }) => check === 'github GitHub webhook' && status === 'FAIL')!.message).toContain(
    'the secrets differ',
  )
  const refused = await world.run('status')
  expect(refused).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/webhooks\/github.*refused \(invalid-signature\).*forge\.webhookSecret/s),
  })

  twin.setWebhook(app, { url, secret })
  await says('two')
  expect(await found(world, 'github webhooks')).toMatchObject([{ status: 'PASS', message: expect.stringContaining('the last one came') }])
  expect((await world.run('status')).stderr).not.toContain('webhook')
})

test('what was put aside shows in doctor, status and metrics', async () => {
  const { world, twin, repository } = await hosted()
  await world.start()
  await twin.as('root').status(repository, repository.refs.get('refs/heads/main')!, 'one', 'success')
  await twin.settled()
  const [nonsense] = twin.deliveries.filter(({ event }) => event === 'status')
  const { url, secret } = [...twin.world.apps.values()].find(({ slug }) => slug === 'signalbox')!.hook!
  const body = JSON.stringify({ ...(JSON.parse(nonsense!.body) as object), sha: 7 })
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
  const headers = { ...nonsense!.headers, 'X-GitHub-Delivery': 'nonsense', 'X-Hub-Signature-256': signature }
  expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(200)
  await expect
    .poll(async () => (await found(world, 'github webhooks')).at(-1), { timeout: 20_000 })
    .toMatchObject({ status: 'WARN', message: expect.stringMatching(/1 could not be handled.*status.*sha/), remedy: expect.any(String) })
  expect((await world.run('status')).stderr).toMatch(/1 could not be handled/)
  const metrics = await fetch(`${world.url}/metrics`, { headers: { authorization: `Bearer ${world.token}` } })
  expect(await metrics.text()).toContain('signalbox_deliveries_put_aside_total{provider="github"} 1\n')
})

test('doctor asks the public address, and says what may be wrong where it does not lead to the server', async () => {
  const { world } = await hosted()
  await world.start()
  setPublicUrl(world, world.url)
  expect(await found(world, 'public address')).toMatchObject([
    { status: 'PASS', message: expect.stringContaining(`${world.url}/webhooks/github`) },
  ])
  const nowhere = `http://127.0.0.1:${await freePort()}`
  setPublicUrl(world, nowhere)
  expect(await found(world, 'public address')).toMatchObject([
    {
      status: 'WARN',
      message: expect.stringMatching(new RegExp(`${nowhere}/webhooks/github.*could not be reached from here.*ECONNREFUSED`)),
      remedy: expect.stringContaining('own network'),
    },
  ])
  setPublicUrl(world, `${world.url}/elsewhere`)
  expect(await found(world, 'public address')).toMatchObject([{ status: 'WARN', message: expect.stringContaining('404') }])
  await world.stop()
  // What nobody listens behind cannot be told from what leads nowhere.
  expect(await found(world, 'public address')).toEqual([])
})

test("Linear's deliveries are known by the database where no server runs", async () => {
  const { world, twin } = await connected()
  await twin.idle()
  await world.stop()
  const database = openDatabase(`${world.data}/signalbox.db`)
  database.exec('DELETE FROM delivery')
  const none = await found(world, 'linear webhooks')
  expect(none).toMatchObject([{ status: 'WARN', message: expect.stringContaining('none has come yet') }])
  expect(none[0]!.remedy).toContain('change an issue')
  database.exec("INSERT INTO delivery (provider, id, event, received_at, handled_at) VALUES ('linear', '1', 'Issue', 1764000000000, 1)")
  database.close()
  expect(await found(world, 'linear webhooks')).toMatchObject([{ status: 'PASS', message: expect.stringContaining('2025-11-24') }])
})

test('a server that was started without webhooks is named as what takes none', async () => {
  const { world } = await hosted({ webhooks: false })
  await world.start()
  const config = JSON.parse(readFileSync(world.config, 'utf8')) as object
  writeFileSync(world.config, JSON.stringify({ ...config, webhooks: true }))
  expect(await found(world, 'github webhooks')).toMatchObject([
    { status: 'WARN', message: expect.stringContaining('takes none'), remedy: expect.stringContaining('Start it again') },
  ])
})
