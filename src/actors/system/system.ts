// Puts an actor system together from its parts, and is the side of it that embedders hold.

import { hostname } from 'node:os'
import type { AnyStateMachine } from 'xstate'
import { FatalError } from '../../errors.ts'
import type { ActorRow } from '../../persistence/store.ts'
import { createAnnouncements } from './announcements.ts'
import { checkBuild } from './boot.ts'
import { realClock, steadyTime } from './clock.ts'
import type { ActorSystem, Limits, SystemOptions } from './contract.ts'
import { assertKnownEffects, resolveKinds, type ActorDefinition } from './definition.ts'
import { createEffects } from './effects.ts'
import { createHandling } from './handling.ts'
import { createInspection } from './inspection.ts'
import { createIntake } from './intake.ts'
import { assertJson } from './json.ts'
import { createLives } from './lives.ts'
import { createMailboxes, type Item } from './mailbox.ts'
import type { Parts } from './parts.ts'
import { createPending } from './pending.ts'
import { createRecords } from './records.ts'
import { createRef, type ActorRef } from './ref.ts'
import { createRegistry } from './registry.ts'
import { createRows } from './rows.ts'
import { createSupervision } from './supervision.ts'
import { createTimers } from './timers.ts'
import { createTurns, type Turns, type Work } from './turn.ts'
import { toView, type ActorView } from './view.ts'

const defaults: Limits = { backlog: 50_000, cacheBytes: 32 * 1024 * 1024, turn: 5, steps: 1_000 }

/**
 * Opens the store, checks that this build can carry on what is in it, and resumes it.
 * Rejects with FatalError `database-owned`, `machines-incompatible` (its `problems` lists why; nothing was changed), or a definition's refusal.
 */
