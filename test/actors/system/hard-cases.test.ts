// Cases that are hard on a host: children that come and go while messages fly, odd names, large numbers and large payloads.

import { assign, fromCallback, fromPromise, sendParent, sendTo, spawnChild, stopChild } from 'xstate'
import { expect, test } from 'vitest'
import { verify } from '../../../src/actors/system/index.ts'
import { chart, rejection, rig } from './rig.ts'

const log = (text: (args: any) => string) => assign({ log: (args: any) => [...args.context.log, text(args)] })
const kid = chart({
  id: 'kid',
  context: ({ input }: any) => ({ name: input?.name ?? 'kid', log: [] }),
  initial: 'on',
  on: {
    HI: {
      actions: [
        log(({ event }) => event.text),
        sendParent(({ context, event }: any) => ({ type: 'HEARD', by: context.name, text: event.text })),
      ],
    },
    END: '.off',
  },
  states: { on: {}, off: { type: 'final' } },
  output: ({ context }: any) => context.name,
})
const parent = chart(
  {
    id: 'parent',
    context: { log: [], n: 0 },
    initial: 'on',
    on: {
      BEAR: { actions: spawnChild('kid', { id: 'k', input: ({ event }: any) => ({ name: event.name }) }) },
      STOP: { actions: stopChild('k') },
      HI: { actions: sendTo('k', ({ event }: any) => ({ type: 'HI', text: event.text })) },
      END: { actions: sendTo('k', { type: 'END' }) },
      SWAP: {
        actions: [
          sendTo('k', { type: 'HI', text: 'to the old' }),
          stopChild('k'),
          spawnChild('kid', { id: 'k', input: { name: 'new' } }),
          sendTo('k', { type: 'HI', text: 'to the new' }),
        ],
      },
      HEARD: { actions: log(({ event }) => `${event.by}: ${event.text}`) },
      'xstate.done.actor.k': { actions: log(({ event }) => `done ${event.output}`) },
      FINISH: '.off',
    },
    states: { on: {}, off: { type: 'final' } },
  },
  { actors: { kid } },
)
const equal = (it: Awaited<ReturnType<typeof rig>>): void => {
  expect([...verify(it.store, it.system.kinds)].filter((v) => v.outcome !== 'equal')).toEqual([])
}

test('a child that is replaced while messages are on their way: each life gets its own', async () => {
  const it = await rig({ p: parent })
  await it.spawn('p', '1')
  await it.send('p/1', { type: 'BEAR', name: 'old' })
  await it.send('p/1', 'SWAP')
  expect((await it.context('p/1')).log).toEqual(['old: to the old', 'new: to the new'])
  expect((await it.context('p/1/k')).log).toEqual(['to the new'])
  equal(it)
  // All of it in one turn, again and again.
  const events = Array.from({ length: 20 }, (_, i) => [{ type: 'SWAP' }, { type: 'HI', text: `${i}` }]).flat()
  await it.settled(Promise.all(events.map((event) => it.system.ref('p/1').send(event as never))))
  expect((await it.context('p/1/k')).log).toEqual(['to the new', '19'])
  expect((await it.context('p/1')).log.filter((line: string) => /^new: \d+$/.test(line))).toEqual(
    Array.from({ length: 20 }, (_, i) => `new: ${i}`),
  )
  equal(it)
})

test('a child that finishes in the turn in which it is stopped: no completion is handled', async () => {
  const it = await rig({ p: parent })
  await it.spawn('p', '1')
  await it.send('p/1', { type: 'BEAR', name: 'a' })
  await it.settled(Promise.all(['END', 'STOP'].map((type) => it.system.ref('p/1').send({ type } as never))))
  expect((await it.context('p/1')).log).toEqual([])
  await it.send('p/1', { type: 'BEAR', name: 'b' })
  await it.send('p/1', 'END')
  expect((await it.context('p/1')).log).toEqual(['done b'])
  // A finished child stays finished when its parent lets go of it.
  await it.send('p/1', 'STOP')
  expect(await it.view('p/1/k')).toMatchObject({ status: 'done', output: 'b' })
  equal(it)
})

