import { assign, emit, fromPromise, sendTo, spawnChild, stopChild } from 'xstate'
import { expect, test } from 'vitest'
import { chart, rejection, rig } from './rig.ts'

const done: string[] = []
const child = chart({ id: 'child', context: { n: 0 }, on: { HI: { actions: assign({ n: 1 }) } } })
const everything = () =>
  chart(
    {
      id: 'everything',
      context: { n: 0 },
      on: {
        GO: {
          actions: [
            assign({ n: 1 }),
            spawnChild('child', { id: 'c' }),
            spawnChild('work', { id: 'w' }),
            sendTo('c', { type: 'HI' }),
            sendTo(({ self }: any) => self, { type: 'LATER' }, { delay: 100 }),
            emit({ type: 'noted' }),
            emit({ type: 'routed' }),
            () => void done.push('custom action'),
            stopChild('old'),
          ],
        },
        PREPARE: { actions: spawnChild('child', { id: 'old' }) },
      },
    },
    { actors: { child, work: fromPromise(async () => void done.push('effect')) } },
  )
const other = chart({ id: 'other', context: { n: 0 }, on: { routed: { actions: assign({ n: 1 }) } } })

const options = {
  effects: { noted: { logic: fromPromise(async () => void done.push('report')) as never } },
  routes: { routed: () => 'other/o' },
}

async function prepared() {
  done.length = 0
  const it = await rig({ everything: everything(), other }, options)
  await it.spawn('other', 'o')
  await it.spawn('everything', 'a')
  await it.send('everything/a', 'PREPARE')
  it.system.ref('everything/a').on('*', (event: any) => done.push(event.type))
  return it
}

test('law 3: one transaction holds everything that a step asks for', async () => {
  const it = await prepared()
  const before = it.store.controls.commits
  const snapshots: any[] = []
  it.store.controls.onCommit = (batch) => {
    snapshots.push({
      entries: batch.journal.map((row) => `${row.actor}:${row.kind}`),
      timers: batch.timers.length,
      effects: [...batch.effects].map((row) => row.src),
      actors: [...batch.actors].map((row) => row.address).sort(),
    })
  }
  await it.send('everything/a', 'GO')
  expect(snapshots[0]).toEqual({
    entries: ['2:event', '4:init', '1:message', '3:stop', '4:message'],
    timers: expect.any(Number),
    effects: ['work', 'noted'],
    actors: ['everything/a', 'everything/a/c', 'everything/a/old', 'other/o'],
  })
  expect(it.store.controls.commits - before).toBeLessThanOrEqual(3)
  expect(done.sort()).toEqual(['custom action', 'effect', 'noted', 'report', 'routed'])
})

test('law 3: before the commit nothing outside happens, and when it fails nothing ever does', async () => {
  const it = await prepared()
  const counts = it.store.counts()
  it.store.controls.broken = () => {
    expect(done).toEqual([])
    return new Error('I/O error')
  }
  expect(await rejection(it.send('everything/a', 'GO'))).toMatchObject({ code: 'store-failed' })
  await it.clock.advance(1_000)
  expect(done).toEqual([])
  it.store.controls.broken = undefined
  it.system = await it.open()
  await it.clock.advance(1_000)
  expect(done).toEqual([])
  expect(it.store.counts()).toEqual(counts)
  expect(it.system.ref('everything/a/c').exists()).toBe(false)
  expect([await it.context('everything/a'), await it.context('other/o'), (await it.view('everything/a/old')).status]).toEqual([
    { n: 0 },
    { n: 0 },
    'active',
  ])
})

test('law 3: a death right after the commit loses nothing of it', async () => {
  let dead = false
  const it = await rig(
    { everything: everything(), other },
    {
      ...options,
      effects: { ...options.effects, work: { onRestart: 'rerun' } },
      faultPoint: (point) => {
        if (dead && point === 'commit:after') throw new Error('killed')
      },
    },
  )
  done.length = 0
  await it.spawn('other', 'o')
  await it.spawn('everything', 'a')
  dead = true
  await rejection(it.send('everything/a', 'GO'))
  expect(done).toEqual([])
  dead = false
  await it.crash()
  await it.clock.advance(1_000)
  // The custom action is for logging, at most once: it is what a death may take. The rest is owed and done.
  expect(done.sort()).toEqual(['effect', 'report'])
  expect(await it.context('everything/a/c')).toEqual({ n: 1 })
  expect(await it.context('other/o')).toEqual({ n: 1 })
  expect((await it.journal('everything/a')).filter((entry) => entry.type === 'LATER')).toHaveLength(1)
})

test('law 3: a message to an effect that is stopped in the same transaction goes with it', async () => {
  const it = await rig({
    everything: chart(
      {
        id: 'm',
        context: {},
        on: { A: { actions: [spawnChild('work', { id: 'w' }), sendTo('w', { type: 'X' })] }, B: { actions: stopChild('w') } },
      },
      { actors: { work: fromPromise(() => new Promise(() => {})) } },
    ),
  })
  await it.spawn('everything', 'a')
  let written: any
  it.store.controls.onCommit = (batch) => {
    written = { messages: batch.messagesAdded.length, effects: [...batch.effects].length }
  }
  await it.settled(
    Promise.all([it.system.ref('everything/a').send({ type: 'A' } as never), it.system.ref('everything/a').send({ type: 'B' } as never)]),
  )
  expect(written).toEqual({ messages: 0, effects: 0 })
})
