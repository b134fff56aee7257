// Machines that use everything XState has and Signalbox takes, each with the lines that exercise it and the alphabet for random ones.

import {
  and,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  forwardTo,
  fromTransition,
  log,
  not,
  or,
  raise,
  sendParent,
  sendTo,
  spawnChild,
  stateIn,
  stopChild,
  type AnyStateMachine,
} from 'xstate'
import type { Build, Line } from './scripts.ts'

export interface Sample {
  name: string
  build: Build
  input?: unknown
  /** Lines that must at least be gone through. */
  script: Line[]
  /** What random scripts are drawn from. */
  alphabet: Line[]
}

// Charts in tests are written as data; XState's generics would only be in the way.
export const chart = (config: object, implementations: object = {}): AnyStateMachine =>
  createMachine({ options: { maxIterations: 1_000 }, ...config } as never, implementations as never)

const note = (text: string) => assign({ log: ({ context }: { context: { log?: string[] } }) => [...(context.log ?? []), text].slice(-40) })
const count = (key = 'n') => assign({ [key]: ({ context }: { context: Record<string, number> }) => (context[key] ?? 0) + 1 })
const on = (...types: string[]): Line[] => types.map((type) => ({ send: { type } }))
const wait = (ms: number): Line => ({ advance: ms })

const nested: Sample = {
  name: 'nested states, entry and exit order, reenter, raise, always chains, nested done with output',
  build: () =>
    chart({
      id: 'nested',
      context: { log: [], n: 0 },
      initial: 'a',
      entry: note('>root'),
      on: {
        RESET: { target: '.a', reenter: true },
        SELF: { actions: [note('self'), raise({ type: 'RAISED' })] },
        RAISED: { actions: count() },
      },
      states: {
        a: {
          entry: note('>a'),
          exit: note('<a'),
          initial: 'a1',
          on: { OUT: { target: 'b', actions: note('a->b') }, AGAIN: { target: 'a', reenter: true }, INNER: '.a2' },
          states: {
            a1: { entry: note('>a1'), exit: note('<a1'), on: { GO: 'a2' } },
            a2: { entry: [note('>a2'), raise({ type: 'GO' })], exit: note('<a2'), on: { GO: 'a3' } },
            a3: { entry: note('>a3'), exit: note('<a3'), type: 'final', output: ({ context }: any) => ({ n: context.n }) },
          },
          onDone: { target: 'b', actions: assign({ output: ({ event }: any) => event.output }) },
        },
        b: {
          entry: [note('>b'), count()],
          exit: note('<b'),
          always: [{ guard: ({ context }: any) => context.n > 6, target: 'd' }, { target: 'c' }],
        },
        c: { entry: note('>c'), exit: note('<c'), on: { GO: { target: 'a', actions: note('c->a') }, '*': { actions: note('any') } } },
        d: {
          entry: note('>d'),
          always: { guard: ({ context }: any) => context.n < 9, actions: count(), target: 'd', reenter: true },
          on: { RESET: undefined },
        },
      },
    }),
  script: [...on('SELF', 'INNER', 'GO', 'GO', 'AGAIN', 'OUT', 'WHAT', 'RESET', 'GO', 'GO', 'SELF', 'SELF', 'OUT', 'GO', 'OUT', 'RESET')],
  alphabet: on('SELF', 'INNER', 'GO', 'AGAIN', 'OUT', 'WHAT', 'RESET'),
}

