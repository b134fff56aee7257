import { assign, fromCallback, fromPromise, sendTo, spawnChild, stopChild, type AnyActorLogic } from 'xstate'
import { expect, test } from 'vitest'
import { FatalError, RetryableError } from '../../../src/errors.ts'
import type { EffectPolicy } from '../../../src/actors/system/index.ts'
import { chart, rig } from './rig.ts'
import { createWorld } from './world.ts'

const note = (text: (args: any) => string) => assign({ log: (args: any) => [...args.context.log, text(args)] })

/** One effect `work`, spawned by GO under the event's id, and everything that comes back noted. */
const boss = (work: AnyActorLogic) =>
  chart(
    {
      id: 'boss',
      context: { log: [] },
      on: {
        GO: {
          actions: spawnChild('work', { id: ({ event }: any) => event.id ?? 'w', input: ({ event }: any) => ({ key: event.id ?? 'w' }) }),
        },
        STOP: { actions: stopChild(({ event }: any) => event.id ?? 'w') },
        TELL: {
          actions: sendTo(
            ({ event }: any) => event.id ?? 'w',
            ({ event }: any) => ({ type: 'TOLD', text: event.text }),
          ),
        },
        TELL_AND_STOP: { actions: [sendTo('w', { type: 'TOLD', text: 'last' }), stopChild('w')] },
        SAID: { actions: note(({ event }) => `said ${event.n}`) },
        'xstate.done.actor.*': { actions: note(({ event }) => `${event.actorId} done ${JSON.stringify(event.output)}`) },
        'xstate.error.actor.*': {
          actions: note(
            ({ event }) =>
              `${event.actorId} ${event.error.code ?? event.error.message}${event.error.undelivered ? ` ${JSON.stringify(event.error.undelivered.map((e: any) => e.text))}` : ''}`,
          ),
        },
      },
    },
    { actors: { work } },
  )

async function office(work: AnyActorLogic, policy: EffectPolicy = {}, random = () => 0.5) {
  const it = await rig({ boss: boss(work) }, { effects: { work: policy }, random })
  await it.spawn('boss', 'b')
  return {
    ...it,
    it,
    go: (id?: string) => it.send('boss/b', { type: 'GO', ...(id ? { id } : {}) }),
    log: async () => (await it.context('boss/b')).log as string[],
  }
}

test('law 5: an effect starts only after the commit that spawned it, and its result comes back once', async () => {
  const order: string[] = []
  const o = await office(fromPromise(async () => (order.push('start'), 7)))
  o.store.controls.onCommit = () => void order.push('commit')
  await o.go()
  expect(order.slice(0, 2)).toEqual(['commit', 'start'])
  expect(await o.log()).toEqual(['w done 7'])
  await o.it.crash()
  expect(await o.log()).toEqual(['w done 7'])
  expect(o.store.counts().effects).toBe(0)
})

test('law 5: on restart the default is interrupt: the parent gets an error with code interrupted, once', async () => {
  const world = createWorld()
  const o = await office(world.actors.promise)
  await o.go()
  await o.it.crash()
  world.act('w', 'resolve', 'the former life')
  await o.clock.settle()
  await o.it.crash()
  expect(await o.log()).toEqual(['w interrupted'])
})

test('law 5: an effect that reruns is given the same input again, and its result counts once', async () => {
  const world = createWorld()
  const o = await office(world.actors.promise, { onRestart: 'rerun' })
  await o.go()
  await o.it.crash()
  await o.it.crash()
  world.act('w', 'resolve', 'found')
  await o.clock.settle()
  expect(await o.log()).toEqual(['w done "found"'])
})

test('law 5: at most limit of a kind run at once, in order, and a stop makes room without anything else happening', async () => {
  const world = createWorld()
  const o = await office(world.actors.promise, { limit: 2 })
  for (const id of ['a', 'b', 'c', 'd', 'e']) await o.go(id)
  expect(o.system.health()).toMatchObject({ runningEffects: 2, pendingEffects: 3 })
  expect(o.system.effects.list().map((e) => e.status)).toEqual(['running', 'running', 'pending', 'pending', 'pending'])
  await o.send('boss/b', { type: 'STOP', id: 'a' })
  expect(o.system.effects.list().map((e) => `${e.address.slice(-1)} ${e.status}`)).toEqual([
    'b running',
    'c running',
    'd pending',
    'e pending',
  ])
  world.act('c', 'resolve', 1)
  await o.clock.settle()
  expect(o.system.effects.list().map((e) => `${e.address.slice(-1)} ${e.status}`)).toEqual(['b running', 'd running', 'e pending'])
  await o.it.crash()
  expect((await o.log()).sort()).toEqual(['b interrupted', 'c done 1', 'd interrupted'])
  expect(o.it.system.effects.list().map((e) => `${e.address.slice(-1)} ${e.status}`)).toEqual(['e running'])
})

