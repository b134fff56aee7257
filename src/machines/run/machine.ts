// One agent run, from a claimed place to a settled answer:
//
//   claimed ─▶ preparing ─▶ starting ─▶ working ─▶ verifying ─▶ publishing ─▶ settled
//                              ▲           │          │
//                              └───────────┴──────────┘  the agent's thread is resumed; one continuation commits what was left
//                              ├─ checking ◀──────────┤  an agent that changed nothing is asked why
//                              └─ stacking ◀─ sequencing   what contradicts a change in flight is based on it
//
// A turn without progress climbs a ladder, and progress on any rung leads back:
//
//   moving ─▶ probing ─▶ nudging ─▶ interrupting ─▶ recovering (resuming │ forking │ afresh) ─▶ settled: a human is asked
//
// A reviewer has nothing to publish: its verdict goes from `verifying` through `submitting` to the forge.
//
// Whatever calls it off leads through `ending`, where the agent's processes are waited for.

import { createContext } from './context.ts'
import { conflictInput, prepareInput, probeInput, publishInput, runOutput, sessionInput, submitInput, verifyInput } from './inputs.ts'
import { runSetup } from './setup.ts'

/** What follows when a session has been started, whichever way. */
const onceStarted = {
  after: {
    silence: { target: '#run.ending', actions: 'endForSilence' },
    runLimit: { target: '#run.ending', actions: 'endForLimit' },
  },
  on: {
    'session.started': { target: '#run.working', actions: ['rememberSession', 'beginWatch', 'tellStarted'] },
    'session.progressed': { target: '#run.working', actions: ['rememberProgress', 'beginWatch', 'tellStarted'] },
    'session.finished': [
      { guard: 'hasEscaped', target: '#run.settled', actions: ['rememberResult', 'endAsFailed'] },
      // Entered anew also from itself: its clocks are those of the next session.
      { guard: 'isThreadLost', target: '#run.recovering', reenter: true, actions: ['rememberResult', 'rememberLoss'] },
      { guard: 'isThreadExhausted', target: '#run.recovering', reenter: true, actions: ['rememberResult', 'rememberExhaustion'] },
      { guard: 'hasDied', target: '#run.recovering', reenter: true, actions: ['rememberResult', 'rememberDeath'] },
      { guard: 'isForVerification', target: '#run.verifying', actions: 'rememberResult' },
      { guard: 'hasQuestion', target: '#run.settled', actions: ['rememberResult', 'endWithQuestion'] },
      { guard: 'isStacking', target: '#run.publishing', actions: ['rememberResult', 'leaveStack'] },
      { target: '#run.settled', actions: ['rememberResult', 'endAsFailed'] },
    ],
    'xstate.error.actor.session': [
      { guard: 'isInterruption', target: '#run.recovering', reenter: true, actions: 'rememberInterruption' },
      { target: '#run.settled', actions: 'endForEnvironment' },
    ],
    'run.stop': { target: '#run.ending', actions: 'endAsAsked' },
  },
} as const

/** The worktree is read. */
const verification = {
  id: 'verify',
  src: 'verifyWork',
  input: verifyInput,
  onError: [
    { guard: 'isBrokenWorktree', target: '#run.settled', actions: 'endForBrokenWorktree' },
    { target: '#run.settled', actions: 'endForEnvironment' },
  ],
} as const

