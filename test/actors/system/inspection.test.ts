// Inspection tells what XState's own would: per actor the same events in the same order, with the same microsteps.

import { createActor, type InspectionEvent as XStateEvent } from 'xstate'
import { beforeAll, expect, test, vi } from 'vitest'
import type { InspectionEvent } from '../../../src/actors/system/index.ts'
import { samples, type Sample } from './machines.ts'
import { rig } from './rig.ts'
import { createWorld } from './world.ts'

beforeAll(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})

interface Told {
  [actor: string]: string[]
}

const microstep = (event: any): string =>
  `microstep ${event.event.type} -> ${JSON.stringify(event.snapshot.value)} by ${JSON.stringify(
    (event._transitions ?? []).map((t: any) => [t.source.id ?? t.source, (t.target ?? []).map((n: any) => n.id ?? n), t.eventType]),
  )}`

/** Scripts of sends alone: a stock actor has no virtual effects to agree on. */
const sends = (sample: Sample) =>
  sample.script.filter((line): line is { send: { type: string }; to?: string } => 'send' in line && line.to === undefined)

function byXState(sample: Sample): Told {
  const told: Told = {}
  const actor = createActor(sample.build(createWorld()), {
    input: sample.input as never,
    clock: { setTimeout: () => 0, clearTimeout: () => {} } as never,
    logger: () => {},
    inspect: (event: XStateEvent) => {
      const ref = event.actorRef as any
      if (!ref.logic?.root || event.type === '@xstate.action') return
      const path = (at: any): string => (at._parent ? `${path(at._parent)}/${at.id}` : 'm/1')
      const list = (told[path(ref)] ??= [])
      if (event.type === '@xstate.actor') list.push('actor')
      else if (event.type === '@xstate.event') list.push(`event ${event.event.type}`)
      else if (event.type === '@xstate.microstep') list.push(microstep(event))
      else if (event.type === '@xstate.snapshot')
        list.push(`snapshot after ${event.event.type} ${JSON.stringify((event.snapshot as any).value)}`)
    },
  })
  actor.subscribe({ error: () => {} })
  actor.start()
  for (const { send } of sends(sample)) actor.send(send)
  actor.stop()
  return told
}

async function byUs(sample: Sample): Promise<{ told: Told; events: InspectionEvent[] }> {
  const it = await rig({ m: sample.build(createWorld()) })
  const told: Told = {}
  const events: InspectionEvent[] = []
  it.system.inspect((event) => {
    events.push(event)
    const list = (told[event.actorRef.address] ??= [])
    if (event.type === '@xstate.actor') list.push('actor')
    else if (event.type === '@xstate.event') list.push(`event ${event.event.type}`)
    else if (event.type === '@xstate.microstep') list.push(microstep(event))
    else list.push(`snapshot after ${event.event.type} ${JSON.stringify((event.snapshot as any).value)}`)
  })
  await it.spawn('m', '1', sample.input)
  for (const { send } of sends(sample)) await it.send('m/1', send)
  return { told, events }
}

const steady = ['nested states', 'parallel regions', 'shallow and deep', 'emit, enqueueActions', 'wildcard']
for (const sample of samples.filter((s) => steady.some((name) => s.name.startsWith(name)))) {
  test(`inspection agrees with XState's: ${sample.name}`, async () => {
    const { told } = await byUs(sample)
    const expected = byXState(sample)
    // What XState tells after the last step: an event to a finished actor, which is no step, and the stop at the end.
    const steps = expected['m/1']!.slice(0, told['m/1']!.length)
    expect(told['m/1']).toEqual(steps)
    const rest = expected['m/1']!.slice(steps.length)
    expect(rest.filter((line) => line.startsWith('microstep') && !line.includes('xstate.stop'))).toEqual([])
  })
}

test('inspection tells of children with the session of their parent', async () => {
  const family = samples.find((s) => s.name.startsWith('spawnChild'))!
  const it = await rig({ m: family.build(createWorld()) })
  const actors: any[] = []
  it.system.inspect((event) => event.type === '@xstate.actor' && actors.push(event.actorRef))
  await it.spawn('m', '1', family.input)
  for (const type of ['BEAR', 'REPLACE']) await it.send('m/1', type)
  await it.send('m/1/k1', 'GRAND')
  expect(actors.map((a) => [a.address, a.parentSessionId])).toEqual([
    ['m/1', null],
    ['m/1/k1', 'm/1'],
    ['m/1/k1', 'm/1'],
    ['m/1/k1/toy', actors[2].sessionId],
  ])
  // Two lives of one address are two sessions.
  expect(new Set(actors.map((a) => a.sessionId)).size).toBe(4)
  expect(actors.every((a) => a.id === a.address.split('/').at(-1) || a.address === 'm/1')).toBe(true)
})

test('inspection has the same session ids after a restart, and none of them is told twice as new', async () => {
  const family = samples.find((s) => s.name.startsWith('spawnChild'))!
  const it = await rig({ m: family.build(createWorld()) })
  const first: InspectionEvent[] = []
  it.system.inspect((event) => first.push(event))
  await it.spawn('m', '1')
  await it.send('m/1', 'BEAR')
  await it.send('m/1/k1', 'TELL')
  await it.crash()
  const second: InspectionEvent[] = []
  it.system.inspect((event) => second.push(event))
  await it.send('m/1/k1', 'TELL')
  const session = (events: InspectionEvent[]) => events.findLast((e) => e.actorRef.address === 'm/1/k1')!.actorRef.sessionId
  expect(session(second)).toBe(session(first))
  expect(second.map((e) => e.type)).toEqual(['@xstate.event', '@xstate.microstep', '@xstate.snapshot'])
  expect(second.every((e) => e.rootId === 'm/1')).toBe(true)
})

test('inspection costs nothing when nobody listens, ends when it is unsubscribed, and tells nothing of failed steps', async () => {
  const errors = samples.find((s) => s.name.startsWith('errors'))!
  const it = await rig({ m: errors.build(createWorld()) })
  await it.spawn('m', '1')
  const events: string[] = []
  const subscription = it.system.inspect((event) => events.push(event.type))
  await it.send('m/1', 'COUNT')
  await it.send('m/1', 'COUNT')
  const told = events.length
  await it.send('m/1', 'GUARD')
  expect((await it.view('m/1')).status).toBe('faulted')
  expect(events.length).toBe(told)
  subscription.unsubscribe()
  await it.settled(it.system.ref('m/1').skipFaulted())
  await it.send('m/1', 'COUNT')
  expect(events.length).toBe(told)
})
