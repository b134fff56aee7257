// What a run leaves behind, by how it ended: counters, refunds, what was said to it, and what follows.

import type { RunInput, RunOutput } from '../run/context.ts'
import { addUsage, noUsage, type RunType } from '../vocabulary.ts'
import type { IssueContext } from './context.ts'
import type { EventOf } from './events.ts'
import { noFailures } from './counters.ts'
import { presentHead, presentObjections, presentReviews, takeReview } from './head-facts.ts'
import { consumeGiven, give, giveBack, hasUnheard, isForRun, pass } from './inbox.ts'
import { giveUpLate, lateAfter } from './late-publication.ts'
import { isUmbrella } from './umbrella.ts'
import {
  agentsFor,
  attemptsSpent,
  backoff,
  causeOf,
  goesOnInThread,
  hasOpenRequest,
  isConflicting,
  lifetimeSpent,
  neededRun,
  openBlockers,
  openPullRequest,
  roomAgain,
  type Spent,
} from './policy.ts'
import { remembered, takePublication } from './pull-request-facts.ts'

type Patch = Partial<IssueContext>

export const escalate = (c: IssueContext, reason: string): Patch => ({ escalation: { reason, anchor: causeOf(c), at: c.now } })

/** The escalation is about the facts as they are after the change. */
const andEscalate = (c: IssueContext, patch: Patch, reason: string): Patch => ({ ...patch, ...escalate({ ...c, ...patch }, reason) })

// --- the start -----------------------------------------------------------------------------------

/** Reserves what the run will use, and gives it what people said. */
export function claim(c: IssueContext, type: RunType = neededRun(c)!): Patch {
  const id = `run-${c.runs + 1}`
  const chain = agentsFor(c.policy, type)
  const own = chain[0]!
  const agent = c.place !== null && chain.includes(c.place) ? c.place : own
  return {
    claimed: true,
    // Whatever comes of it now is the new run's to go on with.
    ...giveUpLate(c),
    cleared: false,
    resting: false,
    runs: c.runs + 1,
    run: {
      id,
      type,
      agent,
      ...(agent === own ? {} : { insteadOf: own }),
      phase: 'claimed',
      head: openPullRequest(c)?.headSha ?? null,
      publishing: null,
      startedAt: c.now,
      lastSignalAt: null,
      lastProgressAt: null,
      usage: noUsage,
      given: isForRun(type, c) ? c.inbox.filter((message) => message.givenTo === null).map((message) => message.id) : [],
      asked: c.asked,
      objections: presentObjections(c).map(({ key }) => key),
    },
    asked: null,
    inbox: isForRun(type, c) ? give(c, id) : c.inbox,
    attempts: { ...c.attempts, [type]: c.attempts[type] + 1 },
    spent: { ...c.spent, runs: c.spent.runs + 1 },
  }
}

/** The pull request that the work to come follows: one that was closed, or one that landed before a person asked for more. */
const replacedBy = ({ pr, landed }: IssueContext): RunInput['replaces'] => {
  if (pr === null) return landed.at(-1) ?? null
  return pr.state === 'closed' ? { number: pr.number, url: pr.url } : null
}

/** What reviewers ask for: all of them, since one run answers them all. */
function objections(c: IssueContext, headSha: string): RunInput['review'] {
  const blocking = Object.entries(presentReviews(c)).filter(([, review]) => review.verdict === 'changes_requested')
  if (blocking.length === 0) return null
  const [[, only]] = blocking as [(typeof blocking)[0]]
  return {
    reviewer: blocking.map(([reviewer]) => reviewer).join(', '),
    body: blocking.length === 1 ? only.body : blocking.map(([reviewer, { body }]) => `${reviewer}: ${body}`).join('\n\n'),
    comments: blocking.flatMap(([reviewer, { comments }]) =>
      blocking.length === 1 ? comments : comments.map((comment) => ({ ...comment, author: reviewer })),
    ),
    headSha,
  }
}

/** Everything that the next run would be told if it were of this type and began now. */
export const nextAssignment = (c: IssueContext, type: RunType): RunInput => {
  const free = c.run === null ? c : { ...c, run: null, inbox: giveBack(c.inbox, c.run) }
  return assignment({ ...free, ...claim(free, type) })
}

