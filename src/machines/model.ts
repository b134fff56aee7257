// What a machine's model for exploration is made of: which events can come in a state, which states are one, and what has to hold.
// The models are pure data about the shipped machines; src/actors/explore.ts walks through them.

export interface Told {
  type: string
  [key: string]: unknown
}

/**
 * Something that can happen in a state. `cause`: a fact of the world, the word of a person, or something inside (an effect's answer, a
 * timer, another actor of ours). Labels are unique in one state, and the same in a state and its representative.
 */
export type Happening = { label: string; cause: 'fact' | 'word' | 'inside'; at: number } & (
  | { send: Told }
  | { says: string; event: Told }
  | { done: string; output: unknown }
  | { fail: string; error: { name?: string; message?: string; code?: string } }
  | { timer: string }
)

/** A persisted snapshot and the timers that are pending, by name. */
export interface Situation<C> {
  status: string
  value: unknown
  context: C
  children: Readonly<Record<string, { src: string; snapshot: { status: string; since: number } }>>
  timers: Readonly<Record<string, object>>
}

/** What a step asked for. */
export type Asked =
  | { type: 'spawn'; child: string; src: string; input: unknown }
  | { type: 'stop'; child: string }
  | { type: 'send'; to: object; event: Told }
  | { type: 'timer'; name: string; delay: number }
  | { type: 'cancel'; name: string }
  | { type: 'emit'; event: Told }
  | { type: 'custom'; name: string }

/** One step: `after` has real names and times, as the step gave it. */
export interface Transition<C> {
  before: Situation<C>
  happening: Happening
  after: Situation<C>
  commands: readonly Asked[]
  /** Whether the step led back to where it began. */
  isLoop: boolean
  /** Another step from here, or from `before`. */
  then: (next: Happening) => Transition<C>
  instead: (other: Happening) => Transition<C>
}

export type PropertyId = 'P1' | 'P2' | 'P3' | 'P4' | 'P5' | 'P6' | 'P7' | 'P8' | 'P9' | 'P10' | 'P11' | 'P12'

/** What has to hold; a check answers what is wrong, or nothing. */
export interface Property<C> {
  id: PropertyId
  /** One sentence, as it is proved here. */
  statement: string
  /** Of each state. `from` is a step that has not been taken yet: `from(happening)`. */
  state?: (state: Situation<C>, from: (happening: Happening) => Transition<C>) => string | undefined
  /** Of each step. */
  step?: (transition: Transition<C>) => string | undefined
  /** Of each way into a state by one event: for what costs further steps. */
  arrival?: (transition: Transition<C>) => string | undefined
  /** No cycle of steps that are `free` has one that is `costly`. */
  cycle?: { free: (transition: Transition<C>) => boolean; costly: (transition: Transition<C>) => boolean }
}

/** A part of what can happen, explored on its own. */
export interface World<C> {
  name: string
  input: object
  events: (state: Situation<C>) => Happening[]
  /** What no event of this world asks for, forgotten too. */
  forget?: (context: C) => C
}

export interface Model<C> {
  /** The machine's name in the definitions of this build. */
  machine: string
  /** The parent's address, for a machine that is a child. */
  parent: string | null
  worlds: readonly World<C>[]
  /** The one that stands for all situations that behave as this one does. */
  representative: (situation: Situation<C>) => Situation<C>
  properties: readonly Property<C>[]
}

/** The member of a union of events that an event of type `T` is. */
export type EventOf<E, T> = E extends { type: infer U } ? (T extends U ? E : never) : never

/** When every exploration begins, epoch ms. */
export const dawn = 1_000_000_000
/** Between two events, when nothing is waited for. */
export const tick = 1_000

/** The ids of children that are alive. */
export const alive = (state: Situation<unknown>): string[] =>
  Object.keys(state.children).filter((id) => state.children[id]!.snapshot.status === 'active')

/** What of a pending timer's name is the delay. */
export const isTimer = (name: string, delay: string): boolean => name.startsWith(`xstate.after.${delay}.`)

export const spawns = (commands: readonly Asked[]): Extract<Asked, { type: 'spawn' }>[] =>
  commands.filter((command) => command.type === 'spawn')
export const emits = (commands: readonly Asked[], type: string): Told[] =>
  commands.flatMap((command) => (command.type === 'emit' && command.event.type === type ? [command.event] : []))

/** Every pending timer may be the next thing that happens. */
export const timersOf = (state: Situation<unknown>, at: number): Happening[] =>
  Object.keys(state.timers).map((name) => ({ label: `timer ${name.split('.')[2] ?? name}`, cause: 'inside', at, timer: name }))
