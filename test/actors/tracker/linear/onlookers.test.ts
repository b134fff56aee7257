// What is said for those who look on: lines of progress, signs of life, and the one comment where there is no session.

import { describe, expect, test } from 'vitest'
import { createVirtualClock, type VirtualClock } from '../../../twins/clock.ts'
import { createBench, saidIn, type Bench } from './fixture.ts'

async function begin(clock: VirtualClock = createVirtualClock()) {
  const bench = await createBench({ clock })
  const ann = bench.workspace.as('alice')
  const issue = ann.createIssue('An issue')
  const session = ann.delegate(issue)
  await bench.told()
  let count = 0
  const report = (kind: 'state' | 'question' | 'comment', phase: 'implementing' | 'pr_open' | 'done' | 'awaiting_input', text: string) =>
    bench.tracker.report({ project: 'app', issue: issue.id, key: 'ENG-1', kind, phase, text }, `report-${++count}`)
  return { clock, bench, ann, issue, session, report }
}

/** Until everything that was begun has reached the twin. */
async function settle(bench: Bench): Promise<void> {
  for (let quiet = 0, before = -1; quiet < 3;) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    const { requests } = bench.twin
    const isBusy = requests.some(({ status }) => status === undefined)
    quiet = !isBusy && requests.length === before ? quiet + 1 : 0
    before = requests.length
  }
}

describe('progress', () => {
  test('is shown now and then, goes with the next word, and leaves chatter out', async () => {
    const { clock, bench, session, report } = await begin()
    await report('state', 'implementing', 'On it')
    const say = (line: string) => bench.tracker.progress({ project: 'app', key: 'ENG-1', runId: 'run-1', line })
    say('Let me look around')
    say('The parser now keeps comments')
    say('Another line that comes too soon')
    await settle(bench)
    await clock.advance(15_000)
    say('$ npm test')
    say('{"raw":"output"}')
    await settle(bench)
    expect(saidIn(bench.workspace, session).slice(2)).toEqual(['~thought: The parser now keeps comments', '~action: Running (npm test)'])
  })

  test('is not shown in a session that awaits an answer or has ended, nor where there is no room, nor of unknown issues', async () => {
    const { clock, bench, session, report } = await begin()
    const say = async (key = 'ENG-1') => {
      await clock.advance(15_000)
      bench.tracker.progress({ project: 'app', key, runId: 'run-1', line: 'The parser now keeps comments' })
      await settle(bench)
    }
    await report('question', 'awaiting_input', 'Which?')
    await say()
    expect(session.status).toBe('awaitingInput')
    await report('state', 'done', 'Landed')
    await say()
    expect(session.status).toBe('complete')
    await report('state', 'implementing', 'Again')
    const said = saidIn(bench.workspace, session)
    await say('ENG-99')
    bench.workspace.exhaust('requests')
    await expect(bench.tracker.facts({ project: 'app', issue: bench.workspace.issues()[0]!.id })).rejects.toThrow('limits')
    await say()
    expect(saidIn(bench.workspace, session)).toEqual(said)
  })
})

describe('signs of life', () => {
  const minutes = async (clock: VirtualClock, bench: Bench, count: number): Promise<void> => {
    for (let left = count; left > 0; left -= 5) {
      await clock.advance(Math.min(left, 5) * 60_000)
      await settle(bench)
    }
  }

  test('F37: a session never goes stale while its issue is open, also while others are waited for, and after a restart', async () => {
    const { clock, bench, session, report } = await begin()
    bench.tracker.start()
    await report('state', 'pr_open', 'Pull request #7 is open')
    await minutes(clock, bench, 25)
    expect(saidIn(bench.workspace, session).at(-1)).toBe('~thought: Still so: Pull request #7 is open')
    await bench.tracker.stop()
    bench.reopen().start()
    await minutes(clock, bench, 30)
    expect(session.status).toBe('active')
    expect(saidIn(bench.workspace, session)).toHaveLength(4)
  })

  test('a start of the server says nothing in sessions, nor does it look through what was told before', async () => {
    const { clock, bench, session, report } = await begin()
    await report('state', 'pr_open', 'Open')
    await settle(bench)
    const [said, asked] = [saidIn(bench.workspace, session), bench.twin.requests.length]
    bench.reopen().start()
    await minutes(clock, bench, 10)
    expect([saidIn(bench.workspace, session), bench.twin.requests.length]).toEqual([said, asked])
  })

  test('there are none in a session that awaits an answer, has ended, or whose issue has', async () => {
    const { clock, bench, issue, session, report } = await begin()
    bench.tracker.start()
    await report('question', 'awaiting_input', 'Which?')
    await minutes(clock, bench, 25)
    expect(session.status).toBe('awaitingInput')
    await report('state', 'done', 'Landed')
    await minutes(clock, bench, 25)
    expect(session.status).toBe('complete')
    await report('state', 'implementing', 'Again')
    bench.terminal.add(issue.id)
    const said = saidIn(bench.workspace, session)
    await minutes(clock, bench, 25)
    expect(saidIn(bench.workspace, session)).toEqual(said)
  })

  test('one that cannot be given is given a minute later', async () => {
    const { clock, bench, session, report } = await begin()
    bench.tracker.start()
    await report('state', 'pr_open', 'Open')
    await minutes(clock, bench, 19)
    bench.twin.faults.add({ match: ({ fields }) => fields.includes('agentActivityCreate'), status: 503 })
    await minutes(clock, bench, 3)
    expect(saidIn(bench.workspace, session).at(-1)).toBe('~thought: Still so: Open')
  })
})

