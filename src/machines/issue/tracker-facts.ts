// How facts about the issue become context: the newest truth wins.

import type { IssueContext } from './context.ts'
import type { EventOf, TrackerFact } from './events.ts'
import { restored } from './counters.ts'
import { reopen } from './decisions.ts'
import { hearOfChildren, isDone } from './inbox.ts'
import { childNews, isUmbrella, openChildren } from './umbrella.ts'

type Patch = Partial<IssueContext>

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
  links,
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
  ...(links === undefined || links.length === 0 ? {} : { links }),
})

/** What a new delegation lifts: a decision that was made before it. */
const lifted = <T extends { at: number }>(decision: T | null, at: number): T | null =>
  decision !== null && decision.at > at ? decision : null

const newerThan = <T extends { observedAt: number }>(known: Record<string, T>, observedAt: number): Record<string, T> =>
  Object.fromEntries(Object.entries(known).filter(([, one]) => one.observedAt > observedAt))

/** The issue as it was seen, with what was heard of its blockers and children since. */
const withNews = (fact: TrackerFact, { blockers, children }: Pick<IssueContext, 'blockers' | 'children'>): TrackerFact => ({
  ...fact,
  blockedBy: fact.blockedBy.map((blocker) => {
    const news = blockers[blocker.key]
    if (news === undefined) return blocker
    const { observedAt: _observedAt, ...now } = news
    // A ring with a resolved issue in it is none any more.
    const ring = news.resolved || blocker.ring === undefined ? {} : { ring: blocker.ring }
    return { key: blocker.key, ...now, ...ring }
  }),
  children: [
    ...fact.children.filter(({ key }) => children[key] === undefined),
    ...Object.entries(children).map(([key, { state }]) => ({ key, state })),
  ],
})

/**
 * `isHandover`: the fact is that somebody delegated the issue, not merely that it is delegated. It has a time of its own: what was seen
 * with it may be newer than a decision that it is older than, and older than what is known.
 */
export function takeTracker(
  c: IssueContext,
  fact: TrackerFact,
  observedAt: number,
  delegated: boolean | undefined,
  isHandover = false,
): Patch {
  const { delegatedAt = observedAt } = fact
  if (observedAt <= c.issueObservedAt) return isHandover && fact.delegatedAt !== undefined ? handedOver(c, delegatedAt) : {}
  const isNew = delegated === true && (isHandover || !c.delegated)
  const news = { blockers: newerThan(c.blockers, observedAt), children: newerThan(c.children, observedAt) }
  return {
    ...news,
    ...withIssue(c, withNews(factOf(fact), news)),
    issueObservedAt: observedAt,
    delegated: delegated ?? c.delegated,
    removed: c.removed && c.removedAt > observedAt,
    ...(c.escalation !== null && isRewritten(c, fact) ? restored(c) : {}),
    ...(isNew ? handedOver(c, delegatedAt) : {}),
  }
}

/** A person has said anew what is to be done. */
const isRewritten = ({ issue }: IssueContext, { title, description }: TrackerFact): boolean =>
  issue.title !== title || issue.description !== description

/** What a person who delegates it lifts, and gives back where it was out of attempts. */
const handedOver = (c: IssueContext, at: number): Patch => ({
  ...(c.escalation !== null && c.escalation.at <= at ? restored(c) : {}),
  stop: lifted(c.stop, at),
  liftedAt: Math.max(c.liftedAt, at),
  closed: lifted(c.closed, at),
  escalation: lifted(c.escalation, at),
})

export const takeRemoval = (c: IssueContext, observedAt: number): Patch =>
  observedAt <= Math.max(c.issueObservedAt, c.removedAt) ? {} : { removed: true, removedAt: observedAt }

export function takeBlocker(c: IssueContext, { key, resolved, state, observedAt }: EventOf<'blocker.changed'>): Patch {
  if (observedAt <= Math.max(c.issueObservedAt, c.blockers[key]?.observedAt ?? 0)) return {}
  const blockers = { ...c.blockers, [key]: { resolved, ...(state === undefined ? {} : { state }), observedAt } }
  return { blockers, issue: withNews(c.issue, { blockers, children: c.children }) }
}

export function takeChild(c: IssueContext, { key, state, observedAt }: EventOf<'child.changed'>): Patch {
  if (observedAt <= Math.max(c.issueObservedAt, c.children[key]?.observedAt ?? 0)) return {}
  const children = { ...c.children, [key]: { state, observedAt } }
  return { children, ...withIssue(c, withNews(c.issue, { blockers: c.blockers, children })) }
}

/** The issue as it is now; an umbrella that has begun hears what became of its children, one that has not lets them settle. */
function withIssue(c: IssueContext, issue: TrackerFact): Patch {
  const news = childNews(c.issue.children, issue.children)
  const isOne = isUmbrella({ issue })
  if (!c.claimed && isOne && !isUmbrella(c)) return { issue, childrenAt: c.now }
  if (news.length === 0 || !(isOne || isUmbrella(c))) return { issue }
  if (!c.claimed) return { issue, childrenAt: c.now }
  // Whoever may act on it by then: that it is not done is a fact. What has landed stays so.
  const isOpenAgain = isUmbrella(c) && isDone(c) && c.pr?.state !== 'merged' && openChildren({ issue }).length > 0
  return {
    issue,
    ...hearOfChildren(c, news),
    ...(c.escalation === null ? {} : restored(c)),
    ...(isOpenAgain ? reopen({ ...c, issue }) : {}),
  }
}
