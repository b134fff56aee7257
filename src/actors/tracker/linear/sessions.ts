// Owns what we say in agent sessions. Does not own what there is to say. Invariants: what is said in a session arrives in order;
// what nobody waits for is not said in a session that has ended or awaits an answer, for it would look at work again; one that is being
// stopped stays so until it has its last word.

import { createInTurn } from '../../in-turn.ts'
import type { Priority } from './bucket.ts'
import type { LinearCalls } from './client.ts'
import { createOnce } from './create-once.ts'
import { doubted, isRefusal } from './doubted.ts'
import { makeActivity, updateSession } from './documents/session.ts'
import { uuidOf } from './ids.ts'
import type { SessionRow, SessionRows, SessionState } from './session-rows.ts'

/** An activity's content as Linear documents it. */
export type Content =
  | { type: 'thought' | 'elicitation' | 'response' | 'error'; body: string }
  | { type: 'action'; action: string; parameter: string; result?: string }

export interface Saying {
  /** A UUID: said again, it is the same. */
  id: string
  content: Content
  /** Goes when the next activity comes. */
  ephemeral?: boolean
  /** Answers to choose from. */
  options?: readonly string[]
  /** Where a person gives us access. */
  authorizeAt?: string
}

export interface PlanStep {
  content: string
  status: 'pending' | 'inProgress' | 'completed' | 'canceled'
}

export interface ExternalUrl {
  label: string
  url: string
}

export interface Sessions {
  /** Says something in its turn. */
  say: (session: Pick<SessionRow, 'id' | 'workspace'>, saying: Saying, priority: Priority) => Promise<void>
  /** Says something at once, whatever waits. */
  sayFirst: (session: Pick<SessionRow, 'id' | 'workspace'>, saying: Saying, signal?: AbortSignal) => Promise<void>
  /** Says the last word in a session that is being stopped: once, and not where it has one or a person has gone on since. */
  confirmStop: (session: Pick<SessionRow, 'id' | 'workspace'>, content: Content, signal: AbortSignal) => Promise<void>
  /** Says something that may be left out: only while the session is at work. */
  mention: (session: Pick<SessionRow, 'id' | 'workspace'>, saying: Saying) => Promise<void>
  /** Writes the plan and our addresses, where they have changed. */
  show: (session: SessionRow, shown: { plan?: PlanStep[]; urls: ExternalUrl[] }, priority: Priority) => Promise<void>
}

const stateAfter: Record<Content['type'], SessionState> = {
  thought: 'active',
  action: 'active',
  elicitation: 'awaitingInput',
  response: 'complete',
  error: 'error',
}

const isAtWork = ({ state }: SessionRow): boolean => state === 'pending' || state === 'active' || state === 'stale'

/** Linear takes more, but nobody reads more. */
const longestBody = 10_000

export function createSessions({ rows, calls }: { rows: SessionRows; calls: LinearCalls }): Sessions {
  const inTurn = createInTurn()

  async function post(
    { id: session, workspace }: Pick<SessionRow, 'id' | 'workspace'>,
    { id, content, ephemeral = false, options, authorizeAt }: Saying,
    priority: Priority,
    ending?: AbortSignal,
  ): Promise<void> {
    const signal =
      authorizeAt !== undefined
        ? { signal: 'auth', signalMetadata: { url: authorizeAt, providerName: 'Signalbox' } }
        : options !== undefined && options.length > 0
          ? { signal: 'select', signalMetadata: { options: options.map((value) => ({ label: value, value })) } }
          : {}
    const input = { id, agentSessionId: session, content: shortened(content), ephemeral, ...signal }
    try {
      // Nothing is said in it ever again once it is gone.
      await doubted('linear-not-found', () => createOnce(calls, workspace, makeActivity, input, { priority, signal: ending }))
    } catch (error) {
      if (isRefusal(error, 'linear-not-found')) rows.setState(session, 'gone')
      throw error
    }
    const isStopping = rows.byId(session)?.state === 'stopping' && content.type !== 'response' && content.type !== 'error'
    rows.setState(session, isStopping ? 'stopping' : stateAfter[content.type])
    if (!ephemeral) rows.setSaid(session, 'body' in content ? content.body : content.action)
  }

  return {
    say: (session, saying, priority) => inTurn(session.id, () => post(session, saying, priority)),
    sayFirst: (session, saying, signal) => post(session, saying, 'human', signal),
    confirmStop: (session, content, signal) =>
      inTurn(session.id, async () => {
        const row = rows.byId(session.id)
        if (row?.state !== 'stopping') return
        await post(session, { id: uuidOf('stop', row.id, String(row.prompted_at)), content }, 'human', signal)
      }),
    mention: (session, saying) =>
      inTurn(session.id, async () => {
        const row = rows.byId(session.id)
        if (row !== undefined && isAtWork(row)) await post(session, saying, 'polling')
      }),
    show: (session, { plan, urls }, priority) =>
      inTurn(session.id, async () => {
        const known = JSON.parse(session.urls) as ExternalUrl[]
        const has = (list: readonly ExternalUrl[], one: ExternalUrl): boolean => list.some(({ url }) => url === one.url)
        const added = urls.filter((one) => !has(known, one))
        const removed = known.filter((one) => !has(urls, one)).map(({ url }) => url)
        const text = plan === undefined ? null : JSON.stringify(plan)
        const input = {
          ...(text === null || text === session.plan ? {} : { plan }),
          ...(added.length === 0 ? {} : { addedExternalUrls: added }),
          ...(removed.length === 0 ? {} : { removedExternalUrls: removed }),
        }
        if (Object.keys(input).length === 0) return
        await calls.call(session.workspace, updateSession, { id: session.id, input }, { priority })
        if (text !== null) rows.setPlan(session.id, text)
        rows.setUrls(session.id, JSON.stringify(urls))
      }),
  }
}

function shortened(content: Content): Content {
  if (!('body' in content) || content.body.length <= longestBody) return content
  return { ...content, body: `${content.body.slice(0, longestBody)}…` }
}

/** The choices that a question lists, one a line; none where it lists fewer than two, or more than anybody chooses from. */
export function optionsOf(question: string): string[] {
  const found = question.split('\n').flatMap((line) => {
    const item = /^\s*(?:[-*•]|\(?(?:\d{1,2}|[a-zA-Z])[.)])\s+(\S.*)$/.exec(line)
    return item === null ? [] : [item[1]!.trim()]
  })
  const options = [...new Set(found)]
  return options.length >= 2 && options.length <= 12 && options.every((one) => one.length <= 200) ? options : []
}