test('a parent that finishes stops what is below it, to any depth, and later completions are ignored', async () => {
  const deep = (n: number): any =>
    n === 0
      ? fromPromise(() => new Promise(() => {}))
      : chart(
          {
            id: `d${n}`,
            context: {},
            invoke: { id: 'd', src: 'd' },
            initial: 'on',
            after: { 5_000: '.off' },
            on: { END: '.off' },
            states: { on: {}, off: { type: 'final' } },
          },
          { actors: { d: deep(n - 1) } },
        )
  const it = await rig({ d: deep(5) })
  await it.spawn('d', '1')
  expect(it.store.counts()).toMatchObject({ actors: 5, timers: 5, effects: 1 })
  await it.send('d/1', 'END')
  expect(it.store.counts()).toMatchObject({ actors: 5, timers: 0, effects: 0, inbox: 0 })
  for (const address of ['d/1/d', 'd/1/d/d', 'd/1/d/d/d/d']) expect((await it.view(address)).status).toBe('stopped')
  equal(it)
})

test('two actors that exchange messages for ever do not keep the system from stopping, and go on where they were', async () => {
  const player = chart({
    id: 'player',
    context: { n: 0 },
    on: { PING: { actions: [assign({ n: ({ context }: any) => context.n + 1 }), sendParent({ type: 'PONG' })] } },
  })
  const game = chart(
    {
      id: 'game',
      context: { n: 0 },
      entry: [spawnChild('player', { id: 'p' }), sendTo('p', { type: 'PING' })],
      on: { PONG: { actions: [assign({ n: ({ context }: any) => context.n + 1 }), sendTo('p', { type: 'PING' })] } },
    },
    { actors: { player } },
  )
  const it = await rig({ game }, { limits: { steps: 20 } })
  let running = true
  const turns: (() => void)[] = []
  it.clock.defer = (turn) => void turns.push(turn)
  const spin = async (): Promise<void> => {
    while (running) {
      turns.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  void spin()
  await it.system.spawn('game', '1')
  await it.system.stop()
  running = false
  const before = JSON.parse(it.store.actor('game/1')!.snapshot!).context.n
  expect(before).toBeGreaterThan(5)
  running = true
  void spin()
  it.system = await it.open()
  await new Promise((resolve) => setTimeout(resolve, 20))
  await it.system.stop()
  running = false
  const [a, b] = ['game/1', 'game/1/p'].map((address) => JSON.parse(it.store.actor(address)!.snapshot!).context.n)
  expect(a).toBeGreaterThan(before)
  // Not a ball was lost or doubled.
  expect(Math.abs(a - b)).toBeLessThanOrEqual(1)
})

test('names that mean something to JavaScript are names like others', async () => {
  const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype', 'length', '__defineGetter__']
  const machine = chart(
    {
      id: 'm',
      context: Object.fromEntries(names.map((name) => [name, 0])),
      on: {
        ...Object.fromEntries(names.map((name) => [name, { actions: assign({ [name]: ({ context }: any) => context[name] + 1 }) }])),
        BEAR: { actions: names.map((name) => spawnChild('work', { id: name })) },
        STOP: { actions: names.map((name) => stopChild(name)) },
        'xstate.done.actor.*': { actions: assign({ [names[0]!]: ({ context }: any) => context[names[0]!] + 100 }) },
      },
    },
    { actors: { work: fromPromise(async () => 1) } },
  )
  const it = await rig({ m: machine })
  for (const name of ['constructor', '__proto__']) {
    await it.spawn('m', name)
    for (const type of names) await it.send(`m/${name}`, type, type)
    await it.send(`m/${name}`, 'BEAR')
    await it.send(`m/${name}`, 'STOP')
    expect(await it.context(`m/${name}`)).toEqual({ ...Object.fromEntries(names.map((n) => [n, 1])), constructor: 701 })
  }
  await it.crash()
  equal(it)
})

test('a payload with an own __proto__ key pollutes nothing and arrives as it was', async () => {
  const machine = chart({
    id: 'm',
    context: { got: null },
    on: { X: { actions: assign({ got: ({ event }: any) => Object.keys(event.data) }) } },
  })
  const it = await rig({ m: machine })
  await it.spawn('m', '1')
  await it.send('m/1', JSON.parse('{"type":"X","data":{"__proto__":{"polluted":true},"a":1}}'))
  expect((await it.context('m/1')).got).toEqual(['__proto__', 'a'])
  expect(({} as any).polluted).toBeUndefined()
  equal(it)
})

test('unicode, control characters and large payloads arrive as they were', async () => {
  const machine = chart({ id: 'm', context: { got: '' }, on: { X: { actions: assign({ got: ({ event }: any) => event.text }) } } })
  const it = await rig({ m: machine })
  await it.spawn('m', 'ключ ✓ \n"\'')
  for (const text of ['🜁 \u0000\u2028 \ud800 é', 'x'.repeat(5_000_000), '✓'.repeat(1_000_000)]) {
    await it.send('m/ключ ✓ \n"\'', { type: 'X', text })
    expect((await it.context('m/ключ ✓ \n"\'')).got === text).toBe(true)
  }
  equal(it)
})

test('many children of one parent', async () => {
  const brood = chart(
    {
      id: 'brood',
      context: { n: 0, done: 0 },
      on: {
        BEAR: {
          actions: [
            ...Array.from({ length: 100 }, (_, i) => spawnChild('kid', { id: ({ context }: any) => `k${context.n}-${i}` })),
            assign({ n: ({ context }: any) => context.n + 1 }),
          ],
        },
        END: { actions: sendTo(({ event }: any) => event.id, { type: 'END' }) },
        'xstate.done.actor.*': {
          actions: [assign({ done: ({ context }: any) => context.done + 1 }), stopChild(({ event }: any) => event.actorId)],
        },
      },
    },
    { actors: { kid } },
  )
  const it = await rig({ b: brood })
  await it.spawn('b', '1')
  const broods = process.env['SIGNALBOX_NIGHTLY'] ? 100 : 10
  for (let i = 0; i < broods; i++) await it.send('b/1', 'BEAR')
  expect(it.store.counts().actors).toBe(1 + broods * 100)
  await it.crash()
  for (let i = 0; i < 50; i++) await it.send('b/1', { type: 'END', id: `k3-${i}` })
  expect(await it.context('b/1')).toEqual({ n: broods, done: 50 })
  expect(Object.keys(JSON.parse(it.store.actor('b/1')!.snapshot!).children)).toHaveLength(broods * 100 - 50)
  equal(it)
})

test('effects: a kind that is spawned twice under one id in one turn, with a stop between, runs once', async () => {
  const starts: string[] = []
  const machine = chart(
    {
      id: 'm',
      context: { log: [] },
      on: {
        GO: { actions: spawnChild('work', { id: 'w', input: ({ event }: any) => event.n }) },
        STOP: { actions: stopChild('w') },
        'xstate.done.actor.w': { actions: log(({ event }) => event.output) },
      },
    },
    { actors: { work: fromPromise(async ({ input }: any) => (starts.push(input), `result ${input}`)) } },
  )
  const it = await rig({ m: machine })
  await it.spawn('m', '1')
  const events = [{ type: 'GO', n: 'a' }, { type: 'STOP' }, { type: 'GO', n: 'b' }]
  await it.settled(Promise.all(events.map((event) => it.system.ref('m/1').send(event as never))))
  expect([starts, (await it.context('m/1')).log]).toEqual([['b'], ['result b']])
  // Without the stop the second spawn is refused, also when the child has not even started.
  await it.settled(
    Promise.all(
      [{ type: 'STOP' }, { type: 'GO', n: 'c' }, { type: 'GO', n: 'd' }].map((event) => it.system.ref('m/1').send(event as never)),
    ),
  )
  expect((await it.view('m/1')).fault!.error.code).toBe('child-exists')
  equal(it)
})

test('an effect that floods its parent with events is heard in order, and its stop ends it', async () => {
  const machine = chart(
    {
      id: 'm',
      context: { n: 0, last: -1, ordered: true },
      initial: 'on',
      states: {
        on: {
          invoke: { id: 'f', src: 'flood' },
          on: {
            DROP: {
              actions: assign({
                n: ({ context }: any) => context.n + 1,
                ordered: ({ context, event }: any) => context.ordered && event.i === context.last + 1,
                last: ({ event }: any) => event.i,
              }),
            },
            OFF: 'off',
          },
        },
        off: {},
      },
    },
    {
      actors: {
        flood: fromCallback(({ sendBack }) => {
          for (let i = 0; i < 2_000; i++) sendBack({ type: 'DROP', i } as never)
        }),
      },
    },
  )
  const it = await rig({ m: machine })
  await it.spawn('m', '1')
  expect(await it.context('m/1')).toEqual({ n: 2_000, last: 1_999, ordered: true })
  await it.send('m/1', 'OFF')
  expect(it.store.counts()).toMatchObject({ effects: 0, inbox: 0 })
})

test('a machine that spawns its own kind', async () => {
  const actors: Record<string, unknown> = {}
  const tree = chart(
    {
      id: 'tree',
      context: ({ input }: any) => ({ depth: input?.depth ?? 0 }),
      on: { GROW: { actions: spawnChild('tree', { id: 't', input: ({ context }: any) => ({ depth: context.depth + 1 }) }) } },
    },
    { actors },
  )
  actors['tree'] = tree
  const wrapper = chart({ id: 'w', context: {}, entry: spawnChild('tree', { id: 't' }) }, { actors: { tree } })
  const it = await rig({ w: wrapper })
  await it.spawn('w', '1')
  await it.send('w/1/t', 'GROW')
  await it.send('w/1/t/t', 'GROW')
  expect(await it.context('w/1/t/t/t')).toEqual({ depth: 2 })
  expect([...it.system.kinds.keys()]).toEqual(['w', 'w.tree'])
})

test('spawn is idempotent: the actor that exists is returned and the input ignored, also of two at once', async () => {
  const it = await rig({ k: kid })
  const both = await it.settled(
    Promise.all([it.system.spawn('k', '1', { name: 'a' } as never), it.system.spawn('k', '1', { name: 'b' } as never)]),
  )
  await it.spawn('k', '1', { name: 'c' })
  expect(both.map((ref) => ref.address)).toEqual(['k/1', 'k/1'])
  expect((await it.context('k/1')).name).toBe('a')
  expect(it.store.counts()).toMatchObject({ actors: 1, entries: 1 })
})

test('a finished root journals and ignores what comes later', async () => {
  const it = await rig({ k: kid })
  await it.spawn('k', '1')
  await it.send('k/1', 'END')
  expect(await it.send('k/1', { type: 'HI', text: 'late' })).toMatchObject({ ignored: 'it has finished', seq: 3 })
  expect(await it.view('k/1')).toMatchObject({ status: 'done', output: 'kid', version: 2 })
  equal(it)
  expect(await rejection(it.settled(it.system.ref('k/1').retryFaulted()))).toMatchObject({ code: 'not-faulted' })
})

test('a child that has finished makes room for another of its id, whether it was an actor or an effect, also over a restart', async () => {
  const machine = chart(
    {
      id: 'm',
      context: { log: [] },
      on: {
        KID: { actions: spawnChild('kid', { id: 'c' }) },
        END: { actions: sendTo('c', { type: 'END' }) },
        WORK: { actions: spawnChild('work', { id: 'c' }) },
        'xstate.done.actor.c': { actions: log(({ event }) => `done ${event.output}`) },
      },
    },
    { actors: { kid, work: fromPromise(async () => 'work') } },
  )
  const it = await rig({ m: machine })
  await it.spawn('m', '1')
  for (const type of ['KID', 'END', 'WORK', 'KID', 'END', 'WORK']) {
    await it.send('m/1', type)
    await it.crash()
  }
  expect(await it.view('m/1')).toMatchObject({ status: 'active', context: { log: ['done kid', 'done work', 'done kid', 'done work'] } })
  equal(it)
})