const parallel: Sample = {
  name: 'parallel regions, stateIn, simultaneous transitions, done of all regions, output at the root',
  build: () =>
    chart({
      id: 'parallel',
      context: { log: [], n: 0 },
      type: 'parallel',
      states: {
        left: {
          initial: 'l1',
          entry: note('>left'),
          states: {
            l1: { exit: note('<l1'), on: { NEXT: 'l2', BOTH: { target: 'l2', actions: count() } } },
            l2: { entry: note('>l2'), on: { NEXT: { target: 'l3', guard: stateIn({ right: 'r2' }) }, BACK: 'l1' } },
            l3: { type: 'final', output: 'left' },
          },
        },
        right: {
          initial: 'r1',
          states: {
            r1: { on: { BOTH: { target: 'r2', actions: count() } }, always: { guard: stateIn('#parallel.left.l3'), target: 'r2' } },
            r2: { entry: note('>r2'), on: { BACK: 'r1', END: { target: 'r3', guard: stateIn({ left: 'l3' }) } } },
            r3: { type: 'final' },
          },
        },
        watcher: {
          initial: 'w',
          states: {
            w: { always: { guard: and([stateIn({ left: 'l3' }), ({ context }: any) => context.n > 1]), target: 'seen' } },
            seen: { type: 'final' },
          },
        },
      },
      output: ({ context }: any) => ({ n: context.n, log: context.log.length }),
    }),
  script: on('NEXT', 'NEXT', 'BACK', 'BOTH', 'NEXT', 'END', 'BOTH'),
  alphabet: on('NEXT', 'BACK', 'BOTH', 'END', 'NOPE'),
}

const history: Sample = {
  name: 'shallow and deep history, with and without a default',
  build: () =>
    chart({
      id: 'history',
      context: { log: [] },
      initial: 'on',
      states: {
        on: {
          initial: 'x',
          on: { OFF: 'off' },
          states: {
            x: { on: { NEXT: 'y' } },
            y: {
              initial: 'y1',
              on: { NEXT: 'x' },
              states: {
                y1: { on: { DEEP: 'y2' } },
                y2: { initial: 'z1', on: { DEEP: 'y1' }, states: { z1: { on: { DEEPER: 'z2' } }, z2: {} } },
                inner: { type: 'history' },
              },
            },
            shallow: { type: 'history' },
            deep: { type: 'history', history: 'deep', target: 'y.y2' },
            both: {
              type: 'parallel',
              on: { NEXT: 'x' },
              states: {
                p: { initial: 'p1', states: { p1: { on: { DEEP: 'p2' } }, p2: {} } },
                q: { initial: 'q1', states: { q1: { on: { DEEPER: 'q2' } }, q2: {} } },
              },
            },
          },
        },
        off: { entry: note('>off'), on: { SHALLOW: 'on.shallow', DEEPLY: 'on.deep', INNER: 'on.y.inner', BOTH: 'on.both', ON: 'on' } },
      },
    }),
  script: on(
    'OFF',
    'DEEPLY',
    'DEEPER',
    'OFF',
    'SHALLOW',
    'OFF',
    'DEEPLY',
    'NEXT',
    'OFF',
    'SHALLOW',
    'OFF',
    'INNER',
    'OFF',
    'BOTH',
    'DEEP',
    'OFF',
    'DEEPLY',
    'OFF',
    'SHALLOW',
  ),
  alphabet: on('OFF', 'SHALLOW', 'DEEPLY', 'INNER', 'BOTH', 'ON', 'NEXT', 'DEEP', 'DEEPER'),
}

const delays: Sample = {
  name: 'after by number, name and function, delayed raise, cancel, delayed send to itself',
  input: { pause: 70 },
  build: () =>
    chart(
      {
        id: 'delays',
        context: ({ input }: any) => ({ log: [], n: 0, pause: input.pause }),
        initial: 'number',
        on: {
          // Two pending delays under one id are outside the equality: each cancels its predecessor.
          LATER: { actions: [cancel('later'), raise({ type: 'RAISED' }, { delay: 45, id: 'later' })] },
          NEVER: { actions: cancel('later') },
          SELFISH: { actions: sendTo(({ self }: any) => self, { type: 'RAISED' }, { delay: 'pause' as never }) },
          NAMED: {
            actions: [
              cancel(({ context }: any) => (context.n >= 0 ? 'fixed' : 'none')),
              raise({ type: 'RAISED' }, { id: 'fixed', delay: ({ context }: any) => context.n * 10 }),
            ],
          },
          RAISED: { actions: [count(), note('raised')] },
        },
        states: {
          number: {
            after: { 100: { target: 'name', actions: note('number') } },
            on: { GO: 'name', AGAIN: { target: 'number', reenter: true } },
          },
          name: {
            after: {
              pause: [
                { guard: ({ context }: any) => context.n > 3, target: 'fn' },
                { target: 'number', actions: note('name') },
              ],
            },
          },
          fn: {
            entry: note('>fn'),
            after: { growing: { target: 'number', actions: [count(), note('fn')] }, 500: 'end' },
            on: { GO: 'number', STAY: { actions: count() } },
          },
          end: { after: { 0: { actions: note('zero') }, 13: 'number' } },
        },
      },
      { delays: { pause: ({ context }: any) => context.pause, growing: ({ context }: any) => 50 + context.n * 40 } },
    ),
  script: [
    wait(99),
    wait(1),
    wait(71),
    ...on('LATER', 'NEVER'),
    wait(60),
    ...on('LATER', 'SELFISH', 'SELFISH'),
    wait(44),
    wait(1),
    wait(300),
    ...on('GO', 'NAMED', 'STAY'),
    wait(1000),
    wait(40),
    ...on('AGAIN'),
    wait(99),
  ],
  alphabet: [...on('LATER', 'NEVER', 'GO', 'AGAIN', 'STAY'), wait(1), wait(44), wait(71), wait(333)],
}

