// What the issue runtime offers to servers, command lines and embedders: its interface and its documents.

import type { Warning } from '../config-warnings.ts'

/** Who a state waits for; the value set of the contract (interface.md §2). */
export type Party =
  | 'agent'
  | 'ci'
  | 'reviewer'
  | 'queue'
  | 'deploy'
  | 'dependency'
  | 'capacity'
  | 'provider'
  | 'timer'
  | 'human'
  | 'operator'

/** Times are ISO 8601 UTC in documents, epoch ms in events. */
export interface IssueDocument {
  key: string
  id: string
  title: string
  url: string
  project: string
  /** The active `lifecycle` state's name. */
  phase: string
  authority: 'acting' | 'observing' | 'stopped'
  value: unknown
  waitsFor: { party: Party; reason: string; since: string; until: string | null }[]
  run: {
    id: string
    type: string
    phase: string
    agent: string
    /** The agent whose work it does, while that one has no room. */
    insteadOf?: string
    startedAt: string
    lastSignalAt: string | null
    lastProgressAt: string | null
    usage: CostsUsage
  } | null
  pr: {
    number: number
    url: string
    state: 'open' | 'closed' | 'merged'
    headSha: string
    draft: boolean
    review: 'none' | 'approved' | 'changes_requested'
    checks: 'none' | 'pending' | 'passed' | 'failed'
    mergeable: 'clean' | 'conflict' | 'unknown'
  } | null
  question: string | null
  branch: string | null
  worktree: string | null
  /** The conversation of the last agent that has worked on it; null where it has none. */
  thread: { agent: string; id: string } | null
  budgets: Record<string, { used: number; limit: number | null }>
  attempts: Record<string, number>
  /** `state`: its kind of state in the tracker; one that was cancelled does not block. `ring`: keys of issues that wait for each other. */
  blockedBy: { key: string; resolved: boolean; state?: string; ring?: string[] }[]
  delegated: boolean
  faulted: { code: string; message: string; address: string } | null
  version: number
  updatedAt: string
}

export interface TimelineEntry {
  seq: number
  at: string
  address: string
  event: { type: string; [key: string]: unknown }
  /** Who caused it: `external`, an address, or `seq N`. */
  cause: string
  /** The state value after it, when it changed. */
  value?: unknown
  ignored?: string
}

export interface FeedEntry {
  seq: number
  at: string
  level: 'info' | 'warn' | 'error'
  kind: string
  issue: string
  phase: string
  status: string
  summary: string
}

/** Why an issue is where it is and what would move it, computed from the machine. */
export interface Explanation {
  key: string
  phase: string
  authority: string
  states: { id: string; description: string }[]
  /** The actions that are accepted now. */
  actions: string[]
  waitsFor: IssueDocument['waitsFor']
  /** Each event that some active state accepts: who can cause it, and for each guard that is false now, the values it read. */
  events: {
    type: string
    by: string
    enabled: boolean
    guards: { name: string; holds: boolean; reads: Record<string, unknown> }[]
    target: string | null
  }[]
  timers: { name: string; due: string }[]
  causes: TimelineEntry[]
}

/** `prompt` is null where there is nothing to be told: `reason` says why. `notes`: what is not as it would be, where anything is not. */
export interface PromptPreview {
  key: string
  runId: string | null
  runType: string | null
  agent: string | null
  prompt: string | null
  images: { path: string; mediaType: string }[]
  reason: string | null
  notes: string[]
}

export interface IssueQuery {
  project?: string
  phase?: string
  limit?: number
  cursor?: string
}

/** Usage as the contract has it; `unpricedTokens`: those of input and output whose cost is not known. */
interface CostsUsage {
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  usd: number
  unpricedTokens?: number
}

export interface CostsQuery {
  project?: string
  days: number
  by: 'day' | 'issue' | 'run'
}

/** `from`: the first day, as 2026-01-31. Each line has the names of what it is of, and all have a project. */
export interface Costs {
  by: CostsQuery['by']
  from: string
  costs: { day?: string; key?: string; run?: string; type?: string; agent?: string; project: string; runs: number; usage: CostsUsage }[]
  total: { runs: number; usage: CostsUsage }
}

