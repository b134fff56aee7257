// How facts about the pull request become context: the newest truth wins, and our own publication is known before the forge tells of it.

import type { Published } from '../run/context.ts'
import type { IssueContext, PullRequestState } from './context.ts'
import { restored } from './counters.ts'
import type { PullRequestFact } from './events.ts'

type Patch = Partial<IssueContext>

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
