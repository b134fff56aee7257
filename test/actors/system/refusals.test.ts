// Everything that is refused, when it is defined or when it steps, with its code and a message that says what to do instead.

import {
  assign,
  cancel,
  emit,
  enqueueActions,
  fromPromise,
  fromTransition,
  raise,
  sendParent,
  sendTo,
  spawnChild,
  type AnyStateMachine,
} from 'xstate'
import { expect, test } from 'vitest'
import { createSystem, defineActor } from '../../../src/actors/system/index.ts'
import { memoryStore } from '../../../src/persistence/memory-store.ts'
import { chart, rejection, rig } from './rig.ts'

const never = fromPromise(() => new Promise(() => {}))
const kid = chart({ id: 'kid', context: ({ input }: any) => ({ input: input ?? null }) })
const go = (...actions: unknown[]): AnyStateMachine =>
  chart({ id: 'm', context: { x: null }, on: { GO: { actions }, MORE: {} } }, { actors: { kid, work: never } })
const assigned = (value: unknown): AnyStateMachine => go(assign({ x: () => value }))
class Thing {
  x = 1
}
const cycle: Record<string, unknown> = {}
cycle['self'] = cycle

const defined: [code: string, what: string, define: () => AnyStateMachine, message: RegExp][] = [
  [
    'inline-logic',
    'an invoke of inline logic',
    () => chart({ id: 'm', initial: 'a', states: { a: { invoke: { src: never } } } }),
    /'m\.a'.*Name it in setup/,
  ],
  ['inline-logic', 'a spawn of inline logic', () => go(spawnChild(never, { id: 'x' })), /Name it in setup/],
  [
    'inline-logic',
    'the same in a named action',
    () => chart({ id: 'm', entry: 'begin' }, { actions: { begin: spawnChild(never, { id: 'x' }) } }),
    /Name it in setup/,
  ],
  ['spawn-without-id', 'a spawn without an id', () => go(spawnChild('kid')), /Give spawnChild an \{ id \}/],
  [
    'system-id',
    'an invoke with a systemId',
    () => chart({ id: 'm', invoke: { src: 'kid', systemId: 's' } }, { actors: { kid } }),
    /found by address/,
  ],
  ['system-id', 'a spawn with a systemId', () => go(spawnChild('kid', { id: 'k', systemId: 's' })), /found by address/],
  [
    'unknown-delay',
    'a delay that setup does not have',
    () => chart({ id: 'm', initial: 'a', states: { a: { after: { puase: 'a' } } } }, { delays: { pause: 1 } }),
    /Did you mean 'pause'/,
  ],
  [
    'unknown-delay',
    'a delay with the name of an Object method',
    () => chart({ id: 'm', initial: 'a', states: { a: { after: { toString: 'a' } } } }),
    /toString/,
  ],
]
for (const [code, what, define, message] of defined) {
  test(`refused when defined (${code}): ${what}`, () => {
    expect(() => defineActor(define(), { version: 1 })).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })
}

const created: [code: string, what: string, options: () => object, message: RegExp][] = [
  [
    'unknown-logic',
    'an invoke of a source that nothing implements',
    () => ({ actors: { m: defineActor(chart({ id: 'm', invoke: { src: 'wrok' } }, { actors: { work: never } }), { version: 1 }) } }),
    /Did you mean 'work'/,
  ],
  [
    'unknown-logic',
    'the same in a child',
    () => ({
      actors: {
        m: defineActor(chart({ id: 'm' }, { actors: { kid: chart({ id: 'kid', invoke: { src: 'constructor' } }) } }), { version: 1 }),
      },
    }),
    /constructor/,
  ],
  [
    'inline-logic',
    'inline logic in a child',
    () => ({
      actors: { m: defineActor(chart({ id: 'm' }, { actors: { kid: chart({ id: 'kid', invoke: { src: never } }) } }), { version: 1 }) },
    }),
    /'kid'/,
  ],
  [
    'bad-kind',
    'a kind that cannot be part of an address',
    () => ({ actors: { 'a/b': defineActor(go(), { version: 1 }) } }),
    /letters, digits/,
  ],
  [
    'unknown-effect',
    'a policy for an effect that does not exist',
    () => ({ actors: { m: defineActor(go(), { version: 1 }) }, effects: { wrok: { limit: 1 } } }),
    /Did you mean 'work'/,
  ],
]
for (const [code, what, options, message] of created) {
  test(`refused when the system is created (${code}): ${what}`, async () => {
    const store = memoryStore()
    const error = await rejection(createSystem({ store, ...options() } as never))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
    // Nothing was opened.
    await (await createSystem({ store, actors: { m: defineActor(go(), { version: 1 }) } })).stop()
  })
}

