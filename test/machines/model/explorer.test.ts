// The explorer on small machines whose answers are known: states, shortest scripts, cycles, and that its steps are the system's.

import { describe, expect, it } from 'vitest'
import { assign, emit, setup } from 'xstate'
import { explore } from '../../../src/actors/explore/explorer.ts'
import { componentsOf } from '../../../src/actors/explore/graph.ts'
import { mutate, mutationsOf } from '../../../src/actors/explore/mutate.ts'
import { replayScript } from '../../../src/actors/explore/script.ts'
import { begin, open } from '../../../src/actors/explore/stepping.ts'
import { defineActor, resolveKinds } from '../../../src/actors/system/index.ts'
import { step } from '../../../src/actors/system/step.ts'
import { emits, type Happening, type Model, type Property } from '../../../src/machines/model.ts'

interface Counted {
  n: number
  seen: number
}

/** Counts to three, rings at each count, and starts over from there. */
const counter = setup({
  types: { context: {} as Counted, events: {} as { type: 'up' | 'over' } },
  guards: { isFull: ({ context }) => context.n === 3 },
  actions: {
    count: assign({ n: ({ context }) => context.n + 1, seen: ({ context }) => context.seen + 1 }),
    ring: emit({ type: 'rang' }),
    empty: assign({ n: 0 }),
  },
}).createMachine({
  id: 'counter',
  context: { n: 0, seen: 0 },
  initial: 'counting',
  states: {
    counting: { on: { up: [{ guard: 'isFull', target: 'full' }, { actions: ['count', 'ring'] }] } },
    full: { on: { over: { target: 'counting', actions: 'empty' } } },
  },
})

const subjectOf = (machine: typeof counter) => ({
  kind: resolveKinds({ counter: defineActor(machine, { version: 1 }) }, new Set()).get('counter')!,
  address: 'counter/1',
  parent: null,
})
const subject = subjectOf(counter)
const happening = (type: string): Happening => ({ label: type, cause: 'inside', at: 1, send: { type } })
const model = (properties: Property<Counted>[] = []): Model<Counted> => ({
  machine: 'counter',
  parent: null,
  worlds: [{ name: 'all', input: {}, events: () => [happening('up'), happening('over')] }],
  representative: ({ context, ...rest }) => ({ ...rest, context: { ...context, seen: 0 } }),
  properties,
})
const run = (properties: Property<Counted>[], machine = counter, states?: number) => {
  const one = model(properties)
  return explore(subjectOf(machine), one, one.worlds[0]!, { clock: () => 0, ...(states === undefined ? {} : { states }) })
}
const labels = (script: readonly Happening[] | undefined) => script?.map(({ label }) => label)

describe('an exploration', () => {
  it('finds every state once, and takes every event in each', () => {
    expect(run([])).toMatchObject({ states: 5, transitions: 10, complete: true, violations: [] })
  })

  it('gives up at the limit, and says so', () => {
    expect(run([], counter, 2).complete).toBe(false)
  })

  it('gives the shortest script to a state that is wrong', () => {
    const { violations } = run([{ id: 'P5', statement: 's', state: ({ context }) => (context.n === 2 ? 'two' : undefined) }])
    expect(violations.map(({ property, message, script }) => [property, message, labels(script)])).toEqual([['P5', 'two', ['up', 'up']]])
  })

  it('and to a step, the wrong one included', () => {
    const { violations } = run([
      {
        id: 'P4',
        statement: 's',
        step: ({ before, commands }) => (before.context.n === 1 && emits(commands, 'rang').length > 0 ? 'it rings' : undefined),
      },
    ])
    expect(labels(violations[0]?.script)).toEqual(['up', 'up'])
  })

  it('and to a cycle that has what may not come back; a cycle without it is none', () => {
    const cycle = (costly: string, free = ['up', 'over']): Property<Counted> => ({
      id: 'P2',
      statement: 's',
      cycle: { free: ({ happening: { label } }) => free.includes(label), costly: ({ commands }) => emits(commands, costly).length > 0 },
    })
    expect(labels(run([cycle('rang')]).violations[0]?.script)).toEqual(['up', 'up', 'up', 'up', 'over'])
    expect(run([cycle('never')]).violations).toEqual([])
    expect(run([cycle('rang', ['up'])]).violations).toEqual([])
  })

  it('an event that the machine cannot take is a violation', () => {
    const broken = counter.provide({
      guards: {
        isFull: ({ context }) => {
          if (context.n === 3) throw new Error('no')
          return false
        },
      },
    })
    expect(run([], broken).violations.map(({ message, script }) => [message.includes('no'), labels(script)])).toEqual([
      [true, ['up', 'up', 'up', 'up']],
    ])
  })
})

