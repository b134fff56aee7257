import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { QueueIncident } from '../../../src/actors/ports.ts'
import { forgeContract } from './contract.ts'
import { commit, createForge, run, tryRun, types, type FixtureOptions } from './fixture.ts'

forgeContract('local', async () => {
  const fixture = await createForge()
  await fixture.forge.start()
  const { forge, database, bare } = fixture
  return {
    forge,
    project: 'app',
    base: 'main',
    commit: async (file, content, from) => fixture.work({ [file]: content }, from),
    published: async (branch) =>
      tryRun(bare, 'rev-parse', '--verify', '-q', `refs/heads/${branch}`) ? run(bare, 'rev-parse', `refs/heads/${branch}`) : null,
    count: async () => (database.prepare('SELECT count(*) AS n FROM forge_pull_request').get() as { n: number }).n,
    approve: async (number) => forge.review({ project: 'app', number, verdict: 'approved', reviewer: 'kim' }),
    requestChanges: async (number, body) => forge.review({ project: 'app', number, verdict: 'changes_requested', reviewer: 'kim', body }),
    queued: async () => {
      // The queue of the app knows requests by (number, head).
      const withdrawn = new Set(fixture.withdrawn.map((each) => `${each.number} ${each.headSha}`))
      const asked = new Map(fixture.queued.map(({ number, headSha }) => [`${number} ${headSha}`, { number, headSha }]))
      return [...asked].filter(([key]) => !withdrawn.has(key)).map(([, value]) => value)
    },
    close: async () => {},
  }
})

describe('reviews', () => {
  test('are bound to the head of their moment, and told with body and comments', async () => {
    const fixture = await createForge()
    const { number, headSha } = await fixture.open('one', { a: 'a' })
    fixture.told()
    const comments = [{ path: 'a', line: 1, body: 'Why?' }]
    fixture.forge.review({ project: 'app', number, verdict: 'changes_requested', reviewer: 'kim', body: 'Not yet.', comments })
    const head = fixture.work({ a: 'b' }, headSha)
    await fixture.publish({ branch: 'one', head, expected: headSha, issue: 'issue-one', key: 'ONE' })
    fixture.forge.review({ project: 'app', number, verdict: 'approved', reviewer: 'reviewer', source: 'agent' })
    const events = fixture.told()
    expect(types(events)).toEqual(['review.changesRequested', 'pr.pushed', 'review.approved'])
    expect(events[0]).toMatchObject({ source: 'operator', headSha, reviewer: 'kim', body: 'Not yet.', comments })
    expect(events[2]).toMatchObject({ source: 'agent', headSha: head, reviewer: 'reviewer', body: '', comments: [] })
    const { reviews } = (await fixture.forge.facts({ project: 'app', issue: '', number, branch: '' }))!
    expect(reviews.map((review) => [review.id, review.verdict, review.headSha, review.observedAt])).toEqual([
      ['1', 'changes_requested', headSha, events[0]!.observedAt],
      ['2', 'approved', head, events[2]!.observedAt],
    ])
    expect(reviews[0]!.comments).toEqual(comments)
  })

  test('of a head that is not the newest, of a closed pull request, and without a word are refused', async () => {
    const fixture = await createForge()
    const { number } = await fixture.open('one', { a: 'a' })
    const review = { project: 'app', number, verdict: 'approved', reviewer: 'kim' } as const
    fixture.told()
    const { forge } = fixture
    expect(() => forge.review({ ...review, headSha: 'f'.repeat(40) })).toThrow(expect.objectContaining({ code: 'stale-head' }))
    expect(() => forge.review({ ...review, verdict: 'changes_requested', body: ' \n' })).toThrow('body is empty. Say what should change.')
    expect(() => forge.review({ ...review, reviewer: '' })).toThrow('reviewer is empty.')
    expect(() => forge.review({ ...review, body: 'x'.repeat(65_537) })).toThrow('body is longer than 65536 bytes.')
    expect(() => forge.review({ ...review, comments: [{ path: 'a', line: 0, body: 'x' }] })).toThrow('comments.0.line must be positive.')
    expect(() => forge.review({ ...review, number: 9 })).toThrow(expect.objectContaining({ code: 'unknown-pull-request' }))
    expect(() => forge.review({ ...review, verdict: 'maybe' as 'approved' })).toThrow('verdict must be')
    forge.closePullRequest({ project: 'app', number })
    expect(() => forge.review(review)).toThrow(expect.objectContaining({ code: 'pull-request-closed' }))
    expect(types(fixture.told())).toEqual(['pr.closed'])
  })

  test("an agent's verdict is of the head that it looked at, once for each run, or does not count", async () => {
    const fixture = await createForge()
    const { number, headSha } = await fixture.open('one', { a: 'a' })
    const { forge } = fixture
    fixture.told()
    const findings = [{ path: 'a', line: 1, body: 'Why?', blocking: true }]
    const verdict = { project: 'app', issue: 'issue-one', key: 'ONE', reviewer: 'grace', body: '', findings, headSha, runId: 'run-2' }
    const submit = (changes: Partial<Parameters<typeof forge.submitReview>[0]> = {}) =>
      forge.submitReview({ ...verdict, verdict: 'changes_requested', ...changes })
    expect(submit({ issue: 'issue-two' })).toEqual({ counts: false })
    expect(submit({ headSha: 'f'.repeat(40) })).toEqual({ counts: false })
    expect(fixture.told()).toEqual([])
    for (let i = 0; i < 2; i++) expect(submit()).toEqual({ counts: true })
    const events = fixture.told()
    expect(events).toMatchObject([{ type: 'review.changesRequested', source: 'agent', headSha, reviewer: 'grace', comments: findings }])
    expect((await forge.facts({ project: 'app', issue: '', number, branch: '' }))!.reviews[0]!.comments).toEqual(findings)
    expect(() => submit({ reviewer: '', runId: 'run-3' })).toThrow('reviewer is empty.')
    forge.closePullRequest({ project: 'app', number })
    expect(submit({ runId: 'run-4' })).toEqual({ counts: false })
  })

  test('a repeated request is one review', async () => {
    const fixture = await createForge()
    const { number } = await fixture.open('one', { a: 'a' })
    fixture.told()
    for (let i = 0; i < 2; i++) fixture.forge.review({ project: 'app', number, verdict: 'approved', reviewer: 'kim', key: 'same' })
    expect(types(fixture.told())).toEqual(['review.approved'])
  })
})

