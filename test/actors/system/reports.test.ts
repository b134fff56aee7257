import { assign, emit, fromPromise, sendParent, spawnChild } from 'xstate'
import { expect, test } from 'vitest'
import { FatalError } from '../../../src/errors.ts'
import { chart, rejection, rig } from './rig.ts'

const reporter = chart({
  id: 'r',
  context: { n: 0 },
  initial: 'on',
  on: {
    ROUTE: { actions: emit(({ event }: any) => ({ type: 'routed', text: event.text })) },
    NOTE: { actions: emit(({ event }: any) => ({ type: 'noted', text: event.text })) },
    TELL: { actions: emit(({ event }: any) => ({ type: 'told', text: event.text })) },
    ANY: { actions: emit(({ event }: any) => event.what) },
    FAIL: {
      actions: [
        emit({ type: 'noted', text: 'never' }),
        assign(() => {
          throw new Error('boom')
        }),
      ],
    },
  },
  states: { on: { on: { END: { target: 'off', actions: emit({ type: 'noted', text: 'last words' }) } } }, off: { type: 'final' } },
})
const desk = chart({
  id: 'd',
  context: { got: [] },
  on: { routed: { actions: assign({ got: ({ context, event }: any) => [...context.got, event.text] }) } },
})

interface Job {
  input: { report: { type: string; text: string }; from: string; id: string }
}

test('reports: a routed one reaches its root as an event in the same commit, exactly once, also over restarts', async () => {
  const it = await rig(
    { r: reporter, d: desk },
    { routes: { routed: (report, from) => (report['text'] === 'nobody' ? undefined : `d/${from.slice(2)}`) } },
  )
  await it.spawn('d', 'a')
  await it.spawn('r', 'a')
  const before = it.store.controls.commits
  await it.send('r/a', { type: 'ROUTE', text: 'one' })
  expect(it.store.controls.commits - before).toBe(1)
  expect((await it.context('d/a')).got).toEqual(['one'])
  expect((await it.journal('d/a')).at(-1)).toMatchObject({ kind: 'message', body: { from: 'r/a' }, cause: 3 })
  await it.send('r/a', { type: 'ROUTE', text: 'nobody' })
  await it.crash()
  await it.send('r/a', { type: 'ROUTE', text: 'two' })
  await it.crash()
  expect((await it.context('d/a')).got).toEqual(['one', 'two'])
})

test('reports: one routed to an actor that does not exist, or by a route that throws or answers no address, is told to operators and harms nobody', async () => {
  const it = await rig(
    { r: reporter, d: desk },
    {
      routes: {
        routed: () => 'd/none',
        noted: () => {
          throw new Error('bad route')
        },
        told: (() => ({ not: 'an address' })) as never,
      },
    },
  )
  await it.spawn('r', 'a')
  for (const type of ['ROUTE', 'NOTE', 'TELL']) await it.send('r/a', { type, text: 'x' })
  expect(it.problems.map((p) => p.code)).toEqual(['dead-letter', 'route-failed', 'route-failed'])
  expect(it.problems[2]!.error).toMatchObject({ code: 'bad-route' })
  expect(await it.view('r/a')).toMatchObject({ status: 'active', version: 4 })
})

test('reports: an undelivered one is delivered again with the same id after a restart, in order per actor and type', async () => {
  const calls: string[] = []
  const ids = new Map<string, Set<string>>()
  let mode: 'hang' | 'ok' = 'hang'
  const noted = fromPromise(async ({ input }: Job) => {
    calls.push(`${input.from} ${input.report.text}`)
    ids.set(input.report.text, (ids.get(input.report.text) ?? new Set()).add(input.id))
    if (mode === 'hang') await new Promise(() => {})
  })
  const it = await rig({ r: reporter }, { effects: { noted: { logic: noted as never } } })
  await it.spawn('r', 'a')
  await it.spawn('r', 'b')
  for (const text of ['a1', 'a2', 'a3']) await it.send('r/a', { type: 'NOTE', text })
  await it.send('r/b', { type: 'NOTE', text: 'b1' })
  // Of each actor only the head of the line is under way.
  expect(calls).toEqual(['r/a a1', 'r/b b1'])
  calls.length = 0
  mode = 'ok'
  await it.crash()
  expect(calls).toEqual(['r/a a1', 'r/b b1', 'r/a a2', 'r/a a3'])
  for (const set of ids.values()) expect(set.size).toBe(1)
  expect(new Set([...ids.values()].flatMap((set) => [...set])).size).toBe(4)
  expect(it.store.counts().effects).toBe(0)
  calls.length = 0
  await it.crash()
  expect(calls).toEqual([])
})

