// The numbers of the issue's policy, and the decisions that are more than a predicate.

import type { Phase, RunType } from '../vocabulary.ts'
import type { ChecksFact, IssueContext } from './context.ts'
import { presentHead } from './head-facts.ts'

export interface IssuePolicy {
  /** Attempts by run type, for the issue's life between two heads that are not ours, human words or resets. */
  budgets: Record<RunType, number> & { recovery: number; runs: number; hours: number; tokens: number | null; usd: number | null }
  /** Milliseconds. */
  delays: { recovery: number; settle: number }
  /** `signal`: how long an agent's process may give no sign of life at all; by default as long as the run. */
  limits: { run: number; progress: number; signal?: number }
  review: 'human' | 'agent' | 'none'
  /** False when the project declares no checks: then nothing is waited for. */
  checks: boolean
  landing: 'queue' | 'manual'
  deploy: { timeout: number } | null
  agent: string
  /** By run type, where it differs. */
  agents: Partial<Record<RunType, string>>
}

export const defaultPolicy: IssuePolicy = {
  budgets: {
    implementation: 3,
    review_fix: 10,
    ci_repair: 10,
    queue_repair: 10,
    branch_upkeep: 5,
    review: 10,
    recovery: 5,
    runs: 40,
    hours: 24,
    tokens: null,
    usd: null,
  },
  delays: { recovery: 15_000, settle: 10_000 },
  limits: { run: 120 * 60_000, progress: 15 * 60_000 },
  review: 'human',
  checks: true,
  landing: 'queue',
  deploy: null,
  agent: 'default',
  agents: {},
}

/** Interruptions in a row without progress before the recovery backoff begins (design §5). */
export const freeInterruptions = 5
/** Failures of the environment in a row before a human is asked. */
export const environmentAttempts = 5
/** Times in a row that the agent's provider may have no capacity before a human is asked: about four hours. */
export const capacityWaits = 24
/** The longest pause between two starts, in milliseconds. */
export const longestBackoff = 10 * 60_000

/** The pause before attempt `n` (from 1) after a failure: `first` doubled each time. */
export const backoff = (first: number, n: number): number => Math.min(longestBackoff, first * 2 ** Math.max(0, n - 1))

export const agentFor = (policy: IssuePolicy, type: RunType): string => policy.agents[type] ?? policy.agent

// --- what the facts say of the present head --------------------------------------------------------

export const openPullRequest = (c: IssueContext) => (c.pr?.state === 'open' ? c.pr : null)

export const checksState = (c: IssueContext): ChecksFact['state'] => {
  if (!c.policy.checks) return 'none'
  const { checks } = presentHead(c)
  return checks === null || checks.state === 'none' ? 'pending' : checks.state
}

/** One reviewer who asks for changes outweighs those who approve. */
export const reviewState = (c: IssueContext): 'none' | 'approved' | 'changes_requested' => {
  const verdicts = Object.values(presentHead(c).reviews).map((review) => review.verdict)
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

/** Approved and green at its very head (P4), and nobody wants anything else of it. */
export const isLandable = (c: IssueContext): boolean => {
  const pr = openPullRequest(c)
  if (!pr || pr.draft || isEvicted(c) || hasOpenRequest(c) || c.run !== null) return false
  const isApproved = c.policy.review === 'none' ? reviewState(c) !== 'changes_requested' : reviewState(c) === 'approved'
  return isApproved && (!c.policy.checks || checksState(c) === 'passed')
}

// --- the phase: one decision -----------------------------------------------------------------------

/** The end that a person, the tracker or the forge has given to the issue; null while it goes on. */
function endOf(c: IssueContext): Phase | null {
  if (c.closed) return c.closed.as
  if (c.pr?.state === 'merged') return c.deploy === null || c.deploy.state === 'succeeded' ? 'done' : 'deploying'
  if (c.removed || c.issue.stateType === 'canceled') return 'failed'
  return c.issue.stateType === 'completed' ? 'done' : null
}

/** Where the change is, whatever people wait for. */
function changePhase(c: IssueContext): Phase {
  if (!openPullRequest(c)) return c.claimed ? 'implementing' : 'delegated'
  if (isEvicted(c)) return 'repairing_queue'
  if (reviewState(c) === 'changes_requested') return 'changes_requested'
  if (checksState(c) === 'failed') return 'repairing_ci'
  return isLandable(c) ? 'awaiting_queue' : 'pr_open'
}

/** The lifecycle state that the facts give. A list in order of precedence: the first that holds. */
export function phaseOf(c: IssueContext): Phase {
  const end = endOf(c)
  if (end === 'deploying' && c.deploy?.state === 'failed') return 'escalated'
  if (end !== null) return end
  if (c.escalation !== null || c.pr?.state === 'closed' || isEvictedByEnvironment(c)) return 'escalated'
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

/** The run that the facts ask for; null for none. An operator's choice goes before, but there is nothing to repair without a pull request. */
export function neededRun(c: IssueContext): RunType | null {
  const phase = phaseOf(c)
  if (isUnconfirmed(c)) return null
  if (phase === 'delegated' || phase === 'implementing') return 'implementation'
  if (phase === 'pr_open') return c.asked ?? (hasOpenRequest(c) ? 'review_fix' : null)
  const repair = repairs[phase] ?? null
  return repair === null ? null : (c.asked ?? repair)
}

/** The facts that ask for a run, by name: an escalation is about exactly these, and over when they change. */
export function causeOf(c: IssueContext): string {
  const pr = openPullRequest(c)
  const phase = changePhase(c)
  if (!pr) return 'implementation'
  const { checks, queue, reviews } = presentHead(c)
  const details: Partial<Record<Phase, unknown>> = {
    // Only what is asked for: a poll gives a dismissed verdict a new time whenever it looks.
    changes_requested: Object.values(reviews).flatMap((review) => (review.verdict === 'changes_requested' ? [review.observedAt] : [])),
    repairing_ci: checks?.failures.map((failure) => failure.signature),
    repairing_queue: queue?.observedAt,
  }
  return `${phase} ${pr.headSha} ${JSON.stringify(details[phase] ?? null)}`
}

/** Blockers that hold an implementation back; nothing else is held back by them. */
export const openBlockers = (c: IssueContext): string[] =>
  c.issue.blockedBy.filter((blocker) => !blocker.resolved).map((blocker) => blocker.key)

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

/** Whether what the active run was started for is gone: nobody wants its result any more. */
export function isRunPointless(c: IssueContext): boolean {
  const { run } = c
  if (run?.type === 'implementation') return c.pr === null && openBlockers(c).length > 0
  // An approval in the middle of a fix of the review supersedes the fix, unless a person asked for more.
  return run?.type === 'review_fix' && run.given.length === 0 && openPullRequest(c) !== null && reviewState(c) === 'approved'
}
