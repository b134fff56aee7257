// What a prompt is made of: everything that one turn of an agent may be told, as data.

import type { Completion, Recovery, TurnKind } from '../../../machines/run/context.ts'
import type { ChangeInFlight, CheckFailure, Finding, InstructionFiles, PromptContext, QueueIncident, RunType } from '../../ports.ts'
import type { WorkSoFar } from '../../workspace/work-so-far.ts'

export interface PromptFacts {
  runType: RunType
  turnKind: TurnKind
  key: string
  title: string
  description: string
  /** What the tracker has beside the issue's own text; null when it has nothing, or could not be asked. */
  background: PromptContext | null
  /** Images among the attachments that the agent is handed, those that its conversation has already, and the others. */
  images: { given: number; before: number; leftOut: number }
  url: string
  branch: string
  base: string
  /** Where everything is that is cut here. */
  contextFile: string
  attempt: number
  /** How many runs of this type the change has had, this one included. */
  round: number
  /** The head that was found wanting, and the identity of its change. */
  past: string | null
  pastPatch: string | null
  protectedPaths: readonly string[]
  /** The pull request does not merge into its base. */
  conflict: boolean
  /** A closed or landed pull request that this work follows. */
  replaces: { number: number; url: string } | null
  umbrella: { children: readonly { key: string; state: string }[] } | null
  /** Issues that it hangs together with. */
  dependencies: Dependencies | null
  /** The open pull request of the branch, as it is known. */
  pullRequest: PullRequestNow | null
  /** How this turn came to be, when the one before it was cut off. */
  recovery: Recovery | null
  /** What is there of the work; null where that turn goes on as if nothing had been, or it is not known. */
  soFar: WorkSoFar | null
  /** The last answer to the question why nothing had changed. */
  completion: Completion | null
  /** Texts of humans that this run is given, oldest first. */
  messages: readonly { text: string; author: string; via: string }[]
  /** The question that the messages answer, when one was open. */
  question: string | null
  review: { reviewer: string; body: string; comments: readonly Finding[]; headSha: string } | null
  /** Of a review: the commits between which the change lies, and the paths that differ. */
  change: { from: string | null; to: string; files: readonly string[] } | null
  checks: { headSha: string; failures: readonly CheckFailure[] } | null
  incident: QueueIncident | null
  /** The change in flight that this turn is to base the work on; the base is its branch. */
  parent: ChangeInFlight | null
  /** Paths left uncommitted by the turn before; set when this turn is to commit them. */
  uncommitted: readonly string[] | null
  /** The runs before this one, oldest first, and how many there are before those. */
  earlier: readonly EarlierRun[]
  earlierLeftOut: number
  /** Why the run before this one ended without a result. */
  lastFailure: string | null
  /** The project's own instructions: the content of its workflow file on the base branch, and what the configuration adds. */
  workflow: { name: string; text: string } | null
  extra: string | null
  instructions: InstructionFiles & { base: string }
  /** The JSON Schema of the answer, for an agent that has nothing but its prompt to learn it from. */
  answerForm: object | null
}

/** When a turn of this kind only ends what another has begun, or says why: it is not shown again what the issue shows. */
export const isAside = (kind: TurnKind): boolean => kind === 'commit' || kind === 'completion_check'

export interface Dependencies {
  blockedBy: readonly { key: string; resolved: boolean; state?: string | undefined }[]
  parent: string | null
  children: readonly { key: string; state: string }[]
}

export interface PullRequestNow {
  number: number
  url: string
  headSha: string
  draft: boolean
  review: 'none' | 'approved' | 'changes_requested'
  checks: 'none' | 'pending' | 'passed' | 'failed'
  mergeable: 'clean' | 'conflict' | 'unknown'
}

/** What became of a run that has ended. */
export interface EarlierRun {
  id: string
  type: RunType
  outcome: string
  failure: string | null
  reason: string
  summary: string
  headBefore: string | null
  headAfter: string | null
}