test('reports: a delivery that fails is tried again, the next ones wait for it, and giving up is told', async () => {
  const calls: string[] = []
  const noted = fromPromise(async ({ input }: Job) => {
    calls.push(input.report.text)
    if (input.report.text === 'fatal') throw new FatalError('refused', 'Refused for ever')
    if (input.report.text === 'hard' && calls.length < 4) throw new Error('down')
  })
  const it = await rig({ r: reporter }, { effects: { noted: { logic: noted as never, backoff: 1_000 } } })
  await it.spawn('r', 'a')
  for (const text of ['hard', 'fatal', 'easy']) await it.send('r/a', { type: 'NOTE', text })
  expect(calls).toEqual(['hard'])
  await it.clock.advance(500)
  await it.crash()
  await it.clock.advance(20_000)
  expect(calls).toEqual(['hard', 'hard', 'hard', 'hard', 'fatal', 'easy'])
  expect(it.problems).toMatchObject([{ code: 'report-undelivered', address: 'r/a', error: { code: 'refused' } }])
})

test('reports: a refusal that may be a mistake is believed when it was itself met often enough, whatever else has failed before', async () => {
  const thrown: Error[] = []
  const calls: string[] = []
  const noted = fromPromise(async ({ input }: Job) => {
    calls.push(input.report.text)
    const next = thrown.shift()
    if (next !== undefined) throw next
  })
  const doubts = (code: string): number => (code === 'refused' ? 2 : 1)
  const it = await rig({ r: reporter }, { effects: { noted: { logic: noted as never, backoff: 1_000, doubts } } })
  await it.spawn('r', 'a')
  const refused = () => new FatalError('refused', 'Refused')
  thrown.push(new Error('down'), new Error('down'), refused(), new Error('down'))
  await it.send('r/a', { type: 'NOTE', text: 'said' })
  await it.clock.advance(60_000)
  expect([calls.length, it.problems]).toEqual([5, []])
  thrown.push(new Error('down'), refused(), new Error('down'), refused())
  await it.send('r/a', { type: 'NOTE', text: 'given up' })
  await it.clock.advance(60_000)
  expect([calls.length, it.problems.map(({ code }) => code)]).toEqual([9, ['report-undelivered']])
})

test('reports: what is delivered in two ways waits in neither for the other, also after a restart', async () => {
  const calls: string[] = []
  let isDown = true
  const noted = fromPromise(async ({ input }: Job) => {
    if (isDown) throw new Error('down')
    calls.push(`noted ${input.report.text}`)
  })
  const shown = fromPromise(async ({ input }: Job) => void calls.push(`shown ${input.report.text}`))
  const effects = { noted: { logic: noted as never, backoff: 1_000, also: ['shown'] }, shown: { logic: shown as never } }
  const it = await rig({ r: reporter }, { effects })
  await it.spawn('r', 'a')
  for (const text of ['one', 'two']) await it.send('r/a', { type: 'NOTE', text })
  expect(calls).toEqual(['shown one', 'shown two'])
  isDown = false
  await it.crash()
  await it.clock.advance(2_000)
  expect(calls).toEqual(['shown one', 'shown two', 'noted one', 'noted two'])
  expect(it.store.counts().effects).toBe(0)
})

