// The machines run unmodified on plain XState too: live actors, with effects that are provided.

import { createActor, fromCallback, fromPromise, SimulatedClock } from 'xstate'
import { describe, expect, it } from 'vitest'
import { issueMachine } from '../../src/machines/issue/machine.ts'
import type { Inspection, Published } from '../../src/machines/run/context.ts'
import { runMachine } from '../../src/machines/run/machine.ts'
import type { PrepareInput, PublishInput, VerifyInput } from '../../src/machines/run/inputs.ts'
import type { IssueInput } from '../../src/machines/issue/context.ts'
import { input, opened } from './issue/facts.ts'
import { dawn } from './player.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const run = (result: object) =>
  runMachine.provide({
    actors: {
      prepareWorktree: fromPromise<{ path: string; head: string; baseHead: string; dirty: string[] }, PrepareInput>(async () => ({
        path: '/w',
        head: 'base',
        baseHead: 'base',
        dirty: [],
      })),
      agentSession: fromCallback(({ sendBack }) => {
        sendBack({ type: 'session.started', process: { pid: 1, group: 1, startTime: '1' } })
        sendBack({ type: 'session.finished', result: { summary: '', ...result } })
      }),
      endSession: fromPromise(async () => ({ left: [] as string[] })),
      verifyWork: fromPromise<Inspection, VerifyInput>(async () => ({
        ...{
          head: 'A',
          branch: input().branch,
          dirty: [],
          operation: null,
          descendsFromSince: true,
          hasParent: true,
          commitsAhead: 1,
          files: [],
        },
        ...{ patchId: null, tree: 't', reverts: [], protectedFiles: [] },
      })),
      publishChange: fromPromise<Published, PublishInput>(async () => ({
        ...{ number: 7, url: 'u', headSha: 'A', headRef: 'b', baseRef: 'main', draft: false, state: 'open' as const },
      })),
    },
  })

function begin(result: object) {
  const clock = new SimulatedClock()
  const machine = issueMachine.provide({ actors: { run: run(result) } })
  const actor = createActor(machine, { input: input() as IssueInput, clock })
  actor.start()
  return { actor, clock }
}

describe('on plain XState', () => {
  it('an issue gets its pull request, and its finished run is gone', async () => {
    const { actor } = begin({ outcome: 'completed' })
    actor.send({ type: 'capacity.granted', issue: '1', at: dawn })
    for (let i = 0; i < 5; i++) await settled()
    expect(actor.getSnapshot().value).toMatchObject({ lifecycle: 'pr_open', run: 'idle' })
    expect(Object.keys(actor.getSnapshot().children)).toEqual([])
    actor.send({ ...opened('A'), observedAt: dawn } as never)
    expect(actor.getSnapshot().context.published).toBeNull()
  })

  it('a pause ends by its timer', async () => {
    const { actor, clock } = begin({ outcome: 'failed', failure: 'agent' })
    actor.send({ type: 'capacity.granted', issue: '1', at: dawn })
    for (let i = 0; i < 5; i++) await settled()
    expect(actor.getSnapshot().value).toMatchObject({ run: { waiting: 'backoff' } })
    clock.increment(20_000)
    expect(actor.getSnapshot().value).toMatchObject({ run: { waiting: 'capacity' } })
  })

  it('an effect that nobody provides fails, and says which', async () => {
    const actor = createActor(issueMachine, { input: input() as IssueInput })
    actor.start()
    actor.send({ type: 'capacity.granted', issue: '1', at: dawn })
    await settled()
    expect(actor.getSnapshot().context.lastFailure).toMatchObject({
      class: 'environment',
      reason: "The effect 'prepareWorktree' is not provided",
    })
    actor.stop()
  })
})
