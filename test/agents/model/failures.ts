// How each provider refuses: status, headers and body of the same reason in both protocols.

import type { Protocol } from './request.ts'
import type { Failure } from './steps.ts'

export interface Refusal {
  status: number
  headers: Record<string, string>
  body: unknown
}

export function refusalOf(failure: Failure, protocol: Protocol, now: number): Refusal {
  if (failure.reason === 'raw') return { status: failure.status, headers: failure.headers ?? {}, body: failure.body }
  return protocol === 'responses' ? ofOpenAi(failure, now) : ofAnthropic(failure, now)
}

type Named = Exclude<Failure, { reason: 'raw' }>

const openAi = (status: number, type: string, code: string | null, message: string, headers: Record<string, string> = {}): Refusal => ({
  status,
  headers,
  body: { error: { message, type, param: null, code } },
})

function ofOpenAi(failure: Named, now: number): Refusal {
  switch (failure.reason) {
    case 'rate-limit': {
      const seconds = failure.resetsIn ?? 1
      const message = `Rate limit reached for this model in organization org-test on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in ${seconds}s.`
      return openAi(429, 'requests', 'rate_limit_exceeded', message, { 'retry-after': String(seconds) })
    }
    case 'usage-limit': {
      // ChatGPT's form, not the API's: Codex reads the time from the body, and how much is used of which window from the headers.
      const at = Math.floor(now / 1000) + failure.resetsIn
      const error = {
        type: 'usage_limit_reached',
        message: 'The usage limit has been reached',
        plan_type: 'plus',
        resets_at: at,
        resets_in_seconds: failure.resetsIn,
      }
      const window = {
        'x-codex-primary-used-percent': '100',
        'x-codex-primary-window-minutes': '300',
        'x-codex-primary-reset-at': String(at),
      }
      return { status: 429, headers: window, body: { error } }
    }
    case 'no-credit':
      return openAi(
        429,
        'insufficient_quota',
        'insufficient_quota',
        'You exceeded your current quota, please check your plan and billing details.',
      )
    case 'unauthorized':
      return openAi(401, 'invalid_request_error', 'invalid_api_key', 'Incorrect API key provided: test-key.')
    case 'server-error':
      return openAi(500, 'server_error', null, 'The server had an error while processing your request. Sorry about that!')
    case 'overloaded':
      return openAi(503, 'server_error', 'server_is_overloaded', 'Our servers are currently overloaded. Please try again later.')
    case 'context-exhausted':
      return openAi(
        400,
        'invalid_request_error',
        'context_length_exceeded',
        'Your input exceeds the context window of this model. Please adjust your input and try again.',
      )
    case 'invalid-request':
      return openAi(400, 'invalid_request_error', null, 'The request was not understood.')
  }
}

const anthropic = (status: number, type: string, message: string, headers: Record<string, string> = {}): Refusal => ({
  status,
  headers: { 'request-id': 'req_test', ...headers },
  body: { type: 'error', error: { type, message }, request_id: 'req_test' },
})

function ofAnthropic(failure: Named, now: number): Refusal {
  switch (failure.reason) {
    case 'rate-limit':
      return anthropic(429, 'rate_limit_error', 'This request would exceed the rate limit for your organization.', {
        'retry-after': String(failure.resetsIn ?? 1),
      })
    case 'usage-limit': {
      const at = String(Math.floor(now / 1000) + failure.resetsIn)
      return anthropic(429, 'rate_limit_error', "This request would exceed your account's rate limit. Please try again later.", {
        'retry-after': String(failure.resetsIn),
        'anthropic-ratelimit-unified-status': 'rejected',
        'anthropic-ratelimit-unified-reset': at,
        'anthropic-ratelimit-unified-representative-claim': 'five_hour',
        'anthropic-ratelimit-unified-5h-status': 'rejected',
        'anthropic-ratelimit-unified-5h-reset': at,
        'anthropic-ratelimit-unified-5h-utilization': '1',
      })
    }
    case 'no-credit':
      return anthropic(
        400,
        'invalid_request_error',
        'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
      )
    case 'unauthorized':
      return anthropic(401, 'authentication_error', 'invalid x-api-key')
    case 'server-error':
      return anthropic(500, 'api_error', 'Internal server error')
    case 'overloaded':
      return anthropic(529, 'overloaded_error', 'Overloaded')
    case 'context-exhausted':
      return anthropic(400, 'invalid_request_error', 'prompt is too long: 209881 tokens > 200000 maximum')
    case 'invalid-request':
      return anthropic(400, 'invalid_request_error', 'The request was not understood.')
  }
}
