// How deliveries are taken through: by lane in order, lanes beside each other, and again when they could not be handled.

import { expect, test } from 'vitest'
import { virtualClock } from '../../src/actors/system/index.ts'
import { createLanes, type Postponement } from '../../src/app/lanes.ts'
import type { StoredDelivery } from '../../src/persistence/deliveries.ts'

/** `5a` is the fifth delivery, of lane a. */
const toDelivery = (name: string): StoredDelivery => ({
  seq: Number.parseInt(name, 10),
  provider: 'github',
  id: name,
  event: 'push',
  lane: name.slice(-1),
  topic: null,
  receivedAt: 0,
  attempts: 0,
})

function createWorld(names: string[], handle: (batch: readonly StoredDelivery[], time: number) => Promise<Postponement | null>) {
  const clock = virtualClock()
  const stored = names.map(toDelivery)
  const batches: string[] = []
  const memory = { held: 0, most: 0 }
  const lanes = createLanes({
    next(after, limit) {
      const page = stored.filter(({ seq }) => seq > after).slice(0, limit)
      memory.held += page.length
      memory.most = Math.max(memory.most, memory.held)
      return page
    },
    handle: async (batch) => {
      batches.push(`${clock.now()}: ${batch.map(({ id }) => id).join(' ')}`)
      const postponement = await handle(batch, clock.now())
      memory.held -= postponement === null ? batch.length : batch.indexOf(postponement.from)
      return postponement
    },
    width: () => 16,
    clock,
  })
  return { clock, lanes, batches, memory, add: (name: string) => void stored.push(toDelivery(name)) }
}
test('a lane is handled in its order, one batch after the other, and lanes beside each other', async () => {
  const first = Promise.withResolvers<void>()
  const { clock, lanes, batches, add } = createWorld(['1a', '2b', '3a'], async (batch) => {
    if (batch[0]!.id === '1a') await first.promise
    return null
  })
  lanes.wake()
  await clock.settle()
  expect(batches).toEqual(['0: 1a 3a', '0: 2b'])
  add('4a')
  add('5b')
  lanes.wake()
  await clock.settle()
  expect(batches).toEqual(['0: 1a 3a', '0: 2b', '0: 5b'])
  first.resolve()
  await clock.settle()
  await lanes.idle()
  expect(batches).toEqual(['0: 1a 3a', '0: 2b', '0: 5b', '0: 4a'])
})

test('what could not be handled comes again with all that followed it, later each time, and holds up no other lane', async () => {
  const { clock, lanes, batches, add } = createWorld(['1a', '2a', '3b'], async (batch, time) => {
    const from = batch.find(({ id }) => id === '2a')
    return from !== undefined && time < 6_000 ? { from, retryAfter: 0 } : null
  })
  lanes.wake()
  await clock.settle()
  add('4a')
  add('5b')
  lanes.wake()
  await clock.advance(60_000)
  expect(batches).toEqual(['0: 1a 2a', '0: 3b', '0: 5b', '1000: 2a 4a', '3000: 2a 4a', '7000: 2a 4a'])
})

test('a provider that says when it may be asked again is not asked before', async () => {
  const { clock, lanes, batches } = createWorld(['1a'], async ([from], time) =>
    time < 90_000 ? { from: from!, retryAfter: 90_000 } : null,
  )
  lanes.wake()
  await clock.advance(300_000)
  expect(batches).toEqual(['0: 1a', '90000: 1a'])
})

test('many wait in the database, not in memory, and all of them have their turn', async () => {
  const names = Array.from({ length: 5_000 }, (_, n) => `${n + 1}${'abcdefgh'[n % 8]}`)
  const going = Promise.withResolvers<void>()
  const { clock, lanes, batches, memory } = createWorld(names, async () => {
    await going.promise
    return null
  })
  lanes.wake()
  const idle = lanes.idle()
  await clock.settle()
  expect(memory.held).toBe(2_000)
  going.resolve()
  await clock.settle()
  await idle
  expect([memory.most, memory.held]).toEqual([2_000, 0])
  expect(batches.flatMap((batch) => batch.split(' ').slice(1))).toHaveLength(5_000)
})

test('after a stop nothing more is begun, and what is under way is waited for', async () => {
  const going = Promise.withResolvers<void>()
  const { clock, lanes, batches, add } = createWorld(['1a', '2b'], async (batch) => {
    if (batch[0]!.id === '1a') await going.promise
    return batch[0]!.id === '2b' ? { from: batch[0]!, retryAfter: 1_000 } : null
  })
  lanes.wake()
  await clock.settle()
  let isStopped = false
  const stopping = lanes.stop().then(() => (isStopped = true))
  add('3c')
  lanes.wake()
  await clock.advance(60_000)
  expect([isStopped, batches.length]).toEqual([false, 2])
  going.resolve()
  await stopping
  expect(batches).toHaveLength(2)
})
