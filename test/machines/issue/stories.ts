// What the stories about cases and faults share beside the facts: what a run was given, and what a poll sees.

import type { RunInput } from '../../../src/machines/run/context.ts'
import { waitingFor } from '../../../src/machines/issue/document.ts'
import { dawn } from '../player.ts'
import { paused, pr, tracked, type Happening, type Issue } from './facts.ts'

/** What the active run was given. */
export const given = (issue: Issue): RunInput => issue.children.get(issue.context.run!.id)!.input as RunInput
/** And what people have said of it. */
export const notes = (issue: Issue): string[] => given(issue).messages.map(({ text }) => text)
export const times = (n: number, ...happenings: Happening[]): Happening[] => Array.from({ length: n }, () => happenings).flat()
/** Past the pause after a failure, when there is one. */
export const withoutPause = (issue: Issue): Issue =>
  [...issue.timers.keys()].some((name) => name.includes('.backoff.')) ? paused(issue) : issue
/** Who is waited for, and why. */
export const waits = (issue: Issue): string[] =>
  waitingFor(
    issue.context,
    issue.value,
    [...issue.timers].map(([name, { due }]) => ({ name, due })),
  ).map(({ party, reason }) => `${party}: ${reason}`)

/** A poll that sees the pull request so, told `after` ms after the story so far; the tracker's side is as it was unless changed. */
export const polled =
  (seen: { tracker?: object; pr?: object; reviews?: object[]; checks?: object; queue?: object; after?: number } = {}): Happening =>
  (issue) => {
    const observedAt = issue.at + (seen.after ?? 5_000)
    const { pr: known } = issue.context
    const headSha = (seen.pr as { headSha?: string } | undefined)?.headSha ?? known?.headSha ?? ''
    return issue.send({
      ...{ type: 'reconcile', source: 'poll', observedAt, at: observedAt },
      tracker: { ...tracked(), delegated: issue.context.delegated, observedAt, ...seen.tracker },
      ...(known === null
        ? {}
        : {
            pr: {
              ...pr(headSha, { state: known.state, mergeable: 'clean', mergedSha: null }),
              reviews: seen.reviews ?? [],
              checks: { headSha, state: 'none', names: [], failures: [], observedAt, ...seen.checks },
              queue: { headSha, state: 'none', incident: null, observedAt, ...seen.queue },
              observedAt,
              ...seen.pr,
            },
          }),
    })
  }
export const seenReview = (verdict: string, headSha = 'A', reviewer = 'grace') => ({
  ...{ id: '1', reviewer, verdict, headSha, body: 'name it', comments: [], observedAt: dawn + 1 },
})
