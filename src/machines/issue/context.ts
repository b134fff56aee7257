// What an issue's actor knows: facts with the time they were observed, counters, and what is owed to people.

import type { Authority, CheckFailure, FailureClass, Finding, HumanMessage, Phase, QueueIncident, RunType, Usage } from '../vocabulary.ts'
import { noUsage } from '../vocabulary.ts'
import type { TrackerFact } from './events.ts'
import { defaultPolicy, type IssuePolicy } from './policy.ts'

export interface IssueInput {
  /** The tracker's immutable id. */
  id: string
  project: string
  policy: IssuePolicy
  branch: string
  base: string
  issue: TrackerFact
  delegated: boolean
  observedAt: number
}

export interface PullRequestState {
  number: number
  url: string
  state: 'open' | 'closed' | 'merged'
  headSha: string
  headRef: string
  baseRef: string
  draft: boolean
  mergeable: 'clean' | 'conflict' | 'unknown'
  mergedSha: string | null
  observedAt: number
}

export interface Verdict {
  verdict: 'approved' | 'changes_requested'
  headSha: string
  body: string
  comments: Finding[]
  observedAt: number
}

export interface ActiveRun {
  id: string
  type: RunType
  agent: string
  phase: string
  startedAt: number
  lastSignalAt: number | null
  lastProgressAt: number | null
  usage: Usage
  /** Ids of the messages that this run was given. */
  given: string[]
}

export interface IssueContext extends Omit<IssueInput, 'issue' | 'observedAt'> {
  /** `at` of the last event that was a row: what guards on raised events and delays read for the time. */
  now: number
  issue: TrackerFact
  issueObservedAt: number
  removed: boolean
  pr: PullRequestState | null
  /** By reviewer: their newest verdict. */
  reviews: Record<string, Verdict>
  checks: {
    headSha: string
    state: 'none' | 'pending' | 'passed' | 'failed'
    names: string[]
    failures: CheckFailure[]
    observedAt: number
  }
  queue: {
    headSha: string
    state: 'none' | 'queued' | 'evicted'
    incident: QueueIncident | null
    held: { reason: string; files: string[] } | null
    observedAt: number
  }
  deploy: { sha: string; state: 'pending' | 'succeeded' | 'failed' } | null
  /** Set by a person or the tracker; cleared by a retry, a prompt or a new delegation. */
  stop: { author: string; reason: string; at: number } | null
  closed: { as: 'done' | 'failed'; by: string; at: number } | null
  escalation: { reason: string; head: string | null; at: number } | null
  question: { text: string; at: number } | null
  /** The question that the next run gets the answer to. */
  answered: string | null
  inbox: HumanMessage[]
  messages: number
  /** Runs so far; the next one is `run-(runs + 1)`. */
  runs: number
  run: ActiveRun | null
  /** The run type that an operator asked for. */
  asked: RunType | null
  /** Keep uncommitted work in the worktree for the next run. */
  keep: boolean
  /** The commit that the next run starts over from, after an interruption. */
  restartFrom: string | null
  /** Whether a claim of an implementation run was ever made. */
  claimed: boolean
  /** Heads that we have pushed. */
  pushed: string[]
  attempts: Record<RunType, number>
  spent: { runs: number; ms: number; usage: Usage }
  interruptions: number
  recoveries: number
  environmentFailures: number
  lastFailure: { class: FailureClass | 'interrupted'; reason: string; at: number } | null
  /** No run starts before this time (epoch ms). */
  notBefore: number
  /** Since when the present phase, authority and run state hold. */
  since: { lifecycle: number; run: number; authority: number }
  /** Whether a place is held with the capacity actor. */
  capacity: 'none' | 'requested' | 'granted'
  /** The head whose landing is asked for. */
  landing: string | null
  /** What people were told last, so that nothing is told twice. */
  told: { phase: Phase | null; authority: Authority | null }
}

const noAttempts: Record<RunType, number> = { implementation: 0, review_fix: 0, ci_repair: 0, queue_repair: 0, branch_upkeep: 0, review: 0 }
const noFact: TrackerFact = {
  key: '',
  title: '',
  description: '',
  url: '',
  state: '',
  stateType: 'unstarted',
  priority: 0,
  labels: [],
  parent: null,
  children: [],
  blockedBy: [],
}

/** The first context; tolerant of no input, since XState asks for one when it only looks at the chart. */
export function createContext({ input }: { input?: IssueInput }): IssueContext {
  const observedAt = input?.observedAt ?? 0
  return {
    id: input?.id ?? '',
    project: input?.project ?? '',
    policy: input?.policy ?? defaultPolicy,
    branch: input?.branch ?? '',
    base: input?.base ?? '',
    delegated: input?.delegated ?? false,
    now: observedAt,
    issue: input?.issue ?? noFact,
    issueObservedAt: observedAt,
    removed: false,
    pr: null,
    reviews: {},
    checks: { headSha: '', state: 'none', names: [], failures: [], observedAt: 0 },
    queue: { headSha: '', state: 'none', incident: null, held: null, observedAt: 0 },
    deploy: null,
    stop: null,
    closed: null,
    escalation: null,
    question: null,
    answered: null,
    inbox: [],
    messages: 0,
    runs: 0,
    run: null,
    asked: null,
    keep: false,
    restartFrom: null,
    claimed: false,
    pushed: [],
    attempts: noAttempts,
    spent: { runs: 0, ms: 0, usage: noUsage },
    interruptions: 0,
    recoveries: 0,
    environmentFailures: 0,
    lastFailure: null,
    notBefore: 0,
    since: { lifecycle: observedAt, run: observedAt, authority: observedAt },
    capacity: 'none',
    landing: null,
    told: { phase: null, authority: null },
  }
}
