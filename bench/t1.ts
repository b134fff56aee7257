// T1: durable steps a second against the ceiling of the same run.

import Database from 'better-sqlite3'
import { createSystem, defineActor } from '../src/actors/system/index.ts'
import { resolveKinds } from '../src/actors/system/definition.ts'
import { step, type StepResult } from '../src/actors/system/step.ts'
import { actorSchema } from '../src/persistence/actor-schema.ts'
import { sqliteStore } from '../src/persistence/sqlite-store.ts'
import { freshPath } from './databases.ts'
import { issues } from './issue.ts'
import { work, type Workload } from './machines.ts'
import { figure, median, rounds, tell, throughput, timed, type Figure } from './measure.ts'

const actors = 1_000
const steps = 20_000

const perSecond = (ms: number): number => (steps / ms) * 1_000

/** What a step of each actor makes of the events in turn, without a database: bytes to bytes. */
function inMemory({ machine, input, event }: Workload) {
  const kind = resolveKinds({ work: defineActor(machine, { version: 1 }) }, new Set()).get('work')!
  const take = (address: string, bytes: string | null, entry: 'init' | 'event', body: object, seq: number): string =>
    (step({ kind, address, parent: null, bytes, entry, body, at: 1_700_000_000_000 + seq, seq }) as StepResult).bytes
  const bytes = Array.from({ length: actors }, (_, n) => take(`work/${n}`, null, 'init', { input: input(n) }, n))
  let taken = 0
  const run = (): void => {
    for (let i = 0; i < steps; i++, taken++) {
      const n = taken % actors
      const body = JSON.parse(JSON.stringify({ event: event(n, Math.floor(taken / actors)) })) as object
      bytes[n] = take(`work/${n}`, bytes[n]!, 'event', body, taken)
    }
  }
  /** Persisting alone, on the snapshots that those steps made. */
  const persist = (): (() => void) => {
    const snapshots = bytes.map((text) => kind.logic.restoreSnapshot!(JSON.parse(text) as never, inertScope as never))
    return () => {
      for (let i = 0; i < steps; i++) JSON.stringify(kind.logic.getPersistedSnapshot(snapshots[i % actors]! as never))
    }
  }
  return { run, persist, bytes }
}

const inertScope = {
  self: { id: 'work/0' },
  id: 'work/0',
  sessionId: 'work/0',
  logger: () => {},
  defer: () => {},
  system: { _bookId: () => 'x', _register: () => 'x', _sendInspectionEvent: () => {}, scheduler: {} },
  stopChild: () => {},
  emit: () => {},
  actionExecutor: () => {},
}

/** The same rows by bare better-sqlite3, in groups of 100: an event row and a snapshot row a step, each prepared once. */
function bareRows(bytes: string[], event: Workload['event']): () => void {
  const db = new Database(freshPath())
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.pragma('wal_autocheckpoint = 8000')
  db.exec(actorSchema)
  db.exec("INSERT INTO machine VALUES (1, 'work', '1'); INSERT INTO shape VALUES (1, 1, 'any')")
  const add = db.prepare(
    "INSERT INTO actor (id, address, machine, since, status, version, shape, last_seq, sync, created_at, updated_at, snapshot) VALUES (?, ?, 1, 0, 'active', 0, 1, 0, 0, 0, 0, ?)",
  )
  db.transaction(() => bytes.forEach((text, n) => add.run(n + 1, `work/${n}`, text)))()
  const change = db.prepare('UPDATE actor SET version = ?, last_seq = ?, updated_at = ?, snapshot = ? WHERE id = ?')
  const append = db.prepare(
    'INSERT INTO journal (seq, actor, prev, at, cause, machine, kind, body, ignored) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const bodies = Array.from({ length: 20 }, (_, turn) => JSON.stringify({ event: event(0, turn) }))
  let seq = 0
  return () => {
    for (let i = 0; i < steps; i += 100) {
      db.exec('BEGIN IMMEDIATE')
      for (let j = 0; j < 100; j++) {
        seq++
        const n = seq % actors
        change.run(seq, seq, seq, bytes[n], n + 1)
        append.run(seq, n + 1, Math.max(0, seq - actors), seq, null, 1, 'event', bodies[seq % bodies.length], null)
      }
      db.exec('COMMIT')
    }
  }
}

export async function measure(workload: Workload, least?: number): Promise<Figure[]> {
  const { name, machine, input, event } = workload
  const memory = inMemory(workload)
  memory.run()
  const size = median(memory.bytes.map((text) => text.length))
  const bare = bareRows(memory.bytes, event)
  const system = await createSystem({ store: sqliteStore(freshPath()), actors: { work: defineActor(machine, { version: 1 }) } })
  const refs = await Promise.all(Array.from({ length: actors }, (_, n) => system.spawn('work', String(n), input(n) as never)))
  let sent = 0
  const send = (): Promise<unknown> => {
    const n = sent++
    return refs[n % actors]!.send(event(n % actors, Math.floor(n / actors)) as never)
  }
  await throughput(steps, actors, send)
  const seen = {
    step: [] as number[],
    persist: [] as number[],
    rows: [] as number[],
    ceiling: [] as number[],
    system: [] as number[],
    share: [] as number[],
  }
  for (let round = 0; round < rounds; round++) {
    const stepMs = await timed(memory.run)
    const persistMs = await timed(memory.persist())
    const rowsMs = await timed(bare)
    const reached = await throughput(steps, actors, send)
    // The adapter's step in memory restores, steps and persists: 1/T and 1/S are measured as one sum.
    const ceiling = perSecond(stepMs + rowsMs)
    seen.step.push(perSecond(stepMs))
    seen.persist.push(perSecond(persistMs))
    seen.rows.push(perSecond(rowsMs))
    seen.ceiling.push(ceiling)
    seen.system.push(reached)
    seen.share.push((reached / ceiling) * 100)
  }
  if (system.health().faulted.length > 0) throw new Error('The machine cannot take these events; nothing was measured')
  await system.stop()
  const note = `${name}, snapshot ${size} bytes`
  return [
    figure('T1', `share of the ceiling, ${name}`, '%', seen.share, { limit: { least: 50 }, note }),
    figure('T1', `durable steps, ${name}`, '1/s', seen.system, { ...(least === undefined ? {} : { limit: { least } }), note }),
    figure('T1', `ceiling, ${name}`, '1/s', seen.ceiling, { note }),
    figure('T1', `T and S: a step in memory, ${name}`, '1/s', seen.step, { note }),
    figure('T1', `S alone, by XState, ${name}`, '1/s', seen.persist, { note }),
    figure('T1', `C: bare rows in groups of 100, ${name}`, '1/s', seen.rows, { note }),
  ]
}

if (import.meta.main) tell([...(await measure(issues)), ...(await measure(work, 10_000))])
