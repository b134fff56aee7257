// What the names in the landing queue's chart mean.

import { assign, enqueueActions, setup, stopChild } from 'xstate'
import type { EntryInput, EntryOutput } from '../entry/context.ts'
import { entryMachine } from '../entry/machine.ts'
import type { EntryRetry } from '../entry/policy.ts'
import {
  createEntry,
  toAbandoned,
  type Landable,
  type LandingRequest,
  type QueueContext,
  type QueueEntry,
  type QueueInput,
} from './context.ts'
import type { QueueEvent } from './events.ts'
import * as guards from './guards.ts'
import { arrange } from './line.ts'
import { isSame } from './policy.ts'

type Event = QueueEvent | { type: string; at?: number }
const take = (change: (c: QueueContext, event: never, at: number) => Partial<QueueContext>) =>
  assign<QueueContext, QueueEvent, undefined, QueueEvent, never>(({ context, event }) => {
    const at = Math.max(context.now, (event as Event).at ?? 0)
    return { now: at, ...change(context, event as never, at) }
  })

/** The entry that a report is about, with what it says. */
const told = (c: QueueContext, number: number, changes: Partial<QueueEntry>): QueueEntry[] =>
  c.entries.map((entry) => (entry.isBegun && entry.number === number ? { ...entry, ...changes } : entry))
/** Those who are not wanted any more: whoever has an actor goes when it has noted that. */
const released = (c: QueueContext, isUnwanted: (entry: QueueEntry) => boolean): QueueEntry[] =>
  c.entries
    .filter((entry) => entry.isBegun || !isUnwanted(entry))
    .map((entry) => (isUnwanted(entry) ? { ...entry, isLeaving: true } : entry))

const inputOf = ({ project, issue, key, number, headSha, place, isFirst, isLeaving }: QueueEntry, { retry }: QueueContext): EntryInput => ({
  ...{ project, issue, key, number, headSha, place, isFirst },
  isWithdrawn: isLeaving,
  ...(retry === undefined ? {} : { retry }),
})

export const queueSetup = setup({
  types: {
    context: {} as QueueContext,
    input: {} as QueueInput,
    events: {} as QueueEvent,
    meta: {} as { description: string },
  },
  actors: { entry: entryMachine },
  guards,
  actions: {
    keepTime: take(() => ({})),
    takeConfiguration: take((_c, { depth, retry }: { depth: number; retry?: EntryRetry }) => ({
      depth,
      ...(retry === undefined ? {} : { retry }),
    })),
    // A newer head of the same pull request takes the place of the older one's request.
    enqueue: take((c, request: LandingRequest, at) => ({
      entries: [...released(c, (entry) => entry.number === request.number), createEntry(request, at)],
    })),
    // Whoever stands in the line stays there; those who wait for a place are in the order of their urgency.
    rememberPriority: take((c, urged: Landable & { priority: number }) => ({
      entries: c.entries.map((entry) => (isSame(entry, urged) ? { ...entry, priority: urged.priority } : entry)),
    })),
    dequeue: take((c, gone: Landable) => ({ entries: released(c, (entry) => isSame(entry, gone)) })),
    rememberCommit: take((c, { number, commit }: { number: number; commit: string }) => ({
      entries: told(c, number, { commit, isPassedOver: false }),
    })),
    passOver: take((c, { number }: { number: number }) => ({ entries: told(c, number, { commit: null, isPassedOver: true }) })),
    takeBaseMove: take((c, { number, round }: { number: number; round: number }) => ({
      landed: null,
      entries: told(c, number, { commit: null, isPassedOver: false, place: { round, onto: null } }),
    })),
    forgetEntry: take((c, { actorId, output }: { actorId: string; output?: EntryOutput }) => ({
      entries: c.entries.filter((entry) => !entry.isBegun || String(entry.number) !== actorId),
      ...(output?.kind === 'landed' ? { landed: output.commit } : {}),
    })),
    // An actor that has been given up has told nobody: another one notes that its head has left.
    giveUp: take((c, { actorId }: { actorId: string }) => ({
      entries: c.entries.map((entry) => (entry.isBegun && String(entry.number) === actorId ? toAbandoned(entry) : entry)),
    })),
    dropEntry: stopChild(({ event }) => (event as unknown as { actorId: string }).actorId),

    /** Gives everybody their place; whoever has no actor yet gets one with it. */
    arrange: enqueueActions(({ context: c, enqueue, event }) => {
      const { entries, rounds } = arrange(c)
      const begun = new Map(c.entries.filter(({ isBegun }) => isBegun).map((entry) => [entry.number, entry]))
      enqueue.assign({ rounds, entries: entries.map((entry) => ({ ...entry, isBegun: entry.isBegun || isToBegin(entry) })) })
      for (const entry of entries) {
        const id = String(entry.number)
        const { place, isFirst } = entry
        if (isToBegin(entry)) enqueue.spawnChild('entry', { id, input: inputOf(entry, c) })
        if (!entry.isBegun) continue
        const known = begun.get(entry.number)!
        if (entry.isLeaving) {
          if (isUnwantedBy(event, entry)) enqueue.sendTo(id, { type: 'entry.withdrawn' })
        } else if (known.place?.round !== place?.round || known.isFirst !== isFirst) {
          enqueue.sendTo(id, { type: 'entry.placed', place, isFirst })
        }
      }
    }),
  },
})

const isToBegin = (entry: QueueEntry): boolean => !entry.isBegun && (entry.place !== null || entry.isLeaving)

/** Whether the event takes the entry out: its withdrawal, or the request of a newer head. */
function isUnwantedBy(event: Event, entry: QueueEntry): boolean {
  const { number, headSha } = event as unknown as Landable
  if (event.type === 'landing.withdrawn') return isSame(entry, { number, headSha })
  return event.type === 'landing.requested' && entry.number === number
}
