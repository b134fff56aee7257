// XState itself as the oracle: a stock actor that is persisted and restored after every event, its timers rescued with it.

import { createActor, type AnyActorRef, type AnyStateMachine } from 'xstate'
import { seen, type Build, type Line, type Moment, type Seen } from './scripts.ts'
import { createWorld } from './world.ts'

interface Scheduled {
  source: AnyActorRef
  target: AnyActorRef
  event: { type: string }
  id: string
}
interface Live {
  _parent?: Live
  id: string
  sessionId: string
  system: {
    _relay: (source: unknown, target: unknown, event: { type: string }) => void
    getSnapshot: () => { _scheduledEvents: Record<string, Scheduled> }
    scheduler: { schedule: (source: unknown, target: unknown, event: unknown, delay: number, id?: string) => void }
  }
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 12; i++) await Promise.resolve()
}

/** Two delays were pending under one id: XState knows one of them only, which is outside the equality. */
export class TwoDelays extends Error {}

/** Plays `lines` and answers what was to be seen after the start and after each of them. It ends early when the root errs. */
export async function playOracle(build: Build, lines: readonly Line[], input?: unknown): Promise<Moment[]> {
  const world = createWorld()
  const machine = build(world)
  let now = 0
  let order = 0
  let doubled = false
  let emitted: unknown[] = []
  let working = false
  const later: { type: string }[] = []
  let timeouts = new Map<number, { due: number; fn: () => void }>()
  const dues = new Map<string, { due: number; order: number }>()

  const create = (snapshot?: unknown): AnyActorRef => {
    const mine = (timeouts = new Map())
    const actor = createActor(machine as AnyStateMachine, {
      ...(snapshot === undefined ? { input: input as never } : { snapshot: snapshot as never }),
      clock: {
        setTimeout: (fn: () => void, ms: number) => {
          const id = ++order
          mine.set(id, { due: now + Math.max(0, ms), fn })
          return id
        },
        clearTimeout: (id: number) => void mine.delete(id),
      } as never,
      logger: () => {},
    })
    const { scheduler } = (actor as unknown as Live).system
    const schedule = scheduler.schedule.bind(scheduler)
    scheduler.schedule = (source, target, event, delay, id = `anonymous ${++order}`) => {
      const name = `${(source as Live).sessionId}.${id}`
      if (name in (actor as unknown as Live).system.getSnapshot()._scheduledEvents) doubled = true
      dues.set(name, { due: now + delay, order: ++order })
      schedule(source, target, event, delay, id)
    }
    // What the root is told while it works waits until it has been restored: a live actor orders some things differently.
    const { system } = actor as unknown as Live
    const relay = system._relay
    system._relay = (source, target, event) => {
      if (working && target === actor && source !== undefined) later.push(event)
      else relay(source, target, event)
    }
    actor.subscribe({ error: () => {} })
    actor.on('*', (event) => void emitted.push(event))
    return actor as unknown as AnyActorRef
  }
  const pathOf = (actor: Live): string[] => (actor._parent ? [...pathOf(actor._parent), actor.id] : [])
  const find = (root: AnyActorRef, path: readonly string[]): AnyActorRef | undefined =>
    path.reduce<AnyActorRef | undefined>(
      (actor, id) => (actor?.getSnapshot() as { children?: Record<string, AnyActorRef> } | undefined)?.children?.[id],
      root,
    )

  /** Persist, throw the actor away, restore, and put its timers back at their due times in their order. */
  const restored = (actor: AnyActorRef): AnyActorRef => {
    if ((actor.getSnapshot() as { status: string }).status !== 'active') return actor
    const scheduled = Object.values((actor as unknown as Live).system.getSnapshot()._scheduledEvents)
      .map((timer) => ({ ...timer, ...dues.get(`${timer.source.sessionId}.${timer.id}`)! }))
      .sort((a, b) => a.due - b.due || a.order - b.order)
      // One for a child that was stopped goes nowhere, also when another child has its id by now.
      .filter(({ source, target }) => [source, target].every((ref) => find(actor, pathOf(ref as unknown as Live)) === ref))
      .map((timer) => ({
        ...timer,
        source: pathOf(timer.source as unknown as Live),
        target: pathOf(timer.target as unknown as Live),
      }))
    const next = create(JSON.parse(JSON.stringify((actor as unknown as { getPersistedSnapshot: () => unknown }).getPersistedSnapshot())))
    const { system } = next as unknown as Live
    const relay = system._relay
    // A restored child announces its snapshot once more, which is no event of the script.
    system._relay = (source, target, event) => {
      if (!event.type.startsWith('xstate.snapshot.')) relay(source, target, event)
    }
    next.start()
    system._relay = relay
    for (const { source, target, event, due, id } of scheduled) {
      const [from, to] = [find(next, source), find(next, target)]
      if (from && to) system.scheduler.schedule(from, to, event, due - now, id)
    }
    return next
  }

  /** Lets `act` happen, and then everything that it makes the actors tell the root, each from a fresh restore. */
  const happen = async (act: () => void): Promise<void> => {
    working = true
    act()
    for (;;) {
      await settle()
      actor = restored(actor)
      const next = later.shift()
      if (!next) break
      ;(actor as unknown as { _send: (event: object) => void })._send(next)
    }
    working = false
  }

  let actor = create()
  const look = (): Moment => {
    const describe = (snapshot: Record<string, unknown>): Seen =>
      seen(snapshot, (id) => {
        const child = (snapshot['children'] as Record<string, { snapshot: Record<string, unknown> }>)[id]!.snapshot
        return 'children' in child ? describe(child) : undefined
      })
    const persisted = (actor as unknown as { getPersistedSnapshot: () => Record<string, unknown> }).getPersistedSnapshot()
    const moment = { root: describe(persisted), emitted, log: world.log }
    emitted = []
    world.log = []
    return moment
  }
  await happen(() => actor.start())
  const moments = [look()]
  for (const line of lines) {
    if (moments.at(-1)!.root.status === 'error') break
    if ('send' in line) {
      await happen(() => find(actor, line.to ? line.to.split('/') : [])?.send(line.send))
    } else if ('act' in line) {
      await happen(() => world.act(line.key, line.act, line.value))
    } else {
      const end = now + line.advance
      for (;;) {
        let next: [number, { due: number; fn: () => void }] | undefined
        for (const timer of timeouts) if (timer[1].due <= end && (!next || timer[1].due < next[1].due)) next = timer
        if (!next) break
        timeouts.delete(next[0])
        now = Math.max(now, next[1].due)
        await happen(next[1].fn)
      }
      now = end
    }
    moments.push(look())
  }
  if (doubled) throw new TwoDelays()
  return moments
}
