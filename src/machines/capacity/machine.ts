// Who may run:
//
//   requested ─▶ waiting in order ─▶ granted ─▶ released
//
// A place is granted to the most urgent request of the project that runs least, in order of arrival, as long as the day's money lasts
// and an agent that may do the work has room.

import { createContext } from './context.ts'
import { capacitySetup } from './setup.ts'

export const capacityMachine = capacitySetup.createMachine({
  id: 'capacity',
  context: createContext,
  meta: { description: 'Who may run.' },
  type: 'parallel',
  on: {
    'capacity.requested': [{ guard: 'isWaiting' }, { actions: ['enqueueRequest', 'grant'] }],
    'capacity.urged': { actions: 'rememberPriority' },
    'capacity.withdrawn': { actions: ['forgetIssue', 'grant'] },
    'capacity.released': { actions: ['forgetIssue', 'grant'] },
    'capacity.reconciled': { actions: ['takeHolders', 'grant'] },
    'capacity.limited': { actions: ['takeLimit', 'grant'] },
    'capacity.spent': { actions: 'takeSpending' },
    'operator.budgetLifted': { actions: ['liftBudget', 'grant'] },
    'operator.paused': { actions: 'pause' },
    'operator.resumed': { actions: ['resume', 'grant'] },
  },
  states: {
    door: {
      meta: { description: 'Whether places are granted at all.' },
      initial: 'granting',
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
    },
    money: {
      meta: { description: 'Whether the budgets of the day last.' },
      initial: 'lasting',
      states: {
        lasting: {
          meta: { description: 'No budget of the day holds anything back.' },
          always: { guard: 'isDaySpent', target: 'spent' },
        },
        spent: {
          meta: { description: 'What a budget of the day is used up for gets no place before midnight, in UTC.' },
          after: { midnight: { target: 'lasting', actions: ['beginDay', 'grant'] } },
          always: { guard: 'isDayOpen', target: 'lasting', actions: 'grant' },
        },
      },
    },
    agents: {
      meta: { description: 'Whether the providers of all agents have room.' },
      initial: 'roomy',
      states: {
        roomy: {
          meta: { description: 'Every agent may be given work.' },
          on: { 'agent.exhausted': { actions: 'takeShortage' } },
          always: { guard: 'isAgentShort', target: 'short' },
        },
        short: {
          meta: { description: 'What only agents without room may do waits until the first of them has some.' },
          after: { room: { target: 'roomy', actions: ['endShortages', 'grant'] } },
          // Entered anew: its clock is that of the first agent to have room again.
          on: {
            'agent.exhausted': { target: 'short', reenter: true, actions: 'takeShortage' },
            'agent.restored': { target: 'short', reenter: true, actions: ['endShortage', 'grant'] },
          },
          always: { guard: 'hasEveryAgentRoom', target: 'roomy' },
        },
      },
    },
  },
})