/** What reading commands and the server's GET routes share: works on a live database without owning it. Unknown keys throw FatalError `unknown-issue`; a key of two projects throws `ambiguous-key`. */
export interface Reader {
  /** `warnings`: of the configuration, where there are any. */
  issues(query?: IssueQuery): { issues: IssueDocument[]; next: string | null; warnings?: Warning[] }
  issue(key: string): IssueDocument
  explain(key: string): Explanation
  timeline(key: string, options?: { since?: number; limit?: number }): TimelineEntry[]
  /** The snapshots of the issue and its children at `at` (default: now), recomputed from the journal. */
  snapshot(key: string, at?: number): { seq: number; at: string; address: string; value: unknown; context: unknown; status: string }[]
  /** What the next run of the issue would be told if it began now; `runType`: if it were of this type. Writes nothing. */
  preview(key: string, runType?: string): Promise<PromptPreview>
  feed(options?: { since?: number; level?: FeedEntry['level']; limit?: number }): FeedEntry[]
  /** What runs have used on the last `days` days (in UTC), today included. */
  costs(query: CostsQuery): Costs
  /** Whoever has let us in and where things do not go on until a person does something. */
  troubles(): Trouble[]
  machines(): { id: string; version: string }[]
  machine(id: string): MachineDocument
  /** By address; `after` is the last address of the page before. Without a limit all of them. */
  actors(
    kind?: string,
    page?: { after?: string; limit?: number },
  ): { address: string; kind: string; status: string; version: number; updatedAt: string }[]
  actor(address: string): unknown
  /** Replays every journal and compares with the stored snapshots, byte for byte. */
  verify(progress?: (done: number, total: number) => void): {
    actors: number
    events: number
    different: { address: string; seq: number; message: string }[]
    notCheckable: { address: string; reason: string }[]
  }
  close(): void
}

/** What a person has to mend at a provider. */
export interface Trouble {
  provider: string
  /** The workspace. */
  name: string
  reason: string
  remedy: string
}

/** A machine as data: the source of the inspector's drawing. */
export interface MachineDocument {
  id: string
  version: string
  root: MachineNode
}

export interface MachineNode {
  id: string
  key: string
  type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  initial: string | null
  description: string | null
  tags: string[]
  meta: Record<string, unknown>
  invoke: { id: string; src: string }[]
  /** `event` is '' for an eventless transition and `after NAME` for a delayed one; targets are node ids. */
  transitions: { event: string; guard: string | null; targets: string[]; actions: string[]; description: string | null }[]
  states: MachineNode[]
}

export interface Submission {
  title: string
  body?: string
  project?: string
  labels?: string[]
  blockedBy?: string[]
  parent?: string
  priority?: number
  /** Work that is there already: the number of a pull request, or branch:NAME of the repository. */
  links?: string[]
  hold?: boolean
}

/** What an operator or a human does to an issue (interface.md §2, POST /api/issues/:key/actions). */
export type Action =
  | { action: 'prompt'; text: string; author?: string }
  | { action: 'stop'; reason?: string; author?: string }
  /** `skip`: a faulted actor goes on without the event that it could not take. */
  | { action: 'retry'; runType?: string; skip?: boolean; author?: string }
  | { action: 'close'; as?: 'done' | 'failed'; author?: string }
  | { action: 'delegate'; author?: string }
  | { action: 'undelegate'; author?: string }
  | { action: 'approve'; body?: string; author?: string }
  | { action: 'request_changes'; body: string; comments?: { path: string; line: number | null; body: string }[]; author?: string }
  | { action: 'comment'; text: string; author?: string }
  | { action: 'cancel'; author?: string }
  | { action: 'reset_budget'; author?: string }
  /** Embedded forge: takes back what `reviewer` (without one, everybody) has said of the pull request. */
  | { action: 'dismiss_review'; reviewer?: string; author?: string }
  | { action: 'close_pull_request'; author?: string }
  | { action: 'reopen_pull_request'; author?: string }
  /** Embedded forge: makes a branch of the user's repository the head of the pull request. */
  | { action: 'push'; branch: string; author?: string }

