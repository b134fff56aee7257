import { randomBytes } from 'node:crypto'
import { tracingChannel } from 'node:diagnostics_channel'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createForge, run, types } from './fixture.ts'

const ci = { command: 'true' }
const branchOf = (bare: string) => run(bare, 'rev-parse', 'refs/heads/signalbox/APP-1-demo')

/** How often git itself is asked to push while `work` is done. */
async function pushesIn(work: () => Promise<unknown>): Promise<number> {
  let pushes = 0
  const start = (message: unknown): void => {
    const { command } = (message as { request: { command: string | readonly string[] } }).request
    if (command.includes('push')) pushes += 1
  }
  const channel = tracingChannel('signalbox:process')
  channel.start.subscribe(start)
  await work().finally(() => channel.start.unsubscribe(start))
  return pushes
}

describe('publishing', () => {
  test('hands a change of the usual size over, and pushes a larger one', async () => {
    const { forge, work, publish, bare } = await createForge({ ci })
    await forge.start()
    const first = work({ 'new.txt': 'new\n', 'folder/two.txt': 'two\n' })
    expect(await pushesIn(() => publish({ head: first }))).toBe(0)
    const head = work({ 'new.txt': 'newer\n' }, first)
    expect(await pushesIn(() => publish({ head, expected: first }))).toBe(0)
    expect(run(bare, 'cat-file', 'blob', `${head}:folder/two.txt`)).toBe('two')
    const large = work({ 'large.bin': randomBytes(2 * 2 ** 20) }, head)
    expect(await pushesIn(() => publish({ head: large, expected: head }))).toBe(1)
    expect([branchOf(bare), run(bare, 'fsck', '--connectivity-only', '--no-dangling')]).toEqual([large, ''])
  })

  test('takes nothing over that has not all of its objects', async () => {
    const { forge, work, publish, bare, clone } = await createForge({ ci })
    await forge.start()
    const head = work({ 'new.txt': 'new\n' })
    const blob = run(clone, 'rev-parse', `${head}:new.txt`)
    rmSync(join(clone, 'objects', blob.slice(0, 2), blob.slice(2)))
    await expect(publish({ head })).rejects.toMatchObject({ name: 'FatalError', code: 'push-failed' })
    expect(() => branchOf(bare)).toThrow('rev-parse')
  })

  test('is not kept from its branch by a push that was killed', async () => {
    const { forge, work, publish, bare, restart } = await createForge({ ci })
    await forge.start()
    const expected = work({ 'new.txt': 'new\n' })
    await publish({ head: expected })
    const head = work({ 'more.txt': 'more\n' })
    // Just now: whoever has made it is given the time to end.
    const lock = join(bare, 'refs/heads/signalbox/APP-1-demo.lock')
    writeFileSync(lock, '')
    expect(await publish({ head, expected })).toMatchObject({ headSha: head })
    expect([branchOf(bare), existsSync(lock)]).toEqual([head, false])
    // And whatever else it had locked is free when the next process begins.
    const others = ['refs/heads/main.lock', 'packed-refs.lock'].map((name) => join(bare, name))
    for (const other of others) writeFileSync(other, '')
    await restart().start()
    await publish({ head: work({ 'last.txt': 'last\n' }), expected: head })
    expect(others.filter((other) => existsSync(other))).toEqual([])
  })

  test('of one that goes on locking it is tried again later', async () => {
    const { forge, work, publish, bare } = await createForge({ ci })
    await forge.start()
    const lock = join(bare, 'refs/heads/signalbox/APP-1-demo.lock')
    mkdirSync(dirname(lock), { recursive: true })
    const locking = setInterval(() => writeFileSync(lock, ''), 5)
    onTestFinished(() => clearInterval(locking))
    writeFileSync(lock, '')
    await expect(publish({ head: work({ 'new.txt': 'new\n' }) })).rejects.toMatchObject({ name: 'RetryableError', code: 'git-locked' })
  })

  test('a first publication opens a pull request, tells of it, and starts the checks of its head', async () => {
    const { forge, work, publish, told, spawned, bare, wakes } = await createForge({ ci })
    await forge.start()
    const head = work({ 'new.txt': 'new\n' })
    const pullRequest = await publish({ head })
    expect(pullRequest).toEqual({
      number: 1,
      url: 'signalbox:app/pull/1',
      headSha: head,
      headRef: 'signalbox/APP-1-demo',
      baseRef: 'main',
      title: 'Change it',
      draft: false,
      state: 'open',
      patchId: null,
      adopted: false,
    })
    expect(branchOf(bare)).toBe(head)
    expect(spawned).toEqual([{ project: 'app', issue: 'issue-1', number: 1, headSha: head, attempt: 1 }])
    expect(wakes()).toBe(1)
    const [opened, pending, ...rest] = told()
    // Exactly the words of the contract: only the tracker's facts are about the whole issue.
    expect(Object.keys(opened!).toSorted()).toEqual([
      'author',
      'baseRef',
      'draft',
      'headRef',
      'headSha',
      'mergeable',
      'number',
      'observedAt',
      'parent',
      'patchId',
      'source',
      'type',
      'url',
    ])
    expect(opened).toMatchObject({
      type: 'pr.opened',
      source: 'self',
      number: 1,
      headSha: head,
      headRef: pullRequest.headRef,
      baseRef: 'main',
      draft: false,
    })
    expect(pending).toMatchObject({ type: 'checks.pending', source: 'system', headSha: head, names: ['ci'], failures: [] })
    expect(pending!.observedAt).toBeGreaterThan(opened!.observedAt)
    expect(rest).toEqual([])
  })

  test('a project without checks has none to wait for', async () => {
    const { forge, work, publish, told, spawned } = await createForge()
    await forge.start()
    await publish({ head: work({ 'new.txt': 'new\n' }) })
    expect(types(told())).toEqual(['pr.opened'])
    expect(spawned).toEqual([])
    expect((await forge.facts({ project: 'app', issue: 'issue-1', number: 1, branch: '' }))!.checks.state).toBe('none')
  })

  test('the next publication pushes to the same pull request', async () => {
    const { forge, work, publish, told, spawned, bare } = await createForge({ ci })
    await forge.start()
    const first = work({ 'new.txt': 'new\n' })
    await publish({ head: first })
    told()
    const second = work({ 'new.txt': 'newer\n' }, first)
    expect(await publish({ head: second, expected: first, title: ' Change\nit all ' })).toMatchObject({
      number: 1,
      adopted: true,
      title: 'Change it all',
    })
    expect(branchOf(bare)).toBe(second)
    const events = told()
    expect(types(events)).toEqual(['pr.pushed', 'pr.updated', 'checks.pending'])
    expect(events.every((event) => event['headSha'] === second)).toBe(true)
    expect(spawned.map((check) => check.headSha)).toEqual([first, second])
    expect(await publish({ head: second, expected: second, title: 'Change it all', draft: true })).toMatchObject({ draft: true })
    expect(types(told())).toEqual(['pr.updated'])
  })

  test('rewritten history is pushed too: whether it may be is decided before', async () => {
    const { forge, work, publish, bare } = await createForge()
    await forge.start()
    const first = work({ 'new.txt': 'new\n' })
    await publish({ head: first })
    const second = work({ 'other.txt': 'other\n' })
    await publish({ head: second, expected: first })
    expect(branchOf(bare)).toBe(second)
  })

  test('the same request twice gives the same pull request and is told once', async () => {
    const { forge, work, publish, told, spawned } = await createForge({ ci })
    await forge.start()
    const head = work({ 'new.txt': 'new\n' })
    const first = await publish({ head })
    const facts = told()
    expect(await publish({ head })).toEqual({ ...first, adopted: true })
    expect(told()).toEqual([])
    expect(facts).toHaveLength(2)
    // Its checks are asked for again: a kill may have come between the commit and the first asking.
    expect(spawned).toHaveLength(2)
    expect(spawned[1]).toEqual(spawned[0])
  })

  test('two pull requests have two numbers', async () => {
    const { open } = await createForge()
    expect([(await open('a', { a: 'a' })).number, (await open('b', { b: 'b' })).number]).toEqual([1, 2])
  })

  test('a publication that another one overtook is refused and changes nothing', async () => {
    const { forge, work, publish, told, bare } = await createForge()
    await forge.start()
    const first = work({ 'new.txt': 'new\n' })
    const second = work({ 'new.txt': 'newer\n' }, first)
    await publish({ head: first })
    await publish({ head: second, expected: first })
    told()
    const late = work({ 'late.txt': 'late\n' }, first)
    await expect(publish({ head: late, expected: first })).rejects.toMatchObject({ name: 'FatalError', code: 'stale-lease' })
    expect(branchOf(bare)).toBe(second)
    expect(told()).toEqual([])
  })

  test('one that has all of what was published meanwhile loses nothing of it', async () => {
    const { forge, work, publish, bare } = await createForge()
    await forge.start()
    const first = work({ 'new.txt': 'new\n' })
    const second = work({ 'new.txt': 'newer\n' }, first)
    await publish({ head: first })
    await publish({ head: second, expected: first })
    // As the run after one whose publication failed when the branch was there already.
    const third = work({ 'more.txt': 'more\n' }, second)
    expect(await publish({ head: third, expected: first })).toMatchObject({ number: 1, headSha: third })
    expect(branchOf(bare)).toBe(third)
  })

  test('a commit that does not exist cannot be published, and the next one can', async () => {
    const { forge, work, publish, told } = await createForge()
    await forge.start()
    const head = work({ 'new.txt': 'new\n' })
    await expect(publish({ head: 'f'.repeat(40) })).rejects.toMatchObject({ code: 'unknown-head' })
    expect(told()).toEqual([])
    expect(await publish({ head })).toMatchObject({ number: 1, headSha: head })
  })

  test('a title that git could not take is made into one line', async () => {
    const { forge, work, publish } = await createForge()
    await forge.start()
    const first = work({ a: 'a' })
    expect((await publish({ head: first, title: `  One\u0000two\r\n${'x'.repeat(400)}` })).title).toBe(`One two ${'x'.repeat(247)}…`)
    expect((await publish({ head: work({ a: 'b' }, first), expected: first, title: ' \n ' })).title).toBe('APP-1')
  })
})