const stepped: [code: string, what: string, machine: () => AnyStateMachine, message: RegExp][] = [
  [
    'spawn-without-id',
    'a spawn without an id inside enqueueActions',
    () => go(enqueueActions(({ enqueue }: any) => enqueue.spawnChild('kid'))),
    /Give spawnChild/,
  ],
  [
    'spawn-without-id',
    'a spawn whose id function answers nothing',
    () => go(spawnChild('kid', { id: (() => undefined) as never })),
    /Give spawnChild/,
  ],
  [
    'inline-logic',
    'inline logic inside enqueueActions',
    () => go(enqueueActions(({ enqueue }: any) => enqueue.spawnChild(never, { id: 'x' }))),
    /Name it in setup/,
  ],
  [
    'system-id',
    'a systemId inside enqueueActions',
    () => go(enqueueActions(({ enqueue }: any) => enqueue.spawnChild('kid', { id: 'x', systemId: 's' }))),
    /found by address/,
  ],
  ['system-id', 'system.get', () => go(assign({ x: ({ system }: any) => system.get('s') })), /found by address/],
  ['unknown-logic', 'a spawn of a source that nothing implements', () => go(spawnChild('nothing', { id: 'x' })), /neither setup/],
  ['unknown-logic', 'a spawn of a source with the name of an Object method', () => go(spawnChild('toString', { id: 'x' })), /toString/],
  ['bad-child-id', "an id with '/'", () => go(spawnChild('kid', { id: 'a/b' })), /separates addresses/],
  ['bad-child-id', 'an id that is a number', () => go(spawnChild('kid', { id: (() => 7) as never })), /An id is a string/],
  ['bad-child-id', "the id '__proto__'", () => go(spawnChild('kid', { id: '__proto__' })), /__proto__/],
  [
    'child-exists',
    'an id that is alive',
    () =>
      chart(
        { id: 'm', context: {}, entry: spawnChild('kid', { id: 'k' }), on: { GO: { actions: spawnChild('kid', { id: 'k' }) } } },
        { actors: { kid } },
      ),
    /Stop it first/,
  ],
  [
    'child-exists',
    'an id twice in one macrostep',
    () => go(spawnChild('kid', { id: 'k' }), spawnChild('work', { id: 'k' })),
    /Stop it first/,
  ],
  [
    'spawn-in-assign',
    'spawn inside assign',
    () => go(assign({ x: ({ spawn }: any) => spawn('kid', { id: 'k' }) })),
    /as an action of its own/,
  ],
  ['bad-delay', 'a delay that is no finite number', () => go(raise({ type: 'X' }, { delay: () => Number.NaN })), /at most 100 years/],
  [
    'bad-delay',
    'a delayed send for ever',
    () => go(sendTo(({ self }: any) => self, { type: 'X' }, { delay: Number.POSITIVE_INFINITY })),
    /at most 100 years/,
  ],
  ['foreign-reference', 'a reference to itself in context', () => go(assign({ x: ({ self }: any) => self })), /Keep its id or address/],
  [
    'foreign-reference',
    'a reference in an event',
    () =>
      go(
        sendTo(
          ({ self }: any) => self,
          ({ self }: any) => ({ type: 'X', to: self }),
        ),
      ),
    /Keep its id or address/,
  ],
  [
    'foreign-reference',
    'a reference in the input of a child',
    () => go(spawnChild('kid', { id: 'k', input: ({ self }: any) => ({ boss: self }) })),
    /Keep its id or address/,
  ],
  [
    'foreign-reference',
    'a marker of a reference made by hand',
    () => assigned({ xstate$$type: 1, id: 'somebody' }),
    /Keep its id or address/,
  ],
  [
    'foreign-reference',
    'a send to something that is no own child',
    () => go(sendTo((() => ({ id: 'x', send() {}, sessionId: 'x' })) as never, { type: 'X' } as never)),
    /Emit a report and route it/,
  ],
  [
    'immediate-send',
    'self.send',
    () => go(assign({ x: ({ self }: any) => self.send({ type: 'MORE' }) })),
    /Use raise, sendTo or sendParent/,
  ],
  [
    'bad-event',
    'a send of something that is no event',
    () => go(sendTo(({ self }: any) => self, (() => ({ notype: 1 })) as never)),
    /not an event object/,
  ],
  ['not-json', 'a Date in context', () => assigned(new Date(0)), /context\.x is an instance of Date.*plain objects/],
  ['not-json', 'a Map', () => assigned({ deep: [new Map()] }), /context\.x\.deep\[0\] is an instance of Map/],
  ['not-json', 'a class instance', () => assigned(new Thing()), /instance of Thing/],
  ['not-json', 'an Error', () => assigned(new Error('x')), /instance of Error/],
  ['not-json', 'a function', () => assigned(() => 1), /a function/],
  ['not-json', 'a bigint', () => assigned(1n), /a bigint/],
  ['not-json', 'a symbol', () => assigned(Symbol('s')), /a symbol/],
  ['not-json', 'NaN', () => assigned(Number.NaN), /NaN.*Use null/],
  ['not-json', 'Infinity', () => assigned(Number.NEGATIVE_INFINITY), /-Infinity/],
  ['not-json', 'undefined in an array', () => assigned([1, undefined]), /x\[1\] is undefined/],
  ['not-json', 'a cycle', () => assigned(cycle), /a cycle/],
  [
    'not-json',
    'a Date in an event',
    () => go(sendTo(({ self }: any) => self, (() => ({ type: 'X', at: { when: new Date(0) } })) as never)),
    /event 'X'\.at\.when/,
  ],
  [
    'not-json',
    'a Date in a delayed event',
    () => go(raise((() => ({ type: 'X', when: new Date(0) })) as never, { delay: 1 })),
    /event 'X'\.when/,
  ],
  [
    'not-json',
    'a Date in the input of a child',
    () => go(spawnChild('kid', { id: 'k', input: { when: new Date(0) } })),
    /input of 'k'\.when/,
  ],
  ['not-json', 'a Map in a report', () => go(emit({ type: 'x', map: new Map() } as never)), /emitted 'x'\.map/],
  [
    'not-json',
    'a Date as output',
    () =>
      chart({ id: 'm', context: {}, initial: 'a', states: { a: { on: { GO: 'b' } }, b: { type: 'final' } }, output: () => new Date(0) }),
    /output is an instance of Date/,
  ],
]
for (const [code, what, machine, message] of stepped) {
  test(`refused at the step (${code}): ${what}`, async () => {
    const it = await rig({ m: machine() })
    await it.spawn('m', '1')
    await it.send('m/1', 'GO')
    const { fault, status } = await it.view('m/1')
    expect({ status, code: fault?.error.code ?? fault?.error }).toEqual({ status: 'faulted', code })
    expect(fault!.error.message).toMatch(message)
    // The actor alone, which its operator can carry on.
    await it.settled(it.system.ref('m/1').skipFaulted())
    expect(await it.send('m/1', 'MORE')).toMatchObject({ ignored: null })
  })
}

