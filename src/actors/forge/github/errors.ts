// What an answer of GitHub that is none comes to: one of our four kinds of errors, with GitHub's own words and never a secret.

import { FatalError, ProtocolError, RetryableError, type SignalboxError } from '../../../errors.ts'

/** The parts of octokit's RequestError that are read. */
interface Answered {
  status?: unknown
  message?: unknown
  cause?: unknown
  response?: { headers?: Record<string, unknown>; data?: unknown }
}

/** The connection ended in the middle of an answer. */
export class HalfAnAnswer extends Error {}

const longestWords = 600
const pauseWhenDown = 10_000
const longestPause = 3_600_000

/** GitHub's sentence, and the details that it gives for an entry that it refuses. */
function wordsOf(data: unknown): string {
  if (typeof data !== 'object' || data === null) return ''
  const { message, errors } = data as { message?: unknown; errors?: unknown }
  const details = Array.isArray(errors)
    ? errors.map((entry: unknown) => {
        if (typeof entry === 'string') return entry
        const { message: said, field, code } = (entry ?? {}) as { message?: unknown; field?: unknown; code?: unknown }
        if (typeof said === 'string') return said
        return [field, code].filter((part) => typeof part === 'string').join(' ')
      })
    : []
  return [typeof message === 'string' ? message : '', ...details]
    .filter((text) => text !== '')
    .join(': ')
    .slice(0, longestWords)
}

const numberOf = (value: unknown): number | null => {
  const number = Number(value)
  return value === undefined || value === null || value === '' || !Number.isFinite(number) ? null : number
}

/** GitHub does not answer at present. */
export interface Limit {
  /** In milliseconds. */
  pause: number
  /** Whether GitHub has said how long. */
  isStated: boolean
  /** The API whose calls of the hour are used up; null: a limit against bursts, which all calls share. */
  api: 'rest' | 'graphql' | null
}

const saysSecondary = /secondary rate|abuse/i

/** Null when GitHub has not said that it does not answer. */
function limitOf(status: number, headers: Record<string, unknown>, words: string, now: number): Limit | null {
  const after = numberOf(headers['retry-after'])
  const isUsedUp = headers['x-ratelimit-remaining'] === '0'
  const isLimit =
    status === 429 || (status === 403 && (isUsedUp || after !== null || saysSecondary.test(words) || /rate limit exceeded/i.test(words)))
  if (!isLimit) return null
  const reset = numberOf(headers['x-ratelimit-reset'])
  const untilReset = reset !== null && isUsedUp ? reset * 1_000 - now : null
  const pause = after !== null ? after * 1_000 : (untilReset ?? 60_000)
  const isOfHour = after === null && untilReset !== null && !saysSecondary.test(words)
  return {
    // One second more: its clock counts whole ones.
    pause: Math.min(longestPause, Math.max(1_000, pause + 1_000)),
    isStated: after !== null || untilReset !== null,
    api: !isOfHour ? null : headers['x-ratelimit-resource'] === 'graphql' ? 'graphql' : 'rest',
  }
}

/** Of an answer that was the last of its hour. */
export const limitAfter = (headers: Record<string, unknown>, now: number): Limit | null =>
  headers['x-ratelimit-remaining'] === '0' && numberOf(headers['x-ratelimit-reset']) !== null ? limitOf(429, headers, '', now) : null

/** Of anything thrown by a call. */
export function limitIn(error: unknown, now: number): Limit | null {
  const { status, response } = (error ?? {}) as Answered
  if (typeof status !== 'number' || response === undefined) return null
  return limitOf(status, response.headers ?? {}, wordsOf(response.data), now)
}

/** Of the `errors` of a GraphQL answer, whose status says that all is well. */
export const limitInGraphql = (problems: readonly GraphqlProblem[], headers: Record<string, unknown>, now: number): Limit | null =>
  problems.some(({ type, message }) => type === 'RATE_LIMITED' || /secondary rate/i.test(message))
    ? limitOf(429, headers, problems.map(({ message }) => message).join(' '), now)
    : null

export const rateLimited = (what: string, retryAfter: number): RetryableError =>
  new RetryableError(
    'github-rate-limited',
    `GitHub answers no more than so many questions: ${what} is asked again in ${Math.ceil(retryAfter / 1_000)} s.`,
    {
      retryAfter,
    },
  )

