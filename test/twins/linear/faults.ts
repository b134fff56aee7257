// What Linear's twin knows of a call when it looks for a fault, and what Linear answers when something goes wrong.

import type { Fault as FaultOf } from '../faults.ts'

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

export type Fault = FaultOf<TwinRequest>

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
