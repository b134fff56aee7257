// What is done from time to time while the runtime is up: old things are forgotten, refs looked at, our repositories packed.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { repackWhenDue } from '../actors/repacking.ts'
import type { Clock } from '../actors/system/index.ts'

export interface Housekeeping {
  clock: Clock
  dataFolder: string
  forget: () => Promise<void>
  checkRefs: () => Promise<void>
  turnLag: () => void
}

const forgetEvery = 3_600_000
const refsEvery = 30_000
const repackEvery = 60_000
const lagWindow = 10_000

/** Answers what ends it. */
export function startHousekeeping({ clock, dataFolder, forget, checkRefs, turnLag }: Housekeeping): () => void {
  const ending = new AbortController()
  const cancels = [
    every(clock, forgetEvery, forget),
    every(clock, refsEvery, checkRefs),
    every(clock, repackEvery, () => repackAll(dataFolder, ending.signal)),
    every(clock, lagWindow, turnLag),
  ]
  return () => {
    ending.abort()
    for (const cancel of cancels) cancel()
  }
}

/** One after the other: packing uses all it can get. */
async function repackAll(dataFolder: string, signal: AbortSignal): Promise<void> {
  for (const kind of ['repos', 'clones']) {
    for (const name of await readdir(join(dataFolder, kind)).catch(() => [])) {
      if (signal.aborted) return
      if (name.endsWith('.git') && !name.startsWith('.')) await repackWhenDue(join(dataFolder, kind, name), { signal })
    }
  }
}

/** Calls `work` every `ms` until cancelled; the next time begins when the last has ended. */
function every(clock: Clock, ms: number, work: () => unknown): () => void {
  let cancel: () => void = () => {}
  let stopped = false
  const arm = (): void => {
    cancel = clock.after(ms, async () => {
      try {
        await work()
      } catch {
        // Looked at again at the next time; what stays broken shows where it is used.
      }
      if (!stopped) arm()
    })
  }
  arm()
  return () => {
    stopped = true
    cancel()
  }
}
