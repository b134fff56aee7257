// The checks of one head on the embedded forge:
//
//   running ─▶ recording ─▶ recorded

import { checkSetup, checksInput, createContext, obstacleInput, recordInput } from './setup.ts'

export const checkMachine = checkSetup.createMachine({
  id: 'check',
  context: createContext,
  initial: 'running',
  states: {
    running: {
      meta: { description: "The project's command runs in a clean worktree of the head." },
      invoke: {
        id: 'checks',
        src: 'runChecks',
        input: checksInput,
        onDone: { target: 'recording', actions: 'rememberResult' },
        onError: [
          { guard: 'isInterruption', target: 'running', reenter: true },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
    },
    obstructed: {
      meta: { description: 'The environment kept the checks from running; why is noted where people look.' },
      invoke: { id: 'obstacle', src: 'recordObstacle', input: obstacleInput, onDone: 'pausing', onError: 'pausing' },
    },
    pausing: {
      meta: { description: 'A pause before the checks are tried again.' },
      after: { pause: 'running' },
      on: { 'check.retried': 'running' },
    },
    recording: {
      meta: { description: 'The result is written where the forge and the issue see it.' },
      invoke: {
        id: 'record',
        src: 'recordChecks',
        input: recordInput,
        onDone: 'recorded',
        onError: { target: 'pausing', actions: 'rememberObstacle' },
      },
    },
    recorded: { type: 'final', meta: { description: 'The checks of this head are known.' } },
  },
})
