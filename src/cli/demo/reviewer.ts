// The human reviewer that the demo plays: which pull requests to approve or to have reviewed by an agent, once per head.

import type { Action, IssueDocument } from '../../app.ts'
import { tasks } from './tasks.ts'
import type { Task, TaskName } from './tasks.ts'

export interface Review {
  key: string
  headSha: string
  action: Action
  /** Equal for the same verdict on the same head, so that it is given once whatever is killed meanwhile. */
  idempotencyKey: string
}

export interface Reviewer {
  /** The reviews that are due, in the order in which they are to be sent. */
  due: (issues: ReadonlyMap<TaskName, IssueDocument>) => Review[]
  /** To be called when a review has been accepted. */
  given: (review: Review) => void
}

/** `isBusy`: a person has something else to do to the pull request first. */
export function createReviewer(isBusy: (task: TaskName) => boolean = () => false): Reviewer {
  const reviewed = new Set<string>()
  const asked = new Set<string>()
  const isReviewed = (document: IssueDocument): boolean => reviewed.has(headOf(document))

  const isDue = (task: Task, issues: ReadonlyMap<TaskName, IssueDocument>): boolean => {
    const document = issues.get(task.name)
    if (document === undefined || !isReviewable(document) || isReviewed(document) || isBusy(task.name)) return false
    // Both of a pair must be green before the first of them is approved; the second is approved when the first is queued.
    const leader = task.landsAfter === null ? undefined : issues.get(task.landsAfter)
    if (task.landsAfter !== null) return leader !== undefined && isQueuedOrLanded(leader)
    const followers = tasks.filter(({ landsAfter }) => landsAfter === task.name).map(({ name }) => issues.get(name))
    return followers.every(
      (follower) => follower !== undefined && (isReviewable(follower) || isReviewed(follower) || isQueuedOrLanded(follower)),
    )
  }

  return {
    due: (issues) =>
      tasks
        .filter((task) => isDue(task, issues))
        .map((task) => {
          const document = issues.get(task.name)!
          const { key } = document
          const headSha = document.pr!.headSha
          const action: Action =
            task.objection === null || asked.has(key)
              ? { action: 'approve', body: 'Looks good.', author: 'reviewer' }
              : { action: 'retry', runType: 'review', author: 'reviewer' }
          return { key, headSha, action, idempotencyKey: `demo-${action.action}-${key}-${headSha}` }
        }),
    given: ({ key, headSha, action }) => {
      reviewed.add(`${key} ${headSha}`)
      if (action.action === 'retry') asked.add(key)
    },
  }
}

function headOf({ key, pr }: IssueDocument): string {
  return `${key} ${pr?.headSha}`
}

/** A human looks at what is open and green. */
function isReviewable({ pr }: IssueDocument): boolean {
  return pr !== null && pr.state === 'open' && !pr.draft && pr.checks === 'passed'
}

function isQueuedOrLanded({ pr, waitsFor }: IssueDocument): boolean {
  return pr?.state === 'merged' || waitsFor.some(({ party }) => party === 'queue')
}
