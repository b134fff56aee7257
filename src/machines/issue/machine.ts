// One issue, from its delegation to a landed change:
//
//   delegated ─▶ implementing ─▶ pr_open ─▶ awaiting_queue ─▶ done
//                                 ▲   │            │
//        changes_requested ◀──────┤   │            └─▶ repairing_queue ─▶ pr_open
//        repairing_ci      ◀──────┘   └─ every repair returns here with a new head
//
// Three questions, three regions: what is true about the change, whether an agent is working, whether we may act.

import { createContext } from './context.ts'
import { authority } from './issue.authority.ts'
import { lifecycle } from './issue.lifecycle.ts'
import { run } from './issue.run.ts'
import { issueSetup } from './setup.ts'

export const issueMachine = issueSetup.createMachine({
  id: 'issue',
  context: createContext,
  meta: { description: 'An issue, from its delegation to a landed change.' },
  type: 'parallel',
  // The order counts: authority and lifecycle say what the run region may do in the same step.
  states: { authority, lifecycle, run },
  on: {
    'tracker.delegated': { actions: ['tellPriority', 'takeDelegation'] },
    'tracker.undelegated': { actions: 'takeUndelegation' },
    'tracker.updated': { actions: ['tellPriority', 'takeIssue'] },
    'tracker.removed': { actions: 'takeRemoval' },
    'tracker.prompted': [
      { guard: 'isStatusQuestion', actions: 'answerStatus' },
      { guard: 'isStopWord', actions: 'rememberStopWord' },
      { actions: ['hearPerson', 'offerMessage', 'answerObserving'] },
    ],
    'tracker.stopRequested': { actions: 'rememberStop' },
    'blocker.changed': { actions: 'takeBlocker' },
    'child.changed': { actions: 'takeChild' },
    'pr.opened': { actions: 'takeOpenPullRequest' },
    'pr.pushed': { actions: 'takeOpenPullRequest' },
    'pr.updated': { actions: 'takeOpenPullRequest' },
    'pr.reopened': { actions: 'takeOpenPullRequest' },
    'pr.closed': { actions: 'takeClosedPullRequest' },
    'pr.merged': { actions: 'takeMergedPullRequest' },
    'review.approved': { actions: 'takeReview' },
    'review.changesRequested': { actions: 'takeReview' },
    'review.dismissed': { actions: 'takeReview' },
    'review.commented': { actions: 'keepTime' },
    'checks.pending': { actions: 'takePendingChecks' },
    'checks.passed': { actions: 'takePassedChecks' },
    'checks.failed': { actions: 'takeFailedChecks' },
    'queue.entered': { actions: 'takeEntered' },
    'queue.evicted': { actions: 'takeEvicted' },
    'queue.left': { actions: 'takeLeft' },
    'queue.held': { actions: 'takeHold' },
    'queue.resumed': { actions: 'takeResumption' },
    'deploy.succeeded': { actions: 'takeDeployment' },
    'deploy.failed': { actions: 'takeFailedDeployment' },
    reconcile: { actions: ['tellPriority', 'takeEverything'] },
    'policy.changed': { actions: 'takePolicy' },
    'operator.prompted': { actions: ['hearOperator', 'offerMessage'] },
    'operator.stopped': { actions: 'rememberStop' },
    'operator.retried': { guard: 'canRetry', actions: ['tellRoom', 'retry'] },
    'operator.closed': { actions: 'close' },
    'operator.budgetReset': { actions: 'resetBudget' },
  },
})