test('law 5: effects of one pool share its places, in the order in which they came', async () => {
  const world = createWorld()
  const machine = chart(
    {
      id: 'm',
      context: {},
      initial: 'a',
      states: {
        a: {
          invoke: ['a', 'b', 'c', 'd'].map((id, index) => ({ id, src: index % 2 === 0 ? 'even' : 'odd', input: { key: id } })),
        },
      },
    },
    { actors: { even: world.actors.promise, odd: world.actors.promise } },
  )
  const places = { pool: 'places', limit: 2 }
  const it = await rig({ m: machine }, { effects: { even: places, odd: places } })
  const list = () => it.system.effects.list().map((e) => `${e.address.slice(-1)} ${e.status}`)
  await it.spawn('m', '1')
  await it.clock.settle()
  expect(list()).toEqual(['a running', 'b running', 'c pending', 'd pending'])
  world.act('b', 'resolve', 1)
  await it.clock.settle()
  expect(list()).toEqual(['a running', 'c running', 'd pending'])
  world.act('a', 'resolve', 1)
  await it.clock.settle()
  expect(list()).toEqual(['c running', 'd running'])
})

test('law 5: an invoke that is re-entered at limit 1 starts again', async () => {
  const world = createWorld()
  const machine = chart(
    {
      id: 'm',
      context: {},
      initial: 'a',
      states: { a: { invoke: { id: 'p', src: 'work', input: { key: 'p' } }, on: { AGAIN: { target: 'a', reenter: true } } } },
    },
    { actors: { work: world.actors.promise } },
  )
  const it = await rig({ m: machine }, { effects: { work: { limit: 1 } } })
  await it.spawn('m', '1')
  await it.send('m/1', 'AGAIN')
  await it.clock.settle()
  expect(it.system.effects.list().map((e) => e.status)).toEqual(['running'])
})

test('law 5: a rejected promise is tried again with doubled backoff and full jitter from the injected random source', async () => {
  const starts: number[] = []
  let clock: { now: () => number }
  const work = fromPromise(async () => {
    starts.push(clock.now())
    if (starts.length < 5) throw new Error('not yet')
    return 'at last'
  })
  const draws = [1 - 1e-9, 0.5, 0.25, 1 - 1e-9]
  const o = await office(work, { attempts: 5, backoff: { initial: 1_000, max: 3_000 } }, () => draws.shift()!)
  clock = o.clock
  await o.go()
  await o.clock.advance(60_000)
  expect(starts.map((at) => at - 1_000_000)).toEqual([0, 1_000, 2_000, 2_750, 5_750])
  expect(await o.log()).toEqual(['w done "at last"'])
})

test('law 5: after its attempts, or an error that is fatal, the parent gets the error', async () => {
  let tries = 0
  const o = await office(
    fromPromise(async ({ input }: { input: { key: string } }) => {
      tries++
      if (input.key === 'fatal') throw new FatalError('no-such-thing', 'No such thing')
      throw Object.assign(new Error('always'), { code: 'flaky' })
    }),
    { attempts: 3, backoff: 10 },
  )
  await o.go()
  await o.clock.advance(1_000)
  expect([tries, await o.log()]).toEqual([3, ['w flaky']])
  await o.go('fatal')
  await o.clock.advance(1_000)
  expect([tries, await o.log()]).toEqual([4, ['w flaky', 'fatal no-such-thing']])
})

test('law 5: a RetryableError waits at least its retryAfter, whatever number that is, also over a restart', async () => {
  const starts: number[] = []
  const waits = [5_000.4, Number.NaN, Number.POSITIVE_INFINITY]
  let clock: { now: () => number }
  const o = await office(
    fromPromise(async () => {
      starts.push(clock.now())
      const retryAfter = waits.shift()
      if (retryAfter !== undefined) throw new RetryableError('later', 'Later', { retryAfter })
      return 'ok'
    }),
    { attempts: 9, backoff: 10 },
  )
  clock = o.clock
  await o.go()
  await o.clock.advance(1_000)
  await o.it.crash()
  await o.clock.advance(60_000)
  expect(starts[1]! - starts[0]!).toBe(5_001)
  expect(starts).toHaveLength(4)
  expect(await o.log()).toEqual(['w done "ok"'])
})

