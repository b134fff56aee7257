// The numbers of one run.

import { addUsage, moreOf, type RunType, type Usage } from '../vocabulary.ts'
import type { RunContext, RunLimits } from './context.ts'

type Default = Exclude<keyof RunLimits, 'run' | 'progress' | 'signal'>

/** What a run has where its assignment gives no limit: milliseconds, and times. */
export const defaultLimits: Record<Default, number> = {
  /** From a nudge to the next look. */
  nudge: 5 * 60_000,
  /** A look at the worktree of an agent without progress. */
  probe: 30_000,
  /** For an agent to end after an interrupt, before the run settles without it. */
  ending: 15_000,
  /** For the answer of an agent that is asked why nothing has changed. */
  completion: 90_000,
  /** An agent that has stalled is started again. */
  stalls: 1,
  /** A turn commits what was left uncommitted. */
  commits: 1,
  /** An agent that changed nothing is asked why: it goes back to work after all but the last of these. */
  completionChecks: 2,
  /** A thread is resumed, */
  resumes: 3,
  /** a new one is made of it when it cannot be, */
  forks: 1,
  /** and another is begun in its place when that cannot be done either. */
  restarts: 1,
}

export const limitOf = ({ limits }: RunContext, name: Default): number => limits[name] ?? defaultLimits[name]

/** Of the run, when its present turn has used so much as the event says. */
export const usageWith = (c: RunContext, event: object): Usage => {
  const { usage } = event as { usage?: Usage }
  return usage === undefined ? c.usage : moreOf(c.usage, addUsage(c.usageBefore, usage))
}

/** The first budget of the issue that this usage of the run uses up; null while there is room. As the issue itself adds it up. */
export function spentBudget({ budget }: RunContext, usage: Usage): { name: string; used: number; limit: number } | null {
  const rows: [name: 'tokens' | 'usd', used: number][] = [
    ['tokens', (budget?.spent.tokens ?? 0) + (usage.inputTokens + usage.outputTokens)],
    ['usd', (budget?.spent.usd ?? 0) + usage.usd],
  ]
  for (const [name, used] of rows) {
    const limit = budget?.limits[name] ?? null
    if (limit !== null && used >= limit) return { name, used, limit }
  }
  return null
}

/** Runs that answer others about a change, and touch no protected path of its project (core §3.11). */
export const keepsOff = (type: RunType): boolean => type === 'review_fix' || type === 'ci_repair'

/** Milliseconds between two reports of progress to the issue. */
export const reportEvery = 5_000
/** Findings of one review that are bound to their lines; the others are told in its text. */
export const mostFindings = 500
/** Characters of a review's text, and of one finding's. */
export const longestReview = 16_000
