// What happens to an issue when somebody changes it: the checks of Linear, the dates that follow a column, the webhooks.

import { announceChange, notifyApp } from './announce.ts'
import { invalidInput } from './errors.ts'
import { rememberChange } from './issue-history.ts'
import { startSession } from './sessions.ts'
import { canSeeTeam, statesOf, type Workspace } from './workspace.ts'
import type { IssueRecord, StateRecord, UserRecord } from './records.ts'

/** The fields of Linear's `IssueCreateInput` and `IssueUpdateInput` that the twin acts on. */
export interface IssueInput {
  title?: string | null
  description?: string | null
  teamId?: string | null
  stateId?: string | null
  priority?: number | null
  estimate?: number | null
  dueDate?: string | null
  sortOrder?: number | null
  projectId?: string | null
  parentId?: string | null
  assigneeId?: string | null
  delegateId?: string | null
  labelIds?: string[] | null
  addedLabelIds?: string[] | null
  removedLabelIds?: string[] | null
  subscriberIds?: string[] | null
  trashed?: boolean | null
}

export interface NewIssue extends IssueInput {
  id?: string | null
  createAsUser?: string | null
}

type Fields = Partial<Omit<IssueRecord, '__typename' | 'id' | 'createdAt' | 'updatedAt'>>

const now = (workspace: Workspace): string => new Date(workspace.timers.now()).toISOString()

export function createIssue(workspace: Workspace, by: UserRecord, input: NewIssue): IssueRecord {
  const { store } = workspace
  const team = store.get('Team', input.teamId)
  if (!input.title?.trim()) throw invalidInput('Argument Validation Error', 'title should not be empty.')
  const states = statesOf(workspace, team.id)
  const first = states.find((state) => state.type === 'unstarted') ?? states[0]!
  const number = team.issueCount + 1
  const fields = checkedFields(workspace, team.id, { ...input, teamId: null, stateId: input.stateId ?? first.id })
  const issue = store.add(
    'Issue',
    {
      identifier: `${team.key}-${number}`,
      number,
      title: input.title,
      description: null,
      priority: 0,
      estimate: null,
      dueDate: null,
      sortOrder: -number,
      teamId: team.id,
      stateId: first.id,
      projectId: null,
      parentId: null,
      creatorId: by.id,
      assigneeId: null,
      delegateId: null,
      labelIds: [],
      subscriberIds: [by.id],
      previousIdentifiers: [],
      startedAt: null,
      completedAt: null,
      canceledAt: null,
      trashed: null,
      createAsUser: input.createAsUser ?? null,
      ...fields,
    },
    input.id,
  )
  store.change(team, { issueCount: number })
  announceChange(workspace, { action: 'create', record: issue, by })
  if (issue.delegateId) {
    noteChange(workspace, issue, by, { delegateId: null })
    delegated(workspace, issue, by)
  }
  return issue
}

export function updateIssue(workspace: Workspace, by: UserRecord, issue: IssueRecord, input: IssueInput): IssueRecord {
  const { store } = workspace
  const moved = input.teamId && input.teamId !== issue.teamId ? moveToTeam(workspace, issue, input.teamId) : {}
  const fields = { ...moved, ...checkedFields(workspace, moved.teamId ?? issue.teamId, input, issue) }
  const updatedFrom = store.change(issue, fields)
  if (!updatedFrom) return issue
  announceChange(workspace, { action: issue.trashed && 'trashed' in updatedFrom ? 'remove' : 'update', record: issue, by, updatedFrom })
  noteChange(workspace, issue, by, updatedFrom)
  if ('delegateId' in updatedFrom) {
    if (updatedFrom['delegateId'] === workspace.app?.user.id) notifyApp(workspace, { type: 'issueUnassignedFromYou', issue, by })
    if (issue.delegateId) delegated(workspace, issue, by)
  }
  if ('stateId' in updatedFrom && issue.delegateId === workspace.app?.user.id) {
    notifyApp(workspace, { type: 'issueStatusChanged', issue, by })
  }
  return issue
}

