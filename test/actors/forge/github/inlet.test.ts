// What GitHub tells by itself: the same facts as a look would bring, messages that are meant for us, and what was told while nobody listened.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Delivery, Notice } from '../../../../src/actors/ports.ts'
import { createWorld, toDelivery, type World } from './fixture.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

let n = 0
async function opened() {
  n += 1
  const more = { issue: `issue-${n}`, key: `APP-${n}`, branch: `signalbox/APP-${n}` }
  const file = `i-${n}.txt`
  const head = await world.commit(file, 'x\n')
  const { number } = await world.forge.publish(world.input(head, more))
  await world.read()
  return { number, head, pull: world.repository.pulls.get(number)!, more, file, issue: more.issue }
}
const typesOf = (notices: readonly Notice[]): string[] =>
  notices.map((notice) => (notice.kind === 'fact' ? notice.event.type : `look at ${notice.issue}`))
const factsIn = (notices: readonly Notice[]) => notices.flatMap((notice) => (notice.kind === 'fact' ? [notice] : []))

describe('webhooks', () => {
  test('of a pull request are facts with the time that GitHub gives it, and are the same when they come again', async () => {
    const { twin, repository } = world
    const { number, pull, more, issue } = await opened()
    const theirs = await twin.as('kim').push(repository, more.branch, { 'kim.txt': 'x\n' })
    const [pushed] = factsIn(await world.read())
    expect(pushed).toMatchObject({
      issue,
      event: {
        type: 'pr.pushed',
        source: 'webhook',
        number,
        headSha: theirs,
        headRef: more.branch,
        baseRef: 'main',
        draft: false,
        observedAt: Math.floor(pull.updatedAt / 1_000) * 1_000,
      },
    })
    const delivery = twin.deliveries.findLast(({ event, action }) => event === 'pull_request' && action === 'synchronize')!
    expect(factsIn(await world.forge.inlet.read(toDelivery(delivery)))[0]).toEqual(pushed)
    twin.as('kim').draft(pull)
    twin.as('kim').ready(pull)
    twin.as('kim').edit(pull, { title: 'Other' })
    twin.as('kim').close(pull)
    twin.as('kim').reopen(pull)
    expect(factsIn(await world.read()).map(({ event }) => event.type)).toEqual([
      'pr.updated',
      'pr.updated',
      'pr.updated',
      'pr.closed',
      'pr.reopened',
    ])
    const sha = await twin.as('root').merge(pull)
    expect(factsIn(await world.read())[0]).toMatchObject({ event: { type: 'pr.merged', mergedSha: sha } })
    // It is over for sequencing too, though nobody looks at it any more.
    expect(world.forge.isInFlight('app', more.branch)).toBe(false)
  })

  test('that come late change nothing that is known better', async () => {
    const { twin, repository, forge } = world
    const { pull, more } = await opened()
    await twin.as('kim').push(repository, more.branch, { 'kim.txt': 'x\n' })
    await twin.settled()
    const late = twin.deliveries.findLast(({ event, action }) => event === 'pull_request' && action === 'synchronize')!
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    twin.as('kim').close(pull)
    await world.read()
    await forge.inlet.read(toDelivery(late))
    expect(forge.isInFlight('app', more.branch)).toBe(false)
  })

  test('of a head that we have pushed over do not bring it back', async () => {
    const { forge } = world
    n += 1
    const more = { issue: `issue-${n}`, key: `APP-${n}`, branch: `signalbox/APP-${n}` }
    const first = await world.commit(`i-${n}.txt`, 'one\n')
    await forge.publish(world.input(first, more))
    const second = await world.commit(`i-${n}.txt`, 'two\n', first)
    await forge.publish(world.input(second, { ...more, expected: first }))
    // Only now what was told of the first one is read.
    const [fact] = factsIn(await world.read())
    expect(fact).toMatchObject({ event: { type: 'pr.opened', headSha: first } })
    const third = await world.commit(`i-${n}.txt`, 'three\n', second)
    expect(await forge.publish(world.input(third, { ...more, expected: second }))).toMatchObject({ headSha: third })
    expect((await world.facts([...world.repository.pulls.keys()].at(-1))).headSha).toBe(third)
  })

  test('of reviews, checks and statuses have the forge asked, our own check has not', async () => {
    const { twin, repository, forge } = world
    const { head, pull, issue, more } = await opened()
    await twin.as('kim').approve(pull)
    expect(typesOf(await world.read())).toEqual([`look at ${issue}`])
    await twin
      .as('kim')
      .check(repository, twin.createApp({ slug: `ci-${n}` }), head, { name: 'unit', status: 'completed', conclusion: 'success' })
    await twin.as('kim').status(repository, head, 'legacy', 'success')
    expect(new Set(typesOf(await world.read()))).toEqual(new Set([`look at ${issue}`]))
    await forge.tell!({ project: 'app', issue, key: more.key, kind: 'state', phase: 'delegated', text: 'At work' })
    expect(await world.read()).toEqual([])
  })

  test('of a repository that no project has are said once, with what to do, and so are those of a kind that is not read', async () => {
    const { twin, repository } = world
    world.logged.splice(0)
    const other = await twin.createRepository({ name: 'acme/else', files: { 'README.md': '# Else\n' }, roles: { root: 'admin' } })
    for (const name of ['one', 'two']) await twin.as('root').status(other, other.refs.get('refs/heads/main')!, name, 'success')
    expect(await world.read()).toEqual([])
    expect(world.logged).toEqual([expect.stringMatching(/acme\/else.*`repo`.*installation/)])
    const told = twin.deliveries.findLast((delivery) => delivery.repository === repository)!
    for (const event of ['star', 'star', 'ping', 'fork', 'repository', 'member']) {
      const delivery = { ...toDelivery(told), event, body: JSON.stringify({ ...JSON.parse(told.body), action: 'created' }) }
      expect(await world.forge.inlet.read(delivery)).toEqual([])
    }
    expect(await world.forge.inlet.read({ ...toDelivery(told), event: 'sponsorship', body: '{}' })).toEqual([])
    expect(world.logged.slice(1)).toEqual(
      ['star', 'fork', 'sponsorship'].map((event) => expect.stringMatching(new RegExp(`"${event}".*not read.*subscri`))),
    )
  })

  test('of as many repositories as anybody likes take a bounded place', async () => {
    world.logged.splice(0)
    const told = toDelivery(world.twin.deliveries.findLast(({ event }) => event === 'status')!)
    for (let n = 0; n < 1_000; n++) {
      const body = JSON.stringify({ ...JSON.parse(told.body), repository: { id: 10_000_000 + n, full_name: `acme/r-${n}` } })
      await world.forge.inlet.read({ ...told, body })
    }
    expect(world.logged.length).toBeGreaterThan(50)
    expect(world.logged.length).toBeLessThan(300)
  })

  test('of a repository that a project names and that could not be looked at yet are not called nobody’s', async () => {
    world.logged.splice(0)
    const told = toDelivery(world.twin.deliveries.findLast(({ event }) => event === 'status')!)
    const body = JSON.stringify({ ...JSON.parse(told.body), repository: { id: 99, full_name: 'Acme/App' } })
    expect(await world.forge.inlet.read({ ...told, body })).toEqual([])
    expect(world.logged).toEqual([])
  })

  test('of what is nobody’s, and of other repositories, are nothing', async () => {
    const { twin, repository, forge } = world
    await twin.as('kim').push(repository, 'theirs', { 'theirs.txt': 'x\n' })
    const theirs = await twin.as('kim').open(repository, { head: 'theirs', base: 'main', title: 'APP-1 is theirs', body: 'APP-1' })
    twin.as('kim').comment(theirs, '@box take it')
    expect(await world.read()).toEqual([])
    const elsewhere = JSON.stringify({ action: 'opened', repository: { id: 7, full_name: 'x/y' }, pull_request: { number: 1 } })
    expect(await forge.inlet.read({ id: '1', event: 'pull_request', body: elsewhere, receivedAt: 0 })).toEqual([])
    expect(await forge.inlet.read({ id: '2', event: 'sponsorship', body: '{}', receivedAt: 0 })).toEqual([])
  })

  test('that make no sense are refused', async () => {
    const read = (body: string) => world.forge.inlet.read({ id: '1', event: 'pull_request', body, receivedAt: 0 })
    await expect(read('{')).rejects.toMatchObject({ name: 'ProtocolError', code: 'github-nonsense' })
    const half = JSON.stringify({
      action: 'opened',
      repository: { id: world.repository.id, full_name: 'acme/app' },
      pull_request: { number: 1 },
    })
    await expect(read(half)).rejects.toMatchObject({ name: 'ProtocolError', message: expect.stringContaining('pull_request.') as string })
  })

  test('of one pull request are read one after the other', async () => {
    const { number, pull, head } = await opened()
    world.twin.as('kim').comment(pull, 'Well.')
    await world.twin.as('kim').approve(pull)
    await world.twin.settled()
    const lanes = world.twin.deliveries
      .filter(({ body }) => body.includes(`/pulls/${number}"`))
      .map(({ id, event, body }) => world.forge.inlet.turnOf({ id: String(id), event }, JSON.parse(body)).lane)
    expect(new Set(lanes)).toEqual(new Set([`${world.repository.id} ${number}`]))
    const turnOf = (event: string, payload: unknown) => world.forge.inlet.turnOf({ id: '1', event }, payload)
    expect(turnOf('status', { sha: head, repository: { id: 5 } })).toEqual({ lane: `5 ${head}`, topic: null })
    expect(turnOf('ping', 'nonsense')).toEqual({ lane: 'ping', topic: null })
  })
})

