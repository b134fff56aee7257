// One agent run, from a claimed place to a settled answer:
//
//   claimed ─▶ preparing ─▶ starting ─▶ working ─▶ verifying ─▶ publishing ─▶ settled
//                              ▲           │          │
//                              └───────────┴──────────┘  the agent's thread is resumed; one continuation commits what was left
//                              └─ checking ◀──────────┘  an agent that changed nothing is asked why
//
// A reviewer has nothing to publish: its verdict goes from `verifying` through `submitting` to the forge.
//
// Whatever calls it off leads through `ending`, where the agent's processes are waited for.

import { createContext } from './context.ts'
import { prepareInput, publishInput, runOutput, runSetup, sessionInput, submitInput, verifyInput } from './setup.ts'

export const runMachine = runSetup.createMachine({
  id: 'run',
  context: createContext,
  meta: { description: 'One run of an agent.' },
  initial: 'claimed',
  output: runOutput,
  states: {
    claimed: {
      meta: { phase: 'claimed', description: 'Its place is held; nothing has been touched.' },
      entry: 'rememberStart',
      always: 'preparing',
    },
    preparing: {
      meta: { phase: 'preparing', description: 'The worktree is made ready on the branch of the issue.' },
      invoke: {
        id: 'prepare',
        src: 'prepareWorktree',
        input: prepareInput,
        onDone: { target: 'starting', actions: ['rememberWorktree', 'beginWork'] },
        onError: { target: 'settled', actions: 'endForEnvironment' },
      },
      on: { 'run.stop': { target: 'settled', actions: 'endAsAsked' } },
    },
    starting: {
      meta: { phase: 'starting', description: "The agent's process and thread are started." },
      entry: 'startSession',
      after: {
        silence: { target: 'ending', actions: 'endForSilence' },
        runLimit: { target: 'ending', actions: 'endForLimit' },
      },
      on: {
        'session.started': { target: 'working', actions: ['rememberSession', 'tellStarted'] },
        'session.progressed': { target: 'working', actions: ['rememberProgress', 'tellStarted'] },
        'session.finished': [
          { guard: 'isForVerification', target: 'verifying', actions: 'rememberResult' },
          { guard: 'hasQuestion', target: 'settled', actions: ['rememberResult', 'endWithQuestion'] },
          { target: 'settled', actions: ['rememberResult', 'endAsFailed'] },
        ],
        'xstate.error.actor.session': [
          { guard: 'canResume', target: 'starting', reenter: true, actions: 'resume' },
          { guard: 'isInterruption', target: 'settled', actions: 'endAsInterrupted' },
          { target: 'settled', actions: 'endForEnvironment' },
        ],
        'run.stop': { target: 'ending', actions: 'endAsAsked' },
      },
    },
    working: {
      meta: { phase: 'working', description: 'The agent works on its turn; two clocks watch it.' },
      type: 'parallel',
      states: {
        signal: {
          initial: 'alive',
          states: {
            alive: {
              meta: { description: 'A sign of life has come lately.' },
              after: { silence: { target: '#run.ending', actions: 'endForSilence' } },
              on: {
                'session.started': { target: 'alive', reenter: true, actions: 'rememberSession' },
                'session.progressed': { target: 'alive', reenter: true },
                'session.steered': { target: 'alive', reenter: true, actions: ['rememberSteered', 'tellSteered'] },
              },
            },
          },
        },
        progress: {
          initial: 'moving',
          states: {
            moving: {
              meta: { description: 'Something new has come lately: an item, a line, a commit.' },
              after: { stall: { target: '#run.ending', actions: 'endForStall' } },
              on: {
                'session.progressed': [
                  { guard: 'canTellProgress', target: 'moving', reenter: true, actions: ['rememberProgress', 'tellProgress'] },
                  { target: 'moving', reenter: true, actions: 'rememberProgress' },
                ],
              },
            },
          },
        },
      },
      after: { runLimit: { target: 'ending', actions: 'endForLimit' } },
      on: {
        'session.finished': [
          { guard: 'isForVerification', target: 'verifying', actions: 'rememberResult' },
          { guard: 'hasQuestion', target: 'settled', actions: ['rememberResult', 'endWithQuestion'] },
          { target: 'settled', actions: ['rememberResult', 'endAsFailed'] },
        ],
        'xstate.error.actor.session': [
          { guard: 'canResume', target: 'starting', actions: 'resume' },
          { guard: 'isInterruption', target: 'settled', actions: 'endAsInterrupted' },
          { target: 'settled', actions: 'endForEnvironment' },
        ],
        'run.steer': { actions: 'passSteering' },
        'run.stop': { target: 'ending', actions: 'endAsAsked' },
      },
    },
    verifying: {
      meta: { phase: 'verifying', description: 'What the agent left is looked at before anything is published.' },
      entry: 'dropSession',
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
            { guard: 'hasTampered', target: '#run.settled', actions: 'endForTampering' },
            { guard: 'hasVerdict', target: '#run.submitting' },
            { guard: 'isReview', target: '#run.settled', actions: 'endWithoutVerdict' },
            { guard: 'isOnOtherBranch', target: '#run.settled', actions: 'endForOtherBranch' },
            { guard: 'hasRewrittenHistory', target: '#run.settled', actions: 'endForRewrite' },
            { guard: 'isOutOfScope', target: '#run.settled', actions: 'endForScope' },
            { guard: 'canContinue', target: '#run.starting', actions: ['rememberUncommitted', 'beginCommit'] },
            { guard: 'isDirty', target: '#run.settled', actions: 'endForDirt' },
            { guard: 'isSamePatch', target: '#run.settled', actions: 'endWithSamePatch' },
            { guard: 'canPublish', target: '#run.publishing' },
            { guard: 'canCheckCompletion', target: '#run.checking', actions: 'beginCheck' },
            { target: '#run.settled', actions: 'endWithoutChange' },
          ],
        },
      },
      on: { 'run.stop': { target: 'settled', actions: 'endAsAsked' } },
    },
    checking: {
      meta: { phase: 'checking', description: 'The agent changed nothing and is asked why; its worktree has the last word.' },
      initial: 'asking',
      states: {
        asking: {
          meta: { description: 'One short turn that is to change nothing.' },
          entry: 'startSession',
          after: { completion: { target: 'silencing', actions: 'missCompletion' } },
          on: {
            'session.started': { actions: 'rememberSession' },
            'session.progressed': { actions: 'rememberSignal' },
            'session.finished': { target: 'looking', actions: ['rememberResult', 'rememberCompletion'] },
            'xstate.error.actor.session': [
              { guard: 'isInterruption', target: '#run.settled', actions: 'endAsInterrupted' },
              { target: 'looking', actions: 'missCompletion' },
            ],
          },
        },
        silencing: {
          meta: { description: 'The agent is late and being ended: nobody writes while its worktree is read.' },
          entry: 'dropSession',
          invoke: { id: 'closing', src: 'endSession', input: sessionInput, onDone: 'looking', onError: 'looking' },
          after: { ending: 'looking' },
        },
        looking: {
          meta: { description: 'The worktree is read again.' },
          entry: 'dropSession',
          invoke: {
            id: 'verify',
            src: 'verifyWork',
            input: verifyInput,
            onDone: { target: 'concluding', actions: 'rememberInspection' },
            onError: [
              { guard: 'isBrokenWorktree', target: '#run.settled', actions: 'endForBrokenWorktree' },
              { target: '#run.settled', actions: 'endForEnvironment' },
            ],
          },
        },
        concluding: {
          meta: { description: 'What the worktree holds goes before what the agent says.' },
          always: [
            { guard: 'isOnOtherBranch', target: '#run.settled', actions: 'endForOtherBranch' },
            { guard: 'hasRewrittenHistory', target: '#run.settled', actions: 'endForRewrite' },
            { guard: 'canContinue', target: '#run.starting', actions: ['rememberUncommitted', 'beginCommit'] },
            { guard: 'isDirty', target: '#run.settled', actions: 'endForDirt' },
            { guard: 'canPublish', target: '#run.publishing' },
            { guard: 'canGoOn', target: '#run.starting', actions: 'beginWork' },
            { guard: 'isAskingInstead', target: '#run.settled', actions: 'endWithQuestion' },
            { target: '#run.settled', actions: 'endWithoutChange' },
          ],
        },
      },
      on: { 'run.stop': { target: 'ending', actions: 'endAsAsked' } },
    },
    publishing: {
      meta: { phase: 'publishing', description: 'The branch is pushed and its pull request opened or updated.' },
      entry: 'tellPublishing',
      invoke: {
        id: 'publish',
        src: 'publishChange',
        input: publishInput,
        onDone: { target: 'settled', actions: 'rememberPublished' },
        onError: { target: 'settled', actions: 'endForEnvironment' },
      },
      on: { 'run.stop': { target: 'settled', actions: 'endAsAsked' } },
    },
    submitting: {
      meta: { phase: 'publishing', description: 'The verdict is given to the forge, for exactly the head that was looked at.' },
      invoke: {
        id: 'submit',
        src: 'submitReview',
        input: submitInput,
        onDone: [
          { guard: 'isCounted', target: 'settled', actions: 'rememberVerdict' },
          { target: 'settled', actions: 'endAsOutdated' },
        ],
        onError: { target: 'settled', actions: 'endForEnvironment' },
      },
      on: { 'run.stop': { target: 'settled', actions: 'endAsAsked' } },
    },
    settled: {
      meta: { phase: 'settled', description: 'The run has given its answer.' },
      type: 'final',
      entry: ['dropSession', 'tellFinished'],
    },
    ending: {
      meta: { phase: 'ending', description: 'The agent is being ended; nothing follows until it has.' },
      entry: 'dropSession',
      invoke: { id: 'closing', src: 'endSession', input: sessionInput, onDone: 'settled', onError: 'settled' },
      after: { ending: 'settled' },
      on: { 'run.stop': { actions: 'endAsAsked' } },
    },
  },
})
