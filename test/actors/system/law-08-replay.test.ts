import { assign, fromPromise } from 'xstate'
import { expect, test } from 'vitest'
import { replay, verify, type Verdict } from '../../../src/actors/system/index.ts'
import type { JournalRow } from '../../../src/persistence/store.ts'
import { chart, rejection, rig } from './rig.ts'

const counter = (by = 1) =>
  chart({
    id: 'counter',
    context: { n: 0 },
    initial: 'a',
    on: { ADD: { actions: assign({ n: ({ context }: any) => context.n + by }) } },
    states: { a: { on: { GO: 'b' }, after: { 100: 'b' } }, b: {} },
  })

const outcomes = (verdicts: Iterable<Verdict>): string[] => [...verdicts].map((v) => `${v.address} ${v.outcome} ${v.entries}`)

test('law 8: the journal has every event in order, with its cause and the version that handled it', async () => {
  const it = await rig({ c: counter() }, { version: '1.2' })
  await it.spawn('c', 'a')
  await it.send('c/a', 'ADD', 'k')
  await it.clock.advance(100)
  expect(await it.journal('c/a')).toMatchObject([
    { seq: 1, kind: 'init', type: 'xstate.init', machineVersion: '1.2', cause: null },
    { seq: 2, kind: 'event', type: 'ADD', body: { event: { type: 'ADD' }, key: 'k' }, machineVersion: '1.2' },
    { seq: 3, kind: 'timer', type: 'xstate.after.100.counter.a', machineVersion: '1.2' },
  ])
})

test('law 8: replaying gives the stored snapshot byte for byte, and any earlier one', async () => {
  const it = await rig({ c: counter() })
  await it.spawn('c', 'a')
  for (let i = 0; i < 20; i++) await it.send('c/a', 'ADD')
  expect(outcomes(verify(it.store, it.system.kinds))).toEqual(['c/a equal 21'])
  const row = it.store.actor('c/a')!
  expect(JSON.parse(replay(it.store, it.system.kinds, row, 6).bytes!).context).toEqual({ n: 5 })
})

for (const [what, tamper] of [
  ['its body', (row: JournalRow) => ({ ...row, body: '{"event":{"type":"NOTHING"}}' })],
  ['its body beyond JSON', (row: JournalRow) => ({ ...row, body: '{' })],
  ['that it was handled', (row: JournalRow) => ({ ...row, ignored: 'never happened' })],
  ['its place in the chain', (row: JournalRow) => ({ ...row, prev: 1 })],
] as const) {
  test(`law 8: verify detects a journal entry that was tampered with in ${what}`, async () => {
    const it = await rig({ c: counter() })
    await it.spawn('c', 'a')
    for (let i = 0; i < 3; i++) await it.send('c/a', 'ADD')
    const { entry } = it.store
    it.store.entry = (seq) => {
      const row = entry(seq)
      return row && seq === 3 ? tamper(row) : row
    }
    const [verdict] = verify(it.store, it.system.kinds)
    expect(verdict).toMatchObject({ address: 'c/a', outcome: 'different' })
    expect(verdict!.message!.length).toBeGreaterThan(10)
  })
}

test('law 8: verify detects a result that was put under another life of its child', async () => {
  const machine = chart(
    { id: 'm', context: { n: 0 }, invoke: { id: 'p', src: 'work', onDone: { actions: assign({ n: 1 }) } } },
    { actors: { work: fromPromise(async () => 1) } },
  )
  const it = await rig({ m: machine })
  await it.spawn('m', 'a')
  const { entry } = it.store
  it.store.entry = (seq) => {
    const row = entry(seq)
    return row?.kind === 'done' ? { ...row, body: row.body.replace('"since":1', '"since":7') } : row
  }
  expect(await rejection(Promise.resolve().then(() => replay(it.store, it.system.kinds, it.store.actor('m/a')!)))).toMatchObject({
    code: 'replay-differs',
  })
  expect([...verify(it.store, it.system.kinds)][0]).toMatchObject({ outcome: 'different', message: expect.stringContaining('stale') })
})

test('law 8: verify detects a snapshot that was tampered with, and says where', async () => {
  const it = await rig({ c: counter() })
  await it.spawn('c', 'a')
  await it.send('c/a', 'ADD')
  const { actors } = it.store
  it.store.actors = (options) => actors(options).map((row) => ({ ...row, snapshot: row.snapshot!.replace('"n":1', '"n":2') }))
  const [verdict] = verify(it.store, it.system.kinds)
  expect(verdict).toMatchObject({ outcome: 'different', message: expect.stringContaining('"n":2') })
})

test('law 8: verify detects a row whose status or number of steps is not that of its journal', async () => {
  const it = await rig({ c: counter() })
  await it.spawn('c', 'a')
  await it.send('c/a', 'ADD')
  const { actors } = it.store
  for (const [wrong, message] of [
    [{ status: 'done' }, 'status is done, its replay is active'],
    [{ version: 7 }, 'version is 7, its replay is 2'],
  ] as const) {
    it.store.actors = (options) => actors(options).map((row) => ({ ...row, ...wrong }))
    expect([...verify(it.store, it.system.kinds)]).toMatchObject([{ outcome: 'different', message }])
  }
})

test('law 8: a machine that is changed without a new version is found out', async () => {
  const it = await rig({ c: counter() })
  await it.spawn('c', 'a')
  await it.send('c/a', 'ADD')
  await it.restart({ actors: it.actorsOf({ c: counter(2) }, 1) })
  expect(outcomes(verify(it.store, it.system.kinds))).toEqual(['c/a different 2'])
})

test('law 8: segments of a version that is not in this build are not checkable, not different; what follows a migration is', async () => {
  const it = await rig({ c: counter() })
  await it.spawn('c', 'a')
  await it.spawn('c', 'b')
  await it.send('c/a', 'ADD')
  await it.restart({ actors: it.actorsOf({ c: counter(2) }, 2) })
  expect([...verify(it.store, it.system.kinds)]).toMatchObject([
    { outcome: 'not-checkable', message: expect.stringContaining('c 1') },
    { outcome: 'not-checkable' },
  ])
  await it.send('c/a', 'ADD')
  expect(outcomes(verify(it.store, it.system.kinds))).toEqual(['c/a equal 2', 'c/b not-checkable 0'])
  expect(await it.context('c/a')).toEqual({ n: 3 })
  const error = await rejection(Promise.resolve().then(() => replay(it.store, it.system.kinds, it.store.actor('c/a')!, 3)))
  expect(error.code).toBe('other-version')
})

test('law 8: a replay to before the first entry that is kept says which one is the first', async () => {
  const it = await rig({ c: counter() })
  await it.spawn('c', 'a')
  for (let i = 0; i < 5; i++) await it.send('c/a', 'ADD')
  const { entry } = it.store
  it.store.entry = (seq) => (seq < 3 ? undefined : entry(seq))
  const error = await rejection(Promise.resolve().then(() => replay(it.store, it.system.kinds, it.store.actor('c/a')!)))
  expect(error).toMatchObject({ code: 'before-checkpoint', message: expect.stringContaining('entry 3') })
})
