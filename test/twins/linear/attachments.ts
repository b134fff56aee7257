// Attachments of issues, links to pull requests among them, and the relations between issues.

import { announceChange } from './announce.ts'
import { invalidInput } from './errors.ts'
import { updateIssue } from './issues.ts'
import type { Workspace } from './workspace.ts'
import type { AttachmentRecord, IssueRecord, LabelRecord, RelationRecord, UserRecord } from './records.ts'

export interface NewAttachment {
  id?: string | null
  issueId: string
  title: string
  url: string
  subtitle?: string | null
  metadata?: Record<string, unknown> | null
  groupBySource?: boolean | null
  sourceType?: string | null
}

/** Adds an attachment. The URL is its key within an issue: a second one with the same URL updates the first, as Linear documents. */
export function addAttachment(workspace: Workspace, by: UserRecord, input: NewAttachment): AttachmentRecord {
  const { store } = workspace
  const issue = store.issue(input.issueId)
  if (!URL.canParse(input.url)) throw invalidInput('Argument Validation Error', 'url must be a URL.')
  const present = store.by('Attachment', 'issueId', issue.id).find((attachment) => attachment.url === input.url)
  if (present) {
    return changeAttachment(workspace, by, present, {
      title: input.title,
      ...(input.subtitle !== undefined && { subtitle: input.subtitle }),
      ...(input.metadata && { metadata: input.metadata }),
    })
  }
  const attachment = store.add(
    'Attachment',
    {
      title: input.title,
      subtitle: input.subtitle ?? null,
      url: input.url,
      metadata: input.metadata ?? {},
      sourceType: input.sourceType ?? null,
      groupBySource: input.groupBySource ?? false,
      issueId: issue.id,
      creatorId: by.id,
    },
    input.id,
  )
  announceChange(workspace, { action: 'create', record: attachment, by })
  return attachment
}

export function changeAttachment(
  workspace: Workspace,
  by: UserRecord,
  attachment: AttachmentRecord,
  fields: { title?: string; subtitle?: string | null; metadata?: Record<string, unknown> },
): AttachmentRecord {
  const updatedFrom = workspace.store.change(attachment, fields)
  if (updatedFrom) announceChange(workspace, { action: 'update', record: attachment, by, updatedFrom })
  return attachment
}

export function deleteAttachment(workspace: Workspace, by: UserRecord, id: string): void {
  const attachment = workspace.store.get('Attachment', id)
  announceChange(workspace, { action: 'remove', record: attachment, by })
  workspace.store.remove(attachment)
}

export type LinkKind = 'closes' | 'contributes' | 'links'

export interface PullRequestLink {
  id?: string | null
  issueId: string
  url: string
  title?: string | null
  linkKind?: LinkKind | null
}

/**
 * Links a pull request of GitHub, so that Linear follows it. What Linear takes a link for whose kind is left out is not documented: here
 * it is the one that says least.
 */
export function linkPullRequest(workspace: Workspace, by: UserRecord, input: PullRequestLink, known: object = {}): AttachmentRecord {
  const [, owner, name, number] = /^https?:\/\/[^/]+\/([^/]+)\/([^/]+)\/pull\/(\d+)/.exec(input.url) ?? []
  if (!number) throw invalidInput('Argument Validation Error', `${input.url} is no pull request of GitHub.`)
  return addAttachment(workspace, by, {
    id: input.id ?? null,
    issueId: input.issueId,
    url: input.url,
    title: input.title ?? `${owner}/${name}#${number}`,
    sourceType: 'github',
    metadata: { ...known, number: Number(number), repoLogin: owner, repoName: name, linkKind: input.linkKind ?? 'links' },
  })
}

/** What Linear's own integration reads of a pull request. */
export interface FollowedPullRequest {
  url: string
  title: string
  body: string
  branch: string
}

const closing = '(?:clos(?:e|es|ed|ing)|fix(?:|es|ed|ing)|resolv(?:e|es|ed|ing)|complet(?:e|es|ed|ing)|implement(?:|s|ed|ing))'
const contributing = '(?:refs?|references|part of|related to|contributes to|towards?)'

/**
 * What Linear's integration does of its own accord with a pull request that has the issue's key: a magic word before it says of what kind
 * the link is, and the bare key in the branch or the title is taken for closing. The bare key in the text links nothing.
 */
