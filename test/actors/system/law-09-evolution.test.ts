import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { assign, fromPromise, raise, spawnChild } from 'xstate'
import { expect, onTestFinished, test } from 'vitest'
import {
  createSystem,
  defineActor,
  MachinesIncompatibleError,
  resolveKinds,
  restoreSnapshot,
  verify,
} from '../../../src/actors/system/index.ts'
import { sqliteStore } from '../../../src/persistence/sqlite-store.ts'
import { actors as parcels } from '../../databases/machines.ts'
import { chart, rejection, rig } from './rig.ts'

const never = fromPromise(() => new Promise(() => {}))
const kid = chart({ id: 'kid', context: {} })
let broken = false
let fetched: Promise<unknown>

/** A machine with one of everything that a later build can lose. */
const machine = (lost?: string) => {
  const states: Record<string, any> = {
    idle: {
      on: {
        WAIT: 'waiting',
        WORK: 'working',
        BEAR: { actions: spawnChild(lost === 'child' ? 'renamed' : 'kid', { id: 'k' }) },
        NEST: 'nest',
        LATER: { actions: raise({ type: 'REMINDED' }, { delay: 1_000 }) },
        FETCH: 'fetching',
      },
    },
    fetching: { invoke: { id: 'f', src: 'fetch', ...(lost === 'result' ? {} : { onDone: 'idle' }) } },
    waiting: lost === 'after' ? {} : { after: { 1000: 'idle' } },
    working: { invoke: lost === 'effect' ? [] : { id: 'w', src: 'work' } },
    nest: {
      initial: 'x',
      on: { OUT: 'idle' },
      states: { x: { on: { DEEP: 'y' } }, y: {}, ...(lost === 'history' ? {} : { h: { type: 'history' } }) },
    },
  }
  if (lost === 'state') delete states['waiting']
  if (lost === 'history target') delete states['nest'].states.y
  if (lost === 'state') delete states['idle'].on.WAIT
  if (lost === 'history target') delete states['nest'].states.x.on
  return chart(
    {
      id: 'm',
      context: { n: 0 },
      initial: 'idle',
      on: {
        ...(lost === 'delayed event' ? {} : { REMINDED: { actions: assign({ n: 0 }) } }),
        ...(lost === 'event' ? {} : { ADD: { actions: assign({ n: ({ context }: any) => context.n + 1 }) } }),
        BOOM: {
          guard: () => {
            if (broken) throw new Error('boom')
            return false
          },
        },
      },
      states,
    },
    {
      actors: {
        fetch: fromPromise(() => fetched),
        ...(lost === 'effect' ? {} : { work: never }),
        ...(lost === 'child' ? { renamed: kid } : { kid }),
      },
    },
  )
}

async function prepared(events: string[]) {
  broken = true
  const it = await rig({ m: machine(), other: chart({ id: 'o', context: {} }) })
  await it.spawn('m', 'a')
  await it.spawn('other', 'o')
  const { promise, resolve } = Promise.withResolvers<unknown>()
  fetched = promise
  for (const type of events) {
    if (type === '(time)') await it.clock.advance(2_000)
    else if (type === '(result)') resolve(1)
    else await it.send('m/a', type)
  }
  await it.clock.settle()
  return it
}

const cases: [lost: string, events: string[], problem: RegExp][] = [
  ['state', ['WAIT'], /'m\/a' \(m 1, state "waiting"\) cannot be restored by m [12]: .*waiting/],
  ['child', ['BEAR'], /its child 'k' is made from 'kid', which the machine no longer has/],
  ['history target', ['NEST', 'DEEP', 'OUT'], /its history names the state 'm.nest.y'/],
  ['after', ['WAIT'], /a timer 'xstate.after.1000.m.waiting' of kind 'm' is pending/],
  ['effect', ['WORK'], /an effect 'work' of kind 'm' is in flight|its child 'w' is made from 'work'/],
  ['event', ['BOOM', 'ADD'], /an unhandled event 'ADD' waits for kind 'm'/],
  ['after', ['WAIT', 'BOOM', '(time)'], /an unhandled event 'xstate.after.1000.m.waiting' waits for kind 'm'/],
  ['delayed event', ['LATER'], /a delayed event 'REMINDED' for kind 'm' is pending/],
  ['delayed event', ['LATER', 'BOOM', '(time)'], /an unhandled event 'REMINDED' waits for kind 'm'/],
  ['result', ['FETCH', 'BOOM', '(result)'], /an unhandled event 'xstate.done.actor.f' waits for kind 'm'/],
]

