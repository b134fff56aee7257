// The numbers of the issue's policy, and the decisions that are more than a predicate.

import { pauseBefore } from '../backoff.ts'
import type { Phase, RunType } from '../vocabulary.ts'
import { isLinkOpen, isUnfinished } from './adoption.ts'
import type { ChecksFact, IssueContext } from './context.ts'
import type { Blocker } from './events.ts'
import type { RunLimits } from '../run/context.ts'
import { presentHead, presentReviews } from './head-facts.ts'
import { isResting, isUmbrella } from './umbrella.ts'

export interface IssuePolicy {
  /**
   * Attempts by run type, for the issue's life between two heads that are not ours, human words or resets. In a row: `interruptions`
   * without progress before the recovery backoff begins, `recovery` of those, and `environment` failures, `capacity` waits and waits
   * until a time that the provider has told (`resets`) before a human is asked. For the issue's whole life: the others.
   */
  budgets: Record<RunType | 'interruptions' | 'recovery' | 'environment' | 'capacity' | 'resets' | 'runs' | 'hours', number> &
    Record<'tokens' | 'usd', number | null>
  /**
   * Milliseconds. `recovery`: the first pause after a failure, doubled up to `longest`. `settle`: without news of its children before
   * an umbrella's first run. `queueHealth`: without a word of the landing queue before it is asked. `reviewStuck`: in review before
   * people are told. `confirmation`: from a publication until what the forge says instead is believed.
   */
  delays: Record<'recovery' | 'longest' | 'settle' | 'confirmation' | 'queueHealth' | 'reviewStuck', number>
  /** Of one run: each is told with its assignment. */
  limits: RunLimits
  review: 'human' | 'agent' | 'none'
  /** False when the project declares no checks: then nothing is waited for. */
  checks: boolean
  landing: 'queue' | 'manual'
  /** Whether a change is based on one in flight that it contradicts, before it is published. */
  sequencing: boolean
  deploy: { timeout: number } | null
  /** What a repair must not touch (core §3.11). */
  protectedPaths: string[]
  agent: string
  /** By run type, where it differs. */
  agents: Partial<Record<RunType, string>>
  /** By agent: the one that does its work while it has no room. */
  failover: Record<string, string>
}

export const defaultPolicy: IssuePolicy = {
  budgets: {
    implementation: 3,
    review_fix: 10,
    ci_repair: 10,
    queue_repair: 10,
    branch_upkeep: 5,
    review: 10,
    interruptions: 5,
    recovery: 5,
    environment: 5,
    // About four hours.
    capacity: 24,
    // Twelve days of an account whose window of five hours is used up whenever it begins; of one that resets once a week, a year.
    resets: 60,
    runs: 40,
    hours: 24,
    tokens: null,
    usd: null,
  },
  delays: {
    recovery: 15_000,
    longest: 10 * 60_000,
    settle: 10_000,
    confirmation: 2 * 60_000,
    queueHealth: 2 * 60_000,
    reviewStuck: 30 * 60_000,
  },
  limits: { run: 120 * 60_000, progress: 15 * 60_000 },
  review: 'human',
  checks: true,
  landing: 'queue',
  sequencing: true,
  deploy: null,
  protectedPaths: [
    '.github/workflows/**',
    '.signalbox/**',
    'AGENTS.md',
    'CLAUDE.md',
    'DEV_SETUP.md',
    'IMPLEMENTATION_WORKFLOW.md',
    'REVIEW_WORKFLOW.md',
    'package.json',
    'package-lock.json',
    'pnpm-lock.yaml',
  ],
  agent: 'default',
  agents: {},
  failover: {},
}

/** The pause before attempt `n` (from 1) after a failure. */
export const backoff = ({ delays }: IssuePolicy, n: number): number => pauseBefore({ pause: delays.recovery, longest: delays.longest }, n)

export const agentFor = (policy: IssuePolicy, type: RunType): string => policy.agents[type] ?? policy.agent

/**
 * The run that was claimed goes on in the conversation of the one before: a person has answered it or tells it more, or it is to go on
 * with what it has left. What the checks, a reviewer or the queue say is looked at afresh (edge 333).
 */
export const goesOnInThread = (c: IssueContext): boolean =>
  c.thread?.agent === c.run!.agent &&
  c.run!.type !== 'review' &&
  (c.answered !== null || c.keep || (c.run!.type === 'implementation' && c.run!.given.length > 0))
