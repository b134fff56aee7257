// Failures that a test asks for: a status, a silence, half an answer or a broken connection, before the deed or after it.

/** A call of the twin, as a fault sees it. */
export interface TwinRequest {
  path: string
  /** The name of the GraphQL operation, when it has one. */
  operation: string | undefined
  /** The names of the root fields, for example `issueUpdate`. */
  fields: string[]
  variables: Record<string, unknown>
  query: string
}

export interface Fault {
  match?: (request: TwinRequest) => boolean
  /** How often it strikes; once when left out. */
  times?: number
  status?: 401 | 403 | 404 | 409 | 422 | 429 | 500 | 502 | 503 | 'timeout' | 'half' | 'reset' | 'empty'
  /** Seconds, for the header Retry-After. */
  retryAfter?: number
  /** `after`: what was asked is done, and the answer is lost. */
  when?: 'before' | 'after'
}

export interface Faults {
  /** Answers a function that ends the fault. */
  add(fault: Fault): () => void
  clear(): void
  /** How many faults still wait for their call. */
  readonly pending: number
}

export interface FaultRegistry extends Faults {
  /** The fault that strikes a call, which counts it. */
  strike(request: TwinRequest): Fault | undefined
}

export function createFaults(): FaultRegistry {
  const waiting = new Map<Fault, number>()
  return {
    add(fault) {
      waiting.set(fault, fault.times ?? 1)
      return () => void waiting.delete(fault)
    },
    clear: () => waiting.clear(),
    get pending() {
      return waiting.size
    },
    strike(request) {
      for (const [fault, left] of waiting) {
        if (fault.match && !fault.match(request)) continue
        if (left <= 1) waiting.delete(fault)
        else waiting.set(fault, left - 1)
        return fault
      }
      return undefined
    },
  }
}

const errors: Record<number, { message: string; type: string; code: string }> = {
  401: { message: 'Authentication required, not authenticated', type: 'authentication error', code: 'AUTHENTICATION_ERROR' },
  403: { message: 'Forbidden', type: 'forbidden', code: 'FORBIDDEN' },
  404: { message: 'Not found', type: 'invalid input', code: 'INPUT_ERROR' },
  409: { message: 'Conflict', type: 'invalid input', code: 'INPUT_ERROR' },
  422: { message: 'Unprocessable', type: 'invalid input', code: 'INPUT_ERROR' },
  429: { message: 'Rate limit exceeded', type: 'ratelimited', code: 'RATELIMITED' },
  500: { message: 'Internal server error', type: 'internal error', code: 'INTERNAL_SERVER_ERROR' },
}

const oauthErrors: Record<number, string> = { 401: 'invalid_client', 403: 'access_denied', 429: 'slow_down', 500: 'server_error' }

/** What Linear answers with a status: its errors, or a page of the machine in front of it. */
export function faultBody(path: string, status: number): { contentType: string; text: string } {
  if (path.startsWith('/oauth/') && status < 502) {
    return { contentType: 'application/json', text: JSON.stringify({ error: oauthErrors[status] ?? 'invalid_request' }) }
  }
  const error = errors[status]
  if (!error) return { contentType: 'text/html', text: `<html><body><h1>${status}</h1></body></html>` }
  const { message, type, code } = error
  const extensions = { type, code, statusCode: status, userError: status < 500, userPresentableMessage: message }
  return { contentType: 'application/json', text: JSON.stringify({ errors: [{ message, extensions }] }) }
}