test('law 5: the deadline counts from the first start over attempts and restarts; then the signal aborts', async () => {
  const aborted: string[] = []
  const o = await office(
    fromPromise(({ signal }) => new Promise(() => signal.addEventListener('abort', () => aborted.push('abort')))),
    { deadline: 10_000, onRestart: 'rerun' },
  )
  await o.go()
  await o.clock.advance(6_000)
  await o.it.crash()
  aborted.length = 0
  await o.clock.advance(3_999)
  expect(await o.log()).toEqual([])
  await o.clock.advance(1)
  expect([aborted, await o.log()]).toEqual([['abort'], ['w deadline-exceeded']])
})

test('law 5: no attempt is begun that its deadline has overtaken', async () => {
  let starts = 0
  const o = await office(
    fromPromise(async () => {
      starts++
      throw new Error('down')
    }),
    { deadline: 1_500, attempts: 10, backoff: 1_000, onRestart: 'rerun' },
    () => 0.999_999,
  )
  await o.go()
  await o.clock.advance(20_000)
  // The second attempt at 1,000; the third would be at 3,000.
  expect([starts, await o.log()]).toEqual([2, ['w down']])
  const world = createWorld()
  const p = await office(world.actors.promise, { deadline: 1_000, onRestart: 'rerun' })
  await p.go()
  world.log.length = 0
  p.it.die()
  p.clock.set(p.clock.now() + 5_000)
  p.it.system = await p.it.open()
  await p.clock.settle()
  expect(await p.log()).toEqual(['w deadline-exceeded'])
})

test('law 5: a deadline longer than a timeout can be does not come early', async () => {
  const month = 30 * 24 * 3_600_000
  const world = createWorld()
  const o = await office(world.actors.promise, { deadline: month })
  // As the real clock does: what is longer fires early and is looked at again.
  const after = o.clock.after
  o.clock.after = (ms, callback) => after(Math.min(ms, 2 ** 31 - 1), callback)
  await o.go()
  await o.clock.advance(month - 1)
  expect(await o.log()).toEqual([])
  await o.clock.advance(1)
  expect(await o.log()).toEqual(['w deadline-exceeded'])
})

test('law 5: a stopped effect is aborted after the commit, and what it still says is not heard', async () => {
  let say: (event: any) => void = () => {}
  const ended: string[] = []
  const o = await office(
    fromCallback(({ sendBack }) => {
      say = sendBack
      return () => void ended.push('ended')
    }),
  )
  await o.go()
  say({ type: 'SAID', n: 1 })
  await o.clock.settle()
  const stop = o.send('boss/b', 'STOP')
  say({ type: 'SAID', n: 2 })
  await stop
  expect(ended).toEqual(['ended'])
  say({ type: 'SAID', n: 3 })
  await o.clock.settle()
  expect(await o.log()).toEqual(['said 1'])
  const [late] = (await o.it.journal('boss/b')).filter((entry) => entry.ignored !== null)
  expect(late).toMatchObject({ type: 'SAID', ignored: 'its child is gone or was replaced' })
})

test('law 5: the result of a former life is journalled and ignored, also when the same id lives again', async () => {
  const world = createWorld()
  const o = await office(world.actors.promise)
  await o.go()
  world.act('w', 'resolve', 'old')
  // In one turn: the stop and the new life arrive before the old result.
  const both = Promise.all([o.send('boss/b', 'STOP'), o.go()])
  await both
  world.act('w', 'resolve', 'new')
  await o.clock.settle()
  expect(await o.log()).toEqual(['w done "new"'])
})

test('law 5: an effect that completes in the turn in which it is stopped is stopped', async () => {
  const world = createWorld()
  const o = await office(world.actors.promise)
  await o.go()
  const stopping = o.it.system.ref('boss/b').send({ type: 'STOP' } as never)
  world.act('w', 'resolve', 'too late')
  await o.it.settled(stopping)
  expect(await o.log()).toEqual([])
  expect(o.store.counts()).toMatchObject({ effects: 0, inbox: 0 })
})

test('law 5: what a callback receives is a row until its listener has taken it; on an interruption the rest goes back', async () => {
  const taken: string[] = []
  const waiting = new Map<string, () => void>()
  const o = await office(
    fromCallback(({ receive }) => {
      receive(((event: any) => {
        taken.push(event.text)
        return event.text === 'now' ? undefined : new Promise<void>((resolve) => waiting.set(event.text, resolve))
      }) as never)
    }),
  )
  await o.go()
  for (const text of ['now', 'one', 'two', 'three']) await o.send('boss/b', { type: 'TELL', text })
  waiting.get('two')!()
  await o.clock.settle()
  expect(taken).toEqual(['now', 'one', 'two', 'three'])
  await o.it.crash()
  expect(await o.log()).toEqual(['w interrupted ["one","three"]'])
})

