// What people do in Linear's own application, as methods that a test calls: they delegate, comment, move, block, stop.

import {
  addAttachment,
  addRelation,
  deleteRelation,
  followPullRequest,
  labelIssue,
  linkPullRequest,
  type FollowedPullRequest,
  type LinkKind,
} from './attachments.ts'
import { addReaction, deleteComment, updateComment } from './comments.ts'
import { postComment, promptSession } from './conversation.ts'
import { createIssue, deleteIssue, updateIssue, type IssueInput } from './issues.ts'
import { statesOf, type Workspace } from './workspace.ts'
import type {
  ActivityRecord,
  AttachmentRecord,
  CommentRecord,
  IssueRecord,
  ReactionRecord,
  SessionRecord,
  StateRecord,
  UserRecord,
} from './records.ts'

/** An issue by itself, its UUID or its identifier. */
export type IssueLike = string | { id: string }

export interface NewIssueOfPerson {
  title: string
  description?: string
  /** The key of the team; the first team when left out. */
  team?: string
  /** The name of the column. */
  state?: string
  priority?: number
  estimate?: number
  dueDate?: string
  labels?: string[]
  parent?: IssueLike
  /** Delegate it to the app at once. */
  delegate?: boolean
}

export interface Attached {
  url: string
  title?: string
  subtitle?: string
  metadata?: Record<string, unknown>
  /** Given for a pull request of GitHub that Linear is to follow. */
  linkKind?: LinkKind
}

export interface Person {
  readonly user: UserRecord
  createIssue(issue: NewIssueOfPerson | string): IssueRecord
  delegate(issue: IssueLike): SessionRecord
  undelegate(issue: IssueLike): void
  /** Mentions the app in a comment, which starts a session. */
  mention(issue: IssueLike, text: string): SessionRecord
  comment(issue: IssueLike, body: string): CommentRecord
  /** Answers in the thread of a comment; in the thread of a session that is a prompt. */
  reply(comment: { id: string }, body: string): CommentRecord
  editComment(comment: { id: string }, body: string): CommentRecord
  deleteComment(comment: { id: string }): void
  react(to: { id: string }, emoji: string): ReactionRecord
  /** Writes to the agent in its session. */
  prompt(session: { id: string }, text: string): ActivityRecord
  /** Asks the agent to stop at once. */
  stop(session: { id: string }, text?: string): ActivityRecord
  /** Moves an issue to the column of a name, or to the first of a type. */
  moveState(issue: IssueLike, nameOrType: string): IssueRecord
  cancel(issue: IssueLike): IssueRecord
  /** Deletes an issue, which puts it into the trash. */
  remove(issue: IssueLike): void
  /** The first issue blocks the second. */
  block(blocker: IssueLike, blocked: IssueLike): void
  unblock(blocker: IssueLike, blocked: IssueLike): void
  setParent(issue: IssueLike, parent: IssueLike | null): IssueRecord
  label(issue: IssueLike, ...names: string[]): void
  unlabel(issue: IssueLike, ...names: string[]): void
  attach(issue: IssueLike, attached: Attached): AttachmentRecord
  /** Has written a pull request that Linear's integration with GitHub looks at: whether and how it is linked is what its words say. */
  follow(issue: IssueLike, pull: FollowedPullRequest): AttachmentRecord | null
  editTitle(issue: IssueLike, title: string): IssueRecord
  editDescription(issue: IssueLike, description: string): IssueRecord
  /** Moves an issue to another team, where it gets another identifier. */
  changeTeam(issue: IssueLike, key: string): IssueRecord
  /** Any other change of an issue. */
  update(issue: IssueLike, input: IssueInput): IssueRecord
}

