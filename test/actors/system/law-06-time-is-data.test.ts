import { assign, cancel, raise, sendParent, sendTo, spawnChild, stopChild } from 'xstate'
import { expect, test } from 'vitest'
import { chart, rejection, rig } from './rig.ts'

const log = (text: string) => assign({ log: ({ context }: any) => [...context.log, text] })
const clockwork = chart({
  id: 'clockwork',
  context: { log: [] },
  initial: 'off',
  on: {
    REMIND: { actions: raise(({ event }: any) => ({ type: 'REMINDED', text: event.text }), { delay: ({ event }: any) => event.in }) },
    KETTLE: { actions: raise({ type: 'REMINDED', text: 'kettle' } as never, { delay: 100, id: 'kettle' }) },
    REMINDED: { actions: assign({ log: ({ context, event }: any) => [...context.log, event.text] }) },
    FORGET: { actions: cancel('kettle') },
    BOOM: {
      guard: () => {
        throw new Error('boom')
      },
    },
  },
  states: {
    off: { on: { ON: 'on' } },
    on: {
      entry: log('on'),
      after: { 1000: { target: 'off', actions: log('after') } },
      on: { OFF: 'off', AGAIN: { target: 'on', reenter: true } },
    },
  },
})

test('law 6: an after and a delayed event fire once, after their due time and not before, also across restarts', async () => {
  const it = await rig({ c: clockwork })
  await it.spawn('c', 'a')
  await it.send('c/a', 'ON')
  await it.send('c/a', { type: 'REMIND', text: 'tea', in: 500 })
  await it.clock.advance(400)
  await it.crash()
  await it.clock.advance(99)
  expect((await it.context('c/a')).log).toEqual(['on'])
  await it.clock.advance(1)
  expect((await it.context('c/a')).log).toEqual(['on', 'tea'])
  await it.restart()
  await it.clock.advance(499)
  expect((await it.view('c/a')).value).toBe('on')
  await it.clock.advance(1)
  expect((await it.view('c/a')).value).toBe('off')
  await it.restart()
  await it.clock.advance(10_000)
  expect((await it.context('c/a')).log).toEqual(['on', 'tea', 'after'])
  expect(it.store.counts().timers).toBe(0)
})

test('law 6: a timer that comes due takes no later one along', async () => {
  const it = await rig({ c: clockwork })
  await it.spawn('c', 'a')
  for (const ms of [100, 101, 130]) await it.send('c/a', { type: 'REMIND', text: String(ms), in: ms })
  await it.clock.advance(100)
  expect((await it.context('c/a')).log).toEqual(['100'])
  await it.clock.advance(29)
  expect((await it.context('c/a')).log).toEqual(['100', '101'])
})

test('law 6: what came due while nothing ran fires at boot, oldest first, over all actors', async () => {
  const it = await rig({ c: clockwork })
  const order: string[] = []
  for (const id of ['a', 'b', 'c']) await it.spawn('c', id)
  const due: [string, number][] = [
    ['a', 900],
    ['b', 300],
    ['c', 600],
    ['a', 100],
    ['b', 1_200],
  ]
  for (const [id, ms] of due) await it.send(`c/${id}`, { type: 'REMIND', text: String(ms), in: ms })
  it.die()
  it.clock.set(it.clock.now() + 1_000)
  it.system = await it.open()
  it.system.onHandled((handled) => order.push(...handled.map((h) => h.address)))
  await it.clock.settle()
  const entries = it.rows().filter((row) => row.kind === 'timer')
  expect(entries.map((row) => JSON.parse(row.body).event.text)).toEqual(['100', '300', '600', '900'])
  expect(order).toEqual(['c/a', 'c/b', 'c/c', 'c/a'])
  await it.clock.advance(200)
  expect((await it.context('c/b')).log).toEqual(['300', '1200'])
})

test('law 6: several overdue timers of an actor are as if they had not been late together', async () => {
  const machine = chart({
    id: 'm',
    context: { log: [] },
    on: {
      GO: { actions: [raise({ type: 'FIRST' }, { delay: 10 }), raise({ type: 'SECOND' }, { delay: 20 })] },
      FIRST: { actions: [log('first'), sendTo(({ self }: any) => self, { type: 'BETWEEN' })] },
      BETWEEN: { actions: log('between') },
      SECOND: { actions: log('second') },
    },
  })
  const it = await rig({ m: machine })
  await it.spawn('m', 'a')
  await it.send('m/a', 'GO')
  it.die()
  it.clock.set(it.clock.now() + 1_000)
  it.system = await it.open()
  await it.clock.settle()
  expect((await it.context('m/a')).log).toEqual(['first', 'between', 'second'])
})