describe('a script', () => {
  const wrong: Property<Counted> = { id: 'P5', statement: 's', state: ({ context }) => (context.n === 2 ? 'two' : undefined) }

  it('is replayed to the same violation', () => {
    const one = model([wrong])
    const steps = replayScript(subject, one, one.worlds[0]!, run([wrong]).violations[0]!.script)
    expect(steps.map(({ label, violations }) => [label, violations.length])).toEqual([
      ['the beginning', 0],
      ['up', 0],
      ['up', 1],
    ])
  })

  it('of a cycle too', () => {
    const cycle: Property<Counted> = {
      id: 'P2',
      statement: 's',
      cycle: { free: () => true, costly: ({ commands }) => emits(commands, 'rang').length > 0 },
    }
    const one = model([cycle])
    const steps = replayScript(subject, one, one.worlds[0]!, run([cycle]).violations[0]!.script)
    expect(steps.at(-1)?.violations.map(({ property }) => property)).toEqual(['P2'])
    expect(steps.slice(0, -1).flatMap(({ violations }) => violations)).toEqual([])
  })
})

describe('a step of an exploration', () => {
  it('is the step of the system, and opening a state once for many events changes nothing', () => {
    const { state } = begin<Counted>(subject, {}, 1)
    const { timers: _timers, ...snapshot } = state
    const bytes = JSON.stringify({ ...snapshot, historyValue: {} })
    const from = open<Counted>(subject, state)
    for (const type of ['up', 'over', 'up']) {
      const real = step({ ...subject, bytes, entry: 'event', body: { event: { type } }, at: 1, seq: 2 })
      if ('stale' in real) throw new Error(real.stale)
      const taken = from(happening(type))
      const { value, context, status } = JSON.parse(real.bytes) as typeof taken.after
      expect({ value: taken.after.value, context: taken.after.context, status: taken.after.status }).toEqual({ value, context, status })
      expect(taken.commands).toEqual(real.commands)
      expect(taken.isLoop).toBe(!real.changed)
    }
  })
})

describe('a mutant', () => {
  it('is made of every guard in three ways, and of every edge', () => {
    expect(mutationsOf('counter', counter).map((one) => (one.kind === 'guard' ? one.as : `${one.event} ${one.index}`))).toEqual([
      ...['negated', 'true', 'false'],
      ...['up 0', 'up 1', 'over 0'],
    ])
  })

  it.each([
    [{ machine: 'counter', kind: 'guard', name: 'isFull', as: 'negated' } as const, 2],
    [{ machine: 'counter', kind: 'guard', name: 'isFull', as: 'true' } as const, 2],
    [{ machine: 'counter', kind: 'edge', state: 'counter.counting', event: 'up', index: 1 } as const, 1],
    [{ machine: 'counter', kind: 'edge', state: 'counter.full', event: 'over', index: 0 } as const, 5],
  ])('differs from the machine in that alone: %j', (mutation, states) => {
    expect(run([], mutate(counter, mutation) as typeof counter).states).toBe(states)
    expect(run([]).states).toBe(5)
  })

  it('of what the machine has not is refused', () => {
    expect(() => mutate(counter, { machine: 'counter', kind: 'guard', name: 'isNot', as: 'true' })).toThrow(/no 'isNot'/)
    expect(() => mutate(counter, { machine: 'counter', kind: 'edge', state: 'counter.full', event: 'over', index: 1 })).toThrow(/over 1/)
  })
})

describe('components', () => {
  it('are the nodes that reach one another', () => {
    // 0 → 1 → 2 → 0, 2 → 3 → 4 → 3, 5
    const component = componentsOf(6, [0, 1, 2, 2, 3, 4], [1, 2, 0, 3, 4, 3])
    expect(new Set([component[0], component[1], component[2]]).size).toBe(1)
    expect(component[3]).toBe(component[4])
    expect(new Set([component[0], component[3], component[5]]).size).toBe(3)
  })
})