describe('the landing queue', () => {
  const incident: QueueIncident = { class: 'conflict', files: ['a'], failures: [], baseSha: 'b', headSha: 'h', summary: 'a conflicts.' }

  test('entering, eviction and leaving are told once each, and read in the facts', async () => {
    const fixture = await createForge()
    const { number, headSha } = await fixture.open('one', { a: 'a' })
    const about = { project: 'app', number, headSha }
    const queue = async () => (await fixture.forge.facts({ project: 'app', issue: '', number, branch: '' }))!.queue
    fixture.told()
    for (let i = 0; i < 2; i++) fixture.forge.recordEntered(about)
    expect(await queue()).toMatchObject({ headSha, state: 'queued', incident: null })
    for (let i = 0; i < 2; i++) fixture.forge.recordEviction({ ...about, incident: { ...incident, files: ['a'] } })
    const evicted = await queue()
    expect(evicted).toMatchObject({ headSha, state: 'evicted', incident })
    const events = fixture.told()
    expect(types(events)).toEqual(['queue.entered', 'queue.evicted'])
    expect(events[1]).toMatchObject({ source: 'system', number, headSha, incident, observedAt: evicted.observedAt })
    fixture.forge.recordEntered(about)
    for (let i = 0; i < 2; i++) fixture.forge.recordLeft(about)
    expect(types(fixture.told())).toEqual(['queue.entered', 'queue.left'])
    expect(await queue()).toMatchObject({ state: 'none', incident: null })
  })

  test('a landing of a head that is not the newest is refused; of one that has landed it is done', async () => {
    const fixture = await createForge()
    const { number, headSha } = await fixture.open('one', { a: 'a' })
    const request = { project: 'app', issue: 'issue-one', key: 'ONE', number, headSha, priority: 2 }
    await expect(fixture.forge.requestLanding({ ...request, headSha: 'f'.repeat(40) })).rejects.toMatchObject({ code: 'stale-head' })
    await fixture.forge.requestLanding(request)
    expect(fixture.queued).toEqual([request])
    await fixture.land({ number, headSha })
    await fixture.forge.requestLanding(request)
    expect(fixture.queued).toHaveLength(1)
    fixture.told()
    fixture.forge.recordEntered({ project: 'app', number, headSha })
    expect(fixture.told()).toEqual([])
  })
})

describe('time', () => {
  test('each change of a pull request is observed later than the last, also when the clock is set back', async () => {
    const fixture = await createForge({ ci: { command: 'true' } })
    const { number, headSha } = await fixture.open('one', { a: 'a' })
    fixture.clock.time = 5
    fixture.forge.recordChecks({ project: 'app', number, headSha, result: { state: 'passed', failures: [] } })
    fixture.forge.review({ project: 'app', number, verdict: 'approved', reviewer: 'kim' })
    fixture.forge.recordEntered({ project: 'app', number, headSha })
    await fixture.land({ number, headSha })
    const times = fixture.told().map((event) => event.observedAt)
    // The two facts of the landing are of one moment.
    expect(times.slice(0, -1)).toEqual([...new Set(times)].toSorted((a, b) => a - b))
    const facts = (await fixture.forge.facts({ project: 'app', issue: '', number, branch: '' }))!
    expect(facts.observedAt).toBe(times.at(-1))
    expect(await fixture.forge.facts({ project: 'app', issue: '', number, branch: '' })).toEqual(facts)
  })
})

