// How facts about the pull request become context: the newest truth wins, and our own publication is known before the forge tells of it.

import type { Published } from '../run/context.ts'
import type { ActiveRun, IssueContext, PullRequestState } from './context.ts'
import { restored } from './counters.ts'
import type { PullRequestFact } from './events.ts'
import { ofHead, passOnObjections, presentHead } from './head-facts.ts'
import { causeOf, isEvictedByEnvironment } from './policy.ts'
import { isBeforeLate, isLate, isOfGivenUp, rememberLate } from './late-publication.ts'

type Patch = Partial<IssueContext>

/** Heads that are remembered: those that we have pushed, and those that the pull request has left. */
const keptHeads = 20

/** With `head` as the newest. */
export const remembered = (heads: string[], head: string): string[] => [...heads.filter((other) => other !== head), head].slice(-keptHeads)

/** When a pull request was as a fact says. */
export interface Sight {
  /** The forge's own time of the pull request: on GitHub in whole seconds. */
  observedAt: number
  /** When a poll was sent that saw it so; null for a fact that came by itself. By our clock, as `prSeenAt`. */
  askedAt: number | null
}

/**
 * Whether a fact of the same time as what is known is news. A poll that was sent after what is known had come is; otherwise only a
 * head that the pull request has never had before: one that it has left does not come back without a later time.
 */
function isNewsOfSameTime(c: IssueContext, pr: PullRequestState, fact: PullRequestFact, askedAt: number | null): boolean {
  if (askedAt !== null && askedAt > c.prSeenAt) return true
  return fact.headSha !== pr.headSha && !c.formerHeads.includes(fact.headSha)
}

/** A pull request as a fact tells it: taken when it is newer than what is known. */
export function takePullRequest(c: IssueContext, fact: PullRequestFact, sight: Sight, state: PullRequestState['state']): Patch {
  const { pr } = c
  const { observedAt, askedAt } = sight
  const seenAt = askedAt ?? c.now
  if (c.landed.some(({ number }) => number === fact.number)) return {}
  if (state !== 'merged' && isOfGivenUp(c, sight)) return {}
  if (isLate(c, fact, state)) return rememberLate(c, fact, observedAt)
  if (state !== 'merged' && isBeforeLate(c, sight)) return {}
  if (pr) {
    const isLanding = state === 'merged' && pr.state !== 'merged' && pr.number === fact.number
    // A merge is the end: nothing undoes it, however late it is told, and whatever is told afterwards.
    if (isLanding) return follow(c, fact, Math.max(observedAt, pr.observedAt), seenAt, state)
    if (pr.state === 'merged' && state !== 'merged') return {}
    if (observedAt < pr.observedAt) return {}
    if (observedAt === pr.observedAt && !isNewsOfSameTime(c, pr, fact, askedAt)) return mergeability(pr, fact)
    // The end of another pull request of the issue says nothing about the open one, unless it brought the change to the base.
    if (pr.state === 'open' && pr.number !== fact.number && state === 'closed') return {}
  }
  return follow(c, fact, observedAt, seenAt, state)
}

/** Whether it merges is found out after the fact itself: of the same head, known stands above unknown. */
const mergeability = (pr: PullRequestState, { number, headSha, mergeable = 'unknown' }: PullRequestFact): Patch =>
  pr.number === number && pr.headSha === headSha && pr.mergeable === 'unknown' ? { pr: { ...pr, mergeable } } : {}

/** The forge has had time enough to tell of what was published: what it says instead is how things are. */
const isOverdue = ({ now, publishedAt, policy }: IssueContext): boolean => now - publishedAt >= policy.delays.confirmation

const objectorsOf = (objectors: string[] = []): Pick<PullRequestState, 'objectors'> => (objectors.length === 0 ? {} : { objectors })

