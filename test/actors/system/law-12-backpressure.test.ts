import { assign } from 'xstate'
import { expect, test } from 'vitest'
import { RetryableError } from '../../../src/errors.ts'
import { chart, rejection, rig } from './rig.ts'

const counter = chart({
  id: 'c',
  context: { n: 0 },
  on: {
    ADD: { actions: assign({ n: ({ context }: any) => context.n + 1 }) },
    BOOM: {
      guard: () => {
        throw new Error('boom')
      },
    },
  },
})

test('law 12: beyond the bound of the backlog send and spawn are refused with a time to try again; what was accepted is handled', async () => {
  const it = await rig({ c: counter }, { limits: { backlog: 10 } })
  await it.spawn('c', 'a')
  const sent = Array.from({ length: 10 }, () => it.system.ref('c/a').send({ type: 'ADD' } as never))
  const refused = [rejection(it.system.ref('c/a').send({ type: 'ADD' } as never)), rejection(it.system.spawn('c', 'b'))]
  expect(it.system.health()).toMatchObject({ backlog: 10, state: 'ready' })
  await it.clock.settle()
  await Promise.all(sent)
  for (const error of await Promise.all(refused)) {
    expect(error).toBeInstanceOf(RetryableError)
    expect(error).toMatchObject({ code: 'backlog-full', retryAfter: 1_000 })
  }
  expect((await it.context('c/a')).n).toBe(10)
  expect(it.system.ref('c/b').exists()).toBe(false)
  await it.send('c/a', 'ADD')
  await it.spawn('c', 'b')
})

test('law 12: what waits behind a fault is bounded too, for that actor alone, also after a restart', async () => {
  const it = await rig({ c: counter }, { limits: { backlog: 5 } })
  await it.spawn('c', 'bad')
  await it.spawn('c', 'good')
  await it.send('c/bad', 'BOOM')
  for (let i = 0; i < 4; i++) await it.send('c/bad', 'ADD')
  expect(await rejection(it.send('c/bad', 'ADD'))).toMatchObject({
    code: 'backlog-full',
    message: expect.stringContaining("fault of 'c/bad'"),
  })
  await it.send('c/good', 'ADD')
  await it.crash()
  expect(await rejection(it.send('c/bad', 'ADD'))).toMatchObject({ code: 'backlog-full' })
  await it.settled(it.system.ref('c/bad').skipFaulted())
  await it.send('c/bad', 'ADD')
  expect((await it.context('c/bad')).n).toBe(5)
})
