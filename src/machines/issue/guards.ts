// When an issue is in a phase, and when something may be done for it: pure predicates over facts in context.

import type { RunOutput } from '../run/context.ts'
import { runTypes, type RunType } from '../vocabulary.ts'
import type { IssueContext } from './context.ts'
import {
  environmentAttempts,
  exhausted,
  freeInterruptions,
  isLandable,
  neededRun,
  openBlockers,
  openPullRequest,
  phaseOf,
  reviewState,
} from './policy.ts'

interface Args {
  context: IssueContext
  event: { type: string }
}
type Only = Pick<Args, 'context'>

const field = (event: Args['event'], name: string): unknown => (event as Record<string, unknown>)[name]

/** When the change is approved and green at its very head (P4). */
export const canLand = ({ context }: Only): boolean => isLandable(context)

// --- the phase ---------------------------------------------------------------------------------

export const isDelegated = ({ context }: Only): boolean => phaseOf(context) === 'delegated'
export const isImplementing = ({ context }: Only): boolean => phaseOf(context) === 'implementing'
export const isOpen = ({ context }: Only): boolean => phaseOf(context) === 'pr_open'
export const isChangesRequested = ({ context }: Only): boolean => phaseOf(context) === 'changes_requested'
export const isRepairingCi = ({ context }: Only): boolean => phaseOf(context) === 'repairing_ci'
export const isAwaitingQueue = ({ context }: Only): boolean => phaseOf(context) === 'awaiting_queue'
export const isRepairingQueue = ({ context }: Only): boolean => phaseOf(context) === 'repairing_queue'
export const isDeploying = ({ context }: Only): boolean => phaseOf(context) === 'deploying'
export const isAwaitingInput = ({ context }: Only): boolean => phaseOf(context) === 'awaiting_input'
export const isEscalated = ({ context }: Only): boolean => phaseOf(context) === 'escalated'
export const isFailed = ({ context }: Only): boolean => phaseOf(context) === 'failed'
export const isDone = ({ context }: Only): boolean => phaseOf(context) === 'done'

// --- authority -------------------------------------------------------------------------------------

export const isStopped = ({ context }: Only): boolean => context.stop !== null
export const isObserving = ({ context }: Only): boolean => context.stop === null && !context.delegated
/** When we may act: delegated, and not stopped. */
export const isActing = ({ context }: Only): boolean => context.stop === null && context.delegated

// --- runs ------------------------------------------------------------------------------------------

export const isBlocked = ({ context: c }: Only): boolean => c.pr === null && openBlockers(c).length > 0

export const hasBudget = ({ context }: Only): boolean => exhausted(context) === null

/** When a run is needed and we may act. */
export const isRunNeeded = ({ context: c }: Only): boolean => isActing({ context: c }) && neededRun(c) !== null && c.run === null
export const isRunNotNeeded = ({ context: c }: Only): boolean => !isRunNeeded({ context: c })

const at = (c: IssueContext, event: Args['event']): number => Math.max(c.now, Number(field(event, 'at') ?? 0))

/** When a failed run's pause is not over. */
export const isPausing = ({ context: c, event }: Args): boolean => at(c, event) < c.notBefore

export const isNotPausing = ({ context, event }: Args): boolean => !isPausing({ context, event })

/** When a run is needed and neither blockers, a pause nor a budget hold it back. */
export const canStart = ({ context: c, event }: Args): boolean =>
  isRunNeeded({ context: c }) && !isBlocked({ context: c }) && !isPausing({ context: c, event }) && hasBudget({ context: c })

/** When the needed run is held back by blockers. */
export const isHeldByBlockers = ({ context: c }: Only): boolean => isRunNeeded({ context: c }) && isBlocked({ context: c })
export const isNotHeldByBlockers = ({ context: c }: Only): boolean => !isHeldByBlockers({ context: c })

/** When the needed run's budget is used up: a human has to decide. */
export const isExhausted = ({ context: c }: Only): boolean =>
  isRunNeeded({ context: c }) && !isBlocked({ context: c }) && !hasBudget({ context: c })

/** When the active run no longer serves: we may not act any more, the issue is closed, or its reason is gone. */
export const isRunUnwanted = ({ context: c }: Only): boolean => {
  if (c.run === null) return false
  if (!isActing({ context: c })) return true
  const phase = phaseOf(c)
  if (phase === 'done' || phase === 'failed' || phase === 'deploying') return true
  // An approval in the middle of a fix of the review supersedes the fix.
  return c.run.type === 'review_fix' && c.run.given.length === 0 && openPullRequest(c) !== null && reviewState(c) === 'approved'
}

/** When the event is of a run that is not (any more) the active one. */
export const isOfOtherRun = ({ context, event }: Args): boolean => context.run === null || field(event, 'runId') !== context.run.id

export const hasNoRun = ({ context }: Only): boolean => context.run === null

// --- how a run ended ---------------------------------------------------------------------------------

const output = (event: Args['event']): RunOutput => event as unknown as RunOutput

/** When the run published, or was ended by us: nothing failed. */
export const isSettledWell = ({ event }: Args): boolean => ['completed', 'released', 'superseded'].includes(output(event).outcome)
export const isQuestion = ({ event }: Args): boolean => output(event).outcome === 'needs_input'
export const isWithoutChange = ({ event }: Args): boolean => output(event).outcome === 'no_change'
/** When its process died; the run starts again at once, a bounded number of times in a row without progress. */
export const isFreeInterruption = ({ context, event }: Args): boolean =>
  output(event).outcome === 'interrupted' && (output(event).progressed || context.interruptions < freeInterruptions)
/** When it died so often that pauses between the starts are called for. */
export const isRecoverable = ({ context, event }: Args): boolean =>
  output(event).outcome === 'interrupted' && context.recoveries < context.policy.budgets.recovery
export const isInterrupted = ({ event }: Args): boolean => output(event).outcome === 'interrupted'
/** When the environment failed it (a command that is not there, a timeout, git): bounded retries, no budget. */
export const isEnvironmentFailure = ({ context, event }: Args): boolean =>
  (output(event).failure === 'environment' || output(event).failure === 'capacity') && context.environmentFailures + 1 < environmentAttempts
/** When the agent failed it and another attempt is in the budget. */
export const isAgentFailure = ({ context, event }: Args): boolean =>
  output(event).failure === 'agent' && context.run !== null && context.attempts[context.run.type] < context.policy.budgets[context.run.type]

// --- people ------------------------------------------------------------------------------------------

/** When the retry names a run type that exists, or none. */
export const isKnownRetry = ({ event }: Args): boolean =>
  (field(event, 'runType') ?? null) === null || runTypes.includes(field(event, 'runType') as RunType)

/** When the grant is for this very issue and it can be used. */
export const canClaim = ({ context, event }: Args): boolean => canStart({ context, event }) && context.capacity !== 'none'

/** When the landing that is asked for is not of the present head. */
export const isOtherHeadAsked = ({ context: c }: Only): boolean =>
  isAwaitingQueue({ context: c }) && c.landing !== null && c.landing !== c.pr?.headSha
/** When a landing may be asked for: acting, and the project lands by queue. */
export const canAskToLand = ({ context: c }: Only): boolean =>
  isActing({ context: c }) && canLand({ context: c }) && c.policy.landing === 'queue'
/** When it may not (any more): what was asked is withdrawn. */
export const cannotAskToLand = ({ context: c }: Only): boolean => !canAskToLand({ context: c })