/** `what`: the request, as a person would name it. Anything thrown is accepted; our own errors stay as they are. */
export function toGithubError(error: unknown, what: string, now: number): unknown {
  const { status, response, cause, message } = (error ?? {}) as Answered
  if (!(error instanceof Error) || typeof status !== 'number') return error
  if (response === undefined) return toConnectionError(error, cause ?? error, what, String(message))
  const headers = response.headers ?? {}
  const words = wordsOf(response.data)
  const said = words === '' ? '' : ` It says: ${words.replace(/\.?$/, '.')}`
  const limit = limitOf(status, headers, words, now)
  if (limit !== null) return rateLimited(what, limit.pause)
  const fatal = (code: string, sentence: string): SignalboxError => new FatalError(code, sentence, { cause: error })
  switch (status) {
    case 401:
      return fatal(
        'github-unauthorized',
        `GitHub does not accept our credentials for ${what}.${said} Check forge.token, or forge.appId and forge.privateKey.`,
      )
    case 403:
    case 451:
      return fatal('github-forbidden', forbidden(what, headers['x-accepted-github-permissions'], said))
    case 404:
    case 410:
      return fatal('github-not-found', `GitHub knows nothing of it, or does not show it to us: ${what}.${said}`)
    case 405:
    case 409:
      return fatal('github-conflict', `GitHub will not do ${what} as things are.${said}`)
    case 408:
      return new RetryableError('github-failed', `GitHub had no time for ${what}.${said}`, { cause: error, retryAfter: pauseWhenDown })
  }
  if (status >= 500)
    return new RetryableError('github-failed', `GitHub failed at ${what} (status ${status}).${said}`, {
      cause: error,
      retryAfter: pauseWhenDown,
    })
  return fatal('github-refused', `GitHub refuses ${what}.${said}`)
}

function forbidden(what: string, accepted: unknown, said: string): string {
  const permission = typeof accepted === 'string' && accepted !== '' ? accepted.split(/[;,]\s*/)[0]!.trim() : null
  const remedy =
    permission === null
      ? 'Check what the App, or the token, may do in this repository.'
      : `The App, or the token, lacks the permission ${permission.replace('=', ': ')}.`
  return `GitHub forbids ${what}.${said} ${remedy}`
}

function toConnectionError(error: Error, cause: unknown, what: string, message: string): SignalboxError {
  if (cause instanceof HalfAnAnswer)
    return new RetryableError('github-failed', `GitHub's answer to ${what} ended in the middle.`, {
      cause: error,
      retryAfter: pauseWhenDown,
    })
  const isTimeout = (cause as { name?: unknown }).name === 'TimeoutError'
  const reason = isTimeout ? 'it did not answer in time' : ((cause as { code?: string }).code ?? message)
  return new RetryableError('github-unreachable', `GitHub could not be reached for ${what}: ${reason}.`, {
    cause: error,
    retryAfter: pauseWhenDown,
  })
}

export interface GraphqlProblem {
  type?: string | undefined
  message: string
  path?: readonly (string | number)[] | undefined
}

/** What the `errors` of a GraphQL answer come to. */
export function toGraphqlError(
  problems: readonly GraphqlProblem[],
  what: string,
  { headers, now }: { headers: Record<string, unknown>; now: number },
): SignalboxError {
  const words = problems
    .map(({ message }) => message)
    .join(' ')
    .slice(0, longestWords)
    .replace(/\.?$/, '.')
  const types = problems.map(({ type }) => type ?? '')
  const limit = limitInGraphql(problems, headers, now)
  if (limit !== null) return rateLimited(what, limit.pause)
  if (types.some((type) => ['FORBIDDEN', 'INSUFFICIENT_SCOPES'].includes(type)))
    return new FatalError(
      'github-forbidden',
      `GitHub forbids ${what}. It says: ${words} Check what the App, or the token, may do in this repository.`,
    )
  if (types.includes('NOT_FOUND'))
    return new FatalError('github-not-found', `GitHub knows nothing of it, or does not show it to us: ${what}. It says: ${words}`)
  if (/something went wrong|timed? ?out|couldn't respond in time/i.test(words))
    return new RetryableError('github-failed', `GitHub failed at ${what}. It says: ${words}`, { retryAfter: pauseWhenDown })
  return new FatalError('github-refused', `GitHub refuses ${what}. It says: ${words}`)
}

export const nonsense = (what: string, problem: string): ProtocolError =>
  new ProtocolError('github-nonsense', `GitHub's answer to ${what} is not what its documentation says: ${problem}.`)
