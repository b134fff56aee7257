// What a run gives its effects, and what it answers in the end.

import type { Finding, FindingAnswer } from '../vocabulary.ts'
import type { ChangeInFlight, Completion, Recovery, RunContext, RunInput, RunOutput, TurnKind } from './context.ts'
import { keepsOff, limitOf } from './policy.ts'
import { reviewOf } from './review.ts'
import { listed } from './words.ts'

export interface PrepareInput {
  project: string
  key: string
  branch: string
  base: string
  /** Instead of the base branch, when the change is based on another pull request. */
  onto: string | null
  keep: boolean
  /** The run is about the base as it is now; else one that was seen a moment ago will do. */
  newestBase: boolean
  /** The commit that the branch starts over from; null to go on from where it is. */
  restartFrom: string | null
  runId: string
  /** Of a review: the head to look at, in a checkout of its own. */
  review: string | null
}

export interface SessionInput extends RunInput {
  turn: number
  turnKind: TurnKind
  /** What the agent said when it was asked why nothing had changed. */
  completion: Completion | null
  uncommitted: string[] | null
  /** The change that this turn is to base the work on. */
  parent: ChangeInFlight | null
  thread: string | null
  /** How the turn came to be, when another was cut off. */
  recovery: Recovery | null
  worktree: string
  timeout: number
}

export interface ProbeInput {
  project: string
  key: string
  branch: string
  base: string
}

/** What a session is told while it runs. `quiet`: milliseconds without progress. */
export type SessionCommand = { type: 'session.steer'; id: string; text: string } | { type: 'session.nudge'; id: string; quiet: number }

export interface VerifyInput {
  project: string
  key: string
  branch: string
  base: string
  /** Instead of the base branch, when the change is based on another pull request. */
  onto: string | null
  since: string
  protectedPaths: string[]
  /** A commit of another change that the work is to be based on. */
  parent: string | null
  /** Of a review: the head that was to be looked at, and what its agent found. */
  review: { head: string; findings: Finding[] } | null
}

/** Of a commit that is not published yet. */
export interface ConflictInput {
  project: string
  branch: string
  head: string
}

/** A verdict for exactly one head. */
export interface SubmitInput {
  project: string
  /** The issue's immutable id and its key. */
  issue: string
  key: string
  /** A second time with the same run, it is the same review. */
  runId: string
  reviewer: string
  verdict: 'approved' | 'changes_requested'
  body: string
  findings: Finding[]
  headSha: string
}

/** `counts`: false when the pull request has another head by now, or is not open. */
export interface Submitted {
  counts: boolean
}

export interface PublishInput {
  project: string
  /** The issue's immutable id and its key. */
  issue: string
  key: string
  branch: string
  base: string
  /** Instead of the base branch, when the change is based on another pull request. */
  onto?: string | null
  /** The commit to publish. */
  head: string
  /** The head published before, for the lease; null for a first publication. */
  expected: string | null
  title: string
  body: string
  draft: boolean
  /** `git patch-id --stable` of what is published; null when it is not known. */
  patchId?: string | null
  /** The findings of reviewers that the run was given, by id: no other is answered. */
  points?: string[]
  /** What is said to the findings of reviewers that the change answers. */
  answers?: FindingAnswer[]
}

export const prepareInput = ({ context }: { context: RunContext }): PrepareInput => ({
  project: context.project,
  key: context.key,
  branch: context.branch,
  base: context.base,
  onto: context.onto,
  keep: context.keep || context.turns > 0,
  // What it was seen to conflict with may have come within that moment: a run on the older one would find nothing to do.
  newestBase: context.conflict || context.type === 'queue_repair' || context.type === 'branch_upkeep',
  // Only before the first turn: later it would take this run's own work back.
  restartFrom: context.turns > 0 ? null : context.restartFrom,
  runId: context.runId,
  review: context.type === 'review' ? context.past : null,
})

/** What the run was given, without what it has found out since. */
const assignmentOf = ({
  now: _now,
  startedAt: _startedAt,
  headBefore: _headBefore,
  baseHead: _baseHead,
  worktree: _worktree,
  turns: _turns,
  turnKind: _turnKind,
  commits: _commits,
  checksMade: _checksMade,
  completion: _completion,
  resumes: _resumes,
  idle: _idle,
  forks: _forks,
  restarts: _restarts,
  stalls: _stalls,
  nudges: _nudges,
  nudged: _nudged,
  stillSince: _stillSince,
  recovery: _recovery,
  abilities: _abilities,
  lastLine: _lastLine,
  lastStep: _lastStep,
  uncommitted: _uncommitted,
  thread: _thread,
  result: _result,
  inspection: _inspection,
  sequence: _sequence,
  usage: _usage,
  usageBefore: _usageBefore,
  lastSignalAt: _lastSignalAt,
  lastProgressAt: _lastProgressAt,
  toldAt: _toldAt,
  progressed: _progressed,
  steered: _steered,
  said: _said,
  ending: _ending,
  pr: _pr,
  verdict: _verdict,
  ...input
}: RunContext): RunInput => input

