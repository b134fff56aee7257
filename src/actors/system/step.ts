// Owns: one pure step of one actor, from bytes to bytes and commands. Does not own: rows, order, or anything that happens in the world.
// Invariants: the step starts from a fresh parse; the same bytes, event and seq give the same bytes and commands; nothing is executed.
// This is the one file that leans on XState's actor scope, which its types keep internal.

import type { AnyActorLogic } from 'xstate'
import { FatalError, toErrorData, type ErrorData } from '../../errors.ts'
import type { EntryKind } from '../../persistence/store.ts'
import { longestDelay } from './clock.ts'
import { assertSpawn, systemIdRefused, type Kind } from './definition.ts'
import { assertJson } from './json.ts'
import { originOf, toMachineEvent, toTimerBody, type PlainEvent } from './journal.ts'

export interface StepRequest {
  kind: Kind
  address: string
  /** The parent's address; null for a root. */
  parent: string | null
  /** Its id inside the parent; what `xstate.done.actor.ID` will carry. */
  bytes: string | null
  entry: EntryKind
  body: object
  at: number
  seq: number
  /** Collect microsteps for inspection; costs time. */
  inspect?: boolean
}

/** What a step asks for, as data. `child` is an id inside this actor. */
export type Command =
  | { type: 'spawn'; child: string; src: string; input: unknown; sync: boolean }
  | { type: 'stop'; child: string }
  | { type: 'send'; to: Target; event: PlainEvent }
  | { type: 'timer'; name: string; delay: number; to: Target; body: string }
  | { type: 'cancel'; name: string }
  | { type: 'emit'; event: PlainEvent }
  | { type: 'custom'; name: string; params: unknown; run: () => void }

export type Target = { self: true } | { parent: true } | { child: string }

export interface Microstep {
  event: PlainEvent
  value: unknown
  transitions: { source: string; target: string[]; eventType: string; guard: string | null }[]
}

export interface StepResult {
  bytes: string
  status: 'active' | 'done'
  output: unknown
  value: unknown
  shape: string
  commands: Command[]
  microsteps: Microstep[]
  /** False when the event changed nothing (unknown, or every guard false). */
  changed: boolean
}

/** The step was not taken: the child that the event comes from is no longer that child. */
export interface StaleEvent {
  stale: string
}

interface Persisted {
  status: string
  value?: unknown
  context?: unknown
  output?: unknown
  error?: unknown
  historyValue?: Record<string, { id: string }[]>
  children?: Record<string, { snapshot: { status: string; since?: number }; src: unknown; syncSnapshot?: boolean }>
}

interface StepSnapshot {
  status: string
  value?: unknown
  context?: unknown
  output?: unknown
  error?: unknown
  children?: Record<string, ChildRef>
}

interface ChildRef {
  id: string
  src: unknown
  getSnapshot(): { status: string; since?: number }
}

interface RawAction {
  type: string
  info?: unknown
  params?: any
  exec?: (info: unknown, params: unknown) => void
}

/** The machine could not take the event; the actor is to be faulted. */
export class StepError extends FatalError {
  readonly data: ErrorData
  constructor(error: unknown) {
    const data = toErrorData(error)
    super(data.code ?? 'step-failed', data.message, { cause: error })
    this.data = data
  }
}

