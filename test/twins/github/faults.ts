// The log of every call that came to GitHub's twin, which its faults are matched with, and what GitHub says when something goes wrong.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault as FaultOf } from '../faults.ts'

/** A call as it is told to a fault's `match` and kept in `twin.requests`. */
export interface RequestRecord {
  method: string
  path: string
  /** The route's template (`GET /repos/{owner}/{repo}/pulls` without its method), `/graphql`, or `git-upload-pack` and `git-receive-pack`. */
  route: string
  body: string
  credential: 'app' | 'installation' | 'user' | 'none'
  /** The login that acts; an App acts as its bot. */
  login: string | undefined
  at: number
  /** Milliseconds, once answered. */
  duration: number | undefined
  /** Undefined while it is being answered, 0 when the connection was broken instead. */
  status: number | undefined
}

export type Fault = FaultOf<RequestRecord>

const MESSAGES: Record<number, string> = {
  401: 'Bad credentials',
  403: 'Resource not accessible by integration',
  404: 'Not Found',
  409: 'Conflict',
  422: 'Validation Failed',
  429: 'API rate limit exceeded',
  500: 'Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
}

export const messageOf = (fault: Fault): string =>
  fault.message ?? (typeof fault.status === 'number' ? (MESSAGES[fault.status] ?? `Status ${fault.status}`) : 'Server Error')

/** Waits that much of real time: a slow world. */
export const wait = (ms: number): Promise<void> => sleep(ms)
