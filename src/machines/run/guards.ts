// When a run may go on, and what its worktree has to show before anything is published.

import type { RunContext, SessionResult } from './context.ts'
import { mostChecks, mostCommits, mostResumes, reportEvery } from './policy.ts'
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
/** When the session ended because its process did. */
export const isInterruption = ({ event }: Args): boolean => codeOf(event) === 'interrupted'
/** When the interrupted agent has a thread to go on with. */
export const canResume = ({ context, event }: Args): boolean =>
  isInterruption({ context, event }) && context.thread !== null && context.resumes < mostResumes
/** When the issue was last told of progress long enough ago. */
export const canTellProgress = ({ context, event }: Args): boolean =>
  ((event as { at?: number }).at ?? context.now) - context.toldAt >= reportEvery

// --- the work --------------------------------------------------------------------------------------

/** When the worktree is not usable any more: the agent deleted or replaced it. */
export const isBrokenWorktree = ({ event }: Args): boolean => ['worktree-missing', 'worktree-broken'].includes(codeOf(event) ?? '')
/** When the worktree is on another branch than the issue's. */
export const isOnOtherBranch = ({ context }: Only): boolean => context.inspection !== null && context.inspection.branch !== context.branch
/** When commits that were published or there before are gone from the branch. */
export const hasRewrittenHistory = ({ context }: Only): boolean => context.inspection?.descendsFromSince === false
/** When uncommitted changes or an operation in progress are left. */
export const isDirty = ({ context: { inspection } }: Only): boolean =>
  inspection !== null && (inspection.dirty.length > 0 || inspection.operation !== null)
/** When they are, and a turn that commits them is too. */
export const canContinue = ({ context }: Only): boolean => isDirty({ context }) && context.commits < mostCommits
/** When there is a commit that is neither on the base nor published, nor the very head that was found wanting. */
export const hasAdvanced = ({ context: { inspection, published, past } }: Only): boolean =>
  inspection !== null && inspection.commitsAhead > 0 && inspection.head !== published && inspection.head !== past
/** When a repair takes commits back, or touches what no repair may touch. */
export const isOutOfScope = ({ context: { type, inspection } }: Only): boolean =>
  inspection !== null &&
  ((['review_fix', 'ci_repair', 'queue_repair', 'branch_upkeep'].includes(type) && inspection.reverts.length > 0) ||
    (['review_fix', 'ci_repair'].includes(type) && inspection.protectedFiles.length > 0))
/** When the reviewer would see the very change that was reviewed. To merge the base into a conflicting one is work all the same. */
export const isSamePatch = ({ context }: Only): boolean =>
  context.type === 'review_fix' &&
  !context.conflict &&
  context.pastPatch !== null &&
  context.inspection?.patchId === context.pastPatch &&
  hasAdvanced({ context })
/** When an implementation has changed nothing at all, and its agent may be asked why. What coordinates others changes nothing of its own. */
export const canCheckCompletion = ({ context: { type, published, umbrella, checksMade } }: Only): boolean =>
  type === 'implementation' && published === null && umbrella === null && checksMade < mostChecks
/** When the agent says that there is work left, and may go back to it. */
export const canGoOn = ({ context: { completion, checksMade } }: Only): boolean =>
  completion?.verdict === 'continue' && checksMade < mostChecks
/** When it was asked why nothing has changed, and asks a person. */
export const isAskingInstead = ({ context: { completion } }: Only): boolean => completion?.verdict === 'needs_input'

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
