// The four ports to the world. Machines speak only of these; each implementation passes the port's contract suite.

import type { RetryableError } from '../errors.ts'
import type { AdoptedPullRequest, Deployment, ParentPullRequest, PolledIssue, PolledPullRequest } from '../machines/issue/events.ts'
import type { Intent } from '../machines/issue/intent.ts'
import type { IssueReport } from '../machines/issue/reports.ts'
import type { AgentAbilities, ChangeInFlight, Inspection, Recovery, SessionResult, TurnKind } from '../machines/run/context.ts'
import type { ConflictInput, PublishInput, SubmitInput, Submitted } from '../machines/run/inputs.ts'
import type { CheckFailure, Finding, Phase, QueueIncident, RunType, Usage } from '../machines/vocabulary.ts'
import type { FactEvent } from '../persistence/fact-outbox.ts'
import type { CheckResult } from './forge/checks.ts'
import type { LandingEffects } from './forge/landing.ts'
import type { RefIncident } from './forge/refs.ts'
import type { Repository } from './forge/repository.ts'
import type { ProcessIdentity } from './process.ts'

export type { ChangeInFlight, CheckFailure, Finding, Inspection, PolledIssue, ConflictInput, PublishInput, QueueIncident, RunType, Usage }

// --- Agent ---------------------------------------------------------------------------------------

/** One turn of an agent in a worktree. Paths are absolute. */
export interface AgentRequest {
  agent: string
  issue: string
  project: string
  runId: string
  runType: RunType
  /** What this turn of the run is for. */
  turnKind: TurnKind
  attempt: number
  branch: string
  base: string
  worktree: string
  /** `runs/KEY/run-N`: prompt, context, result and output live here. */
  folder: string
  /** Is sent as it is. */
  prompt: string
  /**
   * Pictures among the attachments, named in the prompt, for agents that can look at them: those that the conversation has not been shown
   * yet. `size`: bytes.
   */
  images: readonly { path: string; mediaType: string; size: number }[]
  context: unknown
  /** Whether the commands of a sandboxed agent reach the network. */
  network: boolean
  /** Milliseconds; over it the turn is ended with class `environment`. */
  timeout: number
  /** The agent's own conversation to go on with, when it has one. */
  thread: string | null
  /** Set when the turn takes the place of one that was cut off; with way `fork`, `thread` is left as it is and a new one made of it. */
  recovery: Recovery | null
}

export type AgentResult = SessionResult

/** What an item of a turn is. */
export type ItemKind = 'message' | 'reasoning' | 'command' | 'edit' | 'tool' | 'plan'

/** What a turn tells while it runs; its end is its result. */
export type AgentEvent =
  /** Once, before anything else: what is needed to end the process group later, and the thread if there is one. */
  | { type: 'started'; process: ProcessIdentity; thread?: string }
  /** A sign of life with something in it: an item, a line of output. `files` are relative to the worktree; `diff` is the turn's so far. */
  | { type: 'progressed'; line: string; item?: ItemKind; files?: string[]; diff?: { files: number; added: number; removed: number } }
  /** A sign of life, and nothing new in it; at most one in ten seconds. */
  | { type: 'signalled' }
  /** A permission is answered at once, by the rules of the project; a question ends the turn, and is its result. */
  | { type: 'asked'; about: 'permission' | 'question'; text: string; options: string[]; answer: 'allowed' | 'refused' | 'put_off' }
  /** What the turn has used so far; never less than before. `model` names the price; what the agent says of its cost goes behind that. */
  | { type: 'used'; usage: Usage; model?: string }

export interface AgentCallbacks {
  /** Interrupts the turn: its agent is asked to stop, and its processes are ended. */
  signal: AbortSignal
  onEvent: (event: AgentEvent) => void
}

export interface AgentTurn {
  /** Contract: settles exactly once, never rejects; an aborted turn settles with `failed` and no process of its group left. */
  result: Promise<AgentResult>
  /** Contract: resolves true when the running turn has taken the text in, false when it cannot. */
  steer: (text: string) => Promise<boolean>
}

/** A person's text to an issue, of which is asked what it wants. */
export interface ClassificationRequest {
  text: string
  issue: { key: string; title: string }
}

export interface Classification {
  intent: Intent
  /** From 0 to 1. */
  confidence: number
}

