// How facts become context: the newest truth wins, and what is said of one head never speaks for another.

import type { ChecksFact, HeadFacts, IssueContext, PullRequestState, QueueFact } from './context.ts'
import type { Published } from '../run/context.ts'
import type { EventOf, IssueEvent, PullRequestFact, ReconcileEvent, TrackerFact } from './events.ts'

type Patch = Partial<IssueContext>
type Of<T extends IssueEvent['type']> = EventOf<T>

/** Heads of which something is remembered. */
const keptHeads = 8

// --- the tracker ---------------------------------------------------------------------------------

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
})

/** What a new delegation lifts: a decision that was made before it. */
const lifted = <T extends { at: number }>(decision: T | null, observedAt: number): T | null =>
  decision !== null && decision.at > observedAt ? decision : null

const newerThan = <T extends { observedAt: number }>(known: Record<string, T>, observedAt: number): Record<string, T> =>
  Object.fromEntries(Object.entries(known).filter(([, one]) => one.observedAt > observedAt))

/** The issue as it was seen, with what was heard of its blockers and children since. */
const withNews = (fact: TrackerFact, { blockers, children }: Pick<IssueContext, 'blockers' | 'children'>): TrackerFact => ({
  ...fact,
  blockedBy: fact.blockedBy.map(({ key, resolved }) => ({ key, resolved: blockers[key]?.resolved ?? resolved })),
  children: [
    ...fact.children.filter(({ key }) => children[key] === undefined),
    ...Object.entries(children).map(([key, { state }]) => ({ key, state })),
  ],
})

/** `isHandover`: the fact is that somebody delegated the issue, not merely that it is delegated. */
export function takeTracker(
  c: IssueContext,
  fact: TrackerFact,
  observedAt: number,
  delegated: boolean | undefined,
  isHandover = false,
): Patch {
  if (observedAt <= c.issueObservedAt) return {}
  const isNew = delegated === true && (isHandover || !c.delegated)
  const news = { blockers: newerThan(c.blockers, observedAt), children: newerThan(c.children, observedAt) }
  return {
    ...news,
    issue: withNews(factOf(fact), news),
    issueObservedAt: observedAt,
    delegated: delegated ?? c.delegated,
    removed: c.removed && c.removedAt > observedAt,
    ...(isNew
      ? { stop: lifted(c.stop, observedAt), closed: lifted(c.closed, observedAt), escalation: lifted(c.escalation, observedAt) }
      : {}),
  }
}

export const takeRemoval = (c: IssueContext, observedAt: number): Patch =>
  observedAt <= Math.max(c.issueObservedAt, c.removedAt) ? {} : { removed: true, removedAt: observedAt }

export function takeBlocker(c: IssueContext, { key, resolved, observedAt }: Of<'blocker.changed'>): Patch {
  if (observedAt <= Math.max(c.issueObservedAt, c.blockers[key]?.observedAt ?? 0)) return {}
  const blockers = { ...c.blockers, [key]: { resolved, observedAt } }
  return { blockers, issue: withNews(c.issue, { blockers, children: c.children }) }
}

export function takeChild(c: IssueContext, { key, state, observedAt }: Of<'child.changed'>): Patch {
  if (observedAt <= Math.max(c.issueObservedAt, c.children[key]?.observedAt ?? 0)) return {}
  const children = { ...c.children, [key]: { state, observedAt } }
  return { children, issue: withNews(c.issue, { blockers: c.blockers, children }) }
}

// --- the pull request ----------------------------------------------------------------------------

/** A pull request as a fact tells it: taken when it is newer than what is known. */
export function takePullRequest(c: IssueContext, fact: PullRequestFact, observedAt: number, state: PullRequestState['state']): Patch {
  const { pr, formerPr } = c
  if (pr && observedAt <= pr.observedAt) {
    // Whether it merges depends on the base too: the same pull request, looked at again, may say something new of that.
    const isSame = observedAt === pr.observedAt && fact.headSha === pr.headSha && fact.number === pr.number
    return isSame && fact.mergeable !== undefined ? { pr: { ...pr, mergeable: fact.mergeable } } : {}
  }
  // The end of another pull request of the issue says nothing about the open one, unless it brought the change to the base.
  if (pr?.state === 'open' && pr.number !== fact.number && state === 'closed') return {}
  // A merge is the end: nothing observed later reopens it.
  if (pr?.state === 'merged' && state !== 'merged') return {}
  if (formerPr?.number === fact.number && observedAt <= formerPr.observedAt) return {}
  return follow(c, fact, observedAt, state)
}

