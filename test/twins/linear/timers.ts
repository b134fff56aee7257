// The timers of one twin on the clock that it was given, so that closing it leaves none behind.

import type { Clock } from '../clock.ts'

export interface Timers {
  now(): number
  after(ms: number, callback: () => void): () => void
  wait(ms: number): Promise<void>
  close(): void
}

export function createTimers(clock: Clock): Timers {
  const running = new Set<() => void>()
  function after(ms: number, callback: () => void, onClose?: () => void): () => void {
    let stop: () => void
    const cancelClock = clock.after(ms, () => {
      running.delete(stop)
      callback()
    })
    stop = () => {
      cancelClock()
      onClose?.()
    }
    running.add(stop)
    return () => {
      running.delete(stop)
      cancelClock()
    }
  }
  return {
    now: clock.now,
    after: (ms, callback) => after(ms, callback),
    wait: (ms) => new Promise((resolve) => void after(ms, resolve, resolve)),
    close() {
      for (const stop of running) stop()
      running.clear()
    },
  }
}
