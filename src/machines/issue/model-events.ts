// What can happen to an issue in an exploration: examples of every type of event, as they can come in a state.
// Times and heads are told relative to what is known, so that a state and its representative get the same events.

import { alive, isTimer, tick, timersOf, type Happening, type Situation, type Told } from '../model.ts'
import { failureClasses, noUsage, type QueueIncident, type RunOutcome } from '../vocabulary.ts'
import type { IssueContext } from './context.ts'
import type { EventOf, IssueEvent, TrackerFact } from './events.ts'
import { pollOf } from './model-poll.ts'

export type State = Situation<IssueContext>
type Type = IssueEvent['type']
/** A word after the type, and what the event has besides its type. */
type Example<T extends Type> = [label: string, event: Omit<EventOf<T>, 'type' | 'at'>]

const tracked = (c: IssueContext, changes: Partial<TrackerFact> = {}) => ({ ...c.issue, ...changes, observedAt: newest(c) })

/** Newer than everything that is known. */
const newest = (c: IssueContext): number => c.now + tick

/** Newer than what is known of the issue, and older than all that was decided since; null when nothing was. */
export function lateTime(c: IssueContext): number | null {
  const times = [
    // What had been escalated is over with the landing.
    ...[c.stop, c.closed, c.pr?.state === 'merged' ? null : c.escalation].flatMap((one) => (one === null ? [] : [one.at])),
    ...(c.removed ? [c.removedAt] : []),
    ...Object.values(c.blockers).map(({ observedAt }) => observedAt),
  ].filter((time) => time > c.issueObservedAt)
  return times.length === 0 ? null : Math.min(...times) - 1
}

const pullRequest = (c: IssueContext, headSha: string, changes: object = {}) => ({
  ...{
    number: c.pr?.number ?? (c.landed.at(-1)?.number ?? 6) + 1,
    url: 'u',
    headSha,
    headRef: 'b',
    baseRef: 'main',
    draft: false,
    author: 'x',
  },
  ...changes,
  observedAt: newest(c),
})
/** A head that nobody has seen. */
const freshHead = (c: IssueContext): string => `N${c.now}`
/** What the run that is alive would push, and what it has pushed. */
export const pushOf = (runId: string): string => `of ${runId}`
export const ownPush = ({ run, pushed }: IssueContext): string | undefined =>
  run !== null && pushed.includes(pushOf(run.id)) ? pushOf(run.id) : undefined
/** It, as long as the forge has not told of it. */
export function unseenPush(c: IssueContext): string | undefined {
  const head = ownPush(c)
  return head === undefined || head === c.pr?.headSha || c.formerHeads.includes(head) ? undefined : head
}
/** A head that the pull request never has: what is said of it may change nothing. */
const otherHead = 'Z'

const incident = (kind: QueueIncident['class'], headSha: string): QueueIncident => ({
  ...{ class: kind, files: [], failures: [], baseSha: 'b', headSha, summary: 's' },
})
export const failures = [{ name: 'ci', url: null, summary: 's', logTail: '', signature: 'x' }]

/** About the present head, when there is one. */
const ofHead = <T extends Type>(c: IssueContext, examples: (head: string) => Example<T>[]): Example<T>[] =>
  c.pr === null ? [] : examples(c.pr.headSha)

const review = (c: IssueContext, headSha: string) => ({ headSha, reviewer: 'ada', body: '', comments: [], observedAt: newest(c) })
const checks = (c: IssueContext, headSha: string, failed = false) => ({
  ...{ headSha, names: ['ci'], failures: failed ? failures : [], observedAt: newest(c) },
})

const prompt = (c: IssueContext, via: string, observedAt = newest(c)) => ({ text: 't', author: 'ada', via, observedAt })

/** Of the run that is alive. */
const ofRun = <T extends Type>(c: IssueContext, examples: (runId: string) => Example<T>[]): Example<T>[] =>
  c.run === null ? [] : examples(c.run.id)

const answer = (runId: string, outcome: RunOutcome, changes: object = {}) => ({
  ...{ runId, outcome, failure: null, reason: 'r', summary: 's', question: null, usage: noUsage, headBefore: 'base', headAfter: null },
  ...{ pr: null, completion: null, review: null, steered: [], progressed: false, dirty: [], idle: 0 },
  ...changes,
})

