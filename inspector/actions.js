// What a person can do to an issue: which event of the machine an action becomes, and what it asks for.

/** `isOffered` says when an action makes no sense whatever the machine accepts. An action without events is always accepted. */
const actions = [
  {
    action: 'prompt',
    label: 'Send a message',
    events: ['operator.prompted', 'tracker.prompted'],
    field: { name: 'text', label: 'Message to the agent', required: true },
  },
  {
    action: 'approve',
    label: 'Approve',
    events: ['review.approved'],
    field: { name: 'body', label: 'Comment (may be empty)' },
    isOffered: isReviewable,
  },
  {
    action: 'request_changes',
    label: 'Request changes',
    events: ['review.changesRequested'],
    field: { name: 'body', label: 'What should change', required: true },
    isOffered: isReviewable,
  },
  {
    action: 'dismiss_review',
    label: 'Dismiss reviews',
    events: ['review.dismissed'],
    field: { name: 'reviewer', label: 'Whose review (empty: all)' },
    isOffered: isReviewable,
  },
  { action: 'close_pull_request', label: 'Close the pull request', events: ['pr.closed'], isGrave: true, isOffered: isReviewable },
  {
    action: 'reopen_pull_request',
    label: 'Reopen the pull request',
    events: ['pr.reopened'],
    isOffered: (issue) => issue.pr !== null && issue.pr.state === 'closed',
  },
  { action: 'reset_budget', label: 'Reset budgets', events: ['operator.budgetReset'], isOffered: (issue) => issue.budgets.runs.used > 0 },
  { action: 'retry', label: 'Retry', events: ['operator.retried'] },
  { action: 'delegate', label: 'Delegate', events: ['tracker.delegated'], isOffered: (issue) => !issue.delegated },
  { action: 'undelegate', label: 'Take back', events: ['tracker.undelegated'], isOffered: (issue) => issue.delegated },
  { action: 'comment', label: 'Comment', events: [], field: { name: 'text', label: 'Comment', required: true } },
  {
    action: 'stop',
    label: 'Stop',
    events: ['operator.stopped', 'tracker.stopRequested'],
    field: { name: 'reason', label: 'Reason (may be empty)' },
    isGrave: true,
    isOffered: (issue) => issue.authority !== 'stopped',
  },
  {
    action: 'close',
    label: 'Close',
    events: ['operator.closed'],
    choice: { name: 'as', label: 'Close as', values: ['done', 'failed'] },
    isGrave: true,
  },
]

function isReviewable(issue) {
  return issue.pr !== null && issue.pr.state === 'open'
}

/** The actions to show: those that the machine accepts now, as its own explanation says. */
export function acceptedActions(issue, explanation) {
  if (explanation === null) return []
  const enabled = new Set(explanation.events.filter((event) => event.enabled).map((event) => event.type))
  const isAccepted = ({ action, events }) =>
    explanation.actions?.includes(action) ?? (events.length === 0 || events.some((event) => enabled.has(event)))
  return actions.filter((one) => isAccepted(one) && (one.isOffered?.(issue) ?? true))
}
