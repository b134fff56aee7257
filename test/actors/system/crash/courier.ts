// Machines that use every way in which the world and time come in; they count by name what reaches them.

import { assign, enqueueActions, fromCallback, fromPromise, sendParent, setup } from 'xstate'
import { defineActor } from '../../../../src/actors/system/index.ts'

export type Task = 'timer' | 'fetch' | 'flaky' | 'say' | 'help' | 'slow' | 'note'

export interface Hop {
  address: string
  tasks: Task[]
}

interface Parcel {
  key: string
  hops: Hop[]
  at?: number
}

type CourierEvent =
  | ({ type: 'tick' } & Parcel)
  | ({ type: 'passed' } & Parcel)
  | { type: 'ring'; key: string; due: number; at?: number }
  | { type: 'cancel'; key: string }
  | { type: 'said'; key: string }
  | { type: 'helping'; key: string }

type Counts = Record<string, number>
const plusOne = (counts: Counts, name: string): Counts => ({ ...counts, [name]: (counts[name] ?? 0) + 1 })

interface Delivered {
  what: string
  key: string
}
const elsewhere = (): Promise<Delivered> => Promise.reject(new Error('given by the program'))
const fetch = fromPromise<Delivered, { key: string }>(elsewhere)

const helper = setup({
  types: { input: {} as { key: string }, context: {} as { key: string; ok: boolean } },
  actors: { fetch },
}).createMachine({
  id: 'helper',
  context: ({ input }) => ({ key: input.key, ok: false }),
  entry: sendParent(({ context }) => ({ type: 'helping', key: context.key })),
  initial: 'waiting',
  states: {
    waiting: { after: { 5: 'fetching' } },
    fetching: {
      invoke: {
        src: 'fetch',
        id: 'fetch',
        input: ({ context }) => ({ key: `h${context.key}` }),
        onDone: { target: 'ended', actions: assign({ ok: true }) },
        onError: 'ended',
      },
    },
    ended: { type: 'final' },
  },
  output: ({ context }) => ({ what: context.ok ? 'help' : 'helpless', key: context.key }),
})

/** The next hop of a parcel is `KEY-N`; a parcel's own key ends in its hop's number. */
export const hopKey = (id: string, hop: number): string => `${id}-${hop}`
const nextKey = (key: string): string => {
  const [id, hop] = key.split('-') as [string, string]
  return hopKey(id, Number(hop) + 1)
}

/** A child's last event; its type holds the child's id, so that the machine's events do not name it. */
interface Ended {
  actorId: string
  output: Delivered
  error: { undelivered?: { type: 'say'; key: string }[] }
}
const delivered = ({ event }: { event: unknown }): string => {
  const { what, key } = (event as Ended).output
  return `${what}:${key}`
}

const courier = setup({
  types: { events: {} as CourierEvent, context: {} as { counts: Counts; radio: boolean } },
  actors: {
    fetch,
    flaky: fromPromise<Delivered, { key: string }>(elsewhere),
    slow: fromPromise<Delivered, { key: string }>(elsewhere),
    radio: fromCallback(() => {}),
    helper,
  },
  actions: {
    count: assign({ counts: ({ context }, name: string) => plusOne(context.counts, name) }),
    work: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'tick' && event.type !== 'passed') return
      const [hop, ...hops] = event.hops
      const { key } = event
      for (const task of hop!.tasks) {
        if (task === 'timer') {
          const delay = 5 + (key.length % 7)
          enqueue.raise({ type: 'ring', key, due: event.at! + delay }, { delay, id: `ring-${key}` })
        } else if (task === 'note') enqueue.emit({ type: 'noted', key } as never)
        else if (task === 'say') {
          if (!context.radio) enqueue.spawnChild('radio', { id: 'radio' })
          enqueue.assign({ radio: true })
          enqueue.sendTo('radio', { type: 'say', key })
        } else if (task === 'slow') {
          enqueue.spawnChild('slow', { id: `slow-${key}`, input: { key } })
          enqueue.raise({ type: 'cancel', key }, { delay: 15, id: `cancel-${key}` })
        } else if (task === 'help') enqueue.spawnChild('helper', { id: `help-${key}`, input: { key } })
        else enqueue.spawnChild(task, { id: `${task}-${key}`, input: { key } })
      }
      if (hops.length > 0) enqueue.emit({ type: 'passed', key: nextKey(key), hops } as never)
    }),
    end: enqueueActions(({ event, enqueue }) => {
      enqueue.stopChild((event as unknown as Ended).actorId)
    }),
    /** An interrupted radio is switched on again and told what the former one never acknowledged. */
    resume: enqueueActions(({ event, enqueue }) => {
      const { error } = event as unknown as Ended
      enqueue.stopChild('radio')
      enqueue.spawnChild('radio', { id: 'radio' })
      for (const message of error.undelivered ?? []) enqueue.sendTo('radio', message as never)
    }),
  },
}).createMachine({
  id: 'courier',
  context: { counts: {}, radio: false },
  on: {
    tick: { actions: [{ type: 'count', params: ({ event }) => `tick:${event.key}` }, 'work'] },
    passed: { actions: [{ type: 'count', params: ({ event }) => `tick:${event.key}` }, 'work'] },
    ring: { actions: { type: 'count', params: ({ event }) => `${event.at! < event.due ? 'early' : 'ring'}:${event.key}` } },
    cancel: {
      actions: [
        { type: 'count', params: ({ event }) => `cancel:${event.key}` },
        enqueueActions(({ event, enqueue }) => enqueue.stopChild(`slow-${event.key}`)),
      ],
    },
    said: { actions: { type: 'count', params: ({ event }) => `said:${event.key}` } },
    helping: { actions: { type: 'count', params: ({ event }) => `helping:${event.key}` } },
    'xstate.done.actor.*': { actions: [{ type: 'count', params: delivered }, 'end'] },
    'xstate.error.actor.*': [
      { guard: ({ event }: { event: unknown }) => (event as Ended).actorId === 'radio', actions: 'resume' },
      { actions: [{ type: 'count', params: ({ event }: { event: unknown }) => `error:${(event as Ended).actorId}` }, 'end'] },
    ],
  },
})

export const actors = { courier: defineActor(courier, { version: 1 }) }

/** A parcel handed on goes to the courier of its next hop. */
export const routes = { passed: (report: Record<string, unknown>): string => (report['hops'] as Hop[])[0]!.address }
