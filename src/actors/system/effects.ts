// Owns: work in the world (invoked and spawned non-machine children, deliveries of reports): when it starts, how often, how it ends.
// Does not own: rows' transaction; it adds to the coming batch and acts only after the commit.
// Invariants: nothing starts before the commit that asked for it; a result is offered once and only by the current life;
// at most `limit` of a kind run at once; reports of one type of one actor are delivered in order.

import type { AnyActorLogic } from 'xstate'
import { FatalError, meetRefusal, toErrorData, type ErrorData } from '../../errors.ts'
import type { ActorRow, EffectRow, Store } from '../../persistence/store.ts'
import type { Clock } from './clock.ts'
import { policyOf, retryDelay, type EffectPolicy } from './effect-policy.ts'
import { createEffectQueue } from './effect-queue.ts'
import { createRun, type Run, type Said } from './effect-run.ts'
import type { AtFaultPoint } from './fault-points.ts'
import { assertJson } from './json.ts'
import type { PlainEvent } from './journal.ts'
import type { Item } from './mailbox.ts'
import type { WritableBatch } from './pending.ts'
import type { RandomSource } from './random.ts'

interface State {
  row: EffectRow
  owner: string
  /** Messages accepted for it and not acknowledged, oldest first. */
  messages: { id: number; event: PlainEvent; delivered: boolean }[]
  live?: Live
  ended: boolean
  /** Its failure on the way to the owner: messages that still come are returned with it. */
  failure?: { item: Item; error: ErrorData }
  /** Calls off the next attempt. */
  cancelRetry?: (() => void) | undefined
  /** The newest event that it said. */
  said?: Item
  /** How often this process has met each FatalError of it, by code. */
  met: Map<string, number>
  /** Results so far from this process; part of a callback event's identity. */
  n: number
}

/** A run under way. */
interface Live {
  run: Run
  cancelDeadline: (() => void) | undefined
}

export interface EffectsHost {
  store: Store
  clock: Clock
  random: RandomSource
  policies: Readonly<Record<string, EffectPolicy>>
  /** The machine's own logic for a source of the actor at `address`. */
  logicOf: (address: string, src: string) => AnyActorLogic | undefined
  /** Takes a result as an event on its way to the owner, and asks for a turn. */
  offer: (item: Omit<Item, 'queuedAt'>) => Item
  /** Asks for a turn without an event. */
  wake: () => void
  report: (problem: { code: string; message: string; address: string; error?: ErrorData }) => void
  at: AtFaultPoint
  now: () => number
}

export interface Effects {
  /** A new effect of a step; starts after the commit, when its kind has room. */
  create: (
    batch: WritableBatch,
    owner: ActorRow,
    effect: { child: string | null; src: string; input: unknown; sync: boolean; since: number },
  ) => void
  has: (address: string) => boolean
  /** Which life of the effect at `address` is current. */
  sinceOf: (address: string) => number | undefined
  message: (batch: WritableBatch, address: string, event: PlainEvent) => void
  /** Ends an effect: its row goes with the batch, its work is aborted after the commit. */
  stop: (batch: WritableBatch, address: string) => void
  /** The row of an effect whose result is being handled or put to rest. */
  settle: (batch: WritableBatch, id: number) => void
  /** Marks what will start after this commit. */
  beforeCommit: (batch: WritableBatch) => void
  afterCommit: () => void
  /** Takes up what a former process left. */
  resume: () => void
  /** Starts nothing more: the system is stopping, and what has not begun has not been interrupted. */
  drain: () => void
  /** Aborts everything alive without recording a result. */
  abandon: () => void
  readonly running: number
  readonly pending: number
  list: () => { address: string; src: string; status: string; attempt: number; startedAt: number | null; due: number | null }[]
}

