// What a run that was called off has published all the same: its push was under way. Taken up where the work is still wanted; where it is
// not, the pull request is closed again, and the branch with the work stays (core §3.27).

import type { RunOutput } from '../run/context.ts'
import type { IssueContext, LatePublication, PullRequestState } from './context.ts'
import type { PullRequestFact } from './events.ts'
import { hasEnd } from './policy.ts'
import type { Sight } from './pull-request-facts.ts'

type Patch = Partial<IssueContext>

/** Whether anybody still wants what the issue's runs do. */
export const isWorkWanted = (c: IssueContext): boolean => c.stop === null && c.delegated && !hasEnd(c)

/** The head that may yet be published, or was, without anybody wanting it. */
const lateHead = ({ late, run }: IssueContext): string | null => late?.headSha ?? run?.publishing ?? null

/** Whether a fact tells of a first publication that nobody wants any more, or of what became of it. */
export function isLate(c: IssueContext, fact: PullRequestFact, state: PullRequestState['state']): boolean {
  if (state === 'merged' || c.pr !== null) return false
  const isKnown = c.late?.pr != null && c.late.pr.number === fact.number
  // That it is closed is our own doing, and says nothing to who wants it again.
  if (isKnown && state === 'closed' && c.late!.state !== 'new') return true
  if (isWorkWanted(c)) return false
  return isKnown || (state === 'open' && fact.headSha === lateHead(c))
}

/** It is forgotten, and what was told of it is old from now on. */
export const giveUpLate = ({ late, lateUntil }: IssueContext): Patch => ({
  late: null,
  lateUntil: Math.max(lateUntil, late?.observedAt ?? 0),
})

/** Whether a fact is of the time of a publication that was given up; a poll of the very same time sees what there is now. */
export const isOfGivenUp = ({ pr, lateUntil }: IssueContext, { observedAt, askedAt }: Sight): boolean =>
  pr === null && (askedAt === null ? observedAt <= lateUntil : observedAt < lateUntil)

/** It is remembered and not taken for the issue's pull request. */
export function rememberLate({ late }: IssueContext, fact: PullRequestFact, observedAt: number): Patch {
  if (late?.pr != null) {
    const isOfIt = fact.headSha === late.pr.headSha && observedAt >= late.observedAt && fact.mergeable !== undefined
    const found = isOfIt && (fact.mergeable !== 'unknown' || observedAt > late.observedAt) ? { mergeable: fact.mergeable! } : {}
    return { late: { ...late, pr: { ...late.pr, ...found }, observedAt: Math.max(late.observedAt, observedAt) } }
  }
  const { number, url, headSha, headRef, baseRef, draft, author, patchId = null, mergeable = 'unknown' } = fact
  return { late: { headSha, pr: { number, url, headSha, headRef, baseRef, draft, author, patchId, mergeable }, observedAt, state: 'new' } }
}

/** Whether a fact is older than what is known of it; a poll of the same time that sees something else is not. */
export const isBeforeLate = ({ late }: IssueContext, { observedAt, askedAt }: Sight): boolean =>
  late?.pr != null && (observedAt < late.observedAt || (observedAt === late.observedAt && askedAt === null))

/** What a run leaves that ended while it was publishing the first time, without an answer to that. */
export const lateAfter = (c: IssueContext, answer: Pick<RunOutput, 'pr'> | null): LatePublication | null =>
  c.late ??
  (c.run === null || c.run.publishing === null || c.pr !== null || answer?.pr != null
    ? null
    : { headSha: c.run.publishing, pr: null, observedAt: 0, state: 'new' })
