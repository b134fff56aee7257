// The invariants, by counting in the database, in the world's file and in the client's files after the last life.

import { join } from 'node:path'
import { verify } from '../../../../src/actors/system/index.ts'
import { resolveKinds } from '../../../../src/actors/system/definition.ts'
import { sqliteStore } from '../../../../src/persistence/sqlite-store.ts'
import { actors } from './courier.ts'
import { owed, parcel } from './plan.ts'
import type { Life } from './subject.ts'
import { linesOf } from './world.ts'

export interface Verdict {
  /** Each is a law broken; empty when all holds. */
  wrong: string[]
  parcels: number
  entries: number
}

export function check(life: Life): Verdict {
  const file = (name: string): string => join(life.folder, name)
  const wrong = linesOf(file('wrong'))
  const store = sqliteStore(file('actors.db'), { readOnly: true })
  try {
    const counted = new Map<string, number>()
    for (let after = ''; ;) {
      const rows = store.actors({ kind: 'courier', after, limit: 500 })
      if (rows.length === 0) break
      for (const { address, snapshot, status, fault } of rows) {
        if (status !== 'active' || fault !== null) wrong.push(`${address} is ${status} ${fault ?? ''}`)
        const { counts } = (JSON.parse(snapshot!) as { context: { counts: Record<string, number> } }).context
        for (const [name, count] of Object.entries(counts)) counted.set(`${address} ${name}`, count)
      }
      after = rows.at(-1)!.address
    }
    const world = new Map<string, number>()
    for (const line of linesOf(file('world'))) {
      // A report's trace ends in its id: a second id for the same report shows as a second line of one key.
      const trace = line.startsWith('noted ') ? line.split(' ').slice(0, 2).join(' ') : line
      world.set(trace, (world.get(trace) ?? 0) + 1)
    }

    const acknowledged = new Set(linesOf(file('acks')))
    const expected = new Set<string>()
    const traces = new Set<string>()
    let parcels = 0
    for (let n = 0; n < life.parcels; n++) {
      const sent = parcel(life.seed, n, life.couriers, life.everything)
      const isIn = counted.has(`${sent.hops[0]!.address} tick:${n}-0`)
      if (!isIn && acknowledged.has(sent.id)) wrong.push(`parcel ${n} was acknowledged and is lost`)
      if (!isIn) continue
      parcels++
      const due = owed(sent)
      for (const { address, name } of due.counts) {
        expected.add(`${address} ${name}`)
        const count = counted.get(`${address} ${name}`) ?? 0
        if (count !== 1) wrong.push(`${address} counted ${name} ${count} times`)
      }
      for (const trace of due.traces) {
        traces.add(trace)
        const count = world.get(trace) ?? 0
        if (count !== 1) wrong.push(`the world shows '${trace}' ${count} times`)
      }
    }
    for (const name of counted.keys()) if (!expected.has(name)) wrong.push(`${name} was counted and never due`)
    for (const trace of world.keys()) if (!traces.has(trace)) wrong.push(`the world shows '${trace}', which was never due`)

    let entries = 0
    for (const verdict of verify(store, resolveKinds(actors, new Set()))) {
      entries += verdict.entries
      if (verdict.outcome !== 'equal') wrong.push(`replay of ${verdict.address}: ${verdict.outcome} ${verdict.message}`)
    }
    const { inbox, timers } = store.counts()
    if (inbox + timers > 0) wrong.push(`${inbox} events and ${timers} timers are left`)
    return { wrong, parcels, entries }
  } finally {
    store.close()
  }
}
