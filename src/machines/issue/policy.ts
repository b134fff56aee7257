// The numbers of the issue's policy, and the decisions that are more than a predicate.

import type { Phase, RunType } from '../vocabulary.ts'
import type { IssueContext } from './context.ts'

export interface IssuePolicy {
  /** Attempts by run type, for the issue's life between two heads that are not ours, human words or resets. */
  budgets: Record<RunType, number> & { recovery: number; runs: number; hours: number; tokens: number | null; usd: number | null }
  /** Milliseconds. */
  delays: { recovery: number; settle: number }
  limits: { run: number; progress: number }
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
/** The longest pause between two recoveries. */
export const longestBackoff = 10 * 60_000

/** The pause before attempt `n` (from 1) after a failure: `first` doubled each time. */
export const backoff = (first: number, n: number): number => Math.min(longestBackoff, first * 2 ** Math.max(0, n - 1))

export const agentFor = (policy: IssuePolicy, type: RunType): string => policy.agents[type] ?? policy.agent

// --- facts ---------------------------------------------------------------------------------------

export const openPullRequest = (c: IssueContext) => (c.pr?.state === 'open' ? c.pr : null)

/** The checks' verdict on the present head. */
export const checksState = (c: IssueContext): IssueContext['checks']['state'] => {
  if (!c.policy.checks) return 'none'
  return c.pr && c.checks.headSha === c.pr.headSha && c.checks.state !== 'none' ? c.checks.state : 'pending'
}

/** The reviewers' verdict on the present head: one who asks for changes outweighs those who approve. */
export const reviewState = (c: IssueContext): 'none' | 'approved' | 'changes_requested' => {
  const verdicts = Object.values(c.reviews).filter((review) => review.headSha === c.pr?.headSha)
  if (verdicts.some((review) => review.verdict === 'changes_requested')) return 'changes_requested'
  return verdicts.some((review) => review.verdict === 'approved') ? 'approved' : 'none'
}

/** Whether the change is approved and green at its very head (P4). */
export const isLandable = (c: IssueContext): boolean => {
  const pr = openPullRequest(c)
  if (!pr || pr.draft) return false
  const isApproved = c.policy.review === 'none' ? reviewState(c) !== 'changes_requested' : reviewState(c) === 'approved'
  const isGreen = !c.policy.checks || checksState(c) === 'passed'
  return isApproved && isGreen && !isEvicted(c)
}

const isEvicted = (c: IssueContext): boolean => c.queue.state === 'evicted' && c.queue.headSha === c.pr?.headSha

// --- the phase: one decision, told apart by name -----------------------------------------------------

/** The lifecycle state that the facts give. A list in order of precedence: the first that holds. */
export function phaseOf(c: IssueContext): Phase {
  if (c.pr?.state === 'merged') {
    if (c.deploy?.state === 'pending') return 'deploying'
    return c.closed?.as === 'failed' ? 'failed' : 'done'
  }
  if (c.closed) return c.closed.as
  if (c.removed || c.issue.stateType === 'canceled') return 'failed'
  if (c.issue.stateType === 'completed') return 'done'
  if (c.escalation || c.pr?.state === 'closed') return 'escalated'
  if (c.question) return 'awaiting_input'
  if (openPullRequest(c)) {
    if (isEvicted(c)) return 'repairing_queue'
    if (reviewState(c) === 'changes_requested') return 'changes_requested'
    if (checksState(c) === 'failed') return 'repairing_ci'
    return isLandable(c) ? 'awaiting_queue' : 'pr_open'
  }
  return c.claimed ? 'implementing' : 'delegated'
}

/** The run that the facts ask for; null for none. An operator's choice goes before. */
export function neededRun(c: IssueContext): RunType | null {
  switch (phaseOf(c)) {
    case 'delegated':
    case 'implementing':
      return c.asked ?? 'implementation'
    case 'pr_open':
      return c.asked ?? (hasUnreadMessages(c) ? 'review_fix' : null)
    case 'changes_requested':
      return c.asked ?? 'review_fix'
    case 'repairing_ci':
      return c.asked ?? 'ci_repair'
    case 'repairing_queue':
      return c.asked ?? 'queue_repair'
    default:
      return null
  }
}

export const hasUnreadMessages = (c: IssueContext): boolean => c.inbox.some((message) => message.givenTo === null)

/** Blockers that hold an implementation back; nothing else is held back by them. */
export const openBlockers = (c: IssueContext): string[] =>
  c.issue.blockedBy.filter((blocker) => !blocker.resolved).map((blocker) => blocker.key)

/** The first lifetime or attempt budget that is used up, with what it is; null when there is room. */
export function exhausted(c: IssueContext): { name: string; used: number; limit: number } | null {
  const type = neededRun(c)
  const { budgets } = c.policy
  const { usage } = c.spent
  const checks: [string, number, number | null][] = [
    ['runs', c.spent.runs, budgets.runs],
    ['hours', c.spent.ms / 3_600_000, budgets.hours],
    ['tokens', usage.inputTokens + usage.outputTokens, budgets.tokens],
    ['usd', usage.usd, budgets.usd],
    ...(type === null ? [] : [[type, c.attempts[type], budgets[type]] as [string, number, number | null]]),
  ]
  for (const [name, used, limit] of checks) if (limit !== null && used >= limit) return { name, used, limit }
  return null
}
