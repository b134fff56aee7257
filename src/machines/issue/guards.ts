// When an issue is in a phase, and when something may be done for it: pure predicates over facts in context.

import type { RunOutput } from '../run/context.ts'
import { runTypes, type RunType } from '../vocabulary.ts'
import * as account from './account.ts'
import { isLinkOpen, linksOf } from './adoption.ts'
import type { IssueContext } from './context.ts'
import { presentHead } from './head-facts.ts'
import { isForUs } from './inbox.ts'
import { intentOf, type Intent } from './intent.ts'
import { isWorkWanted } from './late-publication.ts'
import * as policy from './policy.ts'
import * as settlement from './settlement.ts'
import { isCovered, isUmbrella, openChildren } from './umbrella.ts'

interface Args {
  context: IssueContext
  event: { type: string }
}
type Only = Pick<Args, 'context'>

const field = (event: Args['event'], name: string): unknown => (event as Record<string, unknown>)[name]
const timeOf = (c: IssueContext, event: Args['event']): number => Math.max(c.now, Number(field(event, 'at') ?? 0))

// --- the phase: exactly one of these holds ---------------------------------------------------------

export const isDelegated = ({ context }: Only): boolean => policy.phaseOf(context) === 'delegated'
export const isImplementing = ({ context }: Only): boolean => policy.phaseOf(context) === 'implementing'
export const isOpen = ({ context }: Only): boolean => policy.phaseOf(context) === 'pr_open'
export const isChangesRequested = ({ context }: Only): boolean => policy.phaseOf(context) === 'changes_requested'
export const isRepairingCi = ({ context }: Only): boolean => policy.phaseOf(context) === 'repairing_ci'
export const isAwaitingQueue = ({ context }: Only): boolean => policy.phaseOf(context) === 'awaiting_queue'
export const isRepairingQueue = ({ context }: Only): boolean => policy.phaseOf(context) === 'repairing_queue'
export const isDeploying = ({ context }: Only): boolean => policy.phaseOf(context) === 'deploying'
export const isAwaitingInput = ({ context }: Only): boolean => policy.phaseOf(context) === 'awaiting_input'
export const isEscalated = ({ context }: Only): boolean => policy.phaseOf(context) === 'escalated'
export const isFailed = ({ context }: Only): boolean => policy.phaseOf(context) === 'failed'
export const isDone = ({ context }: Only): boolean => policy.phaseOf(context) === 'done'

// --- the entries of the lifecycle: when it is so and was not so before --------------------------------

export const hasBecomeDelegated = ({ context }: Only): boolean => context.phase !== 'delegated' && isDelegated({ context })
export const hasBecomeImplementing = ({ context }: Only): boolean => context.phase !== 'implementing' && isImplementing({ context })
export const hasBecomeOpen = ({ context }: Only): boolean => context.phase !== 'pr_open' && isOpen({ context })
export const hasBecomeChangesRequested = ({ context }: Only): boolean =>
  context.phase !== 'changes_requested' && isChangesRequested({ context })
export const hasBecomeRepairingCi = ({ context }: Only): boolean => context.phase !== 'repairing_ci' && isRepairingCi({ context })
export const hasBecomeAwaitingQueue = ({ context }: Only): boolean => context.phase !== 'awaiting_queue' && isAwaitingQueue({ context })
export const hasBecomeRepairingQueue = ({ context }: Only): boolean => context.phase !== 'repairing_queue' && isRepairingQueue({ context })
export const hasBecomeDeploying = ({ context }: Only): boolean => context.phase !== 'deploying' && isDeploying({ context })
export const hasBecomeAwaitingInput = ({ context }: Only): boolean => context.phase !== 'awaiting_input' && isAwaitingInput({ context })
export const hasBecomeEscalated = ({ context }: Only): boolean => context.phase !== 'escalated' && isEscalated({ context })
export const hasBecomeFailed = ({ context }: Only): boolean => context.phase !== 'failed' && isFailed({ context })
export const hasBecomeDone = ({ context }: Only): boolean => context.phase !== 'done' && isDone({ context })

// --- authority -------------------------------------------------------------------------------------

