// One agent run, from a claimed place to a settled answer:
//
//   preparing ─▶ working ─▶ verifying ─▶ publishing ─▶ settled
//                  ▲           │
//                  └───────────┘  one continuation commits what was left

import { createContext } from './context.ts'
import { prepareInput, publishInput, runOutput, runSetup, sessionInput, verifyInput } from './setup.ts'

export const runMachine = runSetup.createMachine({
  id: 'run',
  context: createContext,
  initial: 'preparing',
  output: runOutput,
  states: {
    preparing: {
      meta: { phase: 'preparing', description: 'The worktree is made ready on the branch of the issue.' },
      entry: 'rememberStart',
      invoke: {
        id: 'prepare',
        src: 'prepareWorktree',
        input: prepareInput,
        onDone: { target: 'working', actions: ['rememberWorktree', 'tellStarted'] },
        onError: { target: 'settled', actions: 'endForEnvironment' },
      },
      on: { 'run.stop': { target: 'settled', actions: 'endAsAsked' } },
    },
    working: {
      meta: { phase: 'working', description: 'The agent works on its turn.' },
      entry: 'beginTurn',
      invoke: {
        id: 'session',
        src: 'agentSession',
        input: sessionInput,
        onError: [
          { guard: 'isInterruption', target: 'settled', actions: 'endAsInterrupted' },
          { target: 'settled', actions: 'endForEnvironment' },
        ],
      },
      initial: 'watching',
      states: {
        watching: {
          meta: { description: 'Progress is watched: too long without any ends the turn.' },
          after: { stall: { target: '#run.ending', actions: 'endForStall' } },
          on: {
            'session.progressed': [
              { guard: 'canTellProgress', target: 'watching', reenter: true, actions: ['rememberProgress', 'tellProgress'] },
              { target: 'watching', reenter: true, actions: 'rememberProgress' },
            ],
          },
        },
      },
      after: { runLimit: { target: 'ending', actions: 'endForLimit' } },
      on: {
        'session.started': { actions: 'rememberSession' },
        'session.steered': { actions: 'rememberSteered' },
        'session.finished': [
          { guard: 'hasCompleted', target: 'verifying', actions: 'rememberResult' },
          { guard: 'hasNothingToChange', target: 'verifying', actions: 'rememberResult' },
          { guard: 'hasQuestion', target: 'settled', actions: ['rememberResult', 'endWithQuestion'] },
          { target: 'settled', actions: ['rememberResult', 'endAsFailed'] },
        ],
        'run.steer': { actions: 'passSteering' },
        'run.stop': { target: 'ending', actions: 'endAsAsked' },
      },
    },
    ending: {
      meta: { phase: 'ending', description: 'The agent is being ended; nothing follows until it has.' },
      invoke: { id: 'closing', src: 'endSession', input: sessionInput, onDone: 'settled', onError: 'settled' },
      after: { ending: 'settled' },
    },
    verifying: {
      meta: { phase: 'verifying', description: 'What the agent left is looked at before anything is published.' },
      initial: 'inspecting',
      states: {
        inspecting: {
          meta: { description: 'The worktree is read.' },
          invoke: {
            id: 'verify',
            src: 'verifyWork',
            input: verifyInput,
            onDone: { target: 'judging', actions: 'rememberInspection' },
            onError: [
              { guard: 'isBrokenWorktree', target: '#run.settled', actions: 'endForBrokenWorktree' },
              { target: '#run.settled', actions: 'endForEnvironment' },
            ],
          },
        },
        judging: {
          meta: { description: 'The guards decide.' },
          always: [
            { guard: 'isOnOtherBranch', target: '#run.settled', actions: 'endForOtherBranch' },
            { guard: 'hasRewrittenHistory', target: '#run.settled', actions: 'endForRewrite' },
            { guard: 'canContinue', target: '#run.working', actions: 'rememberUncommitted' },
            { guard: 'isDirty', target: '#run.settled', actions: 'endForDirt' },
            { guard: 'hasNotAdvanced', target: '#run.settled', actions: 'endWithoutChange' },
            { guard: 'isReadyToPublish', target: '#run.publishing' },
            { target: '#run.settled', actions: 'endWithoutChange' },
          ],
        },
      },
      on: { 'run.stop': { target: 'settled', actions: 'endAsAsked' } },
    },
    publishing: {
      meta: { phase: 'publishing', description: 'The branch is pushed and its pull request opened or updated.' },
      invoke: {
        id: 'publish',
        src: 'publishChange',
        input: publishInput,
        onDone: { target: 'settled', actions: 'rememberPublished' },
        onError: { target: 'settled', actions: 'endForEnvironment' },
      },
      on: { 'run.stop': { target: 'settled', actions: 'endAsAsked' } },
    },
    settled: {
      meta: { phase: 'settled', description: 'The run has given its answer.' },
      type: 'final',
      entry: 'tellFinished',
    },
  },
})
