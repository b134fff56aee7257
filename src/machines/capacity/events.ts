// Everything that can happen to the capacity actor: what issues ask, and what operators decide.

import type { CapacityRequest, DayBudgets, Holder } from './context.ts'

export type CapacityEvent =
  | { type: 'capacity.requested'; issue: string; project: string; priority: number; request?: number; agents?: string[]; at?: number }
  /** The priority of one who waits has changed. */
  | { type: 'capacity.urged'; issue: string; priority: number; at?: number }
  | { type: 'capacity.withdrawn' | 'capacity.released'; issue: string; at?: number }
  /** At boot: who really holds a place, and who waits for one; whoever is in neither list has lost a message. */
  | { type: 'capacity.reconciled'; holders: Holder[]; waiting: CapacityRequest[]; at?: number }
  | { type: 'capacity.limited'; limit: number; budgets?: DayBudgets; at?: number }
  /** US dollars: all that the issue has spent ever, and what of it was told before. */
  | { type: 'capacity.spent'; issue: string; project: string; usd: number; before: number; at?: number }
  /** The provider of an agent has no room before `until` (epoch ms), or has some again. */
  | { type: 'agent.exhausted'; agent: string; until: number; reason: string; at?: number }
  | { type: 'agent.restored'; agent: string; at?: number }
  | { type: 'operator.paused' | 'operator.resumed'; project?: string; at?: number }
  | { type: 'operator.drained'; at?: number }
  /** What the day's budgets hold back may start, until the day ends: that of one project, or all. */
  | { type: 'operator.budgetLifted'; project?: string; at?: number }