test('law 5: a callback that reruns is told again what it had not taken, once and in order', async () => {
  const taken: string[] = []
  let life = 0
  const o = await office(
    fromCallback(({ receive }) => {
      const mine = ++life
      receive(((event: any) => {
        taken.push(`${mine} ${event.text}`)
        return mine === 1 && event.text !== 'a' ? new Promise(() => {}) : undefined
      }) as never)
    }),
    { onRestart: 'rerun' },
  )
  await o.go()
  for (const text of ['a', 'b', 'c']) await o.send('boss/b', { type: 'TELL', text })
  await o.it.crash()
  await o.it.crash()
  expect(taken).toEqual(['1 a', '1 b', '1 c', '2 b', '2 c'])
})

test('law 5: messages that come before the callback listens wait for it', async () => {
  const taken: string[] = []
  let listen = (): void => {}
  const o = await office(
    fromCallback(({ receive }) => {
      listen = () => receive((event: any) => void taken.push(event.text))
    }),
  )
  await o.go()
  await o.send('boss/b', { type: 'TELL', text: 'early' })
  listen()
  await o.clock.settle()
  expect(taken).toEqual(['early'])
  await o.it.crash()
  expect(await o.log()).toEqual(['w interrupted'])
})

test('law 5: a message sent while the failure of its effect is on the way comes back with that failure', async () => {
  const world = createWorld()
  const o = await office(world.actors.promise)
  await o.go()
  const told = o.it.system.ref('boss/b').send({ type: 'TELL', text: 'lost?' } as never)
  world.act('w', 'reject', 'broken')
  await o.it.settled(told)
  expect(await o.log()).toEqual(['w broken ["lost?"]'])
})

test('law 5: the last message before a stop is still delivered', async () => {
  const taken: string[] = []
  const o = await office(fromCallback(({ receive }) => receive((event: any) => void taken.push(event.text))))
  await o.go()
  await o.send('boss/b', 'TELL_AND_STOP')
  expect(taken).toEqual(['last'])
})

test('law 5: what a callback said is not lost by a death after its message was acknowledged', async () => {
  const o = await office(
    fromCallback(({ receive, sendBack }) => {
      receive((event: any) => void sendBack({ type: 'SAID', n: event.text }))
    }),
  )
  await o.go()
  await o.send('boss/b', { type: 'TELL', text: 'x' })
  await o.it.crash()
  expect(await o.log()).toEqual(['said x', 'w interrupted'])
})

test('law 5: what JSON does not carry comes back as an error that says so', async () => {
  const o = await office(
    fromPromise(async ({ input }: { input: { key: string } }) =>
      input.key === 'date' ? new Date(0) : input.key === 'nan' ? { a: [Number.NaN] } : undefined,
    ),
  )
  await o.go('date')
  await o.go('nan')
  await o.go('nothing')
  expect(await o.log()).toEqual(['date not-json', 'nan not-json', 'nothing done undefined'])
  const p = await office(fromCallback(({ sendBack }) => sendBack({ type: 'SAID', n: new Map() } as never)))
  await p.go()
  expect(await p.log()).toEqual(['w not-json'])
})

test('law 5: an effect that throws when it starts, or cannot be, errs; nothing escapes to the process', async () => {
  const o = await office(
    fromCallback(() => {
      throw new Error('at start')
    }),
  )
  await o.go()
  expect(await o.log()).toEqual(['w at start'])
  const p = await office(
    fromCallback(({ receive }) =>
      receive(() => {
        throw new Error('at a message')
      }),
    ),
  )
  await p.go()
  await p.send('boss/b', { type: 'TELL', text: 'x' })
  expect(await p.log()).toEqual(['w at a message ["x"]'])
})

test('law 5: a stopped system starts nothing, and leaves no timer behind', async () => {
  let starts = 0
  const timers = new Set<number>()
  const o = await office(
    fromPromise(async () => {
      starts++
      throw new Error('again')
    }),
    { attempts: 100, backoff: 5_000 },
  )
  const after = o.clock.after
  let id = 0
  o.clock.after = (ms, callback) => {
    const mine = ++id
    timers.add(mine)
    const cancel = after(ms, () => {
      timers.delete(mine)
      callback()
    })
    return () => {
      timers.delete(mine)
      cancel()
    }
  }
  await o.go()
  expect([starts, timers.size]).toEqual([1, 1])
  await o.stop()
  expect(timers.size).toBe(0)
  await o.clock.advance(100_000)
  expect(starts).toBe(1)
})