/** Takes one step. Throws StepError when guards, actions or the resulting snapshot make it impossible; changes nothing in that case. */
export function step(request: StepRequest): StepResult | StaleEvent {
  const { kind, entry, body } = request
  const logic = kind.logic as AnyActorLogic
  const scope = createScope(request)
  const actions = scope.actions
  let persisted: Persisted | undefined
  let before: StepSnapshot | undefined
  let next: StepSnapshot
  try {
    if (entry === 'init') {
      next = initial(logic, scope, (body as { input?: unknown }).input, request.at)
    } else {
      persisted = JSON.parse(request.bytes!) as Persisted
      const origin = originOf(entry, body)
      if (origin) {
        const child = own(persisted.children, origin.child)
        if (!child || child.snapshot.since !== origin.since) return { stale: 'its child is gone or was replaced' }
      }
      before = restore(kind, persisted, scope, request.bytes!)
      scope.self.snapshot = before
      next = logic.transition(before, toMachineEvent(entry, body, request.at) as never, scope as never) as StepSnapshot
    }
  } catch (error) {
    throw new StepError(error)
  }
  if (next.status === 'error') throw new StepError(next.error)
  try {
    const { escalated } = body as { escalated?: boolean }
    const ended = (entry === 'done' || entry === 'error') && !escalated ? originOf(entry, body) : undefined
    const commands = toCommands(actions, before, next, request)
    if (next === before && !ended) {
      return result(persisted!, request.bytes!, commands, scope.microsteps, false)
    }
    const after = persist(kind, before, next, request.bytes)
    for (const child of Object.values(after.children ?? {})) {
      if (child.snapshot.since === undefined) child.snapshot = { ...child.snapshot, since: request.seq }
    }
    const endedChild = ended && own(after.children, ended.child)
    if (endedChild && endedChild.snapshot.since === ended.since)
      endedChild.snapshot = { ...endedChild.snapshot, status: entry === 'done' ? 'done' : 'error' }
    assertContext(after, before, next)
    return result(after, JSON.stringify(after), commands, scope.microsteps, next !== before)
  } catch (error) {
    throw new StepError(error)
  }
}

/** A snapshot restored from its bytes without stepping, for reading; throws when this build's machine cannot hold it. */
export function restoreSnapshot(kind: Kind, address: string, bytes: string): StepSnapshot {
  const scope = createScope({ kind, address, parent: null, bytes, entry: 'event', body: {}, at: 0, seq: 0 })
  const persisted = JSON.parse(bytes) as Persisted
  for (const [id, child] of Object.entries(persisted.children ?? {})) {
    if (typeof child.src !== 'string' || !(kind.original?.implementations.actors as object | undefined) || !hasSource(kind, child.src)) {
      throw new FatalError('child-source-missing', `its child '${id}' is made from '${String(child.src)}', which the machine no longer has`)
    }
  }
  for (const node of Object.values(persisted.historyValue ?? {}).flat()) {
    if (!kind.isStateId(node.id))
      throw new FatalError('history-missing', `its history names the state '${node.id}', which the machine no longer has`)
  }
  const snapshot = restore(kind, persisted, scope, bytes)
  if (snapshot.status === 'error') throw snapshot.error
  return snapshot
}

/** A child by id; ids such as 'constructor' are legal. */
const own = <T>(children: Record<string, T> | undefined, id: string): T | undefined =>
  children && Object.hasOwn(children, id) ? children[id] : undefined

