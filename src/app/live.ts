// The live stream of a running runtime: the last messages kept for those who resume, then each as it happens.

import type { LiveMessage } from './contract.ts'

export interface LiveHub {
  /** Numbers and keeps a message and tells it to those who listen. */
  publish: (message: LiveMessageBody, key: string | null) => void
  subscribe: (options: { key?: string; since?: number }, listener: (message: LiveMessage) => void) => () => void
  /** Whether anybody ever listened: from then on all is kept for those who come back. */
  readonly wanted: boolean
}

type Unnumbered<T> = T extends { seq: number } ? Omit<T, 'seq'> : never
export type LiveMessageBody = Unnumbered<LiveMessage>

const kept = 2_000

export function createLiveHub(): LiveHub {
  const recent: { message: LiveMessage; key: string | null }[] = []
  const listeners = new Set<{ key: string | undefined; listener: (message: LiveMessage) => void }>()
  let seq = 0
  let wanted = false
  return {
    get wanted() {
      return wanted
    },
    publish(body, key) {
      const message = { ...body, seq: ++seq } as LiveMessage
      recent.push({ message, key })
      if (recent.length > kept * 2) recent.splice(0, recent.length - kept)
      for (const { key: of, listener } of listeners) if (of === undefined || of === key) listener(message)
    },
    subscribe({ key, since }, listener) {
      if (since !== undefined) {
        for (const { message, key: of } of recent.slice(-kept))
          if (message.seq > since && (key === undefined || key === of)) listener(message)
      }
      wanted = true
      const subscription = { key, listener }
      listeners.add(subscription)
      return () => void listeners.delete(subscription)
    },
  }
}
