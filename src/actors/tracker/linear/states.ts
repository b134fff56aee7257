// Which workflow state of a team shows what the issue is doing: by the kinds of states and their order, for their names are the team's.

import type { Stage } from '../../../machines/issue/stage.ts'
import type { WorkflowState } from './documents/issue.ts'
import { isClosed, toStateType } from './issue-facts.ts'

export interface Move {
  /** Null: it stays where it is. */
  to: WorkflowState | null
  /** What no state of the team says: shown by a label. */
  label: 'needs-human' | 'in-review' | null
}

const stay = (label: Move['label'] = null): Move => ({ to: null, label })

/**
 * `ours` are the states that we have moved the issue to last: any other was chosen by a person, whose word stands for what is
 * closed, and for what is already the right kind.
 */
export function moveOf(stage: Stage, at: WorkflowState, states: readonly WorkflowState[], ours: readonly (string | null)[]): Move {
  const ofType = (...types: string[]): WorkflowState[] =>
    states.filter(({ type }) => types.includes(type)).toSorted((one, other) => one.position - other.position)
  const to = (state: WorkflowState | undefined, label: Move['label'] = null): Move =>
    state === undefined || state.id === at.id ? stay(label) : { to: state, label }
  const isOurs = ours.includes(at.id)
  if (isClosed(at.type) && !isOurs) return stay()

  const started = ofType('started')
  const first = started[0]
  const review = started.length > 1 ? started.at(-1) : undefined
  switch (stage) {
    case 'waiting':
      // What a person has already begun is not put back.
      if (toStateType(at.type) === 'started' && !isOurs) return stay()
      return at.type === 'unstarted' ? stay() : to(ofType('unstarted')[0] ?? ofType('backlog')[0])
    case 'working':
      // Any column of work in progress will do, but for the one in which we have shown a review.
      return at.type === 'started' && !(isOurs && at.id === review?.id) ? stay() : to(first)
    case 'reviewing':
      return review === undefined ? to(first, 'in-review') : to(review)
    case 'needs_human':
      return stay('needs-human')
    case 'done':
      return at.type === 'completed' ? stay() : to(ofType('completed')[0])
    case 'failed':
      return isClosed(at.type) && at.type !== 'completed' ? stay() : to(ofType('canceled')[0])
  }
}

export const labelNames = ['needs-human', 'in-review'] as const