/** A new head gives back what the former one had spent, unless we pushed it ourselves. */
function follow(
  c: IssueContext,
  fact: PullRequestFact,
  observedAt: number,
  seenAt: number,
  state: PullRequestState['state'],
  run: ActiveRun | null = c.run,
): Patch {
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
    parent: fact.parent === undefined ? (known?.parent ?? null) : fact.parent,
    ...objectorsOf(fact.objectors ?? known?.objectors),
    observedAt,
  }
  const isForeign = pr !== null && pr.headSha !== fact.headSha && !c.pushed.includes(fact.headSha)
  const { patchId } = fact
  const withPatch = patchId == null ? {} : ofHead({ ...c, pr: next }, fact.headSha, 0, () => ({ patchId }))
  return {
    pr: next,
    late: null,
    // Linked by a person, or opened by somebody else: what it is on is what is worked on.
    branch: fact.headRef === '' ? c.branch : fact.headRef,
    prSeenAt: Math.max(c.prSeenAt, seenAt),
    ...withPatch,
    ...passOnObjections({ ...c, ...withPatch, pr: next }, run, fact.headSha),
    // Closed without having landed: the work begins anew.
    ...(state === 'closed' && known?.state !== 'closed' ? { claimed: false } : {}),
    ...(pr === null || pr.headSha === fact.headSha
      ? {}
      : { formerHeads: remembered(c.formerHeads, pr.headSha).filter((head) => head !== fact.headSha) }),
    // The forge has caught up with what we published, or has something newer.
    published: c.published !== null && (c.published === fact.headSha || isForeign || state !== 'open' || isOverdue(c)) ? null : c.published,
    // It has landed, whatever a person had said before of what becomes of it.
    ...(state === 'merged' && known?.state !== 'merged' && c.closed?.as === 'failed' ? { closed: null } : {}),
    // That it was closed solves nothing: a person still has to look (core-cases 113).
    ...(state === 'closed' && isEvictedByEnvironment(c) && c.escalation === null
      ? { escalation: { reason: presentHead(c).queue!.incident!.summary, anchor: causeOf(c), at: c.now } }
      : {}),
    ...(state === 'merged' && c.policy.deploy !== null && c.deploy === null
      ? { deploy: { sha: next.mergedSha ?? fact.headSha, state: 'pending', since: c.now } }
      : {}),
    ...(isForeign ? restored(c) : {}),
  }
}

/** A publication that came late is wanted after all, before it was withdrawn. */
export const takeLate = (c: IssueContext): Patch => {
  const { pr, observedAt } = c.late!
  // Something newer may be known by now: then there is nothing left of it.
  return { late: null, ...takePullRequest({ ...c, late: null }, pr!, { observedAt, askedAt: null }, 'open') }
}

/** What a run is about to push is ours from then on, also where the forge has told of it already. */
export function takePublishing(c: IssueContext, head: string, runId: string): Patch {
  const pushed = remembered(c.pushed, head)
  return {
    pushed,
    run: c.run?.id === runId ? { ...c.run, phase: 'publishing', publishing: head } : c.run,
    ...(c.pr?.headSha === head ? passOnObjections({ ...c, pushed }, c.run, head) : {}),
  }
}

/** Our own publication, as its run tells it: taken unless the pull request has moved on since the run began, or has landed. */
export function takePublication(c: IssueContext, published: Published | null, run: ActiveRun): Patch {
  if (published === null || c.pr?.state === 'merged') return {}
  // A run that began after its pull request was closed had none.
  if (c.pr !== null && (c.pr.state === 'closed' ? null : c.pr.headSha) !== run.head) return {}
  // What the forge has told of it already is not told again.
  const told = c.late?.pr?.number === published.number && c.late.pr.headSha === published.headSha ? c.late.pr.mergeable : undefined
  const fact: PullRequestFact = { ...published, author: '', ...(told === undefined ? {} : { mergeable: told }) }
  const { headSha, state } = published
  // As old as what is known: the forge's own fact, which has a later time, goes over it.
  const observedAt = c.pr?.observedAt ?? c.late?.observedAt ?? 0
  return {
    ...follow({ ...c, pushed: remembered(c.pushed, headSha) }, fact, observedAt, c.now, state, run),
    ...leaving(c, headSha),
    published: headSha,
    publishedAt: c.now,
  }
}

/** What the forge told of another head before the run answered is over. */
const leaving = ({ late, formerHeads }: IssueContext, headSha: string): Patch =>
  late === null || late.headSha === headSha ? {} : { formerHeads: remembered(formerHeads, late.headSha) }

/** The deployment of the landed commit. What has been deployed once stays so. */
export const takeDeployment = (
  c: IssueContext,
  { sha, reason = '' }: { sha: string; reason?: string },
  state: 'succeeded' | 'failed',
): Patch => (c.deploy === null || c.deploy.sha !== sha || c.deploy.state === 'succeeded' ? {} : { deploy: { ...c.deploy, state, reason } })
