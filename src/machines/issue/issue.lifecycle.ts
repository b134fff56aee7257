// The region that says what is true about the change. Each state looks at every other: the facts alone choose, in one step.

import { issueSetup } from './setup.ts'

const entries = [
  { guard: 'isDelegated', target: 'delegated' },
  { guard: 'isImplementing', target: 'implementing' },
  { guard: 'isOpen', target: 'pr_open' },
  { guard: 'isChangesRequested', target: 'changes_requested' },
  { guard: 'isRepairingCi', target: 'repairing_ci' },
  { guard: 'isAwaitingQueue', target: 'awaiting_queue' },
  { guard: 'isRepairingQueue', target: 'repairing_queue' },
  { guard: 'isDeploying', target: 'deploying' },
  { guard: 'isAwaitingInput', target: 'awaiting_input' },
  { guard: 'isEscalated', target: 'escalated' },
  { guard: 'isFailed', target: 'failed' },
  { guard: 'isDone', target: 'done' },
] as const

const others = (own: (typeof entries)[number]['target']) => entries.filter(({ target }) => target !== own)

export const lifecycle = issueSetup.createStateConfig({
  initial: 'delegated',
  states: {
    delegated: {
      meta: { description: 'Delegated to us; no run has been claimed yet.' },
      entry: 'tellPhase',
      always: others('delegated'),
    },
    implementing: {
      meta: { description: 'A run for the change has been claimed; there is no pull request yet.' },
      entry: 'tellPhase',
      always: others('implementing'),
    },
    pr_open: {
      meta: { description: 'The pull request is open; its reviews or checks are not decided.', waitsFor: 'verdicts' },
      entry: 'tellPhase',
      always: others('pr_open'),
    },
    changes_requested: {
      meta: { description: 'A reviewer asks for changes of the present head.' },
      entry: 'tellPhase',
      always: others('changes_requested'),
    },
    repairing_ci: {
      meta: { description: 'The checks of the present head are red.' },
      entry: 'tellPhase',
      always: others('repairing_ci'),
    },
    awaiting_queue: {
      meta: { description: 'Approved and green at its very head: it waits to land.', waitsFor: 'landing' },
      entry: 'tellPhase',
      always: others('awaiting_queue'),
      initial: 'holding',
      states: {
        holding: {
          meta: { description: 'Nothing is asked of the landing queue.' },
          always: { guard: 'canAskToLand', target: 'asked' },
        },
        asked: {
          meta: { description: 'The landing of this head has been asked for.' },
          entry: 'askToLand',
          exit: 'withdrawLanding',
          always: [
            { guard: 'cannotAskToLand', target: 'holding' },
            { guard: 'isOtherHeadAsked', target: 'asked', reenter: true },
          ],
        },
      },
    },
    repairing_queue: {
      meta: { description: 'The landing queue gave the present head back.' },
      entry: 'tellPhase',
      always: others('repairing_queue'),
    },
    deploying: {
      meta: { description: 'Landed; its deployment is watched.', waitsFor: 'deployment' },
      entry: 'tellPhase',
      always: others('deploying'),
    },
    awaiting_input: {
      meta: { description: 'The agent has asked a question that a human answers.', waitsFor: 'answer' },
      entry: 'tellPhase',
      always: others('awaiting_input'),
    },
    escalated: {
      meta: { description: 'A human is needed; only a new fact or a human leaves it.', waitsFor: 'decision' },
      entry: 'tellPhase',
      always: others('escalated'),
    },
    failed: {
      tags: 'terminal',
      meta: { description: 'Closed without a landed change, by a human or the tracker.' },
      entry: ['tellPhase', 'releaseWorktree'],
      always: others('failed'),
    },
    done: {
      tags: 'terminal',
      meta: { description: 'Landed, or done by the word of a human or the tracker.' },
      entry: ['tellPhase', 'releaseWorktree'],
      always: others('done'),
    },
  },
})
