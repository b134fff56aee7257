// The root fields of Linear's schema that read.

import { entityNotFound } from './errors.ts'
import { isVisible, organization, type Viewer } from './fields.ts'
import type { AnyRecord, RecordName, Records } from './records.ts'

type Arguments = Record<string, unknown>

const all =
  (name: RecordName) =>
  (_: Arguments, { workspace }: Viewer): AnyRecord[] =>
    workspace.store.all(name)

/** A thing that the viewer may not see is not there for it. */
export function visible<Name extends RecordName>(viewer: Viewer, record: Records[Name]): Records[Name] {
  if (!isVisible(viewer, record)) throw entityNotFound(record.__typename)
  return record
}

const one =
  (name: RecordName) =>
  ({ id }: Arguments, viewer: Viewer): AnyRecord =>
    visible(viewer, viewer.workspace.store.get(name, String(id)))

export const issueOf = (viewer: Viewer, idOrKey: unknown): Records['Issue'] =>
  visible<'Issue'>(viewer, viewer.workspace.store.issue(String(idOrKey)))

export const queries: Record<string, (args: Arguments, viewer: Viewer) => unknown> = {
  viewer: (_, viewer) => viewer.user,
  organization: (_, viewer) => organization(viewer),
  user: ({ id }, viewer) => (id === 'me' ? viewer.user : one('User')({ id }, viewer)),
  users: all('User'),
  team: ({ id }, viewer) => {
    const team = viewer.workspace.store.all('Team').find((candidate) => candidate.id === id || candidate.key === id)
    if (!team) throw entityNotFound('Team')
    return visible<'Team'>(viewer, team)
  },
  teams: all('Team'),
  workflowState: one('WorkflowState'),
  workflowStates: all('WorkflowState'),
  project: one('Project'),
  projects: all('Project'),
  issueLabel: one('IssueLabel'),
  issueLabels: all('IssueLabel'),
  issue: ({ id }, viewer) => issueOf(viewer, id),
  issues: all('Issue'),
  comment: ({ id }, viewer) => one('Comment')({ id }, viewer),
  comments: all('Comment'),
  attachment: one('Attachment'),
  attachments: all('Attachment'),
  attachmentsForURL: ({ url }, { workspace }) => workspace.store.all('Attachment').filter((attachment) => attachment.url === url),
  issueRelation: one('IssueRelation'),
  issueRelations: all('IssueRelation'),
  agentSession: one('AgentSession'),
  agentSessions: all('AgentSession'),
  agentActivity: one('AgentActivity'),
  agentActivities: all('AgentActivity'),
  webhook: one('Webhook'),
  webhooks: all('Webhook'),
  rateLimitStatus: (_, viewer) => ({ kind: 'oauth', identifier: viewer.user.id, limits: [] }),
}
