import { assign, fromPromise, sendParent, sendTo, setup, spawnChild, stopChild } from 'xstate'
import { beforeEach, expect, test } from 'vitest'
import { verify } from '../../../src/actors/system/index.ts'
import { chart, rejection, rig } from './rig.ts'

let broken = true
beforeEach(() => {
  broken = true
})
const fail = (): boolean => {
  if (broken) throw Object.assign(new Error('boom'), { code: 'bad-thing', detail: 7 })
  return true
}
const log = (text: string | ((args: any) => string)) =>
  assign({ log: (args: any) => [...args.context.log, typeof text === 'string' ? text : text(args)] })

const fragile = chart({
  id: 'fragile',
  context: { log: [] },
  initial: 'on',
  on: {
    ASSIGN: { actions: [log('before'), assign(() => (fail(), {}))] },
    NOTE: { actions: log(({ event }) => event.text) },
    SPEAK: { actions: sendParent({ type: 'SPOKEN' }) },
  },
  states: { on: { on: { GUARD: { guard: fail, actions: log('guarded') }, END: 'off' } }, off: { type: 'final' } },
})
const parent = chart(
  {
    id: 'parent',
    context: { log: [], n: 0 },
    entry: spawnChild('fragile', { id: 'f' }),
    on: {
      TELL: { actions: sendTo('f', ({ event }: any) => event.what) },
      STOP: { actions: stopChild('f') },
      AGAIN: { actions: [stopChild('f'), spawnChild('fragile', { id: 'f' })] },
      SPOKEN: { actions: log('spoken') },
      'xstate.error.actor.*': { actions: log(({ event }) => `error ${event.error.code}: ${event.error.cause}`) },
    },
  },
  { actors: { fragile } },
)

test('law 10: a throwing guard or assign faults that actor alone: rolled back, stored, told, its neighbours untouched', async () => {
  const it = await rig({ f: fragile })
  for (const id of ['a', 'b', 'c']) await it.spawn('f', id)
  const told: unknown[] = []
  it.system.ref('f/a').subscribe((view) => told.push(view.status))
  const sent = [
    it.system.ref('f/b').send({ type: 'NOTE', text: '1' } as never),
    it.system.ref('f/a').send({ type: 'ASSIGN' } as never),
    it.system.ref('f/c').send({ type: 'GUARD' } as never),
    it.system.ref('f/b').send({ type: 'NOTE', text: '2' } as never),
  ]
  const receipts = await it.settled(Promise.all(sent))
  expect(receipts[1]).toEqual({ seq: null, duplicate: false, ignored: null })
  expect(await it.view('f/a')).toMatchObject({
    status: 'faulted',
    context: { log: [] },
    fault: { entry: 'ASSIGN', at: 1_000_000, error: { name: 'Error', message: 'boom', code: 'bad-thing', detail: 7 } },
  })
  expect((await it.view('f/c')).fault!.error.message).toContain('boom')
  expect((await it.context('f/b')).log).toEqual(['1', '2'])
  expect(told).toEqual(['faulted'])
  expect(it.problems.map((p) => [p.code, p.address])).toEqual([
    ['actor-faulted', 'f/a'],
    ['actor-faulted', 'f/c'],
  ])
  expect(it.system.health().faulted).toEqual(['f/a', 'f/c'])
  // It is stored: another process sees it too.
  await it.crash()
  expect(it.system.health().faulted).toEqual(['f/a', 'f/c'])
  expect((await it.view('f/a')).fault!.error.code).toBe('bad-thing')
})

test('law 10: an error snapshot faults too', async () => {
  const machine = chart(
    { id: 'm', context: {}, invoke: { id: 'p', src: 'work' } },
    { actors: { work: fromPromise(() => Promise.reject(new Error('unhandled'))) } },
  )
  const it = await rig({ m: machine })
  await it.spawn('m', 'a')
  expect(await it.view('m/a')).toMatchObject({
    status: 'faulted',
    fault: { entry: 'xstate.error.actor.p', error: { message: 'unhandled' } },
  })
})

