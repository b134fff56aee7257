// Who may run: a place is granted to the most urgent request of the project that runs least, in order of arrival.

import { capacitySetup, createContext } from './setup.ts'

export const capacityMachine = capacitySetup.createMachine({
  id: 'capacity',
  context: createContext,
  initial: 'granting',
  on: {
    'capacity.requested': { actions: ['enqueueRequest', 'grant'] },
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
      on: { 'operator.drained': { target: 'draining' } },
    },
    draining: {
      meta: { description: 'No place is granted; what runs may end.' },
      entry: 'closeDoor',
      exit: 'openDoor',
      on: { 'operator.resumed': { target: 'granting', actions: ['resume', 'openDoor', 'grant'] } },
    },
  },
})
