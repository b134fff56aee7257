// Issues that only hold others together: which issue is one, and which news of its children call for a run.

import type { IssueContext } from './context.ts'
import type { TrackerFact } from './events.ts'

type Child = TrackerFact['children'][number]

const isDelivered = ({ state }: Child): boolean => state === 'completed'
/** A cancelled child is none: nobody waits for it. */
const isCounted = ({ state }: Child): boolean => state !== 'canceled'

/** Words for: no code, but issues (core §3.24). */
const withoutCode = /\b(no code|without code|planning only|plan only|no implementation)\b/i
const withIssues = /\b(create|file|open|split (it )?into)\b[^.\n]{0,40}\b(child|sub)[- ]?(issues|tasks)\b/i

/** It coordinates its children and makes no change of its own. What has a parent is one of the pieces. */
export const isUmbrella = ({ issue }: Pick<IssueContext, 'issue'>): boolean => {
  if (issue.parent !== null) return false
  const text = `${issue.title}\n${issue.description}`
  // Also when all of them were cancelled: what it was for does not change with that.
  return issue.children.length > 0 || (withoutCode.test(text) && withIssues.test(text))
}

export const openChildren = ({ issue }: Pick<IssueContext, 'issue'>): Child[] =>
  issue.children.filter((child) => isCounted(child) && !isDelivered(child))

/** All that it holds together is delivered. */
export const isCovered = (c: IssueContext): boolean => isUmbrella(c) && c.issue.children.some(isCounted) && openChildren(c).length === 0

/** Nothing is left to do but to wait for its children. */
export const isResting = (c: IssueContext): boolean => c.resting && openChildren(c).length > 0

/** What an umbrella has to look at, in sentences: children that came, left, were delivered, or are open again. Nothing else wakes it. */
export function childNews(before: readonly Child[], after: readonly Child[]): string[] {
  const known = new Map(before.filter(isCounted).map((child) => [child.key, child]))
  const counted = after.filter(isCounted)
  const news = counted.flatMap((child) => {
    const earlier = known.get(child.key)
    if (earlier === undefined) return [`${child.key} was attached${isDelivered(child) ? ', delivered already' : ''}.`]
    if (isDelivered(child) === isDelivered(earlier)) return []
    return [isDelivered(child) ? `${child.key} was delivered.` : `${child.key}, which had been delivered, is open again.`]
  })
  const gone = [...known.keys()].filter((key) => !counted.some((child) => child.key === key))
  return [...news, ...gone.map((key) => `${key} does not belong to it any more, or was cancelled.`)]
}