test('law 6: more overdue timers than one turn takes all fire, once', async () => {
  const it = await rig({ c: clockwork }, { limits: { steps: 200 } })
  await it.spawn('c', 'a')
  await it.spawn('c', 'b')
  const sent = Array.from({ length: 2_500 }, (_, i) =>
    it.system.ref(i % 5 ? 'c/a' : 'c/b').send({ type: 'REMIND', text: `${i}`, in: 1_000 + (i % 7) } as never),
  )
  await it.settled(Promise.all(sent))
  it.die()
  it.clock.set(it.clock.now() + 5_000)
  it.system = await it.open()
  await it.clock.settle()
  const fired = it.rows().filter((row) => row.kind === 'timer' && row.ignored === null)
  expect(new Set(fired.map((row) => JSON.parse(row.body).event.text)).size).toBe(2_500)
  expect(fired).toHaveLength(2_500)
}, 20_000)

test('law 6: a delay longer than a timeout of the platform can be neither fires early nor is lost', async () => {
  const it = await rig({ c: clockwork })
  const after = it.clock.after
  const longest = 2 ** 31 - 1
  it.clock.after = (ms, callback) => after(Math.min(ms, longest), callback)
  await it.spawn('c', 'a')
  const long = 60 * 24 * 3_600_000
  await it.send('c/a', { type: 'REMIND', text: 'in two months', in: long })
  await it.clock.advance(long - 1)
  expect((await it.context('c/a')).log).toEqual([])
  await it.clock.advance(1)
  expect((await it.context('c/a')).log).toEqual(['in two months'])
})

for (const [name, delay] of [
  ['NaN', Number.NaN],
  ['infinite', Number.POSITIVE_INFINITY],
  ['astronomic', 1e300],
] as const) {
  test(`law 6: a delay that is ${name} faults its actor and leaves the system alone`, async () => {
    const machine = chart({ id: 'm', context: {}, on: { GO: { actions: raise({ type: 'X' }, { delay: () => delay }) } } })
    const it = await rig({ m: machine, c: clockwork })
    await it.spawn('m', 'a')
    await it.spawn('c', 'a')
    await it.send('m/a', 'GO')
    expect((await it.view('m/a')).fault!.error).toMatchObject({ code: 'bad-delay', message: expect.stringContaining('100 years') })
    await it.send('c/a', 'ON')
  })
}

test('law 6: negative, fractional and zero delays are legal', async () => {
  const it = await rig({ c: clockwork })
  await it.spawn('c', 'a')
  for (const ms of [-5, 0, 0.25]) await it.send('c/a', { type: 'REMIND', text: String(ms), in: ms })
  await it.clock.advance(1)
  expect((await it.context('c/a')).log).toEqual(['-5', '0', '0.25'])
})

test('law 6: a timer that is cancelled in the turn in which it fires is journalled and ignored', async () => {
  const it = await rig({ c: clockwork })
  await it.spawn('c', 'a')
  await it.send('c/a', 'KETTLE')
  it.clock.set(it.clock.now() + 100)
  // Both are there when the turn begins, the cancellation first.
  await it.send('c/a', 'FORGET')
  await it.clock.advance(1_000)
  expect((await it.context('c/a')).log).toEqual([])
  expect((await it.journal('c/a')).at(-1)).toMatchObject({ kind: 'timer', ignored: 'it was cancelled' })
  expect(it.store.counts().timers).toBe(0)
  await it.send('c/a', 'KETTLE')
  await it.clock.advance(100)
  expect((await it.context('c/a')).log).toEqual(['kettle'])
})

test('law 15: a timer of an earlier arming that is due in the turn of a re-entry does not fire the new one', async () => {
  const it = await rig({ c: clockwork })
  await it.spawn('c', 'a')
  await it.send('c/a', 'ON')
  it.clock.set(it.clock.now() + 1_000)
  await it.send('c/a', 'AGAIN')
  expect((await it.view('c/a')).value).toBe('on')
  await it.clock.advance(999)
  expect((await it.view('c/a')).value).toBe('on')
  await it.clock.advance(1)
  expect((await it.context('c/a')).log).toEqual(['on', 'on', 'after'])
})

test('law 6: a timer that rested behind a fault can still be cancelled by the events before it', async () => {
  const it = await rig({ c: clockwork })
  await it.spawn('c', 'a')
  await it.send('c/a', 'ON')
  let broken = true
  const machine = chart({
    id: 'm',
    context: { log: [] },
    initial: 'on',
    states: {
      on: {
        after: { 100: { target: 'off', actions: log('fired') } },
        on: {
          OFF: {
            target: 'again',
            guard: () => {
              if (broken) throw new Error('not now')
              return true
            },
          },
        },
      },
      again: { always: 'on' },
      off: {},
    },
  })
  const m = await rig({ m: machine })
  await m.spawn('m', 'a')
  await m.clock.advance(50)
  await m.send('m/a', 'OFF')
  // It comes due while the actor is faulted, and rests behind OFF.
  await m.clock.advance(60)
  expect(m.store.counts()).toMatchObject({ inbox: 2, timers: 0 })
  await m.crash()
  broken = false
  await m.settled(m.system.ref('m/a').retryFaulted())
  expect(await m.view('m/a')).toMatchObject({ value: 'on', status: 'active' })
  expect((await m.context('m/a')).log).toEqual([])
  await m.clock.advance(99)
  expect((await m.view('m/a')).value).toBe('on')
  await m.clock.advance(1)
  expect((await m.view('m/a')).value).toBe('off')
})