/** Everything that the run is told. */
export function assignment(c: IssueContext): RunInput {
  const { pr, issue, policy } = c
  const { id, type, agent } = c.run!
  const { checks, queue } = presentHead(c)
  const headSha = pr?.headSha ?? ''
  return {
    issue: c.id,
    project: c.project,
    key: issue.key,
    title: issue.title,
    description: issue.description,
    url: issue.url,
    runId: id,
    type,
    attempt: c.attempts[type],
    agent,
    branch: c.branch,
    base: c.base,
    onto: pr?.parent ? pr.baseRef : null,
    // Also of a pull request that was closed: its branch is there, and what follows goes on from it.
    published: pr === null || pr.state === 'merged' ? null : pr.headSha,
    past: type === 'implementation' || pr?.state !== 'open' ? null : pr.headSha,
    keep: c.keep,
    restartFrom: c.restartFrom,
    messages: c.inbox.filter((message) => message.givenTo === id),
    question: c.answered,
    review: objections(c, headSha),
    checks: checks?.state === 'failed' ? { headSha, failures: checks.failures } : null,
    incident: queue?.state === 'evicted' ? queue.incident : null,
    replaces: replacedBy(c),
    umbrella: isUmbrella(c) ? { children: c.issue.children } : null,
    conflict: isConflicting(c),
    pastPatch: presentHead(c).patchId,
    protectedPaths: policy.protectedPaths,
    sequencing: policy.sequencing,
    round: c.attempts[type],
    lastFailure: c.lastFailure?.reason ?? null,
    ...(goesOnInThread(c) ? { inThread: c.thread!.id } : {}),
    ...budgetOf(c),
    limits: policy.limits,
  }
}

/** What the run may spend of what is left for the issue's whole life. */
function budgetOf({ policy: { budgets }, spent: { usage } }: IssueContext): Pick<RunInput, 'budget'> {
  const { tokens, usd } = budgets
  if (tokens === null && usd === null) return {}
  return { budget: { spent: { tokens: usage.inputTokens + usage.outputTokens, usd: usage.usd }, limits: { tokens, usd } } }
}

// --- the end -------------------------------------------------------------------------------------

/** What the next run finds in the worktree. A run that never had it leaves everything as it was. */
function worktreeAfter(c: IssueContext, { headBefore, outcome, failure, dirty }: RunOutput): Pick<IssueContext, 'keep' | 'restartFrom'> {
  // A reviewer has a checkout of its own.
  if (headBefore === null || c.run?.type === 'review') return { keep: c.keep, restartFrom: c.restartFrom }
  // What was out of bounds is saved, and not built upon.
  if (outcome === 'interrupted' || failure === 'scope' || failure === 'escape') return { keep: false, restartFrom: headBefore }
  // Asked or stopped in the middle of it, also by a blocker or for want of money or room, the agent goes on where it was, or another does.
  const isCutOff = failure === 'budget' || failure === 'capacity'
  const isHalfDone =
    isCutOff || ['needs_input', 'released'].includes(outcome) || (outcome === 'superseded' && c.run!.type === 'implementation')
  return { keep: dirty.length > 0 || failure === 'dirty' || isHalfDone, restartFrom: null }
}

/** A reviewer's is about what it has looked at, and not for those who work. Missing while there is none, for what was stored before. */
const threadAfter = ({ run }: IssueContext, { thread }: RunOutput): Pick<IssueContext, 'thread'> =>
  thread === undefined || run!.type === 'review' ? {} : { thread: { agent: run!.agent, id: thread } }

/** What every ended run leaves, whatever became of it. */
function settled(c: IssueContext, event: RunOutput): Patch {
  const run = c.run!
  return {
    run: null,
    late: lateAfter(c, event),
    inbox: giveBack(pass(c.inbox, event.steered, run), run),
    asked: c.asked ?? run.asked,
    ...worktreeAfter(c, event),
    ...threadAfter(c, event),
    ...(event.left === undefined && c.left === undefined ? {} : { left: event.left ?? [] }),
    pushed: event.headAfter === null ? c.pushed : remembered(c.pushed, event.headAfter),
    spent: {
      runs: c.spent.runs,
      // What began in an earlier version does not tell. No agent is at work for longer than it may be, however long a server was down.
      ms: c.spent.ms + Math.min(Math.max(0, c.now - run.startedAt - (event.idle ?? 0)), c.policy.limits.run),
      usage: addUsage(c.spent.usage, event.usage),
    },
  }
}

/** The run did what it was asked: what it was given is consumed, and what an operator asked for is done. */
const answered = (c: IssueContext, event: RunOutput): Patch => ({
  ...settled(c, event),
  inbox: consumeGiven(pass(c.inbox, event.steered, c.run!), c.run!),
  answered: null,
  asked: c.asked,
  lastFailure: null,
})

/** Gives back exactly the attempt that this run had reserved. */
function refundAttempt(c: IssueContext): Patch {
  const { type } = c.run!
  return { attempts: { ...c.attempts, [type]: Math.max(0, c.attempts[type] - 1) } }
}

