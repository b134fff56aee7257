// The root fields of Linear's schema that write: each checks who asks, does it, and answers the payload of its type.

import { randomBytes, randomUUID } from 'node:crypto'
import { checkedActivity, checkedContent } from './activity-input.ts'
import {
  addAttachment,
  addRelation,
  changeAttachment,
  createLabel,
  deleteAttachment,
  deleteRelation,
  linkPullRequest,
} from './attachments.ts'
import { addReaction, deleteComment, deleteReaction, updateComment } from './comments.ts'
import { postComment, promptSession } from './conversation.ts'
import { forbidden, invalidInput } from './errors.ts'
import { archiveIssue, createIssue, deleteIssue, unarchiveIssue, updateIssue } from './issues.ts'
import { addActivity, replyInThread, startSession, updateSession } from './sessions.ts'
import { issueOf, visible } from './queries.ts'
import type { Viewer } from './fields.ts'
import type { Records, SessionRecord } from './records.ts'

// The values have passed the schema, whose input types name the same fields as the functions take.
type Arguments = Record<string, any>
type Mutation = (args: Arguments, viewer: Viewer) => Record<string, unknown>

/** A mutation for those who hold one of the scopes; a person's own key holds all. */
const writes =
  (mutation: Mutation, ...alsoWith: string[]): Mutation =>
  (args, viewer) => {
    const enough = ['write', 'admin', ...alsoWith]
    if (!enough.some((scope) => viewer.scopes.has(scope))) throw forbidden(`Invalid scope: \`${enough[0]}\` required`)
    const payload = mutation(args, viewer)
    return { success: true, lastSyncId: viewer.workspace.store.syncId, ...payload }
  }

function ownSession(viewer: Viewer, id: string): SessionRecord {
  const session = visible<'AgentSession'>(viewer, viewer.workspace.store.get('AgentSession', id))
  if (session.appUserId !== viewer.user.id) throw forbidden('Only the app of an agent session can write to it.')
  return session
}

function assertApp({ user }: Viewer): void {
  if (!user.app) throw forbidden('Only an app can do this.')
}

const attachmentFor = (viewer: Viewer, issueId: string) => issueOf(viewer, issueId).id