/** The agents that may do the work, in the order in which they are asked for room; none of them twice. */
export function agentsFor(policy: IssuePolicy, type: RunType): string[] {
  const chain: string[] = []
  for (let next: string | undefined = agentFor(policy, type); next !== undefined && !chain.includes(next); next = policy.failover[next])
    chain.push(next)
  return chain
}

/** The longest wait for a provider without a look at whether it has room, milliseconds: what it tells may be wrong, or a mistake. */
const longestShortage = 24 * 3_600_000

/** When the provider of the run's agent is to be asked again, epoch ms; `isTold` when it has said so itself. A time in the past says nothing. */
export function roomAgain(c: IssueContext, retryAt: number | undefined): { at: number; isTold: boolean } {
  const isTold = retryAt !== undefined && retryAt > c.now
  const pause = c.now + backoff(c.policy, (isTold ? c.resets : c.capacityFailures) + 1)
  return { at: isTold ? Math.min(Math.max(retryAt, pause), c.now + longestShortage) : pause, isTold }
}

// --- what the facts say of the present head --------------------------------------------------------

export const openPullRequest = (c: IssueContext) => (c.pr?.state === 'open' ? c.pr : null)

export const checksState = (c: IssueContext): ChecksFact['state'] => {
  if (!c.policy.checks) return 'none'
  const { checks } = presentHead(c)
  return checks === null || checks.state === 'none' ? 'pending' : checks.state
}

/** One reviewer who asks for changes outweighs those who approve. */
export const reviewState = (c: IssueContext): 'none' | 'approved' | 'changes_requested' => {
  const verdicts = Object.values(presentReviews(c)).map((review) => review.verdict)
  if (verdicts.includes('changes_requested')) return 'changes_requested'
  return verdicts.includes('approved') ? 'approved' : 'none'
}

export const isEvicted = (c: IssueContext): boolean => presentHead(c).queue?.state === 'evicted'

/** The queue gave the head back, but nothing is wrong with the change: no run can mend that. */
export const isEvictedByEnvironment = (c: IssueContext): boolean =>
  isEvicted(c) && presentHead(c).queue?.incident?.class === 'environment' && openPullRequest(c) !== null

/** What a person asked for that no run has been given yet. A comment is for the next run, but asks for none. */
export const hasOpenRequest = (c: IssueContext): boolean =>
  c.asked !== null || c.answered !== null || c.inbox.some((message) => message.givenTo === null && message.via !== 'comment')

/** Who has asked for changes of an earlier head and has not looked again, as far as the forge counts it. */
export const objectors = (c: IssueContext): string[] => openPullRequest(c)?.objectors ?? []

export const isApproved = (c: IssueContext): boolean => {
  if (objectors(c).length > 0) return false
  return c.policy.review === 'none' ? reviewState(c) !== 'changes_requested' : reviewState(c) === 'approved'
}

/** The open pull request does not merge into its base. */
export const isConflicting = (c: IssueContext): boolean => openPullRequest(c)?.mergeable === 'conflict'

/** It is based on the branch of another pull request, which has to land first. */
export const isStacked = (c: IssueContext): boolean => openPullRequest(c)?.parent != null

/** The landing queue has taken the present head in, which was green then: what the branch's own checks say now is only information. */
export const isQueued = (c: IssueContext): boolean =>
  c.landing !== null && c.landing === openPullRequest(c)?.headSha && presentHead(c).queue?.state === 'queued'

/** Approved and green at its very head (P4), and nobody wants anything else of it. */
export const isLandable = (c: IssueContext): boolean => {
  const pr = openPullRequest(c)
  if (!pr || pr.draft || isEvicted(c) || isConflicting(c) || isStacked(c) || hasOpenRequest(c) || c.run !== null) return false
  return isApproved(c) && (!c.policy.checks || checksState(c) === 'passed' || isQueued(c))
}

/** Red checks of the present head that a run, or a second try, has to answer. */
const isRed = (c: IssueContext): boolean => checksState(c) === 'failed' && !isQueued(c)

/** The red checks have been asked to run once more and have not answered. */
export const isRerunning = (c: IssueContext): boolean => {
  const { checks, rerun } = presentHead(c)
  return isRed(c) && rerun !== null && checks!.observedAt <= rerun
}

