// What deliveries come to: whose they are, who may cause something, and what is nobody's business here.

import { describe, expect, test } from 'vitest'
import type { Notice } from '../../../../src/actors/ports.ts'
import { createBench, factsOf, saidIn, typesOf, type BenchOptions } from './fixture.ts'

async function begin(options: BenchOptions = {}) {
  const bench = await createBench(options)
  const ann = bench.workspace.as('alice')
  const issue = ann.createIssue('An issue')
  const session = ann.delegate(issue)
  const notices = await bench.told()
  return { bench, ann, bob: bench.workspace.as('bob'), issue, session, notices }
}
const lookedAt = (notices: Notice[]) => notices.flatMap((notice) => (notice.kind === 'look' ? [notice.issue] : []))

describe('an issue', () => {
  test('that is neither delegated nor known concerns nobody (edge 29)', async () => {
    const bench = await createBench()
    const ann = bench.workspace.as('alice')
    const issue = ann.createIssue('Not ours')
    ann.editTitle(issue, 'Still not ours')
    ann.comment(issue, 'signalbox: do it')
    ann.remove(issue)
    const asked = bench.twin.requests.length
    expect(await bench.told()).toEqual([])
    expect(bench.twin.requests).toHaveLength(asked)
  })

  test('that is edited, taken back, given again and removed is told so, each with everything about it', async () => {
    const { bench, ann, issue } = await begin()
    ann.editTitle(issue, 'Better')
    expect(factsOf(await bench.told(), 'tracker.updated')).toMatchObject([{ event: { title: 'Better', delegated: true, actor: 'Alice' } }])
    ann.undelegate(issue)
    const [back] = factsOf(await bench.told(), 'tracker.undelegated')
    expect(back).toMatchObject({ event: { delegated: false } })
    ann.delegate(issue)
    const [again] = factsOf(await bench.told(), 'tracker.delegated')
    expect(again!.event.observedAt).toBeGreaterThan(back!.event.observedAt)
    ann.remove(issue)
    const [removed] = factsOf(await bench.told(), 'tracker.removed')
    expect(removed!.event.observedAt).toBeGreaterThan(again!.event.observedAt)
    expect(await bench.tracker.facts({ project: 'app', issue: issue.id })).toBeNull()
  })

  test('that was given again between two looks is news all the same', async () => {
    const { bench, ann, issue, notices } = await begin()
    ann.undelegate(issue)
    ann.delegate(issue)
    const again = factsOf(await bench.told(), 'tracker.delegated')
    expect(again.length).toBeGreaterThan(0)
    expect(again[0]!.event.observedAt).toBeGreaterThan(factsOf(notices, 'tracker.delegated')[0]!.event.observedAt)
  })

  test('is delegated anew where a delivery says that this has changed, whatever it calls it (edge 2)', async () => {
    const { bench, ann, issue } = await begin()
    ann.undelegate(issue)
    ann.delegate(issue)
    const given = (await bench.deliveries()).filter(({ event }) => event === 'Issue').at(-1)!
    const typesWhere = async (changed: string) =>
      typesOf(await bench.tracker.inlet.read({ ...given, body: given.body.replace('"delegateId":null', changed) }))
    expect(await typesWhere('"title":"Before"')).toEqual(['tracker.updated'])
    for (const changed of ['"delegateId":null', '"delegate":null', '"delegate":{"id":"another","name":"Another agent"}'])
      expect([changed, await typesWhere(changed)]).toEqual([changed, ['tracker.delegated']])
  })

  test('that is moved in the same change as it is taken back, or given, is told as that (edge 3)', async () => {
    const { bench, ann, issue } = await begin()
    const stateId = (state: string): string => bench.workspace.stateOf(ann.createIssue({ title: state, state })).id
    ann.update(issue, { delegateId: null, stateId: stateId('In Progress') })
    const back = await bench.told()
    expect(typesOf(back)).toEqual(['tracker.undelegated'])
    expect(back).toMatchObject([{ event: { delegated: false, state: 'In Progress' } }])
    ann.update(issue, { delegateId: bench.workspace.appUser.id, stateId: stateId('Todo') })
    const given = factsOf(await bench.told(), 'tracker.delegated')
    expect(given[0]).toMatchObject({ event: { delegated: true, state: 'Todo' } })
  })

  test('of which nobody told that it was given again is so with whatever is told of it next (edge 45)', async () => {
    const { bench, ann, issue } = await begin()
    ann.undelegate(issue)
    await bench.told()
    ann.delegate(issue)
    expect((await bench.deliveries()).length).toBeGreaterThan(0)
    ann.editTitle(issue, 'Better')
    const notices = await bench.told()
    expect(typesOf(notices)).toEqual(['tracker.delegated'])
    expect(notices).toMatchObject([{ event: { title: 'Better', delegated: true } }])
  })

  test('that is canceled is told as one that has its end', async () => {
    const { bench, ann, issue } = await begin()
    ann.cancel(issue)
    expect(factsOf(await bench.told(), 'tracker.updated')).toMatchObject([{ event: { stateType: 'canceled' } }])
  })

  test('that we change ourselves begins nothing', async () => {
    const { bench, issue } = await begin()
    await bench.tracker.report({ project: 'app', issue: issue.id, key: 'ENG-1', kind: 'state', phase: 'implementing', text: 'On it' }, 'r')
    const notices = await bench.told()
    expect(typesOf(notices)).toEqual(['tracker.updated'])
    expect(notices[0]).toMatchObject({ event: { source: 'self', stateType: 'started' } })
  })

  test('has those looked at who wait for it, and its parent, without becoming ours (edge 33)', async () => {
    const { bench, ann, issue } = await begin()
    const blocker = ann.createIssue('Before')
    ann.block(blocker, issue)
    const child = ann.createIssue({ title: 'Part', parent: issue })
    expect(lookedAt(await bench.told())).toContain(issue.id)
    ann.moveState(blocker, 'Done')
    expect(await bench.told()).toEqual([{ kind: 'look', issue: issue.id, at: 'tracker' }])
    const key = bench.workspace.issue(blocker).identifier
    expect((await bench.tracker.facts({ project: 'app', issue: issue.id }))!.blockedBy).toMatchObject([{ key, resolved: true }])
    expect(bench.tracker.projectOf(blocker.id)).toBeUndefined()
    ann.moveState(child, 'Done')
    expect(await bench.told()).toEqual([{ kind: 'look', issue: issue.id, at: 'tracker' }])
    ann.setParent(child, null)
    expect(await bench.told()).toEqual([{ kind: 'look', issue: issue.id, at: 'tracker' }])
    ann.attach(issue, { url: 'https://github.com/acme/app/pull/4', linkKind: 'closes' })
    expect(await bench.told()).toEqual([{ kind: 'look', issue: issue.id, at: 'tracker' }])
  })

  test('that cannot be looked at for the moment is read again, with the same result, and stays ours and blocked (edges 38, 42)', async () => {
    const { bench, ann, issue } = await begin()
    ann.block(ann.createIssue('Before'), issue)
    await bench.told()
    ann.moveState(issue, 'In Progress')
    const [moved] = await bench.deliveries()
    const delivery = { ...moved!, body: moved!.body.replace(/"delegate":\{[^}]*\},/, '').replace(/"delegateId":[^,]*,/, '') }
    expect(delivery.body).not.toContain('delegate')
    bench.twin.faults.add({ status: 503 })
    await expect(bench.tracker.inlet.read(delivery!)).rejects.toMatchObject({ name: 'RetryableError' })
    const notices = await bench.tracker.inlet.read(delivery!)
    expect(typesOf(notices)).toEqual(['tracker.updated'])
    expect(notices).toMatchObject([{ event: { state: 'In Progress', delegated: true, blockedBy: [{ resolved: false }] } }])
    expect(await bench.tracker.inlet.read(delivery!)).toEqual(notices)
  })
})

