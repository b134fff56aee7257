// Whose turn it is: a pure decision over who holds a place and who waits.

import type { CapacityContext, CapacityRequest } from './context.ts'

/** 1 is the most urgent, no priority the least. */
const urgency = (request: CapacityRequest): number => (request.priority === 0 ? 5 : request.priority)

/** By urgency; then to the project that holds fewest; then to the one whose last turn is longest ago; then in order of arrival. */
function nextOf(c: CapacityContext): CapacityRequest | undefined {
  const held = (project: string): number => c.holders.filter((holder) => holder.project === project).length
  const turn = (project: string): number => c.lastGrant[project] ?? 0
  const [next] = c.waiting
    .filter((request) => !c.paused.includes(request.project))
    .sort(
      (a, b) => urgency(a) - urgency(b) || held(a.project) - held(b.project) || turn(a.project) - turn(b.project) || a.arrival - b.arrival,
    )
  return next
}

/** Grants every free place. */
export function nextGrants(before: CapacityContext): { context: CapacityContext; granted: CapacityRequest[] } {
  let context = before
  const granted: CapacityRequest[] = []
  while (!context.closed && !context.pausedAll && context.holders.length < context.limit) {
    const next = nextOf(context)
    if (!next) break
    granted.push(next)
    const grants = context.grants + 1
    context = {
      ...context,
      grants,
      lastGrant: { ...context.lastGrant, [next.project]: grants },
      holders: [...context.holders, { issue: next.issue, project: next.project }],
      waiting: context.waiting.filter((request) => request.issue !== next.issue),
    }
  }
  return { context, granted }
}

/** What an operator has decided that keeps places from a project, however many are free; null when nothing does. */
export const heldBack = (c: CapacityContext, project: string): 'draining' | 'paused' | null =>
  c.closed ? 'draining' : c.pausedAll || c.paused.includes(project) ? 'paused' : null