/** The red checks of this head have not been run again yet. */
export const canRerun = (c: IssueContext): boolean => isRed(c) && presentHead(c).rerun === null

/** Every failure is known to come and go by itself: the checks run once more before a repair is spent, once for each head. */
export const isRerunWanted = (c: IssueContext): boolean => {
  const failures = presentHead(c).checks?.failures ?? []
  return canRerun(c) && failures.length > 0 && failures.every((failure) => failure.flaky === true)
}

// --- the phase: one decision -----------------------------------------------------------------------

/** The end that a person, the tracker or the forge has given to the issue; null while it goes on. */
function endOf(c: IssueContext): Phase | null {
  if (c.closed) return c.closed.as
  if (c.pr?.state === 'merged') {
    const isWatched = c.deploy !== null && c.deploy.state !== 'succeeded' && !c.removed && c.issue.stateType !== 'canceled'
    return isWatched ? 'deploying' : 'done'
  }
  if (c.removed || c.issue.stateType === 'canceled') return 'failed'
  return c.issue.stateType === 'completed' ? 'done' : null
}

/** Whether a person, the tracker or the forge has given the issue its end. */
export const hasEnd = (c: IssueContext): boolean => endOf(c) !== null

/** Where the change is, whatever people wait for. */
function changePhase(c: IssueContext): Phase {
  // What is linked is looked at before anything goes on.
  if (!openPullRequest(c)) return c.claimed && !isResting(c) && !(isLinkOpen(c) && c.run === null) ? 'implementing' : 'delegated'
  // Nothing is said of it yet that counts: first it is made whole.
  if (isUnfinished(c)) return 'pr_open'
  // A change that reviewers want and that does not merge is the landing queue's business, before it finds out by itself.
  if ((isEvicted(c) && !isEvictedByEnvironment(c)) || (isApproved(c) && isConflicting(c))) return 'repairing_queue'
  if (reviewState(c) === 'changes_requested') return 'changes_requested'
  if (isRed(c)) return 'repairing_ci'
  if (isEvictedByEnvironment(c) && isApproved(c)) return 'escalated'
  return isLandable(c) ? 'awaiting_queue' : 'pr_open'
}

/** The lifecycle state that the facts give. A list in order of precedence: the first that holds. */
export function phaseOf(c: IssueContext): Phase {
  const end = endOf(c)
  if (end === 'deploying' && c.deploy?.state === 'failed') return 'escalated'
  if (end !== null) return end
  if (c.escalation !== null) return 'escalated'
  return c.question === null ? changePhase(c) : 'awaiting_input'
}

// --- runs ------------------------------------------------------------------------------------------

const repairs: Partial<Record<Phase, RunType>> = {
  delegated: 'implementation',
  implementing: 'implementation',
  changes_requested: 'review_fix',
  repairing_ci: 'ci_repair',
  repairing_queue: 'queue_repair',
}

/** The forge says something else than what a run of ours has published: it has not caught up yet, so nothing is decided. */
export const isUnconfirmed = (c: IssueContext): boolean => c.published !== null && c.pr?.headSha !== c.published

/** A run that was called off has published: that is decided on first. */
const hasComeLate = (c: IssueContext): boolean => c.late !== null && c.late.pr !== null

/** The run that the facts ask for; null for none. An operator's choice goes before, but there is nothing to repair without a pull request. */
export function neededRun(c: IssueContext): RunType | null {
  const phase = phaseOf(c)
  if (isUnconfirmed(c) || isLinkOpen(c) || hasComeLate(c)) return null
  if (phase === 'delegated' || phase === 'implementing') return isResting(c) && !hasOpenRequest(c) ? null : 'implementation'
  if (phase === 'pr_open') return c.asked ?? (hasOpenRequest(c) ? 'review_fix' : upkeep(c))
  const repair = repairs[phase] ?? null
  if (repair === null || c.asked !== null) return repair && c.asked
  if (repair === 'ci_repair' && (isRerunWanted(c) || isRerunning(c)) && !hasOpenRequest(c)) return null
  // One run answers the reviewer and merges the base: a review of what does not merge would be in vain.
  return repair === 'review_fix' && isConflicting(c) ? 'branch_upkeep' : repair
}