describe('a delivery', () => {
  test('keeps its place among those of its issue', async () => {
    const { bench, ann, issue, session } = await begin()
    ann.comment(issue, 'Hm')
    ann.prompt(session, 'More')
    ann.editTitle(issue, 'Better')
    const told = (await bench.deliveries()).filter(({ event }) => event !== 'AppUserNotification')
    const lanes = told.map((delivery) => bench.tracker.inlet.turnOf(delivery, JSON.parse(delivery.body)).lane)
    expect(lanes.length).toBeGreaterThanOrEqual(3)
    expect(new Set(lanes)).toEqual(new Set([issue.id]))
    expect(bench.tracker.inlet.turnOf({ id: 'x', event: '?' }, 'nonsense')).toEqual({ lane: 'x', topic: null })
  })

  test('says all that an earlier change by the same person says, but not whom it was handed to or what it is below', async () => {
    const { bench } = await begin()
    const turnOf = (more: object, event = 'Issue') =>
      bench.tracker.inlet.turnOf(
        { id: '1', event },
        {
          ...{ type: 'Issue', action: 'update', organizationId: 'acme', createdAt: '2026-01-01T00:00:00.000Z', actor: { id: 'ann' } },
          ...{ data: { id: 'one' }, updatedFrom: { title: 'Old' }, ...more },
        },
      )
    const plain = turnOf({})
    expect(plain).toEqual({ lane: 'one', topic: expect.any(String) })
    expect(turnOf({ updatedFrom: { stateId: 's' } })).toEqual(plain)
    expect(turnOf({ actor: { id: 'bob' } })).not.toEqual(plain)
    expect(turnOf({ data: { id: 'two' } })).not.toEqual(plain)
    for (const other of [
      { action: 'remove' },
      { action: 'create' },
      { updatedFrom: { delegateId: null } },
      { updatedFrom: { parentId: 'p' } },
    ])
      expect([other, turnOf(other).topic]).toEqual([other, null])
    expect(turnOf({}, 'Comment').topic).toBeNull()
  })

  test.each([
    'no JSON',
    '[]',
    '{"type":"Issue","action":"update"}',
    '{"type":"AgentSessionEvent","action":"created","organizationId":"o"}',
  ])('that makes no sense is said to: %s', async (body) => {
    const bench = await createBench()
    const delivery = { id: 'd', event: 'Issue', body, receivedAt: 0 }
    await expect(bench.tracker.inlet.read(delivery)).rejects.toMatchObject({ name: 'ProtocolError', code: 'linear-nonsense' })
    await bench.tracker.inlet.acknowledge!(delivery)
  })

  test('of a workspace or of a kind that we have nothing to do with is nothing (edge 44)', async () => {
    const { bench, ann, issue } = await begin()
    ann.editTitle(issue, 'Better')
    const [delivery] = await bench.deliveries()
    const other = delivery!.body.replaceAll(bench.workspace.id, 'another')
    expect(await bench.tracker.inlet.read({ ...delivery!, body: other })).toEqual([])
    expect(await bench.tracker.inlet.read({ ...delivery!, body: '{"type":"Cycle","action":"update"}' })).toEqual([])
    expect(typesOf(await bench.tracker.inlet.read(delivery!))).toEqual(['tracker.updated'])
    bench.database.prepare('DELETE FROM linear_workspace').run()
    expect(await bench.tracker.inlet.read(delivery!)).toEqual([])
  })
})