describe('after a kill', () => {
  test('between the push and the row: the push is adopted, one pull request results', async () => {
    const fixture = await createForge({ ci })
    await fixture.forge.start()
    const head = fixture.work({ 'new.txt': 'new\n' })
    fixture.database.exec("CREATE TEMP TRIGGER killed BEFORE INSERT ON forge_pull_request BEGIN SELECT RAISE(ABORT, 'killed'); END")
    await expect(fixture.publish({ head })).rejects.toThrow('killed')
    fixture.database.exec('DROP TRIGGER killed')
    expect(branchOf(fixture.bare)).toBe(head)
    expect(fixture.told()).toEqual([])
    fixture.restart()
    // The guard knows the push for ours, although its row has not been written.
    expect(await fixture.forge.start()).toEqual({ incidents: [], failures: [] })
    expect(branchOf(fixture.bare)).toBe(head)
    expect(await fixture.publish({ head })).toMatchObject({ number: 1, headSha: head, state: 'open' })
    expect(types(fixture.told())).toEqual(['pr.opened', 'checks.pending'])
  })

  test('between the push and the row, and then another head is published', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const first = fixture.work({ 'new.txt': 'new\n' })
    fixture.database.exec("CREATE TEMP TRIGGER killed BEFORE INSERT ON forge_pull_request BEGIN SELECT RAISE(ABORT, 'killed'); END")
    await expect(fixture.publish({ head: first })).rejects.toThrow('killed')
    fixture.database.exec('DROP TRIGGER killed')
    fixture.restart()
    const second = fixture.work({ 'new.txt': 'newer\n' }, first)
    expect(await fixture.publish({ head: second })).toMatchObject({ number: 1, headSha: second })
    expect(branchOf(fixture.bare)).toBe(second)
    expect(fixture.forge.refIncidents('app', 0)).toEqual([])
    expect(await fixture.forge.checkRefs()).toEqual([])
  })

  test('between two pushes whose rows were never written: neither is taken for tampering', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const killed = (table: string) =>
      fixture.database.exec(`CREATE TEMP TRIGGER killed BEFORE INSERT ON ${table} BEGIN SELECT RAISE(ABORT, 'killed'); END`)
    const first = fixture.work({ 'new.txt': 'new\n' })
    const second = fixture.work({ 'new.txt': 'newer\n' }, first)
    killed('forge_pull_request')
    await expect(fixture.publish({ head: first })).rejects.toThrow('killed')
    // Killed again after the second head was intended, before it was pushed.
    rmSync(fixture.clone, { recursive: true })
    await expect(fixture.publish({ head: second })).rejects.toMatchObject({ code: 'git-folder-missing' })
    fixture.database.exec('DROP TRIGGER killed')
    fixture.restart()
    expect((await fixture.forge.start()).incidents).toEqual([])
    expect(branchOf(fixture.bare)).toBe(first)
    rmSync(join(fixture.data, 'worktrees'), { recursive: true })
    const third = fixture.work({ 'third.txt': 'third\n' })
    expect(await fixture.publish({ head: third })).toMatchObject({ number: 1, headSha: third })
    expect(fixture.forge.refIncidents('app', 0)).toEqual([])
  })

  test('before the push: it is made', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const head = fixture.work({ 'new.txt': 'new\n' })
    fixture.database
      .prepare('INSERT INTO forge_ref (project, ref, pending) VALUES (?, ?, ?)')
      .run('app', 'refs/heads/signalbox/APP-1-demo', head)
    expect(await fixture.publish({ head })).toMatchObject({ number: 1 })
    expect(branchOf(fixture.bare)).toBe(head)
  })

  test('between the commit and the start of the checks: they are started at the next start', async () => {
    const fixture = await createForge({ ci })
    await fixture.forge.start()
    const head = fixture.work({ 'new.txt': 'new\n' })
    await fixture.publish({ head })
    fixture.spawned.length = 0
    await fixture.restart().start()
    expect(fixture.spawned).toEqual([{ project: 'app', issue: 'issue-1', number: 1, headSha: head, attempt: 1 }])
    fixture.forge.recordChecks({ project: 'app', number: 1, headSha: head, result: { state: 'passed', failures: [] } })
    expect(fixture.forge.pendingChecks()).toEqual([])
  })

  test('with the bare repository lost: it is made again, and the branch is pushed to it', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const first = fixture.work({ 'new.txt': 'new\n' })
    await fixture.publish({ head: first })
    rmSync(join(fixture.bare), { recursive: true })
    const second = fixture.work({ 'new.txt': 'newer\n' }, first)
    const { incidents, failures } = await fixture.restart().start()
    expect(failures).toEqual([])
    expect(incidents.map((incident) => incident.found)).toEqual([])
    expect(await fixture.publish({ head: second, expected: first })).toMatchObject({ number: 1, headSha: second })
    expect(run(fixture.bare, 'rev-parse', 'main')).toBe(run(fixture.user, 'rev-parse', 'main'))
  })
})

