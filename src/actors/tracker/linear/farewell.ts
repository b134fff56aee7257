// The last word in the sessions of an issue that is taken from us: without one they would look at work for ever.

import { toErrorData } from '../../../errors.ts'
import type { Notice } from '../../ports.ts'
import { uuidOf } from './ids.ts'
import type { SessionRows } from './session-rows.ts'
import type { Sessions } from './sessions.ts'

const words: Record<string, string> = {
  'tracker.undelegated': 'Taken back: nothing more is done. What was done is kept; delegate the issue again to have it gone on with.',
  'tracker.removed': 'The issue was removed: nothing more is done.',
}

export function createFarewell({
  sessionRows,
  sessions,
  log,
}: {
  sessionRows: SessionRows
  sessions: Sessions
  log: (message: string, issue?: string) => void
}) {
  /** For those of the events that take the issue from us. Said for people's sake: never throws. */
  async function farewell(issue: string, event: { type: string; observedAt: number }): Promise<void> {
    const body = words[event.type]
    if (body === undefined) return
    for (const session of sessionRows.ofIssue(issue)) {
      if (session.state === 'complete' || session.state === 'error') continue
      const id = uuidOf('farewell', session.id, event.type, String(event.observedAt))
      try {
        await sessions.say(session, { id, content: { type: 'response', body } }, 'report')
      } catch (error) {
        log(`The session ${session.id} could not be ended: ${toErrorData(error).message}`, issue)
      }
    }
  }

  return {
    farewell,
    /** The same for everything that is told, which it answers. */
    async ofAll(notices: Notice[]): Promise<Notice[]> {
      for (const notice of notices) if (notice.kind === 'fact') await farewell(notice.issue, notice.event)
      return notices
    },
  }
}

export type Farewell = ReturnType<typeof createFarewell>
