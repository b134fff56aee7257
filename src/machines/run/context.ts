// What a run is given, what it knows while it goes on, and what it answers.

import type {
  CheckFailure,
  FailureClass,
  Finding,
  FindingAnswer,
  HumanMessage,
  QueueIncident,
  RunOutcome,
  RunType,
  Usage,
} from '../vocabulary.ts'
import { noUsage } from '../vocabulary.ts'

export interface RunInput {
  issue: string
  project: string
  key: string
  title: string
  description: string
  url: string
  runId: string
  type: RunType
  attempt: number
  agent: string
  branch: string
  base: string
  /** The branch of another pull request that this one is based on, instead of the base branch. */
  onto: string | null
  /** The published head, for the lease; null before the first publication. */
  published: string | null
  /** A head that the run must move past: the one that was reviewed, failed or evicted. */
  past: string | null
  /** Keep uncommitted work that is in the worktree. */
  keep: boolean
  /** After an interruption without a thread to resume: the commit that the work starts over from. What there was is saved first. */
  restartFrom: string | null
  messages: HumanMessage[]
  question: string | null
  review: { reviewer: string; body: string; comments: Finding[]; headSha: string } | null
  checks: { headSha: string; failures: CheckFailure[] } | null
  incident: QueueIncident | null
  /** A pull request that was closed, or that landed before a person asked for more: this work follows it. */
  replaces: { number: number; url: string } | null
  /** The issue coordinates these and makes no change of its own. */
  umbrella: { children: { key: string; state: string }[] } | null
  /** The pull request does not merge into its base. */
  conflict: boolean
  /** `git patch-id --stable` of `past`, where it is known. */
  pastPatch: string | null
  /** Before its first publication the change is compared with those in flight, and based on one that it contradicts. */
  sequencing: boolean
  /** Paths that a repair must not touch; as git writes pathspecs with globs. */
  protectedPaths: string[]
  /** How many runs of this type its change has had, this one included. */
  round: number
  lastFailure: string | null
  /** The agent's own conversation about the issue, to go on with; not there where it begins one. */
  inThread?: string | null
  /** What the issue may spend in its whole life, and what runs before this one have spent of it; without it there is no limit. */
  budget?: RunBudget
  /**
   * Milliseconds: the whole run; without progress; after a nudge; without any sign of life (default: as long as the run); for a
   * completion check; for the agent to end after an interrupt; for a look at its worktree.
   * Times in one run: an agent that has stalled is started again; what it left is committed by a turn of its own; one that changed
   * nothing is asked why; a thread is resumed, forked, begun anew. What is not given is as in policy.ts.
   */
  limits: RunLimits
}

type LimitOfRun =
  | 'nudge'
  | 'signal'
  | 'completion'
  | 'ending'
  | 'probe'
  | 'stalls'
  | 'commits'
  | 'completionChecks'
  | 'resumes'
  | 'forks'
  | 'restarts'
export type RunLimits = Record<'run' | 'progress', number> & Partial<Record<LimitOfRun, number>>

/** `tokens`: of input and output. */
export interface RunBudget {
  spent: { tokens: number; usd: number }
  limits: { tokens: number | null; usd: number | null }
}

export interface RunProgress {
  phase: string
  lastSignalAt: number | null
  lastProgressAt: number | null
  usage: Usage
}

/** What a run answers, whatever happened (design §5). */
export interface RunOutput {
  outcome: RunOutcome
  failure: FailureClass | null
  reason: string
  summary: string
  question: string | null
  usage: Usage
  headBefore: string | null
  headAfter: string | null
  /** The pull request as publishing it gave it. */
  pr: Published | null
  /** What the agent made of having changed nothing; null when it was not asked. */
  completion: 'continue' | 'done' | 'needs_input' | 'failed' | null
  /** The verdict of a run of type `review`. */
  review: { verdict: 'approved' | 'changes_requested'; body: string; findings: Finding[]; headSha: string } | null
  /** Ids of messages that reached the agent while it worked. */
  steered: string[]
  /** True when it got as far as an item, a diff or a commit. */
  progressed: boolean
  /** Paths left uncommitted. */
  dirty: string[]
  /** Those of a run that was called off, as they were when its agent had ended. */
  left?: string[]
  /** The agent's conversation; not there where it has none. */
  thread?: string
  /** Only of `capacity`, epoch ms: when the provider says that there will be some again. */
  retryAt?: number
  /** Milliseconds of its time in which nobody was at work: from its last event before an interruption until that was noticed. */
  idle: number
}

