// T2 and T7: how long a lone event takes to be acknowledged, and until its effect has started, beside one bare commit.

import Database from 'better-sqlite3'
import { fromPromise } from 'xstate'
import { createSystem, defineActor } from '../src/actors/system/index.ts'
import { actorSchema } from '../src/persistence/actor-schema.ts'
import { sqliteStore } from '../src/persistence/sqlite-store.ts'
import { freshPath, referenceActors } from './databases.ts'
import { starter, work } from './machines.ts'
import { figure, median, rounds, tell, timed, type Figure } from './measure.ts'

const samples = 200

/** One transaction of the two rows of a step, `synchronous=FULL`. */
export function bareCommit(bytes: string): () => void {
  const db = new Database(freshPath())
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec(actorSchema)
  db.exec("INSERT INTO machine VALUES (1, 'work', '1'); INSERT INTO shape VALUES (1, 1, 'any')")
  db.prepare(
    "INSERT INTO actor (id, address, machine, since, status, version, shape, last_seq, sync, created_at, updated_at, snapshot) VALUES (1, 'work/0', 1, 0, 'active', 0, 1, 0, 0, 0, 0, ?)",
  ).run(bytes)
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const change = db.prepare('UPDATE actor SET version = ?, last_seq = ?, updated_at = ?, snapshot = ? WHERE id = 1')
  const append = db.prepare(
    "INSERT INTO journal (seq, actor, prev, at, cause, machine, kind, body, ignored) VALUES (?, 1, ?, ?, NULL, 1, 'event', ?, NULL)",
  )
  const bodies = Array.from({ length: 20 }, (_, turn) => JSON.stringify({ event: work.event(0, turn) }))
  let seq = 0
  return () => {
    seq++
    begin.run()
    change.run(seq, seq, seq, bytes)
    append.run(seq, seq - 1, seq, bodies[seq % bodies.length])
    commit.run()
  }
}

export async function measure(): Promise<Figure[]> {
  const system = await createSystem({ store: sqliteStore(freshPath()), actors: referenceActors })
  const ref = await system.spawn('work', '0', work.input(0))
  let sent = 0
  const sendNext = () => ref.send(work.event(0, sent++))
  while (sent < 10) await sendNext()
  const commit = bareCommit(system.store.actor('work/0')!.snapshot!)

  let onStart = (): void => {}
  const starting = await createSystem({
    store: sqliteStore(freshPath()),
    actors: { starter: defineActor(starter, { version: 1 }) },
    effects: { effect: { logic: fromPromise(async () => onStart()) } },
  })
  const started = await starting.spawn('starter', '0')
  const eventToEffect = async (n: number): Promise<number> => {
    await starting.idle()
    const start = performance.now()
    const { promise, resolve } = Promise.withResolvers<number>()
    onStart = () => resolve(performance.now() - start)
    void started.send({ type: 'go', n })
    return promise
  }

  const seen = {
    bare: [] as number[],
    send: [] as number[],
    effect: [] as number[],
    sendShare: [] as number[],
    effectShare: [] as number[],
  }
  let n = 0
  for (let round = -1; round < rounds; round++) {
    const bare: number[] = []
    const send: number[] = []
    const effect: number[] = []
    for (let i = 0; i < samples; i++) {
      // Whatever comes first after the pause finds cold caches: each is first in turn.
      const first = async (): Promise<unknown> => bare.push(await timed(commit))
      const second = async (): Promise<unknown> => send.push(await timed(sendNext))
      for (const sample of i % 2 === 0 ? [first, second] : [second, first]) await sample()
      effect.push(await eventToEffect(n++))
      // A lone event finds the process idle, with everything of the former one done.
      await starting.idle()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    // The first round only warms up.
    if (round < 0) continue
    seen.bare.push(median(bare))
    seen.send.push(median(send))
    seen.effect.push(median(effect))
    seen.sendShare.push(median(send) / median(bare))
    seen.effectShare.push(median(effect) / median(send))
  }
  await system.stop()
  await starting.stop()
  return [
    figure('T2', 'acknowledgement of a lone send, in bare commits', 'x', seen.sendShare, { limit: { most: 2.5 } }),
    figure('T2', 'acknowledgement of a lone send', 'ms', seen.send),
    figure('T2', 'one bare commit of the same bytes', 'ms', seen.bare),
    figure('T7', 'event to effect started, in lone sends', 'x', seen.effectShare, { limit: { most: 2 } }),
    figure('T7', 'event to effect started', 'ms', seen.effect),
  ]
}

if (import.meta.main) tell(await measure())
