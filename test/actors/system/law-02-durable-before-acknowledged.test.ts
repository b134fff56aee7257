import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assign, emit, fromPromise, raise, spawnChild } from 'xstate'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createSystem, defineActor, realClock } from '../../../src/actors/system/index.ts'
import { memoryStore } from '../../../src/persistence/memory-store.ts'
import { sqliteStore } from '../../../src/persistence/sqlite-store.ts'
import { chart, faultyStore, rejection, rig } from './rig.ts'

const counter = (started: string[] = []) =>
  chart(
    {
      id: 'counter',
      context: { n: 0 },
      initial: 'idle',
      on: { ADD: { actions: assign({ n: ({ context }: any) => context.n + 1 }) } },
      states: { idle: { on: { GO: 'going' } }, going: { invoke: { id: 'p', src: 'work' } } },
    },
    { actors: { work: fromPromise(async () => void started.push('started')) } },
  )

test('law 2: send resolves after the commit and not before', async () => {
  const it = await rig({ counter: counter() })
  await it.spawn('counter', 'a')
  const order: string[] = []
  it.store.controls.onCommit = () => void order.push('commit')
  const sent = it.system
    .ref('counter/a')
    .send({ type: 'ADD' } as never)
    .then(() => order.push('acknowledged'))
  expect(order).toEqual([])
  await it.settled(sent)
  expect(order).toEqual(['commit', 'acknowledged'])
})

test('law 2: what is runnable in one turn of the event loop shares a transaction; a lone event has one at once', async () => {
  const it = await rig({ counter: counter() })
  const before = it.store.controls.commits
  const spawned = Array.from({ length: 100 }, (_, i) => it.system.spawn('counter', String(i)))
  await it.settled(Promise.all(spawned))
  const spawnCommits = it.store.controls.commits - before
  const sent = Array.from({ length: 100 }, (_, i) => it.system.ref(`counter/${i}`).send({ type: 'ADD' } as never))
  await it.settled(Promise.all(sent))
  expect([spawnCommits, it.store.controls.commits - before]).toEqual([1, 2])
  await it.send('counter/1', 'ADD')
  expect(it.store.controls.commits - before).toBe(3)
})

test('law 2: an event handled at once leaves no row but its journal entry', async () => {
  const it = await rig({ counter: counter() })
  await it.spawn('counter', 'a')
  let inbox = 0
  it.store.controls.onCommit = (batch) => void (inbox += batch.inboxAdded.length)
  await it.send('counter/a', 'ADD')
  expect(inbox).toBe(0)
  expect(it.store.counts()).toMatchObject({ inbox: 0, entries: 2 })
})

test('law 2: when the commit fails, send rejects, nothing has happened, and a system on the same store goes on', async () => {
  const started: string[] = []
  const it = await rig({ counter: counter(started) })
  await it.spawn('counter', 'a')
  await it.send('counter/a', 'ADD')
  const heard: unknown[] = []
  it.system.ref('counter/a').subscribe((view) => heard.push(view))
  it.store.controls.broken = () => Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
  const results = await Promise.all([
    rejection(it.settled(it.system.ref('counter/a').send({ type: 'ADD' } as never))),
    rejection(it.settled(it.system.ref('counter/a').send({ type: 'GO' } as never))),
    rejection(it.settled(it.system.spawn('counter', 'b'))),
  ])
  for (const error of results) expect(error).toMatchObject({ code: 'store-failed' })
  expect(results[0].cause.code).toBe('SQLITE_FULL')
  expect(await rejection(it.system.stopped)).toMatchObject({ code: 'store-failed' })
  expect([heard, started]).toEqual([[], []])
  expect(it.system.health().state).toBe('stopped')
  // Not even a reader of the failed system sees what was not committed.
  expect(await rejection(it.view('counter/a'))).toMatchObject({ code: 'system-stopped' })
  expect(await rejection(it.send('counter/a', 'ADD'))).toMatchObject({ code: 'system-stopped' })
  it.store.controls.broken = undefined
  it.system = await it.open()
  await it.clock.settle()
  expect((await it.view('counter/a')).context).toEqual({ n: 1 })
  expect(it.system.ref('counter/b').exists()).toBe(false)
  expect(await it.send('counter/a', 'ADD')).toMatchObject({ ignored: null })
})