/** What it used of time and tokens is gone; the run and its attempt are given back. */
function refunded(c: IssueContext, event: RunOutput): Patch {
  const patch = settled(c, event)
  return { ...patch, ...refundAttempt(c), spent: { ...patch.spent!, runs: Math.max(0, patch.spent!.runs - 1) } }
}

const failureOf = (c: IssueContext, event: RunOutput): IssueContext['lastFailure'] => ({
  class: event.failure ?? 'interrupted',
  reason: event.reason || event.summary,
  at: c.now,
})

export function settleCompleted(c: IssueContext, event: RunOutput): Patch {
  const used = c.adoption && { ...c.adoption, state: 'used' as const }
  const patch = { ...answered(c, event), ...noFailures, adoption: used }
  return {
    ...patch,
    ...takePublication({ ...c, ...patch }, event.pr, c.run!),
    ...takeOwnReview({ ...c, ...patch }, event, c.run!.agent),
  }
}

/** Our own reviewer's verdict is known before the forge tells of it. */
function takeOwnReview(c: IssueContext, { review }: RunOutput, reviewer: string): Patch {
  // Not there at all in the answer of a run that an earlier version began.
  if (review == null) return {}
  const { verdict, body, findings: comments, headSha } = review
  const type = verdict === 'approved' ? 'review.approved' : 'review.changesRequested'
  return takeReview(c, { type, headSha, reviewer, body, comments, observedAt: c.now } as EventOf<'review.approved'>)
}

/** We ended it: an approval made it needless, or a person took the issue back. What an operator had asked of it is off the table too. */
export const settleCalledOff = (c: IssueContext, event: RunOutput): Patch => ({
  ...refunded(c, event),
  asked: c.asked,
  // A blocker came in between: it waits as if it had not begun (core §3.12).
  claimed: c.claimed && !(c.pr === null && openBlockers(c).length > 0),
})

export function settleWithQuestion(c: IssueContext, event: RunOutput): Patch {
  // The answer is for the one who asked: it is not a wish for another change.
  const asked = c.asked ?? c.run!.asked ?? (c.run!.type === 'review' ? ('review' as const) : null)
  const patch = { ...answered(c, event), ...refundAttempt(c), ...noFailures, asked }
  const text = event.question ?? event.summary
  // What a person said meanwhile may be the answer: the next run is given both.
  return hasUnheard(patch.inbox!) ? { ...patch, answered: text } : { ...patch, question: { text, at: c.now } }
}

/** Everything is with its children: to look at them has cost no attempt, and their news call for the next run. */
export const settleResting = (c: IssueContext, event: RunOutput): Patch => ({
  ...answered(c, event),
  ...refundAttempt(c),
  ...noFailures,
  resting: true,
})

/** The agent found, and said twice, that nothing has to be changed. */
export function settleConcluded(c: IssueContext, event: RunOutput): Patch {
  const patch = { ...answered(c, event), ...noFailures }
  // It did not know of what was said meanwhile (core W32).
  return hasOpenRequest({ ...c, ...patch }) ? patch : { ...patch, closed: { as: 'done', by: c.run!.agent, at: c.now } }
}

/** There is work left: it goes on in its worktree, and the attempt is spent. */
export const settleUnfinished = (c: IssueContext, event: RunOutput): Patch => ({
  ...settled(c, event),
  keep: true,
  lastFailure: failureOf(c, {
    ...event,
    failure: 'agent',
    reason: event.reason || event.summary || 'The agent says that there is work left.',
  }),
})

/** Nothing was found to repair: the checks are asked once more. */
export const settleIrreproducible = (c: IssueContext, event: RunOutput): Patch => ({ ...answered(c, event), ...noFailures })

export function settleWithoutChange(c: IssueContext, event: RunOutput): Patch {
  const patch = { ...answered(c, event), ...noFailures }
  if (hasUnheard(patch.inbox!)) return patch
  const words = event.reason || event.summary
  // It would have gone on: what is in its way is the budget.
  const isOut = event.completion === 'continue' && attemptsSpent({ ...c, ...patch }) !== null
  if (!isOut) return andEscalate(c, patch, `The agent changed nothing: ${words}`)
  const lastFailure = failureOf(c, { ...event, failure: 'agent', reason: words || 'The agent says that there is work left.' })
  return andEscalate(c, { ...patch, lastFailure }, attemptsText({ ...c, ...patch, lastFailure }))
}

/** What the facts ask for once this run is gone, whatever it leaves. */
function neededAfter(c: IssueContext, event: RunOutput): RunType | null {
  const patch = event.outcome === 'no_change' ? answered(c, event) : settled(c, event)
  return neededRun({ ...c, ...patch })
}

