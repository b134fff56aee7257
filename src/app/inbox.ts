// What becomes of a delivery: stored before it is acknowledged, read in its turn by its provider's inlet, and turned into facts once.
//
// Invariants: a delivery is marked handled when all that follows from it is durable; what has a key is recorded once, by whatever way
// it is told; what makes no sense is put aside with the reason, and holds up nothing.

import type { Inlet, Notice } from '../actors/ports.ts'
import type { Clock } from '../actors/system/index.ts'
import { FatalError, meetRefusal, RetryableError, toErrorData } from '../errors.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import type { Deliveries, StoredDelivery } from '../persistence/deliveries.ts'
import type { FactOutbox } from '../persistence/fact-outbox.ts'
import { withDelayedDurability } from '../persistence/statements.ts'
import type { ReceivedDelivery } from './contract.ts'
import { doubts } from './doubts.ts'
import { createLanes, type Postponement } from './lanes.ts'
import { createRush, settling } from './rush.ts'

export interface Inbox {
  /** Resolves when the delivery is durable. Rejects with RetryableError `deliveries-backlogged` where too many wait already. */
  take: (delivery: ReceivedDelivery) => Promise<{ duplicate: boolean }>
  /** Records, and asks about, what was told in another way than by webhook. */
  apply: (notices: readonly Notice[]) => Promise<void>
  /** Begins with what an earlier process has left. */
  start: () => void
  /** Resolves when nothing is left but what waits to be tried again. */
  idle: () => Promise<void>
  /** Deliveries that have not been handled. */
  backlog: () => number
  /** How many of each provider were put aside since the start. */
  aside: ReadonlyMap<string, number>
  stop: () => Promise<void>
}

/** Milliseconds of reading in one turn of the event loop, after which what is being acknowledged has its own. */
const longestTurn = 3
/** Milliseconds between two such turns, and lanes of one provider at once: enough that one slow answer holds up few others. */
const usual = { pause: 15, width: 16 }
/** Both in a rush, where nearly all time is left to acknowledging. What comes for one issue meanwhile is read together. */
const inRush = { pause: 100, width: 1 }
/** Nothing has come for so many milliseconds: there is no pause. */
const calm = 20
/** After about four hours of trying. */
const lastAttempt = 60

