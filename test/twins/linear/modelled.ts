// The fields of each mutation's input that the twin acts on: the others, which Linear knows, are not passed over in silence.

import { notModelled } from './errors.ts'

const issue = [
  'title',
  'description',
  'teamId',
  'stateId',
  'priority',
  'estimate',
  'dueDate',
  'sortOrder',
  'projectId',
  'parentId',
  'assigneeId',
  'delegateId',
  'labelIds',
  'subscriberIds',
]

// What only people's eyes see, and nothing of the API shows, may be given and does nothing.
const unseen = ['displayIconUrl', 'iconUrl', 'doNotSubscribeToIssue']

const inputs: Record<string, string[]> = {
  issueCreate: [...issue, 'id', 'createAsUser'],
  issueUpdate: [...issue, 'addedLabelIds', 'removedLabelIds', 'trashed'],
  commentCreate: ['id', 'body', 'issueId', 'parentId', 'quotedText', 'createAsUser'],
  commentUpdate: ['body'],
  attachmentCreate: ['id', 'issueId', 'title', 'url', 'subtitle', 'metadata', 'groupBySource'],
  attachmentUpdate: ['title', 'subtitle', 'metadata'],
  issueRelationCreate: ['id', 'type', 'issueId', 'relatedIssueId'],
  issueLabelCreate: ['id', 'name', 'color', 'description', 'teamId', 'parentId', 'isGroup'],
  reactionCreate: ['id', 'emoji', 'issueId', 'commentId'],
  agentSessionCreateOnIssue: ['issueId', 'externalUrls'],
  agentSessionCreateOnComment: ['commentId', 'externalUrls'],
  agentSessionUpdate: ['externalUrls', 'addedExternalUrls', 'removedExternalUrls', 'plan', 'summary', 'dismissedAt'],
  agentSessionUpdateExternalUrl: ['externalUrls', 'addedExternalUrls', 'removedExternalUrls'],
  agentActivityCreate: ['id', 'agentSessionId', 'content', 'ephemeral', 'signal', 'signalMetadata'],
  agentActivityCreatePrompt: ['agentSessionId', 'content', 'signal'],
  webhookCreate: ['id', 'url', 'label', 'enabled', 'secret', 'resourceTypes', 'allPublicTeams', 'teamId'],
}

export function assertModelled(mutation: string, input: unknown): void {
  if (typeof input !== 'object' || input === null) return
  const known = [...(inputs[mutation] ?? []), ...unseen]
  for (const [field, value] of Object.entries(input)) {
    if (value !== null && value !== undefined && !known.includes(field)) throw notModelled(`the field ${field} of ${mutation}`)
  }
}
