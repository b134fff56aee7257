// The live feed's state: who listens to what, how far each has been sent, and the last messages for those who resume.
//
// Owns: the ring of messages and one position per client. Does not own: sockets.
// Invariants: a message is kept once, however many clients wait for it; a client that fell out of the ring is `lost`.

import { createStore } from '@xstate/store'
import type { LiveMessage } from '../app.ts'

export type LiveType = LiveMessage['type']

export interface Subscription {
  /** Undefined: every issue. `id` is the issue's immutable one, where `key` is not enough. */
  issue: { key: string; id: string } | null
  types: ReadonlySet<LiveType> | null
}

export interface KeptMessage {
  seq: number
  type: LiveType
  key: string | null
  id: string | null
  json: string
}

export interface LiveClient {
  subscription: Subscription
  /** The position of the next message to look at. Positions count all messages since the ring began. */
  position: number
  /** The last sequence number that was sent: where to resume. */
  sent: number
}

export interface LiveState {
  /** Changes whenever the ring begins anew: sequence numbers of another stream mean nothing. */
  stream: string
  messages: readonly KeptMessage[]
  /** The position of `messages[0]`. */
  first: number
  bytes: number
  /** The sequence number of the newest message, 0 before the first. */
  newest: number
  clients: Readonly<Record<string, LiveClient>>
}

/** `count` messages and `bytes` characters of them are kept; whichever is less. */
export function createLiveStore(limits: { count: number; bytes: number }, stream: string) {
  const context: LiveState = { stream, messages: [], first: 0, bytes: 0, newest: 0, clients: {} }
  return createStore({
    context,
    on: {
      published: (state, event: { messages: readonly KeptMessage[] }) => {
        const all = [...state.messages, ...event.messages]
        let bytes = state.bytes
        for (const message of event.messages) bytes += message.json.length
        let dropped = 0
        while (all.length - dropped > limits.count || (bytes > limits.bytes && dropped < all.length)) bytes -= all[dropped++]!.json.length
        const newest = event.messages.at(-1)?.seq ?? state.newest
        return { ...state, messages: dropped === 0 ? all : all.slice(dropped), first: state.first + dropped, bytes, newest }
      },
      subscribed: (state, event: { client: string; subscription: Subscription; position: number; sent: number }) => {
        const { subscription, position, sent } = event
        return { ...state, clients: { ...state.clients, [event.client]: { subscription, position, sent } } }
      },
      sent: (state, event: { client: string; position: number; seq: number }) => {
        const client = state.clients[event.client]
        if (client === undefined) return state
        return { ...state, clients: { ...state.clients, [event.client]: { ...client, position: event.position, sent: event.seq } } }
      },
      left: (state, event: { client: string }) => {
        const { [event.client]: _, ...clients } = state.clients
        return { ...state, clients }
      },
      restarted: (state, event: { stream: string }) => ({ ...state, stream: event.stream, messages: [], first: 0, bytes: 0, newest: 0 }),
    },
  })
}

/** Where the ring ends: the position that the next message will have. */
export function endOf(state: LiveState): number {
  return state.first + state.messages.length
}

/** Where a client that has seen `since` goes on, and whether messages before that may be missing. */
export function resume(state: LiveState, since: number, stream: string | undefined): { position: number; missed: boolean } {
  const isOfAnother = stream !== undefined && stream !== state.stream
  if (isOfAnother || since > state.newest) return { position: endOf(state), missed: true }
  const later = state.messages.findIndex((message) => message.seq > since)
  const position = later === -1 ? endOf(state) : state.first + later
  return { position, missed: since < knownSince(state, stream !== undefined) }
}

/** The sequence number after which nothing is missing. Who does not name the stream may come from an older one. */
function knownSince(state: LiveState, isOfThis: boolean): number {
  if (state.first === 0 && isOfThis) return 0
  const oldest = state.messages[0]
  if (oldest !== undefined) return oldest.seq - 1
  return isOfThis ? state.newest : Number.POSITIVE_INFINITY
}

/** Whether a message is one that the client asked for. */
export function isWanted(message: KeptMessage, { issue, types }: Subscription): boolean {
  if (types !== null && !types.has(message.type)) return false
  if (issue === null) return true
  return message.id === null ? message.key === issue.key : message.id === issue.id
}

/** A message as it is kept: which issue it is about, and its one serialisation for all clients. */
export function toKept(message: LiveMessage): KeptMessage {
  const json = JSON.stringify(message)
  const { seq, type } = message
  switch (message.type) {
    case 'issue':
      return { seq, type, key: message.document.key, id: message.document.id, json }
    case 'event':
    case 'microstep':
      return { seq, type, key: message.key, id: null, json }
    case 'feed':
      return { seq, type, key: message.entry.issue, id: null, json }
    case 'log':
      return { seq, type, key: typeof message.line['issue'] === 'string' ? message.line['issue'] : null, id: null, json }
  }
}