export const mutations: Record<string, Mutation> = {
  issueCreate: writes(({ input }, viewer) => ({ issue: createIssue(viewer.workspace, viewer.user, input) }), 'issues:create'),
  issueUpdate: writes(({ id, input }, viewer) => ({
    issue: updateIssue(viewer.workspace, viewer.user, issueOf(viewer, id), input),
  })),
  issueAddLabel: writes(({ id, labelId }, viewer) => ({
    issue: updateIssue(viewer.workspace, viewer.user, issueOf(viewer, id), { addedLabelIds: [labelId] }),
  })),
  issueRemoveLabel: writes(({ id, labelId }, viewer) => ({
    issue: updateIssue(viewer.workspace, viewer.user, issueOf(viewer, id), { removedLabelIds: [labelId] }),
  })),
  issueDelete: writes(({ id, permanentlyDelete }, viewer) => {
    const issue = issueOf(viewer, id)
    deleteIssue(viewer.workspace, viewer.user, issue, permanentlyDelete ?? false)
    return { entity: issue }
  }),
  issueArchive: writes(({ id, trash }, viewer) => {
    const issue = issueOf(viewer, id)
    if (trash) deleteIssue(viewer.workspace, viewer.user, issue)
    else archiveIssue(viewer.workspace, viewer.user, issue)
    return { entity: issue }
  }),
  issueUnarchive: writes(({ id }, viewer) => {
    const issue = issueOf(viewer, id)
    unarchiveIssue(viewer.workspace, viewer.user, issue)
    return { entity: issue }
  }),
  commentCreate: writes(({ input }, viewer) => {
    if (input.issueId) issueOf(viewer, input.issueId)
    return { comment: postComment(viewer.workspace, viewer.user, input) }
  }, 'comments:create'),
  commentUpdate: writes(({ id, input }, viewer) => ({
    comment: updateComment(viewer.workspace, viewer.user, id, input.body),
  })),
  commentDelete: writes(({ id }, viewer) => {
    deleteComment(viewer.workspace, viewer.user, id)
    return { entityId: id }
  }),
  attachmentCreate: writes(({ input }, viewer) => {
    attachmentFor(viewer, input.issueId)
    return { attachment: addAttachment(viewer.workspace, viewer.user, input) }
  }, 'issues:create'),
  attachmentUpdate: writes(({ id, input }, viewer) => {
    const attachment = viewer.workspace.store.get('Attachment', id)
    return { attachment: changeAttachment(viewer.workspace, viewer.user, attachment, input) }
  }),
  attachmentDelete: writes(({ id }, viewer) => {
    deleteAttachment(viewer.workspace, viewer.user, id)
    return { entityId: id }
  }),
  attachmentLinkURL: writes(({ title, url, issueId, id }, viewer) => {
    attachmentFor(viewer, issueId)
    return { attachment: addAttachment(viewer.workspace, viewer.user, { id, issueId, url, title: title ?? url }) }
  }),
  attachmentLinkGitHubPR: writes(({ id, issueId, url, title, linkKind }, viewer) => {
    attachmentFor(viewer, issueId)
    return { attachment: linkPullRequest(viewer.workspace, viewer.user, { id, issueId, url, title, linkKind }) }
  }),
  issueRelationCreate: writes(({ input }, viewer) => ({
    issueRelation: addRelation(viewer.workspace, viewer.user, {
      ...input,
      issueId: issueOf(viewer, input.issueId).id,
      relatedIssueId: issueOf(viewer, input.relatedIssueId).id,
    }),
  })),
  issueRelationDelete: writes(({ id }, viewer) => {
    deleteRelation(viewer.workspace, viewer.user, viewer.workspace.store.get('IssueRelation', id))
    return { entityId: id }
  }),
  issueLabelCreate: writes(({ input }, viewer) => ({ issueLabel: createLabel(viewer.workspace, viewer.user, input) })),
  reactionCreate: writes(({ input }, viewer) => ({ reaction: addReaction(viewer.workspace, viewer.user, input) })),
  reactionDelete: writes(({ id }, viewer) => {
    deleteReaction(viewer.workspace, viewer.user, id)
    return { entityId: id }
  }),
  agentSessionCreateOnIssue: writes(({ input }, viewer) => {
    assertApp(viewer)
    const issue = issueOf(viewer, input.issueId)
    const agentSession = startSession(viewer.workspace, { issue, by: viewer.user, externalUrls: input.externalUrls ?? [] })
    return { agentSession }
  }),
  agentSessionCreateOnComment: writes(({ input }, viewer) => {
    assertApp(viewer)
    const source = visible<'Comment'>(viewer, viewer.workspace.store.get('Comment', input.commentId))
    if (source.parentId) throw invalidInput('Argument Validation Error', 'commentId must be the first comment of a thread.')
    const issue = issueOf(viewer, source.issueId)
    return { agentSession: startSession(viewer.workspace, { issue, by: viewer.user, source, externalUrls: input.externalUrls ?? [] }) }
  }),
  agentSessionUpdate: writes(({ id, input }, viewer) => ({
    agentSession: updateSession(viewer.workspace, ownSession(viewer, id), input),
  })),
  agentSessionUpdateExternalUrl: writes(({ id, input }, viewer) => ({
    agentSession: updateSession(viewer.workspace, ownSession(viewer, id), input),
  })),
  agentActivityCreate: writes(({ input }, viewer) => {
    const { workspace, user } = viewer
    assertApp(viewer)
    const session = ownSession(viewer, input.agentSessionId)
    const content = checkedActivity(input)
    const agentActivity = addActivity(workspace, session, user, { ...input, content })
    if (content.type === 'response' || content.type === 'elicitation') {
      const reply = replyInThread(workspace, session, user, content.body!)
      if (reply) agentActivity.sourceCommentId = reply.id
    }
    return { agentActivity }
  }),
  agentActivityCreatePrompt: writes(({ input }, viewer) => {
    const session = visible<'AgentSession'>(viewer, viewer.workspace.store.get('AgentSession', input.agentSessionId))
    const content = checkedContent({ ...input.content, type: 'prompt' })
    return { agentActivity: promptSession(viewer.workspace, viewer.user, session, content.body!, input.signal ?? null) }
  }),
  fileUpload: writes(({ contentType, filename, size, metaData }, viewer) => {
    const place = `${viewer.workspace.uploads}/${viewer.workspace.id}/${randomUUID()}`
    return {
      uploadFile: {
        __typename: 'UploadFile',
        contentType,
        filename,
        size,
        metaData: metaData ?? null,
        uploadUrl: `${place}/upload`,
        assetUrl: `${place}/${encodeURIComponent(filename)}`,
        headers: [{ __typename: 'UploadFileHeader', key: 'x-goog-content-length-range', value: `${size},${size}` }],
      },
    }
  }),
  webhookCreate: writes(({ input }, viewer) => {
    const { store } = viewer.workspace
    if (!URL.canParse(input.url)) throw invalidInput('Argument Validation Error', 'url must be a URL.')
    if (!input.teamId === !input.allPublicTeams) {
      throw invalidInput('Argument Validation Error', 'Either teamId or allPublicTeams must be given.')
    }
    const webhook: Records['Webhook'] = store.add(
      'Webhook',
      {
        url: input.url,
        label: input.label ?? null,
        enabled: input.enabled ?? true,
        secret: input.secret ?? `lin_wh_${randomBytes(24).toString('base64url')}`,
        resourceTypes: input.resourceTypes,
        allPublicTeams: input.allPublicTeams ?? false,
        teamId: input.teamId ? store.get('Team', input.teamId).id : null,
        creatorId: viewer.user.id,
      },
      input.id,
    )
    return { webhook }
  }),
  webhookDelete: writes(({ id }, { workspace }) => {
    workspace.store.remove(workspace.store.get('Webhook', id))
    return { entityId: id }
  }),
}
