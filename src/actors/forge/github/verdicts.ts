// What reviewers have said of a pull request: each verdict at the head that it was given for. Pure.

import type { Finding, PullRequestFacts } from '../../ports.ts'
import type { SeenPullRequest, SeenReview } from './queries.ts'
import type { Self } from './repositories.ts'

type Verdicts = PullRequestFacts['reviews']

/** GitHub's own rules (who owns the code, how many must approve) ask for more than there is. */
export const needsMore = ({ reviewDecision }: Pick<SeenPullRequest, 'reviewDecision'>): boolean => reviewDecision === 'REVIEW_REQUIRED'

export const isSelf = (author: { __typename: string; login: string } | null, self: Self): boolean =>
  author !== null && (author.login === self.login || (author.__typename === 'Bot' && author.login === self.slug))

export const isObjection = ({ state }: SeenReview): boolean => state === 'CHANGES_REQUESTED'

/**
 * Whose objection GitHub still counts, on whatever head: nobody's approval lands the change before they have looked again, or a person has
 * dismissed it. Where no review is required GitHub decides nothing, and what people object to stands all the same.
 */
export function objectorsOf({ reviewDecision, latestOpinionatedReviews }: SeenPullRequest, self: Self): string[] {
  if (reviewDecision !== 'CHANGES_REQUESTED' && reviewDecision !== null) return []
  return latestOpinionatedReviews.nodes
    .filter((review) => isObjection(review) && (reviewDecision !== null || !isSelf(review.author, self)))
    .map(({ author }) => author?.login ?? 'ghost')
    .toSorted()
}

/**
 * Only of people who may write to the repository, as GitHub has chosen them. An objection has what its reviewer asked for before, too, as
 * long as it is not resolved: a newer review takes none of it back. `settled` and `points`: what stands in the threads. `approvedAt`: since
 * when approvals count. `own`: the verdicts of our reviewing agents.
 */
export function verdictsOf(
  seen: SeenPullRequest,
  options: {
    self: Self
    settled: ReadonlySet<string>
    points?: ReadonlyMap<string, readonly Finding[]>
    approvedAt: number
    own: Verdicts
  },
): Verdicts {
  const { self, settled, points, approvedAt, own } = options
  const said = (review: SeenReview): { id: string; reviewer: string } => ({ id: review.id, reviewer: review.author?.login ?? 'ghost' })
  const at = ({ submittedAt, updatedAt }: SeenReview): number => submittedAt ?? updatedAt
  const standing = seen.latestOpinionatedReviews.nodes.flatMap((review): Verdicts => {
    if (isSelf(review.author, self)) return []
    if (isObjection(review)) {
      const made = points?.get(said(review).reviewer) ?? []
      const isPoint = new Set(made.map(({ id }) => id))
      const others = review.comments.nodes.filter(({ id }) => !settled.has(id) && !isPoint.has(id))
      const comments: Finding[] = [
        ...made,
        ...others.map(({ id, path, line, originalLine, body }) => ({ path, line: line ?? originalLine, body, id })),
      ]
      // What it was said of is gone where a branch was replaced: then it is said of what there is.
      const headSha = review.commit?.oid ?? seen.headRefOid
      return [{ ...said(review), verdict: 'changes_requested', headSha, body: review.body, comments, observedAt: at(review) }]
    }
    if (review.state !== 'APPROVED' || review.commit === null) return []
    const { oid: headSha } = review.commit
    return [{ ...said(review), verdict: 'approved', headSha, body: review.body, comments: [], observedAt: at(review) }]
  })
  const dismissed = seen.dismissed.nodes.flatMap((review): Verdicts => {
    if (review.commit === null || isSelf(review.author, self)) return []
    const { oid } = review.commit
    // Whoever has spoken again since has not been silenced.
    if (standing.some(({ reviewer, headSha }) => reviewer === said(review).reviewer && headSha === oid)) return []
    return [
      {
        ...said(review),
        verdict: 'dismissed',
        headSha: review.commit.oid,
        body: '',
        comments: [],
        observedAt: Math.max(review.updatedAt, approvedAt),
      },
    ]
  })
  const all = [...standing, ...dismissed, ...own].toSorted((a, b) => a.observedAt - b.observedAt)
  return all.flatMap((review) => {
    if (review.verdict !== 'approved') return [review]
    return needsMore(seen) ? [] : [{ ...review, observedAt: Math.max(review.observedAt, approvedAt) }]
  })
}