export interface Published {
  number: number
  url: string
  headSha: string
  headRef: string
  baseRef: string
  draft: boolean
  state: 'open' | 'closed' | 'merged'
  /** `git patch-id --stable` of what was published. */
  patchId?: string | null
}

/** What a turn of the agent is for. */
export type TurnKind = 'work' | 'commit' | 'completion_check' | 'stack'

/** An open pull request that a commit contradicts. */
export interface ChangeInFlight {
  number: number
  url: string
  branch: string
  head: string
  /** The files in which the two contradict each other. */
  files: string[]
}

/** What the agent makes of having changed nothing, and why. */
export interface Completion {
  verdict: 'continue' | 'done' | 'needs_input' | 'failed'
  reason: string
}

/** What an agent can do beside working on a prompt; an agent that says nothing of it can do none of this. */
export interface AgentAbilities {
  /** Takes a text in while its turn runs. */
  steer: boolean
  /** Begins a new thread that knows what another one knows. */
  fork: boolean
}

/** Why a turn is not gone on with as it was, and the way that was found: the same thread, a fork of it, or a new one. */
export interface Recovery {
  /** `lost`: the agent could not go on with its thread. */
  cause: 'stalled' | 'interrupted' | 'lost'
  way: 'resume' | 'fork' | 'afresh' | null
  /** Milliseconds without progress, before a stall was seen. */
  quiet: number
  /** The last line that the agent has said. */
  lastLine: string | null
  /** The step of its plan that it was at, where it has told one. */
  step?: string
}

/** What the agent's turn answers. */
export interface SessionResult {
  outcome: 'completed' | 'needs_input' | 'no_change' | 'failed'
  /** Only with `failed`: which policy applies (design §5). */
  failure?: 'capacity' | 'auth' | 'environment' | 'agent' | 'escape' | 'bug'
  reason?: string
  /** Only with `failed`: what the provider, or the agent's protocol, calls it. */
  code?: string
  /** Only of `capacity`, epoch ms: when the provider says that there will be some again. */
  retryAt?: number
  summary: string
  question?: string
  /** Only of a completion check: what is the matter, when nothing was changed. */
  completion?: Completion['verdict']
  /** Only of a review. */
  verdict?: 'approve' | 'request_changes'
  findings?: Finding[]
  /** Only of a fix: what is said to the reviewer's findings. */
  answers?: FindingAnswer[]
  prTitle?: string
  prBody?: string
  /** Of this turn. */
  usage?: Usage
  /** The model that has used it, where the agent tells; it names the price. */
  model?: string
  thread?: string
  /** What its processes have used of the machine: ms of processor time, bytes written to disk (where known), and the most processes and bytes of memory at once. */
  consumed?: { processes: number; memory: number; cpu: number; disk?: number }
  /** Only with `failed`: the thread that was to be gone on with is not to be had, and nothing was done. */
  lost?: boolean
  /** Only with `failed`: the agent's process has died in the middle of its turn; its thread can be gone on with. */
  died?: boolean
  /** Only with `failed`: the thread is as long as it can be, and can neither be gone on with nor forked. */
  exhausted?: boolean
}

/** What the worktree holds after a run; what verification decides on. */
export interface Inspection {
  head: string
  branch: string | null
  /** Paths with uncommitted changes, untracked ones included. */
  dirty: string[]
  /** `merge`, `rebase`, … when one is in progress. */
  operation: string | null
  /** True when `since` is an ancestor of head: nothing that was published has been rewritten. */
  descendsFromSince: boolean
  /** False when head has not the commit that it is to be based on. */
  hasParent: boolean
  /** Commits on head that are not on the base. */
  commitsAhead: number
  /** Files changed between the merge base and head. */
  files: string[]
  /** `git patch-id --stable` of merge base..head; null when there is no difference. */
  patchId: string | null
  tree: string
  /** Subjects of new commits that take another commit back. */
  reverts: string[]
  /** Protected paths whose change against the base is another one than before the run. */
  protectedFiles: string[]
  /** Only of a review: its findings that are of the change, the others, and files that the reviewer left beside it. */
  review?: { bound: Finding[]; others: Finding[]; left: string[] }
}

