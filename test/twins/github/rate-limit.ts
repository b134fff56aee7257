// GitHub's limits: a number of calls per hour and caller, and the secondary ones against bursts.

import type { World } from './state.ts'
import { Refusal } from './state.ts'

export interface Limits {
  /** Calls of the REST API per hour and caller. */
  rest: number
  /** Points of the GraphQL API per hour and caller. */
  graphql: number
  /** Calls of one caller at a time; beyond, the secondary limit answers. */
  concurrent: number
  /** Calls that make content, per minute and caller. */
  contentPerMinute: number
  /** Seconds that the secondary limit asks to wait. */
  retryAfter: number
}

interface Window {
  used: number
  resetAt: number
}

export class RateLimits {
  limits: Limits = { rest: 15_000, graphql: 10_000, concurrent: Infinity, contentPerMinute: Infinity, retryAfter: 60 }
  readonly #world: World
  readonly #windows = new Map<string, Window>()
  readonly #content = new Map<string, number[]>()
  readonly #underWay = new Map<string, number>()

  constructor(world: World) {
    this.#world = world
  }

  window(key: string, resource: 'rest' | 'graphql'): Window {
    const now = this.#world.clock.now()
    const name = `${resource}/${key}`
    let window = this.#windows.get(name)
    if (window === undefined || window.resetAt <= now) {
      window = { used: 0, resetAt: now + 3_600_000 }
      this.#windows.set(name, window)
    }
    return window
  }

  headers(key: string, resource: 'rest' | 'graphql'): Record<string, string> {
    const { used, resetAt } = this.window(key, resource)
    const limit = this.limits[resource]
    return {
      'X-RateLimit-Limit': String(limit),
      'X-RateLimit-Remaining': String(Math.max(0, limit - used)),
      'X-RateLimit-Used': String(used),
      'X-RateLimit-Reset': String(Math.ceil(resetAt / 1000)),
      'X-RateLimit-Resource': resource === 'rest' ? 'core' : 'graphql',
    }
  }

  /** Counts a call of the REST API; beyond the limit it is refused and not counted. */
  spend(key: string, resource: 'rest' | 'graphql'): boolean {
    const window = this.window(key, resource)
    if (window.used >= this.limits[resource]) return false
    window.used += 1
    return true
  }

  /** The caller's call is under way until the answer is called. Throws when there are too many, or too many that make content. */
  enter(key: string, makesContent: boolean): () => void {
    const refuse = () =>
      new Refusal(403, 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.', undefined, {
        'Retry-After': String(this.limits.retryAfter),
      })
    const under = this.#underWay.get(key) ?? 0
    if (under >= this.limits.concurrent) throw refuse()
    if (makesContent && this.limits.contentPerMinute !== Infinity) {
      const now = this.#world.clock.now()
      const recent = (this.#content.get(key) ?? []).filter((at) => at > now - 60_000)
      if (recent.length >= this.limits.contentPerMinute) throw refuse()
      this.#content.set(key, [...recent, now])
    }
    this.#underWay.set(key, under + 1)
    return () => this.#underWay.set(key, this.#underWay.get(key)! - 1)
  }
}