for (const version of [2, 1])
  for (const [lost, events, problem] of cases) {
    const build = version === 1 ? 'a build of the same version' : 'a build'
    test(`law 9: ${build} that has lost the ${lost} of a stored actor (${events}) is refused with a list, and nothing is changed`, async () => {
      const it = await prepared(events)
      await it.stop()
      const before = JSON.stringify([it.store.counts(), it.store.actor('m/a'), it.rows()])
      const error = await rejection(it.open({ actors: it.actorsOf({ m: machine(lost), other: chart({ id: 'o', context: {} }) }, version) }))
      expect(error).toBeInstanceOf(MachinesIncompatibleError)
      expect(error.code).toBe('machines-incompatible')
      expect(error.problems.join('\n')).toMatch(problem)
      expect(error.message).toContain('Nothing was changed')
      expect(JSON.stringify([it.store.counts(), it.store.actor('m/a'), it.rows()])).toBe(before)
      // The build that wrote it carries on at once: the refused one has let go.
      it.system = await it.open()
      await it.clock.settle()
      expect((await it.view('m/a')).address).toBe('m/a')
    })
  }

for (const journal of ['DELETE', 'WAL'] as const) {
  test(`law 9: a refused build leaves a file of an older schema as it was, byte for byte (journal mode ${journal})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-evolution-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'a.db')
    copyFileSync('test/databases/actors-0.1.0.db', path)
    const before = new Database(path)
    before.pragma(`journal_mode = ${journal}`)
    expect(before.pragma('user_version', { simple: true })).toBe(1)
    before.close()
    const bytes = readFileSync(path)

    const other = { o: defineActor(chart({ id: 'o', context: {} }), { version: 1 }) }
    expect(await rejection(createSystem({ store: sqliteStore(path), actors: other }))).toMatchObject({ code: 'machines-incompatible' })
    expect(readFileSync(path).equals(bytes)).toBe(true)
    expect(readdirSync(folder).filter((name) => name !== 'a.db.lock')).toEqual(['a.db'])

    const effects = { deliver: { logic: never as never } }
    const system = await createSystem({ store: sqliteStore(path), actors: parcels, effects })
    expect(system.ref('parcel/broken').exists()).toBe(true)
    await system.stop()
  })
}

test('law 9: a missing kind is refused, also when its only actor faulted before its first step, and not when all have finished', async () => {
  const bad = chart({
    id: 'bad',
    context: () => {
      throw new Error('no context')
    },
  })
  const finished = chart({ id: 'f', context: {}, initial: 'a', states: { a: { type: 'final' } } })
  const it = await rig({ m: machine(), bad, finished })
  await it.spawn('finished', 'f')
  await it.spawn('bad', 'b')
  await it.stop()
  const error = await rejection(it.open({ actors: it.actorsOf({ m: machine() }, 1) }))
  expect(error.problems).toEqual(["actors of kind 'bad' exist, which this build does not define"])
  it.system = await it.open({ actors: it.actorsOf({ m: machine(), bad }, 1) })
  expect((await it.view('finished/f')).status).toBe('done')
  expect([...verify(it.store, it.system.kinds)].map((v) => v.outcome)).toEqual(['equal', 'not-checkable'])
})

test('law 9: a build without the delivery of a report that is owed is refused', async () => {
  const { emit } = await import('xstate')
  const reporter = chart({ id: 'r', context: {}, on: { GO: { actions: emit({ type: 'noted' }) } } })
  const it = await rig({ r: reporter }, { effects: { noted: { logic: never as never } } })
  await it.spawn('r', 'a')
  await it.send('r/a', 'GO')
  await it.stop()
  const error = await rejection(it.open({ effects: {} }))
  expect(error.problems).toEqual(["a report 'noted' is not delivered yet, and effects has no delivery for it"])
})

test('law 9: events that nobody ever accepted stop no build from starting, nor do those that it refuses by name', async () => {
  const it = await prepared(['BOOM'])
  await it.send('m/a', 'NEVER_HEARD_OF')
  await it.send('m/a', 'ADD')
  await it.restart()
  const forbidding = machine('event')
  const on = { ...(forbidding.config.on as object), ADD: {} }
  const changed = chart({ ...forbidding.config, on }, forbidding.implementations)
  for (const version of [1, 2]) await it.restart({ actors: it.actorsOf({ m: changed, other: chart({ id: 'o', context: {} }) }, version) })
  await it.restart()
  broken = false
  await it.settled(it.system.ref('m/a').retryFaulted())
  expect((await it.view('m/a')).status).toBe('active')
})

test('law 9: what a database of a former schema does not tell of its machines is known from the first commit on', async () => {
  const it = await prepared(['BOOM', 'ADD'])
  await it.stop()
  const { state } = it.store
  it.store.state = () => ({ ...state(), machines: state().machines.map((row) => ({ ...row, events: null })) })
  const other = chart({ id: 'o', context: {} })
  // Nobody can tell: the same version is believed, a new one is not.
  it.system = await it.open({ actors: it.actorsOf({ m: machine('event'), other }, 1) })
  await it.stop()
  expect((await rejection(it.open({ actors: it.actorsOf({ m: machine('event'), other }, 2) }))).code).toBe('machines-incompatible')
  it.system = await it.open()
  await it.spawn('other', 'another')
  it.store.state = state
  await it.stop()
  expect(await rejection(it.open({ actors: it.actorsOf({ m: machine('event'), other }, 1) }))).toMatchObject({
    problems: ["an unhandled event 'ADD' waits for kind 'm', which m 1 does not know"],
  })
})

test('law 9: a second life that faulted at its start does not stop the next boot', async () => {
  const parent = chart(
    {
      id: 'p',
      context: {},
      initial: 'a',
      states: {
        a: {
          invoke: { id: 'k', src: 'kid', input: ({ event }: any) => ({ bad: event.bad === true }) },
          on: { AGAIN: { target: 'a', reenter: true } },
        },
      },
    },
    {
      actors: {
        kid: chart({
          id: 'kid',
          context: ({ input }: any) => {
            if (input.bad) throw new Error('bad input')
            return {}
          },
        }),
      },
    },
  )
  const it = await rig({ p: parent })
  await it.spawn('p', '1')
  await it.send('p/1', { type: 'AGAIN', bad: true })
  // It shows nothing of its former life.
  expect(await it.view('p/1/k')).toMatchObject({ status: 'faulted', value: undefined, context: undefined })
  await it.restart()
  await it.send('p/1', { type: 'AGAIN' })
  expect((await it.view('p/1/k')).status).toBe('active')
  expect([...verify(it.store, it.system.kinds)].map((v) => v.outcome)).toEqual(['equal', 'equal'])
})

test('law 9: a new version without migration carries actors on from what is stored, at their next event', async () => {
  const it = await prepared(['ADD', 'WAIT'])
  await it.restart({ actors: it.actorsOf({ m: machine(), other: chart({ id: 'o', context: {} }) }, 2) })
  expect((await it.view('m/a')).machineVersion).toBe('1')
  await it.clock.advance(1_000)
  expect(await it.view('m/a')).toMatchObject({ machineVersion: '2', value: 'idle', context: { n: 1 } })
  expect((await it.journal('m/a')).map((e) => `${e.kind} ${e.machineVersion}`)).toEqual([
    'init 1',
    'event 1',
    'event 1',
    'checkpoint 2',
    'timer 2',
  ])
})

test('law 9: migrations lead from version to version, over a lost state; the step after it is on record and replays', async () => {
  const it = await prepared(['WAIT'])
  const third = defineActor(machine('state'), {
    version: 3,
    migrations: {
      1: { to: 2, migrate: (snapshot) => ({ ...snapshot, context: { ...(snapshot['context'] as object), m: 5 } }) },
      2: { to: 3, migrate: (snapshot) => ({ ...snapshot, value: 'idle' }) },
    },
  })
  await it.restart({ actors: { m: third, ...it.actorsOf({ other: chart({ id: 'o', context: {} }) }, 1) } })
  await it.send('m/a', 'ADD')
  expect(await it.view('m/a')).toMatchObject({ machineVersion: '3', value: 'idle', context: { n: 1, m: 5 } })
  expect([...verify(it.store, it.system.kinds)].map((v) => v.outcome)).toEqual(['equal', 'equal'])
})

test('law 9: what a migration leaves out of an actor ends with the version that had it: a child, and an effect that this build does not know', async () => {
  const it = await prepared(['BEAR', 'WORK'])
  expect(it.store.effects().map(({ address }) => address)).toEqual(['m/a/w'])
  const migrate = (snapshot: Record<string, unknown>) => ({ ...snapshot, value: 'idle', children: {} })
  const m = defineActor(machine('effect'), { version: 2, migrations: { 1: { to: 2, migrate } } })
  const other = it.actorsOf({ other: chart({ id: 'o', context: {} }) }, 1)
  await it.restart({ actors: { m, ...other }, effects: { work: { logic: never, onRestart: 'rerun' } } })
  expect((await it.view('m/a')).machineVersion).toBe('1')
  await it.send('m/a', 'ADD')
  await it.clock.settle()
  expect(await it.view('m/a')).toMatchObject({ machineVersion: '2', value: 'idle', context: { n: 1 } })
  expect(it.store.effects()).toEqual([])
  expect((await it.view('m/a/k')).status).toBe('stopped')
  // What the child's former version handled is not in this build.
  expect([...verify(it.store, it.system.kinds)].map((v) => v.outcome)).toEqual(['equal', 'not-checkable', 'equal'])
})

test('law 9: a migration that throws, or leads to what cannot be restored, refuses the build', async () => {
  const it = await prepared(['WAIT'])
  await it.stop()
  const build = (migrate: () => Record<string, unknown>) => ({
    actors: {
      m: defineActor(machine('state'), { version: 2, migrations: { 1: { to: 2, migrate } } }),
      ...it.actorsOf({ other: chart({ id: 'o', context: {} }) }, 1),
    },
  })
  const thrown = await rejection(
    it.open(
      build(() => {
        throw new Error('cannot migrate')
      }),
    ),
  )
  expect(thrown.problems[0]).toContain('cannot migrate')
  const wrong = await rejection(it.open(build(() => ({ status: 'active', value: 'nowhere', context: {}, children: {} }))))
  expect(wrong.problems[0]).toContain('nowhere')
  it.system = await it.open()
})

test('law 9: a migration that fails for one actor of a shape, though not for another, faults that one and leaves it as it was', async () => {
  const it = await prepared(['WAIT'])
  await it.spawn('m', 'b')
  for (const type of ['ADD', 'WAIT']) await it.send('m/b', type)
  const before = it.store.actor('m/b')!.snapshot
  const migrate = (snapshot: Record<string, any>): Record<string, unknown> => ({
    ...snapshot,
    value: snapshot['context'].n === 0 ? 'idle' : 'nowhere',
  })
  const m = defineActor(machine('state'), { version: 2, migrations: { 1: { to: 2, migrate } } })
  await it.restart({ actors: { m, ...it.actorsOf({ other: chart({ id: 'o', context: {} }) }, 1) } })
  for (const id of ['a', 'b']) await it.send(`m/${id}`, 'ADD')
  expect(await it.view('m/a')).toMatchObject({ status: 'active', value: 'idle' })
  expect(await it.view('m/b')).toMatchObject({ status: 'faulted', machineVersion: '1' })
  expect((await it.view('m/b')).fault!.error.message).toContain('nowhere')
  expect(it.store.actor('m/b')!.snapshot).toBe(before)
})

test('law 9: the cost of the check grows with distinct shapes, not with actors', async () => {
  const it = await rig({ m: machine() })
  const spawned = Array.from({ length: 300 }, (_, i) => it.system.spawn('m', String(i)))
  await it.settled(Promise.all(spawned))
  await it.stop()
  let reads = 0
  const { actorById } = it.store
  it.store.actorById = (id) => {
    reads++
    return actorById(id)
  }
  it.system = await it.open()
  expect(reads).toBe(1)
})

test('law 9: reading a snapshot that this build cannot hold says what is missing', async () => {
  for (const [lost, events, code] of [
    ['child', ['BEAR'], 'child-source-missing'],
    ['history target', ['NEST', 'DEEP', 'OUT'], 'history-missing'],
  ] as const) {
    const it = await prepared([...events])
    const kind = resolveKinds({ m: defineActor(machine(lost), { version: 1 }) }, new Set()).get('m')!
    const error = await rejection(Promise.resolve().then(() => restoreSnapshot(kind, 'm/a', it.store.actor('m/a')!.snapshot!)))
    expect(error).toMatchObject({ code })
  }
})
