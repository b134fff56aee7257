// Owns: what is taken in from outside: what is refused, how much may wait, and who waits for an answer.
// Does not own: what becomes of it (turn.ts). Invariant: what was taken in is answered, by its commit or by the failure of the store.

import { FatalError, RetryableError } from '../../errors.ts'
import type { EntryKind } from '../../persistence/store.ts'
import type { PlainEvent } from './journal.ts'
import { assertJson } from './json.ts'
import type { Receipt } from './mailbox.ts'
import type { Parts } from './parts.ts'
import type { Turns } from './turn.ts'

export interface Intake {
  /** Throws FatalError `system-stopped`, RetryableError `backlog-full`. */
  assertOpen: () => void
  /** Rejects as `assertOpen` throws, and with FatalError `bad-event`, `reserved-event`, `not-json`. */
  send: (address: string, event: PlainEvent, key?: string) => Promise<Receipt>
  put: (address: string, kind: EntryKind, body: object, key?: string) => Promise<Receipt>
  /** How many wait for their answer. */
  readonly unanswered: number
}

export function createIntake({ limits, mailboxes, faulted, clock }: Parts, turns: Turns): Intake {
  let unanswered = 0

  const assertOpen = (): void => {
    if (turns.phase !== 'ready') throw new FatalError('system-stopped', 'The actor system has stopped and takes no more events.')
    if (mailboxes.size < limits.backlog) return
    throw new RetryableError('backlog-full', `More than ${limits.backlog} events wait to be handled. Try again in a moment.`, {
      retryAfter: 1_000,
    })
  }

  const put: Intake['put'] = async (address, kind, body, key) => {
    assertOpen()
    if ((faulted.get(address) ?? 0) >= limits.backlog) {
      throw new RetryableError(
        'backlog-full',
        `More than ${limits.backlog} events wait behind the fault of '${address}'. Retry, skip or abandon it.`,
        { retryAfter: 60_000 },
      )
    }
    const { promise, resolve, reject } = Promise.withResolvers<Receipt>()
    unanswered++
    const answer = <T>(settle: (value: T) => void): ((value: T) => void) => {
      return (value) => {
        unanswered--
        settle(value)
      }
    }
    const accept = { resolve: answer(resolve), reject: answer<Error>(reject) }
    const item = { address, kind, body: JSON.stringify(body), cause: null, accept, queuedAt: clock.monotonic() }
    mailboxes.put(key === undefined ? item : { ...item, key })
    turns.wake()
    return promise
  }

  return {
    assertOpen,
    put,
    get unanswered() {
      return unanswered
    },
    async send(address, event, key) {
      if (!event || typeof event.type !== 'string' || event.type === '') {
        throw new FatalError('bad-event', `An event is an object with a 'type'; got ${JSON.stringify(event) ?? typeof event}.`)
      }
      if (event.type.startsWith('xstate.')) {
        throw new FatalError('reserved-event', `'${event.type}' is one of the system's own events and is not taken from outside.`)
      }
      assertJson(event, `event '${event.type}'`)
      return put(address, 'event', key === undefined ? { event } : { event, key }, key)
    },
  }
}
