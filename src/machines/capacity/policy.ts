// Whose turn it is: a pure decision over who holds a place, who waits, what the day has cost and which agents have room.

import type { CapacityContext, CapacityRequest, Shortage } from './context.ts'

/** Milliseconds of a day, which begins at midnight in UTC. */
const day = 86_400_000
export const dayOf = (at: number): number => at - (at % day)
export const nextMidnight = (c: CapacityContext): number => c.day + day

/** What the names of a project's budget and of that of all projects are here. */
const everything = ''
const spentIn = (c: CapacityContext, name: string): number =>
  name === everything ? Object.values(c.spent).reduce((sum, usd) => sum + usd, 0) : (c.spent[name] ?? 0)
const limitOf = ({ budgets }: CapacityContext, name: string): number | null =>
  name === everything ? budgets.all : (budgets.projects[name] ?? null)

/** The budgets of the day that are used up, lifted or not: names of projects, and '' for that of all projects together. */
export const overspent = (c: CapacityContext): string[] =>
  [everything, ...Object.keys(c.budgets.projects)].filter((name) => {
    const limit = limitOf(c, name)
    return limit !== null && spentIn(c, name) >= limit
  })

export const isLifted = ({ lifted }: CapacityContext, name: string): boolean =>
  name === everything ? lifted.all : lifted.projects.includes(name)

/** The budget of the day that holds the project back; null when there is none. */
const spentFor = (c: CapacityContext, project: string): string | null =>
  overspent(c).find((name) => !isLifted(c, name) && (name === everything || name === project)) ?? null

/** A new day: nothing is spent, and nothing lifted. */
export const newDay = (at: number): Pick<CapacityContext, 'day' | 'spent' | 'known' | 'lifted'> => ({
  day: dayOf(at),
  spent: {},
  known: {},
  lifted: { all: false, projects: [] },
})

/** The first agent of the request that has room: undefined where it names none, null where none has. */
function agentFor(c: CapacityContext, { agents = [] }: Pick<CapacityRequest, 'agents'>): string | null | undefined {
  return agents.length === 0 ? undefined : (agents.find((agent) => c.shortages[agent] === undefined) ?? null)
}

/** 1 is the most urgent, no priority the least. */
const urgency = (request: CapacityRequest): number => (request.priority === 0 ? 5 : request.priority)

/** By urgency; then to the project that holds fewest; then to the one whose last turn is longest ago; then in order of arrival. */
function nextOf(c: CapacityContext): CapacityRequest | undefined {
  const held = (project: string): number => c.holders.filter((holder) => holder.project === project).length
  const turn = (project: string): number => c.lastGrant[project] ?? 0
  const [next] = c.waiting
    .filter((request) => !c.paused.includes(request.project) && spentFor(c, request.project) === null && agentFor(c, request) !== null)
    .sort(
      (a, b) => urgency(a) - urgency(b) || held(a.project) - held(b.project) || turn(a.project) - turn(b.project) || a.arrival - b.arrival,
    )
  return next
}

/** A request whose turn it is, and the agent that is to do the work. */
export type Grant = CapacityRequest & { agent?: string }

/** Grants every free place. */
export function nextGrants(before: CapacityContext): { context: CapacityContext; granted: Grant[] } {
  let context = before
  const granted: Grant[] = []
  while (!context.closed && !context.pausedAll && context.holders.length < context.limit) {
    const next = nextOf(context)
    if (!next) break
    const agent = agentFor(context, next)
    granted.push({ ...next, ...(agent == null ? {} : { agent }) })
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

/** Why an issue gets no place, however many are free, and until when (epoch ms) where that is known. */
export interface Hold {
  party: 'operator' | 'capacity' | 'provider'
  reason: string
  until: number | null
}

const money = (usd: number): string => `${Math.round(usd * 100) / 100} USD`

/** What keeps places from an issue of the project; null when nothing does but that others are before it. */
export function heldBack(c: CapacityContext, { issue, project }: { issue: string; project: string }): Hold | null {
  const isPaused = c.pausedAll || c.paused.includes(project)
  if (c.closed || isPaused) {
    return { party: 'operator', reason: `${c.closed ? 'draining' : 'paused'}: \`signalbox resume\` lets runs start again`, until: null }
  }
  const spent = spentFor(c, project)
  if (spent !== null) {
    const whose = spent === everything ? 'all projects' : `the project ${spent}`
    const lift = spent === everything ? 'signalbox lift-budget' : `signalbox lift-budget ${spent}`
    const reason = `the budget of ${whose} for a day is used up (${money(spentIn(c, spent))} of ${money(limitOf(c, spent)!)}): \`${lift}\` lifts it for today`
    return { party: 'capacity', reason, until: nextMidnight(c) }
  }
  const request = c.waiting.find((one) => one.issue === issue)
  if (request === undefined || agentFor(c, request) !== null) return null
  const shortages = request.agents!.map((agent): [string, Shortage] => [agent, c.shortages[agent]!])
  return {
    party: 'provider',
    reason: shortages.map(([agent, { reason }]) => `${agent} has no room: ${reason}`).join('; '),
    until: Math.min(...shortages.map(([, { until }]) => until)),
  }
}

/** When the first agent has room again, epoch ms; now, where all have. */
export const firstRoom = ({ now, shortages }: CapacityContext): number => {
  const times = Object.values(shortages).map(({ until }) => until)
  return times.length === 0 ? now : Math.min(...times)
}