export function createInbox({
  inlets,
  deliveries,
  outbox,
  database,
  clock,
  hasActor,
  look,
  limit,
  onProblem,
}: {
  /** By the provider's name. */
  inlets: ReadonlyMap<string, Inlet>
  deliveries: Deliveries
  outbox: FactOutbox
  database: SqliteDatabase
  clock: Clock
  /** Whether the issue has an actor. */
  hasActor: (issue: string) => boolean
  /** Asks about an issue and tells it what it does not know. Rejects with RetryableError when it is to be asked again. */
  look: (issue: string, at: 'forge' | 'tracker') => Promise<void>
  /** Unhandled deliveries beyond which no more are taken. */
  limit: number
  onProblem: (problem: { code: string; message: string; error: unknown }) => void
}): Inbox {
  const aside = new Map<string, number>()
  const ending = new AbortController()
  const stopped = Promise.withResolvers<never>()
  stopped.promise.catch(() => {})
  /** A provider that does not answer must not hold up the end: what was asked is asked again by the next process. */
  const unlessStopped = <T>(work: Promise<T>): Promise<T> => Promise.race([work, stopped.promise])

  // All lanes share the turn. While deliveries come, most of the time is left to acknowledging them.
  const rush = createRush()
  let turnSince = 0
  let takenAt = -Infinity
  let turn: Promise<void> | null = null
  const nextTurn = (): Promise<void> =>
    (turn ??= new Promise((resolve) => {
      const begin = (): void => {
        turnSince = performance.now()
        turn = null
        resolve()
      }
      if (performance.now() - takenAt > calm) clock.defer(begin)
      else clock.after((rush.isOn() ? inRush : usual).pause, begin)
    }))

  let isWatched = false
  /** Lanes that were held back in a rush go on when it is over, whether anything more comes or not. */
  function watch(): void {
    isWatched = rush.isOn()
    if (isWatched) clock.after(settling, watch)
    else for (const { wake } of lanes.values()) wake()
  }

  async function lookAt(notices: readonly Notice[]): Promise<void> {
    const looks = new Map(notices.flatMap((notice) => (notice.kind === 'look' ? [[`${notice.at} ${notice.issue}`, notice] as const] : [])))
    await unlessStopped(Promise.all([...looks.values()].map(({ issue, at }) => look(issue, at))))
  }

  const isThere = (issue: string): boolean => outbox.isBeginning(issue) || hasActor(issue)
  /** What an issue is told as soon as it has an actor; not for certain, for it is told again. */
  const early = new Map<string, Notice>()

  /** To be called in a transaction. */
  function recordFacts(notices: readonly Notice[]): void {
    for (const notice of notices) {
      if (notice.kind !== 'fact') continue
      const { issue, event, key } = notice
      if (notice.again && !isThere(issue)) {
        early.set(issue, notice)
        continue
      }
      if (key === undefined || deliveries.tell(key)) outbox.record(issue, event)
      const next = early.get(issue)
      if (next === undefined || !isThere(issue)) continue
      early.delete(issue)
      recordFacts([next])
    }
  }

  /** The delivery itself is durable: where a power cut takes this back, it is handled again. */
  const commit = (work: () => void): void => {
    try {
      withDelayedDurability(database, () => outbox.transaction(work))
    } catch (error) {
      deliveries.recount()
      throw error
    }
  }

  /** What does not wait for the turn of the delivery that it came with. */
  async function tellAhead(notices: Promise<Notice[]>): Promise<void> {
    const told = await notices
    if (told.length === 0 || ending.signal.aborted) return
    try {
      outbox.transaction(() => recordFacts(told))
    } catch (error) {
      // The database refuses; it is told in its turn.
      onProblem({ code: 'delivery-unhandled', message: `Deliveries wait to be handled: ${toErrorData(error).message}`, error })
    }
  }

  function putAside(delivery: StoredDelivery, error: unknown): void {
    const { message } = toErrorData(error)
    const { provider, id, event, seq } = delivery
    deliveries.putAside(seq, message)
    aside.set(provider, (aside.get(provider) ?? 0) + 1)
    onProblem({ code: 'delivery-put-aside', message: `The ${event} delivery ${id} of ${provider} was put aside: ${message}`, error })
  }

  const isCovered = ({ topic }: StoredDelivery, later: readonly StoredDelivery[]): boolean =>
    topic !== null && later.some((other) => other.topic === topic)

  /** How often this process has met each FatalError of a delivery, by code. */
  const refusals = new Map<number, Map<string, number>>()

  function isForNow({ seq, attempts }: StoredDelivery, error: unknown): boolean {
    if (error instanceof RetryableError) return attempts + 1 < lastAttempt
    if (!(error instanceof FatalError)) return false
    const met = refusals.get(seq) ?? new Map<string, number>()
    refusals.set(seq, met)
    return meetRefusal(met, error) < doubts(error.code)
  }

  async function read(inlet: Inlet, batch: readonly StoredDelivery[]) {
    const known: { delivery: StoredDelivery; notices: Notice[] }[] = []
    for (const [n, delivery] of batch.entries()) {
      if (isCovered(delivery, batch.slice(n + 1))) {
        known.push({ delivery, notices: [] })
        continue
      }
      while (performance.now() - turnSince > longestTurn) await nextTurn()
      try {
        const body = deliveries.body(delivery.seq)
        known.push({ delivery, notices: await unlessStopped(inlet.read({ ...delivery, body }, ending.signal)) })
        refusals.delete(delivery.seq)
      } catch (error) {
        if (isForNow(delivery, error) || ending.signal.aborted) return { known, refusal: { delivery, error } }
        refusals.delete(delivery.seq)
        putAside(delivery, error)
      }
    }
    return { known, refusal: null }
  }

  async function handle(inlet: Inlet, batch: readonly StoredDelivery[]): Promise<Postponement | null> {
    try {
      const { known, refusal } = await read(inlet, batch)
      const asking = known.filter(({ notices }) => notices.some(({ kind }) => kind === 'look'))
      // Facts are not held up by a question; told once more after a kill, they say nothing new.
      commit(() => {
        for (const entry of known) {
          recordFacts(entry.notices)
          if (!asking.includes(entry)) deliveries.handled(entry.delivery.seq)
        }
      })
      if (asking.length > 0) {
        try {
          await lookAt(asking.flatMap(({ notices }) => notices))
        } catch (error) {
          if (!(error instanceof RetryableError)) throw error
          return postpone(asking[0]!.delivery, error)
        }
        commit(() => {
          for (const { delivery } of asking) deliveries.handled(delivery.seq)
        })
      }
      return refusal === null ? null : postpone(refusal.delivery, refusal.error)
    } catch (error) {
      // The database refuses; they are still there when it is mended.
      onProblem({ code: 'delivery-unhandled', message: `Deliveries wait to be handled: ${toErrorData(error).message}`, error })
      return { from: batch[0]!, retryAfter: 5_000 }
    }
  }

  function postpone(delivery: StoredDelivery, error: unknown): Postponement {
    if (!ending.signal.aborted) deliveries.postponed(delivery.seq, toErrorData(error).message)
    return { from: delivery, retryAfter: error instanceof RetryableError ? error.retryAfter : 0 }
  }

  const lanes = new Map(
    [...inlets].map(([provider, inlet]) => [
      provider,
      createLanes({
        next: (after, most) => deliveries.unhandled(provider, after, most),
        handle: (batch) => handle(inlet, batch),
        width: () => (rush.isOn() ? inRush : usual).width,
        clock,
      }),
    ]),
  )

  return {
    async take({ payload, ...delivery }) {
      if (deliveries.backlog() >= limit)
        throw new RetryableError('deliveries-backlogged', `${deliveries.backlog()} deliveries wait to be handled.`, { retryAfter: 5_000 })
      takenAt = performance.now()
      rush.count(takenAt)
      if (!isWatched && rush.isOn()) watch()
      const inlet = inlets.get(delivery.provider)
      const turn = inlet?.turnOf(delivery, payload) ?? { lane: delivery.event, topic: null }
      const isNew = await deliveries.add({ ...delivery, ...turn })
      if (isNew) {
        if (inlet?.acknowledge !== undefined) void tellAhead(inlet.acknowledge({ ...delivery, receivedAt: clock.now() }))
        lanes.get(delivery.provider)?.wake()
      }
      return { duplicate: !isNew }
    },
    async apply(notices) {
      outbox.transaction(() => recordFacts(notices))
      await lookAt(notices)
    },
    start: () => [...lanes.values()].forEach((lane) => lane.wake()),
    idle: async () => void (await Promise.all([...lanes.values()].map((lane) => lane.idle()))),
    backlog: deliveries.backlog,
    aside,
    async stop() {
      ending.abort()
      stopped.reject(new RetryableError('stopping', 'The runtime is stopping.'))
      await Promise.all([...lanes.values()].map((lane) => lane.stop()))
    },
  }
}
