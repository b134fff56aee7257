// Owns: work in the world (invoked and spawned non-machine children, deliveries of reports): when it starts, how often, how it ends.
// Does not own: rows' transaction; it adds to the coming batch and acts only after the commit.
// Invariants: nothing starts before the commit that asked for it; a result is offered once and only by the current life;
// at most `limit` of a kind run at once; reports of one type of one actor are delivered in order.

import { createActor, fromCallback, type AnyActorLogic, type AnyActorRef } from 'xstate'
import { ConfigurationError, FatalError, ProtocolError, RetryableError, toErrorData, type ErrorData } from '../../errors.ts'
import type { ActorRow, emptyBatch, EffectRow, Store } from '../../persistence/store.ts'
import { longestDelay, type Clock } from './clock.ts'
import type { AtFaultPoint } from './fault-points.ts'
import { assertJson } from './json.ts'
import type { PlainEvent } from './journal.ts'
import type { Item } from './mailbox.ts'
import type { RandomSource } from './random.ts'

/** How an effect of one source is run. */
export interface EffectPolicy {
  /** Replaces the machine's own logic of this name. */
  logic?: AnyActorLogic
  /** How many may run at once. Default 100. */
  limit?: number
  /** How often a rejected promise is tried, the first time included. Default 1; for the delivery of a report 20. */
  attempts?: number
  /** Milliseconds before the second attempt; doubled each time up to `max`, drawn uniformly from 0 (full jitter). Default 1,000 and 60,000. */
  backoff?: number | { initial: number; max?: number; factor?: number }
  /** Milliseconds from the first start over all attempts; then it is aborted and fails with code `deadline-exceeded`. */
  deadline?: number
  /** What becomes of one that was in flight when the process died. Default `interrupt`; for the delivery of a report `rerun`. */
  onRestart?: 'rerun' | 'interrupt'
}

type WritableBatch = ReturnType<typeof emptyBatch>

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
  /** Results so far from this process; part of a callback event's identity. */
  n: number
}

interface Live {
  ref: AnyActorRef
  cancelDeadline: (() => void) | undefined
  deliver: ((event: PlainEvent) => Promise<void>) | undefined
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
  const queues = new Map<string, Set<State>>()
  const runningOf = new Map<string, number>()
  const reports = new Map<string, State[]>()
  let afterCommit: (() => void)[] = []
  let acknowledged: number[] = []
  let draining = false
  let closed = false
  let running = 0

  const policyOf = (row: EffectRow): Required<Omit<EffectPolicy, 'logic' | 'deadline'>> & EffectPolicy => {
    const policy = host.policies[row.src] ?? {}
    const isReport = row.child === null
    return {
      limit: 100,
      backoff: 1_000,
      ...policy,
      attempts: policy.attempts ?? (isReport ? 20 : 1),
      onRestart: policy.onRestart ?? (isReport ? 'rerun' : 'interrupt'),
    }
  }
  const queueOf = (src: string): Set<State> => {
    let queue = queues.get(src)
    if (!queue) queues.set(src, (queue = new Set()))
    return queue
  }
  const lineOf = (row: EffectRow): string => `${row.actor} ${row.src}`

