// A stop in a session, and what was asked before it and is read after it.

import { expect, test } from 'vitest'
import type { Delivery, Notice } from '../../../../src/actors/ports.ts'
import { createVirtualClock } from '../../../twins/clock.ts'
import { createBench, factsOf, saidIn, typesOf, type Bench } from './fixture.ts'

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

async function begin() {
  const bench = await createBench()
  const ann = bench.workspace.as('alice')
  const issue = ann.createIssue('Add a flag')
  const session = ann.delegate(issue)
  await bench.told()
  const responses = () => saidIn(bench.workspace, session).filter((line) => line.startsWith('response'))
  const stateOf = () => (bench.database.prepare('SELECT state FROM linear_session WHERE id = ?').get(session.id) as { state: string }).state
  return { bench, ann, issue, session, responses, stateOf }
}

const silence = { status: 'timeout', times: Infinity } as const

test('a stop is told before its turn while Linear does not answer, and confirmed once when it does, by the next process if need be', async () => {
  const { bench, ann, issue, session, responses } = await begin()
  const heal = bench.twin.faults.add(silence)
  ann.stop(session)
  const [stop] = (await bench.deliveries()).filter(({ event }) => event === 'AgentSessionEvent')
  const told = factsOf(await bench.tracker.inlet.acknowledge!(stop!), 'tracker.stopRequested')
  expect(told).toMatchObject([{ issue: issue.id, event: { author: 'Alice' } }])
  // In its turn it is the same.
  expect(factsOf(await bench.tracker.inlet.read(stop!), 'tracker.stopRequested')).toEqual(told)
  await bench.tracker.stop()
  heal()
  expect(session.status).toBe('stopping')
  const clock = createVirtualClock()
  const next = bench.reopen({}, { now: clock.now, after: clock.after })
  next.start()
  await clock.advance(60_000)
  await expect.poll(() => session.status).toBe('complete')
  await next.inlet.read(stop!)
  await clock.advance(120_000)
  await next.stop()
  expect(responses()).toEqual([expect.stringContaining('Stopped.')])
})

test('that it was stopped is said once in its session: by its confirmation, whose answer may be lost, and not by the report as well', async () => {
  const { bench, ann, issue, session, responses, stateOf } = await begin()
  const clock = createVirtualClock()
  const tracker = bench.reopen({}, { now: clock.now, after: clock.after })
  tracker.start()
  const heal = bench.twin.faults.add({
    match: ({ fields }) => fields.includes('agentActivityCreate'),
    when: 'after',
    status: 503,
    times: 9,
  })
  ann.stop(session)
  await bench.told()
  const report = { issue: issue.id, project: 'app', key: 'ENG-1', phase: 'implementing' as const }
  await tracker.report({ ...report, kind: 'halt', text: 'Stopped by Alice' }, 'report-1')
  await expect.poll(() => responses().length).toBe(1)
  heal()
  // What is said late of before does not take it for work again.
  await tracker.report({ ...report, kind: 'comment', text: 'A word' }, 'report-2')
  await clock.advance(60_000)
  await expect.poll(stateOf).toBe('complete')
  expect(responses()).toEqual([expect.stringContaining('Stopped.')])
})

test('a stop is not confirmed where its person has gone on since', async () => {
  const { bench, ann, session, responses, stateOf } = await begin()
  const heal = bench.twin.faults.add(silence)
  ann.stop(session)
  const [stop] = (await bench.deliveries()).filter(({ event }) => event === 'AgentSessionEvent')
  await bench.tracker.inlet.acknowledge!(stop!)
  await later()
  ann.prompt(session, 'Go on')
  const going = await bench.deliveries()
  expect(typesOf(await readAll(bench, [stop!, ...going]))).toEqual(['tracker.stopRequested', 'tracker.prompted'])
  await bench.tracker.stop()
  heal()
  const clock = createVirtualClock()
  const next = bench.reopen({}, { now: clock.now, after: clock.after })
  next.start()
  await clock.advance(60_000)
  await next.stop()
  expect([responses(), stateOf()]).toEqual([[], 'active'])
})

