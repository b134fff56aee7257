// Why a turn of Claude Code failed: by the fields of its result and of the provider's refusal, never by their words.

import type { AgentResult } from '../../ports.ts'
import { failed } from '../turn-process.ts'
import type { ClaudeRateLimit, ClaudeResult } from './messages.ts'

type FailureClass = NonNullable<AgentResult['failure']>

/** `error` of the message that stands in for the model's. `server_error`, `unknown`: the provider's own word and status say more. */
const classes: Record<string, FailureClass> = {
  authentication_failed: 'auth',
  oauth_org_not_allowed: 'auth',
  account_on_hold: 'auth',
  verification_required: 'auth',
  cloud_credential_error: 'auth',
  billing_error: 'auth',
  model_not_found: 'auth',
  rate_limit: 'capacity',
  overloaded: 'capacity',
  invalid_request: 'agent',
  max_output_tokens: 'agent',
}

/** https://docs.claude.com/en/api/errors */
const classesOfProvider: Record<string, FailureClass> = {
  authentication_error: 'auth',
  permission_error: 'auth',
  billing_error: 'auth',
  rate_limit_error: 'capacity',
  overloaded_error: 'capacity',
  api_error: 'environment',
  timeout_error: 'environment',
  invalid_request_error: 'agent',
  request_too_large: 'agent',
}

/** The statuses of the provider's answers (RFC 9110, RFC 6585; 529 is Anthropic's "overloaded"). */
function classOfStatus(status: number | null | undefined): FailureClass {
  if (status === 401 || status === 402 || status === 403) return 'auth'
  if (status === 429 || status === 503 || status === 529) return 'capacity'
  if (status != null && status >= 400 && status < 500) return 'agent'
  return 'environment'
}

/** Subtypes of a result that say of what there was too much; the agent is to blame. */
const exceeded = ['error_max_turns', 'error_max_budget_usd', 'error_max_structured_output_retries']

/** `error`: of the last message of this turn that stood in for the model's. `limit`: what was last told of the plan. */
export function failureOf(result: ClaudeResult, error: string | null, limit: ClaudeRateLimit | null, now: number): AgentResult {
  const { subtype, terminal_reason: reason, api_error_status: status, api_error_type: type, errors, result: words } = result
  const said = words || errors?.join(' ') || 'Claude Code says that its turn failed, and not why.'
  // Claude shortens what is too long by itself, where it can: then neither this conversation nor a fork of it has room.
  if (reason === 'prompt_too_long') return { ...failed('agent', said, reason), exhausted: true }
  if (exceeded.includes(subtype)) return failed('agent', said, subtype)
  if (reason?.startsWith('aborted')) return failed('environment', 'The turn was interrupted.', 'interrupted')
  const isKnown = error !== null && error in classes
  const failure = isKnown ? classes[error]! : (classesOfProvider[type ?? ''] ?? classOfStatus(status))
  const code = result.api_error ?? (isKnown ? error : (type ?? error ?? reason ?? subtype))
  const retryAt = failure === 'capacity' ? resetOf(limit, now) : null
  return { ...failed(failure, said, status == null ? code : `${code} ${status}`), ...(retryAt === null ? {} : { retryAt }) }
}

/** When the used-up plan is renewed; null when nothing is known of it. Claude tells seconds. */
function resetOf(limit: ClaudeRateLimit | null, now: number): number | null {
  if (limit?.status !== 'rejected' || limit.resetsAt == null) return null
  const at = limit.resetsAt * 1_000
  return at > now ? at : null
}
