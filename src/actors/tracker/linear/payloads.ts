// What Linear's deliveries look like: only what is read of them.

import { z } from 'zod'
import { ProtocolError } from '../../../errors.ts'
import type { Delivery, Inlet } from '../../ports.ts'
import { time } from './documents/operation.ts'

const person = z.object({ id: z.string(), name: z.string().nullish(), email: z.string().nullish() })
export type Person = z.infer<typeof person>

const envelope = z.object({ type: z.string(), action: z.string(), organizationId: z.string() })

const issueEvent = envelope.extend({
  type: z.literal('Issue'),
  createdAt: time,
  actor: person.partial({ id: true }).nullish(),
  data: z.object({ id: z.string(), delegateId: z.string().nullish(), parentId: z.string().nullish() }),
  updatedFrom: z.record(z.string(), z.unknown()).nullish(),
})
export type IssueEvent = z.infer<typeof issueEvent>

const commentEvent = envelope.extend({
  type: z.literal('Comment'),
  data: z.object({
    id: z.string(),
    body: z.string(),
    createdAt: time,
    editedAt: time.nullish(),
    issueId: z.string().nullish(),
    issue: z.object({ id: z.string() }).nullish(),
    userId: z.string().nullish(),
    user: person.nullish(),
  }),
  updatedFrom: z.record(z.string(), z.unknown()).nullish(),
})
export type CommentEvent = z.infer<typeof commentEvent>

const attachmentEvent = envelope.extend({
  type: z.literal('Attachment'),
  data: z.object({ id: z.string(), issueId: z.string().nullish() }),
})

const session = z.object({
  id: z.string(),
  appUserId: z.string(),
  createdAt: time,
  issueId: z.string().nullish(),
  issue: z.object({ id: z.string() }).nullish(),
  creator: person.nullish(),
  comment: z.object({ id: z.string(), body: z.string() }).nullish(),
  sourceCommentId: z.string().nullish(),
})
const activity = z.object({
  id: z.string(),
  createdAt: time,
  content: z.object({ type: z.string(), body: z.string().nullish() }),
  signal: z.string().nullish(),
  sourceCommentId: z.string().nullish(),
  userId: z.string().nullish(),
  user: person.nullish(),
})
const origin = z.object({
  type: z.string(),
  team: z.object({ name: z.string().nullish(), key: z.string().nullish() }).nullish(),
})
const sessionEvent = envelope.extend({
  type: z.literal('AgentSessionEvent'),
  agentSession: session,
  agentActivity: activity.nullish(),
  guidance: z.array(z.object({ body: z.string(), origin })).nullish(),
})
export type SessionEvent = z.infer<typeof sessionEvent>
export type Activity = z.infer<typeof activity>

const permissionEvent = envelope.extend({
  type: z.literal('PermissionChange'),
  addedTeamIds: z.array(z.string()).nullish(),
  removedTeamIds: z.array(z.string()).nullish(),
})

const appEvent = envelope.extend({ type: z.literal('OAuthApp') })

const known = z.discriminatedUnion('type', [issueEvent, commentEvent, attachmentEvent, sessionEvent, permissionEvent, appEvent])
export type LinearEvent = z.infer<typeof known>

const knownTypes: readonly string[] = known.options.map(({ shape }) => shape.type.value)

const outline = z.object({ type: z.string() })

/** What a delivery says that it is about. */
export const typeOf = ({ body, event }: Delivery): string => outline.safeParse(parse(body)).data?.type ?? event

/** A delivery as an event; null for a kind that concerns nobody here. Throws ProtocolError `linear-nonsense`. */
export function readEvent({ body, id }: Delivery): LinearEvent | null {
  const json = parse(body)
  const outer = outline.safeParse(json)
  if (!outer.success) throw new ProtocolError('linear-nonsense', `Linear's delivery ${id} does not say what it is about.`)
  if (!knownTypes.includes(outer.data.type)) return null
  const event = known.safeParse(json)
  if (event.success) return event.data
  const details = event.error.issues.slice(0, 3).map(({ path, message }) => `${path.map(String).join('.')}: ${message}`)
  throw new ProtocolError('linear-nonsense', `Linear's delivery ${id} (${outer.data.type}) makes no sense: ${details.join('; ')}`)
}

const about = z.object({ id: z.string(), issueId: z.string().nullish(), issue: z.object({ id: z.string() }).nullish() })
const subject = z.object({
  organizationId: z.string().optional(),
  agentSession: about.optional(),
  data: about.optional(),
  type: z.string().optional(),
})

/** What a delivery is about, by which deliveries are kept in order. */
function subjectOf(payload: unknown): string | null {
  const event = subject.safeParse(payload).data
  if (event === undefined) return null
  const { agentSession, data, type, organizationId } = event
  if (agentSession !== undefined) return issueOf(agentSession) ?? agentSession.id
  if (data !== undefined) return (type === 'Issue' ? data.id : issueOf(data)) ?? data.id
  return organizationId ?? null
}

const change = issueEvent.extend({ action: z.literal('update') })

/** Of the changes of one issue by one person the last is enough: the issue itself is asked for. Handing it over or moving it below another is news of its own. */
function topicOf(payload: unknown): string | null {
  const event = change.safeParse(payload).data
  if (event === undefined) return null
  const { actor, updatedFrom } = event
  const isNews = ['delegateId', 'parentId'].some((field) => updatedFrom != null && field in updatedFrom)
  return isNews ? null : `change by ${actor?.id ?? 'nobody'}`
}

/** See Inlet. */
export const turnOf: Inlet['turnOf'] = ({ id, event }, payload) => ({
  lane: subjectOf(payload) ?? id,
  topic: event === 'Issue' ? topicOf(payload) : null,
})

export const issueOf = ({
  issueId,
  issue,
}: {
  issueId?: string | null | undefined
  issue?: { id: string } | null | undefined
}): string | null => issueId ?? issue?.id ?? null

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null // Whoever reads it says that it makes no sense.
  }
}
