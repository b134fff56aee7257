// Owns: the turn. It takes events by turns, steps their actors, and writes all of it in one transaction; only then does anything happen.
// Does not own: what a step is (step.ts), effects' lives (effects.ts), alarms (timers.ts), checks at boot (boot.ts).
// Invariants: handled events, snapshots, messages, children, timers and reports of a step are in one commit; a failing step writes only its fault;
// `send` resolves after the commit; a commit that fails stops the system.

import { hostname } from 'node:os'
import type { AnyStateMachine, InputFrom } from 'xstate'
import { FatalError, RetryableError, toErrorData, type ErrorData } from '../../errors.ts'
import { emptyBatch, type ActorRow, type EntryKind, type InboxRow, type JournalRow, type Store } from '../../persistence/store.ts'
import { checkBuild, migrateRow } from './boot.ts'
import { realClock, type Clock } from './clock.ts'
import { assertKnownEffects, resolveKinds, type ActorDefinition, type Kind } from './definition.ts'
import { createEffects, type EffectPolicy, type Effects } from './effects.ts'
import type { AtFaultPoint } from './fault-points.ts'
import { createInspection, type InspectionEvent } from './inspection.ts'
import { typeOf, type PlainEvent } from './journal.ts'
import { assertJson } from './json.ts'
import { createMailboxes, type Item, type Receipt } from './mailbox.ts'
import type { RandomSource } from './random.ts'
import { createRef, type ActorRef, type ActorView } from './ref.ts'
import { createRows } from './rows.ts'
import { step, StepError, type Command, type StepResult, type Target } from './step.ts'
import { createTimers } from './timers.ts'

export interface SystemOptions<A extends Record<string, ActorDefinition>> {
  store: Store
  actors: A
  /** By source name for invoked and spawned effects, by event type for the delivery of emitted reports. */
  effects?: Record<string, EffectPolicy>
  /** By emitted type: the address of the root actor that gets the report as an event, in the same commit; undefined for nobody. Pure. */
  routes?: Record<string, (report: PlainEvent, from: string) => string | undefined>
  clock?: Clock
  random?: RandomSource
  limits?: Partial<Limits>
  /** Told of faults, lost reports and dead letters. */
  onProblem?: (problem: Problem) => void
  faultPoint?: AtFaultPoint
}

export interface Limits {
  /** Unhandled events in memory beyond which `send` and `spawn` answer `backlog-full`. Default 50,000. */
  backlog: number
  /** Bytes of committed snapshots kept in memory. Default 32 MiB. */
  cacheBytes: number
  /** Milliseconds of steps in one transaction. Default 5. */
  turn: number
  /** Steps in one transaction. Default 1,000. */
  steps: number
}

export interface Problem {
  code: string
  message: string
  address: string
  error?: ErrorData
}

/** One handled event, told after its commit. */
export interface Handled {
  seq: number
  at: number
  address: string
  kind: EntryKind
  type: string
  cause: number | null
  ignored: string | null
  status: ActorRow['status']
  version: number
  /** The new snapshot as JSON text; null when it did not change. */
  snapshot: string | null
}

export interface Health {
  state: 'ready' | 'draining' | 'stopped'
  backlog: number
  oldestUnhandledMs: number
  faulted: string[]
  runningEffects: number
  pendingEffects: number
  cachedBytes: number
}

export interface ActorSystem<A extends Record<string, ActorDefinition> = Record<string, ActorDefinition>> {
  /** The actor `kind/id`; started with `input` when it does not exist yet. Resolves when durable. */
  spawn: <K extends keyof A & string>(kind: K, id: string, input?: InputFrom<A[K]['machine']>) => Promise<ActorRef<A[K]['machine']>>
  /** A reference by address; whether the actor exists shows at use. */
  ref: <M extends AnyStateMachine = AnyStateMachine>(address: string) => ActorRef<M>
  inspect: (listener: (event: InspectionEvent) => void) => { unsubscribe: () => void }
  /** Every handled event, after its commit, in order. */
  onHandled: (listener: (handled: Handled[]) => void) => { unsubscribe: () => void }
  /** The addresses whose view has changed, after the commit: who handled an event, faulted or got over it, and above a fault everyone up to its root. */
  onChanged: (listener: (addresses: string[]) => void) => { unsubscribe: () => void }
  health: () => Health
  readonly kinds: ReadonlyMap<string, Kind>
  readonly store: Store
  readonly effects: Pick<Effects, 'list' | 'running'>
  /** Resolves when no event waits and no step is due; effects may still run. */
  idle: () => Promise<void>
  /** Forgets dedupe keys and finished actors older than `before` (epoch ms), at most `limit` of each; answers how many rows went. `store.sweep` alone is for a database that no system has open. */
  sweep: (before: number, limit?: number) => number
  /** Takes no more events, finishes what was accepted, aborts effects, releases the database. */
  stop: () => Promise<void>
  /** Rejects when the store failed (`store-failed`); resolves after `stop`. */
  readonly stopped: Promise<void>
}

