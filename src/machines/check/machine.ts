// The checks of one head on the embedded forge:
//
//   running ─▶ recording ─▶ recorded
//
// A failure of the environment says nothing about the head: it is noted where people look, and tried again.

import { createContext } from './context.ts'
import { checkSetup, checksInput, obstacleInput, recordInput } from './setup.ts'

export const checkMachine = checkSetup.createMachine({
  id: 'check',
  context: createContext,
  meta: { description: 'The checks of one head.' },
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
          { guard: 'isGone', target: 'recorded' },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
    },
    recording: {
      meta: { description: 'The result is written where the forge and the issue see it.' },
      initial: 'writing',
      states: {
        writing: {
          meta: { description: 'It is being written.' },
          invoke: {
            id: 'record',
            src: 'recordChecks',
            input: recordInput,
            onDone: '#check.recorded',
            onError: [
              { guard: 'isGone', target: '#check.recorded' },
              { target: 'pausing', actions: 'rememberObstacle' },
            ],
          },
        },
        pausing: {
          meta: { description: 'It could not be written; a pause.' },
          after: { pause: 'writing' },
        },
      },
    },
    recorded: { type: 'final', meta: { description: 'The checks of this head are known.' } },
    obstructed: {
      meta: { description: 'The environment kept the checks from running; why is noted where people look.' },
      invoke: { id: 'obstacle', src: 'recordObstacle', input: obstacleInput, onDone: 'pausing', onError: 'pausing' },
    },
    pausing: {
      meta: { description: 'A pause before the checks are tried again.' },
      after: { pause: 'running' },
      on: { 'check.retried': 'running' },
    },
  },
})