test('law 2: a read that fails in the middle of a turn leaves no sender waiting', async () => {
  const it = await rig({ counter: counter() }, { limits: { cacheBytes: 0 } })
  await it.spawn('counter', 'a')
  await it.spawn('counter', 'b')
  const actor = it.store.actor
  it.store.actor = (address) => {
    if (address === 'counter/a') throw new Error('disk I/O error')
    return actor(address)
  }
  const sent = [it.system.ref('counter/a').send({ type: 'ADD' } as never), it.system.ref('counter/b').send({ type: 'ADD' } as never)]
  const errors = await Promise.all(sent.map((promise) => rejection(it.settled(promise))))
  for (const error of errors) expect(error).toMatchObject({ code: 'store-failed' })
})

test('law 2: one bad step never fails its neighbours in the same transaction', async () => {
  const bad = chart({
    id: 'bad',
    context: {},
    on: {
      GO: {
        actions: assign(() => {
          throw new Error('no')
        }),
      },
    },
  })
  const it = await rig({ counter: counter(), bad })
  await it.spawn('counter', 'a')
  await it.spawn('bad', 'b')
  await it.spawn('counter', 'c')
  const before = it.store.controls.commits
  const sent = ['counter/a', 'bad/b', 'counter/c'].map((address) =>
    it.system.ref(address).send({ type: address === 'bad/b' ? 'GO' : 'ADD' } as never),
  )
  await it.settled(Promise.all(sent))
  expect(it.store.controls.commits - before).toBe(1)
  expect([await it.context('counter/a'), await it.context('counter/c'), (await it.view('bad/b')).status]).toEqual([
    { n: 1 },
    { n: 1 },
    'faulted',
  ])
})

test('law 2: an event is taken as it was when it was sent, whatever its sender does to it afterwards', async () => {
  const machine = chart({
    id: 'm',
    context: ({ input }: any) => ({ got: [], input }),
    on: { X: { actions: assign({ got: ({ event }: any) => event.list }) } },
  })
  const it = await rig({ m: machine })
  const input = { list: [1] }
  const spawned = it.system.spawn('m', 'a', input as never)
  input.list.push(2)
  await it.settled(spawned)
  const event = { type: 'X', list: [1] }
  const sent = it.system.ref('m/a').send(event as never)
  event.list.push(2)
  await it.settled(sent)
  expect(await it.context('m/a')).toEqual({ got: [1], input: { list: [1] } })
})

test('law 2: on real time a system commits, answers and stops, and then holds nothing that keeps a process alive', async () => {
  const store = faultyStore(memoryStore())
  const system = await createSystem({ store, actors: { counter: defineActor(counter(), { version: 1 }) }, clock: realClock })
  const ref = await system.spawn('counter', 'a')
  await ref.send({ type: 'ADD' } as never)
  expect((await ref.snapshot()).context).toEqual({ n: 1 })
  await system.stop()
  await system.stopped
})

test('law 2: stopping waits for what was accepted and refuses what comes after', async () => {
  const it = await rig({ counter: counter() }, { limits: { steps: 10 } })
  await it.spawn('counter', 'a')
  const sent = Array.from({ length: 500 }, () => it.system.ref('counter/a').send({ type: 'ADD' } as never))
  const stopping = it.system.stop()
  const late = rejection(it.system.ref('counter/a').send({ type: 'ADD' } as never))
  await it.clock.settle()
  await Promise.all([...sent, stopping])
  expect(await late).toMatchObject({ code: 'system-stopped' })
  await it.system.stopped
  it.system = await it.open()
  expect((await it.context('counter/a')).n).toBe(500)
})

test('law 2: a listener that throws is reported and disturbs nobody', async () => {
  const it = await rig({ counter: counter() })
  await it.spawn('counter', 'a')
  const heard = vi.fn<() => void>()
  it.system.ref('counter/a').subscribe(() => {
    throw new Error('bad listener')
  })
  it.system.ref('counter/a').subscribe(heard)
  it.system.inspect(() => {
    throw new Error('bad inspector')
  })
  const inspected = vi.fn<() => void>()
  it.system.inspect(inspected)
  await it.send('counter/a', 'ADD')
  expect(heard).toHaveBeenCalledTimes(1)
  expect(inspected.mock.calls.length).toBeGreaterThan(1)
  expect(it.problems.map((problem) => problem.code)).toContain('listener-failed')
})

