// How everything that a poll saw at once becomes context: each part by the same rules as when it is told alone.

import type { IssueContext } from './context.ts'
import type { EventOf, ReconcileEvent } from './events.ts'
import { ofHead, takeChecks, takeQueue, takeReview } from './head-facts.ts'
import { takePullRequest } from './pull-request-facts.ts'
import { takeRemoval, takeTracker } from './tracker-facts.ts'

type Patch = Partial<IssueContext>

const eventOf = { approved: 'review.approved', changes_requested: 'review.changesRequested', dismissed: 'review.dismissed' } as const

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
    const isLatest = event.observedAt >= context.prSeenAt
    take(takePullRequest(seen(), pr, { observedAt: pr.observedAt, askedAt: event.observedAt }, pr.state))
    for (const { verdict, ...review } of pr.reviews) {
      take(takeReview(seen(), { type: eventOf[verdict], ...review } as EventOf<'review.approved'>, isLatest))
    }
    take(dropUnseenVerdicts(seen(), pr))
    if (pr.checks.headSha !== '') take(takeChecks(seen(), pr.checks, pr.checks.state, isLatest))
    if (pr.queue.headSha !== '') take(takeQueue(seen(), pr.queue, pr.queue.state))
  }
  return patch
}

/** When things were looked at; what was seen is compared without it. */
const times = new Set(['observedAt', 'issueObservedAt', 'prSeenAt', 'removedAt', 'childrenAt', 'now'])
const seen = (c: IssueContext): string => JSON.stringify(c, (key, value: unknown) => (times.has(key) ? undefined : value))

/** Whether the poll tells the issue anything that it does not know: only then is it worth an event. */
export const isNews = (c: IssueContext, event: ReconcileEvent): boolean => seen({ ...c, ...takeEverything(c, event) }) !== seen(c)

/** A verdict that the poll did not see any more, on whatever head, has been dismissed. */
function dropUnseenVerdicts(c: IssueContext, { reviews, observedAt }: NonNullable<ReconcileEvent['pr']>): Patch {
  let patch: Patch = {}
  for (const [headSha, head] of Object.entries(c.heads)) {
    const unseen = Object.entries(head.reviews).filter(
      ([reviewer, { verdict, observedAt: saidAt, of = headSha }]) =>
        verdict !== 'dismissed' && saidAt < observedAt && !reviews.some((review) => review.reviewer === reviewer && review.headSha === of),
    )
    if (unseen.length === 0) continue
    const dismissed = Object.fromEntries(
      unseen.map(([reviewer]) => [reviewer, { verdict: 'dismissed' as const, body: '', comments: [], observedAt }]),
    )
    patch = ofHead({ ...c, ...patch }, headSha, head.observedAt, ({ reviews: known }) => ({ reviews: { ...known, ...dismissed } }))
  }
  return patch
}
