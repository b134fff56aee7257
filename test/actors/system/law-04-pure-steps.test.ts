import { assign, fromPromise, raise } from 'xstate'
import { expect, test, vi } from 'vitest'
import { resolveKinds, defineActor, type Kind } from '../../../src/actors/system/index.ts'
import { step, type StepResult } from '../../../src/actors/system/step.ts'
import { samples } from './machines.ts'
import { chart, rig } from './rig.ts'
import { createWorld } from './world.ts'

const times = chart({
  id: 'times',
  context: ({ input }: any) => ({ seen: [], input }),
  entry: assign({ seen: ({ context, event }: any) => [...context.seen, event.at] }),
  initial: 'a',
  on: {
    TICK: { actions: assign({ seen: ({ context, event }: any) => [...context.seen, event.at] }) },
    WAIT: { actions: raise({ type: 'TICK' }, { delay: 10 }) },
  },
  states: { a: {} },
})

test('law 4: a step reads no clock and no random source, and the same bytes, event and seq give the same bytes and commands', () => {
  const forbidden = ['Date.now', 'Math.random', 'performance.now'].map((name) => {
    const [object, method] = name.split('.') as [string, string]
    return vi.spyOn((globalThis as any)[object], method as never).mockImplementation((() => {
      throw new Error(`${name} was read`)
    }) as never)
  })
  try {
    for (const sample of samples) {
      const kind = resolveKinds({ m: defineActor(sample.build(createWorld()), { version: 1 }) }, new Set()).get('m') as Kind
      const once = (bytes: string | null, seq: number, event?: object): StepResult =>
        step({
          kind,
          address: 'm/1',
          parent: null,
          bytes,
          entry: bytes === null ? 'init' : 'event',
          body: event ?? { input: sample.input },
          at: 5,
          seq,
        }) as StepResult
      let bytes: string | null = null
      let seq = 0
      for (const line of [undefined, ...sample.script.filter((l) => 'send' in l && l.to === undefined)]) {
        const body = line && 'send' in line ? { event: line.send } : undefined
        seq++
        let results: StepResult[]
        try {
          results = [once(bytes, seq, body), once(bytes, seq, body)]
        } catch {
          // A sample whose script goes on to a fault: that is its end here too.
          break
        }
        const comparable = results.map(({ commands, ...rest }) => ({ ...rest, commands: JSON.stringify(commands) }))
        expect(comparable[1]).toEqual(comparable[0])
        bytes = results[0]!.bytes
        if (results[0]!.status === 'done') break
      }
    }
  } finally {
    for (const spy of forbidden) spy.mockRestore()
  }
})

test('law 4: every event carries at: init, events, timers', async () => {
  const it = await rig({ times })
  await it.spawn('times', 'a')
  it.clock.set(2_000_000)
  await it.send('times/a', { type: 'TICK', at: 7 })
  await it.send('times/a', 'WAIT')
  await it.clock.advance(10)
  expect((await it.context('times/a')).seen).toEqual([1_000_000, 2_000_000, 2_000_010])
  expect((await it.journal('times/a')).map((entry) => entry.at)).toEqual([1_000_000, 2_000_000, 2_000_000, 2_000_010])
})

test('law 4: what the system itself tells carries at too: completions, failures, snapshots, timers', async () => {
  const seen = assign({ seen: ({ context, event }: any) => ({ ...context.seen, [event.type]: event.at }) })
  const kid = chart({ id: 'kid', context: {}, initial: 'a', states: { a: { after: { 5: 'b' } }, b: { type: 'final' } } })
  const machine = chart(
    {
      id: 'm',
      context: { seen: {} },
      invoke: [
        { id: 'good', src: 'good', onDone: { actions: seen } },
        { id: 'bad', src: 'bad', onError: { actions: seen } },
        { id: 'kid', src: 'kid', onSnapshot: { actions: seen }, onDone: { actions: seen } },
      ],
      initial: 'a',
      states: { a: { after: { 7: { actions: seen } } } },
    },
    {
      actors: {
        kid,
        good: fromPromise(async () => 1),
        bad: fromPromise(async () => {
          throw new Error('bad')
        }),
      },
    },
  )
  const it = await rig({ m: machine })
  await it.spawn('m', 'a')
  await it.clock.advance(10)
  expect((await it.context('m/a')).seen).toEqual({
    'xstate.done.actor.good': 1_000_000,
    'xstate.error.actor.bad': 1_000_000,
    'xstate.snapshot.kid': 1_000_000,
    'xstate.done.actor.kid': 1_000_005,
    'xstate.after.7.m.a': 1_000_007,
  })
})

test('law 4: at never goes back within a database when the clock does, also across a restart, and timers go on', async () => {
  const it = await rig({ times })
  await it.spawn('times', 'a')
  await it.send('times/a', 'WAIT')
  it.clock.set(400_000)
  await it.send('times/a', 'TICK')
  await it.clock.advance(9)
  expect((await it.context('times/a')).seen).toHaveLength(2)
  await it.clock.advance(1)
  expect((await it.context('times/a')).seen).toHaveLength(3)
  it.clock.set(1_000)
  await it.restart()
  await it.send('times/a', 'TICK')
  await it.send('times/a', 'WAIT')
  await it.clock.advance(10)
  const ats = it.rows().map((row) => row.at)
  expect(ats).toEqual([...ats].sort((a, b) => a - b))
  expect(Number.isInteger(ats.at(-1))).toBe(true)
  expect((await it.context('times/a')).seen).toHaveLength(5)
})

test('law 4: a clock with fractions gives whole milliseconds', async () => {
  const it = await rig({ times })
  it.clock.set(1_000_000.75)
  await it.spawn('times', 'a')
  expect((await it.context('times/a')).seen).toEqual([1_000_000])
})

test('law 4: a custom action runs after the commit, once, and not in a replay or a restart', async () => {
  const ran: string[] = []
  const it = await rig({ m: chart({ id: 'm', context: {}, on: { X: { actions: () => void ran.push('x') } } }) })
  await it.spawn('m', 'a')
  it.store.controls.onCommit = () => void ran.push('commit')
  await it.send('m/a', 'X')
  it.store.controls.onCommit = undefined
  await it.restart()
  const { verify } = await import('../../../src/actors/system/index.ts')
  expect([...verify(it.store, it.system.kinds)].map((v) => v.outcome)).toEqual(['equal'])
  expect(ran).toEqual(['commit', 'x'])
})

test('law 4: self is the address and self.getSnapshot() the snapshot before the step', async () => {
  const machine = chart({
    id: 'm',
    context: { n: 0, self: '', before: null },
    on: {
      X: {
        actions: [
          assign({ n: ({ context }: any) => context.n + 1 }),
          assign({ self: ({ self }: any) => self.id, before: ({ self }: any) => self.getSnapshot().context.n }),
        ],
      },
    },
  })
  const it = await rig({ m: machine })
  await it.spawn('m', 'a')
  await it.send('m/a', 'X')
  await it.send('m/a', 'X')
  expect(await it.context('m/a')).toEqual({ n: 2, self: 'm/a', before: 1 })
})