export function createPerson(workspace: Workspace, user: UserRecord): Person {
  const { store } = workspace
  const issueOf = (issue: IssueLike): IssueRecord => store.issue(typeof issue === 'string' ? issue : issue.id)
  const update = (issue: IssueLike, input: IssueInput): IssueRecord => updateIssue(workspace, user, issueOf(issue), input)

  function teamId(key: string | undefined): string {
    const team = store.all('Team').find((candidate) => key === undefined || candidate.key === key)
    if (!team) throw new Error(`The workspace ${workspace.name} has no team ${key}.`)
    return team.id
  }

  function stateOf(team: string, nameOrType: string): StateRecord {
    const states = statesOf(workspace, team)
    const state = states.find(({ name }) => name === nameOrType) ?? states.find(({ type }) => type === nameOrType)
    if (!state) throw new Error(`There is no column ${nameOrType}: there are ${states.map(({ name }) => name).join(', ')}.`)
    return state
  }

  function app(): UserRecord {
    if (!workspace.app) throw new Error(`The app is not installed in ${workspace.name}: call install() or approve the OAuth page.`)
    return workspace.app.user
  }

  function latestSession(issue: IssueRecord): SessionRecord {
    return store.by('AgentSession', 'issueId', issue.id).at(-1)!
  }

  return {
    user,
    createIssue(given) {
      const {
        title,
        description,
        team,
        state,
        parent,
        delegate,
        labels = [],
        ...rest
      } = typeof given === 'string' ? { title: given } : given
      const id = teamId(team)
      const issue = createIssue(workspace, user, {
        title,
        teamId: id,
        ...rest,
        ...(description !== undefined && { description }),
        ...(state !== undefined && { stateId: stateOf(id, state).id }),
        ...(parent !== undefined && { parentId: issueOf(parent).id }),
      })
      if (labels.length > 0) labelIssue(workspace, user, issue, labels, [])
      if (delegate) update(issue, { delegateId: app().id })
      return issue
    },
    delegate(issue) {
      const found = update(issue, { delegateId: app().id })
      return latestSession(found)
    },
    undelegate: (issue) => void update(issue, { delegateId: null }),
    mention(issue, text) {
      const found = issueOf(issue)
      postComment(workspace, user, { issueId: found.id, body: `@${app().displayName} ${text}` })
      return latestSession(found)
    },
    comment: (issue, body) => postComment(workspace, user, { issueId: issueOf(issue).id, body }),
    reply: (comment, body) => postComment(workspace, user, { parentId: comment.id, body }),
    editComment: (comment, body) => updateComment(workspace, user, comment.id, body),
    deleteComment: (comment) => deleteComment(workspace, user, comment.id),
    react: (to, emoji) =>
      addReaction(workspace, user, { emoji, ...(store.find('Comment', to.id) ? { commentId: to.id } : { issueId: to.id }) }),
    prompt: (session, text) => promptSession(workspace, user, store.get('AgentSession', session.id), text),
    stop: (session, text = 'Stop') => promptSession(workspace, user, store.get('AgentSession', session.id), text, 'stop'),
    moveState: (issue, nameOrType) => update(issue, { stateId: stateOf(issueOf(issue).teamId, nameOrType).id }),
    cancel: (issue) => update(issue, { stateId: stateOf(issueOf(issue).teamId, 'canceled').id }),
    remove: (issue) => deleteIssue(workspace, user, issueOf(issue)),
    block(blocker, blocked) {
      addRelation(workspace, user, { type: 'blocks', issueId: issueOf(blocker).id, relatedIssueId: issueOf(blocked).id })
    },
    unblock(blocker, blocked) {
      const related = issueOf(blocked).id
      const relation = store
        .by('IssueRelation', 'issueId', issueOf(blocker).id)
        .find((candidate) => candidate.type === 'blocks' && candidate.relatedIssueId === related)
      if (!relation) throw new Error('The issue is not blocked by that one.')
      deleteRelation(workspace, user, relation)
    },
    setParent: (issue, parent) => update(issue, { parentId: parent && issueOf(parent).id }),
    label: (issue, ...names) => labelIssue(workspace, user, issueOf(issue), names, []),
    unlabel: (issue, ...names) => labelIssue(workspace, user, issueOf(issue), [], names),
    attach(issue, { url, title, subtitle, metadata, linkKind }) {
      const issueId = issueOf(issue).id
      if (linkKind) return linkPullRequest(workspace, user, { issueId, url, linkKind, ...(title !== undefined && { title }) })
      return addAttachment(workspace, user, { issueId, url, title: title ?? url, subtitle: subtitle ?? null, metadata: metadata ?? null })
    },
    follow: (issue, pull) => followPullRequest(workspace, user, issueOf(issue).id, pull),
    editTitle: (issue, title) => update(issue, { title }),
    editDescription: (issue, description) => update(issue, { description }),
    changeTeam: (issue, key) => update(issue, { teamId: teamId(key) }),
    update,
  }
}
