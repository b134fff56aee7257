// What a person's words mean to the agent: a mention starts a session, and a reply in a session's thread is a prompt.

import { notifyApp } from './announce.ts'
import { addComment, type NewComment } from './comments.ts'
import { addActivity, startSession } from './sessions.ts'
import type { Workspace } from './workspace.ts'
import type { ActivityRecord, CommentRecord, SessionRecord, UserRecord } from './records.ts'

/** Posts a comment, and lets the agent hear of it when it is spoken to. */
export function postComment(workspace: Workspace, by: UserRecord, input: NewComment): CommentRecord {
  const comment = addComment(workspace, by, input)
  if (by.app) return comment
  const session = comment.parentId ? sessionOfThread(workspace, comment.parentId) : undefined
  const issue = workspace.store.get('Issue', comment.issueId)
  if (session) {
    addActivity(workspace, session, by, { content: { type: 'prompt', body: comment.body }, sourceCommentId: comment.id })
  } else if (mentionsApp(workspace, comment.body)) {
    notifyApp(workspace, { type: 'issueCommentMention', issue, by, comment })
    startSession(workspace, { issue, by, source: comment })
  } else if (issue.delegateId === workspace.app?.user.id) {
    notifyApp(workspace, { type: 'issueNewComment', issue, by, comment })
  }
  return comment
}

/** What a person writes into the session itself. It stands in the thread, too. */
export function promptSession(
  workspace: Workspace,
  by: UserRecord,
  session: SessionRecord,
  body: string,
  signal: 'stop' | null = null,
): ActivityRecord {
  const comment = session.commentId ? addComment(workspace, by, { body, parentId: session.commentId }) : undefined
  return addActivity(workspace, session, by, { content: { type: 'prompt', body }, signal, sourceCommentId: comment?.id ?? null })
}

/** The latest session whose conversation a thread is. */
export function sessionOfThread({ store }: Workspace, rootId: string): SessionRecord | undefined {
  return store.by('AgentSession', 'commentId', rootId).at(-1)
}

function mentionsApp({ app, url }: Workspace, body: string): boolean {
  if (!app?.scopes.has('app:mentionable')) return false
  const name = app.user.displayName.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(^|[^\\w])@${name}(?![\\w-])`).test(body) || body.includes(`${url}/profiles/${app.user.displayName}`)
}