test('reports: by default a delivery is tried twenty times', async () => {
  let calls = 0
  const it = await rig(
    { r: reporter },
    {
      effects: {
        noted: {
          logic: fromPromise(async () => {
            calls++
            throw new Error('down')
          }) as never,
        },
      },
    },
  )
  await it.spawn('r', 'a')
  await it.send('r/a', { type: 'NOTE', text: 'x' })
  await it.clock.advance(3_600_000)
  expect([calls, it.store.counts().effects]).toEqual([20, 0])
})

test('reports: those of a step that fails are never sent', async () => {
  const calls: string[] = []
  const it = await rig(
    { r: reporter },
    { effects: { noted: { logic: fromPromise(async ({ input }: Job) => void calls.push(input.report.text)) as never } } },
  )
  await it.spawn('r', 'a')
  const heard: unknown[] = []
  it.system.ref('r/a').on('*', (event) => heard.push(event))
  await it.send('r/a', 'FAIL')
  expect([calls, heard]).toEqual([[], []])
})

test('reports: those of a finished actor are still delivered, and it is not swept before', async () => {
  let deliver = (): void => {}
  const it = await rig(
    { r: reporter },
    { effects: { noted: { logic: fromPromise(() => new Promise<void>((resolve) => (deliver = resolve))) as never } } },
  )
  await it.spawn('r', 'a')
  await it.send('r/a', 'END')
  await it.clock.advance(10)
  expect(it.system.sweep(it.clock.now())).toBe(0)
  await it.crash()
  deliver()
  await it.clock.advance(10)
  expect(it.store.counts().effects).toBe(0)
  expect(it.system.sweep(it.clock.now())).toBeGreaterThan(0)
})

test('reports: children report too, and live listeners hear their own actor after the commit', async () => {
  const kid = chart({ id: 'kid', context: {}, entry: [emit({ type: 'noted', text: 'born' }), sendParent({ type: 'HI' })] })
  const parent = chart(
    { id: 'p', context: {}, on: { GO: { actions: [emit({ type: 'before' }), spawnChild('kid', { id: 'k' })] } } },
    { actors: { kid } },
  )
  const calls: string[] = []
  const it = await rig(
    { p: parent },
    {
      effects: { noted: { logic: fromPromise(async ({ input }: Job) => void calls.push(`${input.from} ${input.report.text}`)) as never } },
    },
  )
  await it.spawn('p', '1')
  const heard: string[] = []
  it.store.controls.onCommit = () => void heard.push('commit')
  const own = it.system.ref('p/1').on('before', () => heard.push('before'))
  it.system.ref('p/1').on('*', (event: any) => heard.push(`any ${event.type}`))
  it.system.ref('p/1/k').on('noted', () => heard.push('kid'))
  await it.send('p/1', 'GO')
  expect(heard.slice(0, 4)).toEqual(['commit', 'before', 'any before', 'kid'])
  expect(calls).toEqual(['p/1/k born'])
  own.unsubscribe()
})

test('reports: types with the names of Object.prototype are routed to nobody', async () => {
  const it = await rig({ r: reporter })
  await it.spawn('r', 'a')
  const heard: string[] = []
  it.system.ref('r/a').on('*', (event: any) => heard.push(event.type))
  for (const type of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf'])
    await it.send('r/a', { type: 'ANY', what: { type } })
  expect(heard).toEqual(['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf'])
  expect(await it.view('r/a')).toMatchObject({ status: 'active', version: 6 })
  expect(it.problems).toEqual([])
  expect(it.store.counts().effects).toBe(0)
})

test('reports: what JSON does not carry is no report', async () => {
  const machine = chart({ id: 'm', context: {}, on: { GO: { actions: emit({ type: 'noted', when: new Date(0) } as never) } } })
  const it = await rig({ m: machine })
  await it.spawn('m', 'a')
  await it.send('m/a', 'GO')
  expect((await it.view('m/a')).fault!.error).toMatchObject({
    code: 'not-json',
    message: expect.stringContaining('.when is an instance of Date'),
  })
  expect(
    await rejection(
      it.settled(
        it.system
          .ref('m/a')
          .skipFaulted()
          .then(() => it.send('m/none', 'X')),
      ),
    ),
  ).toMatchObject({ code: 'unknown-actor' })
})
