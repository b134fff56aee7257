// Says the first word in a new session, for which Linear gives an agent ten seconds. Where no webhook tells of it, a small look of its own
// finds it in time: a whole round of asking takes longer, and costs several calls.

import { RetryableError, toErrorData } from '../../../errors.ts'
import type { LinearCalls } from './client.ts'
import type { Page } from './documents/operation.ts'
import { listNewSessions, type ListedNewSession } from './documents/session.ts'
import { uuidOf } from './ids.ts'
import type { SessionContext, SessionRows } from './session-rows.ts'
import type { Sessions } from './sessions.ts'
import type { WorkspaceRow, Workspaces } from './workspaces.ts'

/** Between the attempts to answer a new session, ms. */
const pauses = [200, 800, 2_500]

/** Between two looks for new ones: 900 calls an hour of the 5,000 that Linear allows, and time enough to answer. */
export const lookEvery = 4_000

/** What is older than this is too late to be greeted. */
const young = 60_000

/** Sessions in the first page of a look, which is all of it most of the time, and in each that follows. */
const few = 20
const many = 50

interface NewSession {
  id: string
  issue: string | null
  creator: string | null
  at: number
  context?: SessionContext
}

export type Greeting = ReturnType<typeof createGreeting>

export function createGreeting(options: {
  sessionRows: SessionRows
  sessions: Sessions
  workspaces: Workspaces
  calls: LinearCalls
  now: () => number
  after: (ms: number, callback: () => void) => () => void
  log: (message: string) => void
}) {
  const { sessionRows, sessions, workspaces, calls, now, after, log } = options
  let cancel: (() => void) | undefined
  let underWay: Promise<void> | undefined
  const ending = new AbortController()
  /** What is being said in those that a look has found. */
  const greeted = new Map<string, Promise<void>>()

  /** What may succeed within the ten seconds is tried again at once. */
  async function persistently(work: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    for (const pause of pauses) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof RetryableError) || signal?.aborted) throw error
        const { promise, resolve } = Promise.withResolvers<void>()
        const skip = after(pause, resolve)
        const wake = (): void => resolve()
        signal?.addEventListener('abort', wake)
        await promise
        signal?.removeEventListener('abort', wake)
        skip()
      }
    }
    return work()
  }

  async function greet(workspace: string, session: NewSession, signal?: AbortSignal): Promise<void> {
    const { id } = session
    sessionRows.add({ workspace, ...session })
    const body = 'Received; looking at what is to be done.'
    const saying = { id: uuidOf('acknowledgement', id), content: { type: 'thought' as const, body }, ephemeral: true }
    await persistently(async () => {
      // Met again, or tried again, it has been answered, and may have ended since: it would look at work once more.
      if (sessionRows.byId(id)!.state === 'pending') await sessions.sayFirst({ id, workspace }, saying, signal)
    }, signal)
  }

  /** Met by the next look while it is still being greeted, it is left to that. */
  function greetApart(workspace: string, { id, issue, creator, createdAt }: ListedNewSession): void {
    if (greeted.has(id)) return
    const greeting = greet(workspace, { id, issue: issue?.id ?? null, creator: creator?.name ?? null, at: createdAt }, ending.signal)
      .catch(tell)
      .finally(() => greeted.delete(id))
    greeted.set(id, greeting)
  }

  /** Greets those that are new, each beside the others: the newest come first, and behind what is too old nothing is new. */
  async function lookIn({ id, app_user: us, health }: WorkspaceRow): Promise<void> {
    if (health === 'revoked' || health === 'unauthorized') return
    try {
      for (let place = { first: few, after: null as string | null }; ;) {
        // A person waits for what is found, and it is found while much else is under way.
        const answer = await calls.call(id, listNewSessions, place, { priority: 'human', signal: ending.signal })
        const { nodes, pageInfo }: Page<ListedNewSession> = answer.agentSessions
        const recent = nodes.filter(({ createdAt }) => createdAt > now() - young)
        for (const session of recent) if (session.appUser.id === us && session.status === 'pending') greetApart(id, session)
        if (recent.length < nodes.length || !pageInfo.hasNextPage) return
        place = { first: many, after: pageInfo.endCursor }
      }
    } catch (error) {
      tell(error)
    }
  }

  function tell(error: unknown): void {
    // The round of asking says what it cannot reach.
    if (!(error instanceof RetryableError) && !ending.signal.aborted)
      log(`New sessions could not be looked for: ${toErrorData(error).message}`)
  }

  function schedule(): void {
    if (ending.signal.aborted) return
    cancel = after(lookEvery, () => {
      underWay = Promise.all(workspaces.all().map(lookIn)).then(schedule)
    })
  }

  return {
    greet,
    /** From now on new sessions are looked for. */
    start: schedule,
    async stop(): Promise<void> {
      ending.abort()
      cancel?.()
      await underWay
      await Promise.all(greeted.values())
    },
  }
}