test('law 5: effects of a parent that finishes are aborted with it', async () => {
  const world = createWorld()
  const machine = chart(
    {
      id: 'm',
      context: {},
      initial: 'a',
      invoke: { id: 'p', src: 'work', input: { key: 'p' } },
      states: { a: { on: { END: 'b' } }, b: { type: 'final' } },
    },
    { actors: { work: world.actors.promise } },
  )
  const it = await rig({ m: machine })
  await it.spawn('m', '1')
  await it.send('m/1', 'END')
  expect(world.log).toEqual(['p ended'])
  expect(it.store.counts().effects).toBe(0)
})

test('law 5: what another side asks to wait is bounded, so that it stays a number that a store can hold', async () => {
  for (const retryAfter of [1e300, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER]) {
    const o = await office(
      fromPromise(async () => {
        throw new RetryableError('later', 'Later', { retryAfter })
      }),
      { attempts: 2, backoff: 10 },
    )
    await o.go()
    const [effect] = o.store.effects()
    expect(effect).toMatchObject({ status: 'waiting' })
    expect(Number.isSafeInteger(effect!.due)).toBe(true)
  }
})

test('law 5: a system that is stopping starts no effect only to end it: the next one starts it, and nothing was interrupted', async () => {
  const world = createWorld()
  const o = await office(world.actors.promise)
  const asked = o.it.system.ref('boss/b').send({ type: 'GO' } as never)
  const stopping = o.it.system.stop()
  await o.it.settled(Promise.all([asked, stopping]))
  expect(o.store.effects()).toMatchObject([{ status: 'pending', attempt: 0, startedAt: null }])
  o.it.system = await o.it.open()
  await o.clock.settle()
  world.act('w', 'resolve', 'done at last')
  await o.clock.settle()
  expect(await o.log()).toEqual(['w done "done at last"'])
})

test('law 5: what an attempt was given and did not take is given to the next one, and the former one acknowledges nothing more', async () => {
  const taken: string[] = []
  let life = 0
  let late = (): void => {}
  const o = await office(
    fromCallback(({ receive }) => {
      const mine = ++life
      receive(((event: any) => {
        taken.push(`${mine} ${event.text}`)
        if (mine === 1 && event.text === 'b') throw new Error('broken')
        return event.text === 'a' ? new Promise<void>((resolve) => mine === 1 && (late = resolve)) : undefined
      }) as never)
    }),
    { attempts: 2, backoff: 10 },
  )
  await o.go()
  for (const text of ['a', 'b']) await o.send('boss/b', { type: 'TELL', text })
  await o.clock.advance(10)
  expect(taken).toEqual(['1 a', '1 b', '2 a', '2 b'])
  late()
  await o.it.crash()
  expect(await o.log()).toEqual(['w interrupted ["a"]'])
})

test('law 5: a run that a restart repeats is no attempt that failed', async () => {
  let starts = 0
  const o = await office(
    fromPromise(async () => {
      starts++
      if (starts <= 3) await new Promise(() => {})
      throw new Error('down')
    }),
    { attempts: 2, backoff: 10, onRestart: 'rerun' },
  )
  await o.go()
  for (let i = 0; i < 3; i++) await o.it.crash()
  await o.clock.advance(10)
  // Three that were cut off, and two that failed.
  expect([starts, await o.log()]).toEqual([5, ['w down']])
})

test('law 5: when the store fails, what is at work is aborted: nobody could record what comes of it', async () => {
  const world = createWorld()
  const o = await office(world.actors.promise)
  await o.go()
  o.store.controls.broken = () => new Error('disk full')
  await o.go('x').catch(() => {})
  expect(world.log).toEqual(['w ended'])
})

test('law 5: one that was overtaken by its deadline before it began gives its place to the next', async () => {
  const world = createWorld()
  const o = await office(world.actors.promise, { limit: 1, deadline: 1_000, onRestart: 'rerun' })
  for (const id of ['a', 'b']) await o.go(id)
  o.it.die()
  o.clock.set(o.clock.now() + 5_000)
  o.it.system = await o.it.open()
  await o.clock.settle()
  world.act('b', 'resolve', 1)
  await o.clock.settle()
  expect(await o.log()).toEqual(['a deadline-exceeded', 'b done 1'])
})
