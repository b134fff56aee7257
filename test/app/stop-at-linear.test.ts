// A stop that a person asks for at Linear reaches its issue, whatever Linear answers and whatever else waits for it.

import { expect, onTestFinished, test } from 'vitest'
import { realClock } from '../../src/actors/system/index.ts'
import { createInbox } from '../../src/app/inbox.ts'
import { createDeliveries } from '../../src/persistence/deliveries.ts'
import { createFactOutbox } from '../../src/persistence/fact-outbox.ts'
import { createBench } from '../actors/tracker/linear/fixture.ts'

test.each([{ status: 429, retryAfter: 300 }, { status: 503 }, { status: 'timeout' as const }])(
  'at once, also when an earlier change of the issue waits ($status)',
  async (fault) => {
    const bench = await createBench()
    const ann = bench.workspace.as('alice')
    const issue = ann.createIssue('Add a flag')
    const session = ann.delegate(issue)
    await bench.told()
    const { database } = bench
    const { now, defer, after } = realClock
    const outbox = createFactOutbox({ database, now, wake() {} })
    const deliveries = createDeliveries({ database, now, defer, after })
    const problems: string[] = []
    const inbox = createInbox({
      inlets: new Map([['linear', bench.tracker.inlet]]),
      ...{ deliveries, outbox, database, clock: realClock, limit: 100 },
      look: async () => {},
      onProblem: ({ message }) => problems.push(message),
    })
    onTestFinished(() => inbox.stop())
    const takeAll = async () => {
      for (const { id, event, body } of await bench.deliveries())
        await inbox.take({ provider: 'linear', id, event, body, payload: JSON.parse(body) as unknown })
    }
    bench.twin.faults.add({ match: ({ path }) => path === '/graphql', times: Infinity, ...fault })
    const asked = bench.twin.requests.length
    ann.editDescription(issue, 'It is missing.')
    await takeAll()
    await expect.poll(() => bench.twin.requests.length).toBeGreaterThan(asked)
    ann.stop(session)
    await takeAll()
    const types = () => outbox.undelivered().map(({ event }) => event.type)
    await expect.poll(types, { timeout: 2_000 }).toEqual(['tracker.stopRequested'])
    // The change still waits.
    expect([deliveries.backlog() > 0, problems]).toEqual([true, []])
  },
)
