// Owns: one pure step of one actor, from bytes to bytes and commands. Does not own: rows, order, or anything that happens in the world.
// Invariants: the step starts from a fresh parse; the same bytes, event and seq give the same bytes and commands; nothing is executed.

import type { AnyActorLogic } from 'xstate'
import { FatalError, toErrorData, type ErrorData } from '../../errors.ts'
import type { EntryKind } from '../../persistence/store.ts'
import type { Kind } from './definition.ts'
import { assertJson } from './json.ts'
import { originOf, toMachineEvent } from './journal.ts'
import { hasSource, own, toCommands, type Command, type StepSnapshot } from './step-commands.ts'
import { createScope, type Microstep, type Scope } from './step-scope.ts'

export type { Command, Target } from './step-commands.ts'

export interface StepRequest {
  kind: Kind
  address: string
  /** The parent's address; null for a root. */
  parent: string | null
  /** Its snapshot as committed; null before its first step. */
  bytes: string | null
  entry: EntryKind
  body: object
  at: number
  seq: number
  /** Collect microsteps for inspection; costs time. */
  inspect?: boolean
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
      before = restore(kind, persisted, scope, holdsReference(request.bytes!))
      scope.self.snapshot = before
      next = logic.transition(before, toMachineEvent(entry, body, request.at) as never, scope as never) as StepSnapshot
    }
  } catch (error) {
    throw new StepError(error)
  }
  if (next.status === 'error') throw new StepError(next.error)
  try {
    const commands = toCommands(actions, before, next, request)
    if (next === before && !endedBy(entry, body)) {
      return result(persisted!, request.bytes!, commands, scope.microsteps, false)
    }
    const after = committed(request, before, next, request.bytes !== null && holdsReference(request.bytes))
    return result(after, JSON.stringify(after), commands, scope.microsteps, next !== before)
  } catch (error) {
    throw new StepError(error)
  }
}

/** What one event makes of an opened snapshot. `persisted` shares with the snapshot what the event did not change: not to be written to. */
export interface Branch {
  persisted: Record<string, unknown>
  commands: Command[]
  changed: boolean
}

/** Whose snapshot is opened; `persisted` is what its bytes say, and is not written to. */
export interface Opened extends Pick<StepRequest, 'kind' | 'address' | 'parent' | 'seq'> {
  persisted: object
  /** Whether they hold a reference to a child. */
  hasReference: boolean
}

/**
 * One committed snapshot, for trying many events on it: each branch is what `step` gives from the same bytes, without parsing them
 * again. For exploration only: a durable actor is stepped from its bytes (law 4). The branches throw StepError as `step` does.
 */
export function openSteps(request: Opened) {
  const { kind } = request
  const logic = kind.logic as AnyActorLogic
  const persisted = request.persisted as Persisted
  const { hasReference } = request
  const before = restore(kind, persisted, createScope(request), hasReference)
  return (entry: Exclude<EntryKind, 'init'>, body: object, at: number): Branch => {
    const scope = createScope(request)
    scope.self.snapshot = before
    try {
      const next = logic.transition(before, toMachineEvent(entry, body, at) as never, scope as never) as StepSnapshot
      if (next.status === 'error') throw next.error
      const commands = toCommands(scope.actions, before, next, request)
      const ended = endedBy(entry, body)
      if (next === before && !ended) return { persisted: persisted as object as Branch['persisted'], commands, changed: false }
      const after = committed({ kind, entry, body, seq: request.seq }, before, next, hasReference)
      return { persisted: after as object as Branch['persisted'], commands, changed: next !== before }
    } catch (error) {
      throw new StepError(error)
    }
  }
}

/** A snapshot restored from its bytes without stepping, for reading; throws when this build's machine cannot hold it. */
export function restoreSnapshot(kind: Kind, address: string, bytes: string): StepSnapshot {
  const scope = createScope({ address, parent: null })
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
  const snapshot = restore(kind, persisted, scope, holdsReference(bytes))
  if (snapshot.status === 'error') throw snapshot.error
  return snapshot
}

/** The life of a child that ends with this entry. */
function endedBy(entry: EntryKind, body: object): { child: string; since: number } | undefined {
  const { escalated } = body as { escalated?: boolean }
  return (entry === 'done' || entry === 'error') && !escalated ? originOf(entry, body) : undefined
}

/** What is committed of `next`: JSON that a restart begins with. */
function committed(
  { kind, entry, body, seq }: Pick<StepRequest, 'kind' | 'entry' | 'body' | 'seq'>,
  before: StepSnapshot | undefined,
  next: StepSnapshot,
  hasReference: boolean,
): Persisted {
  const after = persist(kind, before, next, hasReference)
  for (const child of Object.values(after.children ?? {})) {
    if (child.snapshot.since === undefined) child.snapshot = { ...child.snapshot, since: seq }
  }
  const ended = endedBy(entry, body)
  const endedChild = ended && own(after.children, ended.child)
  if (endedChild && endedChild.snapshot.since === ended.since)
    endedChild.snapshot = { ...endedChild.snapshot, status: entry === 'done' ? 'done' : 'error' }
  assertContext(after, before, next)
  return after
}

function persist({ logic, original }: Kind, before: StepSnapshot | undefined, next: StepSnapshot, hasReference: boolean): Persisted {
  const persisted = (snapshot: StepSnapshot): Persisted => logic.getPersistedSnapshot(snapshot as never) as Persisted
  try {
    if (!original || !isRecord(before?.context) || !isRecord(next.context) || hasReference) return persisted(next)
    // Only what the step changed can hold a reference to a child.
    const changed = Object.create(null) as Record<string, unknown>
    for (const key in next.context) if (next.context[key] !== before.context[key]) changed[key] = next.context[key]
    const after = persisted({ ...next, context: changed })
    after.context = after.context === changed ? next.context : { ...next.context, ...(after.context as object) }
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
export const holdsReference = (bytes: string): boolean => bytes.includes('xstate$$type')

function restore({ logic, original }: Kind, persisted: Persisted, scope: Scope, hasReference: boolean): StepSnapshot {
  if (!logic.restoreSnapshot) return persisted as StepSnapshot
  if (!original || hasReference) return logic.restoreSnapshot(persisted as never, scope as never) as StepSnapshot
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
