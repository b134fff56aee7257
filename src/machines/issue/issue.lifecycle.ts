// The region that says what is true about the change. The facts alone choose: one list, of which at most one entry holds.

import { adoptionInput, deploymentInput, issueSetup } from './setup.ts'

export const lifecycle = issueSetup.createStateConfig({
  meta: { description: 'What is true about the change.' },
  initial: 'delegated',
  always: [
    { guard: 'hasBecomeDone', target: '.done', actions: 'becomeDone' },
    { guard: 'hasBecomeFailed', target: '.failed', actions: 'becomeFailed' },
    { guard: 'hasBecomeDeploying', target: '.deploying', actions: 'becomeDeploying' },
    { guard: 'hasBecomeEscalated', target: '.escalated', actions: 'becomeEscalated' },
    { guard: 'hasBecomeAwaitingInput', target: '.awaiting_input', actions: 'becomeAwaitingInput' },
    { guard: 'hasBecomeRepairingQueue', target: '.repairing_queue', actions: 'becomeRepairingQueue' },
    { guard: 'hasBecomeChangesRequested', target: '.changes_requested', actions: 'becomeChangesRequested' },
    { guard: 'hasBecomeRepairingCi', target: '.repairing_ci', actions: 'becomeRepairingCi' },
    { guard: 'hasBecomeAwaitingQueue', target: '.awaiting_queue', actions: 'becomeAwaitingQueue' },
    { guard: 'hasBecomeOpen', target: '.pr_open', actions: 'becomeOpen' },
    { guard: 'hasBecomeImplementing', target: '.implementing', actions: 'becomeImplementing' },
    { guard: 'hasBecomeDelegated', target: '.delegated', actions: 'becomeDelegated' },
  ],
  states: {
    delegated: {
      meta: { phase: 'delegated', description: 'Delegated to us; no run has been claimed yet.' },
      entry: 'tellPhase',
      initial: 'ready',
      states: {
        ready: {
          meta: { description: 'Nothing is in the way of the first run.' },
          always: [
            { guard: 'isLinkAmbiguous', actions: 'askWhichLink' },
            { guard: 'isAdoptionWanted', target: 'adopting' },
          ],
        },
        adopting: {
          meta: { description: 'A linked pull request is taken over.', waitsFor: 'adoption' },
          entry: 'beginAdoption',
          always: { guard: 'isLinkChanged', target: 'ready' },
          invoke: {
            id: 'adoption',
            src: 'adoptPullRequest',
            input: adoptionInput,
            onDone: { target: 'ready', actions: ['takeAdoption', 'askForFacts'] },
            onError: { target: 'ready', actions: 'askAboutLink' },
          },
        },
      },
    },
    implementing: {
      meta: { phase: 'implementing', description: 'A run for the change has been claimed; there is no pull request yet.' },
      entry: 'tellPhase',
    },
    pr_open: {
      meta: { phase: 'pr_open', description: 'The pull request is open; its reviews or checks are not decided.', waitsFor: 'verdicts' },
      entry: 'tellPhase',
      after: { reviewStuck: { target: 'pr_open', reenter: true, actions: 'tellStuck' } },
    },
    changes_requested: {
      meta: { phase: 'changes_requested', description: 'A reviewer asks for changes of the present head.' },
      entry: 'tellPhase',
    },
    repairing_ci: {
      meta: { phase: 'repairing_ci', description: 'The checks of the present head are red.', waitsFor: 'rerun' },
      entry: 'tellPhase',
      always: { guard: 'isRerunWanted', actions: 'askForRerun' },
      after: { reviewStuck: { target: 'repairing_ci', reenter: true, actions: ['giveUpRerun', 'tellStuck'] } },
    },
    awaiting_queue: {
      meta: { phase: 'awaiting_queue', description: 'Approved and green at its very head: it waits to land.', waitsFor: 'landing' },
      entry: 'tellPhase',
      initial: 'unasked',
      states: {
        unasked: {
          meta: { description: 'Nothing is asked of the landing queue.' },
          always: { guard: 'canLand', target: 'asked' },
        },
        asked: {
          meta: { description: 'The landing of this head has been asked for.' },
          entry: 'askToLand',
          exit: 'withdrawLanding',
          always: [
            { guard: 'cannotLand', target: 'unasked' },
            { guard: 'isOtherHeadAsked', target: 'asked', reenter: true },
          ],
          initial: 'unheard',
          states: {
            unheard: {
              meta: { description: 'The queue has said nothing lately.' },
              after: {
                queueHealth: [
                  // To ask twice is to ask once: only who has been let go is taken in anew.
                  { guard: 'isOutOfQueue', target: 'unheard', reenter: true, actions: ['askToLand', 'askForFacts'] },
                  { target: 'unheard', reenter: true, actions: 'askForFacts' },
                ],
              },
            },
          },
        },
      },
    },
    repairing_queue: {
      meta: { phase: 'repairing_queue', description: 'The landing queue gave the present head back.' },
      entry: 'tellPhase',
    },
    deploying: {
      meta: { phase: 'deploying', description: 'Landed; its deployment is watched.', waitsFor: 'deployment' },
      entry: 'tellPhase',
      invoke: {
        id: 'deployment',
        src: 'watchDeployment',
        input: deploymentInput,
        onDone: { actions: 'takeDeploymentAnswer' },
        // Nobody could be asked: another word of it may come until the watch ends.
        onError: { actions: 'tellDeploymentUnknown' },
      },
      after: { deployTimeout: { actions: 'endDeploymentWatch' } },
    },
    awaiting_input: {
      meta: { phase: 'awaiting_input', description: 'The agent has asked a question that a human answers.', waitsFor: 'answer' },
      entry: 'tellPhase',
    },
    escalated: {
      meta: { phase: 'escalated', description: 'A human is needed; only a new fact or a human leaves it.', waitsFor: 'decision' },
      entry: 'tellPhase',
    },
    failed: {
      tags: 'terminal',
      meta: { phase: 'failed', description: 'Closed without a landed change, by a human or the tracker.' },
      entry: ['tellPhase', 'releaseWorktree'],
    },
    done: {
      tags: 'terminal',
      meta: { phase: 'done', description: 'Landed, or done by the word of a human or the tracker.' },
      entry: ['tellPhase', 'releaseWorktree'],
    },
  },
})