/** `before` has what was changed, as it was. */
function noteChange({ store, timers }: Workspace, issue: IssueRecord, actor: UserRecord, before: Record<string, unknown>): void {
  const delegate = (id: unknown): UserRecord | null => store.find('User', id as string | null) ?? null
  const changes = {
    ...('delegateId' in before && { fromDelegate: delegate(before['delegateId']), toDelegate: delegate(issue.delegateId) }),
    ...('stateId' in before && {
      fromState: store.get('WorkflowState', before['stateId'] as string),
      toState: store.get('WorkflowState', issue.stateId),
    }),
  }
  if (Object.keys(changes).length > 0) rememberChange(issue, { at: new Date(timers.now()).toISOString(), actor, ...changes })
}

function delegated(workspace: Workspace, issue: IssueRecord, by: UserRecord): void {
  notifyApp(workspace, { type: 'issueAssignedToYou', issue, by })
  // An app that makes itself the delegate has a session already, or wants none.
  if (issue.delegateId !== by.id) startSession(workspace, { issue, by })
}

function checkedFields(workspace: Workspace, teamId: string, input: IssueInput, issue?: IssueRecord): Fields {
  const { store } = workspace
  const fields: Fields = {}
  for (const field of ['title', 'priority', 'sortOrder', 'subscriberIds'] as const) {
    if (input[field] !== undefined && input[field] !== null) fields[field] = input[field] as never
  }
  for (const field of ['description', 'estimate', 'dueDate'] as const) {
    if (input[field] !== undefined) fields[field] = input[field] as never
  }
  if (fields.title !== undefined && !fields.title.trim()) {
    throw invalidInput('Argument Validation Error', 'title should not be empty.')
  }
  if (fields.priority !== undefined && ![0, 1, 2, 3, 4].includes(fields.priority)) {
    throw invalidInput('Argument Validation Error', 'priority must be one of 0, 1, 2, 3, 4.')
  }
  if (input.stateId) {
    const state = store.get('WorkflowState', input.stateId)
    if (state.teamId !== teamId) throw invalidInput('Discrepancy between issue team and state team', 'The state belongs to another team.')
    fields.stateId = state.id
    if (state.id !== issue?.stateId) Object.assign(fields, datesOf(workspace, state, issue))
  }
  if (input.projectId !== undefined) fields.projectId = input.projectId && store.get('Project', input.projectId).id
  if (input.parentId !== undefined) fields.parentId = input.parentId && checkedParent(workspace, input.parentId, issue)
  Object.assign(fields, checkedPeople(workspace, teamId, input), checkedLabels(workspace, teamId, input, issue))
  if (typeof input.trashed === 'boolean') {
    fields.trashed = input.trashed || null
    fields.archivedAt = input.trashed ? now(workspace) : null
  }
  return fields
}

/** An issue is started once, and completed or canceled for as long as it stands in such a column. */
function datesOf(workspace: Workspace, state: StateRecord, issue?: IssueRecord): Fields {
  return {
    startedAt: state.type === 'started' ? (issue?.startedAt ?? now(workspace)) : (issue?.startedAt ?? null),
    completedAt: state.type === 'completed' ? now(workspace) : null,
    canceledAt: state.type === 'canceled' ? now(workspace) : null,
  }
}

function checkedParent(workspace: Workspace, parentId: string, issue?: IssueRecord): string {
  const parent = workspace.store.issue(parentId)
  for (let above: IssueRecord | undefined = parent; above; above = workspace.store.find('Issue', above.parentId)) {
    if (above.id === issue?.id) throw invalidInput('Circular parent relationship', 'An issue cannot be above itself.')
  }
  return parent.id
}

