// What the actor of one head's checks knows.

import type { Backoff } from '../backoff.ts'
import type { CheckFailure } from '../vocabulary.ts'

export interface CheckInput {
  project: string
  issue: string
  number: number
  headSha: string
  /** Left out: `defaultRetry`. */
  retry?: Backoff
}

export interface CheckResult {
  state: 'passed' | 'failed' | 'none'
  names: string[]
  failures: CheckFailure[]
}

export interface CheckContext extends CheckInput {
  result: CheckResult | null
  /** Failures of the environment in a row. */
  obstacles: number
  reason: string
}

export const createContext = ({ input }: { input?: CheckInput }): CheckContext => ({
  project: '',
  issue: '',
  number: 0,
  headSha: '',
  ...input,
  result: null,
  obstacles: 0,
  reason: '',
})
