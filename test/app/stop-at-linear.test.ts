// A stop that a person asks for at Linear reaches its issue, whatever Linear answers and whatever else waits for it.

import { expect, onTestFinished, test } from 'vitest'
import { realClock } from '../../src/actors/system/index.ts'
import { createInbox } from '../../src/app/inbox.ts'
import { createDeliveries } from '../../src/persistence/deliveries.ts'
import { createFactOutbox } from '../../src/persistence/fact-outbox.ts'
import { createBench } from '../actors/tracker/linear/fixture.ts'

async function begin() {
  const bench = await createBench()
  const ann = bench.workspace.as('alice')
  const { database } = bench
  const { now, defer, after } = realClock
  const outbox = createFactOutbox({ database, now, wake() {} })
  const deliveries = createDeliveries({ database, now, defer, after })
  const problems: string[] = []
  const actors = new Set<string>()
  const inbox = createInbox({
    inlets: new Map([['linear', bench.tracker.inlet]]),
    ...{ deliveries, outbox, database, clock: realClock, limit: 100 },
    hasActor: (issue) => actors.has(issue),
    look: async () => {},
    onProblem: ({ message }) => problems.push(message),
  })
  onTestFinished(() => inbox.stop())
  const takeAll = async (): Promise<void> => {
    for (const { id, event, body } of await bench.deliveries())
      await inbox.take({ provider: 'linear', id, event, body, payload: JSON.parse(body) as unknown })
  }
  const types = (): string[] => outbox.undelivered().map(({ event }) => event.type)
  const hang = (fault: { status: number | 'timeout'; retryAfter?: number }): (() => void) =>
    bench.twin.faults.add({ match: ({ path }) => path === '/graphql', times: Infinity, ...fault })
  return { bench, ann, inbox, outbox, deliveries, problems, actors, takeAll, types, hang }
}

test.each([{ status: 429, retryAfter: 300 }, { status: 503 }, { status: 'timeout' as const }])(
  'at once, also when earlier changes of it and of many others wait ($status)',
  async (fault) => {
    const { bench, ann, deliveries, problems, actors, takeAll, types, hang } = await begin()
    const issues = Array.from({ length: 20 }, (_, n) => ann.createIssue({ title: `Issue ${n}`, delegate: true }))
    await bench.told()
    for (const { id } of issues) actors.add(id)
    hang(fault)
    const asked = bench.twin.requests.length
    for (const issue of issues) ann.editDescription(issue, 'It is missing.')
    await takeAll()
    await expect.poll(() => bench.twin.requests.length).toBeGreaterThan(asked)
    ann.stop(bench.workspace.sessions(issues[0]!)[0]!)
    await takeAll()
    await expect.poll(types, { timeout: 2_000 }).toEqual(['tracker.stopRequested'])
    // The changes still wait.
    expect([deliveries.backlog() >= 20, problems]).toEqual([true, []])
  },
)

test('with its first word, when it was asked for before the issue was known; once', async () => {
  const { ann, inbox, bench, takeAll, types, problems, hang } = await begin()
  const heal = hang({ status: 503 })
  const issue = ann.createIssue('Add a flag')
  const session = ann.delegate(issue)
  await takeAll()
  ann.stop(session)
  await takeAll()
  expect(types()).toEqual([])
  heal()
  // A round of asking may come before the deliveries are read again.
  const { notices } = await bench.tracker.inlet.catchUp(new AbortController().signal)
  await inbox.apply(notices)
  expect(types().slice(0, 2)).toEqual(['tracker.delegated', 'tracker.stopRequested'])
  await expect.poll(() => session.status, { timeout: 10_000 }).toBe('complete')
  expect([types().filter((type) => type === 'tracker.stopRequested'), problems]).toEqual([['tracker.stopRequested'], []])
})
