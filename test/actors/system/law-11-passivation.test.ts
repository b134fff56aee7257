import { assign } from 'xstate'
import { expect, test } from 'vitest'
import { chart, rig } from './rig.ts'

const counter = chart({
  id: 'c',
  context: { n: 0, pad: 'x'.repeat(2_000) },
  on: { ADD: { actions: assign({ n: ({ context }: any) => context.n + 1 }) } },
})

test('law 11: with many actors the cache of snapshots stays within its bound, and every actor still answers', async () => {
  const limit = 200_000
  const it = await rig({ c: counter }, { limits: { cacheBytes: limit } })
  for (let i = 0; i < 20; i++) {
    const spawned = Array.from({ length: 100 }, (_, j) => it.system.spawn('c', `${i * 100 + j}`))
    await it.settled(Promise.all(spawned))
    expect(it.system.health().cachedBytes).toBeLessThanOrEqual(limit)
  }
  const order = Array.from({ length: 2_000 }, (_, i) => (i * 7) % 2_000)
  for (let i = 0; i < 2_000; i += 100) {
    await it.settled(Promise.all(order.slice(i, i + 100).map((j) => it.system.ref(`c/${j}`).send({ type: 'ADD' } as never))))
    expect(it.system.health().cachedBytes).toBeLessThanOrEqual(limit)
  }
  expect(it.system.health().cachedBytes).toBeGreaterThan(limit / 2)
  for (const j of [0, 999, 1_999]) expect((await it.context(`c/${j}`)).n).toBe(1)
})

test('law 11: without any cache everything still works, from committed bytes only', async () => {
  const it = await rig({ c: counter }, { limits: { cacheBytes: 0 } })
  await it.spawn('c', 'a')
  for (let i = 0; i < 5; i++) await it.send('c/a', 'ADD')
  expect((await it.context('c/a')).n).toBe(5)
  expect(it.system.health().cachedBytes).toBe(0)
})

test('law 11: what is read does not push out what is worked on', async () => {
  const it = await rig({ c: counter }, { limits: { cacheBytes: 20_000 } })
  await it.spawn('c', 'a')
  await it.spawn('c', 'b')
  const cached = it.system.health().cachedBytes
  for (let i = 0; i < 100; i++) await it.view('c/a')
  expect(it.system.health().cachedBytes).toBe(cached)
})
