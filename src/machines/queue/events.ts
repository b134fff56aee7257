// Everything that can happen to a landing queue: what issues ask of it, what its entries report, and what is configured.

import type { EntryRetry } from '../entry/policy.ts'
import type { LandingRequest } from './context.ts'

/** From which pull request a report comes, and about which place. */
export interface Report {
  number: number
  round: number
  at?: number
}

export type QueueEvent =
  | ({ type: 'landing.requested'; at?: number } & LandingRequest)
  /** The priority of one in the queue has changed. */
  | { type: 'landing.urged'; number: number; headSha: string; priority: number; at?: number }
  | { type: 'landing.withdrawn'; number: number; headSha: string; reason: string; at?: number }
  | { type: 'queue.configured'; depth: number; retry?: EntryRetry; at?: number }
  | ({ type: 'entry.built'; commit: string } & Report)
  | ({ type: 'entry.passedOver' } & Report)
  | ({ type: 'entry.baseMoved' } & Report)
