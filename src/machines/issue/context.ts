// What an issue's actor knows: facts with the time they were observed, counters, and what is owed to people.

import {
  noUsage,
  type Authority,
  type CheckFailure,
  type FailureClass,
  type Finding,
  type HumanMessage,
  type Phase,
  type QueueIncident,
  type RunType,
  type Usage,
} from '../vocabulary.ts'
import type { Blocker, ParentPullRequest, PullRequestFact, TrackerFact } from './events.ts'
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
  parent: ParentPullRequest | null
  /** Reviewers whose objection the forge still counts, on whatever head; not there for none. */
  objectors?: string[]
  observedAt: number
}

/** A first publication by a run that was called off. */
export interface LatePublication {
  headSha: string
  /** As the forge told of it when nobody wanted it; null as long as it may only be under way. */
  pr: (Omit<PullRequestFact, 'mergedSha' | 'parent'> & { patchId: string | null }) | null
  observedAt: number
  /** Whether the forge was asked to close it, and then to open it again. */
  state: 'new' | 'withdrawn' | 'restoring'
}

/** A reviewer's newest word on one head. `dismissed` stays, so that an older word that comes late is known to be older. */
export interface Verdict {
  /** The forge's name for this review: a forge may tell time by the second, and two reviews of one second are two. */
  id?: string
  verdict: 'approved' | 'changes_requested' | 'dismissed'
  body: string
  comments: Finding[]
  observedAt: number
  /** The head that it was really said of, when our own push has left that one behind without having heard of it. */
  of?: string
}

export interface ChecksFact {
  state: 'none' | 'pending' | 'passed' | 'failed'
  names: string[]
  failures: CheckFailure[]
  /** What keeps pending checks from running, when something does. */
  obstacle: string | null
  observedAt: number
}

export interface QueueFact {
  state: 'none' | 'queued' | 'evicted'
  incident: QueueIncident | null
  observedAt: number
}

/** Everything that has been said about one head. An approval of a former head never speaks for the present one, unless the patch is the same. */
export interface HeadFacts {
  /** By reviewer. */
  reviews: Record<string, Verdict>
  checks: ChecksFact | null
  queue: QueueFact | null
  /** `git patch-id --stable` of the change; null when it is not known. Heads with one patch share their verdicts. */
  patchId: string | null
  /** The red checks that have been asked to run once more, by their `observedAt`. */
  rerun: number | null
  /** Of the newest of them. */
  observedAt: number
}

export interface ActiveRun {
  id: string
  type: RunType
  agent: string
  phase: string
  /** The pull request's head that it started from; null when there was none. */
  head: string | null
  /** The head that it is publishing; null before. */
  publishing: string | null
  startedAt: number
  lastSignalAt: number | null
  lastProgressAt: number | null
  usage: Usage
  /** Ids of the messages that this run was given. */
  given: string[]
  /** The run type that an operator had asked for, when this is its run. */
  asked: RunType | null
  /** The objections that this run was given, as `presentObjections` names them; not there in a run that an earlier version began. */
  objections?: string[]
  /** The agent whose work it does, when that one has no room. */
  insteadOf?: string
}

/** A person's or the tracker's decision, and when it was made. */
export interface Stop {
  author: string
  reason: string
  at: number
}

export interface IssueContext extends Omit<IssueInput, 'issue' | 'observedAt'> {
  /** `at` of the last event that was a row: what guards on raised events and delays read for the time. */
  now: number
  /** The active `lifecycle` state's name, as its own transitions remember it. */
  phase: Phase

  // facts
  issue: TrackerFact
  issueObservedAt: number
  /** What was heard of a blocker after the issue itself was seen last. */
  blockers: Record<string, Pick<Blocker, 'resolved' | 'state'> & { observedAt: number }>
  /** And of a child. */
  children: Record<string, { state: string; observedAt: number }>
  /** When its children changed last (epoch ms): an umbrella lets them settle before its first run. */
  childrenAt: number
  /** An umbrella whose last run has left nothing to do but to wait for its children. */
  resting: boolean
  /** The tracker does not have it any more. */
  removed: boolean
  /** When that was seen last. */
  removedAt: number
  /** What came of the pull requests that are linked: `over`, they were asked about; `used`, a run has gone on with one. */
  adoption: { links: string; state: 'open' | 'over' | 'used' } | null
  pr: PullRequestState | null
  /** By our clock, when what is known of it came, or when the poll was sent that saw it. */
  prSeenAt: number
  /** Heads that it has left, newest last. */
  formerHeads: string[]
  /** Pull requests that landed before a person asked for more, newest last: nothing that is told of them says anything new. */
  landed: { number: number; url: string }[]
  /** How many branches have followed the first one. */
  replacements: number
  heads: Record<string, HeadFacts>
  /** What the landing queue is waiting for with the head that it holds. */
  held: { headSha: string; reason: string; files: string[]; at?: number } | null
  deploy: { sha: string; state: 'pending' | 'succeeded' | 'failed'; since: number; reason?: string } | null

