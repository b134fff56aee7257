// What stands around a run in the database: the issue as its actor knows it, and the runs that it has had.

import type { Dependencies, EarlierRun, PullRequestNow } from '../actors/agents/prompt/facts.ts'
import type { IssueContext } from '../machines/issue/context.ts'
import { checksState, openPullRequest, reviewState } from '../machines/issue/policy.ts'
import type { RunContext, RunOutput } from '../machines/run/context.ts'
import type { StoreReader } from '../persistence/store.ts'

export interface Surroundings {
  dependencies: Dependencies | null
  pullRequest: PullRequestNow | null
  /** Oldest first. */
  earlier: EarlierRun[]
  /** How many there are before those. */
  earlierLeftOut: number
}

/** Runs that are looked at, the others are counted; a prompt tells of fewer. */
const mostRuns = 8

/** As they are now. `runId`: the run that is told of them, which is none of them. */
export function readSurroundings(store: Pick<StoreReader, 'actor' | 'children'>, issue: string, runId: string): Surroundings {
  const row = store.actor(`issue/${issue}`)
  if (row?.snapshot == null) return { dependencies: null, pullRequest: null, earlier: [], earlierLeftOut: 0 }
  const { context } = JSON.parse(row.snapshot) as { context: IssueContext }
  const runs = store.children(row.id).filter(({ address, status }) => status === 'done' && numberOf(address) < numberOf(runId))
  return {
    dependencies: dependenciesOf(context),
    pullRequest: pullRequestOf(context),
    earlier: runs
      .toSorted((a, b) => numberOf(a.address) - numberOf(b.address))
      .slice(-mostRuns)
      .flatMap(({ snapshot }) => (snapshot === null ? [] : toEarlier(JSON.parse(snapshot) as { context: RunContext; output?: RunOutput }))),
    earlierLeftOut: Math.max(0, runs.length - mostRuns),
  }
}

/** Of run-N. What has no number is no run. */
const numberOf = (name: string): number => Number(/\brun-(\d+)$/.exec(name)?.[1] ?? Infinity)

function toEarlier({ context, output }: { context: RunContext; output?: RunOutput }): EarlierRun[] {
  if (output === undefined) return []
  const { outcome, failure, reason, summary, headBefore, headAfter } = output
  return [{ id: context.runId, type: context.type, outcome, failure, reason, summary, headBefore, headAfter }]
}

const dependenciesOf = ({ issue: { blockedBy, parent, children } }: IssueContext): Dependencies | null =>
  blockedBy.length === 0 && children.length === 0 && parent === null ? null : { blockedBy, parent, children }

function pullRequestOf(c: IssueContext): PullRequestNow | null {
  const open = openPullRequest(c)
  if (open === null) return null
  const { number, url, headSha, draft, mergeable } = open
  return { number, url, headSha, draft, mergeable, review: reviewState(c), checks: checksState(c) }
}
