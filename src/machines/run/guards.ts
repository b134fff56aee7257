// When a run may go on, and what its worktree has to show before anything is published.

import type { RunContext, SessionResult } from './context.ts'
import type { RunEvent } from './events.ts'
import { mostTurns, reportEvery } from './policy.ts'

interface Args {
  context: RunContext
  event: RunEvent | { type: string; [key: string]: unknown }
}

const resultOf = (event: Args['event']): SessionResult | null =>
  event.type === 'session.finished' ? (event['result' as never] as SessionResult) : null
const codeOf = (event: Args['event']): unknown => ((event as { error?: { code?: unknown } }).error ?? {}).code

/** When the agent says that it is done. */
export const hasCompleted = ({ event }: Args): boolean => resultOf(event)?.outcome === 'completed'
/** When the agent says that nothing had to be changed. */
export const hasNothingToChange = ({ event }: Args): boolean => resultOf(event)?.outcome === 'no_change'
/** When the agent asks a person. */
export const hasQuestion = ({ event }: Args): boolean => resultOf(event)?.outcome === 'needs_input'
/** When the session ended because its process did. */
export const isInterruption = ({ event }: Args): boolean => codeOf(event) === 'interrupted'
/** When the worktree is not usable any more: the agent deleted or replaced it. */
export const isBrokenWorktree = ({ event }: Args): boolean => codeOf(event) === 'worktree-missing' || codeOf(event) === 'worktree-broken'

const isTidy = (context: RunContext): boolean =>
  context.inspection !== null && context.inspection.dirty.length === 0 && context.inspection.operation === null

/** When uncommitted changes or an operation in progress are left, and a turn that commits them is too. */
export const canContinue = ({ context }: Args): boolean => !isTidy(context) && context.turns < mostTurns
/** When uncommitted changes or an operation in progress are left. */
export const isDirty = ({ context }: Args): boolean => !isTidy(context)
/** When the worktree is on another branch than the issue's. */
export const isOnOtherBranch = ({ context }: Args): boolean => context.inspection !== null && context.inspection.branch !== context.branch
/** When commits that were published or there before are gone from the branch. */
export const hasRewrittenHistory = ({ context }: Args): boolean => context.inspection?.descendsFromSince === false
/** When the head is where it was: nothing to publish. */
export const hasNotAdvanced = ({ context }: Args): boolean =>
  context.inspection !== null &&
  (context.inspection.commitsAhead === 0 ||
    context.inspection.head === (context.published ?? context.headBefore) ||
    context.inspection.head === context.past)
/** When the published head needs no push, since an earlier life of this run had pushed the work already. */
export const isReadyToPublish = ({ context }: Args): boolean =>
  isTidy(context) &&
  context.inspection!.branch === context.branch &&
  context.inspection!.descendsFromSince &&
  context.inspection!.commitsAhead > 0
/** When the issue was last told of progress long enough ago. */
export const canTellProgress = ({ context, event }: Args): boolean =>
  ((event as { at?: number }).at ?? context.now) - context.toldAt >= reportEvery