export interface Agent {
  readonly kind: string
  /** Contract: answers within seconds, or rejects; changes nothing. Absent where the agent cannot be asked. */
  classify?: (request: ClassificationRequest) => Promise<Classification>
  /** From 0 to 1: `classify` has to be at least as sure as this. Default 0.55. */
  leastConfidence?: number
  /** Contract: `steer` is false only if a turn's `steer` always answers false. */
  readonly abilities: AgentAbilities
  /**
   * Starts its process as for this turn and ends it again: whether it speaks its protocol and is logged in. Its provider is asked nothing.
   * Contract: never rejects; `completed` with who it is, or `failed` with class `auth` where it is not logged in. Absent where there is
   * nothing to talk with.
   */
  greet?: (request: AgentRequest, callbacks: AgentCallbacks) => Promise<AgentResult>
  start: (request: AgentRequest, callbacks: AgentCallbacks) => AgentTurn
}

// --- Workspace -----------------------------------------------------------------------------------

export interface WorkspaceRequest {
  project: string
  key: string
  branch: string
  /** The base branch's name. */
  base: string
}

export interface Worktree {
  path: string
  head: string
  baseHead: string
  /** Uncommitted paths that were already there and have been kept. */
  dirty: string[]
}

export interface Workspace {
  /**
   * Contract: idempotent. Creates or adopts the issue's worktree on its branch. Uncommitted work that is there is kept
   * when `keep`, else saved under refs/signalbox/saved/KEY/… before the tree is reset. Nothing unpublished is destroyed.
   */
  prepare: (
    request: WorkspaceRequest & {
      keep: boolean
      runId: string
      /** The base is to be as it is now; else one that was seen a moment ago will do. */
      newestBase?: boolean
      /** The commit that the branch starts over from; what came after it is saved like uncommitted work. */
      restartFrom?: string | null
      /** Ends the project's own preparation; git's is carried to its end. */
      signal?: AbortSignal
    },
  ) => Promise<Worktree>
  /** Contract: read-only. Throws FatalError `worktree-missing` or `worktree-broken` when it is not a worktree any more. */
  inspect: (
    request: WorkspaceRequest & { since: string; protectedPaths?: readonly string[]; parent?: string | null },
  ) => Promise<Inspection>
  /** Contract: read-only. When anything that git does not ignore changed last, a commit included, epoch ms; null when nothing tells. Throws as `inspect`. */
  lastChange: (request: WorkspaceRequest) => Promise<number | null>
  /** Contract: read-only. Paths with uncommitted changes, untracked ones included; none where there is no worktree that can be read. */
  uncommitted: (request: WorkspaceRequest) => Promise<string[]>
  /** Contract: saves everything uncommitted and the head under refs/signalbox/saved/KEY/…; answers the commit or null when there was nothing. */
  save: (request: WorkspaceRequest & { reason: string }) => Promise<string | null>
  /**
   * Contract: remembers what an agent must not reach beside its worktree: the clone's HEAD, configuration and other branches, our own
   * repository, the user's. `branch` is the turn's own, null for a reviewer's. To be called before its process starts; answers what a turn
   * that a kill of the server has cut off had overstepped, null where there was none.
   */
  enclose: (request: Enclosed) => Promise<Overstepped | null>
  /** Contract: compares with that. To be called once, when no process of the agent is left; read-only. */
  overstepped: (request: Enclosed) => Promise<Overstepped>
  /** Contract: removes only a clean worktree whose head is `landed` or pushed (P10); otherwise answers why not. Idempotent. */
  remove: (request: WorkspaceRequest & { landed: string | null }) => Promise<{ removed: boolean; reason: string | null }>
}

export interface Enclosed {
  project: string
  key: string
  branch: string | null
}

/** Something that is not an agent's own and was changed while it was at work. */
export interface Change {
  /** As a person is told of it. */
  what: string
  /** Null: it was not there, or that is not known. */
  from: string | null
  to: string | null
}

export interface Overstepped {
  /** Nobody but an agent can have done it. */
  certain: Change[]
  /** A person may have done it: an operator has to look. */
  doubtful: Change[]
  /** Keys of the issues whose agents were at work there at the same time. */
  beside: string[]
}

/** The head of a pull request that a reviewer looks at. */
export interface ReviewRequest {
  project: string
  key: string
  /** The branch that it is compared with. */
  base: string
  head: string
}

