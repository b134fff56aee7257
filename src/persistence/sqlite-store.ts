// The actor system's store on SQLite: one writer, one transaction a commit, prepared statements only.
// Owns: the actor tables. Does not own: the tables of tracker and forge in the same file. Invariant: a commit is durable when it returns.

import type { Statement } from 'better-sqlite3'
import { openDatabase, type SqliteDatabase } from './database.ts'
import { takeOwnership, type Ownership } from './ownership.ts'
import type { ActorRow, Batch, EffectRow, InboxRow, JournalRow, OwedType, Store, StoreState, TimerRow } from './store.ts'

export interface SqliteStore extends Store {
  /** The open connection, for the tables beside the actor system's. Undefined before `open`. */
  readonly database: SqliteDatabase
}

/** A store in the file `path`. Nothing is opened or created before `open` (or the first read with `readOnly`). */
export function sqliteStore(path: string, options: { readOnly?: boolean } = {}): SqliteStore {
  let connection: SqliteDatabase | undefined
  let ownership: Ownership | undefined
  let sql: Statements | undefined

  const db = (): SqliteDatabase => {
    if (!connection) {
      if (!options.readOnly) throw new Error('The store is not open')
      connection = openDatabase(path, { readOnly: true })
    }
    return connection
  }
  const q = (): Statements => (sql ??= prepare(db()))
  // What the database holds of an actor row, to choose the cheaper statement. Weak: a row object lives as long as its cache entry.
  const written: Written = new WeakMap()
  const toActorRow = (raw: unknown): ActorRow => {
    const row = fromRaw(raw as RawActor)
    written.set(row, indexed(row))
    return row
  }
  const toActor = (raw: unknown): ActorRow | undefined => (raw === undefined ? undefined : toActorRow(raw))

  return {
    get database() {
      return db()
    },
    open(owner, check) {
      ownership = takeOwnership(path)
      try {
        connection = openDatabase(path, {
          within(opening) {
            connection = opening
            check?.()
            opening
              .prepare('INSERT OR REPLACE INTO owner (one, pid, host, since) VALUES (1, ?, ?, ?)')
              .run(owner.pid, owner.host, owner.since)
          },
        })
      } catch (error) {
        connection = undefined
        sql = undefined
        ownership.release()
        ownership = undefined
        throw error
      }
    },
    commit(batch) {
      const s = q()
      const before: [ActorRow, string | undefined][] = []
      s.begin.run()
      try {
        write(s, batch, written, before)
        s.commit.run()
      } catch (error) {
        for (const [row, was] of before)
          if (was === undefined) written.delete(row)
          else written.set(row, was)
        if (db().inTransaction) s.rollback.run()
        throw error
      }
    },
    state: () => readState(db()),
    actor: (address) => toActor(q().actor.get(address)),
    actorById: (id) => toActor(q().actorById.get(id)),
    children: (parent) => q().children.all(parent).map(toActorRow),
    actors({ kind, roots, after, limit }) {
      const where = ['a.address > ?']
      if (kind !== undefined) where.push('a.machine IN (SELECT id FROM machine WHERE kind = ?)')
      if (roots) where.push('a.parent IS NULL')
      const parameters = [after ?? '', ...(kind === undefined ? [] : [kind]), limit]
      return db()
        .prepare(`SELECT a.* FROM actor a WHERE ${where.join(' AND ')} ORDER BY a.address LIMIT ?`)
        .all(...parameters)
        .map(toActorRow)
    },
    faulted: () => q().faulted.all().map(toActorRow),
    entry: (seq) => q().entry.get(seq) as JournalRow | undefined,
    timersOf: (actor) => q().timersOf.all(actor) as TimerRow[],
    effectsOf: (actor) => q().effectsOf.all(actor).map(toEffectRow),
    inboxOf: (actor) => q().inboxOf.all(actor) as InboxRow[],
    counts() {
      const count = (table: string): number => (db().prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n
      return { actors: count('actor'), entries: count('journal'), inbox: count('inbox'), timers: count('timer'), effects: count('effect') }
    },
    hasKey: (actor, key) => q().hasKey.get(actor, key) !== undefined,
    inbox: () =>
      db().prepare('SELECT i.* FROM inbox i JOIN actor a ON a.id = i.actor WHERE a.fault IS NULL ORDER BY i.id').all() as InboxRow[],
    nextDue: () => (q().nextDue.get() as { due: number | null }).due,
    dueTimers: (now, limit) => q().dueTimers.all(now, limit) as TimerRow[],
    effects: () => db().prepare('SELECT * FROM effect ORDER BY id').all().map(toEffectRow),
    messages: (effect) => q().messages.all(effect) as { id: number; effect: number; body: string }[],
    shapesInUse: () =>
      db()
        .prepare(
          // A skip scan over the index: one look-up a distinct shape, however many actors there are.
          `WITH RECURSIVE used (shape) AS (
             SELECT min(shape) FROM actor WHERE status = 'active'
             UNION ALL
             SELECT (SELECT min(shape) FROM actor WHERE status = 'active' AND shape > used.shape) FROM used WHERE used.shape IS NOT NULL
           )
           SELECT shape, (SELECT id FROM actor WHERE status = 'active' AND shape = used.shape LIMIT 1) AS actor FROM used WHERE shape IS NOT NULL`,
        )
        .all() as { shape: number; actor: number }[],
    timerNames: () =>
      db().prepare('SELECT DISTINCT a.machine, t.name FROM timer t JOIN actor a ON a.id = t.actor').all() as {
        machine: number
        name: string
      }[],
    effectSources: () =>
      db().prepare('SELECT DISTINCT a.machine, e.src FROM effect e JOIN actor a ON a.id = e.actor WHERE e.child IS NOT NULL').all() as {
        machine: number
        src: string
      }[],
    reportTypes: () =>
      (db().prepare('SELECT DISTINCT src FROM effect WHERE child IS NULL ORDER BY src').all() as { src: string }[]).map((row) => row.src),
    inboxTypes: () =>
      db()
        .prepare(`SELECT DISTINCT a.machine, i.kind, ${typeColumns('i')} FROM inbox i JOIN actor a ON a.id = i.actor`)
        .all() as OwedType[],
    delayedTypes: () =>
      db()
        .prepare(
          `SELECT DISTINCT a.machine, t.kind, ${typeColumns('t')} FROM timer t JOIN actor a ON a.address = t.target WHERE t.name NOT GLOB 'xstate.after.*'`,
        )
        .all() as OwedType[],
    sweep: (before, limit) => sweep(db(), before, limit),
    close() {
      connection?.close()
      connection = undefined
      sql = undefined
      ownership?.release()
      ownership = undefined
    },
  }
}

const typeColumns = (table: string): string =>
  ['event.type', 'child', 'after'].map((path) => `json_extract(${table}.body, '$.${path}') AS ${path.split('.')[0]}`).join(', ')

type Statements = ReturnType<typeof prepare>

function prepare(db: SqliteDatabase) {
  const p = (source: string): Statement => db.prepare(source)
  return {
    begin: p('BEGIN IMMEDIATE'),
    commit: p('COMMIT'),
    rollback: p('ROLLBACK'),
    actor: p('SELECT * FROM actor WHERE address = ?'),
    actorById: p('SELECT * FROM actor WHERE id = ?'),
    faulted: p('SELECT * FROM actor WHERE fault IS NOT NULL ORDER BY id'),
    children: p('SELECT * FROM actor WHERE parent = ? ORDER BY id'),
    entry: p('SELECT * FROM journal WHERE seq = ?'),
    timersOf: p('SELECT * FROM timer WHERE actor = ? ORDER BY due, id'),
    effectsOf: p('SELECT * FROM effect WHERE actor = ? ORDER BY id'),
    inboxOf: p('SELECT * FROM inbox WHERE actor = ? ORDER BY id'),
    hasKey: p('SELECT 1 FROM dedupe_key WHERE actor = ? AND key = ?'),
    nextDue: p('SELECT min(due) AS due FROM timer'),
    dueTimers: p('SELECT * FROM timer WHERE due <= ? ORDER BY due, id LIMIT ?'),
    messages: p('SELECT * FROM effect_message WHERE effect = ? ORDER BY id'),
    putMachine: p(
      'INSERT INTO machine (id, kind, version, events) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET events = excluded.events',
    ),
    putShape: p('INSERT INTO shape (id, machine, key) VALUES (?, ?, ?)'),
    putActor: p(
      `INSERT INTO actor (id, address, machine, parent, child, since, status, fault, version, shape, last_seq, sync, created_at, updated_at, snapshot)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    // The common step touches no indexed column; setting one to itself would still rewrite its index.
    stepActor: p('UPDATE actor SET version = ?, last_seq = ?, updated_at = ?, snapshot = ? WHERE id = ?'),
    changeActor: p(
      `UPDATE actor SET machine = ?, since = ?, status = ?, fault = ?, version = ?, shape = ?, last_seq = ?, sync = ?, updated_at = ?, snapshot = ? WHERE id = ?`,
    ),
    putEntry: p('INSERT INTO journal (seq, actor, prev, at, cause, machine, kind, body, ignored) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    putInbox: p('INSERT INTO inbox (id, actor, address, cause, kind, body) VALUES (?, ?, ?, ?, ?, ?)'),
    dropInbox: p('DELETE FROM inbox WHERE id = ?'),
    putTimer: p('INSERT INTO timer (id, actor, name, due, target, kind, body) VALUES (?, ?, ?, ?, ?, ?, ?)'),
    dropTimer: p('DELETE FROM timer WHERE id = ?'),
    cancelTimer: p('DELETE FROM timer WHERE actor = ? AND name = ?'),
    clearTimers: p('DELETE FROM timer WHERE actor = ?'),
    putEffect: p(
      `INSERT INTO effect (id, actor, address, child, src, input, sync, since, status, attempt, due, started_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET status = excluded.status, attempt = excluded.attempt, due = excluded.due, started_at = excluded.started_at`,
    ),
    dropEffect: p('DELETE FROM effect WHERE id = ?'),
    putMessage: p('INSERT INTO effect_message (id, effect, body) VALUES (?, ?, ?)'),
    dropMessage: p('DELETE FROM effect_message WHERE id = ?'),
    putKey: p('INSERT INTO dedupe_key (actor, key, at) VALUES (?, ?, ?)'),
  }
}

type Written = WeakMap<ActorRow, string>
const indexed = (a: ActorRow): string => `${a.machine}|${a.since}|${a.status}|${a.fault ?? ''}|${a.shape ?? ''}|${a.sync}`

function write(s: Statements, batch: Batch, written: Written, undo: [ActorRow, string | undefined][]): void {
  for (const m of batch.machines) s.putMachine.run(m.id, m.kind, m.version, m.events)
  for (const h of batch.shapes) s.putShape.run(h.id, h.machine, h.key)
  for (const a of batch.actors) {
    const before = written.get(a)
    const now = indexed(a)
    undo.push([a, before])
    if (before !== undefined) {
      const { changes } =
        before === now
          ? s.stepActor.run(a.version, a.lastSeq, a.updatedAt, a.snapshot, a.id)
          : s.changeActor.run(
              a.machine,
              a.since,
              a.status,
              a.fault,
              a.version,
              a.shape,
              a.lastSeq,
              a.sync ? 1 : 0,
              a.updatedAt,
              a.snapshot,
              a.id,
            )
      if (changes !== 1) throw new Error(`The row of '${a.address}' has gone from the database`)
    } else
      s.putActor.run(
        a.id,
        a.address,
        a.machine,
        a.parent,
        a.child,
        a.since,
        a.status,
        a.fault,
        a.version,
        a.shape,
        a.lastSeq,
        a.sync ? 1 : 0,
        a.createdAt,
        a.updatedAt,
        a.snapshot,
      )
    written.set(a, now)
  }
  for (const e of batch.journal) s.putEntry.run(e.seq, e.actor, e.prev, e.at, e.cause, e.machine, e.kind, e.body, e.ignored)
  for (const i of batch.inboxAdded) s.putInbox.run(i.id, i.actor, i.address, i.cause, i.kind, i.body)
  for (const id of batch.inboxRemoved) s.dropInbox.run(id)
  for (const t of batch.timers) {
    if (t.op === 'add') s.putTimer.run(t.row.id, t.row.actor, t.row.name, t.row.due, t.row.target, t.row.kind, t.row.body)
    else if (t.op === 'remove') s.dropTimer.run(t.id)
    else if (t.op === 'cancel') s.cancelTimer.run(t.actor, t.name)
    else s.clearTimers.run(t.actor)
  }
  for (const e of batch.effects)
    s.putEffect.run(e.id, e.actor, e.address, e.child, e.src, e.input, e.sync ? 1 : 0, e.since, e.status, e.attempt, e.due, e.startedAt)
  for (const m of batch.messagesAdded) s.putMessage.run(m.id, m.effect, m.body)
  for (const id of batch.messagesRemoved) s.dropMessage.run(id)
  for (const id of batch.effectsRemoved) s.dropEffect.run(id)
  for (const k of batch.keys) s.putKey.run(k.actor, k.key, k.at)
}

interface RawActor {
  id: number
  address: string
  machine: number
  parent: number | null
  child: string | null
  since: number
  status: ActorRow['status']
  fault: string | null
  version: number
  shape: number | null
  last_seq: number
  sync: number
  created_at: number
  updated_at: number
  snapshot: string | null
}

function fromRaw(r: RawActor): ActorRow {
  return {
    id: r.id,
    address: r.address,
    machine: r.machine,
    parent: r.parent,
    child: r.child,
    since: r.since,
    status: r.status,
    fault: r.fault,
    version: r.version,
    shape: r.shape,
    snapshot: r.snapshot,
    lastSeq: r.last_seq,
    sync: r.sync === 1,
    createdAt: r.created_at,
    updatedAt: r.updated_at,
  }
}

function toEffectRow(raw: unknown): EffectRow {
  const { started_at, sync, ...rest } = raw as Omit<EffectRow, 'sync' | 'startedAt'> & { started_at: number | null; sync: number }
  return { ...rest, sync: sync === 1, startedAt: started_at }
}

function readState(db: SqliteDatabase): StoreState {
  const max = (table: string, column = 'id'): number =>
    (db.prepare(`SELECT coalesce(max(${column}), 0) AS n FROM ${table}`).get() as { n: number }).n
  // Ids of effects are idempotency keys in the world, ids of actors are referred to by the journal: neither may ever come back.
  const ever = (table: string): number =>
    (db.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').get(table) as { seq: number } | undefined)?.seq ?? 0
  const lastSeq = max('journal', 'seq')
  const last = db.prepare('SELECT at FROM journal WHERE seq = ?').get(lastSeq) as { at: number } | undefined
  return {
    lastSeq,
    lastAt: last?.at ?? 0,
    nextActor: ever('actor') + 1,
    nextInbox: max('inbox') + 1,
    nextTimer: max('timer') + 1,
    nextEffect: ever('effect') + 1,
    nextMessage: max('effect_message') + 1,
    machines: db.prepare('SELECT * FROM machine ORDER BY id').all() as StoreState['machines'],
    shapes: db.prepare('SELECT * FROM shape ORDER BY id').all() as StoreState['shapes'],
  }
}

function sweep(db: SqliteDatabase, before: number, limit: number): number {
  return db
    .transaction(() => {
      let gone = db
        .prepare('DELETE FROM dedupe_key WHERE (actor, key) IN (SELECT actor, key FROM dedupe_key WHERE at < ? ORDER BY at LIMIT ?)')
        .run(before, limit).changes
      const newest = (db.prepare('SELECT max(seq) AS seq FROM journal').get() as { seq: number | null }).seq
      const finished = db
        .prepare(`SELECT id FROM actor WHERE parent IS NULL AND status IN ('done', 'stopped') AND updated_at < ? AND fault IS NULL
           AND NOT EXISTS (
             WITH RECURSIVE family (member) AS (
               SELECT actor.id UNION ALL SELECT child.id FROM actor child JOIN family ON child.parent = family.member
             )
             SELECT 1 FROM family JOIN effect ON effect.actor = family.member
           ) LIMIT ?`)
        .all(before, limit) as { id: number }[]
      for (const { id } of finished) gone += forget(db, id, newest)
      return gone
    })
    .immediate()
}

/** Removes a finished actor with its children and journals; the newest journal entry stays, so that no seq is ever used twice. */
function forget(db: SqliteDatabase, id: number, newest: number | null): number {
  let gone = 0
  for (const child of db.prepare('SELECT id FROM actor WHERE parent = ?').all(id) as { id: number }[]) gone += forget(db, child.id, newest)
  const previous = db.prepare('SELECT prev FROM journal WHERE seq = ?')
  const drop = db.prepare('DELETE FROM journal WHERE seq = ?')
  let seq = (db.prepare('SELECT last_seq AS seq FROM actor WHERE id = ?').get(id) as { seq: number }).seq
  while (seq !== 0) {
    const next = (previous.get(seq) as { prev: number } | undefined)?.prev ?? 0
    if (seq !== newest) gone += drop.run(seq).changes
    seq = next
  }
  for (const table of ['inbox', 'timer', 'dedupe_key', 'effect']) db.prepare(`DELETE FROM ${table} WHERE actor = ?`).run(id)
  return gone + db.prepare('DELETE FROM actor WHERE id = ?').run(id).changes
}
