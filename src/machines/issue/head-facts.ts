// How verdicts, checks and the landing queue's words become context. What is said of one head speaks for another only where the patch is
// the same, or where our own push has left the one behind without having heard of it.

import type { ActiveRun, ChecksFact, HeadFacts, IssueContext, QueueFact, Verdict } from './context.ts'
import type { EventOf } from './events.ts'

type Patch = Partial<IssueContext>

/** Heads of which something is remembered. */
const keptHeads = 8

const noHeadFacts: HeadFacts = { reviews: {}, checks: null, queue: null, patchId: null, rerun: null, observedAt: 0 }

/** What is known of the head that the pull request has now. */
export const presentHead = (c: IssueContext): HeadFacts => (c.pr && c.heads[c.pr.headSha]) || noHeadFacts

/**
 * What reviewers say of the present change: their newest word on its head, or on an earlier head with the very same patch.
 * A base that was merged in takes no approval away and answers no objection.
 */
export function presentReviews(c: IssueContext): HeadFacts['reviews'] {
  const { reviews, patchId } = presentHead(c)
  if (patchId === null) return reviews
  const newest: HeadFacts['reviews'] = {}
  for (const head of Object.values(c.heads)) {
    if (head.patchId !== patchId) continue
    for (const [reviewer, verdict] of Object.entries(head.reviews)) {
      const known = newest[reviewer]
      if (isNews(known, (one) => one.verdict, verdict.observedAt, verdict.verdict)) newest[reviewer] = verdict
    }
  }
  return newest
}

/** The newest few, and always the present one. */
function trimmed(heads: Record<string, HeadFacts>, present: string | undefined): Record<string, HeadFacts> {
  const all = Object.entries(heads)
  if (all.length <= keptHeads) return heads
  const oldest = all.filter(([sha]) => sha !== present).sort(([, a], [, b]) => a.observedAt - b.observedAt)
  const gone = new Set(oldest.slice(0, all.length - keptHeads).map(([sha]) => sha))
  return Object.fromEntries(all.filter(([sha]) => !gone.has(sha)))
}

