// The landing queue of one project's embedded forge:
//
//   idle ─▶ entering ─▶ building ─▶ testing ─▶ landing ─▶ idle
//                          ▲                      │
//                          └── base moved ────────┘        conflict, red checks ─▶ evicting

import { buildInput, candidateInput, createContext, enteredInput, evictInput, landInput, leftInput, queueSetup } from './setup.ts'

export const queueMachine = queueSetup.createMachine({
  id: 'queue',
  context: createContext,
  initial: 'idle',
  on: {
    'landing.requested': [{ guard: 'isKnown' }, { actions: 'enqueue' }],
    'landing.withdrawn': [{ guard: 'isOfHead', target: '.leaving' }, { actions: 'dequeue' }],
  },
  states: {
    idle: {
      meta: { description: 'Nothing is tested.' },
      always: { guard: 'hasEntries', target: 'entering', actions: 'takeHead' },
    },
    entering: {
      meta: { description: 'The head of the line is noted as queued.' },
      invoke: {
        id: 'enter',
        src: 'recordEntered',
        input: enteredInput,
        onDone: 'building',
        onError: { target: 'obstructed', actions: 'rememberObstacle' },
      },
    },
    building: {
      meta: { description: 'The commit that would land is made: base and head, merged.' },
      invoke: {
        id: 'build',
        src: 'buildCandidate',
        input: buildInput,
        onDone: [
          { guard: 'isConflict', target: 'evicting', actions: 'rememberConflict' },
          { guard: 'hasLandedAlready', target: 'idle', actions: 'dropHead' },
          { target: 'testing', actions: 'rememberCandidate' },
        ],
        onError: { target: 'obstructed', actions: 'rememberObstacle' },
      },
    },
    testing: {
      meta: { description: 'The checks run on exactly the commit that would land.' },
      invoke: {
        id: 'test',
        src: 'runCandidateChecks',
        input: candidateInput,
        onDone: [
          { guard: 'hasPassed', target: 'landing' },
          { target: 'evicting', actions: 'rememberFailure' },
        ],
        onError: [
          { guard: 'isInterruption', target: 'building' },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
    },
    landing: {
      tags: 'landing',
      meta: { description: 'The base moves to the tested commit, if it is still where the test began.' },
      invoke: {
        id: 'land',
        src: 'landCandidate',
        input: landInput,
        onDone: [
          { guard: 'hasLanded', target: 'idle', actions: 'dropHead' },
          { guard: 'isHeadWithdrawn', target: 'leaving' },
          { guard: 'hasBaseMoved', target: 'building', actions: 'tellResumed' },
          { target: 'held', actions: 'tellHeld' },
        ],
        onError: [
          { guard: 'isHeadWithdrawn', target: 'leaving' },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
      // The landing is in flight: a withdrawal waits for what becomes of it.
      on: { 'landing.withdrawn': [{ guard: 'isOfHead', actions: 'rememberWithdrawal' }, { actions: 'dequeue' }] },
    },
    held: {
      meta: { description: "The user's checkout of the base holds the landing up; it is tried again." },
      after: { held: 'building' },
    },
    obstructed: {
      meta: { description: 'The environment failed; after a pause it is tried again, a bounded number of times.' },
      always: [
        { guard: 'canTryAgain', target: 'pausing' },
        { target: 'evicting', actions: 'blameEnvironment' },
      ],
    },
    pausing: {
      meta: { description: 'A pause after a failure of the environment.' },
      after: { pause: 'building' },
    },
    evicting: {
      meta: { description: 'The entry is given back with its incident.' },
      invoke: {
        id: 'evict',
        src: 'recordEviction',
        input: evictInput,
        onDone: { target: 'idle', actions: 'dropHead' },
        onError: { target: 'idle', actions: 'dropHead' },
      },
    },
    leaving: {
      meta: { description: 'The entry has been withdrawn.' },
      invoke: {
        id: 'leave',
        src: 'recordLeft',
        input: leftInput,
        onDone: { target: 'idle', actions: 'dropHead' },
        onError: { target: 'idle', actions: 'dropHead' },
      },
    },
  },
})
