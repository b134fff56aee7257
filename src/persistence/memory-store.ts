// The same store in memory, for tests, simulation and embedders who want no file. Rows are copied in and out, so it forgets what was not committed.

import { FatalError } from '../errors.ts'
import type {
  ActorRow,
  EffectMessageRow,
  EffectRow,
  EntryKind,
  InboxRow,
  JournalRow,
  MachineRow,
  OwedType,
  ShapeRow,
  Store,
  TimerRow,
} from './store.ts'

/** A store that lives as long as its object: closing and opening it again is what a restart sees. */
export function memoryStore(): Store {
  const machines = new Map<number, MachineRow>()
  const shapes: ShapeRow[] = []
  const actors = new Map<number, ActorRow>()
  const addresses = new Map<string, number>()
  const journal = new Map<number, JournalRow>()
  const inbox = new Map<number, InboxRow>()
  const timers = new Map<number, TimerRow>()
  const effects = new Map<number, EffectRow>()
  const messages = new Map<number, EffectMessageRow>()
  const keys = new Map<string, { actor: number; key: string; at: number }>()
  const highest = { seq: 0, actor: 0, inbox: 0, timer: 0, effect: 0, message: 0 }
  let open = false

  const byId = <T extends { id: number }>(rows: Iterable<T>): T[] => [...rows].sort((a, b) => a.id - b.id)
  const copies = <T extends object>(rows: T[]): T[] => rows.map((row) => ({ ...row }))
  const byDue = (rows: Iterable<TimerRow>): TimerRow[] => [...rows].sort((a, b) => a.due - b.due || a.id - b.id)
  const copy = <T extends object>(row: T | undefined): T | undefined => row && { ...row }
  const distinct = <T extends object>(rows: T[]): T[] => [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()]

  return {
    open(_owner, check) {
      if (open)
        throw new FatalError('database-owned', 'This memory store is in use by another system of this process. Stop that one first.')
      open = true
      try {
        check?.()
      } catch (error) {
        open = false
        throw error
      }
    },
    close() {
      open = false
    },
    commit(batch) {
      for (const m of batch.machines) machines.set(m.id, { ...m })
      for (const s of batch.shapes) shapes.push({ ...s })
      for (const a of batch.actors) {
        actors.set(a.id, { ...a })
        addresses.set(a.address, a.id)
        highest.actor = Math.max(highest.actor, a.id)
      }
      for (const e of batch.journal) {
        journal.set(e.seq, { ...e })
        highest.seq = Math.max(highest.seq, e.seq)
      }
      for (const i of batch.inboxAdded) {
        inbox.set(i.id, { ...i })
        highest.inbox = Math.max(highest.inbox, i.id)
      }
      for (const id of batch.inboxRemoved) inbox.delete(id)
      for (const t of batch.timers) {
        if (t.op === 'add') {
          timers.set(t.row.id, { ...t.row })
          highest.timer = Math.max(highest.timer, t.row.id)
        } else if (t.op === 'remove') timers.delete(t.id)
        else
          for (const row of timers.values()) if (row.actor === t.actor && (t.op === 'clear' || row.name === t.name)) timers.delete(row.id)
      }
      for (const e of batch.effects) {
        effects.set(e.id, { ...e })
        highest.effect = Math.max(highest.effect, e.id)
      }
      for (const m of batch.messagesAdded) {
        messages.set(m.id, { ...m })
        highest.message = Math.max(highest.message, m.id)
      }
      for (const id of batch.messagesRemoved) messages.delete(id)
      for (const id of batch.effectsRemoved) {
        effects.delete(id)
        for (const m of messages.values()) if (m.effect === id) messages.delete(m.id)
      }
      for (const k of batch.keys) keys.set(`${k.actor} ${k.key}`, { ...k })
    },
    state: () => ({
      lastSeq: highest.seq,
      lastAt: journal.get(highest.seq)?.at ?? 0,
      nextActor: highest.actor + 1,
      nextInbox: highest.inbox + 1,
      nextTimer: highest.timer + 1,
      nextEffect: highest.effect + 1,
      nextMessage: highest.message + 1,
      machines: copies(byId(machines.values())),
      shapes: copies(shapes),
    }),
    actor: (address) => copy(actors.get(addresses.get(address) ?? -1)),
    actorById: (id) => copy(actors.get(id)),
    children: (parent) => copies(byId(actors.values()).filter((a) => a.parent === parent)),
    actors({ kind, roots, after, limit }) {
      const kinds = kind === undefined ? undefined : new Set([...machines.values()].filter((m) => m.kind === kind).map((m) => m.id))
      const rows = [...actors.values()]
        .filter((a) => a.address > (after ?? '') && (!kinds || kinds.has(a.machine)) && (!roots || a.parent === null))
        .sort((a, b) => (a.address < b.address ? -1 : 1))
      return copies(rows.slice(0, limit))
    },
    faulted: () => copies(byId(actors.values()).filter((a) => a.fault !== null)),
    entry: (seq) => copy(journal.get(seq)),
    timersOf: (actor) => copies(byDue(timers.values()).filter((t) => t.actor === actor)),
    effectsOf: (actor) => copies(byId(effects.values()).filter((e) => e.actor === actor)),
    inboxOf: (actor) => copies(byId(inbox.values()).filter((i) => i.actor === actor)),
    counts: () => ({ actors: actors.size, entries: journal.size, inbox: inbox.size, timers: timers.size, effects: effects.size }),
    hasKey: (actor, key) => keys.has(`${actor} ${key}`),
    inbox: () => copies(byId(inbox.values()).filter((i) => actors.get(i.actor)?.fault == null)),
    nextDue: () => byDue(timers.values())[0]?.due ?? null,
    dueTimers: (now, limit) =>
      copies(
        byDue(timers.values())
          .filter((t) => t.due <= now)
          .slice(0, limit),
      ),
    effects: () => copies(byId(effects.values())),
    messages: (effect) => copies(byId(messages.values()).filter((m) => m.effect === effect)),
    shapesInUse() {
      const used = new Map<number, number>()
      for (const a of actors.values()) if (a.status === 'active' && a.shape !== null && !used.has(a.shape)) used.set(a.shape, a.id)
      return [...used].map(([shape, actor]) => ({ shape, actor }))
    },
    timerNames: () => distinct([...timers.values()].map((t) => ({ machine: actors.get(t.actor)!.machine, name: t.name }))),
    effectSources: () =>
      distinct([...effects.values()].filter((e) => e.child !== null).map((e) => ({ machine: actors.get(e.actor)!.machine, src: e.src }))),
    reportTypes: () => [...new Set([...effects.values()].filter((e) => e.child === null).map((e) => e.src))].sort(),
    inboxTypes: () => distinct([...inbox.values()].map((i) => owedType(actors.get(i.actor)!, i))),
    delayedTypes: () =>
      distinct(
        [...timers.values()].flatMap((t) => {
          const target = addresses.get(t.target)
          return target === undefined || t.name.startsWith('xstate.after.') ? [] : [owedType(actors.get(target)!, t)]
        }),
      ),
    sweep(before, limit) {
      let gone = 0
      for (const [name, k] of [...keys].filter(([, k]) => k.at < before).slice(0, limit)) {
        keys.delete(name)
        gone += k ? 1 : 0
      }
      const forget = (id: number): void => {
        for (const child of [...actors.values()].filter((a) => a.parent === id)) forget(child.id)
        for (const e of journal.values())
          if (e.actor === id && e.seq !== highest.seq) {
            journal.delete(e.seq)
            gone++
          }
        for (const [name, k] of keys) if (k.actor === id) keys.delete(name)
        for (const rows of [inbox, timers, effects] as Map<number, { actor: number }>[])
          for (const [row, { actor }] of rows) if (actor === id) rows.delete(row)
        addresses.delete(actors.get(id)!.address)
        actors.delete(id)
        gone++
      }
      // An effect keeps its actor and everyone above it.
      const busy = new Set<number>()
      for (const e of effects.values()) for (let id: number | null = e.actor; id !== null; id = actors.get(id)!.parent) busy.add(id)
      const finished = [...actors.values()].filter(
        (a) =>
          a.parent === null &&
          (a.status === 'done' || a.status === 'stopped') &&
          a.updatedAt < before &&
          a.fault === null &&
          !busy.has(a.id),
      )
      for (const a of finished.slice(0, limit)) forget(a.id)
      return gone
    },
  }
}

function owedType({ machine }: ActorRow, { kind, body }: { kind: EntryKind; body: string }): OwedType {
  const { event, child, after } = JSON.parse(body) as { event?: { type: string }; child?: string; after?: object }
  return { machine, kind, event: event?.type ?? null, child: child ?? null, after: after ? JSON.stringify(after) : null }
}
