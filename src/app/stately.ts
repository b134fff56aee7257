// Feeds Stately's inspector over its WebSocket protocol (@statelyai/inspect 0.7): the actors alive, then every event and snapshot.

import { WebSocket } from 'ws'
import type { ActorSystem, InspectionEvent } from '../actors/system/index.ts'

export interface StatelyFeed {
  stop: () => void
}

const protocolVersion = '0.7.2'
const keptWhileClosed = 200
const pauseBeforeReconnect = 5_000
/** Bytes waiting in the socket beyond which messages are dropped: a slow inspector must not hold the runtime's memory. */
const longestBuffer = 8 * 2 ** 20

/** Connects to `url` (Stately's relay listens on ws://localhost:8080) and stays connected until stopped. Secrets never are in snapshots. */
export function feedStately(
  system: Pick<ActorSystem, 'inspect' | 'kinds' | 'store' | 'ref'>,
  url: string,
  now: () => number = Date.now,
): StatelyFeed {
  const waiting: string[] = []
  let socket: WebSocket | undefined
  let reconnect: NodeJS.Timeout | undefined
  let stopped = false

  const send = (message: object): void => {
    const text = JSON.stringify({ ...message, id: null, createdAt: String(now()), _version: protocolVersion })
    if (socket?.readyState === WebSocket.OPEN) {
      if (socket.bufferedAmount < longestBuffer) socket.send(text)
      return
    }
    waiting.push(text)
    if (waiting.length > keptWhileClosed) waiting.shift()
  }
  const definitionOf = (address: string): string => {
    const row = system.store.actor(address)
    const machine = row && system.store.state().machines.find((m) => m.id === row.machine)
    const config = machine && system.kinds.get(machine.kind)?.original?.config
    return JSON.stringify(config ?? { id: address }, (_key, value: unknown) => (typeof value === 'function' ? { type: value.name } : value))
  }
  const connect = (): void => {
    socket = new WebSocket(url)
    socket.on('open', () => {
      for (const text of waiting.splice(0)) socket!.send(text)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (!stopped) reconnect = setTimeout(connect, pauseBeforeReconnect)
    })
  }
  const told = new Set<string>()
  const introduce = (event: InspectionEvent): void => {
    const { actorRef, rootId } = event
    if (told.has(actorRef.sessionId)) return
    told.add(actorRef.sessionId)
    send({
      type: '@xstate.actor',
      name: actorRef.address,
      sessionId: actorRef.sessionId,
      parentId: actorRef.parentSessionId ?? undefined,
      rootId,
      definition: definitionOf(actorRef.address),
      snapshot: event.type === '@xstate.event' ? undefined : event.snapshot,
    })
  }
  const subscription = system.inspect((event) => {
    introduce(event)
    const { type, rootId, actorRef } = event
    if (type === '@xstate.event') send({ type, rootId, sessionId: actorRef.sessionId, sourceId: event.sourceRef, event: event.event })
    if (type === '@xstate.snapshot') send({ type, rootId, sessionId: actorRef.sessionId, event: event.event, snapshot: event.snapshot })
  })
  connect()
  return {
    stop() {
      stopped = true
      subscription.unsubscribe()
      clearTimeout(reconnect)
      socket?.close()
    },
  }
}
