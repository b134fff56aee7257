// Which situations of an issue are one: heads and runs by their place, times by their order, counters up to where they decide, and
// nothing that no guard reads.

import { dawn, tick } from '../model.ts'
import { noUsage, runTypes, type HumanMessage, type RunType } from '../vocabulary.ts'
import type { ActiveRun, ChecksFact, HeadFacts, IssueContext, Verdict } from './context.ts'
import { presentObjections } from './head-facts.ts'
import { failures, ownPush, pushOf, type State } from './model-events.ts'
import { isUmbrella } from './umbrella.ts'
import { causeOf } from './policy.ts'

/** Facts about the issue lie between the decisions before them and those since, and all before now. */
const earlyTime = dawn - 3_000_000
const factTime = dawn - 1_000_000
const decisionTime = dawn - 1_000
const pauseEnd = dawn + 3_600_000
/** Budgets from here on are never used up in an exploration: what is spent of them is forgotten. */
export const boundless = 1_000_000

/** The run's and its predecessor's ids, by how long ago they were. */
const latestRun = 3

type Rename = (head: string) => string

function renaming(c: IssueContext): Rename {
  const names = new Map<string, string>()
  const name = (head: string | undefined, as: string): void => {
    if (head !== undefined && !names.has(head)) names.set(head, as)
  }
  name(ownPush(c), pushOf(`run-${latestRun}`))
  name(c.pr?.headSha, 'H')
  name(c.late?.headSha, 'L')
  return (head) => names.get(head) ?? 'other'
}

/** A decision as its words do not matter; when it was made does, beside what is known of the issue. */
const at = <T extends { at: number }>(c: IssueContext, decision: T | null, words: Partial<T>): T | null =>
  decision && { ...decision, ...words, at: decision.at > c.issueObservedAt ? decisionTime : earlyTime }

/** For worlds where no late word about the issue comes. */
export const withoutLateWords = (c: IssueContext): IssueContext => ({
  ...c,
  stop: c.stop && { ...c.stop, at: decisionTime },
  closed: c.closed && { ...c.closed, at: decisionTime },
  escalation: c.escalation && { ...c.escalation, at: decisionTime },
})

/** Failures differ only in whether they are known to come and go. */
const failuresOf = (checks: ChecksFact): ChecksFact['failures'] =>
  checks.failures.every(({ flaky }) => flaky === true) ? failures.map((failure) => ({ ...failure, flaky: true })) : failures

/** What decides: a verdict that is no longer one, checks that are not known and a queue that says nothing are as if never heard of. */
function headFacts(known: HeadFacts | undefined, head: string, isAsked: boolean): Record<string, HeadFacts> {
  const reviews = Object.entries(known?.reviews ?? {}).flatMap(([reviewer, { verdict }]): [string, Verdict][] =>
    verdict === 'dismissed' ? [] : [[reviewer, { verdict, body: '', comments: [], observedAt: factTime }]],
  )
  const { checks = null, queue = null } = known ?? {}
  const isKnown = checks?.state === 'passed' || checks?.state === 'failed'
  const facts: HeadFacts = {
    reviews: Object.fromEntries(reviews),
    checks: isKnown
      ? {
          state: checks.state,
          names: ['ci'],
          failures: checks.state === 'failed' ? failuresOf(checks) : [],
          obstacle: null,
          observedAt: factTime,
        }
      : null,
    queue:
      queue?.state === 'evicted'
        ? {
            state: 'evicted',
            incident: queue.incident && {
              ...queue.incident,
              class: queue.incident.class === 'environment' ? 'environment' : 'conflict',
              headSha: head,
            },
            observedAt: factTime,
          }
        : isAsked && queue?.state === 'queued'
          ? { state: 'queued', incident: null, observedAt: factTime }
          : null,
    patchId: null,
    // What was asked for the checks that are known, or for others.
    rerun: known?.rerun == null ? null : checks !== null && checks.observedAt <= known.rerun ? factTime : factTime - 1,
    observedAt: factTime,
  }
  return reviews.length === 0 && facts.checks === null && facts.queue === null && facts.rerun === null ? {} : { [head]: facts }
}

