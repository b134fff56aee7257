// What the actor system needs of a database: rows, one atomic commit, and the reads of boot, replay and inspection.

/** One durable actor. `id` is never reused; `address` is unique, and a respawned child takes the row of its predecessor over. */
export interface ActorRow {
  id: number
  address: string
  /** The machine row (kind and version) that made the snapshot. */
  machine: number
  parent: number | null
  /** Its id inside the parent. */
  child: string | null
  /** The journal seq of the parent's step that spawned it; 0 for a root. Tells one life of an address from the next. */
  since: number
  /** `pending` until its init event is handled. */
  status: 'pending' | 'active' | 'done' | 'stopped'
  /** JSON of `Fault` while the actor is faulted. */
  fault: string | null
  /** Steps taken. */
  version: number
  shape: number | null
  snapshot: string | null
  /** The newest journal entry: the head of the actor's chain. */
  lastSeq: number
  /** Whether the parent listens to its snapshots (`onSnapshot`). */
  sync: boolean
  createdAt: number
  updatedAt: number
}

export interface MachineRow {
  id: number
  kind: string
  version: string
  /** JSON list of the event descriptors that the machine has, as of the newest build of that version; null when that is not known. */
  events: string | null
}

/** What names the type of events that are owed to actors of `machine`: parts of their bodies. */
export interface OwedType {
  machine: number
  kind: EntryKind
  /** `event.type` of the body. */
  event: string | null
  child: string | null
  /** JSON of the body's `after`. */
  after: string | null
}

/** A distinct (machine, state value, child sources, history ids); what a build must be able to restore. */
export interface ShapeRow {
  id: number
  machine: number
  key: string
}

export type EntryKind = 'init' | 'event' | 'message' | 'timer' | 'done' | 'error' | 'emitted' | 'snapshot' | 'stop' | 'checkpoint'

/** One journal entry. Append-only; an actor's entries are a chain through `prev`. */
export interface JournalRow {
  seq: number
  actor: number
  prev: number
  at: number
  cause: number | null
  machine: number
  kind: EntryKind
  body: string
  /** Why the entry changed nothing, when it did not. */
  ignored: string | null
}

/** An accepted event that is not handled yet. */
export interface InboxRow {
  id: number
  actor: number
  address: string
  cause: number | null
  kind: EntryKind
  body: string
}

export interface TimerRow {
  id: number
  /** The actor that armed it, and that can cancel it by `name`. */
  actor: number
  name: string
  due: number
  /** The address that gets the event. */
  target: string
  kind: 'timer' | 'message'
  body: string
}

/** A unit of work in the world: an invoked or spawned non-machine child, or (with `child` null) the delivery of an emitted report. */
export interface EffectRow {
  id: number
  actor: number
  address: string
  child: string | null
  src: string
  input: string
  sync: boolean
  since: number
  /** `waiting`: between two attempts. The row goes when its result is handled or rests in the inbox. */
  status: 'pending' | 'running' | 'waiting'
  /** Attempts started. */
  attempt: number
  /** When a waiting effect starts again. */
  due: number | null
  startedAt: number | null
}

export interface EffectMessageRow {
  id: number
  effect: number
  body: string
}

export type TimerOperation =
  | { op: 'add'; row: TimerRow }
  | { op: 'remove'; id: number }
  | { op: 'cancel'; actor: number; name: string }
  | { op: 'clear'; actor: number }

/** Everything one transaction writes. Operations within a list apply in order; a machine whose id is there is replaced. */
export interface Batch {
  machines: MachineRow[]
  shapes: ShapeRow[]
  actors: Iterable<ActorRow>
  journal: JournalRow[]
  inboxAdded: InboxRow[]
  inboxRemoved: number[]
  timers: TimerOperation[]
  effects: Iterable<EffectRow>
  effectsRemoved: Iterable<number>
  messagesAdded: EffectMessageRow[]
  messagesRemoved: number[]
  keys: { actor: number; key: string; at: number }[]
}

/** The counters and small tables that a booting system keeps in memory. */
export interface StoreState {
  lastSeq: number
  lastAt: number
  nextActor: number
  nextInbox: number
  nextTimer: number
  nextEffect: number
  nextMessage: number
  machines: MachineRow[]
  shapes: ShapeRow[]
}

export interface StoreReader {
  state(): StoreState
  actor(address: string): ActorRow | undefined
  actorById(id: number): ActorRow | undefined
  children(parent: number): ActorRow[]
  /** Addresses in order, after `after`; for listings that do not hold the whole table. */
  actors(options: { kind?: string; roots?: boolean; after?: string; limit: number }): ActorRow[]
  faulted(): ActorRow[]
  entry(seq: number): JournalRow | undefined
  timersOf(actor: number): TimerRow[]
  effectsOf(actor: number): EffectRow[]
  inboxOf(actor: number): InboxRow[]
  counts(): { actors: number; entries: number; inbox: number; timers: number; effects: number }
}

export interface Store extends StoreReader {
  /**
   * Takes ownership, brings the schema up to date and lets `check` read. Throws FatalError `database-owned`, ConfigurationError `database-newer`.
   * Contract: what `check` throws is thrown on; the store is then closed, and what it holds as it was, schema included.
   */
  open(owner: { pid: number; host: string; since: number }, check?: () => void): void
  /** Contract: all or nothing, durable when it returns. A throw means that nothing was written. */
  commit(batch: Batch): void
  hasKey(actor: number, key: string): boolean
  /** The unhandled events of actors that are not faulted, oldest first. */
  inbox(): InboxRow[]
  nextDue(): number | null
  /** Timers with `due <= now`, oldest first. */
  dueTimers(now: number, limit: number): TimerRow[]
  effects(): EffectRow[]
  messages(effect: number): EffectMessageRow[]
  /** The distinct shapes of actors that can still take an event, each with one actor that has it. */
  shapesInUse(): { shape: number; actor: number }[]
  /** Distinct (machine, timer name) of pending timers. */
  timerNames(): { machine: number; name: string }[]
  /** Distinct (machine, effect source) in flight, children only. */
  effectSources(): { machine: number; src: string }[]
  /** Distinct types of reports that are not delivered yet. */
  reportTypes(): string[]
  /** Distinct types of unhandled events. */
  inboxTypes(): OwedType[]
  /** Distinct types of delayed events that are pending, by the machine that gets them; an `after` is in `timerNames`. */
  delayedTypes(): OwedType[]
  /** Forgets dedupe keys and finished root actors last touched before `before` (epoch ms), at most `limit` of each; answers how many rows went. */
  sweep(before: number, limit: number): number
  close(): void
}

export function emptyBatch(): Batch & { actors: Set<ActorRow>; effects: Set<EffectRow>; effectsRemoved: Set<number> } {
  return {
    machines: [],
    shapes: [],
    actors: new Set(),
    journal: [],
    inboxAdded: [],
    inboxRemoved: [],
    timers: [],
    effects: new Set(),
    effectsRemoved: new Set(),
    messagesAdded: [],
    messagesRemoved: [],
    keys: [],
  }
}
