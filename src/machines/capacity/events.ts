// Everything that can happen to the capacity actor: what issues ask, and what operators decide.

import type { CapacityRequest, Holder } from './context.ts'

export type CapacityEvent =
  | { type: 'capacity.requested'; issue: string; project: string; priority: number; request?: number; at?: number }
  /** The priority of one who waits has changed. */
  | { type: 'capacity.urged'; issue: string; priority: number; at?: number }
  | { type: 'capacity.withdrawn' | 'capacity.released'; issue: string; at?: number }
  /** At boot: who really holds a place, and who waits for one; whoever is in neither list has lost a message. */
  | { type: 'capacity.reconciled'; holders: Holder[]; waiting: CapacityRequest[]; at?: number }
  | { type: 'capacity.limited'; limit: number; at?: number }
  | { type: 'operator.paused' | 'operator.resumed'; project?: string; at?: number }
  | { type: 'operator.drained'; at?: number }