/** Several messages that are treated alike are one. */
function inboxOf(c: IssueContext, run: (id: string) => string): HumanMessage[] {
  const kinds = new Map<string, HumanMessage>()
  for (const message of c.inbox) {
    const via = ['comment', 'child'].includes(message.via) ? message.via : 'session'
    const givenTo = message.givenTo && run(message.givenTo)
    kinds.set(`${via} ${givenTo}`, { id: '', text: 't', author: 'ada', via, at: factTime, givenTo })
  }
  return [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, message], index) => ({ ...message, id: `message-${index + 1}` }))
}

/** What the run was told of what is asked of the present head. What was passed on from the one before is a word on this one. */
function objectionsOf(c: IssueContext, { head, objections }: ActiveRun): string[] {
  if (head !== c.pr?.headSha || c.pr?.state === 'merged') return []
  const told = presentObjections(c).filter(({ key }) => objections?.includes(key))
  return told.map(({ reviewer }) => `${reviewer} ${factTime}`)
}

function runOf(c: IssueContext, rename: Rename, id: (run: string) => string): ActiveRun | null {
  if (c.run === null) return null
  // Who does the work decides nothing.
  const { insteadOf: _insteadOf, ...run } = c.run
  return {
    ...run,
    id: id(c.run.id),
    agent: 'default',
    phase: 'working',
    head: c.run.head && rename(c.run.head),
    publishing: c.run.publishing && rename(c.run.publishing),
    startedAt: dawn,
    lastSignalAt: null,
    lastProgressAt: null,
    usage: noUsage,
    given: c.run.given.length > 0 ? ['given'] : [],
    objections: objectionsOf(c, c.run),
  }
}

const clipped = (value: number, budget: number): number => (budget >= boundless ? 0 : Math.min(value, budget + 1))

/**
 * Nothing undoes a landing, and no run starts after it: whatever runs are asked for, counted or held back by is over. What a run that is
 * still alive has pushed is not: the forge tells of it, and its answer too.
 */
const afterLanding: Partial<IssueContext> = {
  ...{
    heads: {},
    published: null,
    question: null,
    answered: null,
    inbox: [],
    messages: 0,
    asked: null,
    escalation: null,
  },
  ...{ attempts: Object.fromEntries(runTypes.map((type) => [type, 0])) as Record<RunType, number>, notBefore: 0 },
  ...{ interruptions: 0, recoveries: 0, environmentFailures: 0, capacityFailures: 0, resets: 0 },
}

/** That it does is as good as not knowing. */
const merges = ({ mergeable }: { mergeable?: string | undefined }) => (mergeable === 'conflict' ? 'conflict' : 'unknown')

/** The facts that an escalation is about: as they are, or as they will be again when the pull request is opened again. */
function anchorIn(context: IssueContext, c: IssueContext, anchor: string): string {
  const reopened = (one: IssueContext): IssueContext => ({ ...one, pr: one.pr && { ...one.pr, state: 'open' } })
  if (anchor === causeOf(c)) return causeOf(context)
  return c.pr?.state === 'closed' && anchor === causeOf(reopened(c)) ? causeOf(reopened(context)) : 'other facts'
}

