// How facts become context: the newest truth wins, and a fact about a former head never speaks for the present one.

import type { IssueContext, PullRequestState, Verdict } from './context.ts'
import type { EventOf, IssueEvent, PullRequestFact, ReconcileEvent, TrackerFact } from './events.ts'

type Patch = Partial<IssueContext>
type Of<T extends IssueEvent['type']> = EventOf<T>

const factOf = ({
  key,
  title,
  description,
  url,
  state,
  stateType,
  priority,
  labels,
  parent,
  children,
  blockedBy,
}: TrackerFact): TrackerFact => ({
  ...{ key, title, description, url, state, stateType, priority, labels, parent, children, blockedBy },
})

export function takeTracker(context: IssueContext, fact: TrackerFact, observedAt: number, delegated: boolean | undefined): Patch {
  if (observedAt < context.issueObservedAt) return {}
  return { issue: factOf(fact), issueObservedAt: observedAt, delegated: delegated ?? context.delegated, removed: false }
}

export function takeBlocker(context: IssueContext, { key, resolved }: Of<'blocker.changed'>): Patch {
  const blockedBy = context.issue.blockedBy.map((blocker) => (blocker.key === key ? { key, resolved } : blocker))
  return { issue: { ...context.issue, blockedBy } }
}

export function takeChild(context: IssueContext, { key, state }: Of<'child.changed'>): Patch {
  const others = context.issue.children.filter((child) => child.key !== key)
  return { issue: { ...context.issue, children: [...others, { key, state }] } }
}

/** A pull request as a fact tells it. A new head brings back what the former one had spent, unless we pushed it ourselves. */
export function takePullRequest(context: IssueContext, fact: PullRequestFact, observedAt: number, state: PullRequestState['state']): Patch {
  const { pr } = context
  if (pr && pr.number === fact.number && observedAt < pr.observedAt) return {}
  // A merge is the end of a pull request: nothing observed earlier or later reopens it.
  if (pr && pr.number === fact.number && pr.state === 'merged' && state !== 'merged') return {}
  const next: PullRequestState = {
    number: fact.number,
    url: fact.url,
    state,
    headSha: fact.headSha,
    headRef: fact.headRef,
    baseRef: fact.baseRef,
    draft: fact.draft,
    mergeable: fact.mergeable ?? (pr?.headSha === fact.headSha ? pr.mergeable : 'unknown'),
    mergedSha: fact.mergedSha ?? (pr?.number === fact.number ? pr.mergedSha : null),
    observedAt,
  }
  const isNewHead = pr !== null && pr.headSha !== fact.headSha
  const isForeign = isNewHead && !context.pushed.includes(fact.headSha) && context.run === null
  return { pr: next, ...(isForeign ? restored(context) : {}) }
}

/** What a foreign head, a human message, or an operator's retry or reset gives back (design §4). */
export const restored = (context: IssueContext): Patch => ({
  attempts: { ...context.attempts, implementation: 0, review_fix: 0, ci_repair: 0, queue_repair: 0, branch_upkeep: 0, review: 0 },
  escalation: null,
  interruptions: 0,
  recoveries: 0,
  environmentFailures: 0,
  notBefore: 0,
})

export function takeReview(context: IssueContext, event: Of<'review.approved'>): Patch {
  const before = context.reviews[event.reviewer]
  if (before && event.observedAt < before.observedAt) return {}
  if (event.type === 'review.dismissed') {
    const { [event.reviewer]: _gone, ...reviews } = context.reviews
    return { reviews }
  }
  const verdict: Verdict = {
    verdict: event.type === 'review.approved' ? 'approved' : 'changes_requested',
    headSha: event.headSha,
    body: event.body,
    comments: event.comments,
    observedAt: event.observedAt,
  }
  return { reviews: { ...context.reviews, [event.reviewer]: verdict } }
}

export function takeChecks(
  context: IssueContext,
  fact: { headSha: string; names: string[]; failures: IssueContext['checks']['failures']; observedAt: number },
  state: IssueContext['checks']['state'],
): Patch {
  const { checks, pr } = context
  if (fact.headSha === checks.headSha && fact.observedAt < checks.observedAt) return {}
  // About a head that is neither the present nor a newer one than what is known: old news.
  if (pr && fact.headSha !== pr.headSha && checks.headSha === pr.headSha) return {}
  return { checks: { headSha: fact.headSha, state, names: fact.names, failures: fact.failures, observedAt: fact.observedAt } }
}

export function takeQueue(
  context: IssueContext,
  fact: { headSha: string; incident?: IssueContext['queue']['incident'] | undefined; observedAt: number },
  state: IssueContext['queue']['state'],
): Patch {
  const { queue } = context
  if (fact.observedAt < queue.observedAt) return {}
  return { queue: { headSha: fact.headSha, state, incident: fact.incident ?? null, held: null, observedAt: fact.observedAt } }
}

/** Everything at once: each part by the same rules as when it is told alone. */
export function takeEverything(context: IssueContext, event: ReconcileEvent): Patch {
  let patch: Patch = {}
  const seen = (): IssueContext => ({ ...context, ...patch })
  const { tracker, pr } = event
  if (tracker === null) patch = { ...patch, removed: true }
  else if (tracker) patch = { ...patch, ...takeTracker(seen(), tracker, tracker.observedAt, tracker.delegated) }
  if (pr) {
    patch = { ...patch, ...takePullRequest(seen(), pr, pr.observedAt, pr.state) }
    const reviews: IssueContext['reviews'] = {}
    for (const { reviewer, verdict, headSha, body, comments, observedAt } of pr.reviews) {
      const newer = reviews[reviewer]
      if (!newer || observedAt >= newer.observedAt) reviews[reviewer] = { verdict, headSha, body, comments, observedAt }
    }
    patch = { ...patch, reviews }
    patch = { ...patch, ...takeChecks(seen(), pr.checks, pr.checks.state) }
    patch = { ...patch, ...takeQueue(seen(), pr.queue, pr.queue.state) }
  }
  return patch
}
