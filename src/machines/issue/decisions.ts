// What people decide: to stop, to try again, to close.

import type { RunType } from '../vocabulary.ts'
import type { IssueContext, PullRequestState } from './context.ts'
import { restored } from './counters.ts'
import type { EventOf } from './events.ts'
import { forgetEviction, presentHead } from './head-facts.ts'
import { giveUpLate } from './late-publication.ts'
import { isEvictedByEnvironment } from './policy.ts'
import { remembered } from './pull-request-facts.ts'

type Patch = Partial<IssueContext>

/** The newest stop stands, unless a person has lifted it in the tracker after it was made there. */
export function stop(c: IssueContext, event: EventOf<'operator.stopped' | 'tracker.stopRequested'>, now: number): Patch {
  const at = 'observedAt' in event ? event.observedAt : now
  if (at <= (c.stop?.at ?? 0) || ('observedAt' in event && at < c.liftedAt)) return {}
  return { stop: { author: event.author ?? 'somebody', reason: event.reason ?? 'asked to stop', at } }
}

/** Lifts what a person may lift, and puts aside what ended the issue or keeps it from going on. */
export const retry = (c: IssueContext, event: EventOf<'operator.retried'>): Patch => ({
  ...restored(c),
  stop: null,
  // Where the forge does not open it again, the work begins anew.
  ...(c.late?.state === 'restoring' ? giveUpLate(c) : {}),
  closed: null,
  removed: false,
  question: null,
  answered: null,
  asked: (event.runType ?? null) as RunType | null,
  deploy: c.deploy?.state === 'failed' ? { sha: c.deploy.sha, state: 'pending', since: c.now, reason: '' } : c.deploy,
  issue: ['completed', 'canceled'].includes(c.issue.stateType) ? { ...c.issue, stateType: 'unstarted' } : c.issue,
  ...putEvictionAside(c),
})

/** A person has heard that the queue could not test the change: it is asked once more. */
export const putEvictionAside = (c: IssueContext): Patch =>
  isEvictedByEnvironment(c) ? { heads: { ...c.heads, [c.pr!.headSha]: forgetEviction(presentHead(c)) } } : {}

export const close = (event: EventOf<'operator.closed'>, now: number): Patch => ({
  closed: { as: event.as, by: event.author ?? 'operator', at: now },
})

/** A person wants more of an issue that is done: it goes on, on a branch of its own where a change has landed already. */
export const reopen = (c: IssueContext): Patch => ({
  closed: null,
  claimed: false,
  // It has begun before: its children are not waited for once more.
  childrenAt: 0,
  resting: false,
  issue: c.issue.stateType === 'completed' ? { ...c.issue, stateType: 'unstarted' } : c.issue,
  ...(c.pr?.state === 'merged' ? putAside(c, c.pr) : {}),
})

/** The branch without the number that its last replacement gave it. */
function stemOf({ branch, replacements }: IssueContext): string {
  const suffix = `-${replacements + 1}`
  return replacements > 0 && branch.endsWith(suffix) ? branch.slice(0, -suffix.length) : branch
}

const putAside = (c: IssueContext, { number, url, headSha }: PullRequestState): Patch => ({
  pr: null,
  landed: [...c.landed, { number, url }],
  formerHeads: remembered(c.formerHeads, headSha),
  branch: `${stemOf(c)}-${c.replacements + 2}`,
  replacements: c.replacements + 1,
  published: null,
  deploy: null,
  keep: false,
  restartFrom: null,
})
