// What happens in a session, from its beginning to its end, as people at Linear see it.

import { describe, expect, test } from 'vitest'
import type { TrackerReport } from '../../../../src/actors/ports.ts'
import { createBench, factsOf, saidIn, typesOf, type Bench } from './fixture.ts'

type Report = Omit<TrackerReport, 'project' | 'issue' | 'key'>

async function begin(options: Parameters<typeof createBench>[0] = {}) {
  const bench = await createBench(options)
  const ann = bench.workspace.as('alice')
  const issue = ann.createIssue({ title: 'Add a flag', description: 'It is missing.' })
  const session = ann.delegate(issue)
  const notices = await bench.told()
  let count = 0
  const report = (told: Report, id = `report-${++count}`) =>
    bench.tracker.report({ project: 'app', issue: issue.id, key: 'ENG-1', ...told }, id)
  return { bench, ann, issue, session, notices, report }
}

const textOf = (bench: Bench, session: { id: string }) => saidIn(bench.workspace, session)

describe('a session begins', () => {
  test('a delegation is answered at once and told with everything about the issue (edges 59, 69)', async () => {
    const { bench, issue, session, notices } = await begin()
    expect(textOf(bench, session)).toEqual(['~thought: Received; looking at what is to be done.'])
    expect(session.unresponsive).toBe(false)
    const [delegated] = factsOf(notices, 'tracker.delegated')
    expect(delegated).toMatchObject({
      issue: issue.id,
      event: { source: 'webhook', key: 'ENG-1', title: 'Add a flag', description: 'It is missing.', delegated: true, actor: 'Alice' },
    })
    expect(bench.tracker.projectOf(issue.id)).toBe('app')
  })

  test('a session that a delegation has opened tells of it by itself, with its issue, who delegated it and the guidance of the place (edge 5)', async () => {
    const guidance = [{ body: 'Write tests.' }]
    const bench = await createBench({ twin: { workspaces: [{ name: 'acme', guidance }] } })
    const issue = bench.workspace.as('alice').createIssue({ title: 'Add a flag', description: 'It is missing.' })
    const session = bench.workspace.as('alice').delegate(issue)
    const created = (await bench.deliveries()).find(({ event }) => event === 'AgentSessionEvent')!
    expect(await bench.tracker.inlet.read(created)).toMatchObject([
      { issue: issue.id, event: { type: 'tracker.delegated', title: 'Add a flag', description: 'It is missing.', actor: 'Alice' } },
    ])
    const rows = bench.database.prepare('SELECT id, issue, creator, opened FROM linear_session').all()
    expect(rows).toEqual([{ id: session.id, issue: issue.id, creator: 'Alice', opened: 1 }])
    const context = await bench.tracker.promptContext({ issue: issue.id, folder: '/nowhere', fetches: false })
    expect(context.guidance).toEqual([{ origin: 'the workspace', body: 'Write tests.' }])
  })

  test('a mention in an issue that is not delegated begins nothing; that it is delegated afterwards does (edges 71, 72)', async () => {
    const bench = await createBench()
    const ann = bench.workspace.as('alice')
    const issue = ann.createIssue('A thought')
    const session = ann.mention(issue, 'could you do this?')
    expect(await bench.told()).toEqual([])
    expect(bench.database.prepare('SELECT id, issue FROM linear_session').all()).toEqual([{ id: session.id, issue: issue.id }])
    expect(session.status).toBe('awaitingInput')
    ann.block(ann.createIssue('Before'), issue)
    ann.delegate(issue)
    const [delegated] = factsOf(await bench.told(), 'tracker.delegated')
    expect(delegated).toMatchObject({ issue: issue.id, event: { delegated: true, blockedBy: [{ resolved: false }] } })
  })

  test('a mention in an issue that is not delegated is answered with a question, and work begins when a person says so', async () => {
    const bench = await createBench()
    const ann = bench.workspace.as('alice')
    const issue = ann.createIssue('A thought')
    const session = ann.mention(issue, 'could you do this?')
    expect(await bench.told()).toEqual([])
    expect(session.status).toBe('awaitingInput')
    const question = bench.workspace.activities(session).at(-1)!
    expect(question).toMatchObject({ content: { type: 'elicitation' }, signal: 'select' })
    expect(question.signalMetadata).toEqual({
      options: [
        { label: 'Work on it', value: 'Work on it' },
        { label: 'Not now', value: 'Not now' },
      ],
    })
    ann.prompt(session, 'Work on it')
    const notices = await bench.told()
    expect(typesOf(notices)).toContain('tracker.delegated')
    expect(factsOf(notices, 'tracker.prompted')).toEqual([])
    expect(bench.workspace.issue(issue).delegateId).toBe(bench.workspace.appUser.id)
  })

  test('a mention in an issue that is ours is a message to its actor, told once whichever way it comes', async () => {
    const { bench, ann, issue } = await begin()
    ann.mention(issue, 'please add a test')
    const messages = factsOf(await bench.told(), 'tracker.prompted')
    expect(messages.map(({ event }) => event['text'])).toContain('please add a test')
    expect(new Set(messages.map(({ key }) => key)).size).toBe(1)
    expect(messages[0]).toMatchObject({ issue: issue.id, event: { author: 'Alice' } })
  })

  test('an answer to a new session that Linear fails or loses is given again, once', async () => {
    const bench = await createBench()
    const ann = bench.workspace.as('alice')
    bench.twin.faults.add({ match: ({ fields }) => fields.includes('agentActivityCreate'), status: 503 })
    bench.twin.faults.add({ match: ({ fields }) => fields.includes('agentActivityCreate'), status: 'reset', when: 'after' })
    const session = ann.delegate(ann.createIssue('Slow'))
    await bench.told()
    expect(textOf(bench, session)).toEqual(['~thought: Received; looking at what is to be done.'])
  })

  test('F12: a new session is answered within ten seconds while everything else waits at a slow Linear', async () => {
    const bench = await createBench()
    const ann = bench.workspace.as('alice')
    const issues = Array.from({ length: 8 }, (_, index) => ann.createIssue(`Issue ${index}`))
    for (const issue of issues) ann.delegate(issue)
    await bench.told()
    bench.twin.latency = 2_000
    const others = Array.from({ length: 30 }, (_, index) => {
      const issue = issues[index % issues.length]!.id
      const report = {
        project: 'app',
        issue,
        key: `ENG-${(index % 8) + 1}`,
        kind: 'comment',
        phase: 'implementing',
        text: `Line ${index}`,
      } as const
      return index % 2 === 0 ? bench.tracker.facts({ project: 'app', issue }) : bench.tracker.report(report, `slow-${index}`)
    })
    const session = ann.delegate(ann.createIssue('Urgent'))
    const at = Date.now()
    const fresh = (await bench.deliveries()).find(({ event, body }) => event === 'AgentSessionEvent' && body.includes(session.id))!
    await bench.tracker.inlet.acknowledge!(fresh)
    expect(Date.now() - at).toBeLessThan(6_000)
    expect(session.respondedWithin).toBeLessThan(10_000)
    bench.twin.latency = 0
    await Promise.all(others)
  })
})

