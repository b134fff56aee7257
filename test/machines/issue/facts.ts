// The words of the stories about issues: facts, runs' answers and people's commands, each with its time.

import type { RunOutput } from '../../../src/machines/run/context.ts'
import type { IssueContext } from '../../../src/machines/issue/context.ts'
import { defaultPolicy, type IssuePolicy } from '../../../src/machines/issue/policy.ts'
import { noUsage, type CheckFailure, type QueueIncident } from '../../../src/machines/vocabulary.ts'
import { dawn, start, tick, type Event, type Player } from '../player.ts'

export type Issue = Player<IssueContext>
/** An event, or what makes one of the story so far. */
export type Happening = Event | ((issue: Issue) => Issue)

export const policy = (changes: Partial<IssuePolicy> = {}): IssuePolicy => ({ ...defaultPolicy, agent: 'scripted', ...changes })

export const tracked = (changes: object = {}) => ({
  key: 'APP-1',
  title: 'Say which file',
  description: 'The message names no file.',
  url: 'http://localhost/APP-1',
  state: 'Todo',
  stateType: 'unstarted' as const,
  priority: 0,
  labels: [],
  parent: null,
  children: [],
  blockedBy: [],
  ...changes,
})

export const input = (changes: { policy?: IssuePolicy; delegated?: boolean; issue?: object } = {}) => ({
  id: '1',
  project: 'app',
  branch: 'signalbox/APP-1-say-which-file',
  base: 'main',
  observedAt: dawn,
  delegated: changes.delegated ?? true,
  policy: changes.policy ?? policy(),
  issue: tracked(changes.issue),
})

/** Plays happenings on a new issue. */
export const play = (...happenings: Happening[]): Issue => playOn(start<IssueContext>('issue', input()), ...happenings)
export const playWith = (changes: Parameters<typeof input>[0], ...happenings: Happening[]): Issue =>
  playOn(start<IssueContext>('issue', input(changes)), ...happenings)

export function playOn(issue: Issue, ...happenings: Happening[]): Issue {
  let now = issue
  for (const happening of happenings) {
    now =
      typeof happening === 'function'
        ? happening(now)
        : now.send('observedAt' in happening || !isFact(happening) ? happening : { ...happening, observedAt: now.at + tick })
  }
  return now
}

const isFact = ({ type }: Event): boolean =>
  /^(tracker|blocker|child|pr|review|checks|queue|deploy|reconcile)\b/.test(type) && !/^queue\.(held|resumed)$/.test(type)

// --- the tracker and people ------------------------------------------------------------------------

export const updated = (changes: object = {}): Event => ({ type: 'tracker.updated', source: 'webhook', ...tracked(changes) })
export const delegated: Event = { type: 'tracker.delegated', source: 'webhook', ...tracked() }
export const undelegated: Event = { type: 'tracker.undelegated', source: 'webhook', ...tracked() }
export const removed: Event = { type: 'tracker.removed', source: 'webhook' }
export const prompted = (text: string): Event => ({ type: 'tracker.prompted', source: 'webhook', text, author: 'ada', via: 'session' })
export const commented = (text: string): Event => ({ type: 'tracker.prompted', source: 'webhook', text, author: 'ada', via: 'comment' })
export const stopRequested: Event = { type: 'tracker.stopRequested', source: 'webhook', author: 'ada' }
export const stopped: Event = { type: 'operator.stopped', source: 'operator', author: 'ada', reason: 'not now' }
export const retried = (runType?: string): Event => ({
  type: 'operator.retried',
  source: 'operator',
  author: 'ada',
  ...(runType ? { runType } : {}),
})
export const closedAs = (as: 'done' | 'failed'): Event => ({ type: 'operator.closed', source: 'operator', author: 'ada', as })
export const told = (text: string): Event => ({ type: 'operator.prompted', source: 'operator', author: 'ada', text })
export const budgetReset: Event = { type: 'operator.budgetReset', source: 'operator', author: 'ada' }

// --- the forge -------------------------------------------------------------------------------------