function checkedPeople({ store, app }: Workspace, teamId: string, input: IssueInput): Fields {
  const fields: Fields = {}
  if (input.assigneeId !== undefined) {
    const assignee = input.assigneeId ? store.get('User', input.assigneeId) : undefined
    // Linear has an app do the work and a person answer for it: an app that is assigned becomes the delegate.
    if (assignee?.app) fields.delegateId = assignee.id
    else fields.assigneeId = assignee?.id ?? null
  }
  if (input.delegateId !== undefined) fields.delegateId = input.delegateId && store.get('User', input.delegateId).id
  if (fields.delegateId) {
    const user = store.get('User', fields.delegateId)
    if (!user.app || !user.active || user.id !== app?.user.id || !app.scopes.has('app:assignable') || !canSeeTeam(app, teamId)) {
      throw invalidInput(
        'Invalid delegate',
        `${user.name} cannot be delegated to: it is no app with the scope app:assignable and access to the team.`,
      )
    }
  }
  return fields
}

function checkedLabels({ store }: Workspace, teamId: string, input: IssueInput, issue?: IssueRecord): Fields {
  if (!input.labelIds && !input.addedLabelIds && !input.removedLabelIds) return {}
  if (input.labelIds && (input.addedLabelIds || input.removedLabelIds)) {
    throw invalidInput('Argument Validation Error', 'labelIds cannot be given together with addedLabelIds or removedLabelIds.')
  }
  const wanted = new Set(input.labelIds ?? issue?.labelIds)
  for (const id of input.addedLabelIds ?? []) wanted.add(id)
  for (const id of input.removedLabelIds ?? []) wanted.delete(id)
  for (const id of wanted) {
    const label = store.get('IssueLabel', id)
    if (label.teamId && label.teamId !== teamId) {
      throw invalidInput('Label not in the same team as the issue', `The label ${label.name} belongs to another team.`)
    }
  }
  return { labelIds: [...wanted] }
}

/** In another team an issue has another number; it is still found by the old one, and its column is the like of the old one. */
function moveToTeam(workspace: Workspace, issue: IssueRecord, teamId: string): Fields & { teamId?: string } {
  const { store } = workspace
  const team = store.get('Team', teamId)
  const before = store.get('WorkflowState', issue.stateId)
  const states = statesOf(workspace, team.id)
  const state =
    states.find((candidate) => candidate.type === before.type && candidate.name === before.name) ??
    states.find((candidate) => candidate.type === before.type) ??
    states[0]!
  const number = team.issueCount + 1
  store.change(team, { issueCount: number })
  return {
    teamId: team.id,
    identifier: `${team.key}-${number}`,
    number,
    stateId: state.id,
    previousIdentifiers: [...issue.previousIdentifiers, issue.identifier],
    labelIds: issue.labelIds.filter((id) => store.get('IssueLabel', id).teamId === null),
  }
}

export function archiveIssue(workspace: Workspace, by: UserRecord, issue: IssueRecord): void {
  const updatedFrom = workspace.store.change(issue, { archivedAt: now(workspace) })
  if (updatedFrom) announceChange(workspace, { action: 'update', record: issue, by, updatedFrom })
}

export function unarchiveIssue(workspace: Workspace, by: UserRecord, issue: IssueRecord): void {
  const updatedFrom = workspace.store.change(issue, { archivedAt: null, trashed: null })
  if (updatedFrom) announceChange(workspace, { action: 'update', record: issue, by, updatedFrom })
}

/** A deleted issue lies in the trash for a while, where it is still found by its id; `forever` removes it at once. */
export function deleteIssue(workspace: Workspace, by: UserRecord, issue: IssueRecord, forever = false): void {
  updateIssue(workspace, by, issue, { trashed: true })
  if (!forever) return
  const { store } = workspace
  for (const session of store.by('AgentSession', 'issueId', issue.id)) {
    for (const activity of store.by('AgentActivity', 'agentSessionId', session.id)) store.remove(activity)
    store.remove(session)
  }
  for (const comment of store.by('Comment', 'issueId', issue.id)) store.remove(comment)
  for (const attachment of store.by('Attachment', 'issueId', issue.id)) store.remove(attachment)
  for (const relation of store.by('IssueRelation', 'issueId', issue.id)) store.remove(relation)
  for (const relation of store.by('IssueRelation', 'relatedIssueId', issue.id)) store.remove(relation)
  for (const child of store.by('Issue', 'parentId', issue.id)) store.change(child, { parentId: null })
  store.remove(issue)
}
