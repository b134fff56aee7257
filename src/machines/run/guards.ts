// When a run may go on, and what its worktree has to show before anything is published.

import { isRefusedAccess } from '../vocabulary.ts'
import type { ChangeInFlight, RunContext, SessionResult } from './context.ts'
import { keepsOff, limitOf, reportEvery, spentBudget, usageWith } from './policy.ts'
import { verdictOf } from './review.ts'

interface Args {
  context: RunContext
  event: { type: string }
}
type Only = Pick<Args, 'context'>

const resultOf = (event: Args['event']): SessionResult | null => (event as { result?: SessionResult }).result ?? null
const codeOf = (event: Args['event']): string | null => (event as { error?: { code?: string } }).error?.code ?? null

// --- the session -----------------------------------------------------------------------------------

/** When the agent says that it is done, or that nothing had to be changed: its worktree decides. */
export const isForVerification = ({ event }: Args): boolean => ['completed', 'no_change'].includes(resultOf(event)?.outcome ?? '')
/** When the agent asks a person. */
export const hasQuestion = ({ event }: Args): boolean => resultOf(event)?.outcome === 'needs_input'
/** When something that is not the agent's own was changed while it was at work: whatever it says, nothing of it is gone on with. */
export const hasEscaped = ({ event }: Args): boolean => resultOf(event)?.failure === 'escape'
/** The same, of a turn that was cut off. */
export const hasLeftBounds = ({ event }: Args): boolean => {
  const { escape = null } = (event as { output?: { escape?: string | null } | null }).output ?? {}
  return escape !== null
}
/** When the session ended because its process did. */
export const isInterruption = ({ event }: Args): boolean => codeOf(event) === 'interrupted'
/** When the thread that the agent was to go on with is not to be had. */
export const isThreadLost = ({ context, event }: Args): boolean => resultOf(event)?.lost === true && context.thread !== null
/** When its thread has no room for another turn, nor has a fork of it, and a new one may be begun: not again and again. */
export const isThreadExhausted = ({ context, event }: Args): boolean =>
  resultOf(event)?.exhausted === true && context.thread !== null && context.restarts < limitOf(context, 'restarts')
/** When the agent's process has died in the middle of its turn and there is a way back: one that always dies has failed. */
export const hasDied = ({ context, event }: Args): boolean =>
  resultOf(event)?.died === true && (canResume({ context }) || canFork({ context }) || canStartAfresh({ context }))
/** When what the issue may spend in its whole life is used up with what the turn has used by now. */
export const isOverBudget = ({ context, event }: Args): boolean => spentBudget(context, usageWith(context, event)) !== null
/** When there is some left, and the issue was last told long enough ago. */
export const canTellUsage = ({ context, event }: Args): boolean => canTellProgress({ context, event }) && !isOverBudget({ context, event })
/** When the issue was last told of progress long enough ago. */
export const canTellProgress = ({ context, event }: Args): boolean =>
  ((event as { at?: number }).at ?? context.now) - context.toldAt >= reportEvery

// --- no progress -----------------------------------------------------------------------------------

/** When the worktree has changed since anything new was heard: an agent that says nothing works all the same. */
export const hasWorked = ({ context, event }: Args): boolean => {
  const { changedAt = null } = (event as { output?: { changedAt?: number | null } }).output ?? {}
  return changedAt !== null && changedAt > context.stillSince
}
/** When the running turn takes texts in, and has not been told yet that nothing is heard of it. */
export const canNudge = ({ context: { abilities, nudged } }: Only): boolean => abilities.steer && !nudged
/** When the answer is about a nudge and not about what a person has said. */
export const isNudge = ({ event }: Args): boolean => String((event as { id?: string }).id).startsWith('nudge-')
/** When the turn has not taken the last nudge in. */
export const isNudgeRefused = ({ context, event }: Args): boolean => {
  const { id, taken } = event as { id?: string; taken?: boolean }
  return id === `nudge-${context.nudges}` && taken === false
}
/** When the turn was cut off for having stalled. */
export const hasStalled = ({ context: { recovery } }: Only): boolean => recovery?.cause === 'stalled'

// --- recovery: asked in this order -----------------------------------------------------------------

/** When what was cut off is not one stall too many. */
const canRecover = ({ context }: Only): boolean => !hasStalled({ context }) || context.stalls <= limitOf(context, 'stalls')
/** When the agent has a thread to go on with. */
export const canResume = ({ context }: Only): boolean =>
  canRecover({ context }) && context.thread !== null && context.resumes < limitOf(context, 'resumes')
/** When a new thread can be made of the one it has. */
export const canFork = ({ context }: Only): boolean =>
  canRecover({ context }) && context.thread !== null && context.abilities.fork && context.forks < limitOf(context, 'forks')
/** When a new thread can take the place of the one that is not to be had; of a stalled agent that has none, another turn. */
export const canStartAfresh = ({ context }: Only): boolean =>
  canRecover({ context }) && (hasStalled({ context }) || (context.thread !== null && context.restarts < limitOf(context, 'restarts')))

// --- the work --------------------------------------------------------------------------------------

