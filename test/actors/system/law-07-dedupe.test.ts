import { assign } from 'xstate'
import { expect, test } from 'vitest'
import { chart, rig } from './rig.ts'

let broken = false
const counter = chart({
  id: 'counter',
  context: { n: 0 },
  initial: 'on',
  states: {
    on: {
      on: {
        ADD: { actions: assign({ n: ({ context }: any) => context.n + 1 }) },
        BOOM: {
          guard: () => {
            if (broken) throw new Error('boom')
            return true
          },
          actions: assign({ n: ({ context }: any) => context.n + 10 }),
        },
        END: 'off',
      },
    },
    off: { type: 'final' },
  },
})

test('law 7: a second event with the same key for the same actor is acknowledged and ignored', async () => {
  const it = await rig({ c: counter })
  await it.spawn('c', 'a')
  await it.spawn('c', 'b')
  expect(await it.send('c/a', 'ADD', 'k')).toMatchObject({ duplicate: false, seq: 3 })
  expect(await it.send('c/a', 'ADD', 'k')).toEqual({ duplicate: true, seq: null, ignored: null })
  expect(await it.send('c/a', 'ADD', 'other')).toMatchObject({ duplicate: false })
  expect(await it.send('c/b', 'ADD', 'k')).toMatchObject({ duplicate: false })
  expect([await it.context('c/a'), await it.context('c/b')]).toEqual([{ n: 2 }, { n: 1 }])
})

test('law 7: two of the same key in one turn count once, and both are acknowledged after the commit', async () => {
  const it = await rig({ c: counter })
  await it.spawn('c', 'a')
  let committed = false
  it.store.controls.onCommit = () => void (committed = true)
  const sent = Array.from({ length: 5 }, () => it.system.ref('c/a').send({ type: 'ADD' } as never, { key: 'k' }))
  for (const one of sent) void one.then(() => expect(committed).toBe(true))
  const receipts = await it.settled(Promise.all(sent))
  expect(receipts.map((r) => r.duplicate)).toEqual([false, true, true, true, true])
  expect(await it.context('c/a')).toEqual({ n: 1 })
})

test('law 7: keys outlive a restart, and go with the retention sweep', async () => {
  const it = await rig({ c: counter })
  await it.spawn('c', 'a')
  await it.send('c/a', 'ADD', 'k')
  await it.crash()
  expect(await it.send('c/a', 'ADD', 'k')).toMatchObject({ duplicate: true })
  const day = 24 * 3_600_000
  await it.clock.advance(14 * day)
  expect(it.system.sweep(it.clock.now() - 14 * day)).toBe(0)
  await it.clock.advance(1)
  expect(it.system.sweep(it.clock.now() - 14 * day)).toBe(1)
  expect(await it.send('c/a', 'ADD', 'k')).toMatchObject({ duplicate: false })
  expect(await it.context('c/a')).toEqual({ n: 2 })
})

test('law 7: a key that was swept is new again at once, in the process that took it first', async () => {
  const it = await rig({ c: counter })
  await it.spawn('c', 'a')
  await it.send('c/a', 'ADD', 'k')
  await it.clock.advance(1)
  expect(it.system.sweep(it.clock.now())).toBe(1)
  expect(await it.send('c/a', 'ADD', 'k')).toMatchObject({ duplicate: false })
  expect(await it.context('c/a')).toEqual({ n: 2 })
})

test('law 7: the key of an event that waits behind a fault is taken, before and after it is handled', async () => {
  const it = await rig({ c: counter })
  broken = true
  await it.spawn('c', 'a')
  await it.send('c/a', 'BOOM', 'boom')
  await it.send('c/a', 'ADD', 'k')
  expect(await it.send('c/a', 'ADD', 'k')).toMatchObject({ duplicate: true })
  expect(await it.send('c/a', 'BOOM', 'boom')).toMatchObject({ duplicate: true })
  await it.crash()
  broken = false
  await it.settled(it.system.ref('c/a').retryFaulted())
  expect(await it.send('c/a', 'ADD', 'k')).toMatchObject({ duplicate: true })
  expect(await it.context('c/a')).toEqual({ n: 11 })
})

test('law 7: keys are told apart whatever they hold', async () => {
  const it = await rig({ c: counter })
  await it.spawn('c', 'a')
  const keys = ['', ' ', '__proto__', 'constructor', '1 1', "'; DROP TABLE dedupe_key; --", '\u0000', 'é', 'e\u0301', 'x'.repeat(10_000)]
  for (const key of keys) expect(await it.send('c/a', 'ADD', key)).toMatchObject({ duplicate: false })
  for (const key of keys) expect(await it.send('c/a', 'ADD', key)).toMatchObject({ duplicate: true })
  expect(await it.context('c/a')).toEqual({ n: keys.length })
})

test('law 7: sweeping forgets finished actors with what is below them, from the memory of a running system too', async () => {
  const it = await rig({ c: counter })
  await it.spawn('c', 'a')
  await it.spawn('c', 'b')
  await it.send('c/a', 'ADD', 'k')
  await it.send('c/a', 'END')
  await it.clock.advance(1_000)
  expect(it.system.sweep(it.clock.now())).toBeGreaterThan(2)
  expect(it.system.ref('c/a').exists()).toBe(false)
  // Its id is free again, and nothing of the former actor is in the new one.
  await it.spawn('c', 'a')
  expect(await it.send('c/a', 'ADD', 'k')).toMatchObject({ duplicate: false })
  expect(await it.view('c/a')).toMatchObject({ status: 'active', context: { n: 1 } })
  expect(it.store.counts().actors).toBe(2)
})
