// Everything that can happen to the reconciliation from outside.

import type { Pace } from './policy.ts'

export type ReconciliationEvent =
  /** An issue has heard nothing for a while of something that it waits for. */
  | { type: 'facts.wanted'; issue: string; at?: number }
  /** The configuration's pace. */
  | { type: 'pace.changed'; pace: Pace; at?: number }