const fetch: Sample = {
  name: 'invoke of a promise: resolve, reject, input, abort on exit, reentry',
  build: ({ actors }) =>
    chart(
      {
        id: 'fetch',
        context: { log: [], n: 0 },
        initial: 'idle',
        states: {
          idle: { on: { GO: 'loading' } },
          loading: {
            entry: count(),
            invoke: {
              id: 'load',
              src: 'promise',
              input: ({ context }: any) => ({ key: `load${context.n}` }),
              onDone: { target: 'idle', actions: assign({ got: ({ event }: any) => event.output }) },
              onError: { target: 'failed', actions: assign({ error: ({ event }: any) => event.error.message }) },
            },
            on: { AGAIN: { target: 'loading', reenter: true }, LEAVE: 'idle', THROUGH: 'through' },
          },
          failed: { invoke: { src: 'promise', input: { key: 'unnamed' }, onDone: 'idle' }, on: { GO: 'loading', LEAVE: 'idle' } },
          // Entered and left in one macrostep: its invoke never is.
          through: { invoke: { id: 'never', src: 'promise', input: { key: 'never' } }, always: 'idle' },
        },
      },
      { actors: { promise: actors.promise } },
    ),
  script: [
    ...on('GO'),
    { act: 'resolve', key: 'load1', value: { a: 1 } },
    ...on('GO', 'AGAIN'),
    { act: 'resolve', key: 'load2', value: 'late' },
    { act: 'reject', key: 'load3', value: 'no' },
    { act: 'resolve', key: 'unnamed', value: null },
    ...on('GO', 'THROUGH'),
    { act: 'resolve', key: 'never' },
    ...on('GO', 'LEAVE'),
    { act: 'resolve', key: 'load5' },
  ],
  alphabet: [
    ...on('GO', 'AGAIN', 'LEAVE', 'THROUGH'),
    ...['load1', 'load2', 'load3', 'load4', 'unnamed'].flatMap((key): Line[] => [
      { act: 'resolve', key, value: { key } },
      { act: 'reject', key, value: `${key} failed` },
    ]),
  ],
}

const talk: Sample = {
  name: 'invoke of a callback: sendBack, receive, sendTo at entry and exit, forwardTo, delayed sendTo, stop',
  build: ({ actors }) =>
    chart(
      {
        id: 'talk',
        context: { log: [], n: 0 },
        initial: 'off',
        on: { SAID: { actions: note('said') }, ECHOED: { actions: count() } },
        states: {
          off: { on: { GO: 'on' } },
          on: {
            entry: sendTo('cb', { type: 'HELLO' }),
            exit: sendTo('cb', { type: 'BYE' }),
            invoke: { id: 'cb', src: 'callback', input: { key: 'cb' } },
            on: {
              FORWARD: { actions: forwardTo('cb') },
              ECHO: { actions: sendTo('cb', { type: 'ECHO' }) },
              SOON: { actions: [cancel('soon'), sendTo('cb', { type: 'ECHO' }, { delay: 30, id: 'soon' })] },
              UNSOON: { actions: cancel('soon') },
              AGAIN: { target: 'on', reenter: true },
              OFF: 'off',
            },
          },
        },
      },
      { actors: { callback: actors.callback } },
    ),
  script: [
    ...on('GO', 'ECHO', 'FORWARD'),
    { act: 'say', key: 'cb', value: { type: 'SAID' } },
    ...on('SOON'),
    wait(31),
    ...on('SOON', 'UNSOON'),
    wait(40),
    ...on('SOON', 'AGAIN'),
    wait(40),
    ...on('OFF'),
    { act: 'say', key: 'cb', value: { type: 'SAID' } },
    ...on('ECHO'),
  ],
  alphabet: [
    ...on('GO', 'ECHO', 'FORWARD', 'SOON', 'UNSOON', 'AGAIN', 'OFF'),
    { act: 'say', key: 'cb', value: { type: 'SAID' } },
    wait(17),
    wait(31),
  ],
}