export function representative({ context: c, children, ...rest }: State): State {
  const rename = renaming(c)
  const runName = (id: string): string => `run-${Number(id.slice('run-'.length)) - c.runs + latestRun}`
  const { budgets } = c.policy
  const pushed = ownPush(c)
  const head = c.pr ? rename(c.pr.headSha) : ''
  const inbox = inboxOf(c, runName)
  const context: IssueContext = {
    ...c,
    now: dawn,
    issue: {
      ...c.issue,
      stateType: c.issue.stateType === 'completed' || c.issue.stateType === 'canceled' ? c.issue.stateType : 'unstarted',
      children: c.issue.children.map(({ key, state }) => ({ key, state: ['completed', 'canceled'].includes(state) ? state : 'started' })),
    },
    issueObservedAt: factTime,
    blockers: Object.fromEntries(Object.entries(c.blockers).map(([key, { resolved }]) => [key, { resolved, observedAt: decisionTime }])),
    children: Object.fromEntries(
      Object.keys(c.children).map((key) => [
        key,
        { state: c.issue.children.find((child) => child.key === key)?.state ?? 'started', observedAt: decisionTime },
      ]),
    ),
    removedAt: c.removed ? decisionTime : 0,
    pr: c.pr && {
      ...c.pr,
      number: 7,
      headSha: head,
      url: 'u',
      mergeable: merges(c.pr),
      mergedSha: c.pr.state === 'merged' ? 'M' : null,
      observedAt: factTime,
    },
    prSeenAt: factTime,
    formerHeads: pushed !== undefined && c.formerHeads.includes(pushed) ? [rename(pushed)] : [],
    landed: c.landed.length === 0 ? [] : [{ number: 6, url: 'u' }],
    replacements: Math.min(c.replacements, 1),
    branch: 'b',
    // Only before its first run, and only while they may still be coming.
    childrenAt: !c.claimed && isUmbrella(c) && c.childrenAt + c.policy.delays.settle > c.now + tick ? dawn : 0,
    heads: c.pr === null ? {} : headFacts(c.heads[c.pr.headSha], head, c.landing === c.pr.headSha),
    held: c.held && { headSha: rename(c.held.headSha), reason: 'dirty', files: ['a.ts'] },
    deploy: c.deploy && { sha: 'M', state: c.deploy.state, since: dawn, reason: '' },
    liftedAt: 0,
    stop: at(c, c.stop, { author: 'ada', reason: 'r' }),
    closed: at(c, c.closed, { by: 'ada' }),
    question: c.question && { text: 'q', at: factTime },
    answered: c.answered && 'q',
    inbox,
    messages: inbox.length,
    runs: latestRun,
    run: runOf(c, rename, runName),
    keep: false,
    restartFrom: null,
    // Of other pushes the forge tells no more.
    pushed: pushed === undefined ? [] : [rename(pushed)],
    published: c.published && rename(c.published),
    publishedAt: dawn,
    lateUntil: c.pr === null && c.lateUntil > 0 ? factTime : 0,
    late: c.late && {
      headSha: rename(c.late.headSha),
      pr: c.late.pr && { ...c.late.pr, number: 7, url: 'u', headSha: rename(c.late.pr.headSha), mergeable: merges(c.late.pr) },
      observedAt: c.late.pr === null ? 0 : factTime,
      state: c.late.state,
    },
    attempts: Object.fromEntries(runTypes.map((type) => [type, clipped(c.attempts[type], budgets[type])])) as Record<RunType, number>,
    spent: {
      runs: clipped(c.spent.runs, budgets.runs),
      ms: 0,
      usage: { ...noUsage, usd: budgets.usd === null ? 0 : clipped(c.spent.usage.usd, budgets.usd) },
    },
    interruptions: clipped(c.interruptions, budgets.interruptions),
    recoveries: clipped(c.recoveries, budgets.recovery),
    environmentFailures: clipped(c.environmentFailures, budgets.environment),
    capacityFailures: clipped(c.capacityFailures, budgets.capacity),
    resets: clipped(c.resets, budgets.resets),
    lastFailure: null,
    notBefore: c.notBefore > c.now + tick ? pauseEnd : 0,
    requests: latestRun,
    agents: c.capacity === 'requested' ? c.agents : [],
    place: null,
    account: { run: null, usage: noUsage, usd: 0, at: dawn },
    landing: c.landing && rename(c.landing),
    since: { lifecycle: dawn, run: dawn, authority: dawn },
  }
  if (c.pr?.state === 'merged') Object.assign(context, afterLanding)
  // An escalation is about the facts as they are here.
  const anchor = c.escalation === null ? '' : anchorIn(context, c, c.escalation.anchor)
  context.escalation = at(c, context.escalation && c.escalation, { reason: 'r', anchor })
  return {
    ...rest,
    context,
    children: Object.fromEntries(Object.entries(children).map(([id, child]) => [id.startsWith('run-') ? runName(id) : id, child])),
  }
}
