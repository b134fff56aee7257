// What the names in the check's chart mean.

import { assign, fromPromise, setup } from 'xstate'
import type { CheckFailure } from '../vocabulary.ts'

export interface CheckInput {
  project: string
  issue: string
  number: number
  headSha: string
}

export interface CheckResult {
  state: 'passed' | 'failed' | 'none'
  names: string[]
  failures: CheckFailure[]
}

interface CheckContext extends CheckInput {
  result: CheckResult | null
  obstacles: number
  reason: string
}

const firstPause = 5_000
const longestPause = 5 * 60_000

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`The effect '${name}' is not provided`)
}
const target = ({ project, issue, number, headSha }: CheckContext): CheckInput => ({ project, issue, number, headSha })
const errorOf = (event: unknown): { code?: string; message?: string } =>
  (event as { error?: { code?: string; message?: string } }).error ?? {}

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
export const checksInput = ({ context }: { context: CheckContext }): CheckInput => target(context)
export const recordInput = ({ context }: { context: CheckContext }) => ({ ...target(context), result: context.result! })
export const obstacleInput = ({ context }: { context: CheckContext }) => ({ ...target(context), reason: context.reason })

export const checkSetup = setup({
  types: {
    context: {} as CheckContext,
    input: {} as CheckInput,
    events: {} as { type: 'check.retried' },
    meta: {} as { description: string },
  },
  actors: {
    runChecks: fromPromise<CheckResult, CheckInput>(notProvided('runChecks')),
    recordChecks: fromPromise<void, CheckInput & { result: CheckResult }>(notProvided('recordChecks')),
    recordObstacle: fromPromise<void, CheckInput & { reason: string }>(notProvided('recordObstacle')),
  },
  guards: {
    isInterruption: ({ event }) => errorOf(event).code === 'interrupted' || errorOf(event).code === 'check-aborted',
  },
  delays: {
    pause: ({ context }) => Math.min(longestPause, firstPause * 2 ** Math.max(0, context.obstacles - 1)),
  },
  actions: {
    rememberResult: assign(({ event }) => ({ result: (event as unknown as { output: CheckResult }).output })),
    rememberObstacle: assign(({ context, event }) => ({ obstacles: context.obstacles + 1, reason: errorOf(event).message ?? 'unknown' })),
  },
})