const streams: Sample = {
  name: 'observable with onSnapshot, event observable, completion and failure',
  build: ({ actors }) =>
    chart(
      {
        id: 'streams',
        context: { log: [], seen: null, n: 0 },
        initial: 'on',
        on: { TICK: { actions: count() } },
        states: {
          on: {
            invoke: [
              {
                id: 'o',
                src: 'observable',
                input: { key: 'o' },
                onSnapshot: { actions: assign({ seen: ({ event, context }: any) => event.snapshot.context ?? context.seen }) },
                onDone: { actions: note('o done') },
                onError: { target: 'off', actions: note('o failed') },
              },
              { id: 'e', src: 'events', input: { key: 'e' }, onDone: { target: 'off', actions: note('e done') } },
            ],
            on: { OFF: 'off' },
          },
          off: { on: { ON: 'on' } },
        },
      },
      { actors: { observable: actors.observable, events: actors.events } },
    ),
  script: [
    { act: 'next', key: 'o', value: 1 },
    { act: 'next', key: 'o', value: { deep: [1, 2] } },
    { act: 'next', key: 'e', value: { type: 'TICK' } },
    { act: 'next', key: 'e', value: { type: 'TICK' } },
    { act: 'complete', key: 'o' },
    { act: 'next', key: 'o', value: 3 },
    { act: 'complete', key: 'e' },
    ...on('ON'),
    { act: 'fail', key: 'o', value: 'broken' },
    ...on('ON', 'OFF'),
    { act: 'next', key: 'o', value: 4 },
  ],
  alphabet: [
    ...on('ON', 'OFF'),
    { act: 'next', key: 'o', value: 7 },
    { act: 'next', key: 'e', value: { type: 'TICK' } },
    { act: 'complete', key: 'o' },
    { act: 'complete', key: 'e' },
    { act: 'fail', key: 'o', value: 'x' },
  ],
}

const kid = chart(
  {
    id: 'kid',
    context: ({ input }: any) => ({ name: input?.name ?? '?', log: [], n: 0 }),
    initial: 'play',
    on: {
      ASK: { actions: sendParent(({ context }: any) => ({ type: 'ANSWER', from: context.name, n: context.n })) },
      END: '.end',
      TELL: { actions: [count(), note('told')] },
    },
    states: {
      play: {
        after: { 61: { target: 'nap', actions: [count(), sendParent({ type: 'NAPPING' })] } },
        on: { GRAND: 'grand', LATE: { actions: sendParent({ type: 'LATE' }, { delay: 29 }) } },
      },
      nap: { on: { WAKE: 'play' } },
      grand: {
        invoke: {
          id: 'toy',
          src: 'toy',
          input: ({ context }: any) => ({ of: context.name }),
          onDone: { target: 'play', actions: assign({ toy: ({ event }: any) => event.output }) },
        },
        on: { POKE: { actions: sendTo('toy', { type: 'POKE' }) } },
      },
      end: { type: 'final' },
    },
    output: ({ context }: any) => ({ name: context.name, n: context.n }),
  },
  {
    actors: {
      toy: chart({
        id: 'toy',
        context: ({ input }: any) => ({ of: input.of, pokes: 0 }),
        initial: 'whole',
        on: { POKE: { actions: assign({ pokes: ({ context }: any) => context.pokes + 1 }) } },
        states: {
          whole: { always: { guard: ({ context }: any) => context.pokes > 1, target: 'broken' }, after: { 47: 'broken' } },
          broken: { type: 'final' },
        },
        output: ({ context }: any) => context,
      }),
    },
  },
)