function persist({ logic, original }: Kind, before: StepSnapshot | undefined, next: StepSnapshot, bytes: string | null): Persisted {
  const persisted = (snapshot: StepSnapshot): Persisted => logic.getPersistedSnapshot(snapshot as never) as Persisted
  try {
    if (!original || !isRecord(before?.context) || !isRecord(next.context) || holdsReference(bytes!)) return persisted(next)
    // Only what the step changed can hold a reference to a child.
    const changed = Object.create(null) as Record<string, unknown>
    for (const key in next.context) if (next.context[key] !== before.context[key]) changed[key] = next.context[key]
    const after = persisted({ ...next, context: changed })
    after.context = { ...next.context, ...(after.context as object) }
    return after
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new FatalError('not-json', 'context is too deep or holds a cycle, which JSON does not carry. Keep plain, finite data.', {
      cause: error,
    })
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** XState looks for references in the whole context, at twice the cost of the step itself; most contexts hold none. */
const holdsReference = (bytes: string): boolean => bytes.includes('xstate$$type')

const hasSource = (kind: Kind, src: string): boolean =>
  Object.hasOwn((kind.logic as { implementations?: { actors: object } }).implementations?.actors ?? {}, src)

function restore({ logic, original }: Kind, persisted: Persisted, scope: Scope, bytes: string): StepSnapshot {
  if (!logic.restoreSnapshot) return persisted as StepSnapshot
  if (!original || holdsReference(bytes)) return logic.restoreSnapshot(persisted as never, scope as never) as StepSnapshot
  const snapshot = logic.restoreSnapshot({ ...persisted, context: {} } as never, scope as never) as StepSnapshot
  snapshot.context = persisted.context
  return snapshot
}

function initial(logic: AnyActorLogic, scope: Scope, input: unknown, at: number): StepSnapshot {
  const machine = logic as unknown as { _getPreInitialState?: (scope: unknown, event: { at?: number }, queue: unknown[]) => unknown }
  const own = machine._getPreInitialState
  if (!own) return logic.getInitialSnapshot(scope as never, input as never) as StepSnapshot
  // Entry actions see this very object as their event; it is the only place where `at` can be put on it.
  machine._getPreInitialState = function (actorScope, event, queue) {
    event.at = at
    return own.call(this, actorScope, event, queue)
  }
  try {
    return logic.getInitialSnapshot(scope as never, input as never) as StepSnapshot
  } finally {
    machine._getPreInitialState = own
  }
}

/** The state value that a shape (law 9) stands for. */
export const stateOfShape = (shape: string): unknown => (JSON.parse(shape) as [unknown])[0]

function result(after: Persisted, bytes: string, commands: Command[], microsteps: Microstep[], changed: boolean): StepResult {
  const sources = [...new Set(Object.values(after.children ?? {}).map((child) => String(child.src)))].sort()
  const history = [...new Set(Object.values(after.historyValue ?? {}).flatMap((nodes) => nodes.map((node) => node.id)))].sort()
  const shape = JSON.stringify([after.value ?? null, sources, history])
  return {
    bytes,
    status: after.status as 'active' | 'done',
    output: after.output,
    value: after.value,
    shape,
    commands,
    microsteps,
    changed,
  }
}

/** Checks what the step changed of the context; what it kept came from JSON already. */
function assertContext(after: Persisted, before: StepSnapshot | undefined, next: StepSnapshot): void {
  // A reference to a child that has ended stays legal, as in XState; it comes back as undefined.
  const isOwnChild = (id: string): boolean => id in (after.children ?? {}) || id in (before?.children ?? {})
  if (after.output !== undefined) assertJson(after.output, 'output')
  const context = after.context
  if (context === undefined || next.context === before?.context) return
  if (typeof context !== 'object' || context === null || Array.isArray(context)) return assertJson(context, 'context', isOwnChild)
  const previous = (before?.context ?? {}) as Record<string, unknown>
  for (const key in context) {
    const value = (context as Record<string, unknown>)[key]
    if (value !== previous[key]) assertJson(value, `context.${key}`, isOwnChild)
  }
}

// --- commands ------------------------------------------------------------------------------------

function toCommands(actions: RawAction[], before: StepSnapshot | undefined, next: StepSnapshot, request: StepRequest): Command[] {
  const commands: (Command & { ref?: unknown })[] = []
  const spawned = new Set<unknown>()
  const gone = new Set<unknown>()
  const stopped = new Set<string>()
  const born = new Map<string, unknown>()
  // An entry action may speak to the child that its state invokes, which is spawned after it: it is told once it is there.
  const early = new Map<unknown, (Command & { ref?: unknown })[]>()
  for (const action of actions) {
    const p = action.params
    switch (action.type) {
      case 'xstate.spawnChild': {
        const ref = p.actorRef as ChildRef | undefined
        assertSpawn(request.address, p.src, p.id, p.systemId)
        if (!ref || !hasSource(request.kind, p.src as string))
          throw new FatalError(
            'unknown-logic',
            `'${request.address}' spawns '${String(p.src)}', which neither setup({ actors }) nor the effects provide.`,
          )
        assertChildId(request.address, p.src as string, ref.id)
        const existing = own(before?.children, ref.id)
        const alive = existing && existing.getSnapshot().status === 'active' && !stopped.has(ref.id)
        if (alive || born.has(ref.id)) {
          throw new FatalError(
            'child-exists',
            `'${request.address}' spawns '${ref.id}' while a child of that id is alive. Stop it first, or give the new one another id.`,
          )
        }
        assertJson(p.input, `input of '${ref.id}'`)
        spawned.add(ref)
        born.set(ref.id, ref)
        commands.push({
          type: 'spawn',
          child: ref.id,
          src: p.src as string,
          input: p.input,
          sync: Boolean((ref as { _syncSnapshot?: boolean })._syncSnapshot),
          ref,
        })
        commands.push(...(early.get(ref) ?? []))
        early.delete(ref)
        break
      }
      case 'xstate.stopChild': {
        const ref = p as ChildRef | undefined
        if (!ref) break
        if (spawned.has(ref)) {
          // Spawned and stopped in one macrostep: it never was.
          gone.add(ref)
          born.delete(ref.id)
          break
        }
        if (own(before?.children, ref.id) === (ref as unknown)) {
          commands.push({ type: 'stop', child: ref.id })
          stopped.add(ref.id)
        }
        break
      }
      case 'xstate.sendTo': {
        const event = sent(p.event as PlainEvent, request)
        const to = toTarget(p.to, request, next, before)
        const child = 'child' in to ? (p.to as ChildRef) : undefined
        const known = !child || own(before?.children, child.id) === child
        if (typeof p.delay === 'number') {
          const name = timerName(p.id, request.seq, commands.length)
          // Which life of the child is meant; a later one of the same id must not get it.
          const since = !child ? undefined : known ? child.getSnapshot().since : request.seq
          const body = JSON.stringify({ from: request.address, event, since })
          commands.push({ type: 'timer', name, delay: toDelay(p.delay, event, request), to, body, ref: p.to })
        } else {
          const command = { type: 'send' as const, to, event, ref: p.to as unknown }
          if (known || spawned.has(child)) commands.push(command)
          else early.set(child, [...(early.get(child) ?? []), command])
        }
        break
      }
      case 'xstate.raise': {
        if (typeof p.delay !== 'number') break
        const name = timerName(p.id, request.seq, commands.length)
        const event = p.event as PlainEvent
        assertJson(event, `event '${event.type}'`)
        const delay = toDelay(p.delay, event, request)
        commands.push({ type: 'timer', name, delay, to: { self: true }, body: toTimerBody(name, event, request.kind.isStateId) })
        break
      }
      case 'xstate.cancel':
        commands.push({ type: 'cancel', name: String(p.sendId) })
        break
      case 'xstate.emit':
        assertJson(p.event, `emitted '${(p.event as PlainEvent)?.type}'`)
        commands.push({ type: 'emit', event: p.event as PlainEvent })
        break
      default:
        if (action.exec) commands.push({ type: 'custom', name: action.type, params: p, run: () => action.exec!(action.info, p) })
    }
  }
  assertNoHiddenSpawn(before, next, spawned)
  return commands.filter((c) => !(c.ref !== undefined && gone.has(c.ref))).map(({ ref: _ref, ...command }) => command as Command)
}

function toDelay(delay: number, event: PlainEvent, request: StepRequest): number {
  // Written so that NaN is refused too.
  if (delay <= longestDelay && delay >= -longestDelay) return delay
  throw new FatalError(
    'bad-delay',
    `'${request.address}' delays '${event.type}' by ${delay}. A delay is a number of milliseconds of at most 100 years; leave the event out instead of waiting for ever.`,
  )
}

function assertChildId(address: string, src: string, id: unknown): void {
  // XState falls back to a session id, which is the address here, when an id function answers nothing.
  if (id === address) assertSpawn(address, src, undefined, undefined)
  if (typeof id === 'string' && !id.includes('/') && id !== '__proto__') return
  throw new FatalError(
    'bad-child-id',
    `'${address}' spawns a child with the id ${JSON.stringify(id)}. An id is a string without '/' (which separates addresses) and not '__proto__'.`,
  )
}

const timerName = (id: unknown, seq: number, index: number): string => (id === undefined ? `~${seq}.${index}` : String(id))

function sent(event: PlainEvent, request: StepRequest): PlainEvent {
  if (!event || typeof event.type !== 'string')
    throw new FatalError('bad-event', `'${request.address}' sends something that is not an event object.`)
  assertJson(event, `event '${event.type}'`)
  // escalate() sends this type; XState turns it into the child's error at the parent.
  return event.type === 'xstate.error' ? { type: 'xstate.error', error: toErrorData((event as { data?: unknown }).data) } : event
}

function toTarget(to: unknown, request: StepRequest, next: StepSnapshot, before: StepSnapshot | undefined): Target {
  if (to instanceof SelfRef) return { self: true }
  if (to instanceof ParentRef) return { parent: true }
  const id = (to as ChildRef | undefined)?.id
  if (
    id !== undefined &&
    (own(next.children, id) === to || own(before?.children, id) === to || (to as { _parent?: unknown })._parent instanceof SelfRef)
  )
    return { child: id }
  throw new FatalError(
    'foreign-reference',
    `'${request.address}' sends to an actor that is neither itself, its parent nor a child. Emit a report and route it.`,
  )
}

/** `spawn` inside `assign` or the context factory adds a child without an action that a host could see. */
function assertNoHiddenSpawn(before: StepSnapshot | undefined, next: StepSnapshot, spawned: Set<unknown>): void {
  for (const [id, ref] of Object.entries(next.children ?? {})) {
    if (ref && own(before?.children, id) !== ref && !spawned.has(ref)) {
      throw new FatalError(
        'spawn-in-assign',
        `The child '${id}' was spawned inside assign or the context. Use spawnChild('name', { id }) as an action of its own.`,
      )
    }
  }
}

// --- the scope that XState sees ------------------------------------------------------------------

type Scope = ReturnType<typeof createScope>

class ParentRef {
  readonly id: string
  readonly sessionId: string
  readonly ref = this
  readonly system: unknown
  readonly src = 'parent'
  constructor(id: string, system: unknown) {
    this.id = id
    this.sessionId = id
    this.system = system
  }
  send(): void {
    throw immediateSend(this.id)
  }
  getSnapshot(): never {
    throw new FatalError(
      'parent-snapshot',
      `A durable actor cannot read its parent's snapshot: the parent may be elsewhere in time. Pass what it needs as input or in an event.`,
    )
  }
}

class SelfRef {
  readonly id: string
  readonly sessionId: string
  readonly ref = this
  readonly system: unknown
  readonly _parent: ParentRef | undefined
  readonly src: unknown
  snapshot: unknown
  constructor(id: string, system: unknown, parent: ParentRef | undefined) {
    this.id = id
    this.sessionId = id
    this.system = system
    this._parent = parent
    this.src = id
  }
  /** The snapshot before the step. */
  getSnapshot(): unknown {
    return this.snapshot
  }
  send(): void {
    throw immediateSend(this.id)
  }
  on(): never {
    throw immediateSend(this.id)
  }
  subscribe(): never {
    throw immediateSend(this.id)
  }
}

const immediateSend = (id: string): FatalError =>
  new FatalError(
    'immediate-send',
    `'${id}' was sent to outside of the step's commands. Use raise, sendTo or sendParent: they are committed with the step.`,
  )

function createScope(request: StepRequest) {
  const actions: RawAction[] = []
  const microsteps: Microstep[] = []
  const system = stepSystem(request, microsteps)
  const parent = request.parent === null ? undefined : new ParentRef(request.parent, system)
  const self = new SelfRef(request.address, system, parent)
  return {
    actions,
    microsteps,
    self,
    id: request.address,
    sessionId: request.address,
    logger: () => {},
    defer: () => {},
    system,
    stopChild: () => {},
    emit: (event: PlainEvent) => void actions.push({ type: 'xstate.emit', params: { event } }),
    actionExecutor: (action: RawAction) => void actions.push(action),
  }
}

function stepSystem(request: StepRequest, microsteps: Microstep[]) {
  return {
    _bookId: () => request.address,
    _register: () => request.address,
    _unregister: () => {},
    _set: () => {
      throw systemIdRefused(request.address)
    },
    _sendInspectionEvent: request.inspect
      ? (event: any) => {
          if (event.type !== '@xstate.microstep') return
          microsteps.push({
            event: event.event as PlainEvent,
            value: event.snapshot.value,
            transitions: (event._transitions ?? []).map((t: any) => ({
              source: t.source.id as string,
              target: (t.target ?? []).map((node: { id: string }) => node.id),
              eventType: t.eventType as string,
              guard: typeof t.guard === 'string' ? t.guard : (t.guard?.type ?? null),
            })),
          })
        }
      : () => {},
    _relay: () => {
      throw immediateSend(request.address)
    },
    _clock: undefined,
    _logger: () => {},
    scheduler: { schedule: () => {}, cancel: () => {}, cancelAll: () => {} },
    get: () => {
      throw systemIdRefused(request.address)
    },
    getAll: () => ({}),
    inspect: () => ({ unsubscribe: () => {} }),
    getSnapshot: () => ({ _scheduledEvents: {} }),
  }
}