export interface Fault {
  error: ErrorData
  at: number
  entry: string
}

const defaults: Limits = { backlog: 50_000, cacheBytes: 32 * 1024 * 1024, turn: 5, steps: 1_000 }

/**
 * Opens the store, checks that this build can carry on what is in it, and resumes it.
 * Rejects with FatalError `database-owned`, `machines-incompatible` (its `problems` lists why; nothing was changed), or a definition's refusal.
 */
export async function createSystem<A extends Record<string, ActorDefinition>>(options: SystemOptions<A>): Promise<ActorSystem<A>> {
  const { store, clock = realClock, random = Math.random } = options
  const limits = { ...defaults, ...options.limits }
  // Without a prototype: an emitted 'constructor' is not routed to Object's.
  const policies = bare(options.effects)
  const routes = bare(options.routes)
  const at = options.faultPoint ?? (() => {})
  const problem = (told: Problem): void => {
    try {
      options.onProblem?.(told)
    } catch {
      // Nobody is left to be told.
    }
  }
  const kinds = resolveKinds(options.actors, new Set(Object.entries(policies).flatMap(([src, policy]) => (policy.logic ? [src] : []))))

  assertKnownEffects(kinds, policies)

  store.open({ pid: process.pid, host: hostname(), since: clock.now() }, () => {
    at('boot:owned')
    checkBuild(store, kinds, policies)
    at('boot:checked')
  })

  // --- counters and small tables ---------------------------------------------------------------
  const state = store.state()
  let { lastSeq, lastAt, nextActor, nextInbox } = state
  const machineIds = new Map(state.machines.map((m) => [`${m.kind}@${m.version}`, m.id]))
  const machineKinds = new Map(state.machines.map((m) => [m.id, m]))
  const shapeIds = new Map(state.shapes.map((s) => [`${s.machine} ${s.key}`, s.id]))
  let nextMachine = Math.max(0, ...state.machines.map((m) => m.id)) + 1
  let nextShape = Math.max(0, ...state.shapes.map((s) => s.id)) + 1

  // While the clock stands behind what it has shown once, time goes on from there, so that timers still fire.
  let shown = { at: lastAt, measured: clock.monotonic() }
  /** Epoch ms as an integer, never going back within a database, whatever the clock does. */
  const now = (): number => {
    const measured = clock.monotonic()
    const at = Math.max(Math.floor(clock.now()), shown.at + Math.floor(measured - shown.measured))
    if (clock.now() >= at) shown = { at, measured }
    return at
  }

  const mailboxes = createMailboxes()
  const rows = createRows(store, limits.cacheBytes)
  const inspection = createInspection()
  const handledListeners = new Set<(handled: Handled[]) => void>()
  const changedListeners = new Set<(addresses: string[]) => void>()
  const views = new Map<string, Set<(view: ActorView) => void>>()
  const emitted = new Map<string, Set<{ type: string; listener: (event: PlainEvent) => void }>>()
  const idleWaiters = new Set<() => void>()
  let turnWaiters: (() => void)[] = []
  const spawning = new Map<string, Promise<unknown>>()

  let batch = emptyBatch()
  /** Every faulted actor, with the number of events that rest behind its fault: they are part of the backlog that is bounded, for that actor alone. */
  const behindFault = new Map<string, number>()
  let batchKeys = new Set<string>()
  let owed = new Set<Item>()
  let current: Item | undefined
  let unacknowledged = 0
  let accepted: { resolve: () => void; reject: (error: Error) => void }[] = []
  /** What operators asked for, to be done in the next turn. */
  const acts: { perform: () => void; reject: (error: Error) => void }[] = []
  let deeds: (() => void)[] = []
  let handled: Handled[] = []
  /** Whose view a fault or its end has changed, which no handled event tells. */
  let touched = new Set<string>()
  let phase: Health['state'] = 'ready'
  let turnPending = false
  const stopped = Promise.withResolvers<void>()
  stopped.promise.catch(() => {})

  const offer = (offered: Omit<Item, 'queuedAt'>): Item => {
    const item = { ...offered, queuedAt: clock.monotonic() }
    mailboxes.put(item)
    wake()
    return item
  }
  const wake = (): void => {
    if (turnPending || phase === 'stopped') return
    turnPending = true
    clock.defer(turn)
  }
  const timers = createTimers(store, clock, now, wake, state.nextTimer)
  const effects = createEffects(
    {
      store,
      clock,
      random,
      policies,
      logicOf: (address, src) => kindOf(rows.peek(address)!)?.original?.implementations.actors[src] as never,
      offer,
      wake,
      report: problem,
      at,
      now,
    },
    state,
  )

  const kindOf = (row: ActorRow): Kind | undefined => kinds.get(machineKinds.get(row.machine)!.kind)
  const putMachine = (id: number, kind: Kind): void => {
    const row = { id, kind: kind.name, version: kind.version, events: eventsOf(kind) }
    machineKinds.set(id, row)
    batch.machines.push(row)
  }
  const machineId = (kind: Kind): number => {
    const key = `${kind.name}@${kind.version}`
    let id = machineIds.get(key)
    if (id === undefined) {
      id = nextMachine++
      machineIds.set(key, id)
      putMachine(id, kind)
    }
    return id
  }
  const shapeId = (machine: number, key: string): number => {
    const name = `${machine} ${key}`
    let id = shapeIds.get(name)
    if (id === undefined) {
      id = nextShape++
      shapeIds.set(name, id)
      batch.shapes.push({ id, machine, key })
    }
    return id
  }

  const fired = (item: Omit<Item, 'queuedAt'>): void => {
    at('timer:fire')
    mailboxes.put({ ...item, queuedAt: clock.monotonic() })
  }

  // --- the turn ----------------------------------------------------------------------------------

  function turn(): void {
    turnPending = false
    if (phase === 'stopped') return
    try {
      takeTurn()
    } catch (error) {
      fail(error)
    }
  }

  function takeTurn(): void {
    for (let act = acts[0]; act; act = acts[0]) {
      act.perform()
      acts.shift()
    }
    timers.fire(now(), fired)
    const end = clock.monotonic() + limits.turn
    for (let steps = 0; steps < limits.steps; steps++) {
      const item = mailboxes.next()
      if (!item) break
      current = item
      // Not of one that rested: another of its actor's may stand in the mailbox.
      const ofTimer = item.timer !== undefined && item.inbox === undefined
      handle(item)
      if (ofTimer) timers.next(item.address, fired)
      if (clock.monotonic() >= end) break
    }
    // What a step of this commit has sent must be in this commit, handled or not.
    for (const item of owed) rest(item, rows.get(item.address)!)
    owed = new Set()
    effects.beforeCommit(batch)
    if (isEmpty(batch)) {
      rows.settle()
    } else {
      at('commit:before')
      store.commit(batch)
      at('commit:after')
      rows.settle()
      batch = emptyBatch()
      batchKeys = new Set()
    }
    current = undefined

    const [done, told] = [deeds, handled]
    deeds = []
    handled = []
    at('accept:before')
    for (const ack of accepted.splice(0)) ack.resolve()
    effects.afterCommit()
    for (const deed of done) guarded(deed)
    if (told.length > 0 || touched.size > 0) tell(told)
    timers.schedule()
    for (const resolve of turnWaiters.splice(0)) resolve()
    if (mailboxes.size > 0) wake()
    else if (!turnPending) for (const resolve of idleWaiters) resolve()
  }

  /** The store has failed: nothing after its last commit has happened, and nothing may happen any more. */
  function fail(error: unknown): void {
    phase = 'stopped'
    const failure = new FatalError(
      'store-failed',
      `The system stopped because its store failed: ${toErrorData(error).message}. Nothing after the last commit has happened; mend the cause and start again.`,
      { cause: error },
    )
    effects.abandon()
    timers.stop()
    current?.accept?.reject(failure)
    for (let item = mailboxes.next(); item; item = mailboxes.next()) item.accept?.reject(failure)
    for (const { reject } of [...accepted, ...acts]) reject(failure)
    try {
      store.close()
    } catch {
      // The first failure is the one to tell.
    }
    for (const resolve of [...idleWaiters, ...turnWaiters.splice(0)]) resolve()
    stopped.reject(failure)
  }
  function accept(item: Item, receipt: Receipt): void {
    const { accept } = item
    if (!accept) return
    accepted.push({ resolve: () => accept.resolve(receipt), reject: accept.reject })
  }

  // --- handling one event ------------------------------------------------------------------------

  function handle(item: Item): void {
    if (item.timer && effects.has(item.address)) return messageEffect(item, item.timer)
    const row = rows.get(item.address) ?? (item.kind === 'init' ? createRoot(item.address) : undefined)
    if (!row) {
      owed.delete(item)
      if (item.timer) timers.settle(batch, item.timer)
      if (item.accept) item.accept.reject(new FatalError('unknown-actor', `There is no actor '${item.address}'. Spawn it first.`))
      else tellProblem({ code: 'dead-letter', message: `An event for '${item.address}' has no receiver`, address: item.address })
      return
    }
    if (item.key !== undefined && (batchKeys.has(`${row.id} ${item.key}`) || store.hasKey(row.id, item.key))) {
      owed.delete(item)
      accept(item, { seq: null, duplicate: true, ignored: null })
      return
    }
    if (item.kind === 'stop') return stopActor(item, row)
    if (item.timer?.cancelled) return ignore(item, row, 'it was cancelled')
    if (row.fault !== null) return rest(item, row)
    if (item.kind === 'init') {
      if (row.status === 'active' && row.snapshot !== null) return ignore(item, row, 'it exists already')
      respawn(row, JSON.parse(item.body) as InitBody)
    } else if (row.status !== 'active') return ignore(item, row, 'it has finished')
    const body = JSON.parse(item.body) as object
    const { since } = body as { since?: number }
    if (item.kind === 'message' && since !== undefined && since !== row.since) return ignore(item, row, 'it was for a former life')

    const kind = kindOf(row)!
    try {
      if (item.kind !== 'init' && kind.version !== machineKinds.get(row.machine)!.version) upgrade(row, kind)
      const seq = lastSeq + 1
      const time = now()
      const result = step({
        kind,
        address: row.address,
        parent: parentOf(row),
        bytes: row.snapshot,
        entry: item.kind,
        body,
        at: time,
        seq,
        inspect: inspection.active,
      })
      if ('stale' in result) return ignore(item, row, result.stale)
      take(item, row, kind, body, result, time)
    } catch (error) {
      if (!(error instanceof StepError)) throw error
      fault(item, row, error)
    }
  }

  /** A delayed message to an effect has become due. */
  function messageEffect(item: Item, timer: NonNullable<Item['timer']>): void {
    const { event, since } = JSON.parse(item.body) as { event: PlainEvent; since?: number }
    if (!timer.cancelled && since === effects.sinceOf(item.address)) effects.message(batch, item.address, event)
    timers.settle(batch, timer)
  }

  function take(item: Item, row: ActorRow, kind: Kind, body: object, result: StepResult, time: number): void {
    const entry = journal(item, row, null, time)
    row.snapshot = result.bytes
    row.status = result.status
    row.version++
    row.shape = shapeId(row.machine, result.shape)
    for (const command of result.commands) obey(command, row, kind, entry.seq, time)
    if (result.status === 'done') timers.clear(batch, row.id)
    if (row.parent !== null) {
      const parent = parentOf(row)!
      if (row.sync && result.status === 'active') {
        const { status, value, context, output } = JSON.parse(result.bytes) as Record<string, unknown>
        send(parent, 'snapshot', { child: row.child, since: row.since, snapshot: { status, value, context, output } }, entry.seq)
      }
      if (result.status === 'done') send(parent, 'done', { child: row.child, since: row.since, output: result.output }, entry.seq)
    }
    tellLater(entry, row, item, body, result.changed || item.kind === 'init' ? result.bytes : null)
    if (inspection.active)
      inspection.step(deeds, { row, entry, body, result, parent: row.parent === null ? undefined : rows.peek(parentOf(row)!) })
  }

  function obey(command: Command, row: ActorRow, kind: Kind, seq: number, time: number): void {
    switch (command.type) {
      case 'spawn': {
        const childKind = kind.children.get(command.src)
        if (!childKind) {
          effects.create(batch, row, { child: command.child, src: command.src, input: command.input, sync: command.sync, since: seq })
          return
        }
        const address = `${row.address}/${command.child}`
        if (!rows.get(address)) createRow(address, childKind, row, command.child, seq, time)
        send(address, 'init', { input: command.input, kind: childKind.name, since: seq, sync: command.sync }, seq)
        return
      }
      case 'stop': {
        const address = `${row.address}/${command.child}`
        if (effects.has(address)) effects.stop(batch, address)
        else if (rows.get(address)) send(address, 'stop', {}, seq)
        return
      }
      case 'send': {
        const address = addressOf(command.to, row)
        if (effects.has(address)) effects.message(batch, address, command.event)
        else if (command.event.type === 'xstate.error' && 'parent' in command.to) {
          send(address, 'error', { child: row.child, since: row.since, error: command.event['error'], escalated: true }, seq)
        } else if (rows.get(address)) send(address, 'message', { from: row.address, event: command.event }, seq)
        return
      }
      case 'timer': {
        const own = 'self' in command.to
        timers.arm(batch, {
          actor: row.id,
          name: command.name,
          due: time + Math.max(0, Math.ceil(command.delay)),
          target: addressOf(command.to, row),
          kind: own && 'name' in (JSON.parse(command.body) as object) ? 'timer' : 'message',
          body: command.body,
        })
        return
      }
      case 'cancel':
        timers.cancel(batch, row.id, command.name)
        return
      case 'emit':
        report(command.event, row, seq)
        return
      case 'custom':
        deeds.push(command.run)
    }
  }

  const addressOf = (to: Target, row: ActorRow): string =>
    'self' in to ? row.address : 'parent' in to ? parentOf(row)! : `${row.address}/${to.child}`
  const parentOf = (row: ActorRow): string | null => (row.parent === null ? null : row.address.slice(0, row.address.lastIndexOf('/')))

  function report(event: PlainEvent, row: ActorRow, seq: number): void {
    const route = routes[event.type]
    let target: string | undefined
    try {
      target = route?.(event, row.address)
      if (target !== undefined && typeof target !== 'string') {
        target = undefined
        throw new FatalError('bad-route', `The route of '${event.type}' answers something that is no address.`)
      }
    } catch (error) {
      tellProblem({ code: 'route-failed', message: `The route of '${event.type}' threw`, address: row.address, error: toErrorData(error) })
    }
    if (target !== undefined) {
      if (rows.get(target)) send(target, 'message', { from: row.address, event }, seq)
      else
        tellProblem({
          code: 'dead-letter',
          message: `'${event.type}' is routed to '${target}', which does not exist`,
          address: row.address,
        })
    } else if (!route && policies[event.type]) {
      effects.create(batch, row, { child: null, src: event.type, input: event, sync: false, since: seq })
    }
    const address = row.address
    deeds.push(() => {
      for (const { type, listener } of emitted.get(address) ?? []) if (type === event.type || type === '*') guarded(() => listener(event))
    })
  }

  /** A message of a step: it is in the same commit as the step, handled there or resting. */
  function send(address: string, kind: EntryKind, body: object, cause: number): void {
    const item: Item = { address, kind, body: JSON.stringify(body), cause, queuedAt: clock.monotonic() }
    owed.add(item)
    mailboxes.put(item)
  }

  interface InitBody {
    input?: unknown
    kind?: string
    since?: number
    sync?: boolean
  }

  function createRow(address: string, kind: Kind, parent: ActorRow | null, child: string | null, since: number, time: number): ActorRow {
    const row: ActorRow = {
      id: nextActor++,
      address,
      machine: machineId(kind),
      parent: parent?.id ?? null,
      child,
      since,
      status: 'pending',
      fault: null,
      version: 0,
      shape: null,
      snapshot: null,
      lastSeq: 0,
      sync: false,
      createdAt: time,
      updatedAt: time,
    }
    rows.add(row)
    batch.actors.add(row)
    return row
  }

  /** A root's row comes with its first event, not before: alone in a commit it would never start after a kill. */
  const createRoot = (address: string): ActorRow =>
    createRow(address, kinds.get(address.slice(0, address.indexOf('/')))!, null, null, 0, now())

  /** A child's new life at an address that an ended one had; also what its very first life starts from. */
  function respawn(row: ActorRow, body: InitBody): void {
    const kind = body.kind === undefined ? kindOf(row)! : kinds.get(body.kind)!
    row.machine = machineId(kind)
    row.since = body.since ?? 0
    row.sync = body.sync ?? false
    row.status = 'active'
    row.snapshot = null
    row.shape = null
  }

  function upgrade(row: ActorRow, kind: Kind): void {
    const from = machineKinds.get(row.machine)!.version
    try {
      row.snapshot = migrateRow(kind, row.address, row.snapshot!, from)
    } catch (error) {
      throw new StepError(error)
    }
    row.machine = machineId(kind)
    // Replay starts here: what the former version did cannot be repeated by this build.
    const seq = ++lastSeq
    lastAt = now()
    batch.journal.push({
      seq,
      actor: row.id,
      prev: row.lastSeq,
      at: lastAt,
      cause: null,
      machine: row.machine,
      kind: 'checkpoint',
      body: JSON.stringify({
        snapshot: row.snapshot,
        status: row.status,
        version: row.version,
        reason: `migrated from ${from} to ${kind.version}`,
      }),
      ignored: null,
    })
    row.lastSeq = seq
  }

  function journal(item: Item, row: ActorRow, ignored: string | null, time: number): JournalRow {
    const entry: JournalRow = {
      seq: ++lastSeq,
      actor: row.id,
      prev: row.lastSeq,
      at: time,
      cause: item.cause,
      machine: row.machine,
      kind: item.kind,
      body: item.body,
      ignored,
    }
    lastAt = time
    row.lastSeq = entry.seq
    row.updatedAt = time
    batch.journal.push(entry)
    batch.actors.add(row)
    settle(item, row, time)
    accept(item, { seq: entry.seq, duplicate: false, ignored })
    return entry
  }

  /** What an event leaves behind once it is journalled or resting. */
  function settle(item: Item, row: ActorRow, time: number): void {
    owed.delete(item)
    if (item.inbox !== undefined) batch.inboxRemoved.push(item.inbox)
    if (item.timer) timers.settle(batch, item.timer)
    if (item.effect !== undefined) effects.settle(batch, item.effect)
    if (item.key !== undefined) {
      batch.keys.push({ actor: row.id, key: item.key, at: time })
      batchKeys.add(`${row.id} ${item.key}`)
    }
    if (item.acknowledges) batch.messagesRemoved.push(...item.acknowledges)
    delete item.acknowledges
  }

  function ignore(item: Item, row: ActorRow, reason: string): void {
    const entry = journal(item, row, reason, now())
    tellLater(entry, row, item, JSON.parse(item.body) as object, null)
  }

  /** Commits an event unhandled: it is owed, and its actor's turn has not come or cannot come. */
  function rest(item: Item, row: ActorRow): void {
    if (item.inbox !== undefined) {
      owed.delete(item)
      return
    }
    const id = nextInbox++
    const { inbox: _none, ...unrested } = item
    settle(unrested as Item, row, now())
    batch.inboxAdded.push({ id, actor: row.id, address: row.address, cause: item.cause, kind: item.kind, body: item.body })
    item.inbox = id
    if (row.fault !== null) behindFault.set(row.address, (behindFault.get(row.address) ?? 0) + 1)
    delete item.timer
    delete item.effect
    delete item.key
    delete item.acknowledges
    accept(item, { seq: null, duplicate: false, ignored: null })
    delete item.accept
  }

  function fault(item: Item, row: ActorRow, error: StepError): void {
    const data: Fault = { error: error.data, at: now(), entry: typeOf(item.kind, JSON.parse(item.body) as object) }
    row.fault = JSON.stringify(data)
    behindFault.delete(row.address)
    batch.actors.add(row)
    // All of them get new places: an event that was put to rest earlier may stand behind one that was not.
    for (const waiting of [item, ...mailboxes.take(row.address)]) {
      const ofTimer = waiting !== item && waiting.timer !== undefined && waiting.inbox === undefined
      if (ofTimer) timers.next(row.address, fired)
      if (waiting.timer?.cancelled) {
        ignore(waiting, row, 'it was cancelled')
        continue
      }
      if (waiting.inbox !== undefined) batch.inboxRemoved.push(waiting.inbox)
      delete waiting.inbox
      rest(waiting, row)
    }
    touch(row.address)
    tellProblem({
      code: 'actor-faulted',
      message: `'${row.address}' cannot take '${data.entry}': ${data.error.message}`,
      address: row.address,
      error: data.error,
    })
  }

  /** Its fault is over, one way or another. */
  function recover(row: ActorRow): void {
    row.fault = null
    behindFault.delete(row.address)
    touch(row.address)
  }

  /** The view of an actor and of everyone above it has changed. */
  function touch(address: string): void {
    for (let at = address; ; at = at.slice(0, at.lastIndexOf('/'))) {
      touched.add(at)
      if (isRoot(at)) return
    }
  }

  function stopActor(item: Item, row: ActorRow): void {
    if (row.status === 'stopped' || row.status === 'done') return ignore(item, row, 'it has finished')
    const waiting = row.fault === null ? [] : waitingFor(row)
    const entry = journal(item, row, null, now())
    if (row.fault !== null) recover(row)
    for (const r of waiting) journal(resting(r), row, 'its actor was stopped', now())
    end(row, entry.seq)
    tellLater(entry, row, item, {}, null)
  }

  /** What rests for a faulted actor, oldest first, this turn's included. */
  function waitingFor(row: ActorRow): InboxRow[] {
    const gone = new Set(batch.inboxRemoved)
    return [...store.inboxOf(row.id), ...batch.inboxAdded.filter((r) => r.actor === row.id)].filter((r) => !gone.has(r.id))
  }

  /** Stops an actor and everything below it. */
  function end(row: ActorRow, seq: number): void {
    row.status = 'stopped'
    batch.actors.add(row)
    timers.clear(batch, row.id)
    const { children = {} } = row.snapshot === null ? {} : (JSON.parse(row.snapshot) as { children?: Record<string, unknown> })
    for (const child of Object.keys(children)) {
      const address = `${row.address}/${child}`
      if (effects.has(address)) effects.stop(batch, address)
      else if (rows.get(address)?.status === 'active' || rows.get(address)?.status === 'pending') send(address, 'stop', {}, seq)
    }
  }

  // --- telling -----------------------------------------------------------------------------------

  function tellLater(entry: JournalRow, row: ActorRow, item: Item, body: object, snapshot: string | null): void {
    if (handledListeners.size === 0 && changedListeners.size === 0 && !views.has(row.address)) return
    handled.push({
      seq: entry.seq,
      at: entry.at,
      address: row.address,
      kind: item.kind,
      type: typeOf(item.kind, body),
      cause: entry.cause,
      ignored: entry.ignored,
      status: row.status,
      version: row.version,
      snapshot,
    })
  }

  function tell(told: Handled[]): void {
    for (const listener of handledListeners) guarded(() => listener(told))
    const changed = new Set([...touched, ...told.map((h) => h.address)])
    touched = new Set()
    for (const listener of changedListeners) guarded(() => listener([...changed]))
    for (const address of changed) {
      const listeners = views.get(address)
      if (!listeners) continue
      const view = viewAt(address)
      if (view) for (const listener of listeners) guarded(() => listener(view))
    }
  }

  /** After the commit: what it tells of has happened then. */
  function tellProblem(told: Problem): void {
    deeds.push(() => problem(told))
  }

  function guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      problem({ code: 'listener-failed', message: 'A listener or custom action threw', address: '', error: toErrorData(error) })
    }
  }

  function viewAt(address: string): ActorView | undefined {
    const row = rows.peek(address)
    return row && toView(row, machineKinds.get(row.machine)!, behindFault.keys())
  }

  // --- the public side ---------------------------------------------------------------------------

  function intake(): void {
    if (phase !== 'ready') throw new FatalError('system-stopped', 'The actor system has stopped and takes no more events.')
    if (mailboxes.size >= limits.backlog) {
      throw new RetryableError('backlog-full', `More than ${limits.backlog} events wait to be handled. Try again in a moment.`, {
        retryAfter: 1_000,
      })
    }
  }

  async function put(address: string, kind: EntryKind, body: object, key?: string): Promise<Receipt> {
    intake()
    if ((behindFault.get(address) ?? 0) >= limits.backlog) {
      throw new RetryableError(
        'backlog-full',
        `More than ${limits.backlog} events wait behind the fault of '${address}'. Retry, skip or abandon it.`,
        {
          retryAfter: 60_000,
        },
      )
    }
    const { promise, resolve, reject } = Promise.withResolvers<Receipt>()
    unacknowledged++
    const settled = <T>(settle: (value: T) => void): ((value: T) => void) => {
      return (value) => {
        unacknowledged--
        settle(value)
      }
    }
    const accept = { resolve: settled(resolve), reject: settled<Error>(reject) }
    offer({ address, kind, body: JSON.stringify(body), cause: null, accept, ...(key === undefined ? {} : { key }) })
    return promise
  }

  /** An operator's act on a faulted actor, in the next turn. A FatalError that it throws before it has changed anything refuses it. */
  async function onFaulted(address: string, act: (row: ActorRow) => void): Promise<void> {
    if (phase !== 'ready') throw new FatalError('system-stopped', 'The actor system has stopped.')
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
      batch.actors.add(row)
      accepted.push({ resolve, reject })
    }
    acts.push({ perform, reject })
    wake()
    return promise
  }

  const resting = (r: InboxRow): Item => ({
    address: r.address,
    kind: r.kind,
    body: r.body,
    cause: r.cause,
    inbox: r.id,
    queuedAt: clock.monotonic(),
    // Its row is gone, and yet an event before it may still cancel it.
    ...(r.kind === 'timer' ? { timer: timers.revive(r.actor, (JSON.parse(r.body) as { name: string }).name) } : {}),
  })

  /** Puts what rested before what has come since. */
  const takeUp = (address: string, waiting: readonly InboxRow[]): void => {
    const later = mailboxes.take(address)
    for (const r of waiting) mailboxes.put(resting(r))
    for (const item of later) mailboxes.put(item)
  }

  const assertOpen = (): void => {
    if (phase === 'stopped') throw new FatalError('system-stopped', 'The actor system has stopped; open it again to read it.')
  }

  const host = {
    send: async (address: string, event: PlainEvent, key?: string): Promise<Receipt> => {
      if (!event || typeof event.type !== 'string' || event.type === '') {
        throw new FatalError('bad-event', `An event is an object with a 'type'; got ${JSON.stringify(event) ?? typeof event}.`)
      }
      if (event.type.startsWith('xstate.')) {
        throw new FatalError('reserved-event', `'${event.type}' is one of the system's own events and is not taken from outside.`)
      }
      assertJson(event, `event '${event.type}'`)
      return put(address, 'event', key === undefined ? { event } : { event, key }, key)
    },
    row: (address: string) => {
      assertOpen()
      const row = rows.peek(address)
      return row && { row, machine: machineKinds.get(row.machine)! }
    },
    view: (address: string) => {
      assertOpen()
      return viewAt(address)
    },
    store,
    subscribe: (address: string, listener: (view: ActorView) => void) => register(views, address, listener),
    on: (address: string, type: string, listener: (event: PlainEvent) => void) => register(emitted, address, { type, listener }),
    retry: (address: string) =>
      onFaulted(address, (row) => {
        recover(row)
        takeUp(address, waitingFor(row))
      }),
    skip: (address: string) =>
      onFaulted(address, (row) => {
        const [first, ...others] = waitingFor(row)
        if (first?.kind === 'init') {
          throw new FatalError(
            'init-not-skippable',
            `'${address}' has not started yet, so its start cannot be skipped. Retry or abandon it.`,
          )
        }
        if (first) journal(resting(first), row, 'skipped by an operator', now())
        recover(row)
        takeUp(address, others)
      }),
    abandon: (address: string) =>
      onFaulted(address, (row) => {
        const { error } = JSON.parse(row.fault!) as Fault
        for (const r of waitingFor(row)) journal(resting(r), row, 'abandoned by an operator', now())
        recover(row)
        journal({ address, kind: 'stop', body: '{}', cause: null, queuedAt: clock.monotonic() }, row, null, now())
        end(row, row.lastSeq)
        const parent = parentOf(row)
        if (parent !== null)
          send(
            parent,
            'error',
            { child: row.child, since: row.since, error: { ...error, code: 'abandoned', cause: error.message } },
            row.lastSeq,
          )
      }),
  }
  const ref = <M extends AnyStateMachine>(address: string): ActorRef<M> => createRef<M>(address, host)

  const system: ActorSystem<A> = {
    kinds,
    store,
    effects,
    stopped: stopped.promise,
    ref,
    async spawn(kind, id, input) {
      const definition = kinds.get(kind)
      if (!definition || !(kind in options.actors)) throw new FatalError('unknown-kind', `There is no actor kind '${kind}'.`)
      if (id === '' || id.includes('/')) throw new FatalError('bad-id', `'${id}' cannot be an actor's id: it is empty or holds '/'.`)
      intake()
      assertJson(input, `input of '${kind}/${id}'`)
      const address = `${kind}/${id}`
      const under = spawning.get(address)
      if (under) await under
      else if (!rows.peek(address)) {
        const started = put(address, 'init', input === undefined ? {} : { input })
        spawning.set(address, started)
        await started.finally(() => spawning.delete(address))
      }
      return ref<A[typeof kind]['machine']>(address)
    },
    inspect: (listener) => inspection.listen(listener),
    onHandled(listener) {
      handledListeners.add(listener)
      return { unsubscribe: () => void handledListeners.delete(listener) }
    },
    onChanged(listener) {
      changedListeners.add(listener)
      return { unsubscribe: () => void changedListeners.delete(listener) }
    },
    health() {
      const oldest = mailboxes.oldest()
      return {
        state: phase,
        backlog: mailboxes.size,
        oldestUnhandledMs: oldest === undefined ? 0 : Math.max(0, clock.monotonic() - oldest),
        faulted: phase === 'stopped' ? [] : store.faulted().map((row) => row.address),
        runningEffects: effects.running,
        pendingEffects: effects.pending,
        cachedBytes: rows.cachedBytes,
      }
    },
    async idle() {
      if (phase === 'stopped' || (mailboxes.size === 0 && !turnPending)) return
      const { promise, resolve } = Promise.withResolvers<void>()
      idleWaiters.add(resolve)
      await promise
      idleWaiters.delete(resolve)
    },
    sweep(before, limit = 1_000) {
      assertOpen()
      const gone = store.sweep(before, limit)
      // A cached row of an actor that has gone would be written to.
      if (gone > 0) rows.forget()
      return gone
    },
    async stop() {
      if (phase !== 'ready') return stopped.promise.catch(() => {})
      phase = 'draining'
      effects.drain()
      // Called from inside of a turn it lets that one end.
      await Promise.resolve()
      // Actors that keep one another busy for ever do not hold it up: what they say to one another is rows.
      for (let turns = 0; mailboxes.size > 0 || turnPending; turns++) {
        if (unacknowledged === 0 && turns >= 100) break
        const { promise, resolve } = Promise.withResolvers<void>()
        turnWaiters.push(resolve)
        await promise
      }
      if ((phase as Health['state']) === 'stopped') return
      phase = 'stopped'
      effects.abandon()
      timers.stop()
      store.close()
      for (const resolve of idleWaiters) resolve()
      stopped.resolve()
    },
  }

  // --- take up what was left ---------------------------------------------------------------------
  try {
    for (const { id, kind: name, version, events } of state.machines) {
      const kind = kinds.get(name)
      if (kind?.version === version && events !== eventsOf(kind)) putMachine(id, kind)
    }
    for (const row of store.faulted()) behindFault.set(row.address, store.inboxOf(row.id).length)
    for (const r of store.inbox()) mailboxes.put(resting(r))
    effects.resume()
    at('boot:resumed')
  } catch (error) {
    phase = 'stopped'
    effects.abandon()
    store.close()
    throw error
  }
  wake()
  return system
}