test('law 2: a system that is stopped from a listener, a custom action or an effect ends in good order', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-stop-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  let stop = (): void => {}
  const machine = chart(
    {
      id: 'm',
      context: { n: 0 },
      on: { ACT: { actions: () => stop() }, ADD: { actions: assign({ n: 1 }) }, WORK: { actions: spawnChild('work', { id: 'w' }) } },
    },
    { actors: { work: fromPromise(async () => stop()) } },
  )
  for (const how of ['ADD', 'ACT', 'WORK']) {
    const path = join(folder, `${how}.db`)
    const actors = { m: defineActor(machine, { version: 1 }) }
    const open = () => createSystem({ store: sqliteStore(path), actors, limits: { cacheBytes: 0 } })
    const system = await open()
    const ref = await system.spawn('m', 'a')
    const other = await system.spawn('m', 'b')
    stop = () => void system.stop()
    if (how === 'ADD') ref.subscribe(() => stop())
    const heard: unknown[] = []
    other.subscribe(({ context }) => heard.push(context))
    await Promise.all([ref.send({ type: how } as never), other.send({ type: 'ADD' } as never)])
    await system.stopped
    expect(heard).toEqual([{ n: 1 }])
    const again = await open()
    expect((await again.ref('m/b').snapshot()).context).toEqual({ n: 1 })
    await again.stop()
  }
})

test('law 2: a store that fails after a commit stops the system and lets nothing escape; what was committed is acknowledged', async () => {
  const machine = chart({
    id: 'm',
    context: { n: 0 },
    on: { ADD: { actions: [assign({ n: ({ context }: any) => context.n + 1 }), raise({ type: 'LATER' }, { delay: 0 })] } },
  })
  for (const broken of ['nextDue', 'actor'] as const) {
    const it = await rig({ m: machine }, { limits: { cacheBytes: 0 } })
    await it.spawn('m', 'a')
    const was = it.store[broken] as (...parameters: unknown[]) => never
    let committed = false
    it.store.controls.onCommit = () => void (committed = true)
    it.store[broken] = (...parameters: unknown[]) => {
      if (committed) throw new Error('disk I/O error')
      return was(...parameters)
    }
    // A subscriber's view is read again, as nothing is cached.
    it.system.ref('m/a').subscribe(() => {})
    expect(await it.send('m/a', 'ADD')).toMatchObject({ ignored: null })
    await it.clock.advance(1)
    expect(await rejection(it.system.stopped)).toMatchObject({ code: 'store-failed', message: expect.stringContaining('disk I/O error') })
    it.store[broken] = was
    it.system = await it.open()
    expect((await it.context('m/a')).n).toBe(1)
  }
})

test('law 2: who is told of problems may throw: nothing comes of it, and nothing is told before the commit', async () => {
  const reporter = chart({
    id: 'r',
    context: {},
    on: { GO: { actions: emit({ type: 'routed' }) }, BAD: { actions: emit({ type: 'bad' }) } },
  })
  const told: string[] = []
  const it = await rig(
    { r: reporter },
    {
      routes: {
        routed: () => 'r/nobody',
        bad: () => {
          throw new Error('bad route')
        },
      },
      onProblem: ({ code }) => {
        told.push(code)
        throw new Error('bad listener')
      },
    },
  )
  await it.spawn('r', 'a')
  it.store.controls.onCommit = () => void told.push('commit')
  it.system.ref('r/a').subscribe(() => {
    throw new Error('bad subscriber')
  })
  await it.send('r/a', 'GO')
  await it.send('r/a', 'BAD')
  expect(told).toEqual(['commit', 'dead-letter', 'listener-failed', 'commit', 'route-failed', 'listener-failed'])
  expect(it.system.health().state).toBe('ready')
})

test('law 2: a transaction holds about five milliseconds of steps, and no more', async () => {
  let elapsed = 0
  const slow = chart({
    id: 'slow',
    context: {},
    on: {
      WORK: {
        guard: () => {
          elapsed += 2
          return true
        },
      },
    },
  })
  const it = await rig({ slow })
  it.clock.monotonic = () => elapsed
  for (let i = 0; i < 10; i++) await it.spawn('slow', String(i))
  const before = it.store.controls.commits
  await it.settled(Promise.all(Array.from({ length: 10 }, (_, i) => it.system.ref(`slow/${i}`).send({ type: 'WORK' } as never))))
  expect(it.store.controls.commits - before).toBe(4)
})
