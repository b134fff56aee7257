// One way to ask GitHub: octokit with our timeout, our credentials, our classes of failure, and an answer that has been checked.

import { Octokit } from '@octokit/rest'
import { retry } from '@octokit/plugin-retry'
import { throttling } from '@octokit/plugin-throttling'
import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import {
  HalfAnAnswer,
  limitAfter,
  limitIn,
  limitInGraphql,
  nonsense,
  toGithubError,
  toGraphqlError,
  type GraphqlProblem,
} from './errors.ts'
import type { Limits } from './limits.ts'

export interface Credential {
  /** The value of the header `authorization`. */
  header: string
  /** It was refused: the next one is to be a new one. False where there is no other. */
  forget: () => boolean
}

export interface ClientOptions {
  /** Such as `https://api.github.com`. */
  apiUrl: string
  credential: () => Promise<Credential>
  now: () => number
  /** Milliseconds for one call, its answer included. Default 15,000. */
  timeout?: number | undefined
  /** Whose allowance the calls are counted against. */
  id: string
  /** Shared by all clients: what GitHub has said to one caller holds for everybody who asks in their name. */
  limits: Limits
  /** Whether calls are spread over time, as GitHub asks for. */
  paced: boolean
  /** The repository that was asked about answers to another name by now. */
  onRenamed?: () => void
  /** Whether what was refused may be had by now, for the repository is another's: then it is asked for once more. */
  hasMoved?: (error: unknown) => Promise<boolean>
}

export interface CallOptions {
  signal?: AbortSignal | undefined
  /** The request in words, where its route does not tell. */
  what?: string | undefined
}

type Parameters = Record<string, unknown>

export interface Client {
  /** Throws what `toGithubError` makes of it, and ProtocolError `github-nonsense`. */
  request: <T>(route: string, parameters: Parameters, schema: z.ZodType<T>, options?: CallOptions) => Promise<T>
  /**
   * A whole list; `pick` names it where the answer is not the list itself, `most` says how many pages are enough where its beginning is
   * what counts. Throws FatalError `github-list-too-long` as well: what is decided on a part of a list may be wrong.
   */
  pages: <T>(
    route: string,
    parameters: Parameters,
    schema: z.ZodType<T>,
    options?: CallOptions & { pick?: string; most?: number },
  ) => Promise<T[]>
  /** Parts that do not exist are null in the answer. */
  graphql: <T>(query: string, variables: Parameters, schema: z.ZodType<T>, options?: CallOptions & { asks?: boolean }) => Promise<T>
  /** The headers of an answer: where it sends us (`location`), or what time it is there (`date`). */
  headers: (route: string, parameters: Parameters, options?: CallOptions) => Promise<Record<string, string | number | undefined>>
}

const defaultTimeout = 15_000
const largestAnswer = 32 * 2 ** 20
const pageSize = 100
/** Of a whole list; more than that is nobody's pull request. */
const mostPages = 30
const noBody = new Set([101, 103, 204, 205, 304])

type Sent = { headers: Record<string, unknown> }
type Send = (request: (options: unknown) => Promise<Sent>, options: { url: string; request?: { what?: string } }) => Promise<Sent>

/** The first of the plugins is the last before a call is sent: whatever stands in line has come through by then. */
const sending = (octokit: Octokit, { send }: { send?: Send }): void => octokit.hook.wrap('request', send as never)

const Paced = Octokit.plugin(sending as never, retry, throttling)
/** For queries, which octokit would take for changes, one each second. */
const Asking = Octokit.plugin(sending as never, retry)

/** Within `timeout` ms, the whole answer; one that ends early is HalfAnAnswer. */
async function fetchWhole(url: string, init: RequestInit, { timeout, onRenamed }: FetchOptions): Promise<Response> {
  const signal = AbortSignal.any([AbortSignal.timeout(timeout), ...(init.signal ? [init.signal] : [])])
  const response = await fetch(url, { ...init, signal })
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk)
      size += chunk.byteLength
      if (size > largestAnswer) throw new Error(`the answer is larger than ${largestAnswer} bytes`)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw new HalfAnAnswer(error instanceof Error ? error.message : String(error), { cause: error })
  }
  // A former name leads to the number of the repository.
  if (response.redirected && new URL(response.url).pathname.includes('/repositories/')) onRenamed?.()
  const { status, headers } = response
  return new Response(noBody.has(status) ? null : Buffer.concat(chunks), { status, headers })
}

interface FetchOptions {
  timeout: number
  onRenamed: (() => void) | undefined
}

