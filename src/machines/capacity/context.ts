// What the capacity actor knows: who holds a place, who waits for one, and whose turn it was.

export interface CapacityInput {
  limit: number
}

/** US dollars for a day in UTC; null is no limit. */
export interface DayBudgets {
  /** Of all projects together. */
  all: number | null
  /** By project, where it has one. */
  projects: Record<string, number>
}

/** An agent whose provider has no room before `until` (epoch ms). */
export interface Shortage {
  until: number
  reason: string
}

export interface CapacityRequest {
  issue: string
  project: string
  /** 0 none, 1 urgent … 4 low. */
  priority: number
  arrival: number
  /** The number that the issue gave the request; the grant carries it back. */
  request?: number
  /** The agents that may do the work, in their order; the grant names the first that has room. */
  agents?: string[]
}

export interface Holder {
  issue: string
  project: string
}

export interface CapacityContext {
  /** `at` of the last event. */
  now: number
  limit: number
  holders: Holder[]
  waiting: CapacityRequest[]
  arrivals: number
  grants: number
  /** By project: the number of the grant that it had last. */
  lastGrant: Record<string, number>
  pausedAll: boolean
  paused: string[]
  /** Draining: nothing is granted. */
  closed: boolean

  // money
  budgets: DayBudgets
  /** When the day began that `spent` is of, epoch ms. */
  day: number
  /** US dollars of that day, by project. */
  spent: Record<string, number>
  /** By issue: all that it has ever spent, as it was told that day. */
  known: Record<string, number>
  /** Budgets that an operator has lifted for that day. */
  lifted: { all: boolean; projects: string[] }

  /** By agent. */
  shortages: Record<string, Shortage>
}

export const createContext = ({ input }: { input?: CapacityInput }): CapacityContext => ({
  now: 0,
  limit: input?.limit ?? 4,
  holders: [],
  waiting: [],
  arrivals: 0,
  grants: 0,
  lastGrant: {},
  pausedAll: false,
  paused: [],
  closed: false,
  budgets: { all: null, projects: {} },
  day: 0,
  spent: {},
  known: {},
  lifted: { all: false, projects: [] },
  shortages: {},
})
