// The machines that are measured: the reference machine (0.5 KB snapshots) and a stand-in for the issue machine (about 2 KB).

import { assign, fromPromise, setup } from 'xstate'

interface Facts {
  title: string
  head: string
  attempts: number
  at: number
  notes: { at: number; text: string }[]
}

type WorkEvent =
  | { type: 'work.started' }
  | { type: 'progress.reported'; text: string; at?: number }
  | { type: 'head.pushed'; sha: string }
  | { type: 'changes.requested' }
  | { type: 'review.approved' }

const text = 'The parser now keeps the offset of every token, so that a message can point at it.'

/** Eight leaf states on three levels, guards and assigns. Each of `cycle` is taken in turn, for ever. `notes` makes its snapshot larger. */
function workMachine(notes: number) {
  return setup({
    types: { context: {} as Facts, events: {} as WorkEvent, input: {} as { title: string } },
    guards: { hasBudget: ({ context }) => context.attempts < 1_000_000_000, isNew: ({ context }) => context.head === '' },
    actions: {
      note: assign(({ context, event }) => {
        if (event.type !== 'progress.reported') return {}
        const kept = notes === 0 ? [] : [...context.notes, { at: event.at!, text: event.text }].slice(-notes)
        return { at: event.at!, notes: kept }
      }),
      remember: assign({ head: ({ event, context }) => (event.type === 'head.pushed' ? event.sha : context.head) }),
      spend: assign({ attempts: ({ context }) => context.attempts + 1 }),
    },
  }).createMachine({
    id: 'work',
    context: ({ input }) => ({
      title: input.title,
      head: '',
      attempts: 0,
      at: 0,
      notes: Array.from({ length: notes }, (_, n) => ({ at: n, text })),
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
}

export const reference = workMachine(0)
export const standIn = workMachine(14)

const sha = '7f3c1b9a4de0825f6170bb3e9c2d48a6f51e0c97'
export const cycle = [
  { type: 'progress.reported', text },
  { type: 'progress.reported', text },
  { type: 'head.pushed', sha },
  { type: 'changes.requested' },
  { type: 'work.started' },
] as const

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
