// What the parts of one running system share. Each has one owner, named by its file; system.ts puts them together.

import type { Store } from '../../persistence/store.ts'
import type { Announcements } from './announcements.ts'
import type { Clock } from './clock.ts'
import type { Limits, SystemOptions } from './contract.ts'
import type { Kind } from './definition.ts'
import type { EffectPolicy } from './effect-policy.ts'
import type { Effects } from './effects.ts'
import type { AtFaultPoint } from './fault-points.ts'
import type { Inspection } from './inspection.ts'
import type { Item, Mailboxes } from './mailbox.ts'
import type { Pending } from './pending.ts'
import type { Registry } from './registry.ts'
import type { Rows } from './rows.ts'
import type { Timers } from './timers.ts'

export interface Parts {
  store: Store
  clock: Clock
  /** Epoch ms, never going back within a database. */
  now: () => number
  at: AtFaultPoint
  limits: Limits
  kinds: ReadonlyMap<string, Kind>
  policies: Readonly<Record<string, EffectPolicy>>
  routes: Readonly<NonNullable<SystemOptions<never>['routes']>>
  pending: Pending
  registry: Registry
  rows: Rows
  mailboxes: Mailboxes
  timers: Timers
  effects: Effects
  inspection: Inspection
  announcements: Announcements
  /** Every faulted actor, with the number of events that rest behind its fault. */
  faulted: Map<string, number>
  /** Puts a fired timer's event into the mailbox. */
  fired: (item: Omit<Item, 'queuedAt'>) => void
}
