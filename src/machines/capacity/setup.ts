// What the names in the capacity's chart mean.

import { assign, enqueueActions, setup } from 'xstate'
import type { CapacityContext, CapacityInput } from './context.ts'
import type { CapacityEvent } from './events.ts'
import * as guards from './guards.ts'
import { nextGrants } from './policy.ts'

type Of<T extends CapacityEvent['type']> = Extract<CapacityEvent, { type: T }>

const take = (change: (c: CapacityContext, event: never) => Partial<CapacityContext>) =>
  assign<CapacityContext, CapacityEvent, undefined, CapacityEvent, never>(({ context, event }) => change(context, event as never))

const without = (list: string[], one: string): string[] => list.filter((other) => other !== one)

export const capacitySetup = setup({
  types: {
    context: {} as CapacityContext,
    input: {} as CapacityInput,
    events: {} as CapacityEvent,
    emitted: {} as { type: 'capacity.granted'; issue: string; request?: number },
    meta: {} as { description: string },
  },
  guards,
  actions: {
    enqueueRequest: take((c, { issue, project, priority, request }: Of<'capacity.requested'>) => {
      const arrival = c.arrivals + 1
      return {
        arrivals: arrival,
        // A holder that asks again has lost its run: the place it had is not its place any more.
        holders: c.holders.filter((holder) => holder.issue !== issue),
        waiting: [...c.waiting, { issue, project, priority, arrival, ...(request === undefined ? {} : { request }) }],
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
    takeLimit: take((_c, { limit }: Of<'capacity.limited'>) => ({ limit })),
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
      for (const { issue, request } of granted) {
        enqueue.emit({ type: 'capacity.granted', issue, ...(request === undefined ? {} : { request }) })
      }
    }),
  },
})