export function createEffects(host: EffectsHost, counters: { nextEffect: number; nextMessage: number }): Effects {
  const states = new Map<number, State>()
  const byAddress = new Map<string, State>()
  const queue = createEffectQueue<State>((src) => {
    const { pool = src, limit = 100 } = host.policies[src] ?? {}
    return { pool, limit }
  })
  let afterCommit: (() => void)[] = []
  let acknowledged: number[] = []
  let draining = false
  let closed = false
  let running = 0

  const track = (state: State): void => {
    states.set(state.row.id, state)
    if (state.row.child !== null) byAddress.set(state.row.address, state)
  }
  const forget = (state: State): void => {
    state.ended = true
    state.cancelRetry?.()
    states.delete(state.row.id)
    if (byAddress.get(state.row.address) === state) byAddress.delete(state.row.address)
    queue.remove(state)
  }
  const release = (state: State): void => {
    if (!state.live) return
    state.live.cancelDeadline?.()
    state.live = undefined
    running--
    leave(state.row.src)
  }
  const leave = (src: string): void => {
    queue.leave(src)
    // It may be what another waits for.
    if (!closed && queue.isWaiting(src)) host.wake()
  }
  /** Ends the live work of a state; what it still says is not heard. */
  const kill = (state: State): void => {
    const live = state.live
    if (!live) return
    release(state)
    try {
      live.run.stop()
    } catch (error) {
      host.report({
        code: 'effect-dispose-failed',
        message: `Ending '${state.row.address}' threw`,
        address: state.row.address,
        error: toErrorData(error),
      })
    }
  }

  // --- running -----------------------------------------------------------------------------------

  /** Begins the run that a commit has promised. */
  const start = (state: State): void => {
    const run = state.ended || closed ? undefined : begin(state)
    if (!run) return leave(state.row.src)
    try {
      run.start()
    } catch (error) {
      release(state)
      finish(state, { error: toErrorData(error) }, error)
      return
    }
    flush(state)
    host.at('effect:after-start')
  }

  /** Undefined when it has come to its end before a run was made. */
  const begin = (state: State): Run | undefined => {
    const { row } = state
    const policy = policyOf(host.policies, row)
    const deadline = policy.deadline === undefined ? undefined : row.startedAt! + policy.deadline
    const overdue = (): void =>
      finish(state, {
        error: { name: 'FatalError', code: 'deadline-exceeded', message: `'${row.src}' did not end within ${policy.deadline} ms.` },
      })
    // Rerun after a restart that took too long: nothing is begun that is to be aborted at once.
    if (deadline !== undefined && host.now() >= deadline) return void overdue()
    host.at(row.child === null ? 'report:before-start' : 'effect:before-start')
    const logic = policy.logic ?? host.logicOf(state.owner, row.src)
    if (!logic)
      return void finish(state, { error: toErrorData(new FatalError('unknown-logic', `Nothing implements the effect '${row.src}'.`)) })
    const run = createRun(
      logic,
      { row, owner: state.owner, clock: host.clock },
      (said) => state.live?.run === run && hear(state, said),
      () => state.live?.run === run && flush(state),
    )
    const live: Live = { run, cancelDeadline: undefined }
    // The clock may call early when the time is longer than it can count.
    const watch = (): void => {
      live.cancelDeadline = host.clock.after(Math.max(0, deadline! - host.now()), () => {
        if (state.live !== live) return
        if (host.now() < deadline!) return watch()
        kill(state)
        overdue()
      })
    }
    if (deadline !== undefined) watch()
    state.live = live
    running++
    // What a former run was given and did not take is given to this one.
    for (const message of state.messages) message.delivered = false
    return run
  }

  /** What the current run of an effect says on its way to the owner. */
  const hear = (state: State, said: Said): void => {
    if (state.ended || closed) return
    switch (said.type) {
      case 'event':
        return offer(state, 'emitted', { n: ++state.n, event: said.event })
      case 'snapshot':
        return offer(state, 'snapshot', { snapshot: said.snapshot })
      case 'done':
        release(state)
        return finish(state, { output: said.output })
      case 'error':
        release(state)
        return finish(state, { error: toErrorData(said.error) }, said.error)
      case 'forged':
        kill(state)
        return finish(state, { error: toErrorData(said.error) }, said.error)
    }
  }

  const flush = (state: State): void => {
    for (const message of state.messages) {
      const live = state.live
      if (!live?.run.deliver) return
      if (message.delivered) continue
      message.delivered = true
      host.at('effect:deliver')
      live.run.deliver(message.event).then(
        () => {
          if (state.ended || state.live !== live) return
          host.at('effect:acknowledged')
          state.messages = state.messages.filter((other) => other !== message)
          // What it said before goes first: an acknowledgement alone would leave the parent without either after a kill.
          if (state.said?.acknowledges) state.said.acknowledges.push(message.id)
          else acknowledged.push(message.id)
          host.wake()
        },
        (error: unknown) => {
          // As in XState: a receiver that throws ends the callback actor with that error. The message stays undelivered.
          message.delivered = false
          if (state.live !== live) return
          kill(state)
          finish(state, { error: toErrorData(error) }, error)
        },
      )
    }
  }

  const offer = (state: State, kind: Item['kind'], body: object): void => {
    try {
      assertJson(body, `what '${state.row.address}' says`)
    } catch (error) {
      kill(state)
      finish(state, { error: toErrorData(error) }, error)
      return
    }
    state.said = host.offer({
      address: state.owner,
      kind,
      body: JSON.stringify({ child: state.row.child, since: state.row.since, ...body }),
      cause: null,
      acknowledges: [],
    })
  }

  const finish = (state: State, outcome: { output?: unknown; error?: ErrorData }, thrown?: unknown): void => {
    if (state.ended || closed) return
    const { row } = state
    if (outcome.error === undefined) {
      try {
        assertJson(outcome.output, `the output of '${row.address}'`)
      } catch (error) {
        outcome = { error: toErrorData(error) }
        thrown = error
      }
    }
    const policy = policyOf(host.policies, row)
    const met = thrown instanceof FatalError ? meetRefusal(state.met, thrown) : 1
    const delay = outcome.error && retryDelay(policy, row.attempt, { thrown, met }, host.random)
    const retryAt = delay === undefined ? undefined : host.now() + delay
    const { deadline } = policy
    if (retryAt !== undefined && (deadline === undefined || retryAt < row.startedAt! + deadline)) {
      row.status = 'waiting'
      row.due = retryAt
      changed.add(state)
      armRetry(state)
      host.wake()
      return
    }
    host.at('effect:result')
    if (row.child === null) {
      if (outcome.error) {
        host.report({
          code: 'report-undelivered',
          message: `The report '${row.src}' was given up after ${row.attempt} attempts: ${outcome.error.message}`,
          address: state.owner,
          error: outcome.error,
        })
      }
      removed.push(row.id)
      forget(state)
      host.wake()
      return
    }
    state.ended = true
    const { child, since } = row
    const body = JSON.stringify(outcome.error ? failureOf(state, outcome.error) : { child, since, output: outcome.output })
    const item = host.offer({ address: state.owner, kind: outcome.error ? 'error' : 'done', body, cause: null, effect: row.id })
    if (outcome.error) state.failure = { item, error: outcome.error }
  }

  /** What the parent is told of a failure, with the messages that nobody has taken. */
  const failureOf = ({ row: { child, since }, messages }: State, error: ErrorData): object => ({
    child,
    since,
    error: messages.length > 0 ? { ...error, undelivered: messages.map((message) => message.event) } : error,
  })

  const armRetry = (state: State): void => {
    const wait = Math.max(0, (state.row.due ?? 0) - host.now())
    state.cancelRetry = host.clock.after(wait, () => {
      state.cancelRetry = undefined
      if (state.ended || closed || state.row.status !== 'waiting') return
      if ((state.row.due ?? 0) > host.now()) return armRetry(state)
      state.row.status = 'pending'
      state.row.due = null
      queue.add(state)
      host.wake()
    })
  }

  // What the next batch has to write beyond what steps ask for.
  const changed = new Set<State>()
  const removed: number[] = []

  return {
    get running() {
      return running
    },
    get pending() {
      return states.size - running
    },
    has: (address) => byAddress.has(address),
    sinceOf: (address) => byAddress.get(address)?.row.since,
    list: () =>
      [...states.values()].map(({ row }) => ({
        address: row.address,
        src: row.src,
        status: row.status,
        attempt: row.attempt,
        startedAt: row.startedAt,
        due: row.due,
      })),
    create(batch, owner, { child, src, input, sync, since }) {
      const row: EffectRow = {
        id: counters.nextEffect++,
        actor: owner.id,
        address: child === null ? `${owner.address}#${src}` : `${owner.address}/${child}`,
        child,
        src,
        input: JSON.stringify(input) ?? 'null',
        sync,
        since,
        status: 'pending',
        attempt: 0,
        due: null,
        startedAt: null,
      }
      if (child === null) row.input = JSON.stringify({ report: input, from: owner.address, id: `${owner.address}:${row.id}` })
      const state: State = { row, owner: owner.address, messages: [], ended: false, met: new Map(), n: 0 }
      track(state)
      queue.add(state)
      batch.effects.add(row)
    },
    message(batch, address, event) {
      const state = byAddress.get(address)
      if (!state || (state.ended && !state.failure)) return
      const message = { id: counters.nextMessage++, event, delivered: false }
      batch.messagesAdded.push({ id: message.id, effect: state.row.id, body: JSON.stringify(event) })
      state.messages.push(message)
      if (state.failure) {
        state.failure.item.body = JSON.stringify(failureOf(state, state.failure.error))
        return
      }
      afterCommit.push(() => flush(state))
    },
    stop(batch, address) {
      const state = byAddress.get(address)
      if (!state) return
      batch.effectsRemoved.add(state.row.id)
      batch.effects.delete(state.row)
      // A message row must not be written for an effect whose own row is not.
      batch.messagesAdded = batch.messagesAdded.filter((message) => message.effect !== state.row.id)
      forget(state)
      afterCommit.push(() => {
        host.at('effect:stop')
        kill(state)
      })
    },
    settle(batch, id) {
      batch.effectsRemoved.add(id)
      const state = states.get(id)
      if (state) forget(state)
    },
    beforeCommit(batch) {
      for (const state of changed) if (!batch.effectsRemoved.has(state.row.id)) batch.effects.add(state.row)
      changed.clear()
      for (const id of removed.splice(0)) batch.effectsRemoved.add(id)
      batch.messagesRemoved.push(...acknowledged)
      acknowledged = []
      if (draining) return
      for (const state of queue.take()) {
        state.row.status = 'running'
        state.row.attempt++
        state.row.startedAt ??= host.now()
        batch.effects.add(state.row)
        afterCommit.push(() => start(state))
      }
    },
    afterCommit() {
      const due = afterCommit
      afterCommit = []
      for (const act of due) act()
    },
    resume() {
      for (const row of host.store.effects()) {
        const owner = host.store.actorById(row.actor)
        if (!owner) continue
        const state: State = {
          row,
          owner: owner.address,
          messages: host.store.messages(row.id).map((m) => ({ id: m.id, event: JSON.parse(m.body) as PlainEvent, delivered: false })),
          ended: false,
          met: new Map(),
          n: 0,
        }
        track(state)
        if (row.status === 'running' && policyOf(host.policies, row).onRestart === 'interrupt') {
          finish(state, {
            error: { name: 'Error', code: 'interrupted', message: `'${row.address}' was interrupted when its process ended.` },
          })
        } else if (row.status === 'waiting') {
          if (row.child === null) queue.join(state)
          armRetry(state)
        } else {
          // A run that a restart repeats is not an attempt that failed.
          if (row.status === 'running') row.attempt = Math.max(0, row.attempt - 1)
          row.status = 'pending'
          queue.add(state)
        }
      }
      host.wake()
    },
    drain() {
      draining = true
    },
    abandon() {
      closed = true
      for (const state of states.values()) {
        state.cancelRetry?.()
        kill(state)
      }
    },
  }
}
