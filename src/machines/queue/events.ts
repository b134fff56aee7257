// Everything that can happen to a landing queue: what issues ask of it.

import type { QueueEntry } from './context.ts'

export type QueueEvent =
  | ({ type: 'landing.requested'; at?: number } & Omit<QueueEntry, 'enqueuedAt'>)
  | { type: 'landing.withdrawn'; number: number; headSha: string; reason: string; at?: number }
