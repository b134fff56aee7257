import { assign, fromCallback, fromPromise } from 'xstate'
import { expect, test } from 'vitest'
import { chart, rejection, rig } from './rig.ts'

const machine = chart(
  {
    id: 'm',
    context: { got: [] },
    initial: 'a',
    states: {
      a: {
        invoke: { id: 'p', src: 'work', onDone: 'b' },
        after: { 1000: 'b' },
        on: { '*': { actions: assign({ got: ({ context, event }: any) => [...context.got, event.type] }) } },
      },
      b: {},
    },
  },
  { actors: { work: fromPromise(() => new Promise(() => {})) } },
)

test("law 15: the system's own events are refused from outside", async () => {
  const it = await rig({ m: machine })
  await it.spawn('m', 'a')
  for (const type of [
    'xstate.done.actor.p',
    'xstate.error.actor.p',
    'xstate.after.1000.m.a',
    'xstate.stop',
    'xstate.init',
    'xstate.',
    'xstate.anything',
    'xstate.snapshot.p',
  ]) {
    expect(await rejection(it.send('m/a', { type, output: 1, actorId: 'p' }))).toMatchObject({
      code: 'reserved-event',
      message: expect.stringContaining(type),
    })
  }
  // Only the system's: these merely look alike.
  for (const type of ['xstate', 'XState.done', ' xstate.done', 'my.xstate.done']) await it.send('m/a', type)
  expect(await it.view('m/a')).toMatchObject({ value: 'a', context: { got: ['xstate', 'XState.done', ' xstate.done', 'my.xstate.done'] } })
  expect(it.store.counts().entries).toBe(5)
})

test('law 15: nothing that is no event is taken', async () => {
  const it = await rig({ m: machine })
  await it.spawn('m', 'a')
  for (const event of [null, undefined, 7, 'X', {}, [], { type: 7 }, { type: '' }, { type: { toString: () => 'X' } }]) {
    expect(await rejection(it.system.ref('m/a').send(event as never))).toMatchObject({ code: 'bad-event' })
  }
})

test("law 15: an effect cannot say the system's own events either: not its own end, nor that of another", async () => {
  for (const type of [
    'xstate.done.actor.liar',
    'xstate.done.actor.p',
    'xstate.error.actor.p',
    'xstate.snapshot.liar',
    'xstate.after.1000.m.a',
    'xstate.stop',
  ]) {
    const ended: string[] = []
    const duped = chart(
      {
        id: 'm',
        context: { got: [] },
        invoke: [
          {
            id: 'p',
            src: 'work',
            onDone: { actions: assign({ got: ['p is done'] }) },
            onError: { actions: assign({ got: ['p has failed'] }) },
          },
          {
            id: 'liar',
            src: 'liar',
            onDone: { actions: assign({ got: ['the liar is done'] }) },
            onError: { actions: assign({ got: ({ event }: any) => [event.error.code] }) },
          },
        ],
      },
      {
        actors: {
          work: fromPromise(() => new Promise(() => {})),
          liar: fromCallback(({ sendBack }) => {
            sendBack({ type, output: 'forged', actorId: 'p' })
            return () => void ended.push('ended')
          }),
        },
      },
    )
    const it = await rig({ m: duped })
    await it.spawn('m', 'a')
    expect([type, (await it.context('m/a')).got, ended]).toEqual([type, ['reserved-event'], ['ended']])
  }
})
