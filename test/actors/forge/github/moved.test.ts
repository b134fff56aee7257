// A repository with another name or another owner, and an installation that is another one: the work goes on, whoever tells of it.

import { afterEach, describe, expect, test } from 'vitest'
import { createWorld, type World } from './fixture.ts'

let world: World
afterEach(() => world.close())

const app = () => [...world.twin.world.apps.values()].find(({ slug }) => slug === 'box')!
const installationAt = (owner: string) => [...world.twin.world.installations.values()].find(({ account }) => account.login === owner)!
const row = () => world.database.prepare('SELECT full_name, installation_id FROM github_repository').get()
/** The words of a comment that was made now, as they are found by asking. */
async function heard(comment: () => void): Promise<unknown[]> {
  const { inlet } = world.forge
  const { signal } = new AbortController()
  world.clock.ahead -= 120_000
  ;(await inlet.catchUp(signal)).seen()
  world.clock.ahead += 120_000
  comment()
  const { notices } = await inlet.catchUp(signal)
  return notices.map((notice) => notice.kind === 'fact' && notice.event['text'])
}

describe.each(['webhooks', 'polling alone'])('with %s', (how) => {
  const told = async (): Promise<void> => void (how === 'webhooks' && (await world.read()))

  test('a repository that moves to another owner takes its pull requests along', async () => {
    world = await createWorld()
    const { twin, repository, forge } = world
    const { number, head, pull } = await world.open()
    twin.install(app(), 'zoo')
    await twin.settled()
    await world.read()
    // Everything is known and in use before, a moment ago.
    await world.facts(number)
    world.clock.ahead += 1_000
    twin.as('root').transferRepository(repository, 'zoo')
    await told()
    expect(await world.facts(number)).toMatchObject({ number, headSha: head })
    expect(row()).toEqual({ full_name: 'zoo/app', installation_id: installationAt('zoo').id })
    const next = await world.commit('c.txt', 'c\n', head)
    expect((await forge.publish(world.input(next, { expected: head }))).url).toContain('/zoo/app/pull/')
    expect(pull.head.sha).toBe(next)
    if (how === 'polling alone') expect(await heard(() => twin.as('kim').comment(pull, '@box go on'))).toEqual(['go on'])
  })

  test('git is the first to notice that a repository has moved', async () => {
    world = await createWorld()
    const { twin, repository, forge } = world
    const { head, pull } = await world.open()
    twin.install(app(), 'zoo')
    await twin.settled()
    await world.read()
    await world.facts()
    twin.as('root').transferRepository(repository, 'zoo')
    await told()
    await twin.as('kim').push(repository, 'main', { 'theirs.txt': 'x\n' })
    await forge.refresh('app')
    const next = await world.commit('c.txt', 'c\n', head)
    await forge.publish(world.input(next, { expected: head }))
    expect(pull.head.sha).toBe(next)
  })

  test('a repository with another name is the same one, and the one that has its name now is none of ours', async () => {
    world = await createWorld()
    const { twin, repository, forge } = world
    const { number, head, pull } = await world.open()
    twin.as('root').renameRepository(repository, 'shop')
    await told()
    expect(await heard(() => twin.as('kim').comment(pull, '@box go on'))).toEqual(['go on'])
    await twin.createRepository({ name: 'acme/app' })
    expect(await world.facts(number)).toMatchObject({ number, headSha: head })
    const next = await world.commit('c.txt', 'c\n', head)
    expect((await forge.publish(world.input(next, { expected: head }))).url).toContain('/acme/shop/pull/')
    expect(pull.head.sha).toBe(next)
  })

  test('a repository that moves to where the App is not installed waits for that, and goes on then', async () => {
    world = await createWorld()
    const { twin, repository } = world
    const { number, head } = await world.open()
    await told()
    twin.as('root').transferRepository(repository, 'zoo')
    await told()
    for (const asked of [() => world.facts(number), () => world.forge.refresh('app')])
      await expect(asked()).rejects.toMatchObject({
        code: 'github-not-installed',
        message: expect.stringContaining('Install it: http') as string,
      })
    twin.install(app(), 'zoo')
    await told()
    world.clock.ahead += 1_000
    expect(await world.facts(number)).toMatchObject({ number, headSha: head })
    expect(row()).toEqual({ full_name: 'zoo/app', installation_id: installationAt('zoo').id })
  })

  test('an App that is taken out and let in again goes on', async () => {
    world = await createWorld()
    const { twin } = world
    const { number, head } = await world.open()
    twin.uninstall(installationAt('acme'))
    await told()
    await expect(world.facts(number)).rejects.toMatchObject({
      code: 'github-not-installed',
      message: expect.stringContaining('not installed on acme/app. Install it: http') as string,
    })
    twin.install(app(), 'acme')
    await told()
    expect(await world.facts(number)).toMatchObject({ headSha: head })
    expect(row()).toEqual({ full_name: 'acme/app', installation_id: installationAt('acme').id })
  })
})

test('a name that another repository has by now is noticed by the first answer that makes no sense', async () => {
  world = await createWorld()
  const { twin, repository } = world
  const { number, head } = await world.open()
  twin.as('root').renameRepository(repository, 'shop')
  await twin.createRepository({ name: 'acme/app' })
  await world.facts(number).catch(() => {})
  expect(await world.facts(number)).toMatchObject({ number, headSha: head, url: expect.stringContaining('/acme/shop/') as string })
})

test('an installation that is not found by the number of its repository is found by the name', async () => {
  world = await createWorld()
  const { twin } = world
  const { number, head } = await world.open()
  twin.faults.add({ match: ({ path }) => /\/repositories\/\d+\/installation$/.test(path), status: 404, times: Infinity })
  world.restart()
  expect(await world.facts(number)).toMatchObject({ number, headSha: head })
  const asked = twin.requests.filter(({ path }) => path.endsWith('/installation')).map(({ path }) => path)
  expect(asked.slice(-2)).toEqual([expect.stringContaining('/repositories/'), expect.stringContaining('/repos/acme/app/')])
})
