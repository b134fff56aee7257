// One head on its way through a landing queue:
//
//   entering ─▶ waiting ─▶ building ─▶ testing ─▶ tested ─▶ landing ─▶ landed
//                  ▲           │          │                    │
//                  │           └── refuted┴─▶ evicting ─▶ evicted
//                  └── another place, base moved ──────────────┘
//
// What has been found out waits until the entry is first: then everything before it has landed as tested.

import { createContext } from './context.ts'
import { adoptInput, buildInput, candidateInput, entrySetup, evictInput, headInput, landInput, outputOfEntry } from './setup.ts'

export const entryMachine = entrySetup.createMachine({
  id: 'entry',
  context: createContext,
  meta: { description: 'One head in the landing queue.' },
  output: outputOfEntry,
  initial: 'entering',
  on: {
    'entry.placed': [{ guard: 'isElsewhere', target: '.waiting', actions: 'takePlace' }, { actions: 'takePlace' }],
    'entry.withdrawn': '.leaving',
  },
  states: {
    entering: {
      meta: { description: 'That it stands in the queue is noted.' },
      always: { guard: 'isWithdrawn', target: 'leaving' },
      invoke: {
        id: 'enter',
        src: 'recordEntered',
        input: headInput,
        onDone: 'waiting',
        onError: [
          { guard: 'isGone', target: 'leaving' },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
      on: { 'entry.placed': { actions: 'takePlace' } },
    },
    waiting: {
      meta: { description: 'It waits for what it is to stand on.' },
      entry: 'dropCandidate',
      always: { guard: 'hasPlace', target: 'building' },
    },
    building: {
      meta: { description: 'The commit that would land is made: what it stands on and its head, merged.' },
      invoke: {
        id: 'build',
        src: 'buildCandidate',
        input: buildInput,
        onDone: [
          { guard: 'isConflict', target: 'refuted', actions: ['rememberConflict', 'tellPassedOver'] },
          { guard: 'hasLandedAlready', target: 'adopting', actions: 'rememberFound' },
          { guard: 'isContained', target: 'contained', actions: 'tellPassedOver' },
          { target: 'testing', actions: ['rememberCandidate', 'tellBuilt'] },
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
          { guard: 'hasPassed', target: 'tested', actions: 'rememberPass' },
          { guard: 'canRerun', target: 'testing', reenter: true, actions: 'rememberRerun' },
          { target: 'refuted', actions: ['rememberFailure', 'tellPassedOver'] },
        ],
        onError: [
          { guard: 'isInterruption', target: 'testing', reenter: true },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
    },
    tested: {
      meta: { description: 'Its checks have passed; it lands when everything before it has.' },
      always: { guard: 'isFirst', target: 'landing' },
    },
    refuted: {
      meta: { description: 'It conflicts or its checks fail; it is given back when nothing before it can be the cause.' },
      entry: 'tellResumed',
      always: { guard: 'isFirst', target: 'evicting' },
    },
    contained: {
      meta: { description: 'What it stands on has its head already; when it is first, the base is asked.' },
      always: { guard: 'isFirst', target: 'waiting', actions: 'standOnBase' },
    },
    landing: {
      tags: 'landing',
      meta: { description: 'The base moves to the tested commit, if it is still where the test began.' },
      invoke: {
        id: 'land',
        src: 'landCandidate',
        input: landInput,
        onDone: [
          { guard: 'hasLanded', target: 'landed', actions: 'rememberLanding' },
          { guard: 'isWithdrawn', target: 'leaving' },
          { guard: 'hasBaseMoved', target: 'waiting', actions: ['standOnBase', 'tellBaseMoved', 'tellResumed'] },
          { target: 'held', actions: 'tellHeld' },
        ],
        onError: [
          { guard: 'isWithdrawn', target: 'leaving' },
          { guard: 'isGone', target: 'leaving' },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
      // The landing is in flight: whatever else is wanted waits for what becomes of it.
      on: { 'entry.withdrawn': { actions: 'rememberWithdrawal' }, 'entry.placed': { actions: 'takePlace' } },
    },
    adopting: {
      meta: { description: 'The base has the head already: the landing is noted.' },
      invoke: {
        id: 'adopt',
        src: 'adoptLanding',
        input: adoptInput,
        onDone: { target: 'landed', actions: 'rememberAdoption' },
        onError: [
          { guard: 'isWithdrawn', target: 'leaving' },
          { target: 'obstructed', actions: 'rememberObstacle' },
        ],
      },
      // It has landed: nobody can take that back any more.
      on: { 'entry.withdrawn': { actions: 'rememberWithdrawal' }, 'entry.placed': { actions: 'takePlace' } },
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
      meta: { description: 'A pause after a failure of the environment; what was found out before it counts.' },
      after: {
        pause: [{ guard: 'isTested', target: 'tested' }, { guard: 'isBuilt', target: 'testing' }, { target: 'entering' }],
      },
    },
    evicting: {
      meta: { description: 'It is given back with its incident.' },
      initial: 'recording',
      on: { 'entry.placed': { actions: 'takePlace' } },
      states: {
        recording: {
          meta: { description: 'The incident is written where the forge and the issue see it.' },
          invoke: {
            id: 'evict',
            src: 'recordEviction',
            input: evictInput,
            onDone: '#entry.evicted',
            onError: [
              { guard: 'isGone', target: '#entry.evicted' },
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
      meta: { description: 'It is not wanted any more, by its issue or because the pull request has moved on.' },
      entry: 'rememberWithdrawal',
      initial: 'recording',
      on: { 'entry.withdrawn': { actions: 'rememberWithdrawal' }, 'entry.placed': { actions: 'takePlace' } },
      states: {
        recording: {
          meta: { description: 'That it left is written where the forge and the issue see it.' },
          invoke: {
            id: 'leave',
            src: 'recordLeft',
            input: headInput,
            onDone: '#entry.left',
            onError: [
              { guard: 'isGone', target: '#entry.left' },
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
    landed: { type: 'final', meta: { description: 'The base has it.' } },
    evicted: { type: 'final', entry: 'rememberEviction', meta: { description: 'It was given back.' } },
    left: { type: 'final', entry: 'rememberLeave', meta: { description: 'It was taken out.' } },
  },
})