describe('a comment', () => {
  test('that speaks to us is a message, without the salutation; any other is none, nor are our own words (edge 84)', async () => {
    const { bench, ann, issue } = await begin()
    ann.comment(issue, 'I wonder what comes of it')
    const addressed = ann.comment(issue, 'Hey signalbox, use the old parser')
    const messages = factsOf(await bench.told(), 'tracker.prompted')
    expect(messages).toMatchObject([
      { issue: issue.id, event: { text: 'use the old parser', author: 'Alice', via: 'mention' }, key: `linear:comment:${addressed.id}` },
    ])
    await bench.tracker.comment(issue.id, 'signalbox: told by an operator')
    expect(typesOf(await bench.told())).not.toContain('tracker.prompted')
  })

  test('that is edited so that it addresses us is heard then, and what has been heard is not heard again', async () => {
    const { bench, ann, issue } = await begin()
    const comment = ann.comment(issue, 'and test it')
    expect(factsOf(await bench.told(), 'tracker.prompted')).toEqual([])
    ann.react(comment, 'eyes')
    ann.editComment(comment, 'signalbox: and test it')
    const [heard] = factsOf(await bench.told(), 'tracker.prompted')
    expect(heard).toMatchObject({ event: { text: 'and test it', author: 'Alice' }, key: `linear:comment:${comment.id}` })
    expect(heard!.event.observedAt).toBe(Date.parse(comment.editedAt!))
    ann.editComment(comment, 'signalbox: and test it well')
    expect(factsOf(await bench.told(), 'tracker.prompted').map(({ key }) => key)).toEqual([heard!.key])
  })

  test('that is changed in something else than its text is not heard for that', async () => {
    const { bench, ann, issue } = await begin()
    const comment = ann.comment(issue, 'signalbox: and test it')
    await bench.deliveries()
    ann.editComment(comment, 'signalbox: and test')
    const edited = (await bench.deliveries()).find(({ event }) => event === 'Comment')!
    const body = JSON.parse(edited.body) as Record<string, unknown>
    const resolved = { ...edited, body: JSON.stringify({ ...body, updatedFrom: { resolvedAt: null } }) }
    expect(typesOf(await bench.tracker.inlet.read(edited))).toEqual(['tracker.prompted'])
    expect(await bench.tracker.inlet.read(resolved)).toEqual([])
  })

  test('in a thread belongs to the issue of the thread, also where only that is named (edge 8)', async () => {
    const { bench, ann, bob, issue } = await begin()
    const reply = bob.reply(ann.comment(issue, 'I wonder what comes of it'), 'signalbox: use the old parser')
    const delivery = (await bench.deliveries()).find(({ body }) => body.includes(reply.id))!
    for (const body of [delivery.body, delivery.body.replace(`"issueId":"${issue.id}",`, '')])
      expect(await bench.tracker.inlet.read({ ...delivery, body })).toMatchObject([
        { issue: issue.id, event: { text: 'use the old parser', author: 'Bob', via: 'mention' }, key: `linear:comment:${reply.id}` },
      ])
  })

  test('that says what we say is none, whoever writes or edits it (edges 89, 90)', async () => {
    const { bench, ann, issue } = await begin()
    for (const session of bench.workspace.sessions(issue)) bench.workspace.state.store.remove(session)
    bench.database.prepare('DELETE FROM linear_session').run()
    const text = 'A human is needed: the tests never pass'
    const report = { project: 'app', issue: issue.id, key: 'ENG-1', kind: 'state', phase: 'escalated', text } as const
    await bench.tracker.report(report, 'r')
    const { body: said } = bench.workspace.comments(issue).find(({ body }) => body.includes(text))!
    await bench.told()
    await bench.tracker.report({ ...report, text: 'It goes on as @signalbox was asked to' }, 'again')
    ann.comment(issue, said)
    ann.comment(issue, text)
    const deliveries = (await bench.deliveries()).filter(({ event }) => event === 'Comment')
    expect(deliveries.map(({ body }) => (JSON.parse(body) as { action: string }).action)).toEqual(['update', 'create', 'create'])
    for (const delivery of deliveries) {
      const asAlice = delivery.body.replaceAll(bench.workspace.appUser.id, ann.user.id)
      expect(await bench.tracker.inlet.read({ ...delivery, body: asAlice })).toEqual([])
    }
  })
})