/** What a run can answer: one that is being ended says so, unless it had its answer already. */
function answers(c: IssueContext): Example<'run.finished'>[] {
  return ofRun(c, (runId) => {
    if (c.run!.type === 'review') return [...verdicts(c, runId), ...others(runId)]
    const head = ownPush(c)
    const pr = head === undefined ? null : { ...pullRequest(c, head), state: 'open' as const }
    return [
      ...(pr === null
        ? []
        : [['completed', answer(runId, 'completed', { headAfter: head, pr, progressed: true })] as Example<'run.finished'>]),
      ...others(runId),
      ['no_change', answer(runId, 'no_change')],
      ...(['done', 'continue', 'failed'] as const).map((completion): Example<'run.finished'> => [
        `no_change ${completion}`,
        answer(runId, 'no_change', { completion }),
      ]),
    ]
  })
}

/** A reviewing agent's verdict, which the forge has taken; it has no change of its own. */
const verdicts = (c: IssueContext, runId: string): Example<'run.finished'>[] =>
  (['approved', 'changes_requested'] as const).map((verdict) => {
    const review = { verdict, body: 'b', findings: [], headSha: c.run!.head! }
    return [`completed ${verdict}`, answer(runId, 'completed', { review, progressed: true })]
  })

/** What a run of every type can answer. */
const others = (runId: string): Example<'run.finished'>[] => [
  ['needs_input', answer(runId, 'needs_input', { question: 'q' })],
  ['interrupted', answer(runId, 'interrupted')],
  ['interrupted after progress', answer(runId, 'interrupted', { progressed: true })],
  ...failureClasses.map((failure): Example<'run.finished'> => [`failed ${failure}`, answer(runId, 'failed', { failure })]),
  ['failed capacity for long', answer(runId, 'failed', { failure: 'capacity', retryAt: Number.MAX_SAFE_INTEGER })],
  ['failed budget, all of it', answer(runId, 'failed', { failure: 'budget', usage: { ...noUsage, usd: 1 } })],
  ['released', answer(runId, 'released')],
  ['superseded', answer(runId, 'superseded')],
]