test.each(['telling', 'asking', 'asking by another process'])(
  'a stop that is read before its issue is known stops it when it becomes known, by %s',
  async (way) => {
    const bench = await createBench()
    const ann = bench.workspace.as('alice')
    const issue = ann.createIssue('Add a flag')
    const session = ann.delegate(issue)
    const before = await bench.deliveries()
    await later()
    ann.stop(session)
    const [stop] = (await bench.deliveries()).filter(({ event }) => event === 'AgentSessionEvent')
    expect(await bench.tracker.inlet.acknowledge!(stop!)).toEqual([])
    if (way.endsWith('process')) bench.reopen()
    const late = way === 'telling' ? await readAll(bench, before) : await poll(bench)
    const types = typesOf(late)
    expect(types.indexOf('tracker.stopRequested')).toBe(types.indexOf('tracker.delegated') + 1)
    const stops = factsOf(late, 'tracker.stopRequested')
    expect(new Set(stops.map(({ key }) => key)).size).toBe(1)
    for (const at of handovers(late)) expect(at).toBeLessThan(stops[0]!.event.observedAt)
    expect(factsOf(await bench.tracker.inlet.read(stop!), 'tracker.stopRequested').map(({ key }) => key)).toEqual([stops[0]!.key])
    await expect.poll(() => session.status).toBe('complete')
  },
)

test.each([true, false])('who may not begin anything stops nothing (its issue is known: %s)', async (isKnown) => {
  const bench = await createBench({ projects: [{ id: 'app', trustedActors: { emails: ['alice@acme.example'] } }] })
  const ann = bench.workspace.as('alice')
  const issue = ann.createIssue('Add a flag')
  const session = ann.delegate(issue)
  const before = isKnown ? [] : await bench.deliveries()
  const told = isKnown ? await bench.told() : []
  bench.workspace.as('bob').stop(session)
  for (const delivery of await bench.deliveries()) {
    told.push(...(await bench.tracker.inlet.acknowledge!(delivery)), ...(await bench.tracker.inlet.read(delivery)))
  }
  told.push(...(await readAll(bench, before)), ...(await poll(bench)))
  expect(typesOf(told)).toContain('tracker.delegated')
  expect(typesOf(told)).not.toContain('tracker.stopRequested')
})

test('a stop is found by asking also where nothing else can be asked: not of its session, nor of what others say', async () => {
  const { bench, ann, issue, session } = await begin()
  const other = ann.mention(ann.createIssue('Another'), 'what about this?')
  await bench.told()
  const heal = bench.twin.faults.add({ match: ({ operation }) => operation === 'SignalboxIssue', status: 503, times: Infinity })
  ann.undelegate(issue)
  const again = ann.delegate(issue)
  await later()
  ann.prompt(other, 'Hm')
  ann.stop(again)
  await bench.deliveries()
  const stops = factsOf(await poll(bench), 'tracker.stopRequested')
  expect(stops).toMatchObject([{ issue: issue.id }])
  await expect.poll(() => again.status).toBe('complete')
  heal()
  const late = await poll(bench)
  for (const at of handovers(late)) expect(at).toBeLessThan(stops[0]!.event.observedAt)
  expect(new Set(factsOf(late, 'tracker.stopRequested').map(({ key }) => key))).toEqual(new Set([stops[0]!.key]))
  expect(session.status).not.toBe('stopping')
})

test('a new session that is stopped before its greeting could be said is not greeted any more', async () => {
  const bench = await createBench()
  const ann = bench.workspace.as('alice')
  const heal = bench.twin.faults.add({ match: ({ fields }) => fields.includes('agentActivityCreate'), status: 503, times: Infinity })
  const session = ann.delegate(ann.createIssue('Add a flag'))
  const created = (await bench.deliveries()).find(({ event }) => event === 'AgentSessionEvent')
  const asked = bench.twin.requests.length
  const greeting = bench.tracker.inlet.acknowledge!(created!)
  await expect.poll(() => bench.twin.requests.length).toBeGreaterThan(asked)
  ann.stop(session)
  const [stop] = (await bench.deliveries()).filter(({ event }) => event === 'AgentSessionEvent')
  await bench.tracker.inlet.acknowledge!(stop!)
  heal()
  await greeting
  expect(saidIn(bench.workspace, session).filter((line) => line.includes('Received'))).toEqual([])
})
