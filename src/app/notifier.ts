// Tells people elsewhere what they have to see of the feed: each entry in its order, again until it is taken, over restarts too.

import type { Notification } from '../actors/notification.ts'
import type { Clock } from '../actors/system/index.ts'
import { FatalError, toErrorData } from '../errors.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import { notifiedUntil, readFeed, rememberNotified, type FeedRow } from '../persistence/feed.ts'

export interface NotifierOptions {
  send: Notification
  level: 'warn' | 'error'
  database: SqliteDatabase
  clock: Pick<Clock, 'now' | 'after'>
  log: (level: 'info' | 'warn' | 'error', line: Record<string, unknown>, message: string) => void
}

export interface Notifier {
  /** There is a new entry, of whatever level. */
  wake: () => void
  /** Ends a try that is under way; what was not taken is told by the next process. */
  stop: () => Promise<void>
}

/** Milliseconds: what is older is no news. */
const oldest = 24 * 3_600_000
/** Between tries, doubled each time. */
const pauses = { first: 1_000, longest: 300_000 }
/** Of an answer that says no: it may be meant for this entry alone, and must not keep the others back. */
const refusals = 5

export function createNotifier({ send, level, database, clock, log }: NotifierOptions): Notifier {
  const ending = new AbortController()
  const { signal } = ending
  // What happened before anybody was to be told is no news, nor what is of a lower level when that is lowered later.
  const passAll = (): void => rememberNotified(database, readFeed(database, { limit: 1 })[0]?.seq ?? 0)
  if (notifiedUntil(database) === null) passAll()
  const next = (): FeedRow | undefined => readFeed(database, { since: notifiedUntil(database)!, level, limit: 1 })[0]

  async function tellAll(): Promise<void> {
    for (let row = next(); row !== undefined; row = next()) {
      if (!(await tell(row))) return
      rememberNotified(database, row.seq)
    }
    passAll()
  }

  /** False: it is to be told by the next process. */
  async function tell(row: FeedRow): Promise<boolean> {
    // `text` is what chats show of a message.
    const body = { ...row, at: new Date(row.at).toISOString(), text: `${row.issue}: ${row.summary}` }
    let refused = 0
    for (let pause = pauses.first; clock.now() - row.at < oldest; pause = Math.min(pause * 2, pauses.longest)) {
      if (signal.aborted) return false
      try {
        await send(body, signal)
        return true
      } catch (error) {
        if (signal.aborted) return false
        const line = { issue: row.issue, error: toErrorData(error) }
        if (error instanceof FatalError && ++refused >= refusals) {
          log('error', line, `Nobody is notified of this after ${refusals} tries: ${line.error.message}`)
          return true
        }
        log('warn', line, `Nobody was notified, which is tried again: ${line.error.message}`)
      }
      await sleep(pause)
    }
    log('error', { issue: row.issue }, `Nobody was notified of this within a day: ${row.summary}`)
    return true
  }

  let endSleep = (): void => {}
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(ms, resolve)
      endSleep = () => (cancel(), resolve())
    })

  let working: Promise<void> | null = null
  let again = false
  function work(): void {
    again = working !== null
    if (again || signal.aborted) return
    working = tellAll()
      .catch((error: unknown) => log('error', { error: toErrorData(error) }, `Nobody is notified: ${toErrorData(error).message}`))
      .then(() => {
        working = null
        if (again) work()
      })
  }
  work()

  return {
    wake: work,
    async stop() {
      ending.abort()
      endSleep()
      await working
    },
  }
}