test('law 10: retryFaulted tries again; later events, accepted durably meanwhile, follow in order', async () => {
  const it = await rig({ f: fragile })
  await it.spawn('f', 'a')
  await it.send('f/a', 'ASSIGN')
  for (const text of ['1', '2']) await it.send('f/a', { type: 'NOTE', text })
  await it.crash()
  await it.send('f/a', { type: 'NOTE', text: '3' })
  // Still broken: it faults again, and nothing is lost or passed.
  await it.settled(it.system.ref('f/a').retryFaulted())
  expect((await it.view('f/a')).status).toBe('faulted')
  expect(it.store.counts().inbox).toBe(4)
  await it.send('f/a', { type: 'NOTE', text: '4' })
  broken = false
  // What arrives in the same turn as the retry is behind what waited.
  const together = [it.system.ref('f/a').send({ type: 'NOTE', text: '5' } as never), it.system.ref('f/a').retryFaulted()]
  await it.settled(Promise.all(together))
  expect((await it.context('f/a')).log).toEqual(['before', '1', '2', '3', '4', '5'])
  expect(it.store.counts().inbox).toBe(0)
  expect([...verify(it.store, it.system.kinds)].map((v) => v.outcome)).toEqual(['equal'])
})

test('law 10: a retry that is cut off by a death has lost nothing', async () => {
  const it = await rig({ f: fragile }, { limits: { steps: 1 } })
  await it.spawn('f', 'a')
  await it.send('f/a', 'ASSIGN')
  for (const text of ['1', '2']) await it.send('f/a', { type: 'NOTE', text })
  broken = false
  let commits = 0
  it.store.controls.broken = () => (++commits > 1 ? new Error('gone') : undefined)
  await it.settled(it.system.ref('f/a').retryFaulted()).catch(() => {})
  it.store.controls.broken = undefined
  it.system = await it.open()
  await it.clock.settle()
  expect((await it.context('f/a')).log).toEqual(['before', '1', '2'])
})

test('law 10: skipFaulted drops the event on the record and goes on', async () => {
  const it = await rig({ f: fragile })
  await it.spawn('f', 'a')
  await it.send('f/a', 'ASSIGN')
  await it.send('f/a', { type: 'NOTE', text: '1' })
  await it.settled(it.system.ref('f/a').skipFaulted())
  expect(await it.view('f/a')).toMatchObject({ status: 'active', context: { log: ['1'] } })
  expect((await it.journal('f/a')).map((e) => [e.type, e.ignored])).toEqual([
    ['xstate.init', null],
    ['ASSIGN', 'skipped by an operator'],
    ['NOTE', null],
  ])
  expect([...verify(it.store, it.system.kinds)].map((v) => v.outcome)).toEqual(['equal'])
})

test('law 10: a faulted child tells its parent nothing; abandoning it does, and it takes nothing more', async () => {
  const it = await rig({ p: parent })
  await it.spawn('p', 'a')
  await it.send('p/a', { type: 'TELL', what: { type: 'SPEAK' } })
  await it.send('p/a', { type: 'TELL', what: { type: 'GUARD' } })
  await it.send('p/a', { type: 'TELL', what: { type: 'NOTE', text: 'later' } })
  expect((await it.context('p/a')).log).toEqual(['spoken'])
  expect(await it.view('p/a')).toMatchObject({ status: 'active' })
  expect(it.system.health().faulted).toEqual(['p/a/f'])
  await it.crash()
  await it.settled(it.system.ref('p/a/f').abandon())
  expect((await it.context('p/a')).log[1]).toMatch(/^error abandoned: .*boom/s)
  expect(await it.view('p/a/f')).toMatchObject({ status: 'stopped', fault: null })
  expect((await it.journal('p/a/f')).map((e) => e.ignored)).toEqual([
    null,
    null,
    'abandoned by an operator',
    'abandoned by an operator',
    null,
  ])
  expect(await it.send('p/a/f', 'SPEAK')).toMatchObject({ ignored: 'it has finished' })
  expect([...verify(it.store, it.system.kinds)].map((v) => v.outcome)).toEqual(['equal', 'equal'])
  expect(it.store.counts().inbox).toBe(0)
})

test('law 10: a parent can stop its faulted child, and spawn it anew; nothing of the former life reaches the new one', async () => {
  const it = await rig({ p: parent })
  await it.spawn('p', 'a')
  await it.send('p/a', { type: 'TELL', what: { type: 'GUARD' } })
  await it.send('p/a', { type: 'TELL', what: { type: 'NOTE', text: 'old' } })
  await it.send('p/a', 'AGAIN')
  expect(await it.view('p/a/f')).toMatchObject({ status: 'active', context: { log: [] } })
  await it.crash()
  expect((await it.context('p/a/f')).log).toEqual([])
  expect(it.store.counts().inbox).toBe(0)
  // Faulted, stopped and spawned again within one turn.
  const sent = [
    { type: 'TELL', what: { type: 'GUARD' } },
    { type: 'TELL', what: { type: 'NOTE', text: 'old' } },
    { type: 'AGAIN' },
    { type: 'TELL', what: { type: 'NOTE', text: 'new' } },
  ]
  await it.settled(Promise.all(sent.map((event) => it.system.ref('p/a').send(event as never))))
  await it.crash()
  expect((await it.context('p/a/f')).log).toEqual(['new'])
  expect(it.store.counts().inbox).toBe(0)
  expect([...verify(it.store, it.system.kinds)].map((v) => v.outcome)).toEqual(['equal', 'equal'])
})