/** A new head gives back what the former one had spent, unless we pushed it ourselves. */
function follow(c: IssueContext, fact: PullRequestFact, observedAt: number, state: PullRequestState['state']): Patch {
  const { pr } = c
  const known = pr?.number === fact.number ? pr : null
  const next: PullRequestState = {
    number: fact.number,
    url: fact.url,
    state,
    headSha: fact.headSha,
    headRef: fact.headRef,
    baseRef: fact.baseRef,
    draft: fact.draft,
    mergeable: fact.mergeable ?? (known?.headSha === fact.headSha ? known.mergeable : 'unknown'),
    mergedSha: fact.mergedSha ?? known?.mergedSha ?? null,
    observedAt,
  }
  const isForeign = pr !== null && pr.headSha !== fact.headSha && !c.pushed.includes(fact.headSha)
  return {
    pr: next,
    formerPr: null,
    // The forge has caught up with what we published, or has something newer.
    published: c.published !== null && (c.published === fact.headSha || isForeign || state !== 'open') ? null : c.published,
    ...(state === 'merged' && c.policy.deploy !== null && c.deploy === null
      ? { deploy: { sha: next.mergedSha ?? fact.headSha, state: 'pending', since: c.now } }
      : {}),
    ...(isForeign ? restored(c) : {}),
  }
}

/** Our own publication, as its run tells it: taken unless the pull request has moved on since the run began. */
export function takePublication(c: IssueContext, published: Published | null, from: string | null): Patch {
  if (published === null || (c.pr !== null && c.pr.headSha !== from)) return {}
  const fact: PullRequestFact = { ...published, author: '' }
  const { headSha, state } = published
  // As old as what is known: the forge's own fact, which has a later time, goes over it.
  return { ...follow({ ...c, pushed: [...c.pushed, headSha] }, fact, c.pr?.observedAt ?? 0, state), published: headSha }
}

/** What a foreign head, a human message, or an operator's retry or reset gives back (design §4). */
export const restored = (c: IssueContext): Patch => ({
  attempts: { ...c.attempts, implementation: 0, review_fix: 0, ci_repair: 0, queue_repair: 0, branch_upkeep: 0, review: 0 },
  escalation: null,
  interruptions: 0,
  recoveries: 0,
  environmentFailures: 0,
  capacityFailures: 0,
  notBefore: 0,
})

// --- what is said of a head ----------------------------------------------------------------------

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

function ofHead(c: IssueContext, sha: string, observedAt: number, change: (known: HeadFacts) => Partial<HeadFacts> | null): Patch {
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
export function takeReview(c: IssueContext, event: Of<'review.approved'>): Patch {
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

// --- everything at once --------------------------------------------------------------------------

/** A poll's answer: each part by the same rules as when it is told alone. */
export function takeEverything(context: IssueContext, event: ReconcileEvent): Patch {
  let patch: Patch = {}
  const seen = (): IssueContext => ({ ...context, ...patch })
  const take = (next: Patch): void => {
    patch = { ...patch, ...next }
  }
  const { tracker, pr } = event
  if (tracker === null) take(takeRemoval(seen(), event.observedAt))
  else if (tracker) take(takeTracker(seen(), tracker, tracker.observedAt, tracker.delegated))
  if (pr) {
    take(takePullRequest(seen(), pr, pr.observedAt, pr.state))
    for (const { verdict, ...review } of pr.reviews) {
      const type = verdict === 'approved' ? 'review.approved' : 'review.changesRequested'
      take(takeReview(seen(), { type, ...review }))
    }
    take(dropUnseenVerdicts(seen(), pr))
    if (pr.checks.headSha !== '') take(takeChecks(seen(), pr.checks, pr.checks.state))
    if (pr.queue.headSha !== '') take(takeQueue(seen(), pr.queue, pr.queue.state))
  }
  return patch
}

/** A verdict on the present head that the poll did not see any more has been dismissed. */
function dropUnseenVerdicts(c: IssueContext, { headSha, reviews, observedAt }: NonNullable<ReconcileEvent['pr']>): Patch {
  const unseen = Object.entries(c.heads[headSha]?.reviews ?? {}).filter(
    ([reviewer, verdict]) =>
      verdict.observedAt < observedAt && !reviews.some((review) => review.reviewer === reviewer && review.headSha === headSha),
  )
  if (unseen.length === 0) return {}
  const dismissed = Object.fromEntries(
    unseen.map(([reviewer]) => [reviewer, { verdict: 'dismissed' as const, body: '', comments: [], observedAt }]),
  )
  return ofHead(c, headSha, observedAt, ({ reviews: known }) => ({ reviews: { ...known, ...dismissed } }))
}
