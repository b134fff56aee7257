// What the names in the reconciliation's chart mean.

import { assign, fromPromise, setup } from 'xstate'
import type { Answer, ReconciliationContext } from './context.ts'
import type { ReconciliationEvent } from './events.ts'
import * as guards from './guards.ts'
import { everyoneAfter, longer } from './policy.ts'

export const askInput = ({ context }: { context: ReconciliationContext }) => context.turn

const take = (change: (c: ReconciliationContext, event: never, at: number) => Partial<ReconciliationContext>) =>
  assign<ReconciliationContext, ReconciliationEvent, undefined, ReconciliationEvent, never>(({ context, event }) => {
    const at = Math.max(context.now, (event as { at?: number }).at ?? 0)
    return { now: at, ...change(context, event as never, at) }
  })

export const reconciliationSetup = setup({
  types: {
    context: {} as ReconciliationContext,
    events: {} as ReconciliationEvent,
    meta: {} as { description: string },
  },
  actors: {
    askForFacts: fromPromise<Answer, ReconciliationContext['turn']>(async () => {
      throw new Error("The effect 'askForFacts' is not provided")
    }),
  },
  guards,
  delays: { pause: ({ context: { pace, pause } }) => Math.min(pace.longest, Math.max(pace.shortest, pause)) },
  actions: {
    takePace: take((_c, { pace }: Extract<ReconciliationEvent, { type: 'pace.changed' }>) => ({ pace })),
    rememberWanted: take((c, { issue }: Extract<ReconciliationEvent, { type: 'facts.wanted' }>) => ({
      wanted: [...c.wanted.filter((other) => other !== issue), issue],
    })),
    takeTurn: take((c, _event, at) => {
      const everyone = at - c.askedAllAt >= everyoneAfter(c.pace)
      return { wanted: [], turn: { issues: c.wanted, everyone }, askedAllAt: everyone ? at : c.askedAllAt }
    }),
    hurry: take((c) => ({ pause: c.pace.shortest })),
    slowDown: take((c) => ({ pause: longer(c.pause, c.pace) })),
  },
})
