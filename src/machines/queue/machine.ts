// The landing queue of one project's embedded forge:
//
//   idle ─▶ entering ─▶ building ─▶ testing ─▶ landing ─▶ idle
//                          ▲                      │
//                          └── base moved ────────┘        conflict, red checks ─▶ evicting

import { createContext } from './context.ts'
import { adoptInput, candidateInput, evictInput, headInput, landInput, queueSetup } from './setup.ts'

export const queueMachine = queueSetup.createMachine({
  id: 'queue',
  context: createContext,
  meta: { description: 'The landing queue of one project.' },
  initial: 'idle',
  on: {
    'landing.requested': [{ guard: 'isKnown', actions: 'keepTime' }, { actions: 'enqueue' }],
    'landing.withdrawn': [{ guard: 'isUnderTest', target: '.leaving' }, { actions: 'dequeue' }],
  },
  states: {
    idle: {
      meta: { description: 'Nobody waits.' },
      entry: 'dropHead',
      always: { guard: 'hasEntries', target: 'entering', actions: 'takeHead' },
    },
    entering: {
      meta: { description: 'The head of the line is noted as queued.' },
      invoke: {
        id: 'enter',
        src: 'recordEntered',
        input: headInput,
        onDone: 'building',
        onError: [
          { guard: 'isGone', target: 'leaving' },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
    },
    building: {
      meta: { description: 'The commit that would land is made: base and head, merged.' },
      invoke: {
        id: 'build',
        src: 'buildCandidate',
        input: headInput,
        onDone: [
          { guard: 'isConflict', target: 'evicting', actions: ['rememberConflict', 'tellResumed'] },
          { guard: 'hasLandedAlready', target: 'adopting', actions: 'rememberCandidate' },
          { target: 'testing', actions: 'rememberCandidate' },
        ],
        onError: [
          { guard: 'isGone', target: 'leaving' },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
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
          { target: 'evicting', actions: ['rememberFailure', 'tellResumed'] },
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
          { guard: 'hasLanded', target: 'idle' },
          { guard: 'isWithdrawn', target: 'leaving' },
          { guard: 'hasBaseMoved', target: 'building', actions: 'tellResumed' },
          { target: 'held', actions: 'tellHeld' },
        ],
        onError: [
          { guard: 'isWithdrawn', target: 'leaving' },
          { guard: 'isGone', target: 'leaving' },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
      // The landing is in flight: a withdrawal waits for what becomes of it.
      on: { 'landing.withdrawn': [{ guard: 'isUnderTest', actions: ['rememberWithdrawal', 'dequeue'] }, { actions: 'dequeue' }] },
    },
    adopting: {
      meta: { description: 'The base has the head already: the landing is noted.' },
      invoke: {
        id: 'adopt',
        src: 'adoptLanding',
        input: adoptInput,
        onDone: 'idle',
        onError: [
          { guard: 'isWithdrawn', target: 'leaving' },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
      // It has landed: nobody can take that back any more.
      on: { 'landing.withdrawn': [{ guard: 'isUnderTest', actions: ['rememberWithdrawal', 'dequeue'] }, { actions: 'dequeue' }] },
    },
    held: {
      meta: { description: "The user's checkout of the base holds the landing up; it is tried again." },
      after: { held: 'landing' },
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
      after: { pause: 'entering' },
    },
    evicting: {
      meta: { description: 'The entry is given back with its incident.' },
      initial: 'recording',
      states: {
        recording: {
          meta: { description: 'The incident is written where the forge and the issue see it.' },
          invoke: {
            id: 'evict',
            src: 'recordEviction',
            input: evictInput,
            onDone: '#queue.idle',
            onError: [
              { guard: 'isGone', target: '#queue.idle' },
              { target: 'pausing', actions: 'rememberObstacle' },
            ],
          },
        },
        pausing: {
          meta: { description: 'It could not be written; a pause.' },
          after: { pause: 'recording' },
        },
      },
    },
    leaving: {
      meta: { description: 'The entry is not wanted any more, by its issue or because the pull request has moved on.' },
      entry: 'rememberWithdrawal',
      initial: 'recording',
      // It leaves already; it may have been asked for anew.
      on: { 'landing.withdrawn': { actions: 'dequeue' } },
      states: {
        recording: {
          meta: { description: 'That it left is written where the forge and the issue see it.' },
          invoke: {
            id: 'leave',
            src: 'recordLeft',
            input: headInput,
            onDone: '#queue.idle',
            onError: [
              { guard: 'isGone', target: '#queue.idle' },
              { target: 'pausing', actions: 'rememberObstacle' },
            ],
          },
        },
        pausing: {
          meta: { description: 'It could not be written; a pause.' },
          after: { pause: 'recording' },
        },
      },
    },
  },
})