describe('repositories that cannot be used', () => {
  const cases: [string, FixtureOptions, string, RegExp][] = [
    ['an empty one', { user: (folder) => void run(folder, 'init', '-q', '-b', 'main') }, 'repository-empty', /has no commits/],
    [
      'one without the base branch',
      {
        user(folder) {
          run(folder, 'init', '-q', '-b', 'master')
          commit(folder, { a: 'a' })
          run(folder, 'branch', 'mian')
        },
      },
      'base-missing',
      /has no branch main\. Did you mean mian\?/,
    ],
    [
      'one whose base branch is named as a ref',
      {
        base: 'refs/heads/master',
        user(folder) {
          run(folder, 'init', '-q', '-b', 'master')
          commit(folder, { a: 'a' })
          run(folder, 'branch', 'refs-heads-master')
        },
      },
      'base-missing',
      /has no branch refs\/heads\/master\. Did you mean master\?/,
    ],
    [
      'a file',
      {
        user(folder) {
          writeFileSync(join(folder, 'file'), '')
          return join(folder, 'file')
        },
      },
      'repository-missing',
      /\/file is not a folder\. Set repo/,
    ],
    ['a folder that is not one', { user: () => undefined }, 'not-a-repository', /not a git repository/],
    ['a folder that does not exist', { user: (folder) => join(folder, 'missing') }, 'repository-missing', /does not exist/],
    [
      'an empty one at a URL',
      {
        user(folder) {
          run(folder, 'init', '-q', '--bare', '.')
          return `file://${folder}`
        },
      },
      'repository-empty',
      /has no commits/,
    ],
    [
      'one at a URL without the base branch',
      {
        user(folder) {
          run(folder, 'init', '-q', '-b', 'other')
          commit(folder, { a: 'a' })
          return `file://${folder}`
        },
      },
      'base-missing',
      /Its branches are: other/,
    ],
  ]
  test.each(cases)('%s is answered with what to do, and is looked at again', async (name, options, code, message) => {
    const { forge, user } = await createForge(options)
    const { incidents, failures } = await forge.start()
    expect(incidents).toEqual([])
    expect(failures).toMatchObject([
      { project: 'app', error: { name: 'ConfigurationError', code, message: expect.stringMatching(message) as string } },
    ])
    if (name !== 'an empty one') return
    commit(user, { a: 'a' })
    expect((await forge.start()).failures).toEqual([])
  })

  test('a base that the configuration does not name is discovered once, and stays', async () => {
    const fixture = await createForge({
      base: null,
      user(folder) {
        run(folder, 'init', '-q', '-b', 'trunk/main')
        commit(folder, { a: 'a' })
      },
    })
    expect((await fixture.forge.repository('app')).base.name).toBe('trunk/main')
    run(fixture.user, 'checkout', '-q', '-b', 'feature')
    fixture.restart()
    expect((await fixture.forge.repository('app')).base.name).toBe('trunk/main')
    expect(await fixture.land(await fixture.open('one', { b: 'b' }))).toMatchObject({ kind: 'landed' })
    expect(run(fixture.user, 'show', 'trunk/main:b')).toBe('b')
  })

  test('an unknown project is refused with a suggestion', async () => {
    const { forge } = await createForge()
    await expect(forge.repository('ap')).rejects.toMatchObject({
      code: 'unknown-project',
      message: expect.stringContaining('Did you mean app?') as string,
    })
  })

  test('paths with spaces, quotes and other letters work from end to end', async () => {
    const fixture = await createForge({ name: `it's a "prøject" #1 🚂`, ci: { command: 'test -f "new file"' } })
    expect(await fixture.forge.start()).toEqual({ incidents: [], failures: [] })
    const { number, headSha } = await fixture.open('one', { 'new file': 'new\n' })
    expect(await fixture.forge.runChecks({ project: 'app', number, headSha })).toEqual({ state: 'passed', failures: [] })
    expect(await fixture.land({ number, headSha })).toMatchObject({ kind: 'landed' })
    expect(tryRun(fixture.clone, 'push', fixture.bare, `${headSha}:refs/heads/x`)).toBe(false)
  })

  test('a folder below the top of the repository is enough, and a repository moved away is an error, not a landing', async () => {
    const fixture = await createForge({
      user(folder) {
        run(folder, 'init', '-q', '-b', 'main')
        commit(folder, { 'packages/app/a': 'a' })
        mkdirSync(join(folder, 'packages', 'app'), { recursive: true })
        return join(folder, 'packages', 'app')
      },
    })
    const first = await fixture.open('one', { b: 'b' })
    expect(await fixture.land(first)).toMatchObject({ kind: 'landed' })
    const second = await fixture.open('two', { c: 'c' })
    rmSync(fixture.user, { recursive: true })
    await expect(fixture.land(second)).rejects.toMatchObject({ code: 'repository-missing' })
    expect((await fixture.forge.facts({ project: 'app', issue: '', number: second.number, branch: '' }))!.state).toBe('open')
  })
})
