// The live feed over WebSocket: one subscription to the runtime, any number of clients reading at their own pace.
//
// Owns: sockets, their liveness and their pace. Does not own: the messages, which `live-store` keeps once for all.
// Invariants: publishing never waits for a client; what a client has not read yet is bounded by `highWater` in its
// socket and by the ring beside it; a client that the ring has overtaken is closed and told where to resume.

import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { WebSocket } from 'ws'
import type { App, LiveMessage } from '../app.ts'
import { RequestError, toErrorAnswer } from './errors.ts'
import { parseWish, type Wish, wishOf } from './live-messages.ts'
import { createLiveStore, endOf, isWanted, resume, type Subscription, toKept } from './live-store.ts'
import type { Sessions } from './sessions.ts'

/** Why a socket was closed by us, beyond the codes of RFC 6455. */
export const closeCodes = { goingAway: 1001, invalidMessage: 1008, sessionEnded: 4401, tooSlow: 4408 } as const

export interface LiveLimits {
  /** Messages kept for those who resume or are slow, and their characters. */
  messages: number
  bytes: number
  /** Bytes of a socket's own buffer over which nothing more is written to it. */
  highWater: number
  clients: number
  /** Milliseconds between pings; a client that has answered neither of two is dead. */
  pingEvery: number
  /** Milliseconds from our closing of a socket until it is cut off. */
  cutAfter: number
  /** Milliseconds for which the ring goes on after the last client has left. */
  linger: number
}

export const liveLimits: LiveLimits = {
  messages: 5_000,
  bytes: 16 * 1_048_576,
  highWater: 512 * 1_024,
  clients: 100,
  pingEvery: 15_000,
  cutAfter: 1_000,
  linger: 60_000,
}

export interface LiveFeed {
  /** Closes every socket with "going away" and ends those that do not answer within a second. */
  close(): Promise<void>
}