export interface ReviewCheckouts {
  /** Contract: idempotent. A checkout of exactly this head, write-protected and apart from the issue's worktree; one that is there is replaced. */
  prepare: (request: ReviewRequest) => Promise<Worktree>
  /** Contract: read-only. The change from `from` (null: from nothing) to `to`, and the paths that differ. */
  scope: (request: ReviewRequest) => Promise<{ from: string | null; to: string; files: string[] }>
  /**
   * Contract: read-only. What the reviewer has changed in its checkout (`dirty`, and a `head` that is not the one under review), and
   * which of its findings are of the change. Throws FatalError `worktree-missing` or `worktree-broken`.
   */
  inspect: (request: ReviewRequest & { findings: readonly Finding[] }) => Promise<Inspection>
  /** Contract: idempotent; with everything that is in it. */
  remove: (request: { project: string; key: string }) => Promise<void>
}

// --- What a provider tells by itself ----------------------------------------------------------------

/** A webhook as it was stored: its signature was right, nothing else has been looked at. */
export interface Delivery {
  /** The provider's name of it; a redelivery has the same. */
  id: string
  /** The kind of event, as its header or its body names it. */
  event: string
  body: string
  /** Epoch ms. */
  receivedAt: number
}

/** What a provider's words come to. */
export type Notice =
  /**
   * An event for the issue's actor. What has the same `key` is one, by whatever way it is told. `again`: it is told again with whatever
   * tells of the issue first, so that before its actor is there it is told to nobody.
   */
  | { kind: 'fact'; issue: string; event: FactEvent; key?: string; again?: true }
  /** Something about the issue has changed: forge or tracker is to be asked how it is. */
  | { kind: 'look'; issue: string; at: 'forge' | 'tracker' }

/** The side of a forge or tracker that speaks by itself; the embedded ones write facts instead. */
export interface Inlet {
  /**
   * Where a delivery has its turn. Those of one lane are read one after the other. Of one lane and one topic, when several came before
   * any of them is read, the last says all that the others would. `payload` is the body, parsed. Contract: pure; never throws.
   */
  turnOf: (delivery: { id: string; event: string }, payload: unknown) => { lane: string; topic: string | null }
  /**
   * Contract: answers what a delivery means; asked again, the same. May write down what concerns no issue (a renamed repository, a
   * revoked token). Throws RetryableError, ProtocolError for what makes no sense; what concerns nobody here is an empty list.
   */
  read: (delivery: Delivery, signal?: AbortSignal) => Promise<Notice[]>
  /**
   * At once when a delivery is stored, before its turn: what a person waits for. Answers what does not wait for that turn, in which it is
   * told again by the same key. Contract: idempotent, never throws.
   */
  acknowledge?: (delivery: Delivery) => Promise<Notice[]>
  /**
   * Contract: answers what was told since it was asked last, for whoever has no webhooks or has missed some: messages, stops, new
   * delegations. `seen` is to be called when the notices are durable.
   */
  catchUp: (signal: AbortSignal) => Promise<{ notices: Notice[]; seen: () => void }>
}

/** How a person lets us into a provider, once for each workspace or installation. */
export interface Authorisation {
  /** Where the person goes, and the name of this attempt. */
  connect: () => { url: string; state: string } | Promise<{ url: string; state: string }>
  /** The person is back. Throws FatalError `unknown-state` for an attempt that nobody began, is used, or too late. */
  finish: (answer: {
    code?: string | undefined
    state: string
    error?: string | undefined
  }) => Promise<{ workspace: { id: string; name: string } }>
  /** How an attempt stands. Throws FatalError `unknown-state`. */
  connection: (state: string) => Connection | Promise<Connection>
  /**
   * Gives the tokens of the workspace back, so that nobody can use them any more, and forgets them. `revoked` is false where the provider
   * had taken them back before. Throws FatalError `unknown-workspace`, and what a call does.
   */
  disconnect: (workspace?: string) => Promise<{ workspace: { id: string; name: string }; revoked: boolean }>
}

export type Connection =
  | { status: 'pending' }
  | { status: 'done'; workspace: { id: string; name: string } }
  | { status: 'failed'; reason: string }

// --- Forge ---------------------------------------------------------------------------------------

export interface PullRequest {
  number: number
  url: string
  headSha: string
  headRef: string
  baseRef: string
  title: string
  draft: boolean
  state: 'open' | 'closed' | 'merged'
  /** `git patch-id --stable` of what the head changes; null when it is not known. */
  patchId: string | null
  /** True when the answer is a pull request that existed already (adoption). */
  adopted: boolean
}

