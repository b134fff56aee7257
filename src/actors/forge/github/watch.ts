// Waits for something at GitHub: looked at every so often, and at once when a webhook tells that it may have come.

import { FatalError } from '../../../errors.ts'

export type Watch = ReturnType<typeof createWatch>

export function createWatch({ after }: { after: (ms: number, callback: () => void) => () => void }) {
  const waiting = new Map<string, Set<() => void>>()
  return {
    /** Resolves after `ms`, or when `key` is told of. Rejects with FatalError `called-off` when it is aborted. */
    async wait(key: string, ms: number, signal?: AbortSignal): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>()
      const others = waiting.get(key) ?? new Set()
      waiting.set(key, others.add(resolve))
      const cancel = after(ms, resolve)
      const onAbort = (): void => resolve()
      signal?.addEventListener('abort', onAbort, { once: true })
      if (signal?.aborted) resolve()
      await promise
      cancel()
      signal?.removeEventListener('abort', onAbort)
      others.delete(resolve)
      if (others.size === 0) waiting.delete(key)
      if (signal?.aborted) throw new FatalError('called-off', 'What was waited for is not wanted any more.')
    },
    tell(key: string): void {
      for (const resolve of waiting.get(key) ?? []) resolve()
    },
  }
}
