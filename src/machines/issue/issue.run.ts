// The region that says whether an agent is working, and what a needed run waits for.

import { issueSetup } from './setup.ts'

export const run = issueSetup.createStateConfig({
  meta: { description: 'Whether an agent is working.' },
  initial: 'idle',
  on: {
    'run.started': [{ guard: 'isOfOtherRun' }, { actions: 'rememberRunStarted' }],
    'run.progressed': [
      { guard: 'isOfOtherRun' },
      { guard: 'isAccountDue', actions: ['rememberRunProgress', 'tellUsage'] },
      { actions: 'rememberRunProgress' },
    ],
    'run.publishing': { actions: 'rememberPushed' },
    'run.steered': { actions: 'rememberSteered' },
    'run.finished': [
      { guard: 'isOfOtherRun' },
      { guard: 'isCompleted', target: '.idle', actions: ['settleCompleted', 'tellRunEnded'] },
      { guard: 'isCalledOff', target: '.idle', actions: ['settleCalledOff', 'tellRunEnded'] },
      { guard: 'isQuestion', target: '.idle', actions: ['settleWithQuestion', 'tellRunEnded'] },
      { guard: 'isResting', target: '.idle', actions: ['settleResting', 'tellRunEnded'] },
      { guard: 'isConcluded', target: '.idle', actions: ['tellConclusion', 'settleConcluded', 'tellRunEnded'] },
      { guard: 'isUnfinished', target: '.idle', actions: ['settleUnfinished', 'tellRunEnded'] },
      { guard: 'isIrreproducible', target: '.idle', actions: ['settleIrreproducible', 'askForRerun', 'tellRunEnded'] },
      { guard: 'isFreeInterruption', target: '.idle', actions: ['settleInterrupted', 'tellRunEnded'] },
      { guard: 'isRecoverable', target: '.idle', actions: ['settleForRecovery', 'tellRunEnded'] },
      { guard: 'isShortage', target: '.idle', actions: ['tellShortage', 'settleShortage', 'tellRunEnded'] },
      { guard: 'isCutShort', target: '.idle', actions: ['settleCutShort', 'tellRunEnded'] },
      { guard: 'isHalfPublished', target: '.idle', actions: ['settleHalfPublished', 'tellRunEnded'] },
      { guard: 'isEnvironmentFailure', target: '.idle', actions: ['settleEnvironmentFailure', 'tellRunEnded'] },
      { guard: 'isAgentFailure', target: '.idle', actions: ['settleAgentFailure', 'tellRunEnded'] },
      { guard: 'isNeedless', target: '.idle', actions: ['answerInWords', 'settleNeedless', 'tellRunEnded'] },
      { guard: 'isWithoutChange', target: '.idle', actions: ['settleWithoutChange', 'tellRunEnded'] },
      { target: '.idle', actions: ['settleForHuman', 'tellRunEnded'] },
    ],
    // The answer came before, as `run.finished`; a run that ends without one is broken.
    'xstate.done.actor.*': [{ guard: 'isOwnRun', target: '.idle', actions: ['dropRun', 'settleBroken'] }, { actions: 'dropRun' }],
    'xstate.error.actor.*': [{ guard: 'isOwnRun', target: '.idle', actions: ['dropRun', 'settleBroken'] }, { actions: 'dropRun' }],
    // A place that nobody needs goes back at once.
    'capacity.granted': { actions: 'returnPlace' },
    'capacity.revoked': { actions: 'keepTime' },
  },
  states: {
    idle: {
      meta: { description: 'No run is needed, or none may start.', waitsFor: 'others' },
      entry: ['rememberRunSince', 'releasePlace', 'releaseWorktree'],
      always: [
        { guard: 'isOutOfAttempts', actions: 'escalateForAttempts' },
        { guard: 'isRunNeeded', target: 'waiting' },
      ],
    },
    waiting: {
      tags: 'waiting',
      meta: { description: 'A run is needed and waits.' },
      always: { guard: 'isRunNotNeeded', target: 'idle' },
      initial: 'deciding',
      states: {
        deciding: {
          meta: { description: 'What it waits for is found out.' },
          always: [
            { guard: 'isRunNotNeeded', target: '#issue.run.idle' },
            { guard: 'isOutOfAttempts', target: '#issue.run.idle' },
            { guard: 'isBlocked', target: 'dependency' },
            { guard: 'isOverBudget', target: 'budget' },
            { guard: 'isPausing', target: 'backoff' },
            { guard: 'isSettling', target: 'settling' },
            { target: 'capacity' },
          ],
        },
        dependency: {
          meta: { description: 'Other issues have to be resolved first.', waitsFor: 'blockers' },
          entry: 'rememberRunSince',
          always: { guard: 'isNotBlocked', target: 'deciding' },
        },
        budget: {
          meta: { description: "A budget for the issue's whole life is used up.", waitsFor: 'budget' },
          entry: ['rememberRunSince', 'tellBudget'],
          always: [
            { guard: 'isBlocked', target: 'deciding' },
            { guard: 'hasBudget', target: 'deciding' },
          ],
        },
        backoff: {
          meta: { description: 'A pause after a failure.', waitsFor: 'pause' },
          entry: 'rememberRunSince',
          after: { backoff: { target: 'deciding', actions: 'endPause' } },
          always: [
            { guard: 'isBlocked', target: 'deciding' },
            { guard: 'isNotPausing', target: 'deciding' },
          ],
        },
        settling: {
          meta: { description: 'Its children may still be coming.', waitsFor: 'children' },
          entry: 'rememberRunSince',
          after: { settle: { target: 'deciding', actions: 'keepTime' } },
          always: { guard: 'isBlocked', target: 'deciding' },
        },
        capacity: {
          meta: { description: 'A free place is waited for.', waitsFor: 'place' },
          entry: 'requestPlace',
          exit: 'withdrawRequest',
          on: {
            // An answer to an older request says nothing: its place went back with that request.
            'capacity.granted': [{ guard: 'canTakePlace', actions: 'takePlace' }, { actions: 'keepTime' }],
            'capacity.revoked': { guard: 'isOwnPlace', target: 'deciding' },
          },
          always: [
            { guard: 'hasPlace', target: '#issue.run.active', actions: 'claim' },
            { guard: 'cannotStart', target: 'deciding' },
            { guard: 'isOtherAgentNeeded', target: 'deciding' },
          ],
        },
      },
    },
    active: {
      tags: 'running',
      meta: { description: 'A run is alive.', waitsFor: 'agent' },
      entry: ['rememberRunSince', 'spawnRun'],
      exit: 'tellUsage',
      on: { 'capacity.granted': { actions: 'keepTime' } },
      always: { guard: 'isRunUnwanted', target: 'stopping' },
    },
    stopping: {
      tags: 'running',
      meta: { description: 'The run is being ended; nothing starts until it has.', waitsFor: 'agentEnding' },
      entry: ['rememberRunSince', 'stopRun'],
      exit: 'tellUsage',
      on: { 'capacity.granted': { actions: 'keepTime' } },
    },
  },
})
