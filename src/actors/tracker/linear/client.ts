// One call of Linear: in its turn, with a good token, within a time, and its answer checked or its failure named.

import type { z } from 'zod'
import { FatalError, SignalboxError } from '../../../errors.ts'
import { createBucket, type Bucket, type BucketClock, type Priority } from './bucket.ts'
import type { Operation, Page } from './documents/operation.ts'
import { resetOf, toFailure, toNonsense, toUnreachable, type Refusal } from './failures.ts'
import type { Workspaces } from './workspaces.ts'

export interface CallOptions {
  priority: Priority
  signal?: AbortSignal | undefined
}

export interface LinearCalls {
  /**
   * Throws RetryableError `linear-unreachable`, `linear-rate-limited`, `linear-failed`; FatalError `linear-unauthorized`,
   * `linear-forbidden`, `linear-not-found`, `linear-refused`; ProtocolError `linear-nonsense`.
   */
  call: <T>(workspace: string, operation: Operation<T>, variables: Record<string, unknown>, options: CallOptions) => Promise<T>
  /** Every node of a connection, page after page, from `first` on where it is known. */
  pages: <T, N>(
    workspace: string,
    operation: Operation<T>,
    variables: Record<string, unknown>,
    options: CallOptions,
    pageOf: (answer: T) => Page<N>,
    first?: Page<N>,
  ) => Promise<N[]>
  /** As `call`, but with a token that belongs to no workspace yet. */
  callWith: <T>(token: string, operation: Operation<T>, variables: Record<string, unknown>) => Promise<T>
  /** Whether something that nobody waits for may be said now. */
  hasRoom: (workspace: string) => boolean
}

/** A page without its end would be asked for again and again. */
const mostPages = 200

export function createCalls(
  options: BucketClock & { apiUrl: string; workspaces: () => Workspaces; timeout?: number | undefined },
): LinearCalls {
  const { apiUrl, workspaces, now, timeout = 15_000 } = options
  const buckets = new Map<string, Bucket>()
  const bucketOf = (workspace: string): Bucket => {
    const known = buckets.get(workspace) ?? createBucket(options)
    buckets.set(workspace, known)
    return known
  }

  /** One request and its answer, whatever that says. */
  async function request(what: string, document: string, variables: unknown, token: string, signal?: AbortSignal) {
    // Loaded by the first call: everything that Signalbox does without Linear is spared its size.
    const { LinearClient } = await import('@linear/sdk')
    const limit = AbortSignal.timeout(timeout)
    const both = signal === undefined ? limit : AbortSignal.any([limit, signal])
    const { client } = new LinearClient({ accessToken: token, apiUrl, signal: both })
    try {
      const { data, headers } = await client.rawRequest<unknown, Record<string, unknown>>(document, variables as Record<string, unknown>)
      return { data, headers: headers as Headers }
    } catch (error) {
      signal?.throwIfAborted()
      const refusal = toRefusal(error)
      if (refusal === null) throw toUnreachable(what, error)
      return { refusal, headers: refusal.headers }
    }
  }

  function check<T>(what: string, { answer }: Operation<T>, data: unknown): T {
    const parsed: z.ZodSafeParseResult<T> = answer.safeParse(data)
    if (!parsed.success) throw toNonsense(what, parsed.error.issues)
    return parsed.data
  }

  async function once<T>(workspace: string, operation: Operation<T>, variables: Record<string, unknown>, signal?: AbortSignal): Promise<T> {
    const what = nameOf(operation.document)
    const bucket = bucketOf(workspace)
    let token = await workspaces().token(workspace)
    for (let attempt = 1; ; attempt++) {
      const { data, refusal, headers } = await request(what, operation.document, variables, token, signal)
      bucket.observe(headers)
      if (refusal === undefined) {
        bucket.accept()
        return check(what, operation, data)
      }
      const failure = toFailure(what, refusal, now())
      if (failure.code === 'linear-rate-limited') {
        const { at, exact } = resetOf(refusal.headers, now())
        bucket.refuse(at, exact)
      }
      if (failure.code !== 'linear-unauthorized') throw failure
      if (attempt > 1) {
        workspaces().setHealth(workspace, 'unauthorized', 'Linear refuses even a fresh token.')
        throw failure
      }
      token = await workspaces().replace(workspace, token)
    }
  }

  const call: LinearCalls['call'] = (workspace, operation, variables, { priority, signal }) =>
    bucketOf(workspace).run(priority, () => once(workspace, operation, variables, signal), signal)

  return {
    call,
    async pages(workspace, operation, variables, callOptions, pageOf, first) {
      const nodes = [...(first?.nodes ?? [])]
      let info = first?.pageInfo ?? { hasNextPage: true, endCursor: null }
      for (let count = 0; info.hasNextPage; count++) {
        if (count === mostPages)
          throw new FatalError('linear-refused', `Linear has more than ${mostPages} pages (${nameOf(operation.document)}).`)
        const page = pageOf(await call(workspace, operation, { ...variables, after: info.endCursor }, callOptions))
        nodes.push(...page.nodes)
        info = page.pageInfo
      }
      return nodes
    },
    async callWith(token, operation, variables) {
      const what = nameOf(operation.document)
      const { data, refusal } = await request(what, operation.document, variables, token)
      if (refusal !== undefined) throw toFailure(what, refusal, now())
      return check(what, operation, data)
    },
    hasRoom: (workspace) => bucketOf(workspace).hasRoom(),
  }
}

/** The name of an operation in its document. */
const nameOf = (document: string): string => /(?:query|mutation) (\w+)/.exec(document)?.[1] ?? 'a call'

/** What the client throws, as an answer; null when there was none. */
function toRefusal(error: unknown): Refusal | null {
  if (error instanceof SignalboxError) throw error
  const response = (error as { raw?: { response?: { status?: unknown; headers?: unknown } } }).raw?.response
  if (response === undefined || typeof response.status !== 'number' || !(response.headers instanceof Headers)) return null
  return { status: response.status, headers: response.headers, body: response }
}
