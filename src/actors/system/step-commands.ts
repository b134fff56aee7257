// What XState's actions of one step ask for, as data; what a durable actor cannot have is refused here.

import { FatalError, toErrorData } from '../../errors.ts'
import { longestDelay } from './clock.ts'
import { assertSpawn, type Kind } from './definition.ts'
import { toTimerBody, type PlainEvent } from './journal.ts'
import { assertJson } from './json.ts'
import { ParentRef, SelfRef, type RawAction } from './step-scope.ts'

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

export interface StepSnapshot {
  status: string
  value?: unknown
  context?: unknown
  output?: unknown
  error?: unknown
  children?: Record<string, ChildRef>
}

export interface ChildRef {
  id: string
  src: unknown
  getSnapshot(): { status: string; since?: number }
}

/** Who asks, and at which journal entry. */
interface Asked {
  kind: Kind
  address: string
  seq: number
}

/** A child by id; ids such as 'constructor' are legal. */
export const own = <T>(children: Record<string, T> | undefined, id: string): T | undefined =>
  children && Object.hasOwn(children, id) ? children[id] : undefined

export const hasSource = (kind: Kind, src: string): boolean =>
  Object.hasOwn((kind.logic as { implementations?: { actors: object } }).implementations?.actors ?? {}, src)

/** The commands of the actions that led from `before` to `next`, in order. Throws FatalError for what is refused. */
export function toCommands(actions: RawAction[], before: StepSnapshot | undefined, next: StepSnapshot, request: Asked): Command[] {
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

function toDelay(delay: number, event: PlainEvent, request: Asked): number {
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

function sent(event: PlainEvent, request: Asked): PlainEvent {
  if (!event || typeof event.type !== 'string')
    throw new FatalError('bad-event', `'${request.address}' sends something that is not an event object.`)
  assertJson(event, `event '${event.type}'`)
  // escalate() sends this type; XState turns it into the child's error at the parent.
  return event.type === 'xstate.error' ? { type: 'xstate.error', error: toErrorData((event as { data?: unknown }).data) } : event
}

function toTarget(to: unknown, request: Asked, next: StepSnapshot, before: StepSnapshot | undefined): Target {
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
