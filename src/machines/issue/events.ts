// Everything that can happen to an issue: facts, whoever noticed them, and what people ask for.

import type { RunOutput, RunProgress } from '../run/context.ts'
import type { CheckFailure, Finding, QueueIncident } from '../vocabulary.ts'
import type { Intent } from './intent.ts'
import type { IssuePolicy } from './policy.ts'

/** `at` is the epoch ms of the commit, put on by the system; `observedAt` the provider's own time of the object. */
export interface Told {
  at?: number
  source?: 'webhook' | 'poll' | 'agent' | 'operator' | 'system' | 'self'
}
export interface Fact extends Told {
  observedAt: number
}

/** An issue that has to be resolved first. `state` is its kind of state, or 'unknown' for one that the tracker does not show us. */
export interface Blocker {
  key: string
  resolved: boolean
  state?: TrackerFact['stateType'] | 'unknown'
  /** The keys of a ring of issues that wait for each other, when it closes one; only a person can undo that. */
  ring?: string[]
}

export interface TrackerFact {
  key: string
  title: string
  description: string
  url: string
  state: string
  stateType: 'backlog' | 'unstarted' | 'started' | 'completed' | 'canceled'
  priority: number
  labels: string[]
  parent: string | null
  children: { key: string; state: string }[]
  blockedBy: Blocker[]
  /** Pull requests that a person has linked, as the forge names them: work that is there already. */
  links?: string[]
  /** When it was handed to us last, where the tracker tells that apart from when it was changed. */
  delegatedAt?: number
  actor?: string | null
}

export interface ParentPullRequest {
  number: number
  /** True when its head is not (any more) below this one. */
  moved: boolean
  /** True when it was closed without having landed. */
  closed?: boolean
}

export interface PullRequestFact {
  number: number
  url: string
  headSha: string
  headRef: string
  baseRef: string
  draft: boolean
  author: string
  mergeable?: 'clean' | 'conflict' | 'unknown'
  mergedSha?: string | null
  /** The open pull request whose branch this one is based on, and whether it has moved on since; null when it is on the base branch. */
  parent?: ParentPullRequest | null
  /** Reviewers whose objection the forge still counts, on whatever head. A forge may leave it out: then each verdict is of its head alone. */
  objectors?: string[]
  /** `git patch-id --stable` of merge base..head, where the forge knows it. */
  patchId?: string | null
}

type TrackerEvent =
  | (Fact & TrackerFact & { type: 'tracker.delegated' | 'tracker.undelegated' })
  | (Fact & TrackerFact & { type: 'tracker.updated'; delegated?: boolean })
  | (Fact & { type: 'tracker.removed' })
  | (Fact & { type: 'tracker.prompted'; text: string; author: string | null; via: string; intent?: Intent })
  | (Fact & { type: 'tracker.stopRequested'; author: string | null; reason?: string })
  | (Fact & { type: 'blocker.changed'; key: string; resolved: boolean; state?: Blocker['state'] })
  | (Fact & { type: 'child.changed'; key: string; state: string })

type PullRequestEvent = Fact &
  PullRequestFact & { type: 'pr.opened' | 'pr.pushed' | 'pr.updated' | 'pr.closed' | 'pr.reopened' | 'pr.merged' }

type ReviewEvent = Fact & {
  type: 'review.approved' | 'review.changesRequested' | 'review.commented' | 'review.dismissed'
  headSha: string
  reviewer: string
  /** The forge's name for this review, where it was looked up. */
  id?: string
  body: string
  comments: Finding[]
}

type ChecksEvent = Fact & {
  type: 'checks.pending' | 'checks.passed' | 'checks.failed'
  headSha: string
  names: string[]
  failures: CheckFailure[]
  /** What keeps pending checks from running. */
  obstacle?: string
}

type QueueEvent =
  | (Fact & { type: 'queue.entered' | 'queue.evicted' | 'queue.left'; headSha: string; incident?: QueueIncident | null })
  | (Told & { type: 'queue.held'; headSha: string; reason: string; files: string[] })
  | (Told & { type: 'queue.resumed'; headSha: string })

/** A linked pull request as the forge has it. */
export type AdoptedPullRequest = PullRequestFact & { state: 'open' | 'closed' | 'merged'; observedAt: number }

/** What became of the deployment of a landed commit. */
export interface Deployment {
  state: 'succeeded' | 'failed'
  url: string | null
  /** Why it failed; empty otherwise. */
  reason: string
}

type DeployEvent = Fact & { type: 'deploy.succeeded' | 'deploy.failed'; sha: string; url: string | null; reason?: string }

/** The tracker's side of an issue as it was at `observedAt`. */
export type PolledIssue = TrackerFact & { delegated: boolean; observedAt: number }

/** All that is known about a pull request at `observedAt`. */
export type PolledPullRequest = PullRequestFact & {
  state: 'open' | 'closed' | 'merged'
  /** Every verdict, on whatever head; one that was taken back has the time of that. A forge may leave such out. */
  reviews: {
    id: string
    reviewer: string
    verdict: 'approved' | 'changes_requested' | 'dismissed'
    headSha: string
    body: string
    comments: Finding[]
    observedAt: number
  }[]
  checks: {
    headSha: string
    state: 'none' | 'pending' | 'passed' | 'failed'
    names: string[]
    failures: CheckFailure[]
    observedAt: number
  }
  queue: { headSha: string; state: 'none' | 'queued' | 'evicted'; incident: QueueIncident | null; observedAt: number }
  observedAt: number
}

/** Every observed fact at once, as a poll gives them. A part that is absent was not asked for; null means that there is none. */
export type ReconcileEvent = Fact & { type: 'reconcile'; tracker?: PolledIssue | null; pr?: PolledPullRequest | null }

type RunEvent =
  | (Told & { type: 'run.started'; runId: string })
  | (Told & { type: 'run.progressed'; runId: string } & RunProgress)
  | (Told & { type: 'run.publishing'; runId: string; head: string })
  | (Told & { type: 'run.steered'; runId: string; ids: string[] })
  | (Told & { type: 'run.finished'; runId: string } & RunOutput)

type OperatorEvent =
  | (Told & { type: 'operator.prompted'; text: string; author?: string })
  | (Told & { type: 'operator.stopped'; reason?: string; author?: string })
  | (Told & { type: 'operator.retried'; runType?: string; author?: string })
  | (Told & { type: 'operator.closed'; as: 'done' | 'failed'; author?: string })
  | (Told & { type: 'operator.budgetReset'; author?: string })

type SystemEvent =
  /** `request`: the number of the request that it answers. */
  | (Told & { type: 'capacity.granted' | 'capacity.revoked'; issue: string; request?: number; agent?: string })
  | (Told & { type: 'policy.changed'; policy: IssuePolicy })

/** A run that ended or broke, as XState tells its parent. */
type ChildEvent =
  | { type: 'xstate.done.actor.run'; actorId: string; output: unknown; at?: number }
  | { type: 'xstate.error.actor.run'; actorId: string; error: unknown; at?: number }

export type IssueEvent =
  | TrackerEvent
  | PullRequestEvent
  | ReviewEvent
  | ChecksEvent
  | QueueEvent
  | DeployEvent
  | ReconcileEvent
  | RunEvent
  | OperatorEvent
  | SystemEvent
  | ChildEvent

/** The member of the union that an event of type `T` is. */
export type EventOf<T extends IssueEvent['type']> = Select<IssueEvent, T>
type Select<E, T> = E extends { type: infer U } ? (T extends U ? E : never) : never