export async function createSystem<A extends Record<string, ActorDefinition>>(options: SystemOptions<A>): Promise<ActorSystem<A>> {
  const { store, clock = realClock, random = Math.random, faultPoint: at = () => {} } = options
  // Without a prototype: an emitted 'constructor' is not routed to Object's.
  const policies = bare(options.effects)
  const kinds = resolveKinds(options.actors, new Set(Object.entries(policies).flatMap(([src, policy]) => (policy.logic ? [src] : []))))
  assertKnownEffects(kinds, policies)

  store.open({ pid: process.pid, host: hostname(), since: clock.now() }, () => {
    at('boot:owned')
    checkBuild(store, kinds, policies)
    at('boot:checked')
  })

  const state = store.state()
  const limits = { ...defaults, ...options.limits }
  const now = steadyTime(clock, state.lastAt)
  const turns: Turns = createTurns(clock, () => work)
  const pending = createPending(state)
  const registry = createRegistry(state, kinds, pending)
  const mailboxes = createMailboxes()
  const rows = createRows(store, limits.cacheBytes)
  const faulted = new Map(store.faulted().map((row) => [row.address, store.inboxOf(row.id).length]))
  const viewOf = (address: string): ActorView | undefined => {
    const row = rows.peek(address)
    return row && toView(row, registry.machineOf(row), faulted.keys())
  }
  const announcements = createAnnouncements(pending, viewOf, options.onProblem)
  const put = (offered: Omit<Item, 'queuedAt'>): Item => {
    const item = { ...offered, queuedAt: clock.monotonic() }
    mailboxes.put(item)
    return item
  }
  const fired = (item: Omit<Item, 'queuedAt'>): void => {
    at('timer:fire')
    put(item)
  }
  const offer = (item: Omit<Item, 'queuedAt'>): Item => {
    turns.wake()
    return put(item)
  }
  const { wake } = turns
  const timers = createTimers(store, clock, now, wake, state.nextTimer)
  const logicOf = (address: string, src: string): never =>
    registry.kindOf(rows.peek(address)!)?.original?.implementations.actors[src] as never
  const effects = createEffects({ store, clock, random, policies, logicOf, offer, wake, report: announcements.problem, at, now }, state)
  const parts: Parts = {
    ...{ store, clock, now, at, limits, kinds, policies, routes: bare(options.routes) },
    ...{ pending, registry, rows, mailboxes, timers, effects, inspection: createInspection(), announcements, faulted, fired },
  }
  const records = createRecords(parts)
  const lives = createLives(parts, records)
  const supervision = createSupervision(parts, records, lives)
  const work: Work = { ...parts, rest: records.rest, handle: createHandling(parts, records, lives, supervision) }
  const intake = createIntake(parts, turns)

  // --- take up what was left -----------------------------------------------------------------------
  try {
    for (const row of store.inbox()) mailboxes.put(supervision.resting(row))
    effects.resume()
    at('boot:resumed')
  } catch (error) {
    turns.end()
    throw error
  }
  wake()

  // --- the public side -----------------------------------------------------------------------------

  const assertReadable = (): void => {
    if (turns.phase === 'stopped') throw new FatalError('system-stopped', 'The actor system has stopped; open it again to read it.')
  }

  /** An operator's act on a faulted actor, in the next turn. A FatalError that it throws before it has changed anything refuses it. */
  const onFaulted = async (address: string, act: (row: ActorRow) => void): Promise<void> => {
    if (turns.phase !== 'ready') throw new FatalError('system-stopped', 'The actor system has stopped.')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const perform = (): void => {
      const row = rows.get(address)
      if (!row) return reject(new FatalError('unknown-actor', `There is no actor '${address}'.`))
      if (row.fault === null) return reject(new FatalError('not-faulted', `'${address}' is not faulted.`))
      try {
        act(row)
      } catch (error) {
        if (!(error instanceof FatalError)) throw error
        return reject(error)
      }
      pending.batch.actors.add(row)
      pending.accepted.push({ resolve, reject })
    }
    turns.ask({ perform, reject })
    return promise
  }

  const ref = <M extends AnyStateMachine>(address: string): ActorRef<M> =>
    createRef<M>(address, {
      store,
      send: intake.send,
      row(wanted) {
        assertReadable()
        const row = rows.peek(wanted)
        return row && { row, machine: registry.machineOf(row) }
      },
      view(wanted) {
        assertReadable()
        return viewOf(wanted)
      },
      subscribe: announcements.onView,
      on: announcements.onEmitted,
      retry: (wanted) => onFaulted(wanted, supervision.retry),
      skip: (wanted) => onFaulted(wanted, supervision.skip),
      abandon: (wanted) => onFaulted(wanted, supervision.abandon),
    })

  const spawning = new Map<string, Promise<unknown>>()
  return {
    kinds,
    store,
    effects,
    ref,
    stopped: turns.stopped,
    idle: turns.idle,
    inspect: parts.inspection.listen,
    onHandled: announcements.onHandled,
    onChanged: announcements.onChanged,
    async spawn(kind, id, input) {
      if (!kinds.has(kind) || !(kind in options.actors)) throw new FatalError('unknown-kind', `There is no actor kind '${kind}'.`)
      if (id === '' || id.includes('/')) throw new FatalError('bad-id', `'${id}' cannot be an actor's id: it is empty or holds '/'.`)
      intake.assertOpen()
      assertJson(input, `input of '${kind}/${id}'`)
      const address = `${kind}/${id}`
      const under = spawning.get(address)
      if (under) await under
      else if (!rows.peek(address)) {
        const started = intake.put(address, 'init', input === undefined ? {} : { input })
        spawning.set(address, started)
        await started.finally(() => spawning.delete(address))
      }
      return ref<A[typeof kind]['machine']>(address)
    },
    health() {
      const oldest = mailboxes.oldest()
      return {
        state: turns.phase,
        backlog: mailboxes.size,
        oldestUnhandledMs: oldest === undefined ? 0 : Math.max(0, clock.monotonic() - oldest),
        faulted: turns.phase === 'stopped' ? [] : store.faulted().map((row) => row.address),
        runningEffects: effects.running,
        pendingEffects: effects.pending,
        cachedBytes: rows.cachedBytes,
      }
    },
    sweep(before, limit = 1_000) {
      assertReadable()
      const gone = store.sweep(before, limit)
      // A cached row of an actor that has gone would be written to.
      if (gone > 0) rows.forget()
      return gone
    },
    stop: () => turns.stop(() => intake.unanswered === 0),
  }
}

const bare = <T>(record: Record<string, T> | undefined): Record<string, T> =>
  Object.assign(Object.create(null) as Record<string, T>, record)
