// Shows in an issue's workflow state and labels what it is doing; looks first, and writes only what is different.

import { FatalError, toErrorData } from '../../../errors.ts'
import type { Stage } from '../../../machines/issue/stage.ts'
import type { LinearCalls } from './client.ts'
import { createOnce } from './create-once.ts'
import { findLabel, getPlace, listStates, makeLabel, updateIssue, type WorkflowState } from './documents/issue.ts'
import { uuidOf } from './ids.ts'
import { isClosed } from './issue-facts.ts'
import type { IssueRow, IssueRows } from './issue-rows.ts'
import { labelNames, moveOf } from './states.ts'

/** Teams change their columns seldom. */
const statesFor = 5 * 60_000

export function createWorkflow(options: {
  rows: IssueRows
  calls: LinearCalls
  now: () => number
  log: (level: 'info' | 'warn', message: string, issue?: string) => void
}) {
  const { rows, calls, now, log } = options
  const known = new Map<string, { at: number; states: WorkflowState[] }>()
  const told = new Set<string>()
  const how = { priority: 'report' as const }

  async function statesOf(workspace: string, team: string): Promise<WorkflowState[]> {
    const before = known.get(team)
    if (before !== undefined && now() - before.at < statesFor) return before.states
    const states = await calls.pages(workspace, listStates, { team }, how, (answer) => answer.team.states)
    known.set(team, { at: now(), states })
    return states
  }

  /** A label of the team or of the workspace, made where there is none and we may; null where we may not. */
  async function labelOf(workspace: string, team: string, name: string): Promise<string | null> {
    const filter = { name: { eqIgnoreCase: name }, or: [{ team: { id: { eq: team } } }, { team: { null: true } }] }
    const { issueLabels } = await calls.call(workspace, findLabel, { filter }, how)
    const found = issueLabels.nodes[0]
    if (found !== undefined) return found.id
    const id = uuidOf('label', team, name)
    try {
      await createOnce(calls, workspace, makeLabel, { id, name, teamId: team }, how)
      return id
    } catch (error) {
      if (!(error instanceof FatalError) || !['linear-forbidden', 'linear-refused'].includes(error.code)) throw error
      const message = `The label '${name}' is not there and could not be made: ${toErrorData(error).message}`
      if (!told.has(message)) log('warn', message)
      told.add(message)
      return null
    }
  }

  return {
    /** Moves the issue to where `stage` is shown. What a person has closed stays closed. */
    async show(row: IssueRow, stage: Stage): Promise<void> {
      const { issue: place } = await calls.call(row.workspace, getPlace, { id: row.id }, how)
      if (place.trashed) return
      // The answer to the last move was lost, and the move was not.
      if (row.moving_to === place.state.id) rows.setMove(row.id, place.state.id)
      const states = await statesOf(row.workspace, place.team.id)
      const wasClosedByUs = states.some(({ id, type }) => id === row.moved_to && isClosed(type))
      // A person has moved it on from where we had closed it: when it is closed there again, that is a person's word.
      if (wasClosedByUs && ![row.moved_to, row.moving_to].includes(place.state.id)) rows.forgetMove(row.id)
      const { to, label } = moveOf(stage, place.state, states, [row.moved_to, row.moving_to])
      const isOn = (name: string) => place.labels.nodes.filter((one) => one.name.toLowerCase() === name)
      const missing = label === null || isOn(label).length > 0 ? null : await labelOf(row.workspace, place.team.id, label)
      const over = labelNames.filter((name) => name !== label).flatMap((name) => isOn(name).map(({ id }) => id))
      const input = {
        ...(to === null ? {} : { stateId: to.id }),
        ...(missing === null ? {} : { addedLabelIds: [missing] }),
        ...(over.length === 0 ? {} : { removedLabelIds: over }),
      }
      if (Object.keys(input).length === 0) return
      if (to !== null) rows.setMoving(row.id, to.id)
      await calls.call(row.workspace, updateIssue, { id: row.id, input }, how)
      if (to !== null) rows.setMove(row.id, to.id)
    },
  }
}

export type Workflow = ReturnType<typeof createWorkflow>
