// The actor scope that XState sees during a step: it collects what is asked for, and does nothing.
// This and effect-run.ts are what leans on XState's actor system, which its types keep internal.

import { FatalError } from '../../errors.ts'
import { systemIdRefused } from './definition.ts'
import type { PlainEvent } from './journal.ts'

interface Scoped {
  address: string
  parent: string | null
  inspect?: boolean
}

export interface RawAction {
  type: string
  info?: unknown
  params?: any
  exec?: (info: unknown, params: unknown) => void
}

export interface Microstep {
  event: PlainEvent
  value: unknown
  transitions: { source: string; target: string[]; eventType: string; guard: string | null }[]
}

export type Scope = ReturnType<typeof createScope>

export class ParentRef {
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

export class SelfRef {
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

export function createScope(request: Scoped) {
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

function stepSystem(request: Scoped, microsteps: Microstep[]) {
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
