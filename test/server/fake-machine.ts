// A machine as data for the fake runtime: the regions and words of the contract, with a few real-looking transitions.

import type { MachineDocument, MachineNode } from '../../src/app.ts'

type Transition = MachineNode['transitions'][number]

function node(id: string, fields: Partial<MachineNode> = {}): MachineNode {
  const key = id.split('.').at(-1)!
  return {
    id,
    key,
    type: 'atomic',
    initial: null,
    description: null,
    tags: [],
    meta: {},
    invoke: [],
    transitions: [],
    states: [],
    ...fields,
  }
}

function on(event: string, target: string | null, guard: string | null = null, actions: string[] = []): Transition {
  return { event, guard, targets: target === null ? [] : [target], actions, description: null }
}

const phases: [key: string, tag: 'running' | 'waiting' | 'terminal', description: string][] = [
  ['delegated', 'waiting', 'Handed to us; the first run has not been claimed yet.'],
  ['implementing', 'running', 'An agent writes the first version of the change.'],
  ['pr_open', 'waiting', 'The change is published and waits for review and checks.'],
  ['changes_requested', 'running', 'A reviewer asked for changes; an agent makes them.'],
  ['repairing_ci', 'running', 'Required checks are red; an agent repairs them.'],
  ['awaiting_queue', 'waiting', 'Approved and green; waiting for its turn to land.'],
  ['repairing_queue', 'running', 'The landing queue evicted the change; an agent repairs it.'],
  ['deploying', 'waiting', 'Landed; waiting for the deployment.'],
  ['awaiting_input', 'waiting', 'The agent asked a question; a human answers it.'],
  ['escalated', 'waiting', 'Automation has given up; a human decides.'],
  ['failed', 'terminal', 'Closed without a landed change.'],
  ['done', 'terminal', 'The change has landed.'],
]

const entryGuards: Record<string, string> = {
  failed: 'isClosedAsFailed',
  done: 'isLanded',
  escalated: 'isEscalated',
  awaiting_input: 'hasOpenQuestion',
  repairing_queue: 'isEvicted',
  awaiting_queue: 'canLand',
  repairing_ci: 'isRed',
  changes_requested: 'hasChangesRequested',
  deploying: 'isDeploying',
  pr_open: 'hasOpenPullRequest',
  implementing: 'isImplementing',
}

/** The words that the fake board is filled with. */
export const fakePhases = phases.map(([key]) => key)

export const fakeIssueMachine: MachineDocument = {
  id: 'issue',
  version: '1',
  root: node('issue', {
    type: 'parallel',
    states: [
      node('issue.lifecycle', {
        type: 'compound',
        initial: 'delegated',
        description: 'What is true about the change.',
        transitions: Object.entries(entryGuards).map(([key, guard]) => on('', `issue.lifecycle.${key}`, guard)),
        states: phases.map(([key, tag, description]) =>
          node(`issue.lifecycle.${key}`, {
            tags: [tag],
            description,
            meta: { phase: key, description },
            transitions: [
              ...(key === 'awaiting_input'
                ? [on('tracker.prompted', 'issue.lifecycle.implementing', 'hasBudget', ['rememberAnswer'])]
                : []),
              ...(tag === 'terminal' ? [on('operator.retried', 'issue.lifecycle.delegated', 'hasRunBudget')] : []),
              ...(key === 'deploying' ? [on('after deploy', 'issue.lifecycle.escalated')] : []),
              ...(key === 'pr_open' ? [on('review.approved', null, null, ['rememberReview'])] : []),
            ],
          }),
        ),
      }),
      node('issue.run', {
        type: 'compound',
        initial: 'idle',
        description: 'Whether an agent is working.',
        states: [
          node('issue.run.idle', { transitions: [on('', 'issue.run.waiting', 'isRunWanted')] }),
          node('issue.run.waiting', {
            type: 'compound',
            initial: 'capacity',
            tags: ['waiting'],
            transitions: [on('operator.stopped', 'issue.run.idle')],
            states: [
              node('issue.run.waiting.capacity', {
                transitions: [on('capacity.granted', 'issue.run.active', 'isStillWanted', ['claimRun'])],
              }),
              node('issue.run.waiting.backoff', { transitions: [on('after recoveryBackoff', 'issue.run.waiting.capacity')] }),
            ],
          }),
          node('issue.run.active', {
            tags: ['running'],
            invoke: [{ id: 'run', src: 'run' }],
            transitions: [
              on('run.finished', 'issue.run.idle', null, ['settleRun']),
              on('operator.stopped', 'issue.run.stopping'),
              on('run.finished', 'issue.run.waiting.backoff', 'isInterrupted'),
            ],
          }),
          node('issue.run.stopping', { transitions: [on('run.finished', 'issue.run.idle')] }),
        ],
      }),
      node('issue.authority', {
        type: 'compound',
        initial: 'acting',
        description: 'Whether we may act.',
        states: [
          node('issue.authority.acting', {
            transitions: [on('tracker.undelegated', 'issue.authority.observing'), on('operator.stopped', 'issue.authority.stopped')],
          }),
          node('issue.authority.observing', { transitions: [on('tracker.delegated', 'issue.authority.acting')] }),
          node('issue.authority.stopped', { transitions: [on('operator.retried', 'issue.authority.acting')] }),
        ],
      }),
    ],
  }),
}

const steps = ['claimed', 'preparing', 'starting', 'working', 'verifying', 'publishing', 'settled']

export const fakeRunMachine: MachineDocument = {
  id: 'run',
  version: '1',
  root: node('run', {
    type: 'compound',
    initial: 'claimed',
    states: steps.map((key, index) =>
      node(`run.${key}`, {
        type: key === 'settled' ? 'final' : 'atomic',
        transitions:
          key === 'settled'
            ? []
            : [on(`xstate.done.actor.${key}`, `run.${steps[index + 1]}`), on(`xstate.error.actor.${key}`, 'run.settled')],
      }),
    ),
  }),
}
