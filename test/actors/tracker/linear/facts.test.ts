// An issue of Linear as facts: whole, however large, and no newer than it is.

import { describe, expect, test } from 'vitest'
import { createBench } from './fixture.ts'

async function begin() {
  const bench = await createBench()
  const ann = bench.workspace.as('alice')
  const issue = ann.createIssue({ title: 'An issue', description: 'Text', priority: 2, labels: ['api'] })
  ann.delegate(issue)
  await bench.told()
  const facts = async () => (await bench.tracker.facts({ project: 'app', issue: issue.id }))!
  return { bench, ann, issue, facts }
}

describe('facts', () => {
  test('of an issue are all that it says', async () => {
    const { bench, issue, facts } = await begin()
    const delegatedAt = Date.parse(bench.workspace.sessions(issue)[0]!.createdAt)
    expect(await facts()).toEqual({
      key: 'ENG-1',
      title: 'An issue',
      description: 'Text',
      url: `${bench.workspace.state.url}/issue/ENG-1/an-issue`,
      state: 'Todo',
      stateType: 'unstarted',
      priority: 2,
      labels: ['api'],
      parent: null,
      children: [],
      blockedBy: [],
      links: [],
      delegated: true,
      observedAt: delegatedAt,
      delegatedAt,
    })
  })

  test('F11: of a large issue have every page of every part', async () => {
    const { bench, ann, issue, facts } = await begin()
    for (let count = 0; count < 120; count++) {
      ann.createIssue({ title: `Part ${count}`, parent: issue })
      ann.block(ann.createIssue(`Blocker ${count}`), issue)
      ann.attach(issue, { url: `https://github.com/acme/app/pull/${count + 1}`, linkKind: 'closes' })
    }
    ann.label(issue, ...Array.from({ length: 60 }, (_, count) => `label-${count}`))
    const { children, blockedBy, links, labels } = await facts()
    expect([children.length, blockedBy.length, links!.length, labels.length]).toEqual([120, 120, 120, 61])
    expect(bench.twin.requests.some(({ complexity }) => complexity > 5_000)).toBe(false)
    expect(await facts()).toEqual(await facts())
  })

  test('F20: name a blocker as resolved whichever way it was closed, and forget one that blocks no more', async () => {
    const { ann, issue, facts } = await begin()
    const [one, two, three] = ['One', 'Two', 'Three'].map((title) => ann.createIssue(title))
    for (const blocker of [one!, two!, three!]) ann.block(blocker, issue)
    ann.moveState(one!, 'Done')
    ann.cancel(two!)
    expect((await facts()).blockedBy).toEqual([
      { key: 'ENG-2', resolved: true, state: 'completed' },
      { key: 'ENG-3', resolved: true, state: 'canceled' },
      { key: 'ENG-4', resolved: false, state: 'unstarted' },
    ])
    const before = await facts()
    ann.unblock(three!, issue)
    const after = await facts()
    expect(after.blockedBy.map(({ key }) => key)).toEqual(['ENG-2', 'ENG-3'])
    expect(after.observedAt).toBeGreaterThan(before.observedAt)
  })

  test('grow newer with every change of a part, also with one that takes the newest part away', async () => {
    const { ann, issue, facts } = await begin()
    const child = ann.createIssue({ title: 'Part', parent: issue })
    const times = [(await facts()).observedAt]
    ann.moveState(child, 'started')
    times.push((await facts()).observedAt)
    ann.editTitle(child, 'The part')
    expect((await facts()).observedAt).toBe(times.at(-1))
    ann.setParent(child, null)
    times.push((await facts()).observedAt)
    expect(times).toEqual([...new Set(times)].toSorted((one, other) => one - other))
  })

  test('have an archived part and a blocker that is, too, and none that lies in the bin', async () => {
    const { bench, ann, issue, facts } = await begin()
    const [done, binned] = ['Done', 'Binned'].map((title) => ann.createIssue({ title, parent: issue }))
    const blocker = ann.createIssue('Before')
    ann.block(blocker, issue)
    ann.moveState(done!, 'Done')
    bench.workspace.state.store.change(done!, { archivedAt: new Date().toISOString() })
    expect((await facts()).children.map(({ key }) => key)).toEqual(['ENG-2', 'ENG-3'])
    ann.remove(binned!)
    ann.remove(blocker)
    expect(await facts()).toMatchObject({ children: [{ key: 'ENG-2', state: 'completed' }], blockedBy: [] })
  })

  test('F15: take a pull request for the issue’s own only where somebody has said so', async () => {
    const { ann, issue, facts } = await begin()
    ann.attach(issue, { url: 'https://github.com/acme/app/pull/1', linkKind: 'links' })
    ann.attach(issue, { url: 'https://github.com/acme/app/pull/2' })
    ann.attach(issue, { url: 'https://github.com/acme/app/issues/3', metadata: { linkKind: 'closes' } })
    expect((await facts()).links).toEqual([])
    ann.attach(issue, { url: 'https://github.com/acme/app/pull/4', linkKind: 'closes' })
    ann.attach(issue, { url: 'https://github.com/acme/app/pull/5/files', metadata: { signalbox: true } })
    expect((await facts()).links).toEqual(['https://github.com/acme/app/pull/4', 'https://github.com/acme/app/pull/5'])
  })

  test.each([
    [false, { branch: 'alice/eng-1-lamp' }],
    [false, { title: 'ENG-1: the lamp' }],
    [false, { title: 'ENG-1: the prefix ENG-1', branch: 'eng-1', body: 'Closes ENG-1' }],
    [false, { body: 'Part of ENG-1' }],
    [true, { body: 'Closes ENG-1' }],
    [true, { title: 'Fixes ENG-1: the lamp', branch: 'me_eng-1' }],
    [true, { title: 'ENG-10', branch: 'bang-1', body: 'Resolves ENG-1' }],
  ])('F15: are %s of a pull request that Linear has linked because of %o', async (isOwn, words) => {
    const { ann, issue, facts } = await begin()
    const url = 'https://github.com/acme/app/pull/1'
    expect(ann.follow(issue, { url, title: '', body: '', branch: '', ...words })).not.toBeNull()
    expect((await facts()).links).toEqual(isOwn ? [url] : [])
  })

  test('show a canceled issue as one that has its end, and one in another team under its new key', async () => {
    const { bench, ann, issue, facts } = await begin()
    bench.workspace.addTeam({ key: 'OPS' })
    ann.cancel(issue)
    expect(await facts()).toMatchObject({ stateType: 'canceled', state: 'Canceled' })
    ann.changeTeam(issue, 'OPS')
    expect(await facts()).toMatchObject({ key: 'OPS-1' })
  })

  test('of an issue that nobody has told of are none', async () => {
    const { bench, ann } = await begin()
    expect(await bench.tracker.facts({ project: 'app', issue: ann.createIssue('Other').id })).toBeNull()
    expect(bench.tracker.projectOf('unknown')).toBeUndefined()
  })
})
