// Carries facts from the outbox of tracker and forge to the issues' actors, in order, each effectively once.

import { RetryableError, toErrorData } from '../errors.ts'
import type { Clock } from '../actors/system/index.ts'
import type { Fact, FactOutbox } from '../persistence/fact-outbox.ts'

export interface FactPump {
  /** Facts may be waiting: look. */
  wake: () => void
  /** Resolves when nothing waits. */
  idle: () => Promise<void>
  stop: () => void
}

const pageSize = 500
/** Milliseconds. */
const pauseAfterRefusal = 1_000

/**
 * `deliver` resolves when the fact is durable with its actor; its key makes a repeat after a kill harmless.
 * A fact that can never be delivered is told to `onProblem` and put aside, so that it does not hold the others up.
 */
export function createFactPump(options: {
  outbox: FactOutbox
  clock: Clock
  deliver: (fact: Fact) => Promise<void>
  onProblem: (problem: { code: string; message: string }) => void
}): FactPump {
  const { outbox, clock, deliver, onProblem } = options
  let running = false
  let again = false
  let stopped = false
  const waiting = new Set<() => void>()

  /** Delivers what waits, page by page, unless the runtime ends. */
  const deliverAll = async (): Promise<void> => {
    for (;;) {
      again = false
      const facts = outbox.undelivered(pageSize)
      if (facts.length === 0) {
        if (again) continue
        return
      }
      // Sent without waiting in between: a mailbox keeps the order, and one commit takes many.
      const outcomes = await Promise.allSettled(facts.map((fact) => deliver(fact)))
      if (stopped) return
      const done: number[] = []
      let pause = 0
      for (const [i, outcome] of outcomes.entries()) {
        const fact = facts[i]!
        if (outcome.status === 'fulfilled') done.push(fact.seq)
        else if (outcome.reason instanceof RetryableError) pause = Math.max(pause, outcome.reason.retryAfter)
        else {
          const { code, message } = toErrorData(outcome.reason)
          if (code === 'store-failed' || code === 'system-stopped') return
          onProblem({ code: 'fact-undeliverable', message: `The fact ${fact.event.type} of ${fact.issue} was put aside: ${message}` })
          done.push(fact.seq)
        }
      }
      outbox.markDelivered(done)
      if (pause > 0) await sleep(pause)
    }
  }
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve))
  const run = async (): Promise<void> => {
    running = true
    try {
      while (!stopped) {
        try {
          await deliverAll()
          break
        } catch (error) {
          // The database refuses (a full disk): what was delivered and not marked is delivered again, under the same key.
          onProblem({ code: 'facts-undelivered', message: `Facts wait to be delivered: ${toErrorData(error).message}` })
          await sleep(pauseAfterRefusal)
        }
      }
    } finally {
      running = false
    }
    // Recorded after the last look: whoever waits, waits for it too.
    if (again && !stopped) return wake()
    for (const resolve of waiting) resolve()
    waiting.clear()
  }
  const wake = (): void => {
    again = true
    if (running || stopped) return
    running = true
    // After the transaction that recorded the fact has returned to its caller.
    queueMicrotask(() => void run())
  }
  return {
    wake,
    idle: () => (running ? new Promise<void>((resolve) => void waiting.add(resolve)) : Promise.resolve()),
    stop() {
      stopped = true
    },
  }
}