  const track = (state: State): void => {
    states.set(state.row.id, state)
    if (state.row.child !== null) byAddress.set(state.row.address, state)
  }
  const enqueue = (state: State): void => {
    if (state.row.child === null) {
      // Reports of one type of one actor go one after the other: only the head of the line may run.
      const line = reports.get(lineOf(state.row)) ?? []
      if (!line.includes(state)) line.push(state)
      reports.set(lineOf(state.row), line)
      if (line[0] !== state) return
    }
    queueOf(state.row.src).add(state)
  }
  const forget = (state: State): void => {
    state.ended = true
    state.cancelRetry?.()
    states.delete(state.row.id)
    if (byAddress.get(state.row.address) === state) byAddress.delete(state.row.address)
    queueOf(state.row.src).delete(state)
    if (state.row.child === null) {
      const line = reports.get(lineOf(state.row)) ?? []
      const head = line[0] === state
      const rest = line.filter((other) => other !== state)
      if (rest.length === 0) reports.delete(lineOf(state.row))
      else {
        reports.set(lineOf(state.row), rest)
        if (head && rest[0]!.row.status === 'pending') queueOf(state.row.src).add(rest[0]!)
      }
    }
  }
  const release = (state: State): void => {
    if (!state.live) return
    state.live.cancelDeadline?.()
    state.live = undefined
    running--
    runningOf.set(state.row.src, (runningOf.get(state.row.src) ?? 1) - 1)
    // Its place may be what another waits for.
    if (!closed && queueOf(state.row.src).size > 0) host.wake()
  }
  /** Ends the live work of a state; what it still says is not heard. */
  const kill = (state: State): void => {
    const live = state.live
    if (!live) return
    release(state)
    try {
      ;(live.ref as unknown as { _stop: () => void })._stop()
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

  const start = (state: State): void => {
    if (state.ended || closed) return
    const { row } = state
    const policy = policyOf(row)
    const deadline = policy.deadline === undefined ? undefined : row.startedAt! + policy.deadline
    const overdue = (): void =>
      finish(state, {
        error: { name: 'FatalError', code: 'deadline-exceeded', message: `'${row.src}' did not end within ${policy.deadline} ms.` },
      })
    // Rerun after a restart that took too long: nothing is begun that is to be aborted at once.
    if (deadline !== undefined && host.now() >= deadline) return overdue()
    host.at(row.child === null ? 'report:before-start' : 'effect:before-start')
    const logic = policy.logic ?? host.logicOf(state.owner, row.src)
    if (!logic) return finish(state, { error: toErrorData(new FatalError('unknown-logic', `Nothing implements the effect '${row.src}'.`)) })
    const parent = { id: state.owner, sessionId: state.owner, system: undefined as unknown, src: 'owner' }
    const system = liveSystem(state, parent)
    parent.system = system
    let deliver: Live['deliver']
    const input = JSON.parse(row.input) as unknown
    const options = { id: row.child ?? row.src, input, parent, syncSnapshot: row.sync } as never
    const ref = createActor(
      isCallback(logic)
        ? withAcknowledgement(logic, (to) => {
            deliver = to
            if (state.live) {
              state.live.deliver = to
              flush(state)
            }
          })
        : logic,
      options,
    ) as unknown as AnyActorRef
    const live: Live = { ref, deliver: isCallback(logic) ? deliver : async (event) => ref.send(event), cancelDeadline: undefined }
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
    runningOf.set(row.src, (runningOf.get(row.src) ?? 0) + 1)
    // What a former run was given and did not take is given to this one.
    for (const message of state.messages) message.delivered = false
    try {
      ref.start()
    } catch (error) {
      release(state)
      finish(state, { error: toErrorData(error) }, error)
      return
    }
    if (deliver && state.live === live) live.deliver = deliver
    flush(state)
    host.at('effect:after-start')
  }

  const flush = (state: State): void => {
    for (const message of state.messages) {
      const live = state.live
      if (!live?.deliver) return
      if (message.delivered) continue
      message.delivered = true
      host.at('effect:deliver')
      live.deliver(message.event).then(
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

  /** What an effect says to its parent arrives here: completion, error, snapshots and a callback's events. */
  const liveSystem = (state: State, parent: unknown) => ({
    _bookId: () => state.row.address,
    _register: () => state.row.address,
    _unregister: () => {},
    _set: () => {},
    _sendInspectionEvent: () => {},
    _clock: { setTimeout: (fn: () => void, ms: number) => host.clock.after(ms, fn), clearTimeout: (cancel: () => void) => cancel() },
    _logger: () => {},
    scheduler: { schedule: () => {}, cancel: () => {}, cancelAll: () => {} },
    get: () => undefined,
    getAll: () => ({}),
    inspect: () => ({ unsubscribe: () => {} }),
    start: () => {},
    getSnapshot: () => ({ _scheduledEvents: {} }),
    _relay: (_source: unknown, target: unknown, event: PlainEvent) => {
      if (target !== parent) {
        ;(target as { _send: (event: PlainEvent) => void })._send(event)
        return
      }
      if (!state.live || state.ended || closed) return
      const id = state.row.child ?? state.row.src
      // XState says what has become of the actor once it is so; a logic that says it while it is active forges it.
      const { status } = state.live.ref.getSnapshot() as { status: string }
      if (status === 'done' && event.type === `xstate.done.actor.${id}`) {
        release(state)
        finish(state, { output: event['output'] })
      } else if (status === 'error' && event.type === `xstate.error.actor.${id}`) {
        release(state)
        finish(state, { error: toErrorData(event['error']) }, event['error'])
      } else if (state.row.sync && event.type === `xstate.snapshot.${id}`) {
        offer(state, 'snapshot', { snapshot: plainSnapshot(event['snapshot']) })
      } else if (event.type.startsWith('xstate.')) {
        const message = `'${state.row.address}' says '${event.type}', which is one of the system's own events. Give it a type of its own.`
        const error = new FatalError('reserved-event', message)
        kill(state)
        finish(state, { error: toErrorData(error) }, error)
      } else {
        offer(state, 'emitted', { n: ++state.n, event })
      }
    },
  })

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
    const retryAt = outcome.error && canRetry(row, thrown) ? host.now() + retryDelay(row, thrown) : undefined
    const { deadline } = policyOf(row)
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

  const canRetry = (row: EffectRow, thrown: unknown): boolean => {
    if (thrown === undefined || thrown instanceof FatalError || thrown instanceof ConfigurationError || thrown instanceof ProtocolError)
      return false
    const policy = policyOf(row)
    return row.attempt < policy.attempts
  }
  const retryDelay = (row: EffectRow, thrown: unknown): number => {
    const { backoff } = policyOf(row)
    const { initial, max = 60_000, factor = 2 } = typeof backoff === 'number' ? { initial: backoff } : backoff
    const jittered = Math.round(host.random() * Math.min(max, initial * factor ** (row.attempt - 1)))
    const asked = thrown instanceof RetryableError && Number.isFinite(thrown.retryAfter) ? Math.ceil(thrown.retryAfter) : 0
    return Math.min(Math.max(jittered, asked), longestDelay)
  }
  const armRetry = (state: State): void => {
    const wait = Math.max(0, (state.row.due ?? 0) - host.now())
    state.cancelRetry = host.clock.after(wait, () => {
      state.cancelRetry = undefined
      if (state.ended || closed || state.row.status !== 'waiting') return
      if ((state.row.due ?? 0) > host.now()) return armRetry(state)
      state.row.status = 'pending'
      state.row.due = null
      queueOf(state.row.src).add(state)
      host.wake()
    })
  }

  // What the next batch has to write beyond what steps ask for.
  const changed = new Set<State>()
  const removed: number[] = []
  // Room taken by effects that this commit promises to start.
  const reserved = new Map<string, number>()

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
      const state: State = { row, owner: owner.address, messages: [], ended: false, n: 0 }
      track(state)
      enqueue(state)
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
        flush(state)
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
      for (const [src, queue] of queues) {
        if (queue.size === 0) continue
        const limit = host.policies[src]?.limit ?? 100
        for (const state of queue) {
          if ((runningOf.get(src) ?? 0) + (reserved.get(src) ?? 0) >= limit) break
          queue.delete(state)
          reserved.set(src, (reserved.get(src) ?? 0) + 1)
          state.row.status = 'running'
          state.row.attempt++
          state.row.startedAt ??= host.now()
          batch.effects.add(state.row)
          afterCommit.push(() => {
            reserved.set(src, reserved.get(src)! - 1)
            start(state)
          })
        }
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
          n: 0,
        }
        track(state)
        if (row.status === 'running' && policyOf(row).onRestart === 'interrupt') {
          finish(state, {
            error: { name: 'Error', code: 'interrupted', message: `'${row.address}' was interrupted when its process ended.` },
          })
        } else if (row.status === 'waiting') {
          if (row.child === null) enqueueLine(state)
          armRetry(state)
        } else {
          // A run that a restart repeats is not an attempt that failed.
          if (row.status === 'running') row.attempt = Math.max(0, row.attempt - 1)
          row.status = 'pending'
          enqueue(state)
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

  function enqueueLine(state: State): void {
    const line = reports.get(lineOf(state.row)) ?? []
    line.push(state)
    reports.set(lineOf(state.row), line)
  }
}

/** What a listening parent gets of a snapshot: its data, without the live subscription of an observable. */
const plainSnapshot = (snapshot: unknown): object => {
  const { status, context, output } = (snapshot ?? {}) as { status?: unknown; context?: unknown; output?: unknown }
  return { status, context, output }
}

// XState marks its logic creators in no way; the same source text as a callback's own transition tells one.
const callbackTransition = fromCallback(() => {}).transition.toString()
const isCallback = (logic: AnyActorLogic): boolean => logic.transition.toString() === callbackTransition

type Receiver = (event: PlainEvent) => unknown

/**
 * The same callback with a `receive` that keeps what listeners answer: XState drops it, and "delivered" means that every
 * listener has returned and every promise among their answers has resolved.
 */
function withAcknowledgement(logic: AnyActorLogic, onReady: (deliver: (event: PlainEvent) => Promise<void>) => void): AnyActorLogic {
  const callback = (logic as unknown as { config: (args: Record<string, unknown>) => unknown }).config
  return fromCallback((args) => {
    const receivers = new Set<Receiver>()
    const deliver = async (event: PlainEvent): Promise<void> => {
      await Promise.all([...receivers].map((receiver) => receiver(event)))
    }
    return callback({
      ...args,
      receive: (receiver: Receiver) => {
        receivers.add(receiver)
        if (receivers.size === 1) onReady(deliver)
      },
    }) as () => void
  })
}
