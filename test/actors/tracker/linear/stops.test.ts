// A stop in a session, and what was asked before it and is read after it.

import { expect, test } from 'vitest'
import type { Delivery, Notice } from '../../../../src/actors/ports.ts'
import { createBench, factsOf, type Bench } from './fixture.ts'

/** So that no two things are of one millisecond. */
const later = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 3))

async function readAll(bench: Bench, deliveries: readonly Delivery[]): Promise<Notice[]> {
  const notices: Notice[] = []
  for (const delivery of deliveries) notices.push(...(await bench.tracker.inlet.read(delivery)))
  return notices
}

async function poll(bench: Bench): Promise<Notice[]> {
  const { notices, seen } = await bench.tracker.inlet.catchUp(new AbortController().signal)
  seen()
  return notices
}

const handovers = (notices: Notice[]): number[] =>
  factsOf(notices, 'tracker.delegated').map(({ event }) => Number(event['delegatedAt'] ?? event.observedAt))

const ways: Record<string, (bench: Bench, before: Delivery[], edit: Delivery[]) => Promise<Notice[]>> = {
  'what tells of it': (bench, before) => readAll(bench, before),
  'its session alone': (bench, before) =>
    readAll(
      bench,
      before.filter(({ event }) => event === 'AgentSessionEvent'),
    ),
  'another edit, which is newer': (bench, _before, edit) => readAll(bench, edit),
  'the edit, and then what tells of it': (bench, before, edit) => readAll(bench, [...edit, ...before]),
  asking: (bench) => poll(bench),
  'asking, and then what tells of it': async (bench, before) => [...(await poll(bench)), ...(await readAll(bench, before))],
}

test.each(Object.keys(ways).flatMap((way) => [true, false].map((isKnown) => [way, isKnown] as const)))(
  'a delegation that is read late, by %s, is of when somebody delegated (known before: %s)',
  async (way, isKnown) => {
    const bench = await createBench()
    const ann = bench.workspace.as('alice')
    const issue = ann.createIssue('Add a flag')
    if (isKnown) {
      ann.delegate(issue)
      await bench.told()
      ann.undelegate(issue)
      await bench.told()
    }
    await later()
    const session = ann.delegate(issue)
    const before = await bench.deliveries()
    await later()
    const stopped = Date.parse(ann.stop(session).createdAt)
    await bench.deliveries()
    await later()
    ann.editTitle(issue, 'Add that flag')
    const edit = await bench.deliveries()
    const late = handovers(await ways[way]!(bench, before, edit))
    expect(late.length).toBeGreaterThan(0)
    for (const at of late) expect(at).toBeLessThan(stopped)

    await later()
    ann.undelegate(issue)
    await later()
    ann.delegate(issue)
    const again = handovers(way.startsWith('asking') ? await poll(bench) : await bench.told())
    expect(Math.max(...again)).toBeGreaterThan(stopped)
  },
)

test('what we have delegated to ourselves, because a person said so, is of when that was said', async () => {
  const bench = await createBench()
  const ann = bench.workspace.as('alice')
  const issue = ann.createIssue('Add a flag')
  const session = ann.mention(issue, 'what about this?')
  await bench.told()
  await later()
  const said = Date.parse(ann.prompt(session, 'Work on it').createdAt)
  await later()
  const own = await bench.told()
  expect(handovers(own)).toEqual([said])
  // Linear's word of it is later, and no other.
  ann.editTitle(issue, 'Add that flag')
  for (const { event } of factsOf([...(await bench.told()), ...(await poll(bench))], 'tracker.updated'))
    expect(event['delegatedAt']).toBe(said)
})
