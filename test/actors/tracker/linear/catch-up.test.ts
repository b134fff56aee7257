// What is found by asking, for whoever has no webhooks or has missed some.

import { describe, expect, test } from 'vitest'
import type { Notice } from '../../../../src/actors/ports.ts'
import { readHealth } from '../../../../src/actors/tracker/linear/health.ts'
import { createVirtualClock } from '../../../twins/clock.ts'
import { createBench, factsOf, saidIn, typesOf, type Bench, type BenchOptions } from './fixture.ts'

async function catchUp(bench: Bench, seen = true): Promise<Notice[]> {
  const found = await bench.tracker.inlet.catchUp(new AbortController().signal)
  if (seen) found.seen()
  return found.notices
}

async function begin(options: BenchOptions = {}) {
  const bench = await createBench(options)
  bench.twin.app.webhookUrl = undefined
  const ann = bench.workspace.as('alice')
  return { bench, ann }
}

describe('catching up', () => {
  test('finds delegations, however many, and none that was closed before we came (edge 152)', async () => {
    const { bench, ann } = await begin()
    const issues = Array.from({ length: 60 }, (_, index) => ann.createIssue({ title: `Issue ${index}`, delegate: true }))
    ann.createIssue({ title: 'Over', delegate: true, state: 'Done' })
    ann.createIssue('Not ours')
    const notices = await catchUp(bench)
    const delegated = new Set(factsOf(notices, 'tracker.delegated').map(({ issue }) => issue))
    expect(delegated).toEqual(new Set(issues.map(({ id }) => id)))
    expect(factsOf(notices, 'tracker.delegated')[0]).toMatchObject({ event: { source: 'poll', delegated: true } })
    expect(await catchUp(bench)).toEqual([])
  })

  test('greets a new session in time where nothing is told, once, and reads it in its turn', async () => {
    const clock = createVirtualClock()
    const { bench, ann } = await begin({ clock })
    const tracker = bench.reopen({}, { webhooks: false })
    tracker.start()
    const session = ann.delegate(ann.createIssue('An issue'))
    const looks = () => bench.twin.requests.filter(({ operation }) => operation === 'SignalboxNewSessions').length
    // Twice in the ten seconds that Linear gives.
    for (const count of [1, 2]) {
      await clock.advance(4_000)
      await expect.poll(() => [looks(), saidIn(bench.workspace, session).length], { timeout: 5_000 }).toEqual([count, 1])
    }
    expect(saidIn(bench.workspace, session)).toEqual(['~thought: Received; looking at what is to be done.'])
    expect(typesOf(await catchUp(bench))).toContain('tracker.delegated')
    await tracker.stop()
    const after = looks()
    await clock.advance(60_000)
    expect(looks()).toBe(after)
  })

  test('greets all that are opened at once in time, however many', async () => {
    const clock = createVirtualClock()
    const { bench, ann } = await begin()
    const tracker = bench.reopen({}, { webhooks: false, now: clock.now, after: clock.after })
    tracker.start()
    const sessions = Array.from({ length: 50 }, (_, index) => ann.delegate(ann.createIssue(`Issue ${index}`)))
    bench.twin.latency = 400
    await clock.advance(4_000)
    await expect.poll(() => sessions.filter(({ respondedWithin }) => respondedWithin === undefined).length, { timeout: 30_000 }).toBe(0)
    expect(sessions.filter(({ unresponsive }) => unresponsive)).toEqual([])
    expect(new Set(sessions.map((session) => saidIn(bench.workspace, session).length))).toEqual(new Set([1]))
    await tracker.stop()
  })

  test('greets a new session while what is reported, and what was to be said in another one, is not answered', async () => {
    const clock = createVirtualClock()
    const { bench, ann } = await begin()
    const issues = Array.from({ length: 6 }, (_, index) => ann.createIssue(`Issue ${index}`))
    for (const issue of issues) ann.delegate(issue)
    await catchUp(bench)
    const tracker = bench.reopen({}, { webhooks: false, now: clock.now, after: clock.after })
    const isBusy = ({ variables }: { variables: Record<string, unknown> }) => JSON.stringify(variables).includes('Busy')
    bench.twin.faults.add({ match: isBusy, status: 'timeout', times: Infinity })
    const report = { project: 'app', kind: 'comment', phase: 'implementing', text: 'Busy' } as const
    void Promise.allSettled(issues.map(({ id, identifier }) => tracker.report({ ...report, issue: id, key: identifier }, `busy:${id}`)))
    await expect.poll(() => bench.twin.requests.filter(isBusy).length).toBe(6)
    tracker.start()
    bench.twin.faults.add({ match: ({ fields }) => fields.includes('agentActivityCreate'), status: 'timeout' })
    ann.delegate(ann.createIssue('One'))
    await clock.advance(4_000)
    await expect.poll(() => bench.twin.faults.pending).toBe(1)
    const session = ann.delegate(ann.createIssue('Two'))
    await clock.advance(4_000)
    await expect.poll(() => saidIn(bench.workspace, session), { timeout: 5_000 }).toHaveLength(1)
  })

  test('finds what was taken back, given again and removed', async () => {
    const { bench, ann } = await begin()
    const [one, two] = ['One', 'Two'].map((title) => ann.createIssue({ title, delegate: true }))
    await catchUp(bench)
    ann.undelegate(one!)
    ann.remove(two!)
    expect(typesOf(await catchUp(bench)).toSorted()).toEqual(['tracker.removed', 'tracker.undelegated'])
    const session = bench.workspace.sessions(one!)[0]!
    expect(session.status).toBe('complete')
    ann.delegate(one!)
    expect(typesOf(await catchUp(bench))).toContain('tracker.delegated')
    expect(await catchUp(bench)).toEqual([])
  })

  test('finds messages, stops and addressed comments under the keys by which webhooks tell them', async () => {
    const { bench, ann } = await begin()
    const issue = ann.createIssue('An issue')
    const session = ann.delegate(issue)
    await catchUp(bench)
    const message = ann.prompt(session, 'Use the old parser')
    const comment = ann.comment(issue, '@signalbox-x hm')
    const addressed = ann.comment(issue, 'hey signalbox: and test it')
    const stop = ann.stop(session)
    const notices = await catchUp(bench)
    expect(
      notices.flatMap((notice) => (notice.kind === 'fact' && notice.key !== undefined ? [[notice.event.type, notice.key]] : [])),
    ).toEqual(
      expect.arrayContaining([
        ['tracker.prompted', `linear:comment:${message.sourceCommentId}`],
        ['tracker.prompted', `linear:comment:${addressed.id}`],
        ['tracker.stopRequested', `linear:comment:${stop.sourceCommentId}`],
      ]),
    )
    expect(JSON.stringify(notices)).not.toContain(comment.id)
    expect(factsOf(notices, 'tracker.prompted').map(({ event }) => event['text'])).toEqual(['Use the old parser', 'and test it'])
    expect(session.status).toBe('complete')
    // Told again within the overlap, under the same keys, and nothing more is said about it.
    const said = saidIn(bench.workspace, session)
    const again = await catchUp(bench)
    expect(new Set(again.map((notice) => (notice.kind === 'fact' ? notice.key : '')))).toEqual(
      new Set(notices.map((notice) => (notice.kind === 'fact' ? notice.key : ''))),
    )
    expect(saidIn(bench.workspace, session)).toEqual(said)
  })

  test('finds a comment that was edited so that it addresses us, however old it is', async () => {
    const clock = createVirtualClock()
    const { bench, ann } = await begin({ clock })
    const issue = ann.createIssue({ title: 'An issue', delegate: true })
    const comment = ann.comment(issue, 'and test it')
    const other = ann.comment(issue, 'signalbox: hm')
    await catchUp(bench)
    await clock.advance(60 * 60_000)
    await catchUp(bench)
    ann.editComment(comment, 'signalbox: and test it')
    ann.react(other, 'eyes')
    const heard = factsOf(await catchUp(bench), 'tracker.prompted')
    expect(heard).toMatchObject([{ event: { text: 'and test it', observedAt: clock.now() }, key: `linear:comment:${comment.id}` }])
  })

  test('finds sessions that nobody has told of, and answers in them', async () => {
    const { bench, ann } = await begin()
    const issue = ann.createIssue('A thought')
    const session = ann.mention(issue, 'could you?')
    expect(await catchUp(bench)).toEqual([])
    expect(session.status).toBe('awaitingInput')
    ann.prompt(session, 'yes')
    expect(typesOf(await catchUp(bench))).toContain('tracker.delegated')
  })

  test('goes on from where it was, and not further than what was written down', async () => {
    const clock = createVirtualClock()
    const { bench, ann } = await begin({ clock })
    const issue = ann.createIssue('An issue')
    const session = ann.delegate(issue)
    await catchUp(bench)
    ann.prompt(session, 'First')
    const lost = await catchUp(bench, false)
    expect(factsOf(lost, 'tracker.prompted')).toHaveLength(1)
    await clock.advance(10 * 60_000)
    expect(factsOf(await catchUp(bench), 'tracker.prompted')).toEqual(factsOf(lost, 'tracker.prompted'))
    await clock.advance(10 * 60_000)
    expect(await catchUp(bench)).toEqual([])
  })

  test('tells of a delegation until it is written down, and answers a session whose beginning failed', async () => {
    const { bench, ann } = await begin()
    const issue = ann.createIssue({ title: 'An issue', delegate: true })
    expect(typesOf(await catchUp(bench, false))).toContain('tracker.delegated')
    bench.reopen()
    const again = await catchUp(bench)
    expect(again).toMatchObject([{ kind: 'fact', issue: issue.id, event: { title: 'An issue', delegated: true } }])
    expect(await catchUp(bench)).toEqual([])
    const session = ann.mention(ann.createIssue('A thought'), 'could you?')
    bench.twin.faults.add({ match: ({ operation }) => operation === 'SignalboxIssue', status: 503 })
    await catchUp(bench)
    expect(session.status).toBe('pending')
    await catchUp(bench)
    expect(session.status).toBe('awaitingInput')
  })

  test('goes on with the rest where a part cannot be asked, which is asked again', async () => {
    const { bench, ann } = await begin({ twin: { workspaces: [{ name: 'acme' }, { name: 'beta' }] } })
    await bench.connect('beta')
    for (const name of ['acme', 'beta']) bench.twin.workspace(name).as('alice').createIssue({ title: name, delegate: true })
    const [first] = readHealth(bench.database)
    const broken = bench.twin.workspace(first!.name)
    bench.twin.faults.add({ match: ({ operation }) => operation === 'SignalboxDelegated', status: 500 })
    const found = factsOf(await catchUp(bench), 'tracker.delegated')
    expect(found.map(({ event }) => event['title'])).toContain(first!.name === 'acme' ? 'beta' : 'acme')
    expect(bench.logged.some((line) => line.includes(`${broken.name} could not be caught up with (issues)`))).toBe(true)
    void ann
    await catchUp(bench)
    for (const name of ['acme', 'beta']) expect(bench.tracker.projectOf(bench.twin.workspace(name).issues()[0]!.id)).toBe('app')
  })

  test('begins nothing for who may not, of whom the history tells', async () => {
    const { bench, ann } = await begin({ projects: [{ id: 'app', trustedActors: { emails: ['alice@acme.example'] } }] })
    const bobs = bench.workspace.as('bob').createIssue({ title: 'Bob’s', delegate: true })
    const anns = ann.createIssue({ title: 'Ann’s', delegate: true })
    expect(new Set(factsOf(await catchUp(bench), 'tracker.delegated').map(({ issue }) => issue))).toEqual(new Set([anns.id]))
    expect(bench.tracker.projectOf(bobs.id)).toBeUndefined()
  })

  test('says nothing at a start where nothing is new (edge 152)', async () => {
    const clock = createVirtualClock()
    const { bench, ann } = await begin({ clock })
    const issue = ann.createIssue('An issue')
    const session = ann.delegate(issue)
    await catchUp(bench)
    await bench.tracker.report({ project: 'app', issue: issue.id, key: 'ENG-1', kind: 'state', phase: 'pr_open', text: 'Open' }, 'r1')
    const said = saidIn(bench.workspace, session)
    const asked = bench.twin.requests.length
    await bench.tracker.stop()
    bench.reopen().start()
    await clock.advance(60_000)
    expect(await catchUp(bench)).toEqual([])
    expect(bench.twin.requests.slice(asked).filter(({ operation }) => /Create|Update/.test(operation ?? ''))).toEqual([])
    expect(saidIn(bench.workspace, session)).toEqual(said)
  })

  test('ends when nobody waits for it any more', async () => {
    const { bench, ann } = await begin()
    ann.createIssue({ title: 'An issue', delegate: true })
    const controller = new AbortController()
    bench.twin.latency = 200
    const work = bench.tracker.inlet.catchUp(controller.signal)
    controller.abort(new Error('shutting down'))
    await expect(work).rejects.toThrow('shutting down')
  })
})
