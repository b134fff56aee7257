// T9: whether throughput and acknowledgement cost more in a large database than in a small one.

import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { createSystem } from '../src/actors/system/index.ts'
import { sqliteStore } from '../src/persistence/sqlite-store.ts'
import { databaseOf, referenceActors } from './databases.ts'
import { work } from './machines.ts'
import { figure, median, rounds, tell, throughput, timed, type Figure } from './measure.ts'

const hot = 1_000
const steps = 10_000
const samples = 100

interface Subject {
  name: string
  stepsPerSecond: () => Promise<number>
  loneMs: () => Promise<number>
  end: () => Promise<void>
}

/** A system on a database of `actors`, of which `awake` get the events. */
async function subject(name: string, path: string, actors: number, awake: number): Promise<Subject> {
  const system = await createSystem({ store: sqliteStore(path), actors: referenceActors })
  let sent = 0
  // A stride that is prime to the number of actors visits them all, far apart.
  const stride = awake === actors ? 7_919 : actors / awake
  const send = (): Promise<unknown> => {
    const n = sent++
    return system.ref(`work/${(n * stride) % actors}`).send(work.event(0, Math.floor(n / awake)))
  }
  return {
    name,
    stepsPerSecond: () => throughput(steps, hot, send),
    async loneMs() {
      const times: number[] = []
      for (let i = 0; i < samples; i++) {
        times.push(await timed(send))
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      return median(times)
    },
    async end() {
      await system.stop()
      rmSync(dirname(path), { recursive: true })
    },
  }
}

export async function measure(): Promise<Figure[]> {
  const subjects = [
    await subject('1,000 actors', await databaseOf(1_000), 1_000, hot),
    await subject('100,000 actors, 1,000 of them hot', await databaseOf(100_000), 100_000, hot),
    await subject('1,000 actors, a million events', await databaseOf(1_000, 1_000_000), 1_000, hot),
    await subject('100,000 actors, all of them in turn', await databaseOf(100_000), 100_000, 100_000),
  ]
  const seen = subjects.map(() => ({ rate: [] as number[], lone: [] as number[] }))
  for (let round = -1; round < rounds; round++) {
    for (const n of subjects.keys()) {
      // Each is first in some round: the one that follows finds the disk and the caches as the other left them.
      const at = (n + round + subjects.length) % subjects.length
      const rate = await subjects[at]!.stepsPerSecond()
      const lone = await subjects[at]!.loneMs()
      if (round < 0) continue
      seen[at]!.rate.push(rate)
      seen[at]!.lone.push(lone)
    }
  }
  for (const { end } of subjects) await end()
  const base = seen[0]!
  return subjects.flatMap(({ name }, n) => {
    const { rate, lone } = seen[n]!
    const absolute = [figure('T9', `durable steps, ${name}`, '1/s', rate), figure('T9', `lone send, ${name}`, 'ms', lone)]
    if (n === 0) return absolute
    // Medians are compared, as the target says; min and max are those of the rounds.
    const ratio = (of: number[], to: number[]): number[] => of.map((value, round) => value / to[round]!)
    const limit = n === 3 ? {} : { limit: { most: 1.25 } }
    return [
      { ...figure('T9', `steps take longer by, ${name}`, 'x', ratio(base.rate, rate), limit), median: median(base.rate) / median(rate) },
      {
        ...figure('T9', `lone send takes longer by, ${name}`, 'x', ratio(lone, base.lone), limit),
        median: median(lone) / median(base.lone),
      },
      ...absolute,
    ]
  })
}

if (import.meta.main) tell(await measure())