export const runMachine = runSetup.createMachine({
  id: 'run',
  context: createContext,
  meta: { description: 'One run of an agent.' },
  initial: 'claimed',
  output: runOutput,
  on: {
    'session.used': [
      { guard: 'isOverBudget', target: '.ending', actions: ['endForBudget', 'rememberUsage'] },
      { actions: 'rememberUsage' },
    ],
  },
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
      ...onceStarted,
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
                'session.signalled': { target: 'alive', reenter: true, actions: 'rememberSignal' },
                'session.refused': { target: 'alive', reenter: true, actions: 'rememberSignal' },
                'session.steered': [
                  // Without a target, so that the other region may leave with it.
                  { guard: 'isNudgeRefused', actions: 'rememberSignal' },
                  { guard: 'isNudge', target: 'alive', reenter: true, actions: 'rememberSignal' },
                  { target: 'alive', reenter: true, actions: ['rememberSteered', 'tellSteered'] },
                ],
              },
            },
          },
        },
        progress: {
          meta: { description: 'How long nothing new has come, and what is done about it.' },
          initial: 'moving',
          states: {
            moving: {
              meta: { description: 'Something new has come lately: an item, a line, a commit.' },
              after: { stall: 'probing' },
              on: {
                'session.progressed': [
                  { guard: 'canTellProgress', target: 'moving', reenter: true, actions: ['rememberProgress', 'tellProgress'] },
                  { target: 'moving', reenter: true, actions: 'rememberProgress' },
                ],
                'session.used': { guard: 'canTellUsage', actions: ['rememberUsage', 'tellProgress'] },
              },
            },
            probing: {
              meta: { phase: 'probing', description: 'Nothing new has come for long: the worktree is looked at for a diff or a commit.' },
              entry: 'tellProbing',
              invoke: {
                id: 'probe',
                src: 'probeWork',
                input: probeInput,
                onDone: [
                  { guard: 'hasWorked', target: 'moving', actions: ['rememberWork', 'tellProgress'] },
                  { guard: 'canNudge', target: 'nudging' },
                  { target: '#run.interrupting' },
                ],
                onError: [{ guard: 'canNudge', target: 'nudging' }, { target: '#run.interrupting' }],
              },
              after: { probe: [{ guard: 'canNudge', target: 'nudging' }, { target: '#run.interrupting' }] },
              on: { 'session.progressed': { target: 'moving', actions: ['rememberProgress', 'tellProgress'] } },
            },
            nudging: {
              meta: { phase: 'nudging', description: 'The agent was told, in the turn that runs, that nothing is heard of it.' },
              entry: ['nudge', 'tellNudging'],
              after: { nudge: 'probing' },
              on: {
                'session.progressed': { target: 'moving', actions: ['rememberProgress', 'tellProgress'] },
                'session.steered': { guard: 'isNudgeRefused', target: '#run.interrupting' },
              },
            },
          },
        },
      },
      after: { runLimit: { target: 'ending', actions: 'endForLimit' } },
      on: {
        'session.finished': onceStarted.on['session.finished'],
        'xstate.error.actor.session': onceStarted.on['xstate.error.actor.session'],
        'run.steer': { actions: ['rememberSaid', 'passSteering'] },
        'run.stop': { target: 'ending', actions: 'endAsAsked' },
      },
    },
    interrupting: {
      meta: { phase: 'interrupting', description: 'The agent has stalled and is being ended: nothing follows until it has.' },
      entry: ['dropSession', 'rememberStall', 'tellInterrupting'],
      invoke: {
        id: 'closing',
        src: 'endSession',
        input: sessionInput,
        onDone: [
          { guard: 'hasLeftBounds', target: 'settled', actions: ['rememberLeft', 'endForEscape'] },
          { target: 'recovering', actions: 'rememberUsed' },
        ],
        onError: { target: 'settled', actions: 'endForStall' },
      },
      // Beside one that does not end, no other is started.
      after: { ending: { target: 'settled', actions: 'endForStall' } },
      on: { 'run.stop': { target: 'ending', actions: 'endAsAsked' } },
    },
    recovering: {
      meta: { phase: 'recovering', description: 'A turn was cut off, and the next way to go on is tried.' },
      initial: 'choosing',
      states: {
        choosing: {
          meta: { description: 'The ways are asked for in order; each has a budget.' },
          always: [
            { guard: 'canResume', target: 'resuming' },
            { guard: 'canFork', target: 'forking' },
            { guard: 'canStartAfresh', target: 'afresh' },
            { guard: 'isStacking', target: '#run.publishing', actions: 'leaveStack' },
            { guard: 'hasStalled', target: '#run.settled', actions: 'endForStall' },
            { target: '#run.settled', actions: 'endAsInterrupted' },
          ],
        },
        resuming: {
          meta: { phase: 'resuming', description: "The agent's own thread is gone on with." },
          entry: ['resume', 'startSession'],
        },
        forking: {
          meta: { phase: 'forking', description: 'A new thread is made of the one that cannot be gone on with.' },
          entry: ['fork', 'startSession'],
        },
        afresh: {
          meta: { phase: 'afresh', description: 'A new turn is told what is known of the one that was cut off.' },
          entry: ['startAfresh', 'startSession'],
        },
      },
      ...onceStarted,
    },
    verifying: {
      meta: { phase: 'verifying', description: 'What the agent left is looked at before anything is published.' },
      entry: 'dropSession',
      initial: 'inspecting',
      states: {
        inspecting: {
          meta: { description: 'The worktree is read.' },
          invoke: { ...verification, onDone: { target: 'judging', actions: 'rememberInspection' } },
        },
        judging: {
          meta: { description: 'The guards decide.' },
          always: [
            { guard: 'isNotStacked', target: '#run.publishing', actions: 'leaveStack' },
            { guard: 'hasTampered', target: '#run.settled', actions: 'endForTampering' },
            { guard: 'hasVerdict', target: '#run.submitting' },
            { guard: 'isReview', target: '#run.settled', actions: 'endWithoutVerdict' },
            { guard: 'isOnOtherBranch', target: '#run.settled', actions: 'endForOtherBranch' },
            { guard: 'hasRewrittenHistory', target: '#run.settled', actions: 'endForRewrite' },
            { guard: 'isUmbrellaChange', target: '#run.settled', actions: 'endForUmbrella' },
            { guard: 'isOutOfScope', target: '#run.settled', actions: 'endForScope' },
            { guard: 'canContinue', target: '#run.starting', actions: ['rememberUncommitted', 'beginCommit'] },
            { guard: 'isDirty', target: '#run.settled', actions: 'endForDirt' },
            { guard: 'isSamePatch', target: '#run.settled', actions: 'endWithSamePatch' },
            { guard: 'canCompare', target: '#run.sequencing' },
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
            'session.refused': { actions: 'rememberSignal' },
            'session.finished': [
              { guard: 'hasEscaped', target: '#run.settled', actions: ['rememberResult', 'endAsFailed'] },
              { target: 'looking', actions: ['rememberResult', 'rememberCompletion'] },
            ],
            'xstate.error.actor.session': [
              { guard: 'isInterruption', target: '#run.settled', actions: ['rememberInterruption', 'endAsInterrupted'] },
              { target: 'looking', actions: 'missCompletion' },
            ],
          },
        },
        silencing: {
          meta: { description: 'The agent is late and being ended: nobody writes while its worktree is read.' },
          entry: 'dropSession',
          invoke: {
            id: 'closing',
            src: 'endSession',
            input: sessionInput,
            onDone: [
              { guard: 'hasLeftBounds', target: '#run.settled', actions: ['rememberLeft', 'endForEscape'] },
              { target: 'looking', actions: 'rememberUsed' },
            ],
            onError: { target: '#run.settled', actions: 'endForEnvironment' },
          },
          // What it writes by then is not known: nothing of it is looked at, and beside it no other is started.
          after: { ending: { target: '#run.settled', actions: 'endForLingering' } },
        },
        looking: {
          meta: { description: 'The worktree is read again.' },
          entry: 'dropSession',
          invoke: { ...verification, onDone: { target: 'concluding', actions: 'rememberInspection' } },
        },
        concluding: {
          meta: { description: 'What the worktree holds goes before what the agent says.' },
          always: [
            { guard: 'isOnOtherBranch', target: '#run.settled', actions: 'endForOtherBranch' },
            { guard: 'hasRewrittenHistory', target: '#run.settled', actions: 'endForRewrite' },
            { guard: 'canContinue', target: '#run.starting', actions: ['rememberUncommitted', 'beginCommit'] },
            { guard: 'isDirty', target: '#run.settled', actions: 'endForDirt' },
            { guard: 'canCompare', target: '#run.sequencing' },
            { guard: 'canPublish', target: '#run.publishing' },
            { guard: 'canGoOn', target: '#run.starting', actions: 'beginWork' },
            { guard: 'isAskingInstead', target: '#run.settled', actions: 'endWithQuestion' },
            { target: '#run.settled', actions: 'endWithoutChange' },
          ],
        },
      },
      on: { 'run.stop': { target: 'ending', actions: 'endAsAsked' } },
    },
    sequencing: {
      meta: { phase: 'sequencing', description: 'The work is compared with the changes in flight that it might contradict.' },
      invoke: {
        id: 'comparison',
        src: 'findConflict',
        input: conflictInput,
        onDone: [
          { guard: 'hasConflict', target: 'stacking', actions: 'rememberParent' },
          { target: 'publishing', actions: 'rememberComparison' },
        ],
        onError: { target: 'publishing', actions: 'rememberComparison' },
      },
      on: { 'run.stop': { target: 'settled', actions: 'endAsAsked' } },
    },
    stacking: {
      meta: { phase: 'stacking', description: 'The change that it contradicts is brought, and the agent bases its own on it.' },
      invoke: {
        id: 'prepare',
        src: 'prepareWorktree',
        input: prepareInput,
        onDone: { target: 'starting', actions: ['rememberWorktree', 'beginStack'] },
        onError: { target: 'publishing', actions: 'leaveStack' },
      },
      on: { 'run.stop': { target: 'settled', actions: 'endAsAsked' } },
    },
    publishing: {
      meta: { phase: 'publishing', description: 'The branch is pushed and its pull request opened or updated.' },
      entry: ['dropSession', 'tellPublishing'],
      invoke: {
        id: 'publish',
        src: 'publishChange',
        input: publishInput,
        onDone: { target: 'settled', actions: 'rememberPublished' },
        onError: [
          { guard: 'isAccessRefused', target: 'settled', actions: 'endForAccess' },
          { target: 'settled', actions: 'endForEnvironment' },
        ],
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
        onError: [
          { guard: 'isAccessRefused', target: 'settled', actions: 'endForAccess' },
          { target: 'settled', actions: 'endForEnvironment' },
        ],
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
      invoke: {
        id: 'closing',
        src: 'endSession',
        input: sessionInput,
        onDone: [
          { guard: 'hasLeftBounds', target: 'settled', actions: ['rememberLeft', 'endForEscape'] },
          { target: 'settled', actions: 'rememberLeft' },
        ],
        onError: 'settled',
      },
      after: { ending: 'settled' },
      on: { 'run.stop': { actions: 'endAsAsked' } },
    },
  },
})