export const noAbilities: AgentAbilities = { steer: false, fork: false }

export interface RunContext extends RunInput {
  now: number
  startedAt: number
  headBefore: string | null
  baseHead: string | null
  worktree: string | null
  /** Turns of the agent so far, of every kind. */
  turns: number
  /** What the present turn is for. */
  turnKind: TurnKind
  /** Turns that were to commit what another had left. */
  commits: number
  /** Turns that were asked why nothing has changed. */
  checksMade: number
  completion: Completion | null
  /** How often its thread was resumed, forked, and given up for a new one. */
  resumes: number
  /** Milliseconds in which nothing ran: what was interrupted had ended, at the latest, when its process was started again. */
  idle: number
  forks: number
  restarts: number
  /** How often it was ended because it had stalled. */
  stalls: number
  /** Nudges so far; whether one has come since the last progress. */
  nudges: number
  nudged: boolean
  /** Since when nothing new has come. */
  stillSince: number
  /** How the present turn came to be, when another was cut off. */
  recovery: Recovery | null
  abilities: AgentAbilities
  lastLine: string | null
  /** The last step of its plan that the agent has told. */
  lastStep?: string
  uncommitted: string[] | null
  thread: string | null
  result: SessionResult | null
  inspection: Inspection | null
  /** What the comparison with the changes in flight found, and the work as it was then; null before it was made. */
  sequence: { parent: ChangeInFlight | null; before: Inspection } | null
  /** Of all turns, the present one so far included: it never goes back. */
  usage: Usage
  /** Of those before the present one. */
  usageBefore: Usage
  lastSignalAt: number | null
  lastProgressAt: number | null
  toldAt: number
  progressed: boolean
  steered: string[]
  /** What people have said since it began, by `id`; of these `steered` have reached an agent. */
  said: HumanMessage[]
  ending: { outcome: RunOutcome; failure: FailureClass | null; reason: string; retryAt?: number } | null
  /** Paths that an agent that was called off has left uncommitted. */
  left?: string[]
  pr: Published | null
  /** The verdict that the forge has taken. */
  verdict: RunOutput['review']
}

export function createContext({ input }: { input?: RunInput }): RunContext {
  return {
    issue: '',
    project: '',
    key: '',
    title: '',
    description: '',
    url: '',
    runId: '',
    type: 'implementation',
    attempt: 1,
    agent: '',
    branch: '',
    base: '',
    onto: null,
    published: null,
    past: null,
    keep: false,
    restartFrom: null,
    messages: [],
    question: null,
    review: null,
    checks: null,
    incident: null,
    replaces: null,
    umbrella: null,
    conflict: false,
    pastPatch: null,
    sequencing: false,
    protectedPaths: [],
    round: 1,
    lastFailure: null,
    limits: { run: 0, progress: 0 },
    ...input,
    now: 0,
    startedAt: 0,
    headBefore: null,
    baseHead: null,
    worktree: null,
    turns: 0,
    turnKind: 'work',
    commits: 0,
    checksMade: 0,
    completion: null,
    resumes: 0,
    idle: 0,
    forks: 0,
    restarts: 0,
    stalls: 0,
    nudges: 0,
    nudged: false,
    stillSince: 0,
    recovery: null,
    abilities: noAbilities,
    lastLine: null,
    uncommitted: null,
    thread: input?.inThread ?? null,
    result: null,
    inspection: null,
    sequence: null,
    usage: noUsage,
    usageBefore: noUsage,
    lastSignalAt: null,
    lastProgressAt: null,
    toldAt: 0,
    progressed: false,
    steered: [],
    said: [],
    ending: null,
    pr: null,
    verdict: null,
  }
}
