// What the names in the capacity's chart mean.

import { assign, enqueueActions, setup } from 'xstate'
import type { CapacityContext, CapacityInput } from './context.ts'
import type { CapacityEvent } from './events.ts'
import * as guards from './guards.ts'
import { dayOf, firstRoom, newDay, nextGrants, nextMidnight } from './policy.ts'

type Of<T extends CapacityEvent['type']> = Extract<CapacityEvent, { type: T }>

/** An assignment that also keeps the time of the event: delays have no other clock. */
const take = (change: (c: CapacityContext, event: never) => Partial<CapacityContext>) =>
  assign<CapacityContext, CapacityEvent, undefined, CapacityEvent, never>(({ context, event }) => {
    const now = Math.max(context.now, (event as { at?: number }).at ?? 0)
    return { now, ...change({ ...context, now }, event as never) }
  })

/** What is of the day that it is now. */
const today = (c: CapacityContext): CapacityContext => (dayOf(c.now) === c.day ? c : { ...c, ...newDay(c.now) })

const without = (list: string[], one: string): string[] => list.filter((other) => other !== one)

export const capacitySetup = setup({
  types: {
    context: {} as CapacityContext,
    input: {} as CapacityInput,
    events: {} as CapacityEvent,
    emitted: {} as { type: 'capacity.granted'; issue: string; request?: number; agent?: string },
    meta: {} as { description: string },
  },
  guards,
  delays: {
    midnight: ({ context }) => Math.max(0, nextMidnight(context) - context.now),
    room: ({ context }) => Math.max(0, firstRoom(context) - context.now),
  },
  actions: {
    enqueueRequest: take((c, { issue, project, priority, request, agents }: Of<'capacity.requested'>) => {
      const arrival = c.arrivals + 1
      return {
        arrivals: arrival,
        // A holder that asks again has lost its run: the place it had is not its place any more.
        holders: c.holders.filter((holder) => holder.issue !== issue),
        waiting: [
          ...c.waiting,
          { issue, project, priority, arrival, ...(request === undefined ? {} : { request }), ...(agents === undefined ? {} : { agents }) },
        ],
      }
    }),
    // Only of one who waits: it may have been granted meanwhile. Its turn is still that of its request.
    rememberPriority: take((c, { issue, priority }: Of<'capacity.urged'>) => ({
      waiting: c.waiting.map((request) => (request.issue === issue ? { ...request, priority } : request)),
    })),
    forgetIssue: take((c, { issue }: Of<'capacity.released'>) => ({
      holders: c.holders.filter((holder) => holder.issue !== issue),
      waiting: c.waiting.filter((request) => request.issue !== issue),
    })),
    takeHolders: take((c, { holders, waiting }: Of<'capacity.reconciled'>) => ({
      holders,
      waiting,
      arrivals: Math.max(c.arrivals, ...waiting.map((request) => request.arrival)),
    })),
    takeLimit: take((_c, { limit, budgets }: Of<'capacity.limited'>) => ({ limit, ...(budgets === undefined ? {} : { budgets }) })),

    // money
    // Told twice, it is spent once: what is known of the issue goes before what it says was told before.
    takeSpending: take((c, { issue, project, usd, before }: Of<'capacity.spent'>) => {
      const { day, spent, known, lifted } = today(c)
      const told = Math.max(before, known[issue] ?? 0)
      if (usd <= told) return { day, spent, known, lifted }
      return {
        day,
        spent: { ...spent, [project]: (spent[project] ?? 0) + usd - told },
        known: { ...known, [issue]: usd },
        lifted,
      }
    }),
    beginDay: take((c) => newDay(c.now)),
    liftBudget: take((c, { project }: Of<'operator.budgetLifted'>) => {
      const { day, spent, known, lifted } = today(c)
      const projects = project === undefined ? Object.keys(c.budgets.projects) : [...without(lifted.projects, project), project]
      return { day, spent, known, lifted: { all: lifted.all || project === undefined, projects } }
    }),

    // agents
    // The later of two times: who heard of it first may have heard only that there is none at the moment.
    takeShortage: take((c, { agent, until, reason }: Of<'agent.exhausted'>) => {
      const known = c.shortages[agent]
      return until <= Math.max(c.now, known?.until ?? 0) ? {} : { shortages: { ...c.shortages, [agent]: { until, reason } } }
    }),
    endShortage: take((c, { agent }: Of<'agent.restored'>) => ({
      shortages: Object.fromEntries(Object.entries(c.shortages).filter(([name]) => name !== agent)),
    })),
    endShortages: take((c) => ({ shortages: Object.fromEntries(Object.entries(c.shortages).filter(([, { until }]) => until > c.now)) })),

    pause: take((c, { project }: Of<'operator.paused'>) =>
      project === undefined ? { pausedAll: true } : { paused: [...without(c.paused, project), project] },
    ),
    resume: take((c, { project }: Of<'operator.resumed'>) =>
      project === undefined ? { pausedAll: false, paused: [] } : { paused: without(c.paused, project) },
    ),
    closeDoor: take(() => ({ closed: true })),
    openDoor: take(() => ({ closed: false })),
    grant: enqueueActions(({ context: c, enqueue }) => {
      const { context, granted } = nextGrants(c)
      enqueue.assign(context)
      for (const { issue, request, agent } of granted) {
        enqueue.emit({
          type: 'capacity.granted',
          issue,
          ...(request === undefined ? {} : { request }),
          ...(agent === undefined ? {} : { agent }),
        })
      }
    }),
  },
})
