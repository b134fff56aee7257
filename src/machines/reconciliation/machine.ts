// Asks tracker and forge how things really are, and tells each issue:
//
//   resting ─▶ asking ─▶ resting
//
// Webhooks and reports may be lost; what is asked for is not. The pace falls off while nothing is new and picks up when something is
// awaited. What an issue is told it takes as any other fact.

import { createContext } from './context.ts'
import { askInput, reconciliationSetup } from './setup.ts'

export const reconciliationMachine = reconciliationSetup.createMachine({
  id: 'reconciliation',
  context: createContext,
  meta: { description: 'Asks tracker and forge how things really are.' },
  initial: 'resting',
  on: { 'facts.wanted': { actions: 'rememberWanted' }, 'pace.changed': { actions: 'takePace' } },
  states: {
    resting: {
      meta: { description: 'Nothing is asked for until the pause is over, or somebody wants to know.' },
      after: { pause: 'asking' },
      on: {
        'facts.wanted': { target: 'asking', actions: 'rememberWanted' },
        'pace.changed': { target: 'resting', reenter: true, actions: 'takePace' },
      },
    },
    asking: {
      meta: { description: 'Tracker and forge are asked about the issues whose turn it is.' },
      entry: 'takeTurn',
      invoke: {
        id: 'ask',
        src: 'askForFacts',
        input: askInput,
        onDone: [
          { guard: 'isMoreWanted', target: 'asking', reenter: true },
          { guard: 'hasNews', target: 'resting', actions: 'hurry' },
          { target: 'resting', actions: 'slowDown' },
        ],
        onError: { target: 'resting', actions: 'slowDown' },
      },
    },
  },
})
