// The demo's side of the server's HTTP API: every request is repeated until it is answered, across kills and restarts,
// with one idempotency key for what it changes.

import { setTimeout as wait } from 'node:timers/promises'
import type { Action, IssueDocument, Submission, TimelineEntry } from '../../app.ts'
import { FatalError, ProtocolError } from '../../errors.ts'

export interface Api {
  readonly address: string
  /** Whether the server answers that it is ready, asked once. */
  isReady: () => Promise<boolean>
  issues: () => Promise<IssueDocument[]>
  timeline: (key: string) => Promise<TimelineEntry[]>
  /** Files an issue once per idempotency key; answers its key. */
  submit: (submission: Submission, idempotencyKey: string) => Promise<string>
  /** Answers false when the issue does not accept it at present. */
  act: (key: string, action: Action, idempotencyKey: string) => Promise<boolean>
}

/** `signal` ends all waiting; its reason is what the requests then throw. */
export function createApi(options: { port: number; token: string; signal: AbortSignal }): Api {
  const { token, signal } = options
  const address = `http://127.0.0.1:${options.port}`
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }

  const ask = async (path: string, request: RequestInit): Promise<{ status: number; body: unknown }> => {
    for (;;) {
      signal.throwIfAborted()
      try {
        const response = await fetch(`${address}${path}`, { ...request, signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) })
        const text = await response.text()
        if (response.status !== 503) return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
      } catch (error) {
        // No answer is what a kill looks like from here: ask again. Whoever ended the server for good aborts the signal.
        if (error instanceof SyntaxError)
          throw new ProtocolError('not-signalbox', `What answers at ${address} is not Signalbox.`, { cause: error })
      }
      await wait(25, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
  const get = async (path: string): Promise<unknown> => accepted(await ask(path, { headers }), path)
  const post = (path: string, body: unknown, key: string): Promise<{ status: number; body: unknown }> =>
    ask(path, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    })

  return {
    address,
    isReady: async () => {
      try {
        const response = await fetch(`${address}/ready`, { signal: AbortSignal.timeout(2_000) })
        await response.arrayBuffer()
        return response.ok
      } catch {
        return false // a server that does not answer is not ready
      }
    },
    issues: async () => ((await get('/api/issues?limit=100')) as { issues: IssueDocument[] }).issues,
    timeline: async (key) => entriesIn(await get(`/api/issues/${encodeURIComponent(key)}/timeline?limit=10000`)),
    submit: async (submission, key) => (accepted(await post('/api/issues', submission, key), '/api/issues') as { key: string }).key,
    act: async (key, action, idempotencyKey) => {
      const path = `/api/issues/${encodeURIComponent(key)}/actions`
      const answer = await post(path, action, idempotencyKey)
      if (answer.status === 409) return false
      accepted(answer, path)
      return true
    },
  }
}

function accepted({ status, body }: { status: number; body: unknown }, path: string): unknown {
  if (status >= 200 && status < 300) return body
  const { code, message } = (body as { error?: { code?: string; message?: string } }).error ?? {}
  throw new FatalError(code ?? `http-${status}`, `${path} was answered with ${status}: ${message ?? JSON.stringify(body)}`)
}

function entriesIn(body: unknown): TimelineEntry[] {
  if (Array.isArray(body)) return body as TimelineEntry[]
  const list = Object.values(body as Record<string, unknown>).find((value) => Array.isArray(value))
  if (list === undefined) throw new ProtocolError('no-timeline', `The server's timeline is no list: ${JSON.stringify(body).slice(0, 200)}`)
  return list as TimelineEntry[]
}
