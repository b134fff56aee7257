// How effects are run: what an embedder can say of each, what holds when nothing is said, and when a failure is tried again.

import type { AnyActorLogic } from 'xstate'
import { ConfigurationError, FatalError, ProtocolError, RetryableError } from '../../errors.ts'
import type { EffectRow } from '../../persistence/store.ts'
import { longestDelay } from './clock.ts'
import type { RandomSource } from './random.ts'

/** How an effect of one source is run. */
export interface EffectPolicy {
  /** Replaces the machine's own logic of this name. */
  logic?: AnyActorLogic
  /** Of a report: policies by which it is delivered as well, each in a line of its own, so that none waits for another. */
  also?: readonly string[]
  /** How many may run at once. Default 100. */
  limit?: number
  /** Effects of one pool share its places, first come, first served; each says the same `limit`. Default: a pool of its own. */
  pool?: string
  /** How often a rejected promise is tried, the first time included. Default 1; for the delivery of a report 20. */
  attempts?: number
  /** How often a FatalError of this code has to be met, attempts apart, before it is believed: services refuse by mistake as well. Default 1. */
  doubts?: (code: string) => number
  /** Milliseconds before the second attempt; doubled each time up to `max`, drawn uniformly from 0 (full jitter). Default 1,000 and 60,000. */
  backoff?: number | { initial: number; max?: number; factor?: number }
  /** Milliseconds from the first start over all attempts; then it is aborted and fails with code `deadline-exceeded`. */
  deadline?: number
  /** What becomes of one that was in flight when the process died. Default `interrupt`; for the delivery of a report `rerun`. */
  onRestart?: 'rerun' | 'interrupt'
}

export type CompletePolicy = EffectPolicy & Required<Omit<EffectPolicy, 'logic' | 'also' | 'deadline' | 'pool' | 'doubts'>>

/** A report's delivery is tried often and again after a restart; any other effect is not unless it says so. */
export function policyOf(
  policies: Readonly<Record<string, EffectPolicy>>,
  { src, child }: Pick<EffectRow, 'src' | 'child'>,
): CompletePolicy {
  const policy = policies[src] ?? {}
  const isReport = child === null
  return {
    limit: 100,
    backoff: 1_000,
    ...policy,
    attempts: policy.attempts ?? (isReport ? 20 : 1),
    onRestart: policy.onRestart ?? (isReport ? 'rerun' : 'interrupt'),
  }
}

/** Milliseconds until the next attempt after `thrown`, met `met` times by now; undefined when it is not tried again. */
export function retryDelay(
  { attempts, backoff, doubts }: CompletePolicy,
  attempt: number,
  { thrown, met }: { thrown: unknown; met: number },
  random: RandomSource,
): number | undefined {
  if (thrown === undefined || thrown instanceof ConfigurationError || thrown instanceof ProtocolError) return undefined
  if (thrown instanceof FatalError && met >= (doubts?.(thrown.code) ?? 1)) return undefined
  if (attempt >= attempts) return undefined
  const { initial, max = 60_000, factor = 2 } = typeof backoff === 'number' ? { initial: backoff } : backoff
  const jittered = Math.round(random() * Math.min(max, initial * factor ** (attempt - 1)))
  const asked = thrown instanceof RetryableError && Number.isFinite(thrown.retryAfter) ? Math.ceil(thrown.retryAfter) : 0
  return Math.min(Math.max(jittered, asked), longestDelay)
}
