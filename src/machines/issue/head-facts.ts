// How verdicts, checks and the landing queue's words become context: what is said of one head never speaks for another.

import type { ChecksFact, HeadFacts, IssueContext, QueueFact } from './context.ts'
import type { EventOf } from './events.ts'

type Patch = Partial<IssueContext>

/** Heads of which something is remembered. */
const keptHeads = 8

const noHeadFacts: HeadFacts = { reviews: {}, checks: null, queue: null, observedAt: 0 }

/** What is known of the head that the pull request has now. */
export const presentHead = (c: IssueContext): HeadFacts => (c.pr && c.heads[c.pr.headSha]) || noHeadFacts

/** The newest few, and always the present one. */
function trimmed(heads: Record<string, HeadFacts>, present: string | undefined): Record<string, HeadFacts> {
  const all = Object.entries(heads)
  if (all.length <= keptHeads) return heads
  const oldest = all.filter(([sha]) => sha !== present).sort(([, a], [, b]) => a.observedAt - b.observedAt)
  const gone = new Set(oldest.slice(0, all.length - keptHeads).map(([sha]) => sha))
  return Object.fromEntries(all.filter(([sha]) => !gone.has(sha)))
}

export function ofHead(c: IssueContext, sha: string, observedAt: number, change: (known: HeadFacts) => Partial<HeadFacts> | null): Patch {
  const known = c.heads[sha] ?? noHeadFacts
  const changed = change(known)
  if (changed === null) return {}
  const next = { ...known, ...changed, observedAt: Math.max(known.observedAt, observedAt) }
  return { heads: trimmed({ ...c.heads, [sha]: next }, c.pr?.headSha) }
}

const verdictOf = {
  'review.approved': 'approved',
  'review.changesRequested': 'changes_requested',
  'review.dismissed': 'dismissed',
  'review.commented': null,
} as const

/** A comment is no verdict. */
export function takeReview(c: IssueContext, event: EventOf<'review.approved'>): Patch {
  const verdict = verdictOf[event.type]
  if (verdict === null) return {}
  const { reviewer, body, comments, observedAt } = event
  return ofHead(c, event.headSha, observedAt, ({ reviews }) =>
    observedAt <= (reviews[reviewer]?.observedAt ?? 0)
      ? null
      : { reviews: { ...reviews, [reviewer]: { verdict, body: body ?? '', comments: comments ?? [], observedAt } } },
  )
}

export function takeChecks(
  c: IssueContext,
  fact: Omit<ChecksFact, 'state' | 'obstacle'> & { headSha: string; obstacle?: string | null | undefined },
  state: ChecksFact['state'],
): Patch {
  const { headSha, names, failures, observedAt, obstacle = null } = fact
  return ofHead(c, headSha, observedAt, ({ checks }) =>
    observedAt <= (checks?.observedAt ?? 0) ? null : { checks: { state, names, failures, obstacle, observedAt } },
  )
}

export function takeQueue(
  c: IssueContext,
  fact: { headSha: string; incident?: QueueFact['incident'] | undefined; observedAt: number },
  state: QueueFact['state'],
): Patch {
  const { headSha, observedAt } = fact
  const patch = ofHead(c, headSha, observedAt, ({ queue }) =>
    observedAt <= (queue?.observedAt ?? 0) ? null : { queue: { state, incident: fact.incident ?? null, observedAt } },
  )
  return { ...patch, held: c.held?.headSha === headSha && patch.heads !== undefined ? null : c.held }
}

/** Put aside by a person; what is known of it already says nothing new. */
export const forgetEviction = (head: HeadFacts): HeadFacts => ({
  ...head,
  queue: head.queue && { state: 'none', incident: null, observedAt: head.queue.observedAt },
})
