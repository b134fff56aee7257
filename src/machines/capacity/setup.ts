// What the names in the capacity's chart mean.

import { assign, enqueueActions, setup } from 'xstate'
import { nextGrants, type CapacityContext, type CapacityRequest } from './policy.ts'

export interface CapacityInput {
  limit: number
}

export type CapacityEvent =
  | { type: 'capacity.requested'; issue: string; project: string; priority: number; at?: number }
  | { type: 'capacity.withdrawn' | 'capacity.released'; issue: string; at?: number }
  /** At boot: who really holds a place, and who waits for one; whoever is in neither list has lost a message. */
  | { type: 'capacity.reconciled'; holders: { issue: string; project: string }[]; waiting: CapacityRequest[]; at?: number }
  | { type: 'capacity.limited'; limit: number; at?: number }
  | { type: 'operator.paused' | 'operator.resumed'; project?: string; at?: number }
  | { type: 'operator.drained'; at?: number }

export const createContext = ({ input }: { input?: CapacityInput }): CapacityContext => ({
  limit: input?.limit ?? 4,
  holders: [],
  waiting: [],
  arrivals: 0,
  pausedAll: false,
  paused: [],
  closed: false,
})

type Of<T extends CapacityEvent['type']> = Extract<CapacityEvent, { type: T }>

export const capacitySetup = setup({
  types: {
    context: {} as CapacityContext,
    input: {} as CapacityInput,
    events: {} as CapacityEvent,
    emitted: {} as { type: 'capacity.granted'; issue: string },
    meta: {} as { description: string },
  },
  actions: {
    enqueueRequest: assign(({ context: c, event }) => {
      const { issue, project, priority } = event as Of<'capacity.requested'>
      if (c.waiting.some((request) => request.issue === issue)) return {}
      // A holder that asks again has lost its run: the place it had is not its place any more.
      const holders = c.holders.filter((holder) => holder.issue !== issue)
      const arrivals = c.arrivals + 1
      return { arrivals, holders, waiting: [...c.waiting, { issue, project, priority, arrival: arrivals }] }
    }),
    forgetIssue: assign(({ context: c, event }) => {
      const { issue } = event as { issue: string }
      return {
        holders: c.holders.filter((holder) => holder.issue !== issue),
        waiting: c.waiting.filter((request) => request.issue !== issue),
      }
    }),
    takeHolders: assign(({ event }) => {
      const { holders, waiting } = event as Of<'capacity.reconciled'>
      return { holders, waiting, arrivals: Math.max(0, ...waiting.map((request) => request.arrival)) }
    }),
    takeLimit: assign(({ event }) => ({ limit: (event as Of<'capacity.limited'>).limit })),
    pause: assign(({ context: c, event }) => {
      const { project } = event as { project?: string }
      return project === undefined ? { pausedAll: true } : { paused: [...c.paused.filter((other) => other !== project), project] }
    }),
    resume: assign(({ context: c, event }) => {
      const { project } = event as { project?: string }
      return project === undefined ? { pausedAll: false, paused: [] } : { paused: c.paused.filter((other) => other !== project) }
    }),
    closeDoor: assign({ closed: true }),
    openDoor: assign({ closed: false }),
    grant: enqueueActions(({ context: c, enqueue }) => {
      const { context, granted } = nextGrants(c)
      enqueue.assign(context)
      for (const { issue } of granted) enqueue.emit({ type: 'capacity.granted', issue })
    }),
  },
})
