// The region that says whether an agent is working, and what a needed run waits for.

import { issueSetup } from './setup.ts'

export const run = issueSetup.createStateConfig({
  initial: 'idle',
  on: {
    'run.started': [{ guard: 'isOfOtherRun' }, { actions: 'rememberRunStarted' }],
    'run.progressed': [{ guard: 'isOfOtherRun' }, { actions: 'rememberRunPhase' }],
    'run.finished': [
      { guard: 'isOfOtherRun' },
      { guard: 'isSettledWell', target: '.idle', actions: ['settleWell', 'tellRunEnded', 'releaseCapacity'] },
      { guard: 'isQuestion', target: '.idle', actions: ['settleWithQuestion', 'tellRunEnded', 'releaseCapacity'] },
      { guard: 'isWithoutChange', target: '.idle', actions: ['settleWithoutChange', 'tellRunEnded', 'releaseCapacity'] },
      { guard: 'isFreeInterruption', target: '.idle', actions: ['settleInterrupted', 'tellRunEnded', 'releaseCapacity'] },
      { guard: 'isRecoverable', target: '.idle', actions: ['settleForRecovery', 'tellRunEnded', 'releaseCapacity'] },
      { guard: 'isEnvironmentFailure', target: '.idle', actions: ['settleEnvironmentFailure', 'tellRunEnded', 'releaseCapacity'] },
      { guard: 'isAgentFailure', target: '.idle', actions: ['settleAgentFailure', 'tellRunEnded', 'releaseCapacity'] },
      { target: '.idle', actions: ['settleForHuman', 'tellRunEnded', 'releaseCapacity'] },
    ],
    'xstate.done.actor.*': { actions: 'dropRun' },
    'xstate.error.actor.*': { target: '.idle', actions: ['dropRun', 'settleBroken', 'releaseCapacity'] },
    // A place that nobody needs any more goes back at once.
    'capacity.granted': { actions: 'returnGrant' },
  },
  states: {
    idle: {
      meta: { description: 'No run is needed, or none may start.' },
      entry: 'rememberRunSince',
      always: [
        { guard: 'isExhausted', actions: 'escalateForBudget' },
        { guard: 'isRunNeeded', target: 'waiting' },
      ],
    },
    waiting: {
      tags: 'waiting',
      meta: { description: 'A run is needed and waits.' },
      always: [
        { guard: 'isRunNotNeeded', target: 'idle' },
        { guard: 'isExhausted', target: 'idle' },
      ],
      initial: 'deciding',
      states: {
        deciding: {
          meta: { description: 'What it waits for is found out.' },
          always: [{ guard: 'isHeldByBlockers', target: 'blocked' }, { guard: 'isPausing', target: 'pausing' }, { target: 'queued' }],
        },
        blocked: {
          meta: { description: 'Other issues have to be resolved first.', waitsFor: 'blockers' },
          entry: 'rememberRunSince',
          always: { guard: 'isNotHeldByBlockers', target: 'deciding' },
        },
        pausing: {
          meta: { description: 'A pause after a failure.', waitsFor: 'pause' },
          entry: 'rememberRunSince',
          after: { pause: { target: 'deciding', actions: 'keepTime' } },
          always: { guard: 'isNotPausing', target: 'deciding' },
        },
        queued: {
          meta: { description: 'A free place is waited for.', waitsFor: 'place' },
          entry: 'requestCapacity',
          exit: 'withdrawRequest',
          always: { guard: 'isHeldByBlockers', target: 'deciding' },
          on: { 'capacity.granted': { guard: 'canClaim', target: '#issue.run.active', actions: 'claim' } },
        },
      },
    },
    active: {
      tags: 'running',
      meta: { description: 'A run is alive.', waitsFor: 'agent' },
      entry: 'spawnRun',
      // It has its place already; a second grant belongs to a request that was taken back.
      on: { 'capacity.granted': {} },
      always: { guard: 'isRunUnwanted', target: 'stopping' },
    },
    stopping: {
      tags: 'running',
      meta: { description: 'The run is being ended; nothing starts until it has.', waitsFor: 'agentEnding' },
      entry: 'stopRun',
      on: { 'capacity.granted': {} },
    },
  },
})
