// The world that effects change: a file of lines. Every effect looks there for its own trace first, and adopts it.

import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromCallback, fromPromise } from 'xstate'
import { RetryableError } from '../../../../src/errors.ts'
import type { EffectPolicy } from '../../../../src/actors/system/index.ts'

export const linesOf = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [])

interface Job {
  input: { key: string }
}

/** Effects that work on the lines of `file`. `pause` answers how many ms each takes. */
export function effectsOn(file: string, pause: () => number): Record<string, EffectPolicy> {
  const traces = new Set(linesOf(file))
  const leave = (trace: string): void => {
    if (traces.has(trace)) return
    traces.add(trace)
    appendFileSync(file, `${trace}\n`)
  }
  // Effects leave a first trace in the very call that starts them: one that starts before its commit shows after a kill.
  const work = async (): Promise<void> => {
    const ms = pause()
    if (ms >= 1) await sleep(ms)
  }
  return {
    fetch: {
      onRestart: 'rerun',
      logic: fromPromise(async ({ input: { key } }: Job) => {
        leave(`begun fetch ${key}`)
        await work()
        leave(`fetch ${key}`)
        await work()
        return { what: 'fetch', key }
      }),
    },
    flaky: {
      onRestart: 'rerun',
      attempts: 10,
      backoff: 5,
      logic: fromPromise(async ({ input: { key } }: Job) => {
        await work()
        if (!traces.has(`flaky-failed ${key}`)) {
          leave(`flaky-failed ${key}`)
          throw new RetryableError('try-again', 'The first try always fails', { retryAfter: 1 })
        }
        leave(`flaky ${key}`)
        return { what: 'flaky', key }
      }),
    },
    slow: {
      onRestart: 'rerun',
      limit: 1_000,
      logic: fromPromise(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('ended'))))),
    },
    radio: {
      onRestart: 'interrupt',
      limit: 1_000,
      logic: fromCallback<{ type: 'say'; key: string }>(({ receive, sendBack }) => {
        // One after the other, and never two in one turn: an acknowledgement goes with what was said last before it.
        let last = Promise.resolve()
        const say = async (key: string): Promise<void> => {
          leave(`begun said ${key}`)
          await sleep(1 + pause())
          leave(`said ${key}`)
          sendBack({ type: 'said', key })
        }
        receive((({ key }: { key: string }) => (last = last.then(() => say(key)))) as never)
      }),
    },
    noted: {
      backoff: 5,
      logic: fromPromise(async ({ input }: { input: { report: { key: string }; id: string } }) => {
        leave(`begun noted ${input.report.key}`)
        await work()
        leave(`noted ${input.report.key} ${input.id}`)
        await work()
      }) as never,
    },
  }
}