export const isStopped = ({ context }: Only): boolean => context.stop !== null
export const isObserving = ({ context }: Only): boolean => context.stop === null && !context.delegated
/** When we may act: delegated, and not stopped. */
export const isActing = ({ context }: Only): boolean => context.stop === null && context.delegated

// --- runs ------------------------------------------------------------------------------------------

/** When a run is needed and we may act. */
export const isRunNeeded = ({ context: c }: Only): boolean => isActing({ context: c }) && c.run === null && policy.neededRun(c) !== null
export const isRunNotNeeded = ({ context }: Only): boolean => !isRunNeeded({ context })

/** When the needed run, a repair too, is held back by other issues: its result would stand on work that is not there. */
export const isBlocked = ({ context: c }: Only): boolean => isRunNeeded({ context: c }) && policy.openBlockers(c).length > 0
export const isNotBlocked = ({ context }: Only): boolean => !isBlocked({ context })

/** When the attempts for what is needed are used up: a human has to decide. */
export const isOutOfAttempts = ({ context: c }: Only): boolean =>
  isRunNeeded({ context: c }) && !isBlocked({ context: c }) && policy.attemptsSpent(c) !== null

/** When a budget for the issue's whole life is used up. */
export const isOverBudget = ({ context: c }: Only): boolean => isRunNeeded({ context: c }) && policy.lifetimeSpent(c) !== null
export const hasBudget = ({ context }: Only): boolean => !isOverBudget({ context })

/** When an umbrella's children may still be coming: its first run waits for a while without news of them. */
export const isSettling = ({ context: c, event }: Args): boolean =>
  isRunNeeded({ context: c }) && isUmbrella(c) && !c.claimed && timeOf(c, event) < c.childrenAt + c.policy.delays.settle

/** When the pause after a failure is not over. */
export const isPausing = ({ context: c, event }: Args): boolean => timeOf(c, event) < c.notBefore
export const isNotPausing = ({ context, event }: Args): boolean => !isPausing({ context, event })

/** When a run is needed and neither blockers, a pause nor a budget hold it back. */
export const canStart = ({ context, event }: Args): boolean =>
  isRunNeeded({ context }) &&
  isNotBlocked({ context }) &&
  isNotPausing({ context, event }) &&
  !isSettling({ context, event }) &&
  hasBudget({ context }) &&
  !isOutOfAttempts({ context })
/** When something other than a place is waited for again. */
export const cannotStart = ({ context, event }: Args): boolean => !canStart({ context, event })

/** When the grant answers the request that stands, and a run may start now. */
export const canTakePlace = ({ context: c, event }: Args): boolean =>
  canStart({ context: c, event }) && c.capacity === 'requested' && (field(event, 'request') ?? c.requests) === c.requests
/** When the place that is asked for is for other agents than those that may do what is needed by now. */
export const isOtherAgentNeeded = ({ context: c }: Only): boolean => {
  const type = policy.neededRun(c)
  return c.capacity === 'requested' && type !== null && policy.agentsFor(c.policy, type).join(' ') !== c.agents.join(' ')
}
export const hasPlace = ({ context: c }: Only): boolean => c.capacity === 'granted'
/** When the place that is taken away is the one asked for last. */
export const isOwnPlace = ({ context: c, event }: Args): boolean => (field(event, 'request') ?? c.requests) === c.requests

/** When the active run no longer serves: we may not act any more, the issue has its end, or its reason is gone. */
export const isRunUnwanted = ({ context: c }: Only): boolean =>
  c.run !== null &&
  (!isActing({ context: c }) ||
    isDone({ context: c }) ||
    isFailed({ context: c }) ||
    isEscalated({ context: c }) ||
    isDeploying({ context: c }) ||
    policy.isRunPointless(c))

/** When the event is of a run that is not (any more) the active one. */
export const isOfOtherRun = ({ context, event }: Args): boolean => context.run === null || field(event, 'runId') !== context.run.id
/** When others were told long enough ago what the run has used, and it has used more by now. */
export const isAccountDue = ({ context, event }: Args): boolean => account.isDue(context, field(event, 'usage'), timeOf(context, event))
/** When the child that ended is the active run: it ended without its answer. */
export const isOwnRun = ({ context, event }: Args): boolean => context.run !== null && field(event, 'actorId') === context.run.id

