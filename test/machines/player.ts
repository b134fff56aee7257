// Plays stories on the machines as the durable system does: pure steps from persisted bytes, without a clock, an effect or a promise.
// A player is one actor and what it has asked for; its effects and children are the story's to answer.

import type { AnyStateMachine } from 'xstate'
import { mutate, type Mutation } from '../../src/actors/explore/mutate.ts'
import { defineActor, resolveKinds, type Kind } from '../../src/actors/system/index.ts'
import { step, type Command } from '../../src/actors/system/step.ts'
import { capacityMachine } from '../../src/machines/capacity/machine.ts'
import { checkMachine } from '../../src/machines/check/machine.ts'
import { describeMachine } from '../../src/machines/definition.ts'
import { entryMachine } from '../../src/machines/entry/machine.ts'
import { issueMachine } from '../../src/machines/issue/machine.ts'
import { queueMachine } from '../../src/machines/queue/machine.ts'
import { reconciliationMachine } from '../../src/machines/reconciliation/machine.ts'
import { runMachine } from '../../src/machines/run/machine.ts'

const shipped = {
  ...{ issue: issueMachine, run: runMachine, queue: queueMachine, entry: entryMachine, capacity: capacityMachine, check: checkMachine },
  reconciliation: reconciliationMachine,
}
const mutation = JSON.parse(process.env['SIGNALBOX_MUTANT'] ?? 'null') as Mutation | null
/** As shipped; when mutants are tried (model/mutants.ts), one of them has one difference. */
export const machines = mutation
  ? { ...shipped, [mutation.machine]: mutate(shipped[mutation.machine as keyof typeof shipped], mutation) }
  : shipped
export type MachineName = keyof typeof machines

export const kinds = resolveKinds(
  Object.fromEntries(Object.entries(machines).map(([name, machine]) => [name, defineActor(machine as AnyStateMachine, { version: 1 })])),
  new Set(),
)
export const definitions = Object.fromEntries(
  Object.entries(machines).map(([id, machine]) => [id, describeMachine(machine as AnyStateMachine, { id, version: '1' })]),
) as Record<MachineName, ReturnType<typeof describeMachine>>

/** When every story begins, epoch ms. */
export const dawn = 1_800_000_000_000
/** The time between two events of a story, unless they say when they are. */
export const tick = 60_000

export interface Event {
  type: string
  [key: string]: unknown
}

export interface Player<Context> {
  readonly value: unknown
  readonly context: Context
  readonly output: unknown
  readonly status: string
  readonly bytes: string
  readonly at: number
  /** What the last step asked for. */
  readonly commands: readonly Command[]
  /** Children and effects that are alive, by id, with their input. */
  readonly children: ReadonlyMap<string, { src: string; input: unknown }>
  /** Pending timers by name, with their due times. */
  readonly timers: ReadonlyMap<string, { due: number; body: object }>
  /** An event from outside. */
  send(event: Event): Player<Context>
  /** A callback effect says something. */
  says(child: string, event: Event): Player<Context>
  /** A child or an effect ends. */
  done(child: string, output?: unknown): Player<Context>
  /** As long as this after the last step (ms). */
  fail(child: string, error?: { message?: string; code?: string }, later?: number): Player<Context>
  /** Fires the pending timer of this delay. Throws when there is none. */
  fire(delay: string): Player<Context>
  /** Reports of this type that the last step emitted. */
  reports(type: string): Event[]
  /** Messages that the last step sent to a child, or to 'parent'. */
  messages(to: string): Event[]
}

export function start<Context>(machine: MachineName, input: object, at = dawn): Player<Context> {
  return take(kinds.get(machine)!, { bytes: null, seq: 0, children: new Map(), timers: new Map() }, 'init', { input }, at)
}

interface State {
  bytes: string | null
  seq: number
  children: ReadonlyMap<string, { src: string; input: unknown; since: number }>
  timers: ReadonlyMap<string, { due: number; body: object }>
}

type Entry = 'init' | 'event' | 'emitted' | 'done' | 'error' | 'timer'

function take<Context>(kind: Kind, before: State, entry: Entry, body: object, at: number): Player<Context> {
  const seq = before.seq + 1
  const parent = ({ run: 'issue/1', entry: 'queue/1' } as Record<string, string>)[kind.name] ?? null
  const result = step({ kind, address: `${kind.name}/1`, parent, bytes: before.bytes, entry, body, at, seq })
  if ('stale' in result) throw new Error(result.stale)
  const children = new Map(before.children)
  const timers = new Map(before.timers)
  if (entry === 'timer') timers.delete((body as { name: string }).name)
  for (const command of result.commands) {
    if (command.type === 'stop') children.delete(command.child)
    if (command.type === 'spawn') children.set(command.child, { src: command.src, input: command.input, since: seq })
    if (command.type === 'cancel') timers.delete(command.name)
    if (command.type === 'timer') timers.set(command.name, { due: at + command.delay, body: JSON.parse(command.body) as object })
  }
  const state: State = { bytes: result.bytes, seq, children, timers }
  const next = (of: Entry, content: object, when: number) => take<Context>(kind, state, of, content, Math.max(at, when))
  const origin = (child: string) => {
    const found = children.get(child)
    if (!found) throw new Error(`There is no child '${child}'. There are: ${[...children.keys()].join(', ') || 'none'}.`)
    return { child, since: found.since }
  }
  const { commands } = result
  // Read when it is looked at: most steps of a law are of one answer among many.
  let read: { value: unknown; context: Context; status: string; output: unknown } | undefined
  const snapshot = () => (read ??= JSON.parse(result.bytes) as NonNullable<typeof read>)
  return {
    get value() {
      return snapshot().value
    },
    get context() {
      return snapshot().context
    },
    get status() {
      return snapshot().status
    },
    get output() {
      return snapshot().output
    },
    bytes: result.bytes,
    at,
    commands,
    children,
    timers,
    send: ({ at: when, ...event }) => next('event', { event }, typeof when === 'number' ? when : at + tick),
    says: (child, { at: when, ...event }) =>
      next('emitted', { ...origin(child), n: seq, event }, typeof when === 'number' ? when : at + tick),
    done: (child, output) => next('done', { ...origin(child), output }, at + 1_000),
    fail: (child, error, later = 1_000) =>
      next('error', { ...origin(child), error: { name: 'Error', message: 'it broke', ...error } }, at + later),
    fire(delay) {
      const found = [...timers].find(([name]) => name.startsWith(`xstate.after.${delay}.`))
      if (!found) throw new Error(`There is no timer '${delay}'. There are: ${[...timers.keys()].join(', ') || 'none'}.`)
      const [name, timer] = found
      return next('timer', { ...timer.body, name }, timer.due)
    },
    reports: (type) => commands.flatMap((command) => (command.type === 'emit' && command.event.type === type ? [command.event] : [])),
    messages: (to) =>
      commands.flatMap((command) => {
        if (command.type !== 'send') return []
        const name = 'child' in command.to ? command.to.child : 'parent' in command.to ? 'parent' : 'self'
        return name === to ? [command.event] : []
      }),
  }
}
