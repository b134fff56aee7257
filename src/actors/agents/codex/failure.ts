// Why a turn of Codex failed, or a request was refused: by the code that it gives, never by its words.

import type { AgentResult } from '../../ports.ts'
import type { RpcError } from '../json-rpc.ts'
import { failed } from '../turn-process.ts'
import { resetOf } from './limits.ts'
import type { CodexError, CodexLimits } from './messages.ts'

type FailureClass = NonNullable<AgentResult['failure']>

/** All codes of the pinned binary but those with a status; a test holds the list to its schema. One of a later version is the agent's. */
export const classes: Record<string, FailureClass> = {
  usageLimitExceeded: 'capacity',
  rateLimitExceeded: 'capacity',
  flexUnavailable: 'capacity',
  serverOverloaded: 'capacity',
  policyCapacityUnavailable: 'capacity',
  unauthorized: 'auth',
  modelNotFound: 'auth',
  // A rule of the workspace that the account belongs to.
  inferenceHookDenied: 'auth',
  internalServerError: 'environment',
  sandboxError: 'environment',
  threadRollbackFailed: 'environment',
  badRequest: 'agent',
  contextWindowExceeded: 'agent',
  sessionBudgetExceeded: 'agent',
  cyberPolicy: 'agent',
  misalignmentPolicyViolation: 'agent',
  tooManyDenials: 'agent',
  other: 'agent',
  // A turn was begun in the middle of another.
  activeTurnNotSteerable: 'bug',
}

/** The statuses of the provider's answers (RFC 9110, RFC 6585; 529 is "overloaded" with some providers). */
function classOfStatus(status: number | null | undefined): FailureClass {
  if (status === 401 || status === 402 || status === 403) return 'auth'
  if (status === 429 || status === 503 || status === 529) return 'capacity'
  if (status !== null && status !== undefined && status >= 400 && status < 500) return 'agent'
  return 'environment'
}

/** A code is a word, or an object with the word as its only key and, for some, the provider's status within. */
function codeOf(info: unknown): { code: string; status: number | null | undefined } {
  if (typeof info === 'string') return { code: info, status: undefined }
  const [entry] = Object.entries((info ?? {}) as Record<string, { httpStatusCode?: number | null } | null>)
  if (entry === undefined) return { code: 'other', status: undefined }
  const [code, more] = entry
  return { code, status: code in classes ? undefined : (more?.httpStatusCode ?? null) }
}

/**
 * `limits`: what was told of the account, the last first. `isUnheard`: nothing of the model was heard in this turn; what Codex has no word
 * for is then no fault of the agent's, which has not begun (a key that is missing, a provider's refusal).
 */
export function failureOf(
  error: CodexError | null | undefined,
  limits: readonly CodexLimits[],
  now: number,
  isUnheard = false,
): AgentResult {
  const { code, status } = codeOf(error?.codexErrorInfo)
  const known = code === 'other' && isUnheard ? 'environment' : (classes[code] ?? 'agent')
  const failure = status === undefined ? known : classOfStatus(status)
  const reason = error?.message ?? 'Codex says that its turn failed, and not why.'
  const retryAt = failure === 'capacity' ? resetOf(limits, now) : null
  return {
    ...failed(failure, reason, typeof status === 'number' ? `${code} ${status}` : code),
    ...(retryAt === null ? {} : { retryAt }),
    // Neither it nor a fork of it has room for another turn.
    ...(code === 'contextWindowExceeded' ? { exhausted: true } : {}),
  }
}

/** The app-server has more requests than it takes; another time it may be answered. Of its own: JSON-RPC has no such code. */
export const overloaded = -32001
/** https://www.jsonrpc.org/specification#error_object */
const internalError = -32603

/** It has one code for everything that is wrong with a request. Opening a thread, that is its settings: what we ask for does not change. */
export function failureOfRefusal({ code, message }: RpcError, during: 'opening' | 'turn'): AgentResult {
  if (code === overloaded) return failed('capacity', message, `refused ${code}`)
  return failed(during === 'opening' || code === internalError ? 'environment' : 'bug', message, `refused ${code}`)
}