// --- how a run ended: asked in this order ----------------------------------------------------------

const output = (event: Args['event']): RunOutput => event as unknown as RunOutput
const hasAttempt = ({ run, attempts, policy: { budgets } }: IssueContext): boolean => run !== null && attempts[run.type] < budgets[run.type]

/** When the run published its work. */
export const isCompleted = ({ event }: Args): boolean => output(event).outcome === 'completed'
/** When an umbrella has nothing to do until its children are delivered. What is wrong with a pull request of it is another matter. */
export const isResting = ({ context, event }: Args): boolean =>
  isWithoutChange({ context, event }) &&
  policy.openPullRequest(context) === null &&
  openChildren(context).length > 0 &&
  isUmbrella(context) &&
  output(event).completion !== 'failed'
/**
 * When the agent says, asked again and with nothing left in its worktree, that the issue needs no change; or when it had nothing to do for
 * an umbrella whose children are all delivered.
 */
export const isConcluded = ({ context, event }: Args): boolean =>
  isWithoutChange({ context, event }) &&
  context.pr === null &&
  (output(event).completion === 'done' || (output(event).completion === null && isCovered(context)))
/** When it says that there is work left: another attempt, while there are any. */
export const isUnfinished = ({ context, event }: Args): boolean =>
  isWithoutChange({ context, event }) && output(event).completion === 'continue' && hasAttempt(context)
/** When nothing was found to repair about red checks: they may come and go by themselves, which one more run of them shows. */
export const isIrreproducible = ({ context, event }: Args): boolean =>
  isWithoutChange({ context, event }) && context.run?.type === 'ci_repair' && policy.canRerun(context)
/** When it has failed or found nothing to do, and what it was started for is gone meanwhile: no person has to hear of it. */
export const isNeedless = ({ context, event }: Args): boolean => settlement.isNeedless(context, output(event))
/** When we ended it ourselves: nothing failed. */
export const isCalledOff = ({ event }: Args): boolean => ['released', 'superseded'].includes(output(event).outcome)
export const isQuestion = ({ event }: Args): boolean => output(event).outcome === 'needs_input'
export const isWithoutChange = ({ event }: Args): boolean => output(event).outcome === 'no_change'
/** When its process died; the run starts again at once, a bounded number of times in a row without progress. */
export const isFreeInterruption = ({ context, event }: Args): boolean =>
  output(event).outcome === 'interrupted' && (output(event).progressed || context.interruptions < context.policy.budgets.interruptions)
/** When it died so often that pauses between the starts are called for. */
export const isRecoverable = ({ context, event }: Args): boolean =>
  output(event).outcome === 'interrupted' && context.recoveries < context.policy.budgets.recovery
/**
 * When the agent's provider has no room: waiting costs nothing, but it does not go on for ever. What it tells of the end of it is believed
 * more often than nothing is.
 */
export const isShortage = ({ context: c, event }: Args): boolean => {
  if (output(event).failure !== 'capacity') return false
  const { isTold } = policy.roomAgain({ ...c, now: timeOf(c, event) }, output(event).retryAt)
  return isTold ? c.resets < c.policy.budgets.resets : c.capacityFailures < c.policy.budgets.capacity
}
/** When its turn was ended because it had used up what the issue may spend in its whole life. */
export const isCutShort = ({ event }: Args): boolean => output(event).failure === 'budget'
/**
 * When the forge has its work, and did not take all that goes with it (the pull request's text, the answers to reviewers): no other run
 * is needed for that head, and nobody would be told.
 */
export const isHalfPublished = ({ context: c, event }: Args): boolean =>
  output(event).outcome === 'failed' && c.run !== null && c.run.publishing !== null && c.pr?.headSha === c.run.publishing
/** When the environment failed it (a command that is not there, a timeout, git): bounded retries, no budget. */
export const isEnvironmentFailure = ({ context, event }: Args): boolean =>
  output(event).failure === 'environment' && context.environmentFailures + 1 < context.policy.budgets.environment
