// What the reconciliation knows: its pace, and whose turn it is.

import { defaultPace, type Pace } from './policy.ts'

export interface ReconciliationContext {
  now: number
  pace: Pace
  /** Milliseconds of the present pause. */
  pause: number
  /** When every issue was asked about last (epoch ms). */
  askedAllAt: number
  /** Issues that want to be told, by id. */
  wanted: string[]
  /** What is being asked for: these, and with `everyone` all others that are not over. */
  turn: { issues: string[]; everyone: boolean }
}

/** What one round of asking came to. */
export interface Answer {
  /** Issues that were told something that they did not know. */
  told: number
  /** Issues that wait for a word of tracker or forge. */
  awaiting: number
}

export const createContext = (): ReconciliationContext => ({
  now: 0,
  pace: defaultPace,
  pause: 0,
  askedAllAt: 0,
  wanted: [],
  turn: { issues: [], everyone: false },
})