describe('work is shown in it', () => {
  test('phases as actions and thoughts, a plan, and our addresses beside those of others (edges 119, 122)', async () => {
    const { bench, session, issue, report } = await begin()
    session.externalUrls.push({ label: 'Theirs', url: 'https://other.example/' })
    await report({ kind: 'state', phase: 'implementing', text: 'An agent works on it' })
    expect(bench.workspace.stateOf(issue).name).toBe('In Progress')
    expect(session.plan).toEqual([
      { content: 'Make the change', status: 'inProgress' },
      { content: 'Review and checks', status: 'pending' },
      { content: 'Land it', status: 'pending' },
    ])
    bench.pullRequests.set(issue.id, 'https://github.com/acme/app/pull/7')
    await report({ kind: 'state', phase: 'pr_open', text: 'Pull request #7 is open' })
    expect(bench.workspace.stateOf(issue).name).toBe('In Review')
    expect(session.externalUrls).toEqual([
      { label: 'Theirs', url: 'https://other.example/' },
      { label: 'Signalbox', url: 'https://box.example/issues/ENG-1' },
      { label: 'Pull request', url: 'https://github.com/acme/app/pull/7' },
    ])
    expect(bench.workspace.attachments(issue)).toMatchObject([{ url: 'https://github.com/acme/app/pull/7', metadata: { signalbox: true } }])
    bench.pullRequests.delete(issue.id)
    await report({ kind: 'state', phase: 'implementing', text: 'Its change is under way' })
    expect(session.externalUrls.map(({ label }) => label)).toEqual(['Theirs', 'Signalbox'])
    expect(bench.workspace.stateOf(issue).name).toBe('In Progress')
    expect(session.status).toBe('active')
    expect(textOf(bench, session).slice(1)).toEqual([
      'action: An agent works on it (ENG-1)',
      'thought: Pull request #7 is open',
      'action: Its change is under way (ENG-1)',
    ])
    expect(bench.twin.requests.flatMap(({ fields }) => fields)).not.toContain('commentCreate')
  })

  test('a plan that Linear refuses fails the report (edge 119)', async () => {
    const { bench, session, report } = await begin()
    bench.twin.faults.add({ match: ({ fields }) => fields.includes('agentSessionUpdate'), status: 422 })
    const state = { kind: 'state', phase: 'implementing', text: 'On it' } as const
    await expect(report(state, 'on it')).rejects.toMatchObject({ name: 'FatalError', code: 'linear-refused' })
    expect(session.plan).toBeNull()
    await report(state, 'on it')
    expect((session.plan as { status: string }[])[0]).toEqual({ content: 'Make the change', status: 'inProgress' })
  })

  test.each([
    ['changes_requested', 'In Review', 'In Progress'],
    ['repairing_ci', 'In Review', 'In Progress'],
    ['awaiting_queue', 'In Progress', 'In Review'],
    ['deploying', 'In Review', 'In Review'],
    ['delegated', 'In Progress', 'Todo'],
    ['done', 'In Review', 'Done'],
  ] as const)('an issue that is %s is moved from %s to %s (edges 138, 141)', async (phase, before, after) => {
    const { bench, issue, report } = await begin()
    await report({ kind: 'state', phase: before === 'In Review' ? 'pr_open' : 'implementing', text: 'On it' })
    expect(bench.workspace.stateOf(issue).name).toBe(before)
    await report({ kind: 'state', phase, text: 'And so on' })
    expect(bench.workspace.stateOf(issue).name).toBe(after)
  })

  test('F06: a question awaits an answer, with the choices that it lists, and an answer reaches the actor (edge 6)', async () => {
    const { bench, ann, issue, session, report } = await begin()
    await report({ kind: 'question', phase: 'awaiting_input', text: 'Which colour?\n- red\n- green' })
    expect(session.status).toBe('awaitingInput')
    expect(bench.workspace.activities(session).at(-1)).toMatchObject({
      content: { type: 'elicitation', body: 'Which colour?\n- red\n- green' },
      signal: 'select',
      signalMetadata: { options: [{ value: 'red' }, { value: 'green' }] },
    })
    expect(bench.workspace.labelsOf(issue)).toEqual(['needs-human'])
    await report({ kind: 'comment', phase: 'awaiting_input', text: 'A question is open.' })
    expect(session.status).toBe('awaitingInput')
    await bench.told()
    const activity = ann.prompt(session, 'green')
    const notices = await bench.told()
    expect(factsOf(notices, 'tracker.prompted')).toMatchObject([
      {
        issue: issue.id,
        event: { text: 'green', author: 'Alice', via: 'session', source: 'webhook' },
        key: `linear:comment:${activity.sourceCommentId}`,
      },
    ])
    await report({ kind: 'state', phase: 'implementing', text: 'On it' })
    expect(bench.workspace.labelsOf(issue)).toEqual([])
    expect(session.status).toBe('active')
  })

  test('what is done ends it with one response, also when the answer is lost and the report is made again', async () => {
    const { bench, issue, session, report } = await begin()
    await report({ kind: 'state', phase: 'implementing', text: 'On it' })
    const match = ({ fields }: { fields: string[] }) => fields.includes('agentActivityCreate')
    bench.twin.faults.add({ match, when: 'after', status: 'reset' })
    await expect(report({ kind: 'state', phase: 'done', text: 'Pull request #7 has landed' }, 'end')).rejects.toMatchObject({
      code: 'linear-unreachable',
    })
    await report({ kind: 'state', phase: 'done', text: 'Pull request #7 has landed' }, 'end')
    await report({ kind: 'state', phase: 'done', text: 'Pull request #7 has landed' }, 'end')
    expect(textOf(bench, session).filter((said) => said.startsWith('response'))).toEqual(['response: Pull request #7 has landed'])
    expect(session.status).toBe('complete')
    expect(bench.workspace.stateOf(issue).type).toBe('completed')
    expect((session.plan as { status: string }[]).map(({ status }) => status)).toEqual(['completed', 'completed', 'completed'])
  })

  test.each(['agentActivityCreate', 'agentSessionUpdate', 'issueUpdate', 'issueLabelCreate', 'attachmentCreate'])(
    'where the answer to %s is lost the report is made again, and all of it is there once',
    async (field) => {
      const { bench, issue, session, report } = await begin()
      bench.pullRequests.set(issue.id, 'https://github.com/acme/app/pull/7')
      await report({ kind: 'state', phase: 'implementing', text: 'On it' })
      bench.workspace.attachments(issue).map((attachment) => bench.workspace.state.store.remove(attachment))
      bench.database.prepare("DELETE FROM linear_request WHERE key LIKE 'attachment:%'").run()
      session.externalUrls = []
      bench.database.prepare("UPDATE linear_session SET urls = '[]'").run()
      bench.twin.faults.add({ match: ({ fields }) => fields.includes(field), when: 'after', status: 'reset' })
      const question = { kind: 'question', phase: 'awaiting_input', text: 'Which?' } as const
      await expect(report(question, 'asked')).rejects.toMatchObject({ code: 'linear-unreachable' })
      await report(question, 'asked')
      expect(textOf(bench, session).slice(1)).toEqual(['action: On it (ENG-1)', 'elicitation: Which?'])
      expect(session.externalUrls).toHaveLength(2)
      expect(bench.workspace.labelsOf(issue)).toEqual(['needs-human'])
      expect(bench.workspace.attachments(issue)).toHaveLength(1)
      expect(bench.twin.faults.pending).toBe(0)
    },
  )

  test('a failure and a call for help are errors; the plan keeps what was done', async () => {
    const { bench, issue, session, report } = await begin()
    await report({ kind: 'state', phase: 'pr_open', text: 'Open' })
    await report({ kind: 'state', phase: 'escalated', text: 'A human is needed: the tests never pass' })
    expect(session.status).toBe('error')
    expect(bench.workspace.labelsOf(issue)).toEqual(['needs-human'])
    expect(bench.workspace.stateOf(issue).name).toBe('In Review')
    await report({ kind: 'state', phase: 'failed', text: 'Closed without a landed change' })
    expect(bench.workspace.stateOf(issue).type).toBe('canceled')
    expect((session.plan as { status: string }[]).map(({ status }) => status)).toEqual(['completed', 'canceled', 'canceled'])
    expect(textOf(bench, session).slice(-2)).toEqual([
      'error: A human is needed: the tests never pass',
      'error: Closed without a landed change',
    ])
  })

  test('that it was stopped ends every session with one response, until it goes on; what was stopped there has been answered', async () => {
    const { bench, issue, session, report } = await begin()
    const other = bench.workspace.as('alice').mention(issue, 'and you')
    await bench.told()
    await report({ kind: 'state', phase: 'pr_open', text: 'Open' })
    const plan = structuredClone(session.plan)
    await report({ kind: 'halt', phase: 'pr_open', text: 'Stopped by ann: not now.' })
    await report({ kind: 'halt', phase: 'pr_open', text: 'Stopped by bob: neither now.' })
    for (const one of [session, other])
      expect([one.status, textOf(bench, one).at(-1)]).toEqual(['complete', 'response: Stopped by ann: not now.'])
    expect(session.plan).toEqual(plan)
    expect(bench.workspace.stateOf(issue).name).toBe('In Review')
    await report({ kind: 'state', phase: 'pr_open', text: 'Open' })
    expect([session, other].map(({ status }) => status).toSorted()).toEqual(['active', 'complete'])
  })

  test('that we have closed it ourselves is nobody’s word, and is not told as one', async () => {
    const { bench, ann, issue, report } = await begin()
    const types = async () => (await bench.told()).flatMap((notice) => (notice.kind === 'fact' ? [notice.event['stateType']] : []))
    await report({ kind: 'state', phase: 'implementing', text: 'On it' })
    await bench.told()
    await report({ kind: 'state', phase: 'done', text: 'Done' })
    expect(bench.workspace.stateOf(issue).type).toBe('completed')
    expect(await types()).toEqual(['started'])
    expect(await bench.tracker.facts({ project: 'app', issue: issue.id })).toMatchObject({ state: 'Done', stateType: 'started' })
    // Somebody wants more, goes on by hand, and closes it: now it is.
    ann.moveState(issue, 'Todo')
    await report({ kind: 'state', phase: 'implementing', text: 'On it again' })
    ann.moveState(issue, 'Done')
    expect((await types()).at(-1)).toBe('completed')
  })

  test('an issue that a person has closed is not moved any more', async () => {
    const { bench, ann, issue, report } = await begin()
    await report({ kind: 'state', phase: 'implementing', text: 'On it' })
    ann.cancel(issue)
    await report({ kind: 'state', phase: 'pr_open', text: 'Open' })
    expect(bench.workspace.stateOf(issue).name).toBe('Canceled')
    ann.moveState(issue, 'Done')
    await report({ kind: 'state', phase: 'failed', text: 'Closed' })
    expect(bench.workspace.stateOf(issue).name).toBe('Done')
  })

  test('a column that we have moved it to is known for ours, also where the answer was lost', async () => {
    const { bench, issue, report } = await begin()
    await report({ kind: 'state', phase: 'implementing', text: 'On it' })
    const match = ({ fields }: { fields: string[] }) => fields.includes('issueUpdate')
    bench.twin.faults.add({ match, when: 'after', status: 'reset' })
    const open = { kind: 'state', phase: 'pr_open', text: 'Open' } as const
    await expect(report(open, 'open')).rejects.toMatchObject({ code: 'linear-unreachable' })
    await report(open, 'open')
    expect(bench.workspace.stateOf(issue).name).toBe('In Review')
    bench.twin.faults.add({ match, status: 503 })
    const red = { kind: 'state', phase: 'repairing_ci', text: 'Red' } as const
    await expect(report(red, 'red')).rejects.toMatchObject({ code: 'linear-failed' })
    await report(red, 'red')
    expect(bench.workspace.stateOf(issue).name).toBe('In Progress')
  })

  test('what is told of the issue without its session leaves the session as it is known (case 9) (edge 75)', async () => {
    const { bench, ann, issue, session, report } = await begin()
    const known = () => bench.database.prepare('SELECT id, issue, workspace, opened FROM linear_session').all()
    const before = known()
    expect(before).toHaveLength(1)
    ann.editTitle(issue, 'Add the flag')
    ann.moveState(issue, 'In Progress')
    ann.comment(issue, 'signalbox: and test it')
    expect((await bench.deliveries()).filter(({ body }) => body.includes(session.id))).toEqual([])
    ann.editTitle(issue, 'Add that flag')
    expect(typesOf(await bench.told())).toEqual(['tracker.updated'])
    expect(known()).toEqual(before)
    await report({ kind: 'state', phase: 'implementing', text: 'On it' })
    expect(textOf(bench, session).at(-1)).toBe('action: On it (ENG-1)')
  })

  test('what is as it should be is not written again', async () => {
    const { bench, report } = await begin()
    await report({ kind: 'state', phase: 'implementing', text: 'On it' })
    const before = bench.twin.requests.length
    await report({ kind: 'state', phase: 'changes_requested', text: 'Changes were asked for' })
    await report({ kind: 'state', phase: 'repairing_ci', text: 'Red' })
    const written = bench.twin.requests.slice(before).flatMap(({ fields }) => fields)
    expect(written.filter((field) => field === 'issueUpdate')).toEqual([])
    expect(written.filter((field) => field === 'agentSessionUpdate')).toHaveLength(1)
  })

  test('a team with one column for work in progress has a label for reviews', async () => {
    const states = [
      { name: 'Offen', type: 'unstarted' as const },
      { name: 'Läuft', type: 'started' as const },
      { name: 'Fertig', type: 'completed' as const },
      { name: 'Verworfen', type: 'canceled' as const },
    ]
    const { bench, issue, report } = await begin({ twin: { teams: [{ key: 'ENG', states, labels: ['In-Review'] }] } })
    await report({ kind: 'state', phase: 'pr_open', text: 'Open' })
    expect([bench.workspace.stateOf(issue).name, bench.workspace.labelsOf(issue)]).toEqual(['Läuft', ['In-Review']])
    await report({ kind: 'state', phase: 'done', text: 'Landed' })
    expect([bench.workspace.stateOf(issue).name, bench.workspace.labelsOf(issue)]).toEqual(['Fertig', []])
  })
})