describe('pull requests that have ended', () => {
  test('work on a landed branch opens another one', async () => {
    const fixture = await createForge()
    const first = await fixture.open('again', { a: 'a' })
    expect(await fixture.land(first)).toMatchObject({ kind: 'landed' })
    const repeated = await fixture.publish({ head: first.headSha, branch: 'again', expected: null, issue: 'issue-again', key: 'AGAIN' })
    expect(repeated).toMatchObject({ number: 1, state: 'merged', adopted: true })
    const second = await fixture.open('again', { b: 'b' })
    expect(second.number).toBe(2)
  })

  test('new work on a closed one opens it again; the work it was closed with does not', async () => {
    const { forge, work, publish, told } = await createForge()
    await forge.start()
    const first = work({ a: 'a' })
    await publish({ head: first })
    forge.closePullRequest({ project: 'app', number: 1 })
    forge.closePullRequest({ project: 'app', number: 1 })
    expect(await publish({ head: first })).toMatchObject({ number: 1, state: 'closed' })
    expect(await publish({ head: work({ a: 'b' }, first), expected: first })).toMatchObject({ number: 1, state: 'open' })
    expect(types(told())).toEqual(['pr.opened', 'pr.closed', 'pr.reopened', 'pr.pushed'])
    forge.closePullRequest({ project: 'app', number: 1 })
    forge.reopenPullRequest({ project: 'app', number: 1 })
    expect(forge.pullRequestOf('issue-1')).toMatchObject({ number: 1, state: 'open' })
    expect(forge.pullRequestOf('issue-2')).toBeNull()
  })
})
