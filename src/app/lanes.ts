// Owns the deliveries of one provider that are in memory: those of a lane one after the other, lanes beside each other.
//
// Invariants: a lane keeps its order also when something in it has to be tried again; a lane that waits holds up no other; what is not
// in memory is in the database, and comes when there is room; one turn of the event loop takes a few of them, so that acknowledging goes on.

import type { Clock } from '../actors/system/index.ts'
import { pauseBefore } from '../machines/backoff.ts'
import type { StoredDelivery } from '../persistence/deliveries.ts'

/** Deliveries from `from` on could not be handled now: they come again, in their order, no sooner than after `retryAfter` ms. */
export interface Postponement {
  from: StoredDelivery
  retryAfter: number
}

export interface Lanes {
  /** Something new may be there. */
  wake: () => void
  /** Resolves when nothing is being handled, and nothing is left but what waits to be tried again. */
  idle: () => Promise<void>
  /** Resolves when nothing is being handled any more. */
  stop: () => Promise<void>
}

/** Deliveries in memory. */
const most = 2_000
/** Of them, read from the database at a time. */
const pageSize = 200
/** Of one lane, handled together. */
const mostTogether = 100
const retry = { pause: 1_000, longest: 5 * 60_000 }

interface Lane {
  deliveries: StoredDelivery[]
  state: 'ready' | 'running' | 'waiting'
  cancel: () => void
}

export function createLanes({
  next,
  handle,
  width,
  clock,
}: {
  /** Unhandled deliveries after a position, oldest first. */
  next: (after: number, limit: number) => StoredDelivery[]
  /** Resolves when all of them are done with, or says from which on they are not. */
  handle: (deliveries: readonly StoredDelivery[]) => Promise<Postponement | null>
  /** How many lanes may be handled at once, by now. */
  width: () => number
  clock: Clock
}): Lanes {
  const lanes = new Map<string, Lane>()
  const ready: Lane[] = []
  const running = new Set<Promise<void>>()
  let resting: (() => void)[] = []
  let loaded = 0
  let held = 0
  let stopped = false
  let isDue = false

  function load(): void {
    if (held >= most) return
    const limit = Math.min(pageSize, most - held)
    const page = next(loaded, limit)
    for (const delivery of page) {
      const { lane: name } = delivery
      const lane = lanes.get(name) ?? { deliveries: [], state: 'ready', cancel: () => {} }
      if (!lanes.has(name)) {
        lanes.set(name, lane)
        ready.push(lane)
      }
      lane.deliveries.push(delivery)
    }
    if (page.length === 0) return
    held += page.length
    loaded = page.at(-1)!.seq
    if (page.length === limit) wake()
  }

  /** Whatever comes in one turn of the event loop is looked for once. */
  function wake(): void {
    if (isDue || stopped) return
    isDue = true
    clock.defer(() => {
      isDue = false
      work()
    })
  }

  function work(): void {
    if (stopped) return
    load()
    while (running.size < width() && ready.length > 0) {
      const done: Promise<void> = serve(ready.shift()!).finally(() => {
        running.delete(done)
        work()
      })
      running.add(done)
    }
    if (running.size > 0 || isDue) return
    for (const resolve of resting) resolve()
    resting = []
  }

  async function serve(lane: Lane): Promise<void> {
    lane.state = 'running'
    const batch = lane.deliveries.splice(0, mostTogether)
    const postponement = await handle(batch)
    const left = postponement === null ? [] : batch.slice(batch.indexOf(postponement.from))
    held -= batch.length - left.length
    if (postponement !== null) {
      const first = { ...postponement.from, attempts: postponement.from.attempts + 1 }
      lane.deliveries.unshift(first, ...left.slice(1))
      lane.state = 'waiting'
      lane.cancel = clock.after(Math.max(postponement.retryAfter, pauseBefore(retry, first.attempts)), () => goOn(lane))
    } else if (lane.deliveries.length > 0) {
      lane.state = 'ready'
      ready.push(lane)
    } else {
      lanes.delete(batch[0]!.lane)
    }
  }

  function goOn(lane: Lane): void {
    lane.state = 'ready'
    ready.push(lane)
    work()
  }

  return {
    wake,
    idle: () =>
      running.size === 0 && ready.length === 0 && !isDue ? Promise.resolve() : new Promise((resolve) => void resting.push(resolve)),
    async stop() {
      stopped = true
      for (const { cancel } of lanes.values()) cancel()
      await Promise.allSettled([...running])
      for (const resolve of resting) resolve()
    },
  }
}
