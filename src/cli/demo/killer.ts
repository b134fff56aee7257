// When the demo kills its server: moments that a seed spreads over the whole journey.

import { setTimeout as wait } from 'node:timers/promises'
import { seededRandom } from '../../actors/system/random.ts'

/** `progress`: `delay` ms after that many milestones were reached. `ready`: `delay` ms after the last (re)start was ready. */
export type Moment =
  | { after: 'progress'; milestones: number; delay: number; pause: number }
  | { after: 'ready'; delay: number; pause: number }

/** `count` moments in their order; `milestones` is how many the whole journey has. `pause` is how long the server stays dead. */
export function killMoments(seed: number, count: number, milestones: number): Moment[] {
  const random = seededRandom(seed * 7919 + count)
  return Array.from({ length: count }, (_, index) => {
    const isByTime = random() < 0.25
    const place = (index + random()) / count
    const delay = Math.floor(random() * (isByTime ? 600 : 250))
    const pause = Math.floor(random() * 120)
    // The last tenth is left out: a kill after everything has ended would show less.
    return isByTime
      ? { after: 'ready', delay, pause }
      : { after: 'progress', milestones: Math.floor(place * milestones * 0.9), delay, pause }
  })
}

export interface Victim {
  /** Milestones reached so far. */
  milestones: () => number
  /** Whether nothing more will happen: what is left of the moments comes at once. */
  hasEnded: () => boolean
  kill: (number: number) => Promise<void>
  /** Resolves when it is ready again. */
  restart: (number: number) => Promise<void>
}

/** Carries out all moments. Rejects with the signal's reason when that is aborted. */
export async function killAt(moments: readonly Moment[], victim: Victim, signal: AbortSignal): Promise<void> {
  for (const [index, moment] of moments.entries()) {
    while (moment.after === 'progress' && victim.milestones() < moment.milestones && !victim.hasEnded())
      await wait(5, undefined, { signal })
    await wait(moment.delay, undefined, { signal })
    await victim.kill(index + 1)
    await wait(moment.pause, undefined, { signal })
    await victim.restart(index + 1)
  }
}