test("refused at the step (parent-snapshot): reading the parent's snapshot", async () => {
  const nosy = chart({
    id: 'nosy',
    context: { x: null },
    on: { GO: { actions: assign({ x: ({ self }: any) => self._parent.getSnapshot() }) } },
  })
  const it = await rig({ m: chart({ id: 'm', context: {}, entry: spawnChild('nosy', { id: 'n' }) }, { actors: { nosy } }) })
  await it.spawn('m', '1')
  await it.send('m/1/n', 'GO')
  expect((await it.view('m/1/n')).fault!.error).toMatchObject({
    code: 'parent-snapshot',
    message: expect.stringContaining('Pass what it needs'),
  })
})

test('refused at the call: what spawn and send do not take', async () => {
  const it = await rig({ m: go() })
  const refused: [code: string, promise: Promise<unknown>][] = [
    ['unknown-kind', it.system.spawn('n' as never, '1')],
    ['unknown-kind', it.system.spawn('toString' as never, '1')],
    ['bad-id', it.system.spawn('m', '')],
    ['bad-id', it.system.spawn('m', 'a/b')],
    ['not-json', it.system.spawn('m', '1', { at: new Date(0) } as never)],
    ['unknown-actor', it.settled(it.system.ref('m/none').send({ type: 'X' } as never))],
    ['unknown-actor', it.system.ref('m/none').snapshot()],
    ['unknown-actor', it.system.ref('m/none').journal().next()],
    ['not-json', it.system.ref('m/none').send({ type: 'X', fn() {} } as never)],
  ]
  for (const [code, promise] of refused) expect((await rejection(promise)).code).toBe(code)
  expect(it.store.counts().actors).toBe(0)
})

test('allowed: what looks like a refusal and is none', async () => {
  const counter = fromTransition((state: { n: number }) => ({ n: state.n + 1 }), { n: 0 })
  const machine = chart(
    {
      id: 'm',
      context: { x: null },
      on: {
        GO: {
          actions: [
            assign({
              x: () => ({ gone: undefined, nothing: null, empty: {}, list: [null], zero: -0, big: 1e300, text: '\u0000\ud800 ✓' }),
            }),
            spawnChild('counter', { id: 'constructor' }),
            spawnChild('kid', { id: 'toString', input: Object.create(null) }),
            cancel('nothing'),
            sendTo('toString', { type: 'X' }),
          ],
        },
        HOLD: { actions: assign({ x: ({ self }: any) => [{ deep: self.getSnapshot().children.toString }] }) },
        PARENT: { actions: [] },
      },
    },
    { actors: { kid, counter } },
  )
  const it = await rig({ m: machine })
  await it.spawn('m', '__proto__')
  await it.send('m/__proto__', 'GO')
  expect((await it.view('m/__proto__')).status).toBe('active')
  expect((await it.context('m/__proto__')).x).toMatchObject({ nothing: null, big: 1e300, text: '\u0000\ud800 ✓' })
  await it.send('m/__proto__', 'HOLD')
  await it.restart()
  expect((await it.context('m/__proto__')).x).toEqual([{ deep: { xstate$$type: 1, id: 'toString' } }])
  expect(it.problems).toEqual([])
})

test('a root that speaks to its parent faults with XState’s own message', async () => {
  const it = await rig({ m: go(sendParent({ type: 'X' })) })
  await it.spawn('m', '1')
  await it.send('m/1', 'GO')
  expect((await it.view('m/1')).fault!.error.message).toContain("Unable to send event to actor '#_parent'")
})
