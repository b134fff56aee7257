// The world that the effects of test machines touch: scripts resolve, reject and speak for them by key, on XState and on Signalbox alike.

import { fromCallback, fromEventObservable, fromObservable, fromPromise } from 'xstate'

interface Open {
  resolve?: (value: unknown) => void
  reject?: (error: Error) => void
  say?: (event: { type: string }) => void
  next?: (value: unknown) => void
  complete?: () => void
  fail?: (error: Error) => void
}

/** Effects that do nothing of their own accord. `log` is what the world saw of them. */
export function createWorld() {
  const open = new Map<string, Open>()
  const world = {
    log: [] as string[],
    /** While a host restarts, the end of former lives is not news. */
    muted: false,
    /** Does `act` to the newest life of the effect `key`, if there is one. */
    act(key: string, act: keyof Open, value?: unknown): void {
      const does = open.get(key)?.[act] as ((value?: unknown) => void) | undefined
      world.log.push(`${does ? '' : 'cannot '}${act} ${key}`)
      if (!does) return
      if (act === 'resolve' || act === 'reject' || act === 'complete' || act === 'fail') open.delete(key)
      does(act === 'reject' || act === 'fail' ? new Error(String(value)) : value)
    },
  }
  const tell = (text: string): void => {
    if (!world.muted) world.log.push(text)
  }
  const begin = (key: string, life: Open): (() => void) => {
    open.set(key, life)
    return () => {
      if (open.get(key) === life) open.delete(key)
      tell(`${key} ended`)
    }
  }
  const subscribable = (key: string) => ({
    subscribe(observer: { next?: (v: unknown) => void; error?: (e: unknown) => void; complete?: () => void }) {
      const end = begin(key, {
        next: (v) => observer.next?.(v),
        fail: (e) => observer.error?.(e),
        complete: () => observer.complete?.(),
      })
      return { unsubscribe: end }
    },
  })
  const actors = {
    promise: fromPromise<unknown, { key: string }>(
      ({ input, signal }) =>
        new Promise((resolve, reject) => {
          const end = begin(input.key, { resolve, reject })
          signal.addEventListener('abort', end)
        }),
    ),
    callback: fromCallback<{ type: string }, { key: string }>(({ input, sendBack, receive }) => {
      receive((event) => {
        const { at: _at, ...rest } = event as { type: string; at?: number }
        tell(`${input.key} got ${JSON.stringify(rest)}`)
        if (event.type === 'ECHO') sendBack({ type: 'ECHOED' })
      })
      return begin(input.key, { say: sendBack })
    }),
    observable: fromObservable<unknown, { key: string }>(({ input }) => subscribable(input.key) as never),
    events: fromEventObservable<{ type: string }, { key: string }>(({ input }) => subscribable(input.key) as never),
  }
  return Object.assign(world, { actors })
}

export type World = ReturnType<typeof createWorld>
