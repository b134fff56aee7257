// Why a turn of Codex failed: by the code that it gives, never by its words.

import type { AgentResult } from '../../ports.ts'
import { failed } from '../turn-process.ts'
import type { CodexError, CodexLimits } from './messages.ts'

type FailureClass = NonNullable<AgentResult['failure']>

const classes: Record<string, FailureClass> = {
  usageLimitExceeded: 'capacity',
  rateLimitExceeded: 'capacity',
  flexUnavailable: 'capacity',
  serverOverloaded: 'capacity',
  policyCapacityUnavailable: 'capacity',
  unauthorized: 'auth',
  modelNotFound: 'auth',
  internalServerError: 'environment',
  sandboxError: 'environment',
  badRequest: 'agent',
  contextWindowExceeded: 'agent',
}

/** The statuses of the provider's answers (RFC 9110, RFC 6585; 529 is "overloaded" with some providers). */
function classOfStatus(status: number | null | undefined): FailureClass {
  if (status === 401 || status === 402 || status === 403) return 'auth'
  if (status === 429 || status === 503 || status === 529) return 'capacity'
  if (status !== null && status !== undefined && status >= 400 && status < 500) return 'agent'
  return 'environment'
}

/** A code is a word, or an object with the word as its only key and the provider's status within. */
function codeOf(info: unknown): { code: string | undefined; status: number | null | undefined } {
  if (typeof info === 'string') return { code: info, status: undefined }
  const [entry] = Object.entries((info ?? {}) as Record<string, { httpStatusCode?: number | null } | null>)
  return { code: entry?.[0], status: entry === undefined ? undefined : (entry[1]?.httpStatusCode ?? null) }
}

/** `limits`: what was last told of the account. Times of the provider are in seconds. */
export function failureOf(error: CodexError | null | undefined, limits: CodexLimits | null, now: number): AgentResult {
  const { code, status } = codeOf(error?.codexErrorInfo)
  const failure = status !== undefined ? classOfStatus(status) : (classes[code ?? ''] ?? 'agent')
  const reason = error?.message ?? 'Codex says that its turn failed, and not why.'
  const retryAt = failure === 'capacity' ? resetOf(limits, now) : null
  return {
    ...failed(failure, reason, typeof status === 'number' ? `${code} ${status}` : code),
    ...(retryAt === null ? {} : { retryAt }),
    // Neither it nor a fork of it has room for another turn.
    ...(code === 'contextWindowExceeded' ? { exhausted: true } : {}),
  }
}

/** When the last of the used-up windows opens again; null when nothing is known of it. */
function resetOf(limits: CodexLimits | null, now: number): number | null {
  const used = [limits?.primary, limits?.secondary].filter((window) => window != null && window.usedPercent >= 100)
  const resets = used.flatMap((window) => (window?.resetsAt == null ? [] : [window.resetsAt * 1_000])).filter((at) => at > now)
  return resets.length === 0 ? null : Math.max(...resets)
}
