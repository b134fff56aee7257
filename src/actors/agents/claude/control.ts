// The control requests that we make of Claude Code, each with a deadline.

import { randomUUID } from 'node:crypto'
import { FatalError, RetryableError } from '../../../errors.ts'

export interface Control {
  /** Answers with what the response has. Rejects with FatalError `request-refused`, RetryableError `request-timeout` and `process-ended`. */
  request: (subtype: string, more?: object) => Promise<unknown>
  receive: (response: { request_id: string; subtype: string; error?: string | null | undefined; response?: unknown }) => void
  /** Nothing comes any more. */
  close: () => void
}

export interface ControlOptions {
  send: (message: object) => void
  /** Milliseconds for an answer. */
  deadline: number
  after: (ms: number, callback: () => void) => () => void
}

export function createControl({ send, deadline, after }: ControlOptions): Control {
  const waiting = new Map<string, { settle: (error: Error | null, response?: unknown) => void }>()
  let isClosed = false
  const ended = (): RetryableError => new RetryableError('process-ended', "The agent's process has ended.")
  return {
    request(subtype, more = {}) {
      if (isClosed) return Promise.reject(ended())
      const id = randomUUID()
      return new Promise<unknown>((resolve, reject) => {
        const settle = (error: Error | null, response?: unknown): void => {
          waiting.delete(id)
          cancel()
          if (error === null) resolve(response)
          else reject(error)
        }
        const cancel = after(deadline, () => {
          settle(new RetryableError('request-timeout', `The agent did not answer '${subtype}' within ${Math.round(deadline / 1_000)} s.`))
        })
        waiting.set(id, { settle })
        send({ type: 'control_request', request_id: id, request: { subtype, ...more } })
      })
    },
    receive({ request_id: id, subtype, error, response }) {
      waiting.get(id)?.settle(subtype === 'error' ? new FatalError('request-refused', error ?? 'It says not why.') : null, response)
    },
    close() {
      isClosed = true
      for (const { settle } of waiting.values()) settle(ended())
    },
  }
}