const family: Sample = {
  name: 'spawnChild, stopChild, sendTo, sendParent, delayed sends, respawn, child references, grandchildren, done with output',
  build: () =>
    chart(
      {
        id: 'family',
        context: { log: [], n: 0, ref: null },
        on: {
          BEAR: {
            guard: ({ context }: any) => context.n < 6,
            actions: [
              count(),
              spawnChild('kid', { id: ({ context }: any) => `k${context.n}`, input: ({ context }: any) => ({ name: `kid ${context.n}` }) }),
              sendTo(({ context }: any) => `k${context.n}`, { type: 'TELL' }),
            ],
          },
          // Spawned and stopped in one macrostep: it never was.
          MISCARRY: { actions: [spawnChild('kid', { id: 'm', input: { name: 'm' } }), stopChild('m')] },
          REPLACE: {
            guard: ({ context }: any) => context.n > 0,
            actions: [stopChild('k1'), spawnChild('kid', { id: 'k1', input: { name: 'again' } })],
          },
          STOP: { actions: stopChild('k1') },
          TELL: {
            actions: enqueueActions(({ enqueue, self }: any) => {
              if (self.getSnapshot().children.k1) enqueue.sendTo('k1', { type: 'TELL' })
            }),
          },
          ASK: {
            actions: enqueueActions(({ enqueue, self }: any) => {
              for (const id of Object.keys(self.getSnapshot().children)) enqueue.sendTo(id, { type: 'ASK' })
            }),
          },
          SOON: {
            actions: enqueueActions(({ enqueue, self }: any) => {
              if (self.getSnapshot().children.k1) enqueue.sendTo('k1', { type: 'TELL' }, { delay: 19 })
            }),
          },
          HOLD: { actions: assign({ ref: ({ self }: any) => self.getSnapshot().children.k1 ?? null }) },
          VIA: { guard: ({ context }: any) => Boolean(context.ref), actions: sendTo(({ context }: any) => context.ref, { type: 'TELL' }) },
          ANSWER: { actions: assign({ log: ({ context, event }: any) => [...context.log, `${event.from} ${event.n}`] }) },
          NAPPING: { actions: note('napping') },
          LATE: { actions: note('late') },
          'xstate.done.actor.*': {
            actions: [
              assign({ log: ({ context, event }: any) => [...context.log, `${event.actorId} ${JSON.stringify(event.output)}`] }),
              stopChild(({ event }: any) => event.actorId),
            ],
          },
        },
      },
      { actors: { kid } },
    ),
  script: [
    ...on('BEAR', 'ASK', 'MISCARRY', 'HOLD', 'VIA', 'SOON'),
    wait(20),
    wait(45),
    ...on('SOON', 'REPLACE', 'ASK'),
    wait(30),
    { send: { type: 'LATE' }, to: 'k1' },
    ...on('BEAR'),
    wait(33),
    { send: { type: 'GRAND' }, to: 'k2' },
    wait(40),
    { send: { type: 'POKE' }, to: 'k2' },
    { send: { type: 'POKE' }, to: 'k2' },
    { send: { type: 'END' }, to: 'k2' },
    { send: { type: 'GRAND' }, to: 'k1' },
    ...on('REPLACE', 'STOP', 'HOLD', 'TELL'),
  ],
  alphabet: [
    ...on('BEAR', 'MISCARRY', 'REPLACE', 'STOP', 'TELL', 'SOON', 'HOLD'),
    ...['k1', 'k2'].flatMap((to): Line[] => ['GRAND', 'POKE', 'END', 'LATE', 'WAKE'].map((type) => ({ send: { type }, to }))),
    wait(7),
    wait(20),
    wait(62),
  ],
}

