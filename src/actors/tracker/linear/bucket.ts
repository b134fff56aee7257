// Owns when a workspace may be asked: what a person waits for goes first, and polling leaves something for the others.
// Does not own what an answer means. Invariants: no call starts while the workspace is paused; a waiting call of a higher
// priority starts before one of a lower.

import { RetryableError } from '../../../errors.ts'

export type Priority = 'human' | 'report' | 'polling'

export interface BucketClock {
  now: () => number
  after: (ms: number, callback: () => void) => () => void
}

export interface Bucket {
  /** Runs `work` in its turn. Throws RetryableError `linear-rate-limited` when its turn would come too late. */
  run: <T>(priority: Priority, work: () => Promise<T>, signal?: AbortSignal) => Promise<T>
  /** Takes in what an answer's headers say of the limits. */
  observe: (headers: Headers) => void
  /**
   * Linear has refused a call for its limits, which are full again at `reset` (epoch ms). `exact`: it takes none before. Else its limits
   * fill up all the while: it is asked again after a pause, which grows with each refusal in a row.
   */
  refuse: (reset: number, exact: boolean) => void
  /** Linear has answered a call. */
  accept: () => void
  /** Whether a call that nobody waits for would be taken at once. */
  hasRoom: () => boolean
}

const priorities = ['human', 'report', 'polling'] as const

/** How many calls may be under way before one of this priority starts: there is always a place left for a person. */
const places: Record<Priority, number> = { human: 10, report: 6, polling: 4 }

/** The part of a limit that is left to those of a higher priority. */
const reserves: Record<Priority, number> = { human: 0, report: 0.05, polling: 0.2 }

/** A call that would have to wait longer than this for the limits is sent away, to come again. */
const patience: Record<Priority, number> = { human: 30_000, report: 15_000, polling: 5_000 }

const firstPause = 15_000

/** Linear fills its limits up evenly over this time. */
const period = 3_600_000

interface Limit {
  limit: number
  remaining: number
  at: number
}

interface Waiter {
  priority: Priority
  start: () => void
  leave: (error: unknown) => void
}

export function createBucket({ now, after }: BucketClock): Bucket {
  const limits = new Map<'Requests' | 'Complexity', Limit>()
  const waiting: Waiter[] = []
  let underWay = 0
  let pausedUntil = 0
  let refusals = 0
  let cancelWake: (() => void) | undefined

  const left = ({ limit, remaining, at }: Limit): number => Math.min(limit, remaining + ((now() - at) / period) * limit)

  /** Milliseconds until a call of the priority may start, places apart. */
  function delayOf(priority: Priority): number {
    const delays = [...limits.values()].map((one) => {
      const missing = Math.max(1, reserves[priority] * one.limit) - left(one)
      return missing <= 0 ? 0 : Math.ceil((missing / one.limit) * period)
    })
    return Math.max(0, pausedUntil - now(), ...delays)
  }

  const mayStart = (priority: Priority): boolean => underWay < places[priority] && delayOf(priority) === 0

  function startWaiting(): void {
    cancelWake?.()
    cancelWake = undefined
    for (const one of waiting.filter(({ priority }) => delayOf(priority) > patience[priority])) one.leave(limited(one.priority))
    for (const priority of priorities) {
      for (;;) {
        const next = waiting.findIndex((one) => one.priority === priority)
        if (next === -1) break
        if (!mayStart(priority)) break
        waiting.splice(next, 1)[0]!.start()
      }
    }
    const delays = waiting.map(({ priority }) => delayOf(priority)).filter((delay) => delay > 0)
    if (delays.length > 0) cancelWake = after(Math.min(...delays), startWaiting)
  }

  const limited = (priority: Priority): RetryableError =>
    new RetryableError(
      'linear-rate-limited',
      'The limits of the Linear workspace are used up for the moment; it is tried again by itself.',
      {
        retryAfter: Math.max(1_000, delayOf(priority)),
      },
    )

  /** Resolves when the call may start; its place is then taken. */
  function turn(priority: Priority, signal?: AbortSignal): Promise<void> {
    if (delayOf(priority) > patience[priority]) return Promise.reject(limited(priority))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = (error: unknown): void => {
      const at = waiting.indexOf(waiter)
      if (at === -1) return
      waiting.splice(at, 1)
      reject(error)
    }
    const abort = (): void => leave(signal!.reason)
    const waiter: Waiter = {
      priority,
      start: () => {
        underWay += 1
        for (const one of limits.values()) one.remaining -= 1
        resolve()
      },
      leave,
    }
    signal?.addEventListener('abort', abort, { once: true })
    waiting.push(waiter)
    startWaiting()
    return promise.finally(() => signal?.removeEventListener('abort', abort))
  }

  return {
    async run(priority, work, signal) {
      signal?.throwIfAborted()
      await turn(priority, signal)
      try {
        return await work()
      } finally {
        underWay -= 1
        startWaiting()
      }
    },
    observe(headers) {
      for (const name of ['Requests', 'Complexity'] as const) {
        const limit = numberOf(headers, `x-ratelimit-${name}-limit`)
        const remaining = numberOf(headers, `x-ratelimit-${name}-remaining`)
        if (limit !== null && limit > 0 && remaining !== null) limits.set(name, { limit, remaining, at: now() })
      }
      startWaiting()
    },
    refuse(reset, exact) {
      const growing = now() + firstPause * 2 ** refusals
      refusals += 1
      pausedUntil = Math.max(pausedUntil, exact ? reset : Math.min(reset, growing))
      startWaiting()
    },
    accept() {
      refusals = 0
    },
    hasRoom: () => waiting.length === 0 && mayStart('polling'),
  }
}

function numberOf(headers: Headers, name: string): number | null {
  const text = headers.get(name)
  const value = text === null || text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : null
}