export interface LandingRequest {
  project: string
  issue: string
  key: string
  number: number
  headSha: string
  priority: number
}

export interface AdoptionRequest {
  project: string
  issue: string
  key: string
  title: string
  base: string
  /** As a person named it. */
  link: string
}

/** What the issue is doing, for those who look at its pull request. */
export interface ForgeReport {
  project: string
  issue: string
  key: string
  kind: TrackerReport['kind']
  phase: Phase
  text: string
  /** By which a comment that was made already is known again; without it none is made. */
  id?: string
}

/** What the embedded landing queue does at a forge. */
export interface LandingPlace extends Omit<LandingEffects, 'mergeable' | 'mergedHead'> {
  /** Contract: resolves when the candidate's checks have ended, with their word; rejects when there is none to be had. */
  runCandidateChecks: (request: {
    project: string
    commit: string
    /** The `reports` of the result after which the checks are asked to run once more: none of them counts again. */
    outdated?: readonly string[]
    signal?: AbortSignal | undefined
    onStart?: ((identity: ProcessIdentity) => void) | undefined
  }) => Promise<CheckResult>
}

export interface Forge extends LandingPlace {
  readonly kind: string
  /** There for a forge that speaks by itself. */
  readonly inlet?: Inlet
  /**
   * To be called once, before anything else is. A project whose repository cannot be used is answered with its error, and keeps no
   * other from starting.
   */
  start: () => Promise<{ incidents: RefIncident[]; failures: { project: string; error: unknown }[] }>
  /** The repository of the project, for the workspace: its path and base branch. */
  repository: (project: string) => Promise<Repository>
  /** Whether the branch has an open pull request. */
  isInFlight: (project: string, branch: string) => boolean
  /** Compares every ref of our own repositories with what was recorded; a ref moved without us is put back, recorded, and answered. */
  checkRefs: (project?: string) => Promise<RefIncident[]>
  /** Those that were found at this time (epoch ms) or since, of one project. */
  refIncidents: (project: string, since: number) => RefIncident[]
  /**
   * A reviewing agent's verdict on the issue's pull request, bound to the head that it looked at. Idempotent by its run. `counts` is
   * false when the pull request has another head by now, or is not open.
   */
  submitReview: (request: SubmitInput) => Submitted | Promise<Submitted>
  /** Contract: shows people what the issue is doing, where they look at its pull request; nothing where there is none. Idempotent. */
  tell?: (report: ForgeReport) => Promise<void>
  /** A human's word: not this way. The branch stays. */
  closePullRequest: (request: { project: string; number: number }) => void | Promise<void>
  reopenPullRequest: (request: { project: string; number: number }) => void | Promise<void>
  /**
   * Contract: pushes with lease and opens or updates the one pull request of the branch. The same request twice gives the same pull
   * request. Aborted before a pull request was opened, it rejects with FatalError `called-off`, and none is.
   */
  publish: (request: PublishInput, signal?: AbortSignal) => Promise<PullRequest>
  /** Contract: closes a pull request that is at exactly this head, or opens it again. Nothing when it has moved on or landed. Idempotent. */
  decidePublication: (request: { project: string; number: number; headSha: string; wanted: boolean }) => Promise<void>
  /**
   * Contract: read-only. The open pull request that an unpublished commit contradicts and that will land the soonest; null when the
   * commit merges with all of them, or not even with the base branch.
   */
  findConflict: (request: ConflictInput) => Promise<ChangeInFlight | null>
  /** Contract: asks for the landing of exactly this head. Idempotent by (number, headSha). */
  requestLanding: (request: LandingRequest) => Promise<void>
  /** Contract: takes the pull request out of the queue unless it is being landed at this moment. Idempotent. */
  withdrawLanding: (request: LandingRequest & { reason: string }) => Promise<void>
  /**
   * Contract: runs the red checks of exactly this head once more; nothing when the pull request has moved on. Idempotent while they run.
   * Rejects with RetryableError while they cannot run yet.
   */
  rerunChecks: (request: { project: string; number: number; headSha: string }) => Promise<void>
  /**
   * Contract: makes a pull request that a person has linked the issue's own, and answers it as it is. Idempotent. Rejects with FatalError
   * that says why it cannot be taken over: unknown, another issue's, from a fork.
   */
  adopt: (request: AdoptionRequest) => Promise<AdoptedPullRequest>
  /**
   * Contract: resolves when the deployment of the landed commit has ended, with its word; rejects when there is none to be had.
   * Asked again after a restart, it goes on, or deploys once more: a deployment is to bear being repeated.
   */
  deployment: (request: { project: string; sha: string; signal?: AbortSignal }) => Promise<Deployment>
  /** Contract: takes notice of what others have done to the project's base branch; before `facts` are asked for. */
  refresh: (project: string) => Promise<void>
  /** Contract: every fact about the issue's pull request as the payload of `reconcile`; null when there is none. */
  facts: (request: { project: string; issue: string; number: number | null; branch: string }) => Promise<PullRequestFacts | null>
}