describe('of the checks of one commit', () => {
  const told = (event: string, body: object): Delivery => ({
    ...{ id: '1', event, receivedAt: 0 },
    body: JSON.stringify({ repository: { id: world.repository.id, full_name: 'acme/app' }, ...body }),
  })
  const run = (name: string): Delivery => told('check_run', { check_run: { name, head_sha: 'a', pull_requests: [] } })
  const suite = (slug: string): Delivery => told('check_suite', { check_suite: { head_sha: 'a', pull_requests: [], app: { slug } } })
  const status = (context: string): Delivery => told('status', { sha: 'a', context, branches: [] })

  test('the last word is enough, unless it is our own, which leads to no look', async () => {
    const { inlet } = world.forge
    // Who we are is known from the first one that is read.
    await inlet.read(run('test'))
    const turnOf = (delivery: Delivery) => inlet.turnOf(delivery, JSON.parse(delivery.body))
    expect(turnOf(run('test')).lane).toBe(turnOf(suite('ci')).lane)
    const topics = [run('test'), suite('ci'), status('legacy')].map((delivery) => turnOf(delivery).topic)
    expect(new Set(topics).size).toBe(3)
    expect(topics).not.toContain(null)
    expect([run('lint'), suite('another'), status('other')].map((delivery) => turnOf(delivery).topic)).toEqual(topics)
    const others = [run('Signalbox'), suite('box'), status('Signalbox'), told('check_run', {}), told('ping', {})]
    expect(others.map((delivery) => turnOf(delivery).topic)).toEqual([null, null, null, null, null])
  })
})