/** Whether nobody waits any more for what the run was started for: its failure is no one's business, but for an escape. */
export const isNeedless = (c: IssueContext, event: RunOutput): boolean =>
  c.run !== null &&
  event.failure !== 'escape' &&
  c.run.head !== null &&
  (neededAfter(c, event) !== c.run.type || openPullRequest(c)?.headSha !== c.run.head)

export const settleNeedless = (c: IssueContext, event: RunOutput): Patch =>
  event.outcome === 'no_change' ? { ...answered(c, event), ...noFailures } : { ...settled(c, event), lastFailure: failureOf(c, event) }

export const settleInterrupted = (c: IssueContext, event: RunOutput): Patch => ({
  ...refunded(c, event),
  interruptions: event.progressed ? 0 : c.interruptions + 1,
  recoveries: 0,
  notBefore: 0,
})

export const settleForRecovery = (c: IssueContext, event: RunOutput): Patch => ({
  ...refunded(c, event),
  recoveries: c.recoveries + 1,
  lastFailure: failureOf(c, event),
  notBefore: c.now + backoff(c.policy, c.recoveries + 1),
})

/** Where another agent may take its place, that is asked for at once; the one without room is asked for with it, and goes before. */
export function settleShortage(c: IssueContext, event: RunOutput): Patch {
  const { at, isTold } = roomAgain(c, event.retryAt)
  return {
    ...refunded(c, event),
    ...(isTold ? { resets: c.resets + 1 } : { capacityFailures: c.capacityFailures + 1 }),
    lastFailure: failureOf(c, event),
    notBefore: agentsFor(c.policy, c.run!.type).length > 1 ? 0 : at,
  }
}

/** The money is used up, which is nobody's fault: its attempt is given back. Where a person has given more meanwhile, it is spent. */
export function settleCutShort(c: IssueContext, event: RunOutput): Patch {
  const patch = { ...settled(c, event), lastFailure: failureOf(c, event) }
  return lifetimeSpent({ ...c, ...patch }) === null ? patch : { ...patch, ...refundAttempt(c) }
}

/** The work is done and there: what is missing only a person can say. */
export const settleHalfPublished = (c: IssueContext, event: RunOutput): Patch =>
  andEscalate(
    c,
    { ...settled(c, event), lastFailure: failureOf(c, event) },
    `Its work is pushed, but not all that goes with it could be told there: ${event.reason}`,
  )

export const settleEnvironmentFailure = (c: IssueContext, event: RunOutput): Patch => ({
  ...refunded(c, event),
  environmentFailures: c.environmentFailures + 1,
  lastFailure: failureOf(c, event),
  notBefore: c.now + backoff(c.policy, c.environmentFailures + 1),
})

export const settleAgentFailure = (c: IssueContext, event: RunOutput): Patch => ({
  ...settled(c, event),
  lastFailure: failureOf(c, event),
  notBefore: c.now + backoff(c.policy, c.attempts[c.run!.type]),
})

/** Failures that the agent is to blame for; nothing is given back for these. */
const blamed: readonly RunOutput['failure'][] = ['agent', 'dirty', 'bug', 'scope', 'escape', 'stalled']

/** Only a person can mend it. */
export function settleForHuman(c: IssueContext, event: RunOutput): Patch {
  const patch = blamed.includes(event.failure) ? settled(c, event) : refunded(c, event)
  return andEscalate(c, { ...patch, lastFailure: failureOf(c, event) }, event.reason || event.summary)
}

/** Its actor was given up by an operator, or broke without an answer. */
export const settleBroken = (c: IssueContext, message: string): Patch =>
  andEscalate(
    c,
    {
      run: null,
      late: lateAfter(c, null),
      inbox: giveBack(c.inbox, c.run!),
      asked: c.asked ?? c.run!.asked,
      spent: { ...c.spent, usage: addUsage(c.spent.usage, c.run!.usage) },
    },
    `A run was given up: ${message}`,
  )

// --- budgets -------------------------------------------------------------------------------------

const amount = ({ used, limit }: Spent): string => `${Math.round(used * 100) / 100} of ${limit}`

export const attemptsText = (c: IssueContext): string => {
  const spent = attemptsSpent(c)!
  const last = c.lastFailure ? ` Last: ${c.lastFailure.reason}` : ''
  return `All attempts at ${spent.name.replace('_', ' ')} are used up (${amount(spent)}). A retry or a message gives new ones.${last}`
}

export const lifetimeText = (c: IssueContext): string => {
  const spent = lifetimeSpent(c)!
  return `the budget '${spent.name}' of this issue is used up (${amount(spent)}): an operator resets or raises it`
}
