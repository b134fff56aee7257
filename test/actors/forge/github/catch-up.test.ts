// What was told while nobody listened, asked for part by part: what cannot be had of one keeps nothing of the others back.

import { afterEach, describe, expect, test } from 'vitest'
import type { Notice } from '../../../../src/actors/ports.ts'
import { createWorld, type World, type WorldOptions } from './fixture.ts'

const open: World[] = []
afterEach(async () => {
  for (const world of open.splice(0)) await world.close()
})

async function begin(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld(options)
  open.push(world)
  return world
}

/** What is said from now on is news: it was looked at two minutes ago. */
async function look({ forge, clock }: World): Promise<void> {
  clock.ahead -= 120_000
  ;(await forge.inlet.catchUp(new AbortController().signal)).seen()
  clock.ahead += 120_000
}

async function catchUp({ forge }: World): Promise<Notice[]> {
  const { notices, seen } = await forge.inlet.catchUp(new AbortController().signal)
  seen()
  return notices
}

const heard = (notices: readonly Notice[]) =>
  notices.flatMap((notice) => (notice.kind === 'fact' ? [`${notice.issue}: ${String(notice.event['text'])}`] : []))

describe('catching up', () => {
  test('hears of a project although another one cannot be reached, of which it is said once and which is asked again', async () => {
    const world = await begin({ second: 'zoo/web' })
    const { twin } = world
    const web = twin.repository('zoo/web')
    await twin.as('kim').push(web, 'theirs', { 'a.txt': 'x\n' })
    const theirs = await twin.as('kim').open(web, { head: 'theirs', base: 'main', title: 'Theirs', body: '' })
    await world.forge.adopt({ project: 'web', issue: 'issue-2', key: 'WEB-1', base: 'main', title: 'Theirs', link: String(theirs.number) })
    const { pull } = await world.open()
    const acme = [...twin.world.installations.values()].find(({ account }) => account.login === 'acme')!
    await look(world)
    twin.suspend(acme)
    world.restart({ webhooks: false })
    twin.as('kim').comment(pull, '@box one')
    twin.as('kim').comment(theirs, '@box two')
    expect(heard(await catchUp(world))).toEqual(['issue-2: two'])
    await catchUp(world)
    expect(world.logged.filter((line) => line.startsWith('app could not be caught up with (comments)'))).toEqual([
      expect.stringMatching(/is suspended\. Its owner lifts that at http/) as string,
    ])
    twin.suspend(acme, false)
    // What was heard a minute ago is told again, under the same name.
    expect(heard(await catchUp(world))).toEqual(['issue-1: one', 'issue-2: two'])
  })

  test('hears comments although deliveries cannot be had again, and has those again that can', async () => {
    const world = await begin()
    const { twin } = world
    const { pull } = await world.open()
    await look(world)
    twin.as('kim').comment(pull, '@box go on')
    await twin.settled()
    const listed = twin.faults.add({ match: ({ route }) => route === '/app/hook/deliveries', status: 403, times: Infinity })
    expect(heard(await catchUp(world))).toEqual(['issue-1: go on'])
    expect(world.logged.filter((line) => line.startsWith('GitHub could not be caught up with (deliveries)'))).toHaveLength(1)
    listed()
    const missed = twin.deliveries.length
    twin.faults.add({ match: ({ route }) => route === '/app/hook/deliveries/{delivery_id}/attempts', status: 422 })
    twin.as('kim').comment(pull, '@box and on')
    await twin.settled()
    expect(heard(await catchUp(world))).toContain('issue-1: and on')
    await twin.settled()
    expect(twin.deliveries.slice(missed).filter(({ redelivery }) => redelivery).length).toBeGreaterThan(0)
  })
})
