// Says the first word in a new session, for which Linear gives an agent ten seconds. Where no webhook tells of it, a small look of its own
// finds it in time: a whole round of asking takes longer, and costs several calls.

import { RetryableError, toErrorData } from '../../../errors.ts'
import type { LinearCalls } from './client.ts'
import { listNewSessions } from './documents/session.ts'
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
  let isStopped = false

  /** What may succeed within the ten seconds is tried again at once. */
  async function persistently(work: () => Promise<void>): Promise<void> {
    for (const pause of pauses) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof RetryableError)) throw error
        const { promise, resolve } = Promise.withResolvers<void>()
        after(pause, resolve)
        await promise
      }
    }
    return work()
  }

  async function greet(workspace: string, session: NewSession): Promise<void> {
    const { id } = session
    sessionRows.add({ workspace, ...session })
    // Met again, it has been answered, and may have ended since.
    if (sessionRows.byId(id)!.state !== 'pending') return
    const body = 'Received; looking at what is to be done.'
    const saying = { id: uuidOf('acknowledgement', id), content: { type: 'thought' as const, body }, ephemeral: true }
    await persistently(() => sessions.sayFirst({ id, workspace }, saying))
  }

  async function lookIn({ id, app_user: us, health }: WorkspaceRow): Promise<void> {
    if (health === 'revoked' || health === 'unauthorized') return
    try {
      const { agentSessions } = await calls.call(id, listNewSessions, {}, { priority: 'polling' })
      const fresh = agentSessions.nodes.filter(
        ({ appUser, status, createdAt }) => appUser.id === us && status === 'pending' && createdAt > now() - young,
      )
      for (const { id: session, issue, creator, createdAt } of fresh)
        await greet(id, { id: session, issue: issue?.id ?? null, creator: creator?.name ?? null, at: createdAt })
    } catch (error) {
      // The round of asking says what it cannot reach.
      if (!(error instanceof RetryableError)) log(`New sessions could not be looked for: ${toErrorData(error).message}`)
    }
  }

  function schedule(): void {
    if (isStopped) return
    cancel = after(lookEvery, () => {
      underWay = Promise.all(workspaces.all().map(lookIn)).then(schedule)
    })
  }

  return {
    greet,
    /** From now on new sessions are looked for. */
    start: schedule,
    async stop(): Promise<void> {
      isStopped = true
      cancel?.()
      await underWay
    },
  }
}