/** Examples of each type of event; a new type does not compile without. */
const examples: { [T in Type]: (c: IssueContext) => Example<T>[] } = {
  'tracker.delegated': (c) => {
    const late = lateTime(c)
    return [['', tracked(c)], ...(late === null ? [] : [['late', { ...tracked(c), observedAt: late }] as Example<'tracker.delegated'>])]
  },
  'tracker.undelegated': (c) => [['', tracked(c)]],
  'tracker.updated': (c) => [
    ['open', tracked(c, { stateType: 'unstarted', blockedBy: [] })],
    ['blocked', tracked(c, { blockedBy: [{ key: 'APP-2', resolved: false }] })],
    ['completed', tracked(c, { stateType: 'completed' })],
    ['canceled', tracked(c, { stateType: 'canceled' })],
    ['linked', tracked(c, { links: ['#12'] })],
    ['linked otherwise', tracked(c, { links: ['#13'] })],
    ['linked twice', tracked(c, { links: ['#12', '#13'] })],
  ],
  'tracker.removed': (c) => [['', { observedAt: newest(c) }]],
  'tracker.prompted': (c) => [
    ['', prompt(c, 'session')],
    ['by a comment', prompt(c, 'comment')],
    ['how it goes', { ...prompt(c, 'session'), text: 'status?' }],
    ['to stop', { ...prompt(c, 'session'), text: 'stop' }],
    ...(c.stop === null ? [] : [['before the stop', prompt(c, 'session', c.stop.at - 1)] as Example<'tracker.prompted'>]),
  ],
  'tracker.stopRequested': (c) => [['', { author: 'ada', observedAt: newest(c) }]],
  'blocker.changed': (c) => [true, false].map((resolved) => [`${resolved}`, { key: 'APP-2', resolved, observedAt: newest(c) }]),
  'child.changed': (c) =>
    (['started', 'completed', 'canceled'] as const).map((state) => [state, { key: 'APP-3', state, observedAt: newest(c) }]),
  'pr.opened': (c) => [
    ...(c.pr === null ? [['', pullRequest(c, unseenPush(c) ?? freshHead(c))] as Example<'pr.opened'>] : []),
    ...(c.late?.pr === null ? [['late', pullRequest(c, c.late.headSha)] as Example<'pr.opened'>] : []),
  ],
  'pr.pushed': (c) => [
    ...ofHead(c, () => [['foreign', pullRequest(c, freshHead(c))] as Example<'pr.pushed'>]),
    ...(c.pr === null || unseenPush(c) === undefined ? [] : [['ours', pullRequest(c, unseenPush(c)!)] as Example<'pr.pushed'>]),
    ...ofHead(c, () => [['stale', { ...pullRequest(c, otherHead), observedAt: c.pr!.observedAt - 1 }] as Example<'pr.pushed'>]),
  ],
  'pr.updated': (c) =>
    ofHead(c, (head) => [
      ['', pullRequest(c, head)],
      ['draft', pullRequest(c, head, { draft: true })],
      ['conflict', pullRequest(c, head, { mergeable: 'conflict' })],
    ]),
  'pr.closed': (c) => [
    ...ofHead(c, (head) => [['', pullRequest(c, head)] as Example<'pr.closed'>]),
    ...(c.late !== null && c.late.state !== 'new'
      ? [['the withdrawn one', pullRequest(c, c.late.headSha, { number: c.late.pr!.number })] as Example<'pr.closed'>]
      : []),
  ],
  'pr.reopened': (c) => [
    ...ofHead(c, (head) => [['', pullRequest(c, head)] as Example<'pr.reopened'>]),
    ...(c.late !== null && c.late.state !== 'new'
      ? [['the withdrawn one', pullRequest(c, c.late.headSha, { number: c.late.pr!.number })] as Example<'pr.reopened'>]
      : []),
    ...c.landed.slice(-1).map(({ number }): Example<'pr.reopened'> => ['the one that landed', pullRequest(c, freshHead(c), { number })]),
  ],
  'pr.merged': (c) => ofHead(c, (head) => [['', pullRequest(c, head, { mergedSha: 'M' })]]),
  'review.approved': (c) => [
    ...ofHead(c, (head) => [['', review(c, head)] as Example<'review.approved'>]),
    ...ofHead(c, () => [['of another head', review(c, otherHead)] as Example<'review.approved'>]),
  ],
  'review.changesRequested': (c) => ofHead(c, (head) => [['', review(c, head)]]),
  'review.commented': (c) => ofHead(c, (head) => [['', review(c, head)]]),
  'review.dismissed': (c) => ofHead(c, (head) => [['', review(c, head)]]),
  'checks.pending': (c) => ofHead(c, (head) => [['', checks(c, head)]]),
  'checks.passed': (c) => [
    ...ofHead(c, (head) => [['', checks(c, head)] as Example<'checks.passed'>]),
    ...ofHead(c, () => [['of another head', checks(c, otherHead)] as Example<'checks.passed'>]),
  ],
  'checks.failed': (c) =>
    ofHead(c, (head) => [
      ['', checks(c, head, true)],
      ['flaky', { ...checks(c, head), failures: failures.map((failure) => ({ ...failure, flaky: true })) }],
    ]),
  'queue.entered': (c) => ofHead(c, (headSha) => [['', { headSha, observedAt: newest(c) }]]),
  'queue.evicted': (c) =>
    ofHead(c, (headSha) =>
      (['conflict', 'environment'] as const).map((kind) => [kind, { headSha, incident: incident(kind, headSha), observedAt: newest(c) }]),
    ),
  'queue.left': (c) => ofHead(c, (headSha) => [['', { headSha, observedAt: newest(c) }]]),
  'queue.held': (c) => ofHead(c, (headSha) => [['', { headSha, reason: 'dirty', files: ['a.ts'] }]]),
  'queue.resumed': (c) => ofHead(c, (headSha) => [['', { headSha }]]),
  'deploy.succeeded': (c) => (c.deploy === null ? [] : [['', { sha: c.deploy.sha, url: null, observedAt: newest(c) }]]),
  'deploy.failed': (c) => (c.deploy === null ? [] : [['', { sha: c.deploy.sha, url: null, observedAt: newest(c) }]]),
  reconcile: (c) => [['', pollOf(c, newest(c))]],
  'run.started': (c) => ofRun(c, (runId) => [['', { runId }]]),
  'run.progressed': (c) =>
    ofRun(c, (runId) => [['', { runId, phase: 'working', lastSignalAt: c.now, lastProgressAt: c.now, usage: noUsage }]]),
  'run.publishing': (c) => ofRun(c, (runId) => (ownPush(c) === undefined ? [['', { runId, head: pushOf(runId) }]] : [])),
  'run.steered': (c) => ofRun(c, (runId) => (c.inbox.length === 0 ? [] : [['', { runId, ids: c.inbox.map(({ id }) => id) }]])),
  'run.finished': answers,
  'operator.prompted': () => [['', { text: 't', author: 'ada' }]],
  'operator.stopped': () => [['', { author: 'ada', reason: 'r' }]],
  'operator.retried': () => [
    ['', {}],
    ['ci_repair', { runType: 'ci_repair' }],
    ['nonsense', { runType: 'nonsense' }],
  ],
  'operator.closed': () => (['done', 'failed'] as const).map((as) => [as, { as }]),
  'operator.budgetReset': () => [['', {}]],
  'capacity.granted': (c) => [
    ['', { issue: '1', request: c.requests }],
    ['elsewhere', { issue: '1', request: c.requests, agent: 'other' }],
    ['for an older request', { issue: '1', request: c.requests - 1 }],
  ],
  'capacity.revoked': (c) => [['', { issue: '1', request: c.requests }]],
  'policy.changed': (c) => [['', { policy: c.policy }]],
  // Ends of children are answers, below.
  'xstate.done.actor.run': () => [],
  'xstate.error.actor.run': () => [],
}

