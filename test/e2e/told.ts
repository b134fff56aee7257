// What people see of an issue in Linear while nothing goes wrong, so that a test can say what there is beyond that.

import type { WorkspaceTwin } from '../twins/linear.ts'

/** What is said for good in the sessions of an issue, not by people: heads that differ from run to run are left out. */
export const saidOf = (acme: WorkspaceTwin, issue: { id: string }): string[] =>
  acme
    .sessions(issue)
    .flatMap((session) => acme.activities(session))
    .filter(({ content, ephemeral }) => content.type !== 'prompt' && !ephemeral)
    .map(({ content: { type, body, action } }) => `${type} ${body ?? action ?? ''}`.replaceAll(/\b[0-9a-f]{10}\b/g, 'HEAD'))

/** The columns that it was put into. */
export const columnsOf = (acme: WorkspaceTwin, issue: { id: string }): string[] => acme.movesOf(issue).map(({ by, to }) => `${by}: ${to}`)

/**
 * What is there of `seen` beyond `story`: said or done once more than it, or in another order. What a later line has made needless may be
 * missing from it.
 */
export function beyond(story: readonly string[], seen: readonly string[]): string[] {
  let at = 0
  return seen.filter((line) => {
    const next = story.indexOf(line, at)
    if (next === -1) return true
    at = next + 1
    return false
  })
}