describe('in a session', () => {
  test('our own words are no message, nor is what is said to another agent', async () => {
    const { bench, ann, session } = await begin()
    ann.prompt(session, 'Use the old parser')
    const prompt = (await bench.deliveries()).find(({ event }) => event === 'AgentSessionEvent')!
    const read = (body: string) => bench.tracker.inlet.read({ ...prompt, body })
    expect(typesOf(await read(prompt.body))).toEqual(['tracker.prompted'])
    expect(await read(prompt.body.replace('"type":"prompt"', '"type":"thought"'))).toEqual([])
    expect(await read(prompt.body.replaceAll(ann.user.id, bench.workspace.appUser.id))).toEqual([])
    const other = prompt.body.replaceAll(`"appUserId":"${bench.workspace.appUser.id}"`, '"appUserId":"another"')
    expect(await read(other)).toEqual([])
  })
})

describe('who may', () => {
  const rules = { projects: [{ id: 'app', trustedActors: { emails: ['alice@ACME.example'] } }] }

  test('F09: begin something and say something, where there are rules', async () => {
    const { bench, bob, ann, notices, issue, session } = await begin(rules)
    expect(typesOf(notices)).toContain('tracker.delegated')
    bob.prompt(session, 'Do something else')
    bob.comment(issue, 'signalbox: do something else')
    expect(typesOf(await bench.told())).toEqual([])
    bob.prompt(session, 'Really')
    await bench.told()
    expect(saidIn(bench.workspace, session).filter((said) => said.includes('Only some people'))).toHaveLength(1)
    const report = { project: 'app', issue: issue.id, key: 'ENG-1', kind: 'question', phase: 'awaiting_input', text: 'Which?' } as const
    await bench.tracker.report(report, 'question')
    bench.workspace.as('carol').prompt(session, 'Mine')
    await bench.told()
    expect(session.status).toBe('awaitingInput')
    ann.prompt(session, 'Do this')
    expect(factsOf(await bench.told(), 'tracker.prompted')).toMatchObject([{ event: { text: 'Do this' } }])
  })

  test('not: nothing is begun, and the session says why, once', async () => {
    const bench = await createBench(rules)
    const issue = bench.workspace.as('bob').createIssue('From Bob')
    const session = bench.workspace.as('bob').delegate(issue)
    expect(await bench.told()).toEqual([])
    expect(saidIn(bench.workspace, session)).toHaveLength(2)
    expect(session.status).toBe('complete')
    expect(bench.tracker.projectOf(issue.id)).toBeUndefined()
    bench.workspace.as('bob').editTitle(issue, 'Again')
    expect(await bench.told()).toEqual([])
  })

  test('not: an issue that such a person gives back to us is not ours', async () => {
    const { bench, ann, bob, issue } = await begin(rules)
    ann.undelegate(issue)
    await bench.told()
    bob.delegate(issue)
    expect(typesOf(await bench.told())).not.toContain('tracker.delegated')
    expect(await bench.tracker.facts({ project: 'app', issue: issue.id })).toMatchObject({ delegated: false })
    ann.undelegate(issue)
    ann.delegate(issue)
    expect(typesOf(await bench.told())).toContain('tracker.delegated')
    expect(await bench.tracker.facts({ project: 'app', issue: issue.id })).toMatchObject({ delegated: true })
  })

  test('is asked of the issue’s history where nobody has told of the delegation', async () => {
    const { bench, ann, bob, issue } = await begin(rules)
    const isOurs = async () => (await bench.tracker.facts({ project: 'app', issue: issue.id }))!.delegated
    bench.twin.app.webhookUrl = undefined
    ann.undelegate(issue)
    expect(await isOurs()).toBe(false)
    bob.delegate(issue)
    expect(await isOurs()).toBe(false)
    ann.undelegate(issue)
    ann.delegate(issue)
    expect(await isOurs()).toBe(true)
  })
})

