// Plays a machine event by event, the way the runtime does: every step starts from parsed bytes and answers bytes and commands.

import type { AnyStateMachine } from 'xstate'
import { defineActor } from '../../src/actors/system/definition.ts'
import { resolveKinds, type Kind } from '../../src/actors/system/index.ts'
import { step, type Command, type StepResult } from '../../src/actors/system/step.ts'
import type { EntryKind } from '../../src/persistence/store.ts'

export interface Event {
  type: string
  at?: number
  [key: string]: unknown
}

/** Something that comes from a child or a timer instead of from outside. */
interface Entry {
  entry: EntryKind
  body: (story: Story) => object
  at?: (story: Story) => number
}
export type Step = Event | Entry | ((story: Story) => Step | readonly Step[])

/** The effect `id` answered. */
export const done = (id: string, output?: unknown): Entry => ({
  entry: 'done',
  body: (story) => ({ child: id, since: story.sinceOf(id), output: output ?? null }),
})
/** The effect `id` failed for good. */
export const failed = (id: string, error: { code?: string; message?: string } = {}): Entry => ({
  entry: 'error',
  body: (story) => ({ child: id, since: story.sinceOf(id), error: { name: 'Error', message: 'it failed', ...error } }),
})
/** The callback effect `id` said something. */
export const said = (id: string, event: Event): Entry => ({
  entry: 'emitted',
  body: (story) => ({ child: id, since: story.sinceOf(id), n: story.seq, event }),
})
/** The delay of this name has passed. Throws when no such timer is pending. */
export const elapsed = (delay: string): Entry => ({
  entry: 'timer',
  body: (story) => JSON.parse(story.timer(delay).body) as object,
  at: (story) => story.timer(delay).due,
})

export interface Timer {
  name: string
  due: number
  body: string
}

/** A machine after some events. Immutable: `then` gives the next one, so that stories branch. */
export class Story {
  readonly kind: Kind
  readonly address: string
  readonly bytes: string
  readonly seq: number
  readonly at: number
  readonly timers: readonly Timer[]
  /** What the last event made the machine ask for. */
  readonly commands: readonly Command[]
  /** What all of them did. */
  readonly history: readonly Command[]

  constructor(state: Pick<Story, 'kind' | 'address' | 'bytes' | 'seq' | 'at' | 'timers' | 'commands' | 'history'>) {
    this.kind = state.kind
    this.address = state.address
    this.bytes = state.bytes
    this.seq = state.seq
    this.at = state.at
    this.timers = state.timers
    this.commands = state.commands
    this.history = state.history
  }

  get snapshot(): { value: any; context: any; status: string; output?: any; children: Record<string, { snapshot: { since: number } }> } {
    return JSON.parse(this.bytes)
  }
  get value(): any {
    return this.snapshot.value
  }
  get context(): any {
    return this.snapshot.context
  }
  sinceOf(id: string): number {
    const child = this.snapshot.children[id]
    if (!child) throw new Error(`There is no child '${id}': ${Object.keys(this.snapshot.children).join(', ') || 'there is none'}`)
    return child.snapshot.since
  }
  get children(): string[] {
    return Object.keys(this.snapshot.children)
  }
  timer(delay: string): Timer {
    const found = this.timers.find(({ name }) => name.startsWith(`xstate.after.${delay}.`))
    if (!found) throw new Error(`No timer '${delay}' is pending: ${this.timers.map(({ name }) => name).join(', ') || 'there is none'}`)
    return found
  }
  /** Reports of this type in the last step, in order. */
  told(type: string): Event[] {
    return emitted(this.commands, type)
  }
  /** Reports of this type in the whole story. */
  everTold(type: string): Event[] {
    return emitted(this.history, type)
  }
  /** Ids of children spawned in the whole story. */
  get spawned(): string[] {
    return this.history.flatMap((command) => (command.type === 'spawn' ? [command.child] : []))
  }
  inputOf(id: string): any {
    const spawn = this.history.findLast((command) => command.type === 'spawn' && command.child === id)
    return (spawn as { input?: unknown } | undefined)?.input
  }
  /** Events sent to the child or the parent in the last step. */
  sent(to: string): Event[] {
    return this.commands.flatMap((command) => {
      if (command.type !== 'send') return []
      const target = 'parent' in command.to ? 'parent' : 'child' in command.to ? command.to.child : 'self'
      return target === to ? [command.event as Event] : []
    })
  }

  then(...steps: readonly Step[]): Story {
    return steps.reduce<Story>((story, next) => story.#take(next), this)
  }

  #take(next: Step): Story {
    if (typeof next === 'function') {
      const steps = next(this)
      return this.then(...(Array.isArray(steps) ? (steps as Step[]) : [steps as Step]))
    }
    if ('entry' in next) return this.#step(next.entry as EntryKind, (next as Entry).body(this), (next as Entry).at?.(this) ?? this.at + 1)
    const { at, ...event } = next
    return this.#step('event', { event }, at ?? this.at + 1)
  }

  #step(entry: EntryKind, body: object, time: number): Story {
    const at = Math.max(this.at, time)
    const seq = this.seq + 1
    const result = step({ kind: this.kind, address: this.address, parent: parentOf(this.address), bytes: this.bytes, entry, body, at, seq })
    if ('stale' in result) return this
    const fired = entry === 'timer' ? (body as { name: string }).name : undefined
    return new Story(
      after(
        this,
        result,
        at,
        seq,
        this.timers.filter(({ name }) => name !== fired),
      ),
    )
  }
}

const emitted = (commands: readonly Command[], type: string): Event[] =>
  commands.flatMap((command) => (command.type === 'emit' && command.event.type === type ? [command.event as Event] : []))

const parentOf = (address: string): string | null => (address.split('/').length > 2 ? address.slice(0, address.lastIndexOf('/')) : null)

function after(
  from: Pick<Story, 'kind' | 'address' | 'history'>,
  result: StepResult,
  at: number,
  seq: number,
  pending: readonly Timer[],
): ConstructorParameters<typeof Story>[0] {
  let timers = [...pending]
  for (const command of result.commands) {
    if (command.type === 'cancel') timers = timers.filter(({ name }) => name !== command.name)
    if (command.type === 'timer') {
      timers = [...timers.filter(({ name }) => name !== command.name), { name: command.name, due: at + command.delay, body: command.body }]
    }
  }
  const { kind, address } = from
  return { kind, address, bytes: result.bytes, seq, at, timers, commands: result.commands, history: [...from.history, ...result.commands] }
}

const kinds = new Map<AnyStateMachine, Kind>()

/** The machine in its first state; `address` with more than two parts has a parent. */
export function begin(machine: AnyStateMachine, address: string, input: unknown, at = 1_000): Story {
  let kind = kinds.get(machine)
  if (!kind) {
    kind = resolveKinds({ machine: defineActor(machine, { version: 1 }) }, new Set()).get('machine')!
    kinds.set(machine, kind)
  }
  const seq = 1
  const result = step({ kind, address, parent: parentOf(address), bytes: null, entry: 'init', body: { input }, at, seq })
  if ('stale' in result) throw new Error('a first step cannot be stale')
  return new Story(after({ kind, address, history: [] }, result, at, seq, []))
}
