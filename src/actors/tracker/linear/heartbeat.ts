// Keeps sessions from looking dead: Linear calls one stale in which nothing was said for half an hour, whoever is waited for.

import { toErrorData } from '../../../errors.ts'
import { uuidOf } from './ids.ts'
import type { SessionRow, SessionRows } from './session-rows.ts'
import type { Sessions } from './sessions.ts'
import type { Stops } from './stops.ts'

/** In which nothing was said for so long, something is. */
export const quietFor = 20 * 60_000

const lookEvery = 60_000

export function createHeartbeat(options: {
  sessionRows: SessionRows
  sessions: Sessions
  stops: Stops
  /** Whether the issue has its end. */
  isTerminal: (issue: string) => boolean
  now: () => number
  after: (ms: number, callback: () => void) => () => void
  log: (message: string, issue?: string) => void
}) {
  const { sessionRows, sessions, stops, isTerminal, now, after, log } = options
  let cancel: (() => void) | undefined
  const underWay = new Set<Promise<void>>()

  async function beat(session: SessionRow): Promise<void> {
    const body = session.said === null ? 'Still at it.' : `Still so: ${session.said}`
    const id = uuidOf('heartbeat', session.id, String(session.last_activity_at))
    try {
      await sessions.mention(session, { id, content: { type: 'thought', body }, ephemeral: true })
    } catch (error) {
      log(`The session ${session.id} could not be kept alive: ${toErrorData(error).message}`, session.issue ?? undefined)
    }
  }

  /** Says something in each session that has been quiet for too long, and in each in which a stop was not confirmed. */
  async function look(): Promise<void> {
    stops.confirmAll()
    const quiet = sessionRows.quietSince(now() - quietFor).filter(({ issue }) => issue !== null && !isTerminal(issue))
    await Promise.all(quiet.map(beat))
  }

  function schedule(): void {
    cancel = after(lookEvery, () => {
      const round = look().finally(() => underWay.delete(round))
      underWay.add(round)
      schedule()
    })
  }

  return {
    start: schedule,
    async stop(): Promise<void> {
      cancel?.()
      cancel = undefined
      await Promise.allSettled(underWay)
    },
  }
}