/** When the agent failed it and another attempt is in the budget. */
export const isAgentFailure = ({ context, event }: Args): boolean => output(event).failure === 'agent' && hasAttempt(context)

// --- people ----------------------------------------------------------------------------------------

const said = (event: Args['event']) => ({ via: String(field(event, 'via') ?? ''), text: String(field(event, 'text') ?? '') })
/** As the agent has read it, where it was asked and was sure; else by the fixed rules. */
const intentIn = (event: Args['event']): Intent => (field(event, 'intent') as Intent | null | undefined) ?? intentOf(said(event).text)

/** When somebody asks us how it goes: it is answered at once, and no run hears of it. */
export const isStatusQuestion = ({ event }: Args): boolean => isForUs(said(event)) && intentIn(event) === 'status'
/** When somebody tells us in words to stop. */
export const isStopWord = ({ event }: Args): boolean => isForUs(said(event)) && intentIn(event) === 'stop'

/** When the change has not landed (or its deployment failed), the issue is ours to work on, and the run type, if one is named, exists. */
export const canRetry = ({ context: c, event }: Args): boolean =>
  (c.pr?.state !== 'merged' || c.deploy?.state === 'failed') &&
  c.delegated &&
  [null, ...runTypes].includes((field(event, 'runType') ?? null) as RunType | null)

// --- adoption --------------------------------------------------------------------------------------

const mayAdopt = (c: IssueContext): boolean => isActing({ context: c }) && isDelegated({ context: c }) && c.run === null && isLinkOpen(c)
/** When one pull request is linked that nobody has looked at. */
export const isAdoptionWanted = ({ context: c }: Only): boolean => mayAdopt(c) && linksOf(c).length === 1
/** When a person has changed meanwhile what is linked: the answer is of something that nobody means any more. */
export const isLinkChanged = ({ context: c }: Only): boolean => c.adoption?.state === 'open' && c.adoption.links !== linksOf(c).join(' ')
/** When several are: which one is meant is not guessed. */
export const isLinkAmbiguous = ({ context: c }: Only): boolean => mayAdopt(c) && linksOf(c).length > 1

// --- a publication that came late --------------------------------------------------------------------

/** When a run that was called off has published, nobody wants it, and the forge has not been asked to close it. */
export const isWithdrawalWanted = ({ context: c }: Only): boolean =>
  c.run === null && c.late !== null && c.late.pr !== null && c.late.state !== 'withdrawn' && !isWorkWanted(c)
/** When it is wanted after all, before it was closed. */
export const isLateWelcome = ({ context: c }: Only): boolean =>
  c.run === null && c.late !== null && c.late.pr !== null && c.late.state === 'new' && isWorkWanted(c)
/** When it is wanted again, after it was. */
export const isRestorationWanted = ({ context: c }: Only): boolean =>
  c.run === null && c.late !== null && c.late.state === 'withdrawn' && isWorkWanted(c)

// --- checks ----------------------------------------------------------------------------------------

/** When red checks are known to come and go by themselves, and this head's have not been run again yet. */
export const isRerunWanted = ({ context: c }: Only): boolean => isActing({ context: c }) && policy.isRerunWanted(c)

// --- landing ---------------------------------------------------------------------------------------

/** When the change awaits the queue, which is approved and green at its very head (P4), we may act, and the project lands by queue. */
export const canLand = ({ context: c }: Only): boolean =>
  isActing({ context: c }) && isAwaitingQueue({ context: c }) && c.policy.landing === 'queue'
/** When it may not land (any more): what was asked is withdrawn. */
export const cannotLand = ({ context }: Only): boolean => !canLand({ context })
/** When the landing queue does not say that it has the present head: it has let it go, or has never said anything. */
export const isOutOfQueue = ({ context: c }: Only): boolean => presentHead(c).queue?.state !== 'queued'
/** When the landing that is asked for is not of the present head. */
export const isOtherHeadAsked = ({ context: c }: Only): boolean => c.landing !== null && c.landing !== c.pr?.headSha
