// Owns: steps of a machine for exploration, from a situation to the next. Does not own: which events come, or which situations are one.
// Invariant: each step is the one that the durable system would take from the same bytes (step.ts).

import type { Asked, Happening, Situation, Transition } from '../../machines/model.ts'
import type { Kind } from '../system/index.ts'
import { holdsReference, openSteps, step, type Command } from '../system/step.ts'

export interface Subject {
  kind: Kind
  address: string
  parent: string | null
}

const bodyOf = (
  happening: Happening,
  state: Situation<unknown>,
): { entry: 'event' | 'emitted' | 'done' | 'error' | 'timer'; body: object } => {
  const life = (child: string) => ({ child, since: state.children[child]?.snapshot.since ?? 0 })
  if ('send' in happening) return { entry: 'event', body: { event: happening.send } }
  if ('says' in happening) return { entry: 'emitted', body: { ...life(happening.says), n: 1, event: happening.event } }
  if ('done' in happening) return { entry: 'done', body: { ...life(happening.done), output: happening.output } }
  if ('fail' in happening) {
    return { entry: 'error', body: { ...life(happening.fail), error: { name: 'Error', message: 'it broke', ...happening.error } } }
  }
  return { entry: 'timer', body: { ...state.timers[happening.timer], name: happening.timer } }
}

/** The timers after a step: none of a name is pending twice. */
function timersAfter(
  before: Situation<unknown>['timers'],
  fired: string | null,
  commands: readonly Command[],
): Situation<unknown>['timers'] {
  if (fired === null && !commands.some(({ type }) => type === 'timer' || type === 'cancel')) return before
  const timers = { ...before } as Record<string, object>
  if (fired !== null) delete timers[fired]
  for (const command of commands) {
    if (command.type === 'cancel') delete timers[command.name]
    if (command.type === 'timer') timers[command.name] = JSON.parse(command.body) as object
  }
  return timers
}

const noChildren = {}

function situationOf<C>(persisted: object, timers: Situation<C>['timers']): Situation<C> {
  const { status, value, context, children = noChildren } = persisted as Situation<C>
  return { status, value, context, children, timers }
}

/** The first situation of an actor. Throws StepError. */
export function begin<C>({ kind, address, parent }: Subject, input: object, at: number): { state: Situation<C>; commands: Asked[] } {
  const result = step({ kind, address, parent, bytes: null, entry: 'init', body: { input }, at, seq: 1 })
  if ('stale' in result) throw new Error(result.stale)
  const state = situationOf<C>(JSON.parse(result.bytes) as object, timersAfter({}, null, result.commands))
  return { state, commands: result.commands as Asked[] }
}

/** A situation as it is read from its bytes. */
export interface Read<C> {
  state: Situation<C>
  hasReference: boolean
}

export const read = <C>(bytes: string): Read<C> => ({ state: JSON.parse(bytes) as Situation<C>, hasReference: holdsReference(bytes) })

/** Whether it is read from its bytes as it is: nothing is left out of them, and nothing is a reference. */
function isAsWritten(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value !== undefined
  for (const key in value) if (key === 'xstate$$type' || !isAsWritten((value as Record<string, unknown>)[key])) return false
  return true
}

/** The same, of a step's end: what the step kept has been read before. */
function readAgain<C>({ state: before, hasReference }: Read<C>, after: Situation<C>): Read<C> {
  const known = before.context as Record<string, unknown>
  const context = after.context as Record<string, unknown>
  let isSame = !hasReference
  for (const key in context) isSame &&= context[key] === known[key] || isAsWritten(context[key])
  return isSame ? { state: after, hasReference: false } : read(JSON.stringify(after))
}

/** Opens a situation: each call of the answer is a step of its own from it. Throws StepError when the machine cannot take one. */
export const open = <C>(subject: Subject, state: Situation<C>, seq = 2): ((happening: Happening) => Transition<C>) =>
  openRead(subject, read<C>(JSON.stringify(state)), seq)

/** The same of what has been read already. */
export function openRead<C>(subject: Subject, opened: Read<C>, seq = 2): (happening: Happening) => Transition<C> {
  const { state, hasReference } = opened
  const { timers, ...snapshot } = state
  const take = openSteps({ ...subject, persisted: { ...snapshot, historyValue: {} }, hasReference, seq })
  const from = (happening: Happening): Transition<C> => {
    const { entry, body } = bodyOf(happening, state)
    const { persisted, commands, changed } = take(entry, body, happening.at)
    const fired = 'timer' in happening ? happening.timer : null
    const after =
      changed || entry === 'done' || entry === 'error' || fired !== null || commands.length > 0
        ? situationOf<C>(persisted, timersAfter(timers, fired, commands))
        : state
    let further: ((next: Happening) => Transition<C>) | undefined
    return {
      before: state,
      happening,
      after,
      commands: commands as Asked[],
      isLoop: after === state,
      then: (next) => (further ??= openRead(subject, readAgain(opened, after), seq + 1))(next),
      instead: from,
    }
  }
  return from
}