export function followPullRequest(
  workspace: Workspace,
  by: UserRecord,
  issueId: string,
  { url, title, body, branch }: FollowedPullRequest,
): AttachmentRecord | null {
  const key = `(?:\\S+/)?${workspace.store.issue(issueId).identifier}(?!\\d)`
  const says = (text: string, words: string): boolean => new RegExp(`\\b${words}:?\\s+${key}`, 'i').test(text)
  const texts = [title, body]
  let linkKind: LinkKind | null = null
  if ([branch, title].some((name) => new RegExp(`\\b${key}`, 'i').test(name))) linkKind = 'closes'
  if (texts.some((text) => says(text, contributing))) linkKind = 'contributes'
  if (texts.some((text) => says(text, closing))) linkKind = 'closes'
  return linkKind && linkPullRequest(workspace, by, { issueId, url, title, linkKind }, { url, title, branch, status: 'open', draft: false })
}

export interface NewRelation {
  id?: string | null
  type: RelationRecord['type']
  issueId: string
  relatedIssueId: string
}

/** Relates two issues. Linear sends no webhook of relations: both issues are touched, and say so. */
export function addRelation(workspace: Workspace, by: UserRecord, input: NewRelation): RelationRecord {
  const { store } = workspace
  const issue = store.issue(input.issueId)
  const related = store.issue(input.relatedIssueId)
  if (issue.id === related.id) throw invalidInput('Argument Validation Error', 'An issue cannot be related to itself.')
  const present = store
    .by('IssueRelation', 'issueId', issue.id)
    .find((relation) => relation.relatedIssueId === related.id && relation.type === input.type)
  if (present) return present
  const relation = store.add('IssueRelation', { type: input.type, issueId: issue.id, relatedIssueId: related.id }, input.id)
  touch(workspace, by, issue, related)
  return relation
}

export function deleteRelation(workspace: Workspace, by: UserRecord, relation: RelationRecord): void {
  const { store } = workspace
  store.remove(relation)
  touch(workspace, by, store.get('Issue', relation.issueId), store.get('Issue', relation.relatedIssueId))
}

function touch(workspace: Workspace, by: UserRecord, ...issues: IssueRecord[]): void {
  for (const issue of issues) {
    const before = issue.updatedAt
    workspace.store.touch(issue)
    announceChange(workspace, { action: 'update', record: issue, by, updatedFrom: { updatedAt: before } })
  }
}

export interface NewLabel {
  id?: string | null
  name: string
  color?: string | null
  description?: string | null
  teamId?: string | null
  parentId?: string | null
  isGroup?: boolean | null
}

export function createLabel(workspace: Workspace, by: UserRecord, input: NewLabel): LabelRecord {
  const { store } = workspace
  const teamId = input.teamId ? store.get('Team', input.teamId).id : null
  const taken = store
    .all('IssueLabel')
    .some((label) => label.name.toLowerCase() === input.name.toLowerCase() && (label.teamId === null || label.teamId === teamId))
  if (taken) throw invalidInput('duplicate label name', `Label with name "${input.name}" already exists.`)
  const label = store.add(
    'IssueLabel',
    {
      name: input.name,
      color: input.color ?? '#bec2c8',
      description: input.description ?? null,
      isGroup: input.isGroup ?? false,
      parentId: input.parentId ? store.get('IssueLabel', input.parentId).id : null,
      teamId,
      creatorId: by.id,
    },
    input.id,
  )
  announceChange(workspace, { action: 'create', record: label, by })
  return label
}

/** Labels an issue by names; a label that nobody has made yet is made. */
export function labelIssue(workspace: Workspace, by: UserRecord, issue: IssueRecord, add: string[], remove: string[]): void {
  const find = (name: string): LabelRecord | undefined =>
    workspace.store.all('IssueLabel').find((label) => label.name === name && (label.teamId ?? issue.teamId) === issue.teamId)
  updateIssue(workspace, by, issue, {
    addedLabelIds: add.map((name) => (find(name) ?? createLabel(workspace, by, { name, teamId: issue.teamId })).id),
    removedLabelIds: remove.flatMap((name) => find(name)?.id ?? []),
  })
}