  // what people decided and said
  /** Cleared by a retry, a prompt or a new delegation. */
  stop: Stop | null
  /** When a person lifted one in the tracker last, or would have, by its clock: an older one that comes late is over already. */
  liftedAt: number
  closed: { as: 'done' | 'failed'; by: string; at: number } | null
  /** `anchor` names the facts that it is about: when these change it is over. */
  escalation: { reason: string; anchor: string; at: number } | null
  question: { text: string; at: number } | null
  /** The question that the next run gets the answer to. */
  answered: string | null
  inbox: HumanMessage[]
  messages: number
  /** The run type that an operator asked for, and that no run has taken yet. */
  asked: RunType | null

  // runs
  /** Runs so far; the next one is `run-(runs + 1)`. */
  runs: number
  run: ActiveRun | null
  /** Keep uncommitted work in the worktree for the next run. */
  keep: boolean
  /** The conversation of the last agent that has worked on it, for the next run of the same agent. Not there while there was none. */
  thread?: { agent: string; id: string }
  /** Paths that the last run has left uncommitted when it was called off; missing while no run ever has. */
  left?: string[]
  /** The commit that the next run starts over from, after an interruption. */
  restartFrom: string | null
  /** Whether a run was ever claimed. */
  claimed: boolean
  /** Heads that we have pushed, newest last. */
  pushed: string[]
  /** What a run that was called off may have published all the same. */
  late: LatePublication | null
  /** Until when (the forge's time) everything was told of publications that were given up: nothing of that time is news. */
  lateUntil: number
  /** A head that a run has published and the forge has not told of yet. */
  published: string | null
  /** When the newest of these was published. */
  publishedAt: number
  /** Whether the worktree has been given back since the last run. */
  cleared: boolean
  attempts: Record<RunType, number>
  spent: { runs: number; ms: number; usage: Usage }
  /** In a row, without progress. */
  interruptions: number
  recoveries: number
  environmentFailures: number
  capacityFailures: number
  /** Of shortages in a row, those whose end the provider has told. */
  resets: number
  lastFailure: { class: FailureClass | 'interrupted'; reason: string; at: number } | null
  /** No run starts before this time (epoch ms). */
  notBefore: number
  /** Whether a place with the capacity actor is asked for or held, and the number of the newest request. */
  capacity: 'none' | 'requested' | 'granted'
  requests: number
  /** The agents that the newest request names, in their order, and the one that the place is for. */
  agents: string[]
  place: string | null
  /** What others have been told of what was used: of the run that was told of last, US dollars of all runs ever, and when. */
  account: { run: string | null; usage: Usage; usd: number; at: number }

  /** The head whose landing is asked for. */
  landing: string | null
  /** Since when the present phase, authority and run state hold. */
  since: { lifecycle: number; run: number; authority: number }
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
    phase: 'delegated',
    issue: input?.issue ?? noFact,
    issueObservedAt: observedAt,
    blockers: {},
    children: {},
    childrenAt: observedAt,
    resting: false,
    removed: false,
    removedAt: 0,
    adoption: null,
    pr: null,
    prSeenAt: 0,
    formerHeads: [],
    landed: [],
    replacements: 0,
    heads: {},
    held: null,
    deploy: null,
    stop: null,
    liftedAt: input?.delegated ? (input.issue.delegatedAt ?? 0) : 0,
    closed: null,
    escalation: null,
    question: null,
    answered: null,
    inbox: [],
    messages: 0,
    asked: null,
    runs: 0,
    run: null,
    keep: false,
    restartFrom: null,
    claimed: false,
    pushed: [],
    published: null,
    publishedAt: 0,
    late: null,
    lateUntil: 0,
    cleared: false,
    attempts: noAttempts,
    spent: { runs: 0, ms: 0, usage: noUsage },
    interruptions: 0,
    recoveries: 0,
    environmentFailures: 0,
    capacityFailures: 0,
    resets: 0,
    lastFailure: null,
    notBefore: 0,
    capacity: 'none',
    requests: 0,
    agents: [],
    place: null,
    account: { run: null, usage: noUsage, usd: 0, at: 0 },
    landing: null,
    since: { lifecycle: observedAt, run: observedAt, authority: observedAt },
    told: { phase: null, authority: null },
  }
}
