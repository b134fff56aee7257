// What a callback effect has taken and what it has said: neither may be lost, whichever commit a kill comes after.

import { expect, test } from 'vitest'
import { assign, fromCallback, sendTo, setup } from 'xstate'
import { createSystem, defineActor, virtualClock } from '../../../../src/actors/system/index.ts'
import { memoryStore } from '../../../../src/persistence/memory-store.ts'

type Say = { type: 'say'; n: number }

const speaker = setup({
  types: { events: {} as Say | { type: 'said'; n: number }, context: {} as { said: number[]; undelivered: number[] } },
  actors: { radio: fromCallback<Say>(() => {}) },
}).createMachine({
  context: { said: [], undelivered: [] },
  initial: 'on',
  states: {
    on: {
      invoke: {
        src: 'radio',
        id: 'radio',
        onError: {
          target: 'off',
          actions: assign({
            undelivered: ({ event }) => (event.error as { undelivered: Say[] }).undelivered.map((say) => say.n),
          }),
        },
      },
      on: {
        say: { actions: sendTo('radio', ({ event }) => event) },
        said: { actions: assign({ said: ({ context, event }) => [...context.said, event.n] }) },
      },
    },
    off: {},
  },
})
const actors = { speaker: defineActor(speaker, { version: 1 }) }

test('a message to an effect that has failed, sent before the parent knows, comes back with the failure', async () => {
  const clock = virtualClock()
  const radio = fromCallback<Say>(({ receive }) =>
    receive((() => {
      throw new Error('out of order')
    }) as never),
  )
  const system = await createSystem({ store: memoryStore(), actors, effects: { radio: { logic: radio } }, clock, limits: { steps: 1 } })
  void system.spawn('speaker', '1')
  await clock.settle()
  void system.ref('speaker/1').send({ type: 'say', n: 1 })
  void system.ref('speaker/1').send({ type: 'say', n: 2 })
  await clock.settle()
  expect((await system.ref('speaker/1').snapshot()).context).toMatchObject({ undelivered: [1, 2] })
})

test('an acknowledgement is committed with what the effect said before it', async () => {
  const clock = virtualClock()
  const store = memoryStore()
  const radio = fromCallback<Say>(({ receive, sendBack }) => receive(({ n }) => sendBack({ type: 'said', n })))
  const seen: { owed: number; said: number }[] = []
  const system = await createSystem({
    store,
    actors,
    effects: { radio: { logic: radio } },
    clock,
    limits: { steps: 1 },
    faultPoint(point) {
      if (point !== 'commit:after') return
      const [effect] = store.effects()
      const snapshot = store.actor('speaker/1')?.snapshot
      if (effect && snapshot)
        seen.push({
          owed: store.messages(effect.id).length,
          said: (JSON.parse(snapshot) as { context: { said: number[] } }).context.said.length,
        })
    },
  })
  for (const id of ['1', '2', '3']) void system.spawn('speaker', id)
  await clock.settle()
  seen.length = 0
  for (const id of ['1', '2', '3']) void system.ref(`speaker/${id}`).send({ type: 'say', n: 1 })
  await clock.settle()
  expect(seen.at(0)).toEqual({ owed: 1, said: 0 })
  expect(seen.at(-1)).toEqual({ owed: 0, said: 1 })
  for (const { owed, said } of seen) expect(owed + said).toBe(1)
})
