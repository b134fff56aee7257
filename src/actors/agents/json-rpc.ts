// JSON-RPC with a process: requests in both directions, each of ours with a deadline.

import { z } from 'zod'
import { FatalError, ProtocolError, RetryableError, toErrorData } from '../../errors.ts'

export interface RpcPeer {
  /**
   * Rejects with FatalError `request-refused` (`cause` is the error object of the answer), ProtocolError `invalid-answer`, RetryableError
   * `request-timeout` and `process-ended`. An error whose id is null is an answer to every one that waits: which of them the other
   * side could not read is not known. `deadline` is for one that takes its time: null where something else ends the waiting.
   */
  request: <T>(method: string, params: object, answer: z.ZodType<T>, deadline?: number | null) => Promise<T>
  notify: (method: string, params?: object) => void
  /** Takes what the other side has sent. What is no message of the protocol is ignored. */
  receive: (message: unknown) => void
  /** Nothing comes any more. */
  close: () => void
}

export interface RpcOptions {
  send: (message: object) => void
  /** Codex leaves the version out of its messages. */
  version: boolean
  onNotification: (method: string, params: unknown) => void
  /** Throwing, or answering `undefined`, is told to the other side as an error. */
  onRequest: (method: string, params: unknown) => Promise<unknown>
  /** Milliseconds for an answer. */
  deadline: number
  after: (ms: number, callback: () => void) => () => void
}

/** The other side's own call is of this form, or nothing; what it answers is looked at further, so that nobody waits for it in vain. */
const call = z.object({ id: z.union([z.string(), z.number()]).optional(), method: z.string(), params: z.unknown().optional() })
const answered = z.object({ id: z.unknown().optional(), result: z.unknown().optional(), error: z.unknown().optional() })
const refusal = z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() })

interface Waiting {
  method: string
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
  cancel: () => void
}

/** https://www.jsonrpc.org/specification#error_object */
const methodNotFound = -32601
const internalError = -32603

export function createPeer({ send, version, onNotification, onRequest, deadline: usual, after }: RpcOptions): RpcPeer {
  const waiting = new Map<number, Waiting>()
  const prefix = version ? { jsonrpc: '2.0' } : {}
  let next = 1
  let closed = false
  const ended = (method: string): RetryableError =>
    new RetryableError('process-ended', `'${method}' was not answered: the agent's process has ended.`)

  function settle(id: number, { result, error }: z.output<typeof answered>): void {
    const one = waiting.get(id)
    if (one === undefined) return // its deadline has passed
    waiting.delete(id)
    one.cancel()
    if (error == null) return one.resolve(result)
    const parsed = refusal.safeParse(error)
    if (parsed.success) return one.reject(new FatalError('request-refused', parsed.data.message, { cause: parsed.data }))
    const said = JSON.stringify(error).slice(0, 300)
    one.reject(new ProtocolError('invalid-answer', `The agent's answer to '${one.method}' is an error of no valid form: ${said}.`))
  }

  function take(said: z.output<typeof answered>): void {
    const { id, error } = said
    if (typeof id === 'number' || typeof id === 'string') settle(Number(id), said)
    // Without the member it is no answer: a line of somebody's log.
    else if (id === null && error != null) for (const one of waiting.keys()) settle(one, said)
  }

  async function serve(id: string | number, method: string, params: unknown): Promise<void> {
    try {
      const result = await onRequest(method, params)
      if (result === undefined) send({ ...prefix, id, error: { code: methodNotFound, message: `'${method}' is not offered here.` } })
      else send({ ...prefix, id, result })
    } catch (error) {
      send({ ...prefix, id, error: { code: internalError, message: toErrorData(error).message } })
    }
  }

  return {
    async request(method, params, answer, deadline = usual) {
      if (closed) throw ended(method)
      const id = next++
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const late = (ms: number): void => {
        waiting.delete(id)
        reject(new RetryableError('request-timeout', `The agent did not answer '${method}' within ${Math.round(ms / 1_000)} s.`))
      }
      const cancel = deadline === null ? () => {} : after(deadline, () => late(deadline))
      waiting.set(id, { method, resolve, cancel, reject: (error) => reject(error) })
      send({ ...prefix, id, method, params })
      const parsed = answer.safeParse(await promise)
      if (parsed.success) return parsed.data
      const [issue] = parsed.error.issues
      const at = issue!.path.join('.')
      throw new ProtocolError('invalid-answer', `The agent's answer to '${method}' is not valid: '${at}' ${issue!.message}.`)
    },
    notify: (method, params) => send({ ...prefix, method, ...(params === undefined ? {} : { params }) }),
    receive(received) {
      const called = call.safeParse(received)
      if (!called.success) {
        const parsed = answered.safeParse(received)
        if (parsed.success) take(parsed.data)
        return
      }
      const { id, method, params } = called.data
      if (id === undefined) onNotification(method, params)
      else void serve(id, method, params)
    },
    close() {
      closed = true
      for (const { reject, cancel } of waiting.values()) {
        cancel()
        reject(new RetryableError('process-ended', "The agent's process has ended."))
      }
      waiting.clear()
    },
  }
}

/** What a request was refused with. */
export interface RpcError {
  code: number
  message: string
  data?: unknown
}

/** The error object of a refused request; null of any other error. */
export function refusalOf(error: unknown): RpcError | null {
  if (!(error instanceof FatalError) || error.code !== 'request-refused') return null
  return error.cause as RpcError
}