describe('which project', () => {
  const projects = [
    { id: 'web', tracker: { teams: ['ENG'] } },
    { id: 'api', tracker: { teams: ['ENG'] } },
  ]

  test('is asked in the session where several fit, and the answer begins the work there', async () => {
    const bench = await createBench({ projects })
    const ann = bench.workspace.as('alice')
    const issue = ann.createIssue('Somewhere')
    const session = ann.delegate(issue)
    expect(await bench.told()).toEqual([])
    expect(bench.workspace.activities(session).at(-1)).toMatchObject({
      content: { type: 'elicitation' },
      signal: 'select',
      signalMetadata: { options: [{ value: 'web' }, { value: 'api' }] },
    })
    expect(bench.logged.some((line) => line.includes('Several projects are for ENG-1: web, api'))).toBe(true)
    ann.prompt(session, 'api')
    const notices = await bench.told()
    expect(typesOf(notices)).toEqual(['tracker.delegated'])
    expect(bench.tracker.projectOf(issue.id)).toBe('api')
    ann.editTitle(issue, 'Here')
    expect(typesOf(await bench.told())).toEqual(['tracker.updated'])
  })

  test('none: the session says what to do', async () => {
    const bench = await createBench({ projects: [{ id: 'web', tracker: { teams: ['WEB'] } }] })
    const ann = bench.workspace.as('alice')
    const session = ann.delegate(ann.createIssue('Nowhere'))
    expect(await bench.told()).toEqual([])
    expect(saidIn(bench.workspace, session).at(-1)).toContain('name its team ENG')
    expect(session.status).toBe('complete')
  })

  test('an issue that we have no access to has a session that says where it is given', async () => {
    const { bench, ann, issue, session } = await begin({ twin: { teams: [{ key: 'ENG' }, { key: 'OPS' }] } })
    const match = ({ operation }: { operation: string | undefined }) => operation === 'SignalboxIssue'
    bench.twin.faults.add({ match, status: 403, times: Infinity })
    ann.undelegate(issue)
    await bench.told().catch(() => {})
    bench.twin.faults.clear()
    const again = ann.delegate(issue)
    const [created] = (await bench.deliveries()).filter(({ event }) => event === 'AgentSessionEvent')
    bench.twin.faults.add({ match, status: 403, times: Infinity })
    expect(await bench.tracker.inlet.read(created!)).toEqual([])
    expect(bench.workspace.activities(again).at(-1)).toMatchObject({
      content: { type: 'elicitation' },
      signal: 'auth',
      signalMetadata: { url: expect.stringContaining('/oauth/authorize') },
    })
    expect(session.id).not.toBe(again.id)
  })

  test.each([403, 404] as const)('is not given up for one %d, which may be a mistake: nobody is asked anything', async (status) => {
    const bench = await createBench()
    const ann = bench.workspace.as('alice')
    const session = ann.delegate(ann.createIssue('Here'))
    const [created] = (await bench.deliveries()).filter(({ event }) => event === 'AgentSessionEvent')
    const before = saidIn(bench.workspace, session)
    bench.twin.faults.add({ match: ({ operation }) => operation === 'SignalboxIssue', status })
    expect(typesOf(await bench.tracker.inlet.read(created!))).toEqual(['tracker.delegated'])
    expect(saidIn(bench.workspace, session)).toEqual(before)
  })
})

describe('what concerns nobody here', () => {
  test('a workspace that is not connected is said once, with what to do, and so is a kind of delivery that is not read', async () => {
    const { bench } = await begin()
    bench.workspace.as('alice').createIssue('Another')
    const [delivery] = await bench.deliveries()
    bench.logged.splice(0)
    const told = (change: object) => {
      const body = JSON.stringify({ ...(JSON.parse(delivery!.body) as object), ...change })
      return bench.tracker.inlet.read({ ...delivery!, body })
    }
    for (const organizationId of ['theirs', 'theirs', 'others']) expect(await told({ organizationId })).toEqual([])
    for (const type of ['Cycle', 'Cycle', 'Project']) expect(await told({ type })).toEqual([])
    expect(bench.logged).toEqual([
      expect.stringMatching(/^warn: .*theirs.*`signalbox connect linear`/),
      expect.stringMatching(/^warn: .*others.*`signalbox connect linear`/),
      expect.stringMatching(/^info: .*"Cycle".*not read/),
      expect.stringMatching(/^info: .*"Project".*not read/),
    ])
  })
})