export type { AdoptedPullRequest, Deployment, ParentPullRequest }

export type PullRequestFacts = PolledPullRequest & {
  title: string
  mergeable: 'clean' | 'conflict' | 'unknown'
  mergedSha: string | null
  /** What could not be read now, and when it may be. The rest holds without it. */
  unread?: RetryableError
}

// --- Tracker -------------------------------------------------------------------------------------

/** Who asks, and the key under which a repeated request is recognised. */
export interface Asking {
  author?: string | undefined
  key?: string | undefined
  /** What a text asks for, where somebody has read it. */
  intent?: Intent | undefined
}

/** `state`: what the tracker should show. `comment`: a text for people. `question`: an answer is awaited. */
export type TrackerReport = Omit<Extract<IssueReport, { type: 'tracker.report' }>, 'type'>

export interface ContextRequest {
  issue: string
  /** For files; nobody but us writes there. */
  folder: string
  fetches: boolean
}

/** What an agent is to know of an issue besides its text. None of it is to be trusted. */
export interface PromptContext {
  labels: string[]
  /** 0 none, 1 urgent … 4 low. */
  priority: number
  /** How agents are to behave there, and who says so; the last word is the nearest. */
  guidance: { origin: string; body: string }[]
  /** What people have said, oldest first; `at` is epoch ms. */
  comments: { author: string; at: number; body: string }[]
  /** `path`: where the file is, when it was fetched. */
  attachments: { title: string; url: string; path: string | null }[]
  /** How many comments there are before these, and how many of the attachments are the tracker's own files and were not fetched. */
  leftOut: { comments: number; files: number }
  estimate: number | null
  /** A day: YYYY-MM-DD. */
  dueDate: string | null
}

export interface Tracker {
  readonly kind: string
  /** There for a tracker that speaks by itself. */
  readonly inlet?: Inlet
  /** The project of an issue that it has told of; undefined for others. */
  projectOf: (issue: string) => string | undefined
  /** Where a person asks or takes back in the tracker; `author` is who asked here. Contract: idempotent. */
  delegate: (issue: string, asking?: Asking) => void | Promise<void>
  undelegate: (issue: string, asking?: Asking) => void | Promise<void>
  cancel: (issue: string, asking?: Asking) => void | Promise<void>
  /** A text for everyone. */
  comment: (issue: string, text: string, asking?: Asking) => void | Promise<void>
  /** A text for the agent. */
  prompt: (issue: string, text: string, asking?: Asking) => void | Promise<void>
  /** A line of an agent at work, for people who look on; may be dropped. Never throws. */
  progress?: (progress: { project: string; key: string; runId: string; line: string }) => void
  /** Contract: idempotent by `id` (a marker in the comment, the state itself). */
  report: (report: TrackerReport, id: string) => Promise<void>
  /** Contract: the issue as it is now, as the payload of `reconcile`; null when it has been removed. */
  facts: (request: { project: string; issue: string }) => Promise<PolledIssue | null>
  /**
   * Contract: read-only, apart from files that are written into `folder`, where those of an earlier turn are found; none is fetched unless
   * `fetches`. Settles in about half a minute, whoever does not answer. Absent where an issue has nothing but its text.
   */
  promptContext?: (request: ContextRequest) => Promise<PromptContext>
}

/** What a project tells its agents in files that they read by themselves, as its base branch has them. */
export interface InstructionFiles {
  /** Those that count for all of it, changed or not. */
  root: readonly InstructionFile[]
  /** Those of other folders that the agent does not find as the base has them. */
  changed: readonly InstructionFile[]
  /** Paths of those that it does. */
  nested: readonly string[]
  /** How many more there are of the first two, whose texts are not told. */
  leftOut: { root: number; changed: number }
}

export interface InstructionFile {
  path: string
  /** Of the base; null where it has none. */
  text: string | null
  /** Whether the agent finds another one. */
  changed: boolean
}
