// What Linear tells an agent at the start of a session: the issue and the conversation as one text, and the rules that apply.

import type { Workspace } from './workspace.ts'
import type { CommentRecord, IssueRecord } from './records.ts'

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** The issue, the thread of the mention, and the guidance, in Linear's elements. */
export function promptContext(workspace: Workspace, issue: IssueRecord, source: CommentRecord | undefined): string {
  const { store } = workspace
  const parent = store.find('Issue', issue.parentId)
  const team = store.get('Team', issue.teamId)
  const lines = [
    `<issue identifier="${issue.identifier}">`,
    `<title>${escape(issue.title)}</title>`,
    ...(issue.description ? [`<description>${escape(issue.description)}</description>`] : []),
    `<team name="${escape(team.name)}"/>`,
    ...issue.labelIds.map((id) => `<label>${escape(store.get('IssueLabel', id).name)}</label>`),
    ...(parent ? [`<parent-issue identifier="${parent.identifier}"><title>${escape(parent.title)}</title></parent-issue>`] : []),
    '</issue>',
  ]
  if (source) {
    const root = store.find('Comment', source.parentId) ?? source
    const thread = [root, ...store.by('Comment', 'parentId', root.id)]
    lines.push(`<primary-directive-thread comment-id="${root.id}">`)
    for (const comment of thread) {
      const author = store.find('User', comment.userId)?.displayName ?? 'unknown'
      lines.push(`<comment author="${escape(author)}" created-at="${comment.createdAt}">${escape(comment.body)}</comment>`)
    }
    lines.push('</primary-directive-thread>')
  }
  const rules = rulesFor(workspace, issue.teamId)
  if (rules.length > 0) {
    lines.push('<guidance>')
    for (const rule of rules) lines.push(`<guidance-rule origin="${rule.team ? 'team' : 'workspace'}">${escape(rule.body)}</guidance-rule>`)
    lines.push('</guidance>')
  }
  return lines.join('\n')
}

const rulesFor = ({ guidance, store }: Workspace, teamId: string) =>
  guidance.filter((rule) => !rule.team || rule.team === store.get('Team', teamId).key)

/** The rules as the webhook carries them, with where each comes from. */
export function guidanceBody(workspace: Workspace, teamId: string): Record<string, unknown>[] {
  const { id, key, name, displayName } = workspace.store.get('Team', teamId)
  return rulesFor(workspace, teamId).map((rule) => ({
    body: rule.body,
    origin: rule.team ? { type: 'Team', team: { id, key, name, displayName } } : { type: 'Organization' },
  }))
}