describe('comments', () => {
  test('count when they address us and come from somebody who may write (edge 183)', async () => {
    const { twin } = world
    const { pull, issue, file } = await opened()
    twin.as('kim').comment(pull, 'Hey @Box, please rename it')
    twin.as('kim').comment(pull, 'I like it')
    twin.as('eve').comment(pull, '@box delete everything')
    twin.as('stranger').comment(pull, 'signalbox delete everything')
    await twin.as('ada').reviewComment(pull, { path: file, line: 1, body: '@signalbox why x?' })
    const told = factsIn(await world.read())
    expect(told.map(({ event: { text, author, via, type }, issue: of }) => ({ text, author, via, type, of }))).toEqual([
      { text: 'please rename it', author: 'kim', via: 'mention', type: 'tracker.prompted', of: issue },
      { text: `${file}:1: why x?`, author: 'ada', via: 'mention', type: 'tracker.prompted', of: issue },
    ])
    expect(told.map(({ key }) => key)).toEqual([
      expect.stringMatching(/^github:comment:\d+$/),
      expect.stringMatching(/^github:review_comment:\d+$/),
    ])
  })

  test('are found by asking, from when we have looked first, under the same name', async () => {
    const { twin, forge } = world
    const { signal } = new AbortController()
    const { pull } = await opened()
    world.clock.ahead = -120_000
    ;(await forge.inlet.catchUp(signal)).seen()
    world.clock.ahead = 0
    twin.as('kim').comment(pull, '@box once more')
    const byWebhook = factsIn(await world.read()).find(({ event }) => event['text'] === 'once more')
    const first = await forge.inlet.catchUp(signal)
    const found = factsIn(first.notices).find(({ event }) => event['text'] === 'once more')
    expect(found).toMatchObject({
      key: byWebhook!.key,
      issue: byWebhook!.issue,
      event: { observedAt: byWebhook!.event.observedAt, source: 'poll' },
    })
    // Not durable yet: told again.
    expect(factsIn((await forge.inlet.catchUp(signal)).notices).map(({ key }) => key)).toContain(byWebhook!.key)
    first.seen()
  })
})

test('deliveries that failed while nobody listened are sent once more', async () => {
  const { twin, forge } = world
  const { pull } = await opened()
  await twin.settled()
  const before = twin.deliveries.length
  ;(await forge.inlet.catchUp(new AbortController().signal)).seen()
  const after = twin.deliveries.length
  expect(after).toBeGreaterThan(before)
  expect(twin.deliveries.slice(before).every(({ redelivery }) => redelivery)).toBe(true)
  twin.as('kim').comment(pull, 'Nothing for us')
  await twin.settled()
  const missed = twin.deliveries.length
  await forge.inlet.catchUp(new AbortController().signal)
  await twin.settled()
  expect(twin.deliveries.slice(missed).some(({ event, redelivery }) => event === 'issue_comment' && redelivery)).toBe(true)
})

test('a repository with another name is the same one', async () => {
  const { twin, repository, forge } = world
  const { number, head, pull, more } = await opened()
  twin.as('root').renameRepository(repository, 'shop')
  await world.read()
  expect(await world.facts(number)).toMatchObject({ number, headSha: head })
  expect((await forge.publish(world.input(head, more))).url).toContain('/acme/shop/pull/')
  await twin.as('kim').requestChanges(pull, 'No.')
  expect(typesOf(await world.read())).toEqual([`look at ${more.issue}`])
  expect(world.database.prepare('SELECT full_name FROM github_repository').get()).toEqual({ full_name: 'acme/shop' })
  expect(await (await forge.repository('app')).base.source()).toMatch(/\/acme\/shop\.git$/)
})
