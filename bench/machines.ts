// Machines that are measured beside the issue machine: the reference machine (0.5 KB snapshots) and two that start effects.

import { assign, fromPromise, setup, type AnyStateMachine } from 'xstate'

/** A machine and the events that keep it busy. */
export interface Workload {
  name: string
  machine: AnyStateMachine
  /** Of the actor `n`. */
  input: (n: number) => unknown
  /** What actor `n` gets as its event number `turn` (from 0). */
  event: (n: number, turn: number) => { type: string; [key: string]: unknown }
}

type WorkEvent =
  | { type: 'work.started' }
  | { type: 'progress.reported'; text: string; at?: number }
  | { type: 'head.pushed'; sha: string }
  | { type: 'changes.requested' }
  | { type: 'review.approved' }

interface Facts {
  title: string
  branch: string
  url: string
  head: string
  attempts: number
  progress: { at: number; text: string }
}

const text = 'The parser now keeps the offset of every token, so that a message can point at it.'

/** Eight leaf states on three levels, guards and assigns. Each of `cycle` is taken in turn, for ever. */
const reference = setup({
  types: { context: {} as Facts, events: {} as WorkEvent, input: {} as { n: number } },
  guards: { hasBudget: ({ context }) => context.attempts < 1_000_000_000, isNew: ({ context }) => context.head === '' },
  actions: {
    note: assign(({ event }) => (event.type === 'progress.reported' ? { progress: { at: event.at!, text: event.text } } : {})),
    remember: assign({ head: ({ event, context }) => (event.type === 'head.pushed' ? event.sha : context.head) }),
    spend: assign({ attempts: ({ context }) => context.attempts + 1 }),
  },
}).createMachine({
  id: 'work',
  context: ({ input }) => ({
    title: `Keep the offset of every token so that messages can point at it (${input.n})`,
    branch: `signalbox/APP-${input.n}-keep-the-offset-of-every-token`,
    url: `http://127.0.0.1:8711/#/APP-${input.n}`,
    head: '',
    attempts: 0,
    progress: { at: 0, text },
  }),
  initial: 'open',
  states: {
    open: {
      initial: 'working',
      states: {
        waiting: { on: { 'work.started': { guard: 'hasBudget', target: 'working', actions: 'spend' } } },
        working: {
          initial: 'reading',
          states: {
            reading: { on: { 'progress.reported': { target: 'writing', actions: 'note' } } },
            writing: { on: { 'progress.reported': { target: 'testing', actions: 'note' } } },
            testing: { on: { 'progress.reported': { target: 'reading', actions: 'note' } } },
          },
          on: { 'head.pushed': { target: 'review', actions: 'remember' } },
        },
        review: {
          initial: 'requested',
          states: {
            requested: { on: { 'changes.requested': [{ guard: 'isNew', target: 'answered' }, { target: '#work.open.waiting' }] } },
            answered: {},
          },
          on: { 'review.approved': '#work.landed' },
        },
      },
    },
    landed: {},
    failed: {},
  },
})

const sha = '7f3c1b9a4de0825f6170bb3e9c2d48a6f51e0c97'
const cycle = [
  { type: 'progress.reported', text },
  { type: 'progress.reported', text },
  { type: 'head.pushed', sha },
  { type: 'changes.requested' },
  { type: 'work.started' },
]

export const work = {
  name: 'reference machine',
  machine: reference,
  input: (n: number) => ({ n }),
  event: (_n: number, turn: number) => cycle[turn % cycle.length]! as WorkEvent,
} satisfies Workload

/** A machine whose every `go` starts an effect: for the time from event to effect. */
export const starter = setup({
  types: { events: {} as { type: 'go'; n: number }, context: {} as { n: number } },
  actors: { effect: fromPromise<void, { n: number }>(async () => {}) },
}).createMachine({
  id: 'starter',
  context: { n: 0 },
  initial: 'idle',
  states: {
    idle: { on: { go: { target: 'busy', actions: assign({ n: ({ event }) => event.n }) } } },
    busy: { invoke: { src: 'effect', id: 'effect', input: ({ context }) => ({ n: context.n }), onDone: 'idle' } },
  },
})

/** A machine with one effect in flight, for ever: half of them are interrupted by a restart, half of them rerun. */
export const waiter = setup({
  types: { context: {} as { rerun: boolean; interrupted: number }, input: {} as { rerun: boolean } },
  actors: { rerun: fromPromise(async () => {}), interrupt: fromPromise(async () => {}) },
}).createMachine({
  id: 'waiter',
  context: ({ input }) => ({ rerun: input.rerun, interrupted: 0 }),
  initial: 'choosing',
  states: {
    choosing: { always: [{ guard: ({ context }) => context.rerun, target: 'rerunning' }, { target: 'running' }] },
    rerunning: { invoke: { src: 'rerun', id: 'rerun', onDone: 'settled' } },
    running: { invoke: { src: 'interrupt', id: 'interrupt', onError: { target: 'settled', actions: assign({ interrupted: 1 }) } } },
    settled: {},
  },
})
