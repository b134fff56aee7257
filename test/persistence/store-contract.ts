// What every store must do, whoever implements it: the same assertions run on SQLite and in memory.

import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  emptyBatch,
  type ActorRow,
  type Batch,
  type EffectRow,
  type EntryKind,
  type JournalRow,
  type Store,
  type TimerRow,
} from '../../src/persistence/store.ts'

const owner = { pid: process.pid, host: 'here', since: 1 }

export const actorRow = (id: number, more: Partial<ActorRow> = {}): ActorRow => ({
  id,
  address: `k/${id}`,
  machine: 1,
  parent: null,
  child: null,
  since: 0,
  status: 'active',
  fault: null,
  version: 1,
  shape: null,
  snapshot: '{"status":"active"}',
  lastSeq: 0,
  sync: false,
  createdAt: 10,
  updatedAt: 20,
  ...more,
})
export const journalRow = (seq: number, actor: number, more: Partial<JournalRow> = {}): JournalRow => ({
  seq,
  actor,
  prev: 0,
  at: 100 + seq,
  cause: null,
  machine: 1,
  kind: 'event',
  body: '{"event":{"type":"X"}}',
  ignored: null,
  ...more,
})
const timerRow = (id: number, due: number, more: Partial<TimerRow> = {}): TimerRow => ({
  id,
  actor: 1,
  name: `t${id}`,
  due,
  target: 'k/1',
  kind: 'timer',
  body: '{"name":"t"}',
  ...more,
})
const effectRow = (id: number, more: Partial<EffectRow> = {}): EffectRow => ({
  id,
  actor: 1,
  address: `k/1/e${id}`,
  child: `e${id}`,
  src: 'work',
  input: 'null',
  sync: false,
  since: 1,
  status: 'pending',
  attempt: 0,
  due: null,
  startedAt: null,
  ...more,
})
export const batchOf = (more: Partial<Batch>): Batch => ({ ...emptyBatch(), ...more })
export const basis = batchOf({
  machines: [{ id: 1, kind: 'k', version: '1', events: null }],
  actors: [actorRow(1)],
  journal: [journalRow(1, 1)],
})