const causes: Record<string, Happening['cause']> = {
  ...{ tracker: 'fact', blocker: 'fact', child: 'fact', pr: 'fact', review: 'fact', checks: 'fact', queue: 'fact', deploy: 'fact' },
  ...{ reconcile: 'fact', run: 'inside', operator: 'word', capacity: 'inside', policy: 'word' },
}
const words = ['tracker.prompted', 'tracker.stopRequested']

const labelled = (type: string, label: string): string => (label === '' ? type : `${type} ${label}`)

/** The event of this label now; for properties that ask what would happen. */
export function eventNamed(state: State, type: Type, label = ''): Happening | undefined {
  return eventsOf(state, type).find((happening) => happening.label === labelled(type, label))
}

function eventsOf({ context: c }: State, type: Type): Happening[] {
  return (examples[type](c) as [string, object][]).map(([label, event]) => ({
    label: labelled(type, label),
    cause: words.includes(type) ? 'word' : causes[type.split('.')[0]!]!,
    at: c.now + tick,
    send: { type, ...event } as Told,
  }))
}

const isRun = (child: string): boolean => child.startsWith('run-')

/** What an effect of the chart can come to. */
function effectAnswers(child: string, c: IssueContext, at: number): Happening[] {
  const told = (label: string, output: object): Happening => ({ label: `the ${child} ${label}`, cause: 'inside', at, done: child, output })
  const broken: Happening = { label: `the ${child} breaks`, cause: 'inside', at, fail: child, error: { message: 'it broke' } }
  if (child === 'deployment') {
    return [...(['succeeded', 'failed'] as const).map((state) => told(state, { state, url: null, reason: '' })), broken]
  }
  const linked = (state: string, draft = false) => ({
    ...pullRequest(c, freshHead(c), { draft }),
    state,
    mergedSha: state === 'merged' ? 'M' : null,
  })
  return [told('is open', linked('open')), told('is a draft', linked('open', true)), told('is closed', linked('closed')), broken]
}

const types = Object.keys(examples) as Type[]
const facts = types.filter((type) => causes[type.split('.')[0]!] === 'fact' && !words.includes(type))

/** A run that has answered and whose end has not come. */
const formerRun = (state: State): string | undefined => alive(state).find((child) => isRun(child) && child !== state.context.run?.id)

/** Time goes by while nothing happens. */
function laterFacts(c: IssueContext): Happening[] {
  if (c.notBefore <= c.now + tick || c.pr === null) return []
  const send = { type: 'review.commented', ...review(c, c.pr.headSha) }
  return [{ label: 'a comment after the pause', cause: 'fact', at: c.notBefore + 1, send }]
}

/** What the world can tell now: the events whose cause is a fact and that are of none of these types. */
export const factsBut = (state: State, others: readonly string[]): Happening[] =>
  formerRun(state) === undefined
    ? [...facts.filter((type) => !others.includes(type)).flatMap((type) => eventsOf(state, type)), ...laterFacts(state.context)]
    : []

/** Everything that can happen now. */
export function events(state: State): Happening[] {
  const { context: c } = state
  const at = c.now + tick
  // An answered run's end changes nothing but that it is gone, so it may come first.
  const children = alive(state)
  const runs = children.filter(isRun)
  const former = formerRun(state)
  if (former !== undefined) return [{ label: 'the former run ends', cause: 'inside', at, done: former, output: {} }]
  const told = types.flatMap((type) => eventsOf(state, type))
  const ended = runs.map((child): Happening => ({ label: 'the run breaks', cause: 'inside', at, fail: child, error: {} }))
  const answered = children.filter((child) => !isRun(child)).flatMap((child) => effectAnswers(child, c, at))
  const timers = timersOf(state, at).map((happening) => {
    if (!('timer' in happening)) return happening
    if (isTimer(happening.timer, 'backoff')) return { ...happening, at: Math.max(at, c.notBefore) }
    return isTimer(happening.timer, 'settle') ? { ...happening, at: Math.max(at, c.childrenAt + c.policy.delays.settle) } : happening
  })
  return [...told, ...ended, ...answered, ...timers, ...laterFacts(c)]
}
