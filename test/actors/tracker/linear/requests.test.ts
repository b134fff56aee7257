// What people ask for here: done at Linear, told to the issue's actor, and once for each key.

import { describe, expect, test } from 'vitest'
import { createBench, saidIn, typesOf } from './fixture.ts'

async function begin() {
  const bench = await createBench()
  const ann = bench.workspace.as('alice')
  const issue = ann.createIssue('An issue')
  const session = ann.delegate(issue)
  const notices = await bench.told()
  const calls = (field: string) => bench.twin.requests.filter(({ fields }) => fields.includes(field)).length
  return { bench, ann, issue, session, notices, calls, tracker: bench.tracker, us: bench.workspace.appUser.id }
}

describe('asked for here', () => {
  test('an issue is taken back and given again, and Linear’s echo of it begins nothing', async () => {
    const { bench, issue, session, tracker, us, calls } = await begin()
    await tracker.undelegate(issue.id, { author: 'Olga', key: 'k1' })
    await tracker.undelegate(issue.id, { author: 'Olga', key: 'k1' })
    expect(bench.workspace.issue(issue).delegateId).toBeNull()
    expect(calls('issueUpdate')).toBe(1)
    expect(bench.recorded()).toMatchObject([
      { issue: issue.id, event: { type: 'tracker.undelegated', source: 'operator', delegated: false, actor: 'Olga' } },
    ])
    expect(session.status).toBe('complete')
    expect(typesOf(await bench.told())).toEqual(['tracker.updated'])
    await tracker.delegate(issue.id, { author: 'Olga', key: 'k2' })
    expect(bench.workspace.issue(issue).delegateId).toBe(us)
    expect(bench.recorded()).toMatchObject([{ event: { type: 'tracker.delegated', source: 'operator', delegated: true } }])
    const echo = await bench.told()
    expect(typesOf(echo)).not.toContain('tracker.undelegated')
    for (const notice of echo)
      if (notice.kind === 'fact' && notice.event.type === 'tracker.updated') expect(notice.event.source).toBe('self')
  })

  test('a delegation of what is delegated already is news all the same, and opens what is closed', async () => {
    const { bench, ann, issue, tracker, notices } = await begin()
    const first = notices.find((notice) => notice.kind === 'fact')!
    await tracker.delegate(issue.id, { key: 'again' })
    const [again] = bench.recorded()
    expect(again!.event['observedAt']).toBeGreaterThan(first.kind === 'fact' ? first.event.observedAt : 0)
    ann.moveState(issue, 'Done')
    await tracker.delegate(issue.id, { key: 'open' })
    expect(bench.workspace.stateOf(issue).type).toBe('unstarted')
    expect(bench.recorded()).toMatchObject([{ event: { type: 'tracker.delegated', stateType: 'unstarted' } }])
  })

  test('an issue is canceled', async () => {
    const { bench, issue, tracker } = await begin()
    await tracker.cancel(issue.id, { author: 'Olga' })
    expect(bench.workspace.stateOf(issue).type).toBe('canceled')
    expect(bench.recorded()).toMatchObject([{ event: { type: 'tracker.updated', stateType: 'canceled', actor: 'Olga' } }])
  })

  test('a comment stands at Linear under its author’s name, once, also where the answer is lost', async () => {
    const { bench, issue, tracker } = await begin()
    const asking = { author: 'Olga', key: 'c1' }
    bench.twin.faults.add({ match: ({ fields }) => fields.includes('commentCreate'), when: 'after', status: 'reset' })
    await expect(tracker.comment(issue.id, 'signalbox, look', asking)).rejects.toMatchObject({ code: 'linear-unreachable' })
    await tracker.comment(issue.id, 'signalbox, look', asking)
    await tracker.comment(issue.id, 'signalbox, look', asking)
    expect(bench.workspace.comments(issue).filter(({ body }) => body === '**Olga**: signalbox, look')).toHaveLength(1)
    expect(bench.recorded()).toMatchObject([
      { event: { type: 'tracker.prompted', text: 'signalbox, look', author: 'Olga', via: 'comment' } },
    ])
    expect(typesOf(await bench.told())).not.toContain('tracker.prompted')
  })

  test('a message reaches the actor whether Linear can be reached or not, and is shown in the session', async () => {
    const { bench, issue, session, tracker } = await begin()
    bench.twin.faults.add({ match: ({ fields }) => fields.includes('agentActivityCreate'), status: 503 })
    await tracker.prompt(issue.id, 'Use the old parser', { author: 'Olga', key: 'p1', intent: 'instruction' })
    await tracker.prompt(issue.id, 'Use the old parser', { author: 'Olga', key: 'p1', intent: 'instruction' })
    expect(bench.recorded()).toMatchObject([
      {
        event: {
          type: 'tracker.prompted',
          text: 'Use the old parser',
          author: 'Olga',
          via: 'session',
          intent: 'instruction',
        },
      },
    ])
    expect(saidIn(bench.workspace, session).at(-1)).toBe('thought: Olga said through Signalbox: Use the old parser')
    expect(bench.logged.some((line) => line.includes('could not be shown'))).toBe(true)
  })

  test('what was carried out long ago is forgotten', async () => {
    const { bench, issue, tracker, calls } = await begin()
    await tracker.cancel(issue.id, { key: 'old' })
    expect(tracker.prune(Date.now() - 1_000)).toBe(0)
    expect(tracker.prune(Date.now() + 1_000)).toBe(1)
    await tracker.cancel(issue.id, { key: 'old' })
    expect([calls('issueUpdate'), bench.recorded().length]).toEqual([1, 2])
  })

  test('of an issue that is not known nothing is done', async () => {
    const { tracker } = await begin()
    for (const act of [tracker.delegate, tracker.undelegate, tracker.cancel])
      await expect(act('unknown')).rejects.toMatchObject({ code: 'unknown-issue' })
    await expect(tracker.prompt('unknown', 'Hm')).rejects.toMatchObject({ code: 'unknown-issue' })
    const report = { project: 'app', issue: 'unknown', key: 'X-1', kind: 'state', phase: 'done', text: '' } as const
    await expect(tracker.report(report, 'r')).rejects.toMatchObject({ code: 'unknown-issue' })
  })
})