test('law 10: an actor that cannot start is there, faulted; it can be retried or abandoned, and skipping its start is refused', async () => {
  const bad = chart({
    id: 'bad',
    context: () => {
      fail()
      return {}
    },
  })
  const it = await rig({ b: bad })
  await it.spawn('b', '1')
  await it.spawn('b', '2')
  expect((await it.view('b/1')).status).toBe('faulted')
  expect(await rejection(it.settled(it.system.ref('b/1').skipFaulted()))).toMatchObject({ code: 'init-not-skippable' })
  await it.crash()
  await it.settled(it.system.ref('b/2').abandon())
  broken = false
  await it.settled(it.system.ref('b/1').retryFaulted())
  expect([(await it.view('b/1')).status, (await it.view('b/2')).status]).toEqual(['active', 'stopped'])
  expect([...verify(it.store, it.system.kinds)].map((v) => v.outcome)).toEqual(['equal', 'equal'])
  await it.restart()
})

test('law 10: acts on an actor that is not faulted are refused', async () => {
  const it = await rig({ f: fragile })
  await it.spawn('f', 'a')
  for (const act of ['retryFaulted', 'skipFaulted', 'abandon'] as const) {
    expect(await rejection(it.settled(it.system.ref('f/a')[act]()))).toMatchObject({ code: 'not-faulted' })
    expect(await rejection(it.settled(it.system.ref('f/none')[act]()))).toMatchObject({ code: 'unknown-actor' })
  }
})

test('law 10: results of effects and timers wait for a faulted actor as events do', async () => {
  let finish: (value: unknown) => void = () => {}
  const machine = chart(
    {
      id: 'm',
      context: { log: [] },
      invoke: { id: 'p', src: 'work', onDone: { actions: log(({ event }) => event.output) } },
      after: { 100: { actions: log('timer') } },
      on: { GUARD: { guard: fail } },
    },
    { actors: { work: fromPromise(() => new Promise((resolve) => (finish = resolve))) } },
  )
  const it = await rig({ m: machine })
  await it.spawn('m', 'a')
  await it.send('m/a', 'GUARD')
  finish('result')
  await it.clock.advance(200)
  expect(it.store.counts()).toMatchObject({ inbox: 3, timers: 0, effects: 0 })
  await it.crash()
  broken = false
  await it.settled(it.system.ref('m/a').retryFaulted())
  expect((await it.context('m/a')).log).toEqual(['result', 'timer'])
})

test("law 10: escalate, XState's way of raising an error at the parent, reaches it and leaves the child alive", async () => {
  const kid = chart({
    id: 'kid',
    context: { n: 0 },
    on: { HELP: { actions: [assign({ n: 1 }), sendParent({ type: 'xstate.error', data: { message: 'help' } } as never)] } },
  })
  const boss = setup({ actors: { kid } as never }).createMachine({
    id: 'boss',
    context: { log: [] },
    entry: spawnChild('kid' as never, { id: 'k' } as never),
    on: {
      HELP: { actions: sendTo('k', { type: 'HELP' } as never) },
      'xstate.error.actor.k': { actions: assign({ log: ({ event }: any) => [event.error.message] }) },
    },
  } as never)
  const it = await rig({ b: boss as never })
  await it.spawn('b', '1')
  await it.send('b/1', 'HELP')
  expect((await it.context('b/1')).log).toEqual(['help'])
  expect(await it.view('b/1/k')).toMatchObject({ status: 'active', context: { n: 1 } })
  expect(JSON.parse(it.store.actor('b/1')!.snapshot!).children.k.snapshot.status).toBe('active')
})