describe('without a session', () => {
  async function beginWithout() {
    const bench = await createBench()
    const issue = bench.workspace.as('alice').createIssue({ title: 'An issue', delegate: true })
    await bench.told()
    for (const session of bench.workspace.sessions(issue)) bench.workspace.state.store.remove(session)
    bench.database.prepare('DELETE FROM linear_session').run()
    const before = bench.workspace.comments(issue).length
    const written = () => bench.workspace.comments(issue).toSorted((one, other) => one.createdAt.localeCompare(other.createdAt))
    const comments = () =>
      written()
        .slice(before)
        .map(({ body }) => body)
    const report = (kind: 'state' | 'question', text: string, id: string) =>
      bench.tracker.report({ project: 'app', issue: issue.id, key: 'ENG-1', kind, phase: 'implementing', text }, id)
    return { bench, issue, comments, report }
  }

  test('F21: the state stands in one comment, which is written over where it has changed, and a question in one of its own (edge 125)', async () => {
    const { bench, comments, report } = await beginWithout()
    await report('state', 'An agent works on it', 'r1')
    await report('state', 'An agent works on it', 'r2')
    const more = '[More about it](https://box.example/issues/ENG-1)'
    expect(comments()).toEqual([`**Signalbox**: An agent works on it\n\n${more}`])
    await report('question', 'Which colour?', 'r3')
    await report('state', 'Landed', 'r4')
    expect(comments()).toEqual([`**Signalbox**: Landed\n\n${more}`, 'Which colour?'])
    const edits = bench.twin.requests.filter(({ fields }) => fields.includes('commentUpdate'))
    expect(edits).toHaveLength(1)
  })

  test('a session whose opening was never told is found before anything is said outside of it, and is opened when it is caught up with', async () => {
    const bench = await createBench()
    bench.twin.webhooks.drop(({ type }) => type === 'AgentSessionEvent')
    const issue = bench.workspace.as('alice').createIssue({ title: 'An issue', delegate: true })
    await bench.told()
    const [session] = bench.workspace.sessions(issue)
    expect(bench.database.prepare('SELECT id FROM linear_session').all()).toEqual([])
    await bench.tracker.report(
      { project: 'app', issue: issue.id, key: 'ENG-1', kind: 'question', phase: 'awaiting_input', text: 'Which colour?' },
      'r1',
    )
    expect(saidIn(bench.workspace, session!)).toContain('elicitation: Which colour?')
    expect(bench.twin.requests.flatMap(({ fields }) => fields)).not.toContain('commentCreate')
    expect(bench.database.prepare('SELECT id, opened FROM linear_session').all()).toEqual([{ id: session!.id, opened: 0 }])
    await bench.tracker.inlet.catchUp!(AbortSignal.timeout(5_000))
    expect(bench.database.prepare('SELECT opened FROM linear_session').all()).toEqual([{ opened: 1 }])
  })

  test('the comment of before there was a session says where it is told from then on, once (edge 123)', async () => {
    const { bench, issue, comments, report } = await beginWithout()
    await report('state', 'An agent works on it', 'r1')
    const session = bench.workspace.as('alice').mention(issue, 'here I am')
    await bench.told()
    await report('state', 'An agent works on it', 'r2')
    await report('state', 'Another agent works on it', 'r3')
    expect(comments()[0]).toBe('**Signalbox**: from here on it is told in the session of this issue.')
    expect(bench.twin.requests.filter(({ fields }) => fields.includes('commentUpdate'))).toHaveLength(1)
    expect(saidIn(bench.workspace, session).slice(-2)).toEqual([
      'action: An agent works on it (ENG-1)',
      'action: Another agent works on it (ENG-1)',
    ])
    // Without the session it is the place again.
    bench.workspace.state.store.remove(session)
    await report('state', 'Landed', 'r4')
    expect(comments()[0]).toContain('Landed')
  })

  test('a comment that was removed before there was a session keeps nothing from being said', async () => {
    const { bench, issue, report } = await beginWithout()
    await report('state', 'On it', 'r1')
    bench.workspace.state.store.remove(bench.workspace.comments(issue).at(-1)!)
    const session = bench.workspace.as('alice').mention(issue, 'here I am')
    await bench.told()
    await report('state', 'Landed', 'r2')
    expect(saidIn(bench.workspace, session).at(-1)).toBe('action: Landed (ENG-1)')
  })

  test('a comment whose making was not answered is made once', async () => {
    const { bench, comments, report } = await beginWithout()
    bench.twin.faults.add({ match: ({ fields }) => fields.includes('commentCreate'), when: 'after', status: 502 })
    await expect(report('state', 'On it', 'r1')).rejects.toMatchObject({ code: 'linear-failed' })
    await report('state', 'On it', 'r1')
    expect(comments()).toHaveLength(1)
  })

  test('a comment that a person has removed is written anew (edge 117)', async () => {
    const { bench, issue, comments, report } = await beginWithout()
    await report('state', 'On it', 'r1')
    bench.workspace.state.store.remove(bench.workspace.comments(issue).at(-1)!)
    await report('state', 'Landed', 'r2')
    expect(comments()).toHaveLength(1)
    expect(comments()[0]).toContain('Landed')
  })

  test('a comment that Linear once says is not there is not written a second time', async () => {
    const { bench, comments, report } = await beginWithout()
    await report('state', 'On it', 'r1')
    bench.twin.faults.add({ match: ({ fields }) => fields.includes('commentUpdate'), status: 404 })
    await report('state', 'Landed', 'r2')
    expect(comments()).toHaveLength(1)
    expect(comments()[0]).toContain('Landed')
  })
})
