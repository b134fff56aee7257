import { assign, createMachine, fromPromise, raise, sendTo } from 'xstate'
import { expect, test } from 'vitest'
import { chart, rig } from './rig.ts'

const log = (text: (args: any) => string) => assign({ log: (args: any) => [...args.context.log, text(args)] })
const counter = () =>
  chart({
    id: 'counter',
    context: { n: 0, log: [] },
    on: {
      ADD: { actions: [assign({ n: ({ context }: any) => context.n + 1 }), log(({ event }) => String(event.i))] },
      BOOM: {
        actions: () => {},
        guard: () => {
          throw new Error('boom')
        },
      },
      SELF: { actions: sendTo(({ self }: any) => self, { type: 'SELF' }) },
    },
  })

test('law 1: an actor handles its events one by one in arrival order, whoever sends them', async () => {
  const { system, clock, spawn, context } = await rig({ counter: counter() })
  await spawn('counter', 'a')
  const sent = Array.from({ length: 800 }, (_, i) => system.ref('counter/a').send({ type: 'ADD', i } as never))
  await clock.settle()
  await Promise.all(sent)
  expect((await context('counter/a')).log).toEqual(Array.from({ length: 800 }, (_, i) => String(i)))
})

test('law 1: a flooded actor delays another by no more than one transaction (case 20)', async () => {
  const it = await rig({ counter: counter() }, { limits: { steps: 30 } })
  await it.spawn('counter', 'flooded')
  await it.spawn('counter', 'calm')
  const before = it.store.controls.commits
  const flood = Array.from({ length: 1_500 }, (_, i) => it.system.ref('counter/flooded').send({ type: 'ADD', i } as never))
  let commits = -1
  const calm = it.system
    .ref('counter/calm')
    .send({ type: 'ADD', i: 1 } as never)
    .then(() => (commits = it.store.controls.commits - before))
  await it.clock.settle()
  await Promise.all([...flood, calm])
  expect(commits).toBe(1)
  expect(it.store.controls.commits - before).toBeGreaterThan(40)
})

test('law 1: an actor that sends itself for ever starves nobody, and its steps of one commit are bounded', async () => {
  const it = await rig({ counter: counter() }, { limits: { steps: 50 } })
  await it.spawn('counter', 'busy')
  await it.spawn('counter', 'calm')
  let rows = 0
  it.store.controls.onCommit = (batch) => {
    rows = Math.max(rows, batch.journal.length)
  }
  // Virtual turns would go on for ever: they are run one at a time here.
  const turns: (() => void)[] = []
  it.clock.defer = (turn) => void turns.push(turn)
  void it.system.ref('counter/busy').send({ type: 'SELF' } as never)
  let handled = false
  void it.system
    .ref('counter/calm')
    .send({ type: 'ADD', i: 1 } as never)
    .then(() => (handled = true))
  await it.clock.settle()
  for (let i = 0; i < 20; i++) {
    turns.shift()?.()
    await Promise.resolve()
  }
  expect(handled).toBe(true)
  expect(rows).toBeLessThanOrEqual(50)
  // It has gone on, and stopping it is possible all the same.
  expect((await it.journal('counter/busy')).length).toBeGreaterThan(500)
  const stopping = it.system.stop()
  for (let i = 0; i < 500; i++) {
    turns.shift()?.()
    await Promise.resolve()
  }
  await stopping
})

test('law 1: a faulted actor and one with a slow effect delay no other', async () => {
  const slow = chart(
    { id: 'slow', context: {}, initial: 'a', states: { a: { invoke: { id: 'p', src: 'never' } } } },
    { actors: { never: fromPromise(() => new Promise(() => {})) } },
  )
  const it = await rig({ counter: counter(), slow })
  await it.spawn('counter', 'bad')
  await it.spawn('counter', 'good')
  await it.spawn('slow', 's')
  await it.send('counter/bad', 'BOOM')
  expect((await it.view('counter/bad')).status).toBe('faulted')
  const before = it.store.controls.commits
  const sent = Array.from({ length: 50 }, (_, i) => [
    it.system.ref('counter/bad').send({ type: 'ADD', i } as never),
    it.system.ref('slow/s').send({ type: 'X' } as never),
    it.system.ref('counter/good').send({ type: 'ADD', i } as never),
  ])
  await it.clock.settle()
  await Promise.all(sent.flat())
  expect(it.store.controls.commits - before).toBe(1)
  expect((await it.context('counter/good')).n).toBe(50)
})

test("law 1: a step's own computing is bounded: an endless cascade of raises faults its actor alone", async () => {
  const loop = chart({ id: 'loop', context: {}, on: { GO: { actions: raise({ type: 'GO' }) } } })
  const it = await rig({ loop, counter: counter() })
  await it.spawn('loop', 'l')
  await it.spawn('counter', 'c')
  await it.send('loop/l', 'GO')
  const view = await it.view('loop/l')
  expect(view.status).toBe('faulted')
  expect(view.fault!.error.message).toContain('1000 microsteps')
  await it.send('counter/c', 'ADD')
  expect((await it.context('counter/c')).n).toBe(1)
})

test('law 1: a machine that bounds nothing itself is bounded too', async () => {
  const it = await rig({ m: createMachine({ initial: 'a', states: { a: { always: 'b' }, b: { always: 'a' } } }) })
  await it.spawn('m', '1')
  expect((await it.view('m/1')).fault!.error.message).toContain('1000 microsteps')
})