/** `GET /live`. Query or message: `key` (else all issues), `types`, `since` and the `stream` it belongs to. */
export function addLiveRoute(server: FastifyInstance, app: App, options: { sessions: Sessions; limits: LiveLimits }): LiveFeed {
  const { sessions, limits } = options
  const store = createLiveStore({ count: limits.messages, bytes: limits.bytes }, randomUUID())
  const sockets = new Map<string, { socket: WebSocket; session: string | null; answered: number }>()
  let unsubscribe: (() => void) | undefined
  let lingering: NodeJS.Timeout | undefined
  let closing = false

  // What one commit reports arrives in one turn of the event loop and is kept at once.
  let arrived: LiveMessage[] = []
  function listen(message: LiveMessage): void {
    if (arrived.push(message) === 1) setImmediate(publish)
  }
  function publish(): void {
    const messages = arrived.map(toKept)
    arrived = []
    store.trigger.published({ messages })
    for (const client of sockets.keys()) pump(client)
  }

  function stopListening(): void {
    unsubscribe?.()
    unsubscribe = undefined
    arrived = []
    // The runtime need not count what nobody listens to: an old sequence number would hide a gap.
    store.trigger.restarted({ stream: randomUUID() })
  }

  /** Sends what the client has not seen until its socket is full; goes on when the socket has written. */
  function pump(id: string): void {
    const socket = sockets.get(id)?.socket
    const state = store.getSnapshot().context
    const client = state.clients[id]
    if (socket === undefined || client === undefined || socket.readyState !== socket.OPEN) return
    if (client.position < state.first) return endSlow(id, client.sent)
    let { position, sent } = client
    let isFull = socket.bufferedAmount > limits.highWater
    while (!isFull && position < endOf(state)) {
      const message = state.messages[position++ - state.first]!
      sent = message.seq
      if (!isWanted(message, client.subscription)) continue
      socket.send(message.json, () => pumpOnceWritten(id))
      isFull = socket.bufferedAmount > limits.highWater
    }
    if (position !== client.position) store.trigger.sent({ client: id, position, seq: sent })
  }

  function pumpOnceWritten(id: string): void {
    const entry = sockets.get(id)
    const state = store.getSnapshot().context
    const client = state.clients[id]
    if (
      entry !== undefined &&
      client !== undefined &&
      client.position < endOf(state) &&
      entry.socket.bufferedAmount <= limits.highWater / 2
    )
      pump(id)
  }

  function endSlow(id: string, seq: number): void {
    end(id, closeCodes.tooSlow, `too slow: resume with since=${seq}`)
  }

  /** The close frame waits behind what the client has not read; one that never reads it is cut off. */
  function end(id: string, code: number, reason: string): void {
    const entry = sockets.get(id)
    if (entry === undefined) return
    leave(id)
    entry.socket.close(code, reason)
    setTimeout(() => entry.socket.terminate(), limits.cutAfter).unref()
  }

  function leave(id: string): void {
    if (!sockets.delete(id)) return
    store.trigger.left({ client: id })
    if (sockets.size > 0 || closing) return
    lingering = setTimeout(stopListening, limits.linger)
    lingering.unref()
  }

  function tell(id: string, message: Record<string, unknown>): void {
    const socket = sockets.get(id)?.socket
    if (socket === undefined) return
    if (socket.bufferedAmount > limits.highWater) return endSlow(id, store.getSnapshot().context.clients[id]?.sent ?? 0)
    socket.send(JSON.stringify(message))
  }

  function subscribe(id: string, wish: Wish): void {
    const document = wish.key === undefined || wish.key === null ? null : app.issue(wish.key)
    const subscription: Subscription = {
      issue: document === null ? null : { key: document.key, id: document.id },
      types: wish.types === undefined ? null : new Set(wish.types),
    }
    const state = store.getSnapshot().context
    const { position, missed } =
      wish.since === undefined ? { position: endOf(state), missed: false } : resume(state, wish.since, wish.stream)
    const seq = position > state.first ? state.messages[position - state.first - 1]!.seq : Math.min(wish.since ?? 0, state.newest)
    store.trigger.subscribed({ client: id, subscription, position, sent: seq })
    tell(id, { type: 'subscribed', stream: state.stream, seq, key: document?.key ?? null })
    if (missed) tell(id, { type: 'reset', seq, message: 'Messages are missing here: read the documents again, then go on.' })
    pump(id)
  }

  function receive(id: string, data: Buffer): void {
    try {
      subscribe(id, parseWish(data))
    } catch (error) {
      const { status, body } = toErrorAnswer(error)
      tell(id, { type: 'error', ...body })
      // Nonsense ends the conversation; an unknown key is an answer, and the old subscription stays.
      if (status !== 404 && status !== 409) end(id, closeCodes.invalidMessage, body.error.code)
    }
  }

  const heartbeat = setInterval(() => {
    const now = performance.now()
    for (const [id, { socket, session, answered }] of sockets) {
      if (session !== null && !sessions.isOpen(session)) end(id, closeCodes.sessionEnded, 'the session has ended: sign in again')
      else if (now - answered > limits.pingEvery * 2) socket.terminate()
      else socket.ping()
    }
  }, limits.pingEvery)
  heartbeat.unref()

  sessions.onEnd((session) => {
    for (const [id, entry] of sockets) if (entry.session === session) end(id, closeCodes.sessionEnded, 'signed out')
  })

  server.route({
    method: 'GET',
    url: '/live',
    handler: () => {
      throw new RequestError(426, 'upgrade-required', 'This is a WebSocket: connect to it with one.', { headers: { upgrade: 'websocket' } })
    },
    preValidation: async (request) => {
      if (!request.ws) return
      if (closing) throw new RequestError(503, 'stopping', 'The server is stopping; try again.', { headers: { 'retry-after': '1' } })
      if (sockets.size >= limits.clients) {
        throw new RequestError(503, 'too-many-clients', `At most ${limits.clients} live clients at once.`, {
          headers: { 'retry-after': '5' },
        })
      }
      const wish = wishOf(request)
      // An unknown key is refused with its status while there is still an HTTP answer to give.
      if (wish.key !== undefined && wish.key !== null) app.issue(wish.key)
    },
    wsHandler: (socket, request) => {
      const id = randomUUID()
      const alive = () => {
        const entry = sockets.get(id)
        if (entry !== undefined) entry.answered = performance.now()
      }
      clearTimeout(lingering)
      unsubscribe ??= app.live({}, listen)
      sockets.set(id, {
        socket,
        session: request.credential?.kind === 'session' ? request.credential.id : null,
        answered: performance.now(),
      })
      socket.on('pong', alive)
      // Answered by hand: pongs to one that does not read would grow without bound.
      socket.on('ping', (data: Buffer) => {
        alive()
        if (socket.bufferedAmount <= limits.highWater) socket.pong(data)
      })
      socket.on('message', (data: Buffer) => {
        alive()
        receive(id, data)
      })
      // A broken socket closes next; there is nothing to decide before that.
      socket.on('error', () => {})
      socket.on('close', () => leave(id))
      subscribe(id, wishOf(request))
    },
  })

  return {
    async close() {
      closing = true
      clearInterval(heartbeat)
      clearTimeout(lingering)
      const closed = [...sockets.values()].map(({ socket }) => new Promise((resolve) => socket.once('close', resolve)))
      for (const id of sockets.keys()) end(id, closeCodes.goingAway, 'the server is stopping')
      stopListening()
      await Promise.all(closed)
    },
  }
}