/** `create` makes a store that holds nothing; closing and opening it again must show what was committed. */
export function storeContract(name: string, create: () => { store: Store; remove?: () => void }): void {
  let store: Store
  let remove: (() => void) | undefined
  beforeEach(() => {
    ;({ store, remove } = create())
    store.open(owner)
  })
  afterEach(() => {
    store.close()
    remove?.()
  })
  const reopen = (): void => {
    store.close()
    store.open(owner)
  }

  test(`${name}: an empty store`, () => {
    expect(store.state()).toEqual({
      lastSeq: 0,
      lastAt: 0,
      nextActor: 1,
      nextInbox: 1,
      nextTimer: 1,
      nextEffect: 1,
      nextMessage: 1,
      machines: [],
      shapes: [],
    })
    expect(store.counts()).toEqual({ actors: 0, entries: 0, inbox: 0, timers: 0, effects: 0 })
    expect([store.actor('k/1'), store.actorById(1), store.entry(1), store.nextDue()]).toEqual([undefined, undefined, undefined, null])
    expect([
      store.inbox(),
      store.effects(),
      store.faulted(),
      store.shapesInUse(),
      store.timerNames(),
      store.effectSources(),
      store.reportTypes(),
      store.inboxTypes(),
      store.delayedTypes(),
    ]).toEqual(Array.from({ length: 9 }, () => []))
  })

  test(`${name}: what was committed is there after a reopening, exactly`, () => {
    const actor = actorRow(1, {
      fault: '{"error":{}}',
      parent: null,
      sync: true,
      status: 'done',
      snapshot: '{"a":"✓ \\u0000"}',
      lastSeq: 1,
      shape: 3,
    })
    const child = actorRow(2, { address: 'k/1/c', parent: 1, child: 'c', since: 1, status: 'pending', snapshot: null })
    const entry = journalRow(1, 1, { cause: 7, ignored: 'because', body: '{"event":{"type":"Ünïcode"}}', kind: 'message' })
    const timer = timerRow(1, 2 ** 43)
    const effect = effectRow(1, { sync: true, status: 'waiting', attempt: 2, due: 50, startedAt: 40 })
    store.commit(
      batchOf({
        machines: [{ id: 1, kind: 'k', version: '1', events: null }],
        shapes: [{ id: 3, machine: 1, key: '["a",[],[]]' }],
        actors: [actor, child],
        journal: [entry],
        inboxAdded: [{ id: 1, actor: 2, address: 'k/1/c', cause: null, kind: 'event', body: '{"event":{"type":"Y"}}' }],
        timers: [{ op: 'add', row: timer }],
        effects: [effect],
        messagesAdded: [{ id: 1, effect: 1, body: '{"type":"M"}' }],
        keys: [{ actor: 1, key: 'k', at: 5 }],
      }),
    )
    reopen()
    expect(store.state()).toEqual({
      lastSeq: 1,
      lastAt: 101,
      nextActor: 3,
      nextInbox: 2,
      nextTimer: 2,
      nextEffect: 2,
      nextMessage: 2,
      machines: [{ id: 1, kind: 'k', version: '1', events: null }],
      shapes: [{ id: 3, machine: 1, key: '["a",[],[]]' }],
    })
    expect([store.actor('k/1'), store.actorById(2), store.children(1), store.faulted()]).toEqual([actor, child, [child], [actor]])
    expect([store.entry(1), store.timersOf(1), store.effectsOf(1), store.effects(), store.messages(1)]).toEqual([
      entry,
      [timer],
      [effect],
      [effect],
      [{ id: 1, effect: 1, body: '{"type":"M"}' }],
    ])
    expect([store.hasKey(1, 'k'), store.hasKey(1, 'K'), store.hasKey(2, 'k')]).toEqual([true, false, false])
    expect(store.counts()).toEqual({ actors: 2, entries: 1, inbox: 1, timers: 1, effects: 1 })
  })

  test(`${name}: an actor's row is replaced by its newest, field by field`, () => {
    store.commit(basis)
    const row = store.actor('k/1')!
    Object.assign(row, { version: 2, lastSeq: 2, updatedAt: 30, snapshot: '{"n":2}' })
    store.commit(batchOf({ actors: [row], journal: [journalRow(2, 1, { prev: 1 })] }))
    reopen()
    expect(store.actor('k/1')).toEqual(row)
    const again = store.actor('k/1')!
    Object.assign(again, { status: 'stopped', fault: '{}', since: 9, machine: 2, sync: true, snapshot: null, shape: 1 })
    store.commit(
      batchOf({ machines: [{ id: 2, kind: 'k', version: '2', events: null }], shapes: [{ id: 1, machine: 2, key: 'x' }], actors: [again] }),
    )
    reopen()
    expect(store.actor('k/1')).toEqual(again)
  })

  test(`${name}: rows that were read are copies: changing them changes nothing that was not committed`, () => {
    store.commit(basis)
    store.actor('k/1')!.version = 99
    store.entry(1)!.body = 'changed'
    expect([store.actor('k/1')!.version, store.entry(1)!.body]).toEqual([1, '{"event":{"type":"X"}}'])
  })

  test(`${name}: timers come due in order of time, then of arming, and go by id, by name, by actor`, () => {
    store.commit(basis)
    store.commit(
      batchOf({
        actors: [actorRow(2)],
        timers: [timerRow(1, 30), timerRow(2, 10), timerRow(3, 20), timerRow(4, 10), timerRow(5, 20, { actor: 2, name: 't3' })].map(
          (row) => ({ op: 'add' as const, row }),
        ),
      }),
    )
    expect(store.nextDue()).toBe(10)
    expect(store.dueTimers(20, 10).map((row) => row.id)).toEqual([2, 4, 3, 5])
    expect(store.dueTimers(20, 2).map((row) => row.id)).toEqual([2, 4])
    expect(store.dueTimers(9, 10)).toEqual([])
    store.commit(
      batchOf({
        timers: [
          { op: 'remove', id: 2 },
          { op: 'cancel', actor: 1, name: 't3' },
          { op: 'cancel', actor: 1, name: 'none' },
        ],
      }),
    )
    expect(store.dueTimers(100, 10).map((row) => row.id)).toEqual([4, 5, 1])
    // In order within one commit: the one that is armed after a cancellation stays.
    store.commit(
      batchOf({
        timers: [
          { op: 'add', row: timerRow(6, 5, { name: 'a' }) },
          { op: 'cancel', actor: 1, name: 'a' },
          { op: 'add', row: timerRow(7, 6, { name: 'a' }) },
        ],
      }),
    )
    expect(store.timersOf(1).map((row) => row.id)).toEqual([7, 4, 1])
    store.commit(batchOf({ timers: [{ op: 'clear', actor: 1 }] }))
    reopen()
    expect([store.timersOf(1), store.nextDue(), store.timerNames()]).toEqual([[], 20, [{ machine: 1, name: 't3' }]])
  })

  test(`${name}: unhandled events wait in order; those of faulted actors are not taken up`, () => {
    store.commit(basis)
    const inbox = (id: number, actor: number, type = 'X') => ({
      id,
      actor,
      address: `k/${actor}`,
      cause: null,
      kind: 'event' as const,
      body: `{"event":{"type":"${type}"}}`,
    })
    store.commit(batchOf({ actors: [actorRow(2, { fault: '{}' })], inboxAdded: [inbox(1, 1), inbox(2, 2, 'Y'), inbox(3, 1), inbox(4, 2)] }))
    expect(store.inbox().map((row) => row.id)).toEqual([1, 3])
    expect(store.inboxOf(2).map((row) => row.id)).toEqual([2, 4])
    expect(
      store
        .inboxTypes()
        .map((row) => row.event)
        .sort(),
    ).toEqual(['X', 'Y'])
    // Added and removed within one commit.
    store.commit(batchOf({ inboxAdded: [inbox(5, 1)], inboxRemoved: [1, 5] }))
    reopen()
    expect([store.inbox().map((row) => row.id), store.state().nextInbox]).toEqual([[3], expect.any(Number)])
  })

  test(`${name}: what names the types of events that are owed, each once, by the machine that gets them`, () => {
    store.commit(basis)
    const after = { delay: '5', state: 'k.a' }
    const inbox = (id: number, kind: EntryKind, body: object) => ({
      id,
      actor: 1,
      address: 'k/1',
      cause: null,
      kind,
      body: JSON.stringify(body),
    })
    store.commit(
      batchOf({
        machines: [{ id: 2, kind: 'other', version: '1', events: '["X"]' }],
        actors: [actorRow(2, { machine: 2 })],
        inboxAdded: [
          inbox(1, 'event', { event: { type: 'X', n: 1 } }),
          inbox(2, 'event', { event: { type: 'X', n: 2 } }),
          inbox(3, 'timer', { name: 'xstate.after.5.k.a', after }),
          inbox(4, 'done', { child: 'c', since: 1, output: 1 }),
          inbox(5, 'emitted', { child: 'c', since: 1, n: 1, event: { type: 'SAID' } }),
        ],
        timers: [
          timerRow(1, 10, { name: '~1.0', body: JSON.stringify({ name: '~1.0', event: { type: 'LATER' } }) }),
          timerRow(2, 10, { name: '~1.1', body: JSON.stringify({ name: '~1.1', event: { type: 'LATER' } }) }),
          timerRow(3, 10, { name: 'xstate.after.5.k.a', body: JSON.stringify({ name: 'xstate.after.5.k.a', after }) }),
          timerRow(4, 10, { name: 'm', kind: 'message', target: 'k/2', body: JSON.stringify({ from: 'k/1', event: { type: 'SENT' } }) }),
          timerRow(5, 10, {
            name: 'e',
            kind: 'message',
            target: 'k/1/effect',
            body: JSON.stringify({ from: 'k/1', event: { type: 'TOLD' } }),
          }),
        ].map((row) => ({ op: 'add' as const, row })),
      }),
    )
    const none = { machine: 1, event: null, child: null, after: null }
    expect(store.inboxTypes().toSorted((a, b) => (a.kind < b.kind ? -1 : 1))).toEqual([
      { ...none, kind: 'done', child: 'c' },
      { ...none, kind: 'emitted', child: 'c', event: 'SAID' },
      { ...none, kind: 'event', event: 'X' },
      { ...none, kind: 'timer', after: JSON.stringify(after) },
    ])
    expect(store.delayedTypes().toSorted((a, b) => (a.kind < b.kind ? 1 : -1))).toEqual([
      { ...none, kind: 'timer', event: 'LATER' },
      { ...none, kind: 'message', machine: 2, event: 'SENT' },
    ])
    // A machine of a number that is there is replaced.
    store.commit(batchOf({ machines: [{ id: 2, kind: 'other', version: '1', events: '["Y"]' }] }))
    reopen()
    expect(store.state().machines.map((row) => row.events)).toEqual([null, '["Y"]'])
  })

  test(`${name}: effects are changed and removed with their messages; their ids never come back`, () => {
    store.commit(basis)
    store.commit(
      batchOf({
        effects: [effectRow(1), effectRow(2, { child: null, src: 'noted', address: 'k/1#noted' })],
        messagesAdded: [
          { id: 1, effect: 1, body: '1' },
          { id: 2, effect: 1, body: '2' },
        ],
      }),
    )
    expect([store.effectSources(), store.reportTypes()]).toEqual([[{ machine: 1, src: 'work' }], ['noted']])
    store.commit(batchOf({ effects: [effectRow(1, { status: 'running', attempt: 1, startedAt: 5 })], messagesRemoved: [1] }))
    expect(store.effects()[0]).toMatchObject({ status: 'running', attempt: 1, startedAt: 5 })
    expect(store.messages(1)).toEqual([{ id: 2, effect: 1, body: '2' }])
    store.commit(batchOf({ effectsRemoved: [1, 2, 99] }))
    reopen()
    expect([store.effects(), store.messages(1), store.state().nextEffect]).toEqual([[], [], 3])
    // Written and removed within one commit.
    store.commit(batchOf({ effects: [effectRow(3)], effectsRemoved: [3] }))
    expect(store.effects()).toEqual([])
  })

  test(`${name}: listings come in pages by address, by kind, roots only`, () => {
    store.commit(
      batchOf({
        machines: [
          { id: 1, kind: 'k', version: '1', events: null },
          { id: 2, kind: 'k', version: '2', events: null },
          { id: 3, kind: 'other', version: '1', events: null },
        ],
      }),
    )
    store.commit(
      batchOf({
        actors: [
          actorRow(1, { address: 'k/b' }),
          actorRow(2, { address: 'k/a', machine: 2 }),
          actorRow(3, { address: 'k/a/x', parent: 2, child: 'x', machine: 3 }),
          actorRow(4, { address: 'other/z', machine: 3 }),
        ],
      }),
    )
    const addresses = (options: Parameters<Store['actors']>[0]): string[] => store.actors(options).map((row) => row.address)
    expect(addresses({ limit: 10 })).toEqual(['k/a', 'k/a/x', 'k/b', 'other/z'])
    expect(addresses({ limit: 2 })).toEqual(['k/a', 'k/a/x'])
    expect(addresses({ limit: 2, after: 'k/a/x' })).toEqual(['k/b', 'other/z'])
    expect(addresses({ limit: 10, kind: 'k' })).toEqual(['k/a', 'k/b'])
    expect(addresses({ limit: 10, kind: 'other', roots: true })).toEqual(['other/z'])
    expect(addresses({ limit: 10, kind: 'none' })).toEqual([])
  })

  test(`${name}: the distinct shapes in use, with one actor that has each`, () => {
    store.commit(
      batchOf({
        machines: [{ id: 1, kind: 'k', version: '1', events: null }],
        shapes: [1, 2, 3].map((id) => ({ id, machine: 1, key: `${id}` })),
      }),
    )
    store.commit(
      batchOf({
        actors: [
          actorRow(1, { shape: 1 }),
          actorRow(2, { shape: 1 }),
          actorRow(3, { shape: 2, status: 'done' }),
          actorRow(4, { shape: 3 }),
          actorRow(5),
        ],
      }),
    )
    expect(
      store
        .shapesInUse()
        .map((row) => [row.shape, store.actorById(row.actor)!.shape])
        .sort(),
    ).toEqual([
      [1, 1],
      [3, 3],
    ])
  })

  test(`${name}: sweeping forgets old keys and old finished roots with all below them, and keeps every number once used`, () => {
    store.commit(basis)
    store.commit(
      batchOf({
        actors: [
          actorRow(2, { status: 'done', updatedAt: 50, lastSeq: 3 }),
          actorRow(3, { address: 'k/2/c', parent: 2, child: 'c', status: 'stopped', lastSeq: 4 }),
          actorRow(4, { status: 'done', updatedAt: 50, fault: '{}' }),
          actorRow(5, { status: 'stopped', updatedAt: 200 }),
          actorRow(6, { status: 'done', updatedAt: 50, lastSeq: 5 }),
        ],
        journal: [journalRow(2, 2), journalRow(3, 2, { prev: 2 }), journalRow(4, 3), journalRow(5, 6)],
        effects: [effectRow(1, { actor: 6, child: null, src: 'noted', address: 'k/6#noted' })],
        keys: [
          { actor: 1, key: 'old', at: 10 },
          { actor: 1, key: 'new', at: 100 },
          { actor: 2, key: 'x', at: 1_000 },
        ],
      }),
    )
    expect(store.sweep(100, 100)).toBeGreaterThan(0)
    reopen()
    expect([store.hasKey(1, 'old'), store.hasKey(1, 'new'), store.hasKey(2, 'x')]).toEqual([false, true, false])
    // Unfinished, faulted, too young, or with a report that is not delivered yet: they stay.
    expect(store.actors({ limit: 10 }).map((row) => row.id)).toEqual([1, 4, 5, 6])
    expect([store.entry(1)?.seq, store.entry(2), store.entry(4), store.entry(5)?.seq]).toEqual([1, undefined, undefined, 5])
    expect(store.state()).toMatchObject({ lastSeq: 5, nextActor: 7 })
    expect(store.sweep(100, 100)).toBe(0)
  })

  test(`${name}: a sweep leaves a finished root alone while something below it has a report to deliver`, () => {
    store.commit(basis)
    store.commit(
      batchOf({
        actors: [
          actorRow(2, { status: 'done', updatedAt: 50 }),
          actorRow(3, { address: 'k/2/c', parent: 2, child: 'c', status: 'stopped' }),
          actorRow(4, { address: 'k/2/c/d', parent: 3, child: 'd', status: 'stopped' }),
        ],
        effects: [effectRow(1, { actor: 4, child: null, src: 'noted', address: 'k/2/c/d#noted' })],
      }),
    )
    expect([store.sweep(100, 100), store.effects().length]).toEqual([0, 1])
    store.commit(batchOf({ effectsRemoved: [1] }))
    expect(store.sweep(100, 100)).toBe(3)
  })

  test(`${name}: a sweep of the actor that was journalled last keeps that number, also over a reopening`, () => {
    store.commit(basis)
    store.commit(
      batchOf({
        actors: [actorRow(2, { status: 'done', updatedAt: 50, lastSeq: 3 })],
        journal: [journalRow(2, 2), journalRow(3, 2, { prev: 2, at: 700 })],
      }),
    )
    expect(store.sweep(100, 100)).toBe(2)
    reopen()
    expect(store.state()).toMatchObject({ lastSeq: 3, lastAt: 700, nextActor: 3 })
    expect(store.actor('k/2')).toBeUndefined()
  })

  test(`${name}: a sweep takes no more than its limit`, () => {
    store.commit(basis)
    store.commit(batchOf({ keys: Array.from({ length: 10 }, (_, i) => ({ actor: 1, key: `${i}`, at: i })) }))
    expect([store.sweep(100, 4), store.sweep(100, 4), store.sweep(100, 4), store.sweep(100, 4)]).toEqual([4, 4, 2, 0])
  })

  test(`${name}: opening lets the check look at the rows; what it throws is thrown on, and the store is closed and as it was`, () => {
    store.commit(basis)
    store.close()
    const refused = new Error('not with this build')
    let seen: unknown
    expect(() =>
      store.open(owner, () => {
        seen = [store.actor('k/1')?.address, store.state().machines, store.shapesInUse()]
        throw refused
      }),
    ).toThrow(refused)
    expect(seen).toEqual(['k/1', [{ id: 1, kind: 'k', version: '1', events: null }], []])
    store.open(owner, () => {})
    store.commit(batchOf({ actors: [actorRow(2)] }))
    expect(store.counts().actors).toBe(2)
  })

  test(`${name}: a second owner is refused, and a closed store can be opened again`, () => {
    expect(() => store.open(owner)).toThrow(expect.objectContaining({ code: 'database-owned' }))
    reopen()
  })
}