/** Milliseconds for the answer to why nothing has changed. */
export const timeToAnswer = (context: RunContext): number => limitOf(context, 'completion')

export const sessionInput = ({ context }: { context: RunContext }): SessionInput => ({
  ...assignmentOf(context),
  // Whoever takes the place of an agent that was told something is told it too.
  messages: [...context.messages, ...context.said.filter(({ id }) => context.steered.includes(id))],
  turn: context.turns,
  turnKind: context.turnKind,
  completion: context.completion,
  uncommitted: context.uncommitted,
  parent: context.turnKind === 'stack' ? (context.sequence?.parent ?? null) : null,
  thread: context.thread,
  recovery: context.recovery,
  worktree: context.worktree!,
  timeout: context.turnKind === 'completion_check' ? timeToAnswer(context) : context.limits.run,
})

export const probeInput = ({ context: { project, key, branch, base } }: { context: RunContext }): ProbeInput => ({
  project,
  key,
  branch,
  base,
})

export const verifyInput = ({ context }: { context: RunContext }): VerifyInput => ({
  project: context.project,
  key: context.key,
  branch: context.branch,
  base: context.base,
  onto: context.onto,
  since: context.published ?? context.headBefore!,
  protectedPaths: keepsOff(context.type) ? context.protectedPaths : [],
  parent: context.sequence?.parent?.head ?? null,
  review: context.type === 'review' ? { head: context.past!, findings: context.result?.findings ?? [] } : null,
})

export const conflictInput = ({ context }: { context: RunContext }): ConflictInput => ({
  project: context.project,
  branch: context.branch,
  head: context.inspection!.head,
})

export const submitInput = ({ context }: { context: RunContext }): SubmitInput => ({
  project: context.project,
  issue: context.issue,
  key: context.key,
  runId: context.runId,
  reviewer: context.agent,
  ...reviewOf(context),
})

const pointsOf = ({ review }: RunContext): Pick<PublishInput, 'points'> => {
  const points = (review?.comments ?? []).flatMap(({ id }) => id ?? [])
  return points.length === 0 ? {} : { points }
}

export const publishInput = ({ context }: { context: RunContext }): PublishInput => ({
  project: context.project,
  issue: context.issue,
  key: context.key,
  branch: context.branch,
  base: context.base,
  onto: context.onto,
  head: context.inspection!.head,
  expected: context.published,
  title: context.result?.prTitle ?? context.title,
  body: context.result?.prBody ?? context.result?.summary ?? '',
  draft: false,
  patchId: context.inspection!.patchId,
  ...pointsOf(context),
  ...(context.result?.answers === undefined ? {} : { answers: context.result.answers }),
})

/** What a verdict says of itself goes before what the agent says. */
function summaryOf({ result, ending, verdict, inspection }: RunContext): string {
  const summary = result?.summary ?? ending?.reason ?? ''
  if (verdict === null) return summary
  const left = inspection?.review?.left ?? []
  const discarded = left.length === 0 ? '' : ` Left in its checkout and discarded: ${listed(left)}.`
  return `${verdict.verdict === 'approved' ? 'Approved' : 'Changes requested of'} ${verdict.headSha.slice(0, 10)}. ${summary}${discarded}`.trim()
}

export const runOutput = ({ context }: { context: RunContext }): RunOutput => ({
  outcome: context.ending?.outcome ?? 'completed',
  failure: context.ending?.failure ?? null,
  reason: context.ending?.reason ?? '',
  summary: summaryOf(context),
  question: context.ending?.outcome === 'needs_input' ? (context.result?.question ?? context.result?.summary ?? '') : null,
  usage: context.usage,
  headBefore: context.headBefore,
  headAfter: context.pr?.headSha ?? null,
  pr: context.pr,
  // Of no interest once there is a change after all.
  completion: context.pr === null ? (context.completion?.verdict ?? null) : null,
  review: context.verdict,
  steered: context.steered,
  progressed: context.progressed,
  dirty: context.inspection?.dirty ?? [],
  ...(context.left === undefined ? {} : { left: context.left }),
  ...(context.thread === null ? {} : { thread: context.thread }),
  ...(context.ending?.retryAt === undefined ? {} : { retryAt: context.ending.retryAt }),
  idle: context.idle,
})