const reducers: Sample = {
  name: 'fromTransition and machine children with onSnapshot',
  build: () =>
    chart(
      {
        id: 'reducers',
        context: { log: [], sum: 0, mood: null },
        invoke: [
          {
            id: 'adder',
            src: 'adder',
            input: { start: 3 },
            onSnapshot: { actions: assign({ sum: ({ event }: any) => event.snapshot.context.sum }) },
          },
          {
            id: 'kid',
            src: 'kid',
            input: { name: 'kid' },
            onSnapshot: { actions: assign({ mood: ({ event }: any) => event.snapshot.value }) },
            onDone: { actions: note('kid done') },
          },
        ],
        on: {
          ADD: { actions: sendTo('adder', ({ event }: any) => ({ type: 'ADD', by: event.by })) },
          TELL: { actions: sendTo('kid', { type: 'TELL' }) },
          END: { actions: sendTo('kid', { type: 'END' }) },
          '*': {},
        },
      },
      {
        actors: {
          kid,
          adder: fromTransition(
            (state: { sum: number }, event: { type: string; by?: number }) =>
              event.type === 'ADD' ? { sum: state.sum + (event.by ?? 1) } : state,
            ({ input }: any) => ({ sum: input.start }),
          ),
        },
      },
    ),
  script: [{ send: { type: 'ADD', by: 4 } }, ...on('TELL'), wait(61), { send: { type: 'ADD', by: 1 } }, ...on('END', 'TELL')],
  alphabet: [{ send: { type: 'ADD', by: 2 } }, ...on('TELL', 'END'), wait(25), wait(61)],
}

const decisions: Sample = {
  name: 'emit, enqueueActions with check, guards with params and their combinations, actions with params, log',
  build: () =>
    chart(
      {
        id: 'decisions',
        context: { log: [], n: 0 },
        entry: emit({ type: 'started' }),
        on: {
          UP: { actions: ['up', emit(({ context }: any) => ({ type: 'counted', n: context.n }))] },
          ADD: { actions: { type: 'add', params: ({ event }: any) => ({ by: event.by ?? 2 }) } },
          CHOOSE: {
            actions: enqueueActions(({ enqueue, check, context }: any) => {
              enqueue('up')
              if (check({ type: 'atLeast', params: { n: 3 } })) enqueue.emit({ type: 'big', n: context.n })
              else enqueue.raise({ type: 'ADD', by: 10 })
              if (check(not({ type: 'atLeast', params: { n: 100 } }))) enqueue.assign({ chosen: ({ context: c }: any) => c.n })
              enqueue(log('chosen'))
            }),
          },
          IF: [
            { guard: and([{ type: 'atLeast', params: { n: 2 } }, not('even')]), actions: note('odd') },
            { guard: or(['even', ({ context }: any) => context.n > 50]), actions: [note('even'), emit({ type: 'even' })] },
            { actions: note('else') },
          ],
          COMBINED: { guard: 'oddAndSmall', actions: note('odd and small') },
        },
      },
      {
        actions: { up: count(), add: assign({ n: ({ context }: any, params: any) => context.n + params.by }) },
        guards: {
          atLeast: ({ context }: any, params: any) => context.n >= params.n,
          even: ({ context }: any) => context.n % 2 === 0,
          oddAndSmall: and([not('even'), ({ context }: any) => context.n < 20]),
        },
      },
    ),
  script: [...on('UP', 'IF', 'CHOOSE', 'IF', 'COMBINED', 'ADD', 'CHOOSE'), { send: { type: 'ADD', by: 3 } }, ...on('IF', 'COMBINED', 'UP')],
  alphabet: [...on('UP', 'ADD', 'CHOOSE', 'IF', 'COMBINED'), { send: { type: 'ADD', by: 9 } }],
}

const wildcards: Sample = {
  name: 'wildcard, partial and forbidden transitions, events with odd names and payloads',
  build: () =>
    chart({
      id: 'wildcards',
      context: { log: [] },
      initial: 'a',
      on: { 'mouse.*': { actions: note('root mouse') }, '*': { actions: note('root any') } },
      states: {
        a: {
          on: {
            'mouse.click': [{ guard: ({ event }: any) => event.deep === true, target: 'b' }],
            'mouse.click.*': 'b',
            SILENT: undefined,
            BLOCK: {},
          },
        },
        b: { on: { '*': 'a', 'mouse.move': { actions: note('move') } } },
      },
    }),
  script: [
    ...on('mouse.move', 'SILENT', 'BLOCK', 'mouse.click'),
    { send: { type: 'mouse.click', deep: true } },
    ...on('mouse.move', 'constructor', '__proto__', 'mouse', 'mouse.click.left', 'toString', 'Ünïcode ✓', 'hasOwnProperty'),
  ],
  alphabet: [
    ...on('mouse.move', 'SILENT', 'BLOCK', 'mouse', 'mouse.click', 'mouse.click.left', 'constructor', '*'),
    { send: { type: 'mouse.click', deep: true } },
  ],
}

