// Which parcels there are and which way each goes: a function of seed and number, so that the check knows what must have happened.

import { seededRandom } from '../../../../src/actors/system/index.ts'
import { hopKey, type Hop, type Task } from './courier.ts'

const tasks: Task[] = ['timer', 'fetch', 'flaky', 'say', 'help', 'slow', 'note']

export interface Parcel {
  id: string
  hops: Hop[]
  /** Sent with a dedupe key, and again until it is acknowledged; the others are sent once, whatever becomes of them. */
  keyed: boolean
}

/** Parcel `n`. With `everything`, its first hop has every task. */
export function parcel(seed: number, n: number, actors: number, everything: boolean): Parcel {
  const random = seededRandom(seed * 1_000_003 + n)
  const pick = (limit: number): number => Math.floor(random() * limit)
  const hops = Array.from({ length: 1 + pick(3) }, (_, hop) => ({
    address: `courier/${pick(actors)}`,
    tasks: everything && hop === 0 ? tasks : [tasks[pick(tasks.length)]!],
  }))
  return { id: String(n), hops, keyed: n % 3 !== 0 }
}

/** What each courier has counted, and what the world shows, once the parcel has been taken in. */
export function owed({ id, hops }: Parcel): { counts: { address: string; name: string }[]; traces: string[] } {
  const counts: { address: string; name: string }[] = []
  const traces: string[] = []
  hops.forEach(({ address, tasks: todo }, n) => {
    const key = hopKey(id, n)
    const count = (...names: string[]): void => void counts.push(...names.map((name) => ({ address, name: `${name}:${key}` })))
    count('tick')
    for (const task of todo) {
      if (task === 'timer') count('ring')
      if (task === 'fetch') count('fetch')
      if (task === 'flaky') count('flaky')
      if (task === 'say') count('said')
      if (task === 'help') count('helping', 'help')
      if (task === 'slow') count('cancel')
      if (task === 'fetch') traces.push(`begun fetch ${key}`, `fetch ${key}`)
      if (task === 'flaky') traces.push(`flaky-failed ${key}`, `flaky ${key}`)
      if (task === 'say') traces.push(`begun said ${key}`, `said ${key}`)
      if (task === 'help') traces.push(`begun fetch h${key}`, `fetch h${key}`)
      if (task === 'note') traces.push(`begun noted ${key}`, `noted ${key}`)
    }
  })
  return { counts, traces }
}