export function ofHead(c: IssueContext, sha: string, observedAt: number, change: (known: HeadFacts) => Partial<HeadFacts> | null): Patch {
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

/** Of two facts of the same time the graver one stands, so that their order does not matter: a dismissal is always of an earlier word. */
const gravity = { none: 0, pending: 1, passed: 2, approved: 1, changes_requested: 2, dismissed: 3, failed: 3 } as const
type Grave = keyof typeof gravity

const isNews = <T extends { observedAt: number }>(
  known: T | null | undefined,
  stateOf: (fact: T) => Grave,
  observedAt: number,
  state: Grave,
) => !known || observedAt > known.observedAt || (observedAt === known.observedAt && gravity[state] > gravity[stateOf(known)])

/** The same word of a reviewer, written anew: the forge gives it the time at which it was first said. */
const isRewritten = (known: Verdict | undefined, said: Verdict): boolean =>
  known?.verdict === said.verdict && known.observedAt === said.observedAt && textOf(known) !== textOf(said)
/** Another word of the same second: only who looked last knows which of them stands. */
const isBeside = (known: Verdict | undefined, said: Verdict): boolean =>
  known?.id !== undefined && said.id !== undefined && known.id !== said.id && known.observedAt === said.observedAt
const textOf = ({ body, comments }: Verdict): string => JSON.stringify([body, comments])

/** A comment is no verdict. `isLatest`: as the newest look has it, which knows what stands there now. */
export function takeReview(c: IssueContext, event: EventOf<'review.approved'>, isLatest = false): Patch {
  const verdict = verdictOf[event.type]
  if (verdict === null) return {}
  const { reviewer, headSha, id, body, comments, observedAt } = event
  const said: Verdict = { ...(id !== undefined && { id }), verdict, body: body ?? '', comments: comments ?? [], observedAt }
  const patch = ofHead(c, headSha, observedAt, ({ reviews }) => {
    const known = reviews[reviewer]
    const isTaken = isBeside(known, said)
      ? isLatest
      : isNews(known, (one) => one.verdict, observedAt, verdict) || (isLatest && isRewritten(known, said))
    return isTaken ? { reviews: { ...reviews, [reviewer]: said } } : null
  })
  return patch.heads === undefined ? patch : { ...patch, ...passOn({ ...c, ...patch }, headSha, reviewer, said) }
}

const keyOf = (reviewer: string, { observedAt, id }: Verdict): string => [reviewer, observedAt, ...(id === undefined ? [] : [id])].join(' ')
const isObjection = ({ verdict }: Verdict): boolean => verdict === 'changes_requested'

/** Who asks for something of the present head, and the name of what is asked. */
export const presentObjections = (c: IssueContext): { reviewer: string; key: string }[] =>
  Object.entries(presentReviews(c)).flatMap(([reviewer, verdict]) =>
    isObjection(verdict) ? [{ reviewer, key: keyOf(reviewer, verdict) }] : [],
  )

/**
 * What was asked of the head that a run of ours began with, and that this run was not told, is asked of the head that it has pushed: the
 * reviewer has not seen it answered, and does not have to say it again.
 */
export function passOnObjections(c: IssueContext, run: ActiveRun | null, to: string): Patch {
  if (run?.head == null || run.objections === undefined || run.head === to || !c.pushed.includes(to)) return {}
  const missed = Object.entries(c.heads[run.head]?.reviews ?? {}).filter(
    ([reviewer, verdict]) => isObjection(verdict) && !run.objections!.includes(keyOf(reviewer, verdict)),
  )
  if (missed.length === 0) return {}
  const passed = Object.fromEntries(missed.map(([reviewer, verdict]) => [reviewer, { ...verdict, of: run.head! }]))
  return ofHead(c, to, 0, ({ reviews }) => ({ reviews: { ...passed, ...reviews } }))
}

/** A reviewer's newer word on a head that was left behind: it counts for what was passed on from there. */
function passOn(c: IssueContext, from: string, reviewer: string, said: Verdict): Patch {
  const to = Object.entries(c.heads).find(([, head]) => head.reviews[reviewer]?.of === from)?.[0]
  if (to === undefined) return c.pr === null ? {} : passOnObjections(c, c.run, c.pr.headSha)
  const verdict: Verdict = isObjection(said) ? { ...said, of: from } : { ...said, verdict: 'dismissed', of: from }
  return ofHead(c, to, 0, ({ reviews }) => ({ reviews: { ...reviews, [reviewer]: verdict } }))
}

/** `isLatest`: as the newest look has it. Of what has come to be required since nothing may have been reported: the time of that tells nothing. */
export function takeChecks(
  c: IssueContext,
  fact: Omit<ChecksFact, 'state' | 'obstacle'> & { headSha: string; obstacle?: string | null | undefined },
  state: ChecksFact['state'],
  isLatest = false,
): Patch {
  const { headSha, names, failures, obstacle = null } = fact
  return ofHead(c, headSha, fact.observedAt, ({ checks }) => {
    const isMissing = isLatest && state === 'pending' && checks?.state === 'passed' && names.some((name) => !checks.names.includes(name))
    const observedAt = isMissing ? Math.max(checks.observedAt, fact.observedAt) : fact.observedAt
    const isTaken = isMissing || isNews(checks, (known) => known.state, observedAt, state)
    return isTaken ? { checks: { state, names, failures, obstacle, observedAt } } : null
  })
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

/** What holds the landing up that is asked for; a word about another one is late. */
export const takeHold = (c: IssueContext, { headSha, reason, files }: EventOf<'queue.held'>): Patch =>
  headSha === c.landing ? { held: { headSha, reason, files, at: c.now } } : {}

export const takeResumption = (c: IssueContext, { headSha }: EventOf<'queue.resumed'>): Patch =>
  headSha === c.held?.headSha ? { held: null } : {}

/** The red checks that are known of the present head are asked to run once more. */
export const askForRerun = (c: IssueContext): Patch => ofHead(c, c.pr!.headSha, 0, ({ checks }) => ({ rerun: checks?.observedAt ?? null }))

/** Nobody has answered: the checks are red, as far as is known. */
export const giveUpRerun = (c: IssueContext): Patch =>
  ofHead(c, c.pr!.headSha, 0, ({ checks, rerun }) =>
    rerun === null || checks === null || checks.observedAt > rerun ? null : { rerun: checks.observedAt - 1 },
  )

/** It stands in the queue no more, as far as is known. */
export const forgetEntry = (head: HeadFacts): HeadFacts => (head.queue?.state === 'queued' ? forgetEviction(head) : head)

/** Put aside by a person; what is known of it already says nothing new. */
export const forgetEviction = (head: HeadFacts): HeadFacts => ({
  ...head,
  queue: head.queue && { state: 'none', incident: null, observedAt: head.queue.observedAt },
})
