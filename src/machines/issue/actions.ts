// Which of the contract's actions an issue accepts now; the operator API refuses the others and lists these.

import type { IssueContext } from './context.ts'
import { canRetry } from './guards.ts'
import { presentReviews } from './head-facts.ts'
import { isDone } from './inbox.ts'
import { openPullRequest } from './policy.ts'

export const actions = [
  'prompt',
  'stop',
  'retry',
  'close',
  'delegate',
  'undelegate',
  'approve',
  'request_changes',
  'comment',
  'cancel',
  'reset_budget',
  'dismiss_review',
  'close_pull_request',
  'reopen_pull_request',
  'push',
] as const
export type ActionName = (typeof actions)[number]

/** What people do here only where the forge is the embedded one; another has a place of its own for it. */
const embeddedOnly: ReadonlySet<ActionName> = new Set(['approve', 'request_changes', 'dismiss_review', 'push'])

/** `terminal` is whether the active states carry the tag; `hosted` whether pull requests are at a forge elsewhere. */
export function acceptedActions(c: IssueContext, terminal: boolean, hosted = false): ActionName[] {
  const isMerged = c.pr?.state === 'merged'
  const isOpen = openPullRequest(c) !== null && !terminal
  const accepts: Record<ActionName, boolean> = {
    prompt: c.delegated && (!terminal || isDone(c)),
    stop: !terminal,
    retry: canRetry({ context: c, event: { type: 'operator.retried' } }),
    close: !terminal,
    delegate: !isMerged,
    undelegate: !terminal && c.delegated,
    approve: isOpen,
    request_changes: isOpen,
    comment: true,
    cancel: !terminal,
    reset_budget: !terminal,
    dismiss_review: isOpen && Object.values(presentReviews(c)).some(({ verdict }) => verdict !== 'dismissed'),
    close_pull_request: isOpen,
    reopen_pull_request: c.pr?.state === 'closed' && !terminal,
    push: isOpen,
  }
  return actions.filter((action) => accepts[action] && !(hosted && embeddedOnly.has(action)))
}