describe('it ends from outside', () => {
  test('a stop is told and confirmed at once', async () => {
    const { bench, ann, issue, session } = await begin()
    const activity = ann.stop(session)
    expect(session.status).toBe('stopping')
    const notices = await bench.told()
    expect(factsOf(notices, 'tracker.stopRequested')).toMatchObject([
      { issue: issue.id, event: { author: 'Alice' }, key: `linear:comment:${activity.sourceCommentId}` },
    ])
    await expect.poll(() => session.status).toBe('complete')
    expect(typesOf(notices)).not.toContain('tracker.prompted')
  })

  test('an issue that is taken back gets a last word (edge 39)', async () => {
    const { bench, ann, issue, session } = await begin()
    ann.undelegate(issue)
    expect(typesOf(await bench.told())).toContain('tracker.undelegated')
    expect(session.status).toBe('complete')
  })

  test('a session that is told of again when it has ended stays so', async () => {
    const { bench, ann, session, report } = await begin()
    const again = ann.delegate(ann.createIssue('Another'))
    const deliveries = await bench.deliveries()
    const created = deliveries.find(({ event }) => event === 'AgentSessionEvent')!
    await bench.tracker.inlet.acknowledge!(created)
    await report({ kind: 'state', phase: 'done', text: 'Landed' })
    bench.database.prepare("UPDATE linear_session SET state = 'complete' WHERE id = ?").run(again.id)
    const asked = bench.twin.requests.length
    await bench.tracker.inlet.acknowledge!(created)
    expect(bench.twin.requests).toHaveLength(asked)
    expect(session.status).toBe('complete')
    expect(bench.database.prepare('SELECT state FROM linear_session WHERE id = ?').get(again.id)).toEqual({ state: 'complete' })
  })

  test('who speaks of an issue that was taken back is asked whether it is ours again, and is heard when it is', async () => {
    const { bench, ann, issue, session } = await begin()
    ann.undelegate(issue)
    await bench.told()
    ann.prompt(session, 'One more thing')
    expect(factsOf(await bench.told(), 'tracker.prompted')).toMatchObject([{ event: { text: 'One more thing' } }])
    expect(session.status).toBe('awaitingInput')
    ann.prompt(session, 'Yes')
    expect(typesOf(await bench.told())).toContain('tracker.delegated')
    expect(session.status).toBe('active')
    ann.undelegate(issue)
    const other = ann.mention(issue, 'what about this?')
    await bench.told()
    expect(other.status).toBe('awaitingInput')
    ann.delegate(issue)
    await bench.told()
    ann.prompt(other, 'Use the new parser')
    expect(factsOf(await bench.told(), 'tracker.prompted')).toMatchObject([{ event: { text: 'Use the new parser' } }])
    ann.undelegate(issue)
    ann.prompt(other, 'Hm')
    await bench.told()
    ann.prompt(other, 'Not now')
    expect(typesOf(await bench.told())).toEqual([])
    expect(other.status).toBe('complete')
  })

  test('a session that is gone keeps no report from being made: it goes into a comment', async () => {
    const { bench, issue, session, report } = await begin()
    bench.workspace.state.store.remove(session)
    await report({ kind: 'state', phase: 'implementing', text: 'On it' })
    expect(bench.workspace.comments(issue).at(-1)!.body).toContain('On it')
  })
})