/** A root `p/a`, its child `p/a/m`, and below that the fragile `p/a/m/f`. */
async function threeGenerations() {
  const middle = chart(
    {
      id: 'middle',
      context: {},
      entry: spawnChild('fragile', { id: 'f' }),
      on: { 'xstate.error.actor.*': {}, STOP: { actions: stopChild('f') } },
    },
    { actors: { fragile } },
  )
  const root = chart(
    { id: 'root', context: {}, entry: spawnChild('middle', { id: 'm' }), on: { STOP: { actions: stopChild('m') } } },
    { actors: { middle } },
  )
  const it = await rig({ p: root })
  await it.spawn('p', 'a')
  await it.spawn('p', 'ab')
  return it
}

test('law 10: a faulted child shows on its root and every parent on the way, also after a restart, and on nobody else', async () => {
  const it = await threeGenerations()
  expect((await it.view('p/a')).faultedChildren).toEqual([])
  await it.send('p/a/m/f', 'GUARD')
  for (const when of ['before', 'after']) {
    const shown = async (address: string): Promise<unknown> => [
      when,
      (await it.view(address)).status,
      (await it.view(address)).faultedChildren,
    ]
    expect(await shown('p/a')).toEqual([when, 'active', ['p/a/m/f']])
    expect(await shown('p/a/m')).toEqual([when, 'active', ['p/a/m/f']])
    expect(await shown('p/a/m/f')).toEqual([when, 'faulted', []])
    expect(await shown('p/ab')).toEqual([when, 'active', []])
    await it.crash()
  }
  await it.send('p/ab/m/f', 'GUARD')
  await it.settled(it.system.ref('p/a/m/f').skipFaulted())
  expect([(await it.view('p/a')).faultedChildren, (await it.view('p/ab')).faultedChildren]).toEqual([[], ['p/ab/m/f']])
})

for (const [how, end] of [
  ['retried', (it) => ((broken = false), it.system.ref('p/a/m/f').retryFaulted())],
  ['skipped', (it) => it.system.ref('p/a/m/f').skipFaulted()],
  ['given up', (it) => it.system.ref('p/a/m/f').abandon()],
  ['stopped by its parent', (it) => it.system.ref('p/a/m').send({ type: 'STOP' } as never)],
  ['stopped with its parent', (it) => it.system.ref('p/a').send({ type: 'STOP' } as never)],
] as [string, (it: Awaited<ReturnType<typeof rig>>) => Promise<unknown>][]) {
  test(`law 10: who subscribes to a root is told when a child below it faults, and when it is ${how}`, async () => {
    const it = await threeGenerations()
    const told: string[][] = []
    it.system.ref('p/a').subscribe(({ faultedChildren }) => told.push(faultedChildren))
    const changed: string[] = []
    it.system.onChanged((addresses) => changed.push(...addresses))
    await it.send('p/a/m/f', 'GUARD')
    expect([told, changed]).toEqual([[['p/a/m/f']], ['p/a/m/f', 'p/a/m', 'p/a']])
    await it.settled(end(it))
    expect(told.at(-1)).toEqual([])
    expect(it.system.health().faulted).toEqual([])
  })
}

test('law 10: an act of an operator shows once it is durable, and not before; of two at once the second is refused', async () => {
  const it = await rig({ f: fragile })
  await it.spawn('f', 'a')
  await it.send('f/a', 'ASSIGN')
  broken = false
  const retried = it.system.ref('f/a').retryFaulted()
  const again = rejection(it.system.ref('f/a').abandon())
  expect((await it.view('f/a')).status).toBe('faulted')
  await it.settled(retried)
  expect(await again).toMatchObject({ code: 'not-faulted' })
  expect(await it.view('f/a')).toMatchObject({ status: 'active', context: { log: ['before'] } })
  broken = true
  await it.send('f/a', 'ASSIGN')
  it.store.controls.broken = () => new Error('disk full')
  expect(await rejection(it.settled(it.system.ref('f/a').skipFaulted()))).toMatchObject({ code: 'store-failed' })
  it.store.controls.broken = undefined
  it.system = await it.open()
  expect((await it.view('f/a')).status).toBe('faulted')
})

test('law 10: a store that fails tells every operator who is waiting', async () => {
  const it = await rig({ f: fragile })
  for (const id of ['a', 'b']) {
    await it.spawn('f', id)
    await it.send(`f/${id}`, 'ASSIGN')
  }
  it.store.inboxOf = () => {
    throw new Error('disk I/O error')
  }
  const waiting = [it.system.ref('f/a').retryFaulted(), it.system.ref('f/b').skipFaulted()].map(rejection)
  await it.clock.settle()
  for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'store-failed' })
})
