// Failures of the network and of GitHub that a test asks for, and the log of every call that came.

import { setTimeout as sleep } from 'node:timers/promises'

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

export interface Fault {
  match: (request: RequestRecord) => boolean
  /** How many calls it meets; without it, every one. */
  times?: number
  /** A status that is answered; `timeout` never answers, `half` breaks off in the middle of the body, `reset` before the first byte. */
  status: number | 'timeout' | 'half' | 'reset'
  /** Seconds, told as `Retry-After`. */
  retryAfter?: number
  /** `after`: the operation is done, and its answer is lost. */
  when?: 'before' | 'after'
  message?: string
}

export class Faults {
  #faults: { fault: Fault; left: number }[] = []

  /** Adds a fault; the answer takes it away again. */
  add(fault: Fault): () => void {
    const entry = { fault, left: fault.times ?? Infinity }
    this.#faults.push(entry)
    return () => {
      this.#faults = this.#faults.filter((each) => each !== entry)
    }
  }

  clear(): void {
    this.#faults = []
  }

  /** The fault that meets this call, which is counted as met. */
  take(request: RequestRecord): Fault | undefined {
    const entry = this.#faults.find((each) => each.left > 0 && each.fault.match(request))
    if (entry === undefined) return undefined
    entry.left -= 1
    return entry.fault
  }
}

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
