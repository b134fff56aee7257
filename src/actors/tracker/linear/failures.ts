// What an answer of Linear that is no good means to whoever asked: try again, never again, or a person has to do something.

import { z } from 'zod'
import { FatalError, ProtocolError, RetryableError, type SignalboxError } from '../../../errors.ts'
import { remedies } from './health.ts'

/** An error as GraphQL writes it, with what Linear adds. */
const graphqlError = z.object({
  message: z.string(),
  extensions: z
    .object({ code: z.string().optional(), type: z.string().optional(), userPresentableMessage: z.string().optional() })
    .optional(),
})
const errorBody = z.object({ errors: z.array(graphqlError).min(1) })

export interface Refusal {
  status: number
  headers: Headers
  /** As it came: parsed where it was JSON. */
  body: unknown
}

/** How long Linear is left alone when it does not say how long. */
const shortPause = 30_000

/** Limits fill up all the while: whoever has asked may do so again before they are full. */
const longestPause = 5 * 60_000

/** When Linear takes calls again, epoch ms, as its headers say; `exact` where it says so, and not only when its limits are full. */
export function resetOf(headers: Headers, now: number): { at: number; exact: boolean } {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  if (Number.isFinite(seconds) && seconds > 0) return { at: now + seconds * 1_000, exact: true }
  const resets = ['requests', 'complexity', 'endpoint-requests']
    .filter((name) => headers.get(`x-ratelimit-${name}-remaining`) === '0')
    .map((name) => Number(headers.get(`x-ratelimit-${name}-reset`) ?? Number.NaN))
    .filter((reset) => reset > now)
  return { at: resets.length === 0 ? now + shortPause : Math.max(...resets), exact: false }
}

/** `what` was asked of Linear and it has refused it. */
export function toFailure(what: string, { status, headers, body }: Refusal, now: number): SignalboxError {
  const parsed = errorBody.safeParse(body)
  const first = parsed.data?.errors[0]
  const words = first === undefined ? `status ${status}` : (first.extensions?.userPresentableMessage ?? first.message).slice(0, 500)
  const code = `${first?.extensions?.code ?? ''} ${first?.extensions?.type ?? ''}`.toLowerCase()
  const said = `${first?.message ?? ''} ${first?.extensions?.userPresentableMessage ?? ''}`

  if (status === 429 || /rate_?limited/.test(code)) {
    return new RetryableError('linear-rate-limited', `Linear's limits are used up (${what}): ${words}`, {
      retryAfter: Math.max(1_000, Math.min(resetOf(headers, now).at - now, longestPause)),
    })
  }
  if (status === 401 || /authentication/.test(code)) {
    return new FatalError('linear-unauthorized', `Linear does not accept our token any more (${what}): ${words}. ${remedies.unauthorized}`)
  }
  if (status === 403 || /forbidden|access.?denied|feature not accessible/.test(code)) {
    return new FatalError('linear-forbidden', `Signalbox may not do this at Linear (${what}): ${words}. ${remedies.permissions_changed}`)
  }
  if (status >= 500 || /internal|lock.?timeout|network/.test(code)) {
    return new RetryableError('linear-failed', `Linear has failed (${what}): ${words}`, { retryAfter: 5_000 })
  }
  if (/not found|could not find/i.test(said)) return new FatalError('linear-not-found', `Linear knows nothing of it (${what}): ${words}`)
  if (first === undefined) {
    // A proxy's page, or half an answer.
    return status >= 400
      ? new FatalError('linear-refused', `Linear has refused it (${what}): status ${status}`)
      : new RetryableError('linear-failed', `Linear's answer was cut off or not its own (${what}).`, { retryAfter: 5_000 })
  }
  return new FatalError('linear-refused', `Linear has refused it (${what}): ${words}`)
}

/** There was no answer, or only a part of one. */
export function toUnreachable(what: string, error: unknown): RetryableError {
  const isPart = error instanceof SyntaxError || (error instanceof TypeError && error.message === 'terminated')
  const options = { cause: error, retryAfter: 5_000 }
  if (isPart) return new RetryableError('linear-failed', `Linear's answer was cut off (${what}).`, options)
  return new RetryableError('linear-unreachable', `Linear could not be reached (${what}).`, options)
}

export const toNonsense = (what: string, issues: readonly { path: PropertyKey[]; message: string }[]): ProtocolError => {
  const details = issues.slice(0, 3).map(({ path, message }) => `${path.map(String).join('.')}: ${message}`)
  return new ProtocolError('linear-nonsense', `Linear's answer is not what its schema says (${what}): ${details.join('; ')}`)
}
