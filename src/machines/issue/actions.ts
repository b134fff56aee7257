// Which of the contract's actions an issue accepts now; the operator API refuses the others and lists these.

import type { IssueContext } from './context.ts'
import { canRetry } from './guards.ts'
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
] as const
export type ActionName = (typeof actions)[number]

/** `terminal` is whether the active states carry the tag. */
export function acceptedActions(c: IssueContext, terminal: boolean): ActionName[] {
  const isMerged = c.pr?.state === 'merged'
  const isOpen = openPullRequest(c) !== null && !terminal
  const accepts: Record<ActionName, boolean> = {
    prompt: !terminal,
    stop: !terminal,
    retry: canRetry({ context: c, event: { type: 'operator.retried' } }),
    close: !terminal,
    delegate: !isMerged,
    undelegate: !terminal && c.delegated,
    approve: isOpen,
    request_changes: isOpen,
    comment: true,
    cancel: !terminal,
  }
  return actions.filter((action) => accepts[action])
}