export const pr = (headSha = 'A', changes: object = {}) => ({
  number: 7,
  url: 'http://localhost/pr/7',
  headSha,
  headRef: 'signalbox/APP-1-say-which-file',
  baseRef: 'main',
  draft: false,
  author: 'Signalbox',
  ...changes,
})
export const opened = (headSha = 'A', changes: object = {}): Event => ({ type: 'pr.opened', source: 'self', ...pr(headSha, changes) })
export const pushed = (headSha: string): Event => ({ type: 'pr.pushed', source: 'webhook', ...pr(headSha) })
export const prClosed: Event = { type: 'pr.closed', source: 'webhook', ...pr() }
export const reopened: Event = { type: 'pr.reopened', source: 'webhook', ...pr() }
export const merged = (headSha = 'A'): Event => ({ type: 'pr.merged', source: 'webhook', ...pr(headSha), mergedSha: 'M' })
const review = (type: string, headSha: string, reviewer: string, body: string): Event => ({
  ...{ type: `review.${type}`, source: 'webhook', headSha, reviewer, body, comments: [] },
})
export const approved = (headSha = 'A', reviewer = 'grace'): Event => review('approved', headSha, reviewer, '')
export const changesRequested = (headSha = 'A', reviewer = 'grace'): Event => review('changesRequested', headSha, reviewer, 'name it')
export const reviewCommented = (headSha = 'A', reviewer = 'grace'): Event => review('commented', headSha, reviewer, 'hm')
export const dismissed = (headSha = 'A', reviewer = 'grace'): Event => review('dismissed', headSha, reviewer, '')
export const failure = (signature = 'unit'): CheckFailure => ({
  name: 'ci',
  url: null,
  summary: 'one test fails',
  logTail: 'not ok 1',
  signature,
})
export const pending = (headSha = 'A', changes: object = {}): Event => ({
  ...{ type: 'checks.pending', source: 'system', headSha, names: ['ci'], failures: [] },
  ...changes,
})
export const green = (headSha = 'A'): Event => ({ type: 'checks.passed', source: 'system', headSha, names: ['ci'], failures: [] })
export const red = (headSha = 'A', signature = 'unit'): Event => ({
  ...{ type: 'checks.failed', source: 'system', headSha, names: ['ci'], failures: [failure(signature)] },
})
export const incident = (kind: QueueIncident['class'] = 'conflict', headSha = 'A'): QueueIncident => ({
  ...{
    class: kind,
    files: kind === 'conflict' ? ['a.ts'] : [],
    failures: [],
    baseSha: 'base',
    headSha,
    summary: `it could not land: ${kind}`,
  },
})
export const entered = (headSha = 'A'): Event => ({ type: 'queue.entered', source: 'system', headSha, incident: null })
export const evicted = (kind: QueueIncident['class'] = 'conflict', headSha = 'A'): Event => ({
  ...{ type: 'queue.evicted', source: 'system', headSha, incident: incident(kind, headSha) },
})

/** Of the reports `landing.decided`: a landing is asked for, or what was asked is withdrawn. */
export const isWanted = ({ wanted }: Event): boolean => wanted === true
export const isUnwanted = ({ wanted }: Event): boolean => wanted === false

// --- runs ------------------------------------------------------------------------------------------

export const output = (changes: Partial<RunOutput>): RunOutput => ({
  outcome: 'completed',
  failure: null,
  reason: '',
  summary: '',
  question: null,
  usage: noUsage,
  headBefore: 'base',
  headAfter: null,
  pr: null,
  completion: null,
  review: null,
  steered: [],
  progressed: false,
  dirty: [],
  idle: 0,
  ...changes,
})

/** A place is free, and the run that is needed starts. */
export const granted = (issue: Issue): Issue => issue.send({ type: 'capacity.granted', issue: '1', request: issue.context.requests })

/** The active run ends like this, and its child goes. */
export const finished =
  (changes: Partial<RunOutput>) =>
  (issue: Issue): Issue => {
    const { id: runId, head } = issue.context.run!
    const { headAfter = null } = changes
    const made = headAfter === null || headAfter === head ? null : ({ ...pr(headAfter), state: 'open' } as const)
    return endOf(runId, issue.send({ type: 'run.finished', runId, ...output({ pr: made, ...changes }) }))
  }
/** Keeps what was asked for by the answer itself visible: the child's own end follows at once and asks for nothing. */
function endOf(runId: string, answered: Issue): Issue {
  const after = answered.done(runId, {})
  return { ...after, commands: [...answered.commands, ...after.commands], reports: answered.reports, messages: answered.messages }
}

/** The run publishes `head`: the forge tells of it before the run has ended. */
export const published =
  (head: string) =>
  (issue: Issue): Issue => {
    const runId = issue.context.run!.id
    return playOn(
      issue,
      { type: 'run.publishing', runId, head },
      issue.context.pr === null ? opened(head) : { ...pushed(head), source: 'self' },
      finished({ headAfter: head, progressed: true }),
    )
  }
export const agentFailed = finished({ outcome: 'failed', failure: 'agent', reason: 'it exited with 1' })
export const environmentFailed = finished({ outcome: 'failed', failure: 'environment', reason: 'no such command' })
export const interrupted = finished({ outcome: 'interrupted', reason: 'The process that ran it ended.' })
/** The pause before the next start is over. */
export const paused = (issue: Issue): Issue => issue.fire('backoff')

/** An issue whose pull request is open at head A. */
export const open: Happening[] = [granted, published('A')]

export const phase = (issue: Issue): string => issue.context.phase
export const runState = (issue: Issue): unknown => (issue.value as { run: unknown }).run
export const authority = (issue: Issue): string => (issue.value as { authority: string }).authority