/** When the worktree is not usable any more: the agent deleted or replaced it. */
export const isBrokenWorktree = ({ event }: Args): boolean => ['worktree-missing', 'worktree-broken'].includes(codeOf(event) ?? '')
/** When the forge does not let us in, or not do that: nothing but a person changes it. */
export const isAccessRefused = ({ event }: Args): boolean => isRefusedAccess(codeOf(event))
/** When the worktree is on another branch than the issue's. */
export const isOnOtherBranch = ({ context }: Only): boolean => context.inspection !== null && context.inspection.branch !== context.branch
/** When commits that were published or there before are gone from the branch. */
export const hasRewrittenHistory = ({ context }: Only): boolean => context.inspection?.descendsFromSince === false
/** When uncommitted changes or an operation in progress are left. */
export const isDirty = ({ context: { inspection } }: Only): boolean =>
  inspection !== null && (inspection.dirty.length > 0 || inspection.operation !== null)
/** When they are, and a turn that commits them is too. */
export const canContinue = ({ context }: Only): boolean => isDirty({ context }) && context.commits < limitOf(context, 'commits')
/** When there is a commit that is neither on the base nor published, nor the very head that was found wanting. */
export const hasAdvanced = ({ context: { inspection, published, past } }: Only): boolean =>
  inspection !== null && inspection.commitsAhead > 0 && inspection.head !== published && inspection.head !== past
/** When what only holds other issues together has a change of its own, without having had one before. */
export const isUmbrellaChange = ({ context: { type, umbrella, published, inspection } }: Only): boolean =>
  type === 'implementation' && umbrella !== null && published === null && inspection !== null && inspection.commitsAhead > 0
/** When a repair takes commits back, or touches what no repair may touch. */
export const isOutOfScope = ({ context: { type, inspection } }: Only): boolean =>
  inspection !== null &&
  ((['review_fix', 'ci_repair', 'queue_repair', 'branch_upkeep'].includes(type) && inspection.reverts.length > 0) ||
    (keepsOff(type) && inspection.protectedFiles.length > 0))
/** When the reviewer would see the very change that was reviewed. To merge the base into a conflicting one is work all the same. */
export const isSamePatch = ({ context }: Only): boolean =>
  context.type === 'review_fix' &&
  !context.conflict &&
  context.pastPatch !== null &&
  context.inspection?.patchId === context.pastPatch &&
  hasAdvanced({ context })
const hasCheckLeft = (c: RunContext): boolean => c.checksMade < limitOf(c, 'completionChecks')
/** When an implementation has changed nothing at all, and its agent may be asked why. What coordinates others changes nothing of its own. */
export const canCheckCompletion = ({ context }: Only): boolean =>
  context.type === 'implementation' && context.published === null && context.umbrella === null && hasCheckLeft(context)
/** When the agent says that there is work left, and may go back to it. */
export const canGoOn = ({ context }: Only): boolean => context.completion?.verdict === 'continue' && hasCheckLeft(context)
/** When it was asked why nothing has changed, and asks a person. */
export const isAskingInstead = ({ context: { completion } }: Only): boolean => completion?.verdict === 'needs_input'
/** When the work is ready for its first publication, and was not compared with the changes in flight yet. */
export const canCompare = ({ context }: Only): boolean =>
  context.sequencing &&
  context.type === 'implementation' &&
  context.published === null &&
  context.onto === null &&
  context.sequence === null &&
  canPublish({ context })
/** When the comparison has found a change that this one contradicts. */
export const hasConflict = ({ event }: Args): boolean => ((event as { output?: ChangeInFlight | null }).output ?? null) !== null
/** When the turn is to base the work on another change. */
export const isStacking = ({ context: { turnKind } }: Only): boolean => turnKind === 'stack'
/** When it was, and the work is not there: not finished, not clean, or without the other change. */
export const isNotStacked = ({ context }: Only): boolean =>
  isStacking({ context }) && !(context.inspection?.hasParent === true && canPublish({ context }))

// --- a review --------------------------------------------------------------------------------------

/** When it is a review: it gives a verdict and has no change of its own. */
export const isReview = ({ context }: Only): boolean => context.type === 'review'
/** When the reviewer has changed what was under review, or its head: what it says is about something else. */
export const hasTampered = ({ context: { type, inspection, past } }: Only): boolean =>
  type === 'review' && inspection !== null && (inspection.head !== past || inspection.dirty.length > 0)
/** When its answer can be read as a verdict. Nothing else is one: no review approves by default. */
export const hasVerdict = ({ context: { type, result, past } }: Only): boolean =>
  type === 'review' && past !== null && result !== null && verdictOf(result) !== null
/** When the forge has taken the verdict: the pull request still has the head that it is about. */
export const isCounted = ({ event }: Args): boolean => (event as { output?: { counts?: boolean } }).output?.counts === true

// --- the end of the work ---------------------------------------------------------------------------

/** When everything is committed, on the branch, on top of what was there, and new. A reviewer's commits are nobody's change. */
export const canPublish = ({ context }: Only): boolean =>
  context.type !== 'review' &&
  hasAdvanced({ context }) &&
  !isDirty({ context }) &&
  !isOnOtherBranch({ context }) &&
  !hasRewrittenHistory({ context })
