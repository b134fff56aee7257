// The end of a job's log. GitHub sends us to a store of files for it, which gets none of our credentials.

import { RetryableError } from '../../../errors.ts'
import type { Client } from './client.ts'

const timeout = 15_000
/** Of a log that is longer, what comes after is not read. */
const longestLog = 64 * 2 ** 20

/** The last `bytes` of it. Throws as the client, and RetryableError `github-unreachable`. */
export async function readTail(
  client: Client,
  job: { owner: string; repo: string; job_id: number },
  bytes: number,
  what: string,
): Promise<string> {
  const { location } = await client.headers(
    'GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs',
    { ...job, request: { redirect: 'manual' } },
    { what },
  )
  if (typeof location !== 'string') return ''
  try {
    const response = await fetch(location, { signal: AbortSignal.timeout(timeout) })
    if (response.status === 404 || response.status === 410) return ''
    if (!response.ok) throw new Error(`status ${response.status}`)
    let tail = Buffer.alloc(0)
    let read = 0
    for await (const chunk of response.body ?? []) {
      tail = Buffer.concat([tail, chunk]).subarray(-bytes)
      read += chunk.byteLength
      if (read > longestLog) break
    }
    return tail.toString('utf8')
  } catch (error) {
    throw new RetryableError('github-unreachable', `${what} could not be fetched.`, { cause: error, retryAfter: 10_000 })
  }
}