/** What an open pull request needs that nobody has said anything about. */
function upkeep(c: IssueContext): RunType | null {
  if (c.pr!.draft) return isUnfinished(c) ? 'implementation' : null
  // Checks may not even start on what does not merge; and what stands on another change follows it.
  if (isConflicting(c) || c.pr!.parent?.moved) return 'branch_upkeep'
  const isJudged = !c.policy.checks || checksState(c) === 'passed'
  return c.policy.review === 'agent' && isJudged && reviewState(c) === 'none' ? 'review' : null
}

/** The facts that ask for a run, by name: an escalation is about exactly these, and over when they change. */
export function causeOf(c: IssueContext): string {
  const pr = openPullRequest(c)
  const phase = changePhase(c)
  if (!pr) return `implementation ${textMark(`${c.issue.title}\n${c.issue.description}`)}${isUmbrella(c) ? childrenMark(c) : ''}`
  const { checks, queue } = presentHead(c)
  const details: Partial<Record<Phase, unknown>> = {
    pr_open: isConflicting(c) || pr.parent != null ? { conflict: isConflicting(c), parent: pr.parent } : undefined,
    // Only what is asked for: a poll gives a dismissed verdict a new time whenever it looks.
    changes_requested: Object.values(presentReviews(c)).flatMap((review) =>
      review.verdict === 'changes_requested' ? [review.observedAt] : [],
    ),
    repairing_ci: checks?.failures.map((failure) => failure.signature),
    repairing_queue: queue?.observedAt,
  }
  return `${phase} ${pr.headSha} ${JSON.stringify(details[phase] ?? null)}`
}

/** Tells texts apart, mostly: what a person has rewritten is another thing. */
const textMark = (text: string): string => [...text].reduce((sum, char) => (Math.imul(sum, 31) + char.codePointAt(0)!) | 0, 7).toString(36)

const childrenMark = (c: IssueContext): string => ` ${c.issue.children.map(({ key, state }) => `${key} ${state}`).join(' ')}`

/** Blockers that hold new runs back. One that was cancelled does not (core §3.12 had it otherwise). */
export const openBlockers = (c: IssueContext): Blocker[] => c.issue.blockedBy.filter((blocker) => !blocker.resolved)

export interface Spent {
  name: string
  used: number
  limit: number
}

const firstSpent = (rows: [name: string, used: number, limit: number | null][]): Spent | null => {
  for (const [name, used, limit] of rows) if (limit !== null && used >= limit) return { name, used, limit }
  return null
}

/** The first budget for the issue's whole life that is used up; null when there is room. */
export function lifetimeSpent(c: IssueContext): Spent | null {
  const { budgets } = c.policy
  const { runs, ms, usage } = c.spent
  return firstSpent([
    ['runs', runs, budgets.runs],
    ['hours', ms / 3_600_000, budgets.hours],
    ['tokens', usage.inputTokens + usage.outputTokens, budgets.tokens],
    ['usd', usage.usd, budgets.usd],
  ])
}

/** The attempts of the needed run, when they are used up. */
export function attemptsSpent(c: IssueContext): Spent | null {
  const type = neededRun(c)
  return type === null ? null : firstSpent([[type, c.attempts[type], c.policy.budgets[type]]])
}

/** Whether a person has asked the active run for something, before or while it was at work. A comment between people asks for nothing. */
export const isAskedByPeople = ({ inbox, run }: IssueContext): boolean =>
  inbox.some(({ givenTo, via }) => run !== null && givenTo === run.id && via !== 'comment' && via !== 'child')

/** Whether what the active run was started for is gone: nobody wants its result any more. */
export function isRunPointless(c: IssueContext): boolean {
  const { run } = c
  const pr = openPullRequest(c)
  if (run === null) return false
  // Its pull request was closed.
  if (run.head !== null && pr === null) return true
  if (run.type === 'implementation') return pr === null && openBlockers(c).length > 0
  if (run.type === 'review') return run.head !== pr?.headSha
  // What is approved is its own work, of which it still has to tell: the points that it answers one by one, and its end.
  if (pr !== null && run.publishing === pr.headSha) return false
  // An approval in the middle of a fix of the review supersedes the fix, and so does an objection that is taken back, unless a person
  // asked for more. A head that others have pushed meanwhile has no objection yet, which says nothing.
  const isAnswered = reviewState(c) === 'approved' || (reviewState(c) === 'none' && run.head === pr?.headSha)
  return run.type === 'review_fix' && !isAskedByPeople(c) && run.asked === null && isAnswered
}
