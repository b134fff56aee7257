// What is read of the runs that an issue has had.

import { expect, it } from 'vitest'
import { readSurroundings } from '../../src/app/surroundings.ts'
import { createContext } from '../../src/machines/run/context.ts'
import { runOutput } from '../../src/machines/run/inputs.ts'

it('the last eight runs are looked at, oldest first, and those before them are counted', () => {
  const issue = { issue: { blockedBy: [], parent: null, children: [] }, pr: null }
  const ended = (runId: string) => {
    const context = createContext({ input: { ...createContext({}), runId } })
    return { address: `issue/1/${runId}`, status: 'done', snapshot: JSON.stringify({ context, output: runOutput({ context }) }) }
  }
  const runs = Array.from({ length: 12 }, (_, n) => ended(`run-${n + 1}`))
  const store = {
    actor: () => ({ id: 1, snapshot: JSON.stringify({ context: issue }) }),
    children: () => runs.toReversed(),
  } as unknown as Parameters<typeof readSurroundings>[0]
  const look = (runId: string) => {
    const { earlier, earlierLeftOut } = readSurroundings(store, '1', runId)
    return [earlier.map(({ id }) => id), earlierLeftOut]
  }
  expect(look('run-12')).toEqual([['run-4', 'run-5', 'run-6', 'run-7', 'run-8', 'run-9', 'run-10', 'run-11'], 3])
  expect(look('run-3')).toEqual([['run-1', 'run-2'], 0])
})
