// A system under test on virtual time, that can be stopped, killed and opened again on the same store.

import { onTestFinished } from 'vitest'
import {
  createSystem,
  defineActor,
  seededRandom,
  virtualClock,
  type ActorSystem,
  type Problem,
  type SystemOptions,
  type VirtualClock,
} from '../../../src/actors/system/index.ts'
import { memoryStore } from '../../../src/persistence/memory-store.ts'
import type { Batch, JournalRow, Store } from '../../../src/persistence/store.ts'
import type { AnyStateMachine } from 'xstate'

export { chart } from './machines.ts'

type Options = Partial<Omit<SystemOptions<any>, 'actors' | 'store' | 'clock'>> & { version?: string | number }

/** A store whose commits fail while `broken` says so. */
export function faultyStore(inner: Store = memoryStore()) {
  const controls = {
    broken: undefined as (() => Error | undefined) | undefined,
    commits: 0,
    onCommit: undefined as ((batch: Batch) => void) | undefined,
  }
  const store: Store = {
    ...inner,
    commit(batch) {
      const error = controls.broken?.()
      if (error) throw error
      controls.commits++
      controls.onCommit?.(batch)
      inner.commit(batch)
    },
  }
  return Object.assign(store, { controls })
}

/** One process's view of store and clock: after its death nothing of it reaches either. */
function life(store: Store, clock: VirtualClock) {
  let dead = false
  return {
    store: Object.setPrototypeOf(
      {
        commit(batch: Batch) {
          if (dead) throw new Error('dead')
          store.commit(batch)
        },
        close() {
          if (!dead) store.close()
        },
      },
      store,
    ) as Store,
    clock: Object.setPrototypeOf(
      {
        defer: (callback: () => void) => clock.defer(() => dead || callback()),
        after: (ms: number, callback: () => void) => clock.after(ms, () => dead || callback()),
      },
      clock,
    ) as VirtualClock,
    die() {
      dead = true
      store.close()
    },
  }
}

export async function rig(machines: Record<string, AnyStateMachine>, options: Options = {}) {
  const clock: VirtualClock = virtualClock(1_000_000)
  const store = faultyStore()
  const problems: Problem[] = []
  let current = life(store, clock)
  const actorsOf = (from: Record<string, AnyStateMachine>, version: string | number) =>
    Object.fromEntries(Object.entries(from).map(([name, machine]) => [name, defineActor(machine, { version })]))
  const open = async (more: Partial<SystemOptions<any>> = {}): Promise<ActorSystem> => {
    const { version = 1, ...rest } = options
    current = life(store, clock)
    const system = await createSystem({
      actors: actorsOf(machines, version),
      store: current.store,
      clock: current.clock,
      random: seededRandom(1),
      onProblem: (problem) => void problems.push(problem),
      ...rest,
      ...more,
    })
    return system as unknown as ActorSystem
  }
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => {})
    await clock.settle()
    return promise
  }
  const it = {
    clock,
    store,
    problems,
    open,
    actorsOf,
    settled,
    system: await open(),
    spawn: (kind: string, id: string, input?: unknown) => settled(it.system.spawn(kind, id, input as never)),
    send: (address: string, type: string | { type: string; [key: string]: unknown }, key?: string) =>
      settled(it.system.ref(address).send(typeof type === 'string' ? { type } : type, key === undefined ? undefined : { key })),
    view: (address: string) => it.system.ref(address).snapshot(),
    context: async (address: string) => (await it.view(address)).context as any,
    journal: async (address: string) => {
      const entries = []
      for await (const entry of it.system.ref(address).journal()) entries.push(entry)
      return entries
    },
    stop: () => settled(it.system.stop()),
    /** Stops in good order and opens again. */
    async restart(more: Partial<SystemOptions<any>> = {}) {
      await it.stop()
      it.system = await open(more)
      await clock.settle()
    },
    die: () => current.die(),
    /** The process dies; another opens the store. */
    async crash(more: Partial<SystemOptions<any>> = {}) {
      current.die()
      it.system = await open(more)
      await clock.settle()
    },
    rows(): JournalRow[] {
      const rows: JournalRow[] = []
      for (let seq = 1; seq <= store.state().lastSeq; seq++) {
        const row = store.entry(seq)
        if (row) rows.push(row)
      }
      return rows
    },
  }
  onTestFinished(async () => {
    await it.stop().catch(() => {})
  })
  await clock.settle()
  return it
}

/** What `promise` rejects with. */
export const rejection = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => {
      throw new Error('did not reject')
    },
    (error: unknown) => error,
  )
