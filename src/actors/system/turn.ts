// Owns: the turn. It takes events by turns, has them handled, and writes all of it in one transaction; only then does anything happen.
// Does not own: what an event does (handling.ts), effects' lives (effects.ts), alarms (timers.ts), checks at boot (boot.ts).
// Invariants: handled events, snapshots, messages, children, timers and reports of a step are in one commit;
// who waits for a commit is answered after it; a store that fails stops the system, and every sender is told.

import { FatalError, toErrorData } from '../../errors.ts'
import { emptyBatch } from '../../persistence/store.ts'
import type { Health } from './contract.ts'
import type { Item } from './mailbox.ts'
import type { Parts } from './parts.ts'
import { isEmpty } from './pending.ts'
import type { Records } from './records.ts'

/** Something to be done in the next turn. */
export interface Act {
  perform: () => void
  reject: (error: Error) => void
}

export interface Turns {
  readonly phase: Health['state']
  /** Asks for a turn. */
  wake: () => void
  /** Asks for a turn that begins with `act`. */
  ask: (act: Act) => void
  /** Resolves when no event waits and no turn is due. */
  idle: () => Promise<void>
  /** Takes turns until nothing waits, when nobody waits for an answer at most a hundred, and lets go of the store. */
  stop: (isAnswered: () => boolean) => Promise<void>
  /** Lets go at once: the start has failed. */
  end: () => void
  /** Rejects when the store failed. */
  readonly stopped: Promise<void>
}

/** What a turn works with. */
export type Work = Parts & Pick<Records, 'rest'> & { handle: (item: Item) => void }

/** `whole` is called when a turn is taken: by then its parts, which ask for turns themselves, have been put together. */
export function createTurns(clock: Parts['clock'], whole: () => Work): Turns {
  const acts: Act[] = []
  const idleWaiters = new Set<() => void>()
  let turnWaiters: (() => void)[] = []
  let current: Item | undefined
  let phase: Health['state'] = 'ready'
  let isDue = false
  const stopped = Promise.withResolvers<void>()
  stopped.promise.catch(() => {})

  const wake = (): void => {
    if (isDue || phase === 'stopped') return
    isDue = true
    clock.defer(turn)
  }

  function turn(): void {
    isDue = false
    if (phase === 'stopped') return
    try {
      take()
    } catch (error) {
      fail(error)
    }
  }

  function take(): void {
    const { pending, rows, mailboxes, timers, effects, announcements, store, limits, now, at, fired, handle, rest } = whole()
    for (let act = acts[0]; act; act = acts[0]) {
      act.perform()
      acts.shift()
    }
    timers.fire(now(), fired)
    const end = clock.monotonic() + limits.turn
    for (let steps = 0; steps < limits.steps; steps++) {
      const item = mailboxes.next()
      if (!item) break
      current = item
      // Not of one that rested: another of its actor's may stand in the mailbox.
      const ofTimer = item.timer !== undefined && item.inbox === undefined
      handle(item)
      if (ofTimer) timers.next(item.address, fired)
      if (clock.monotonic() >= end) break
    }
    // What a step of this commit has sent must be in this commit, handled or not.
    for (const item of pending.owed) rest(item, rows.get(item.address)!)
    pending.owed.clear()
    effects.beforeCommit(pending.batch)
    if (isEmpty(pending.batch)) {
      rows.settle()
    } else {
      at('commit:before')
      store.commit(pending.batch)
      at('commit:after')
      rows.settle()
      pending.batch = emptyBatch()
      pending.keys = new Set()
    }
    current = undefined

    const deeds = pending.deeds
    pending.deeds = []
    at('accept:before')
    for (const { resolve } of pending.accepted.splice(0)) resolve()
    effects.afterCommit()
    announcements.tell(deeds)
    timers.schedule()
    for (const resolve of turnWaiters.splice(0)) resolve()
    if (mailboxes.size > 0) wake()
    else if (!isDue) for (const resolve of idleWaiters) resolve()
  }

  /** The store has failed: nothing after its last commit has happened, and nothing may happen any more. */
  function fail(error: unknown): void {
    const { pending, mailboxes } = whole()
    const failure = new FatalError(
      'store-failed',
      `The system stopped because its store failed: ${toErrorData(error).message}. Nothing after the last commit has happened; mend the cause and start again.`,
      { cause: error },
    )
    try {
      close()
    } catch {
      // The first failure is the one to tell.
    }
    current?.accept?.reject(failure)
    for (let item = mailboxes.next(); item; item = mailboxes.next()) item.accept?.reject(failure)
    for (const { reject } of [...pending.accepted, ...acts]) reject(failure)
    for (const resolve of [...idleWaiters, ...turnWaiters.splice(0)]) resolve()
    stopped.reject(failure)
  }

  function close(): void {
    const { effects, timers, store } = whole()
    phase = 'stopped'
    effects.abandon()
    timers.stop()
    store.close()
  }

  function end(): void {
    close()
    for (const resolve of idleWaiters) resolve()
    stopped.resolve()
  }

  const isStopped = (): boolean => phase === 'stopped'

  return {
    wake,
    stopped: stopped.promise,
    get phase() {
      return phase
    },
    ask(act) {
      acts.push(act)
      wake()
    },
    async idle() {
      if (phase === 'stopped' || (whole().mailboxes.size === 0 && !isDue)) return
      const { promise, resolve } = Promise.withResolvers<void>()
      idleWaiters.add(resolve)
      await promise
      idleWaiters.delete(resolve)
    },
    end,
    async stop(isAnswered) {
      if (phase !== 'ready') return stopped.promise.catch(() => {})
      const { effects, mailboxes } = whole()
      phase = 'draining'
      effects.drain()
      // Called from inside of a turn it lets that one end.
      await Promise.resolve()
      // Actors that keep one another busy for ever do not hold it up: what they say to one another is rows.
      for (let turns = 0; mailboxes.size > 0 || isDue; turns++) {
        if (turns >= 100 && isAnswered()) break
        const { promise, resolve } = Promise.withResolvers<void>()
        turnWaiters.push(resolve)
        await promise
      }
      if (!isStopped()) end()
    },
  }
}
