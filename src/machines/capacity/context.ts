// What the capacity actor knows: who holds a place, who waits for one, and whose turn it was.

export interface CapacityInput {
  limit: number
}

export interface CapacityRequest {
  issue: string
  project: string
  /** 0 none, 1 urgent … 4 low. */
  priority: number
  arrival: number
  /** The number that the issue gave the request; the grant carries it back. */
  request?: number
}

export interface Holder {
  issue: string
  project: string
}

export interface CapacityContext {
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
}

export const createContext = ({ input }: { input?: CapacityInput }): CapacityContext => ({
  limit: input?.limit ?? 4,
  holders: [],
  waiting: [],
  arrivals: 0,
  grants: 0,
  lastGrant: {},
  pausedAll: false,
  paused: [],
  closed: false,
})