const eventsOf = ({ events }: Kind): string | null => (events === undefined ? null : JSON.stringify(events))

const bare = <T>(record: Record<string, T> | undefined): Record<string, T> =>
  Object.assign(Object.create(null) as Record<string, T>, record)

function register<T>(registry: Map<string, Set<T>>, address: string, listener: T): { unsubscribe: () => void } {
  const listeners = registry.get(address) ?? new Set()
  listeners.add(listener)
  registry.set(address, listeners)
  return {
    unsubscribe() {
      listeners.delete(listener)
      if (listeners.size === 0) registry.delete(address)
    },
  }
}

const isEmpty = (batch: ReturnType<typeof emptyBatch>): boolean =>
  batch.actors.size === 0 &&
  batch.journal.length === 0 &&
  batch.inboxAdded.length === 0 &&
  batch.inboxRemoved.length === 0 &&
  batch.timers.length === 0 &&
  batch.effects.size === 0 &&
  batch.effectsRemoved.size === 0 &&
  batch.messagesAdded.length === 0 &&
  batch.messagesRemoved.length === 0

const isRoot = (address: string): boolean => address.indexOf('/') === address.lastIndexOf('/')

/** A row as its users see it; `faulted` are the addresses of all faulted actors. */
export function toView(row: ActorRow, machine: { kind: string; version: string }, faulted: Iterable<string>): ActorView {
  const snapshot = row.snapshot === null ? {} : (JSON.parse(row.snapshot) as { value?: unknown; context?: unknown; output?: unknown })
  return {
    address: row.address,
    kind: machine.kind,
    machineVersion: machine.version,
    status: row.fault === null ? row.status : 'faulted',
    value: snapshot.value,
    context: snapshot.context,
    output: snapshot.output,
    fault: row.fault === null ? null : (JSON.parse(row.fault) as Fault),
    faultedChildren: [...faulted].filter((address) => address.startsWith(`${row.address}/`)).sort(),
    version: row.version,
    seq: row.lastSeq,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}
