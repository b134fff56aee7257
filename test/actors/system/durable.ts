// The same scripts on Signalbox, on virtual time; optionally the system is stopped and opened again between any two lines.

import { sqliteStore } from '../../../src/persistence/sqlite-store.ts'
import { memoryStore } from '../../../src/persistence/memory-store.ts'
import type { Store } from '../../../src/persistence/store.ts'
import {
  createSystem,
  defineActor,
  verify,
  virtualClock,
  type ActorSystem,
  type EffectPolicy,
  type Problem,
} from '../../../src/actors/system/index.ts'
import { seen, type Build, type Line, type Moment, type Seen } from './scripts.ts'
import { createWorld } from './world.ts'

export interface Played {
  moments: Moment[]
  problems: Problem[]
  journal: string
}

/** Plays `lines`; throws when the journal does not repeat what is stored. */
export async function playDurable(
  build: Build,
  lines: readonly Line[],
  options: { input?: unknown; restart?: boolean; path?: string } = {},
): Promise<Played> {
  const world = createWorld()
  const machine = build(world)
  const clock = virtualClock()
  const store: Store = options.path === undefined ? memoryStore() : sqliteStore(options.path)
  const problems: Problem[] = []
  let emitted: unknown[] = []
  const open = async (): Promise<ActorSystem> => {
    const effects: Record<string, EffectPolicy> = {}
    for (const src of Object.keys(machine.implementations.actors as object)) if (src in world.actors) effects[src] = { onRestart: 'rerun' }
    const opened = await createSystem({
      store,
      actors: { m: defineActor(machine, { version: 1 }) },
      effects,
      clock,
      random: () => 0.5,
      onProblem: (problem) => void problems.push(problem),
    })
    return opened as unknown as ActorSystem
  }
  let system = await open()
  const listen = (): void => void system.ref('m/1').on('*', (event) => void emitted.push(event))
  listen()
  const restart = async (): Promise<void> => {
    world.muted = true
    const stopping = system.stop()
    await clock.settle()
    await stopping
    system = await open()
    listen()
    await clock.settle()
    world.muted = false
  }
  const look = (): Moment => {
    const describe = (address: string): Seen | undefined => {
      const row = store.actor(address)
      if (!row) return undefined
      if (row.snapshot === null) return { status: row.fault ? 'error' : row.status, children: {} }
      const snapshot = JSON.parse(row.snapshot) as Record<string, unknown>
      const status = row.fault ? 'error' : row.status
      if (!('children' in snapshot)) return { status: 'effect', children: {} }
      return seen({ ...snapshot, status }, (id) => describe(`${address}/${id}`))
    }
    const moment = { root: describe('m/1')!, emitted, log: world.log }
    emitted = []
    world.log = []
    return moment
  }
  const started = system.spawn('m', '1', options.input as never)
  await clock.settle()
  await started
  if (options.restart) await restart()
  const moments = [look()]
  for (const line of lines) {
    if (moments.at(-1)!.root.status === 'error') break
    if ('send' in line) {
      const sent = system.ref(line.to ? `m/1/${line.to}` : 'm/1').send(line.send)
      // A child that is gone takes nothing on either side.
      sent.catch(() => {})
      await clock.settle()
    } else if ('act' in line) {
      world.act(line.key, line.act, line.value)
      await clock.settle()
    } else await clock.advance(line.advance)
    if (options.restart) await restart()
    moments.push(look())
  }
  for (const verdict of verify(store, system.kinds)) {
    if (verdict.outcome !== 'equal') throw new Error(`replay of ${verdict.address}: ${verdict.outcome} ${verdict.message}`)
  }
  const entries = []
  for (let seq = 1; seq <= store.state().lastSeq; seq++) entries.push(store.entry(seq))
  const stopping = system.stop()
  await clock.settle()
  await stopping
  return { moments, problems, journal: entries.map((entry) => JSON.stringify(entry)).join('\n') }
}
