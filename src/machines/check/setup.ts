// What the names in the check's chart mean.

import { assign, fromPromise, setup } from 'xstate'
import { pauseBefore } from '../backoff.ts'
import type { CheckContext, CheckInput, CheckResult } from './context.ts'
import type { CheckEvent } from './events.ts'
import * as guards from './guards.ts'
import { retryOf } from './policy.ts'

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`The effect '${name}' is not provided`)
}

type Args = { context: CheckContext }
export const checksInput = ({ context: { project, issue, number, headSha } }: Args): CheckInput => ({ project, issue, number, headSha })
export const recordInput = ({ context }: Args) => ({ ...checksInput({ context }), result: context.result! })
export const obstacleInput = ({ context }: Args) => ({ ...checksInput({ context }), reason: context.reason })

export const checkSetup = setup({
  types: {
    context: {} as CheckContext,
    input: {} as CheckInput,
    events: {} as CheckEvent,
    meta: {} as { description: string },
  },
  actors: {
    runChecks: fromPromise<CheckResult, CheckInput>(notProvided('runChecks')),
    recordChecks: fromPromise<void, CheckInput & { result: CheckResult }>(notProvided('recordChecks')),
    recordObstacle: fromPromise<void, CheckInput & { reason: string }>(notProvided('recordObstacle')),
  },
  guards,
  delays: { pause: ({ context }) => pauseBefore(retryOf(context), context.obstacles) },
  actions: {
    rememberResult: assign(({ event }) => ({ result: (event as unknown as { output: CheckResult }).output })),
    rememberObstacle: assign(({ context, event }) => ({
      obstacles: context.obstacles + 1,
      reason: (event as unknown as { error?: { message?: string } }).error?.message ?? 'unknown',
    })),
  },
})