test('law 6: delayed messages to a child reach the life they were sent to, and no later one', async () => {
  const kid = chart({
    id: 'kid',
    context: { got: 0 },
    on: { HI: { actions: [assign({ got: ({ context }: any) => context.got + 1 }), sendParent({ type: 'GOT' })] } },
  })
  const parent = chart(
    {
      id: 'p',
      context: { log: [] },
      on: {
        BEAR: { actions: spawnChild('kid', { id: 'k' }) },
        STOP: { actions: stopChild('k') },
        SOON: { actions: sendTo('k', { type: 'HI' }, { delay: 100 }) },
        BEAR_AND_SOON: { actions: [spawnChild('kid', { id: 'k' }), sendTo('k', { type: 'HI' }, { delay: 100 })] },
        GOT: { actions: log('got') },
      },
    },
    { actors: { kid } },
  )
  const it = await rig({ p: parent })
  await it.spawn('p', 'a')
  for (const type of ['BEAR', 'SOON', 'STOP', 'BEAR']) await it.send('p/a', type)
  await it.crash()
  await it.clock.advance(100)
  expect((await it.context('p/a')).log).toEqual([])
  expect(await it.context('p/a/k')).toEqual({ got: 0 })
  for (const type of ['SOON', 'STOP', 'BEAR_AND_SOON']) await it.send('p/a', type)
  await it.clock.advance(100)
  expect((await it.context('p/a')).log).toEqual(['got'])
})

test('law 6: the timers of an actor go when it finishes or is stopped', async () => {
  const machine = chart({
    id: 'm',
    context: {},
    initial: 'a',
    after: { 50: '.b' },
    // XState cancels what a state waits for when it is left; nobody cancels this one.
    entry: raise({ type: 'LATER' } as never, { delay: 200 }),
    states: { a: { after: { 100: 'b' }, on: { END: 'b' } }, b: { type: 'final' } },
  })
  const parent = chart(
    { id: 'p', context: {}, on: { BEAR: { actions: spawnChild('m', { id: 'm' }) }, STOP: { actions: stopChild('m') } } },
    { actors: { m: machine } },
  )
  const it = await rig({ m: machine, p: parent })
  await it.spawn('m', 'a')
  await it.spawn('p', 'a')
  await it.send('p/a', 'BEAR')
  expect(it.store.counts().timers).toBe(6)
  await it.send('m/a', 'END')
  await it.send('p/a', 'STOP')
  expect(it.store.counts().timers).toBe(0)
  expect(await rejection(it.send('m/b', 'X'))).toMatchObject({ code: 'unknown-actor' })
})

test('law 6: an actor that faults while several of its timers are due keeps none of them back, nor those of another', async () => {
  const it = await rig({ c: clockwork })
  await it.spawn('c', 'a')
  await it.spawn('c', 'b')
  for (const ms of [10, 20, 30]) await it.send('c/a', { type: 'REMIND', text: `a ${ms}`, in: ms })
  await it.send('c/b', { type: 'REMIND', text: 'b', in: 500 })
  it.clock.set(it.clock.now() + 100)
  // It is handled before the timers that are found due in its turn.
  await it.send('c/a', 'BOOM')
  await it.clock.settle()
  expect(it.store.counts()).toMatchObject({ inbox: 4, timers: 1 })
  await it.clock.advance(500)
  expect((await it.context('c/b')).log).toEqual(['b'])
  await it.settled(it.system.ref('c/a').skipFaulted())
  expect((await it.context('c/a')).log).toEqual(['a 10', 'a 20', 'a 30'])
})

test('law 6: a clock that is set forward, or has slept, fires what has become due within a minute', async () => {
  const it = await rig({ c: clockwork })
  await it.spawn('c', 'a')
  const hour = 3_600_000
  await it.send('c/a', { type: 'REMIND', text: 'in two hours', in: 2 * hour })
  const before = it.store.controls.commits
  await it.clock.advance(hour)
  // Looking at the clock commits nothing.
  expect(it.store.controls.commits).toBe(before)
  it.clock.set(it.clock.now() + 10 * hour)
  await it.clock.advance(60_000)
  expect((await it.context('c/a')).log).toEqual(['in two hours'])
})