export type LiveMessage =
  | { type: 'issue'; seq: number; document: IssueDocument }
  | { type: 'event'; seq: number; entry: TimelineEntry; key: string }
  | { type: 'microstep'; seq: number; key: string; address: string; value: unknown }
  | { type: 'feed'; seq: number; entry: FeedEntry }
  | { type: 'log'; seq: number; line: Record<string, unknown> }

/** A webhook as it came: nothing but its signature has been looked at. */
export interface ReceivedDelivery {
  provider: string
  /** The provider's name of it; a redelivery has the same. */
  id: string
  event: string
  /** JSON. */
  body: string
  /** The body, parsed. */
  payload: unknown
}

/** Times are ISO 8601 UTC. */
export interface DeliveriesDocument {
  /** When the last one came. */
  lastAt: string | null
  /** Those that could not be handled, the last of them, and why. */
  putAside: { count: number; lastAt: string; message: string } | null
}

/** The running issue runtime. Embeds: no globals, no signal handlers, no process exit. */
export interface App extends Reader {
  /** Files and (unless `hold`) delegates an issue in the embedded tracker. Resolves when durable. Throws ConfigurationError for bad input (`unknown-blocker`, `dependency-cycle`, …). */
  submit(submission: Submission, key?: string): Promise<{ key: string; url: string }>
  /** Resolves when durable. Throws FatalError `unknown-issue`, or `not-accepted` with `accepted: string[]` when the machine does not accept it now. */
  act(key: string, action: Action, idempotencyKey?: string): Promise<void>
  /**
   * Takes in what a provider (`github`, `linear`) has told by webhook, whose signature the caller has verified. Resolves when it is
   * durable; `duplicate` when the provider had told it before. Rejects with RetryableError `deliveries-backlogged`.
   */
  receive(delivery: ReceivedDelivery): Promise<{ duplicate: boolean }>
  /** What a provider has told by webhook, from the deliveries that are still kept. */
  deliveries(provider: string): DeliveriesDocument
  /**
   * The one-time authorisation of a provider (`linear`, `github`): where a person goes, the person's return, how it stands, and its end.
   * Throws FatalError `nothing-to-connect` for a provider that is not configured or needs nobody's consent, `unknown-state`.
   */
  connect(provider: string): Promise<{ url: string; state: string }>
  finishConnection(
    provider: string,
    answer: { code?: string | undefined; state: string; error?: string | undefined },
  ): Promise<{ workspace: { id: string; name: string } }>
  connection(
    provider: string,
    state: string,
  ): Promise<{ status: 'pending' } | { status: 'done'; workspace: { id: string; name: string } } | { status: 'failed'; reason: string }>
  /** `workspace`: its name, address or id; without it the only one. Throws FatalError `unknown-workspace`, and what a call does. */
  disconnect(provider: string, workspace?: string): Promise<{ workspace: { id: string; name: string }; revoked: boolean }>
  /** Each key counts once, as for every event. */
  pause(project?: string, idempotencyKey?: string): Promise<void>
  resume(project?: string, idempotencyKey?: string): Promise<void>
  /** What a budget of the day holds back may start until that ends: the project's, or all. */
  liftBudget(project?: string, idempotencyKey?: string): Promise<void>
  /** Starts no new run; resolves when the active ones have ended. */
  drain(idempotencyKey?: string): Promise<void>
  /**
   * A way out for a faulted actor: the event that it could not take once more, without that event, or without the actor, whose parent is
   * told. Rejects with `not-faulted`, and `init-not-skippable` where that event is its start.
   */
  recoverActor(address: string, way: 'retry' | 'skip' | 'abandon'): Promise<void>
  /** Messages after `since` that are still known, then live ones; the answer unsubscribes. */
  live(options: { key?: string; since?: number }, listener: (message: LiveMessage) => void): () => void
  health(): {
    state: 'booting' | 'ready' | 'draining' | 'refusing' | 'stopped'
    backlog: number
    oldestUnhandledMs: number
    eventLoopLagMs: number
    faulted: string[]
    troubles: Trouble[]
  }
  metrics(): string
  /** Rejects with FatalError `store-failed`, whose cause is the database's error, when nothing can be committed any more; resolves after `stop`. */
  readonly stopped: Promise<void>
  /** Ends agents' process groups, commits, releases the database. */
  stop(): Promise<void>
}
