// The landing queue of one project's embedded forge: a line of entries, each an actor of its own (../entry), tested on top of
// each other and landed in order.
//
//   requested ─▶ a place in the line ─▶ its candidate stands on the one before ─▶ first ─▶ lands
//
// The line is arranged anew (line.ts) after whatever happens; an entry that keeps its place keeps its validation.

import { createContext } from './context.ts'
import { queueSetup } from './setup.ts'

export const queueMachine = queueSetup.createMachine({
  id: 'queue',
  context: createContext,
  meta: { description: 'The landing queue of one project.' },
  initial: 'idle',
  on: {
    'landing.requested': [{ guard: 'isKnown', actions: 'keepTime' }, { actions: ['enqueue', 'arrange'] }],
    'landing.urged': { actions: ['rememberPriority', 'arrange'] },
    'landing.withdrawn': { actions: ['dequeue', 'arrange'] },
    'queue.configured': { actions: ['takeConfiguration', 'arrange'] },
    'entry.built': { guard: 'isCurrent', actions: ['rememberCommit', 'arrange'] },
    'entry.passedOver': { guard: 'isCurrent', actions: ['passOver', 'arrange'] },
    'entry.baseMoved': { guard: 'isCurrent', actions: ['takeBaseMove', 'arrange'] },
    'xstate.done.actor.*': { actions: ['dropEntry', 'forgetEntry', 'arrange'] },
    'xstate.error.actor.*': { actions: ['dropEntry', 'giveUp', 'arrange'] },
  },
  states: {
    idle: {
      meta: { description: 'Nobody waits.' },
      always: { guard: 'hasEntries', target: 'open' },
    },
    open: {
      meta: { description: 'Entries stand in the line.' },
      always: { guard: 'isEmpty', target: 'idle' },
    },
  },
})
