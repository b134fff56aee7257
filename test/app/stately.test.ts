import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { setup } from 'xstate'
import { feedStately } from '../../src/app/stately.ts'
import { createSystem, defineActor } from '../../src/actors/system/index.ts'
import { memoryStore } from '../../src/persistence/memory-store.ts'

const lamp = setup({ types: { events: {} as { type: 'switch' } } }).createMachine({
  id: 'lamp',
  initial: 'off',
  states: { off: { on: { switch: 'on' } }, on: { on: { switch: 'off' } } },
})

test("Stately's own receiver understands the feed: the actor with its definition, its events and its snapshots", async () => {
  const relay = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(relay, 'listening')
  relay.on('connection', (socket) =>
    socket.on('message', (data) => relay.clients.forEach((other) => other !== socket && other.send(String(data)))),
  )
  const { port } = relay.address() as { port: number }
  const url = `ws://127.0.0.1:${port}`
  const received: StatelyInspectionEvent[] = []
  createWebSocketReceiver({ server: url }).subscribe((event) => void received.push(event))
  await once(relay, 'connection')

  const system = await createSystem({ store: memoryStore(), actors: { lamp: defineActor(lamp, { version: 1 }) } })
  const feed = feedStately(system, url)
  const ref = await system.spawn('lamp', 'hall')
  await ref.send({ type: 'switch' })
  await expect.poll(() => received.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(5)

  const actor = received.find((event) => event.type === '@xstate.actor')
  expect(actor).toMatchObject({ sessionId: 'lamp/hall', rootId: 'lamp/hall' })
  expect(JSON.parse(actor!.type === '@xstate.actor' ? actor!.definition! : '')).toMatchObject({ id: 'lamp', initial: 'off' })
  const snapshots = received.filter((event) => event.type === '@xstate.snapshot')
  expect(snapshots.map((event) => (event.snapshot as unknown as { value: unknown }).value)).toEqual(['off', 'on'])
  expect(received.some((event) => event.type === '@xstate.event' && event.event.type === 'switch')).toBe(true)

  feed.stop()
  await system.stop()
  for (const client of relay.clients) client.terminate()
  relay.close()
})
