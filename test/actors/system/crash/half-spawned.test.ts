// Every commit boundary of a spawn: an actor without a snapshot always has its first event owed.

import { expect, test } from 'vitest'
import { createMachine } from 'xstate'
import { createSystem, defineActor, virtualClock } from '../../../../src/actors/system/index.ts'
import { memoryStore } from '../../../../src/persistence/memory-store.ts'

test('no commit holds an actor that would never start', async () => {
  const clock = virtualClock()
  const store = memoryStore()
  const lost: string[] = []
  const system = await createSystem({
    store,
    actors: { lamp: defineActor(createMachine({}), { version: 1 }) },
    clock,
    limits: { steps: 1 },
    faultPoint(point) {
      if (point !== 'commit:after') return
      for (const row of store.actors({ limit: 10 })) if (row.snapshot === null && store.inboxOf(row.id).length === 0) lost.push(row.address)
    },
  })
  const spawned = ['1', '2', '3'].map((id) => system.spawn('lamp', id))
  await clock.settle()
  await Promise.all(spawned)
  expect(lost).toEqual([])
  expect(store.counts().actors).toBe(3)
})
