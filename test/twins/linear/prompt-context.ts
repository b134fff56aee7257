// What Linear tells an agent at the start of a session: the issue and the conversation as one text, and the rules that apply.
// https://linear.app/developers/agent-interaction

import type { GuidanceRule, Workspace } from './workspace.ts'
import type { CommentRecord, IssueRecord } from './records.ts'

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
const attribute = (text: string): string => escape(text).replaceAll('"', '&quot;')

/** The issue, its threads and the guidance, in Linear's elements. `root` begins the thread that the session belongs to. */
export function promptContext(workspace: Workspace, issue: IssueRecord, root: CommentRecord): string {
  const { store } = workspace
  const threads = store.by('Comment', 'issueId', issue.id).filter((comment) => comment.parentId === null)
  const others = threads.filter((comment) => comment.id !== root.id)
  const rules = rulesFor(workspace, issue.teamId)
  const sections = [
    issueElement(workspace, issue),
    threadElement(workspace, 'primary-directive-thread', root),
    ...others.map((thread) => threadElement(workspace, 'other-thread', thread)),
  ]
  if (rules.length > 0)
    sections.push(`<guidance>\n${rules.map((rule) => ruleElement(workspace, issue.teamId, rule)).join('\n')}\n</guidance>`)
  return sections.join('\n\n')
}

function issueElement({ store }: Workspace, issue: IssueRecord): string {
  const parent = store.find('Issue', issue.parentId)
  const project = store.find('Project', issue.projectId)
  return [
    `<issue identifier="${issue.identifier}">`,
    ...words(issue),
    `<team name="${attribute(store.get('Team', issue.teamId).name)}"/>`,
    ...issue.labelIds.map((id) => `<label>${escape(store.get('IssueLabel', id).name)}</label>`),
    ...(parent ? [`<parent-issue identifier="${parent.identifier}">`, ...words(parent), '</parent-issue>'] : []),
    ...(project ? [`<project name="${attribute(project.name)}">${escape(project.description)}</project>`] : []),
    '</issue>',
  ].join('\n')
}

function words({ title, description }: IssueRecord): string[] {
  return [`<title>${escape(title)}</title>`, ...(description ? [`<description>${escape(description)}</description>`] : [])]
}

function threadElement({ store }: Workspace, element: string, root: CommentRecord): string {
  const comments = [root, ...store.by('Comment', 'parentId', root.id)].map((comment) => {
    const author = store.find('User', comment.userId)?.name ?? 'Linear'
    const at = comment.createdAt.replace('T', ' ').slice(0, 19)
    return `<comment author="${attribute(author)}" created-at="${at}">${escape(comment.body)}</comment>`
  })
  return [`<${element} comment-id="${root.id}">`, ...comments, `</${element}>`].join('\n')
}

function ruleElement({ store }: Workspace, teamId: string, { team, body }: GuidanceRule): string {
  const origin = team ? `origin="team" team-name="${attribute(store.get('Team', teamId).name)}"` : 'origin="workspace"'
  return `<guidance-rule ${origin}>${escape(body)}</guidance-rule>`
}

function rulesFor({ guidance, store }: Workspace, teamId: string): GuidanceRule[] {
  return guidance.filter((rule) => !rule.team || rule.team === store.get('Team', teamId).key)
}

/** The rules as the webhook carries them, with where each comes from. */
export function guidanceBody(workspace: Workspace, teamId: string): Record<string, unknown>[] {
  const { id, key, name, displayName } = workspace.store.get('Team', teamId)
  return rulesFor(workspace, teamId).map((rule) => ({
    body: rule.body,
    origin: rule.team ? { type: 'Team', team: { id, key, name, displayName } } : { type: 'Organization' },
  }))
}