export function createClient(options: ClientOptions): Client {
  const { apiUrl, credential, now, timeout = defaultTimeout, id, limits, paced, onRenamed, hasMoved } = options
  const apiOf = (url: string): 'rest' | 'graphql' => (url.endsWith('/graphql') ? 'graphql' : 'rest')
  const send: Send = async (request, sent) => {
    limits.assertOpen(id, apiOf(sent.url), sent.request?.what ?? sent.url)
    try {
      const answer = await request(sent)
      limits.answered(id)
      const last = limitAfter(answer.headers, now())
      if (last !== null) limits.note(id, last)
      return answer
    } catch (error) {
      const limit = limitIn(error, now())
      if (limit !== null) limits.note(id, limit)
      throw error
    }
  }
  const common = {
    baseUrl: apiUrl,
    userAgent: 'signalbox',
    send,
    // What octokit would print is told by our errors.
    log: { debug() {}, info() {}, warn() {}, error() {} },
    request: { fetch: (url: string, init: RequestInit) => fetchWhole(url, init, { timeout, onRenamed }) },
    // Once, and only what changes nothing: an effect that is repeated looks for its own trace first.
    retry: { retries: 1, doNotRetry: [400, 401, 403, 404, 405, 409, 410, 422, 429, 451] },
  }
  // Whoever is told to wait says so: the effect waits as a row, over a restart too.
  const octokit = new Paced({ ...common, throttle: { enabled: paced, id, onRateLimit: () => false, onSecondaryRateLimit: () => false } })
  const asking = new Asking(common)
  const graphqlUrl = `${apiUrl.replace(/\/api\/v3$/, '/api')}/graphql`

  async function call(
    route: string,
    parameters: Parameters,
    { signal, what = route }: CallOptions,
    changes: boolean,
    client: Octokit = octokit,
  ) {
    for (let again = false; ; again = true) {
      // Here as well: nobody gets a token to ask with, only to hear that they must not.
      limits.assertOpen(id, apiOf(route), what)
      const { header, forget } = await credential()
      try {
        return await client.request(route, {
          ...parameters,
          headers: { authorization: header, 'x-github-api-version': '2022-11-28', ...(parameters['headers'] as object | undefined) },
          request: {
            what,
            ...(changes ? { retries: 0 } : {}),
            ...(signal === undefined ? {} : { signal }),
            ...(parameters['request'] as object | undefined),
          },
        })
      } catch (error) {
        if (signal?.aborted) throw new FatalError('called-off', `${what} was called off.`, { cause: error })
        const isRefused = (error as { status?: unknown }).status === 401
        if (isRefused && forget() && !again) continue
        throw toGithubError(error, what, now())
      }
    }
  }

  function read<T>(data: unknown, schema: z.ZodType<T>, what: string): T {
    const result = schema.safeParse(data)
    if (result.success) return result.data
    const [issue] = result.error.issues
    throw nonsense(what, `${issue!.path.join('.') || 'the answer'}: ${issue!.message}`)
  }

  /** The address of the next page, never one of another host: it gets our credentials. */
  function nextOf(link: unknown): [string, Parameters] | null {
    const [, url] = /<([^>]*)>;[^,]*rel="next"/.exec(typeof link === 'string' ? link : '') ?? []
    return url !== undefined && URL.parse(url)?.origin === new URL(apiUrl).origin ? [`GET ${url}`, {}] : null
  }

  /** What is refused has not been done. */
  async function wherever<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!(await hasMoved?.(error))) throw error
      return work()
    }
  }

  const isChange = (route: string): boolean => !/^(GET|HEAD) /.test(route)

  const client: Client = {
    async request(route, parameters, schema, rest = {}) {
      const { data } = await call(route, parameters, rest, isChange(route))
      return read(data, schema, rest.what ?? route)
    },

    async pages(route, parameters, schema, { pick, most, ...rest } = {}) {
      const what = rest.what ?? route
      const list = pick === undefined ? z.array(schema) : z.object({ [pick]: z.array(schema) }).transform((answer) => answer[pick]!)
      const found: z.output<typeof schema>[] = []
      let next: [string, Parameters] | null = [route, { per_page: pageSize, ...parameters }]
      for (let page = 1; next !== null && page <= (most ?? mostPages); page += 1) {
        const { data, headers }: { data: unknown; headers: Record<string, unknown> } = await call(
          ...next,
          { ...rest, what },
          isChange(route),
        )
        found.push(...read(data, list, what))
        next = nextOf(headers['link'])
      }
      if (next !== null && most === undefined)
        throw new FatalError(
          'github-list-too-long',
          `GitHub has more than ${mostPages * pageSize} entries for ${what}: so many are not read. Remove some there, or start over with a new pull request.`,
        )
      return found
    },

    async graphql(query, variables, schema, { asks = true, ...rest } = {}) {
      const what = rest.what ?? 'a GraphQL query'
      const { data: answer, headers } = await call(
        `POST ${graphqlUrl}`,
        { query, variables },
        { ...rest, what },
        !asks,
        asks ? asking : octokit,
      )
      const { data, errors = [] } = read(answer, graphqlAnswer, what)
      const limit = limitInGraphql(errors as GraphqlProblem[], headers, now())
      if (limit !== null) limits.note(id, limit)
      const isPartial =
        errors.length > 0 && data != null && errors.every(({ type, path }) => type === 'NOT_FOUND' && (path?.length ?? 0) > 1)
      if (errors.length > 0 && !isPartial) throw toGraphqlError(errors as GraphqlProblem[], what, { headers, now: now() })
      return read(data, schema, what)
    },

    async headers(route, parameters, rest = {}) {
      const { headers } = await call(route, parameters, rest, isChange(route))
      return headers
    },
  }

  return {
    request: (...call) => wherever(() => client.request(...call)),
    pages: (...call) => wherever(() => client.pages(...call)),
    graphql: (...call) => wherever(() => client.graphql(...call)),
    headers: (...call) => wherever(() => client.headers(...call)),
  }
}

const graphqlAnswer = z.object({
  data: z.unknown(),
  errors: z
    .array(
      z.object({
        type: z.string().optional(),
        message: z.string(),
        path: z.array(z.union([z.string(), z.number()])).optional(),
      }),
    )
    .optional(),
})
