// What is asked of an issue, and what is changed of it.

import { z } from 'zod'
import { found, operation, page, success, time, user } from './operation.ts'

export const state = z.object({ id: z.string(), name: z.string(), type: z.string(), position: z.number() })
export type WorkflowState = z.infer<typeof state>

const related = z.object({
  id: z.string(),
  identifier: z.string(),
  updatedAt: time,
  /** In the bin. */
  trashed: z.boolean().nullish(),
  state: z.object({ type: z.string() }),
})
const label = z.object({ id: z.string(), name: z.string() })
const child = related
const relation = z.object({ id: z.string(), type: z.string(), updatedAt: time, issue: related })
const attachment = z.object({
  id: z.string(),
  title: z.string(),
  url: z.string(),
  sourceType: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  updatedAt: time,
})

const issue = z.object({
  id: z.string(),
  identifier: z.string(),
  title: z.string(),
  description: z.string().nullish(),
  url: z.string(),
  priority: z.number(),
  estimate: z.number().nullish(),
  dueDate: z.string().nullish(),
  createdAt: time,
  updatedAt: time,
  trashed: z.boolean().nullish(),
  state,
  team: z.object({ id: z.string(), key: z.string(), name: z.string() }),
  project: z.object({ id: z.string(), name: z.string() }).nullish(),
  parent: related.nullish(),
  delegate: z.object({ id: z.string() }).nullish(),
  labels: page(label),
  children: page(child),
  inverseRelations: page(relation),
  attachments: page(attachment),
})
export type LinearIssue = z.infer<typeof issue>

const pageFields = 'pageInfo { hasNextPage endCursor }'
const relatedFields = 'id identifier updatedAt trashed state { type }'
const labelFields = 'id name'
const relationFields = `id type updatedAt issue { ${relatedFields} }`
const attachmentFields = 'id title url sourceType metadata updatedAt'

/** Everything about an issue, with the first page of each of its parts. */
export const getIssue = operation(
  `query SignalboxIssue($id: String!) {
    issue(id: $id) {
      id identifier title description url priority estimate dueDate createdAt updatedAt trashed
      state { id name type position }
      team { id key name }
      project { id name }
      parent { ${relatedFields} }
      delegate { id }
      labels(first: 50) { nodes { ${labelFields} } ${pageFields} }
      children(first: 50, includeArchived: true) { nodes { ${relatedFields} } ${pageFields} }
      inverseRelations(first: 50) { nodes { ${relationFields} } ${pageFields} }
      attachments(first: 50) { nodes { ${attachmentFields} } ${pageFields} }
    }
  }`,
  z.object({ issue }),
)

export const getMoreLabels = operation(
  `query SignalboxIssueLabels($id: String!, $after: String) {
    issue(id: $id) { part: labels(first: 100, after: $after) { nodes { ${labelFields} } ${pageFields} } }
  }`,
  z.object({ issue: z.object({ part: page(label) }) }),
)

export const getMoreChildren = operation(
  `query SignalboxIssueChildren($id: String!, $after: String) {
    issue(id: $id) { part: children(first: 100, after: $after, includeArchived: true) { nodes { ${relatedFields} } ${pageFields} } }
  }`,
  z.object({ issue: z.object({ part: page(child) }) }),
)

export const getMoreRelations = operation(
  `query SignalboxIssueRelations($id: String!, $after: String) {
    issue(id: $id) { part: inverseRelations(first: 100, after: $after) { nodes { ${relationFields} } ${pageFields} } }
  }`,
  z.object({ issue: z.object({ part: page(relation) }) }),
)

export const getMoreAttachments = operation(
  `query SignalboxIssueAttachments($id: String!, $after: String) {
    issue(id: $id) { part: attachments(first: 100, after: $after) { nodes { ${attachmentFields} } ${pageFields} } }
  }`,
  z.object({ issue: z.object({ part: page(attachment) }) }),
)

/** What has to be known of an issue before it is moved. */
export const getPlace = operation(
  `query SignalboxPlace($id: String!) {
    issue(id: $id) {
      trashed delegate { id }
      state { id name type position }
      team { id }
      labels(first: 100) { nodes { ${labelFields} } ${pageFields} }
    }
  }`,
  z.object({
    issue: issue.pick({ trashed: true, delegate: true, state: true, labels: true }).extend({ team: z.object({ id: z.string() }) }),
  }),
)
export type Place = z.infer<typeof getPlace.answer>['issue']

export const listDelegated = operation(
  `query SignalboxDelegated($filter: IssueFilter!, $after: String) {
    issues(filter: $filter, first: 50, after: $after, orderBy: updatedAt, includeArchived: true) { nodes { id updatedAt trashed delegate { id } state { type } } ${pageFields} }
  }`,
  z.object({
    issues: page(
      z.object({
        id: z.string(),
        updatedAt: time,
        trashed: z.boolean().nullish(),
        delegate: z.object({ id: z.string() }).nullish(),
        state: z.object({ type: z.string() }),
      }),
    ),
  }),
)

/** Who has delegated it, the newest first. */
export const getDelegations = operation(
  `query SignalboxDelegations($id: String!, $after: String) {
    issue(id: $id) {
      history(first: 50, after: $after) {
        nodes { createdAt actor { id name displayName email } toDelegate { id } }
        ${pageFields}
      }
    }
  }`,
  z.object({
    issue: z.object({
      history: page(z.object({ createdAt: time, actor: user.nullish(), toDelegate: z.object({ id: z.string() }).nullish() })),
    }),
  }),
)

export const updateIssue = operation(
  `mutation SignalboxIssueUpdate($id: String!, $input: IssueUpdateInput!) {
    issueUpdate(id: $id, input: $input) { success }
  }`,
  z.object({ issueUpdate: success }),
)

export const listStates = operation(
  `query SignalboxStates($team: String!, $after: String) {
    team(id: $team) { states(first: 100, after: $after) { nodes { id name type position } ${pageFields} } }
  }`,
  z.object({ team: z.object({ states: page(state) }) }),
)

export const findLabel = operation(
  `query SignalboxLabel($filter: IssueLabelFilter!) {
    issueLabels(filter: $filter, first: 1) { nodes { ${labelFields} } ${pageFields} }
  }`,
  z.object({ issueLabels: page(label) }),
)

export const makeLabel = {
  create: operation(
    `mutation SignalboxLabelCreate($input: IssueLabelCreateInput!) {
      issueLabelCreate(input: $input) { success }
    }`,
    z.object({ issueLabelCreate: success }),
  ),
  find: operation(`query SignalboxLabelIsThere($id: String!) { found: issueLabel(id: $id) { id } }`, found),
}

export const makeAttachment = {
  create: operation(
    `mutation SignalboxAttachmentCreate($input: AttachmentCreateInput!) {
      attachmentCreate(input: $input) { success }
    }`,
    z.object({ attachmentCreate: success }),
  ),
  find: operation(`query SignalboxAttachmentIsThere($id: String!) { found: attachment(id: $id) { id } }`, found),
}
