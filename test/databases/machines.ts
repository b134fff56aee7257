// The machines whose actors the databases here hold: a later build must carry them on, so nothing here ever changes but by a new version.

import { assign, fromPromise, sendParent, setup } from 'xstate'
import { defineActor } from '../../src/actors/system/index.ts'

export const day = 86_400_000

const stamp = setup({ types: { context: {} as { inked: number } } }).createMachine({
  id: 'stamp',
  context: { inked: 0 },
  initial: 'dry',
  states: {
    dry: { after: { 1000: { target: 'wet', actions: [assign({ inked: 1 }), sendParent({ type: 'stamp.inked' })] } } },
    wet: { type: 'final' },
  },
  output: ({ context }) => context.inked,
})

const parcel = setup({
  types: {
    input: {} as { to: string },
    context: {} as { to: string; seen: string[]; weight: number | null },
    events: {} as
      | { type: 'parcel.moved'; place: string }
      | { type: 'parcel.held' }
      | { type: 'parcel.released' }
      | { type: 'parcel.weighed' }
      | { type: 'parcel.broken' }
      | { type: 'stamp.inked' },
  },
  actors: { stamp, weigh: fromPromise<number>(() => new Promise(() => {})), deliver: fromPromise<string>(() => new Promise(() => {})) },
  actions: {
    see: assign({ seen: ({ context }, place: string) => [...context.seen, place] }),
    fail: assign(() => {
      throw new Error('glass')
    }),
  },
}).createMachine({
  id: 'parcel',
  context: ({ input }) => ({ to: input.to, seen: [], weight: null }),
  type: 'parallel',
  states: {
    way: {
      initial: 'moving',
      states: {
        moving: {
          initial: 'loading',
          states: {
            loading: {},
            rolling: { after: { [day]: 'loading' } },
            last: { type: 'history' },
          },
          on: { 'parcel.held': 'held' },
        },
        held: { on: { 'parcel.released': 'moving.last' } },
      },
      on: {
        'parcel.moved': { target: '.moving.rolling', actions: { type: 'see', params: ({ event }) => event.place } },
        'parcel.broken': { actions: 'fail' },
      },
    },
    desk: {
      initial: 'stamping',
      states: {
        stamping: { invoke: { src: 'stamp', id: 'stamp', onDone: 'weighing' }, on: { 'parcel.weighed': 'weighing' } },
        weighing: {
          invoke: [
            {
              src: 'weigh',
              id: 'weigh',
              onDone: { actions: assign({ weight: ({ event }) => event.output }) },
              onError: { actions: { type: 'see', params: ({ event }) => (event.error as { code: string }).code } },
            },
            { src: 'deliver', id: 'deliver', onDone: { target: 'open', actions: { type: 'see', params: ({ event }) => event.output } } },
          ],
        },
        open: {},
      },
      on: { 'stamp.inked': { actions: { type: 'see', params: 'stamp' } } },
    },
  },
})

export const actors = { parcel: defineActor(parcel, { version: 1 }) }
