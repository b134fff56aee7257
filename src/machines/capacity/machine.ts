// Who may run:
//
//   requested ─▶ waiting in order ─▶ granted ─▶ released
//
// A place is granted to the most urgent request of the project that runs least, in order of arrival.

import { createContext } from './context.ts'
import { capacitySetup } from './setup.ts'

export const capacityMachine = capacitySetup.createMachine({
  id: 'capacity',
  context: createContext,
  meta: { description: 'Who may run.' },
  initial: 'granting',
  on: {
    'capacity.requested': [{ guard: 'isWaiting' }, { actions: ['enqueueRequest', 'grant'] }],
    'capacity.urged': { actions: 'rememberPriority' },
    'capacity.withdrawn': { actions: ['forgetIssue', 'grant'] },
    'capacity.released': { actions: ['forgetIssue', 'grant'] },
    'capacity.reconciled': { actions: ['takeHolders', 'grant'] },
    'capacity.limited': { actions: ['takeLimit', 'grant'] },
    'operator.paused': { actions: 'pause' },
    'operator.resumed': { actions: ['resume', 'grant'] },
  },
  states: {
    granting: {
      meta: { description: 'Places are granted as they become free.' },
      on: { 'operator.drained': 'draining' },
    },
    draining: {
      meta: { description: 'No place is granted; what runs may end.' },
      entry: 'closeDoor',
      on: { 'operator.resumed': { target: 'granting', actions: ['openDoor', 'resume', 'grant'] } },
    },
  },
})
