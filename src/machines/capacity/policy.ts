// Whose turn it is: a pure decision over who holds a place and who waits.

export interface CapacityRequest {
  issue: string
  project: string
  /** 0 none, 1 urgent … 4 low. */
  priority: number
  arrival: number
}

export interface CapacityContext {
  limit: number
  holders: { issue: string; project: string }[]
  waiting: CapacityRequest[]
  arrivals: number
  pausedAll: boolean
  paused: string[]
  /** Draining: nothing is granted. */
  closed: boolean
}

/** 1 is the most urgent, no priority the least. */
const urgency = (request: CapacityRequest): number => (request.priority === 0 ? 5 : request.priority)

/** Grants every free place: by urgency, then to the project that holds fewest, then in order of arrival. */
export function nextGrants(before: CapacityContext): { context: CapacityContext; granted: CapacityRequest[] } {
  let context = before
  const granted: CapacityRequest[] = []
  while (!context.closed && !context.pausedAll && context.holders.length < context.limit) {
    const held = (project: string): number => context.holders.filter((holder) => holder.project === project).length
    const [next] = context.waiting
      .filter((request) => !context.paused.includes(request.project))
      .sort((a, b) => urgency(a) - urgency(b) || held(a.project) - held(b.project) || a.arrival - b.arrival)
    if (!next) break
    granted.push(next)
    context = {
      ...context,
      holders: [...context.holders, { issue: next.issue, project: next.project }],
      waiting: context.waiting.filter((request) => request.issue !== next.issue),
    }
  }
  return { context, granted }
}
