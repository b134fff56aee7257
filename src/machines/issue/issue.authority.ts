// The region that says whether we may act.

import { issueSetup } from './setup.ts'

export const authority = issueSetup.createStateConfig({
  meta: { description: 'Whether we may act.' },
  initial: 'acting',
  always: [
    { guard: 'isWithdrawalWanted', actions: 'withdrawPublication' },
    { guard: 'isLateWelcome', actions: 'takeLatePublication' },
    { guard: 'isRestorationWanted', actions: 'restorePublication' },
  ],
  states: {
    acting: {
      meta: { description: 'Delegated to us, and not stopped.' },
      entry: 'tellAuthority',
      always: [
        { guard: 'isStopped', target: 'stopped' },
        { guard: 'isObserving', target: 'observing' },
      ],
    },
    observing: {
      meta: { description: 'Not delegated: facts are taken in, nothing is written.', waitsFor: 'delegation' },
      entry: 'tellAuthority',
      always: [
        { guard: 'isStopped', target: 'stopped' },
        { guard: 'isActing', target: 'acting' },
      ],
    },
    stopped: {
      meta: { description: 'Stopped; only a retry, a prompt or a new delegation leaves it.', waitsFor: 'restart' },
      entry: 'tellAuthority',
      always: [
        { guard: 'isActing', target: 'acting' },
        { guard: 'isObserving', target: 'observing' },
      ],
    },
  },
})