const errors: Sample = {
  name: 'errors from guards, assigns, delays and sends, and endless loops',
  build: () =>
    chart({
      id: 'errors',
      context: { log: [], n: 0 },
      initial: 'a',
      on: {
        COUNT: { actions: [count(), emit({ type: 'counted' })] },
        GUARD: {
          guard: ({ context }: any) => {
            if (context.n > 1) throw new Error('guard')
            return true
          },
          actions: note('guard'),
        },
        ASSIGN: {
          actions: [
            emit({ type: 'before' }),
            assign(({ context }: any) => {
              if (context.n > 2) throw new TypeError('assign')
              return {}
            }),
          ],
        },
        MISSING: { guard: ({ context }: any) => context.n > 3, actions: sendTo('nobody', { type: 'HI' }) },
        UNKNOWN: { guard: ({ context }: any) => context.n > 3, actions: enqueueActions(({ check }: any) => check('nothing')) },
      },
      states: {
        a: { on: { LOOP: 'loop' } },
        loop: { always: [{ guard: ({ context }: any) => context.n > 1, target: 'loop', reenter: true }, { target: 'a' }] },
      },
    }),
  script: [...on('GUARD', 'ASSIGN', 'LOOP', 'COUNT', 'COUNT', 'ASSIGN', 'LOOP', 'COUNT')],
  alphabet: on('COUNT', 'COUNT', 'GUARD', 'ASSIGN', 'MISSING', 'UNKNOWN', 'LOOP'),
}

const rejected: Sample = {
  name: 'the rejection of a promise that nobody handles, and one that a wildcard swallows',
  build: ({ actors }) =>
    chart(
      {
        id: 'rejected',
        context: { log: [] },
        initial: 'strict',
        states: {
          strict: { invoke: { id: 'p', src: 'promise', input: { key: 'p' } }, on: { LAX: 'lax' } },
          lax: { invoke: { id: 'p', src: 'promise', input: { key: 'p' } }, on: { '*': { actions: note('swallowed') } } },
        },
      },
      { actors: { promise: actors.promise } },
    ),
  script: [...on('LAX'), { act: 'reject', key: 'p', value: 'first' }, ...on('X')],
  alphabet: [...on('LAX', 'X'), { act: 'reject', key: 'p', value: 'e' }, { act: 'resolve', key: 'p', value: 1 }],
}

const ending: Sample = {
  name: 'a root that finishes while children and timers run, with exit actions; later events are dropped',
  build: ({ actors }) =>
    chart(
      {
        id: 'ending',
        context: { log: [], n: 0 },
        initial: 'on',
        exit: note('<root'),
        invoke: [
          { id: 'p', src: 'promise', input: { key: 'p' }, onDone: { actions: note('p') } },
          { id: 'kid', src: 'kid', input: { name: 'kid' } },
        ],
        on: { NAPPING: { actions: count() } },
        states: {
          on: {
            exit: note('<on'),
            after: { 200: 'off' },
            on: { END: { target: 'off', actions: [note('end'), emit({ type: 'ending' })] } },
          },
          off: { entry: [note('>off'), emit({ type: 'over' })], type: 'final', output: 'off' },
        },
        output: ({ context, event }: any) => ({ log: context.log, via: event.type, out: event.output }),
      },
      { actors: { promise: actors.promise, kid } },
    ),
  script: [wait(70), { act: 'resolve', key: 'p', value: 1 }, ...on('END', 'END'), wait(500)],
  alphabet: [...on('END', 'X'), wait(50), wait(101), { act: 'resolve', key: 'p', value: 2 }, { send: { type: 'WAKE' }, to: 'kid' }],
}

export const samples: readonly Sample[] = [
  nested,
  parallel,
  history,
  delays,
  fetch,
  talk,
  streams,
  family,
  reducers,
  decisions,
  wildcards,
  errors,
  rejected,
  ending,
]
