// What GitHub says of a pull request, in the words of the issue machine.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { readAllRefs } from '../../../../src/actors/read-refs.ts'
import type { CheckPlan, Rules } from '../../../twins/github.ts'
import { updateCheckRun } from '../../../twins/github/checks.ts'
import { createWorld, type World } from './fixture.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
  world.twin.ruleset(world.repository, 'main', { requiredChecks: [{ context: 'unit' }, { context: 'legacy' }], requiredApprovals: 2 })
  world.twin.ci(world.repository, (_sha, read) => {
    const text = Array.from({ length: n }, (_, at) => read(`c-${at + 1}.txt`) ?? '').join('')
    if (!text.includes('ci')) return []
    if (text.includes('late')) return [late]
    if (text.includes('long'))
      return [
        { name: 'unit', flaky: true },
        { name: 'e2e', delay: 3_600_000 },
        { name: 'unit', workflow: 'lint', flaky: true },
        // Neither is required: red is left, and what goes on beside it is not waited for.
        { name: 'style', workflow: 'slow', conclusion: 'failure' as const },
        { name: 'soak', workflow: 'slow', delay: 3_600_000 },
      ]
    if (text.includes('namesakes'))
      return [
        { name: 'unit', workflow: 'lint', conclusion: 'failure' as const, log: 'a comma is missing\n' },
        { name: 'unit', workflow: 'test' },
      ]
    return [
      {
        ...{ name: 'unit', conclusion: text.includes('red') ? ('failure' as const) : ('success' as const), flaky: text.includes('flaky') },
        log: `running\nassert: expected 1 to be 2\n##[error]Process completed with exit code 1.\nPost job cleanup.\n`,
        annotations: [
          {
            path: '.github',
            start_line: 1,
            end_line: 1,
            annotation_level: 'failure' as const,
            message: 'Process completed with exit code 1.',
          },
          {
            path: 'src/a.ts',
            start_line: 2,
            end_line: 2,
            annotation_level: 'failure' as const,
            message: 'expected 1 to be 2 with ghp_0123456789abcdef0123',
          },
          {
            path: 'src/b.ts',
            start_line: 9,
            end_line: 9,
            annotation_level: 'warning' as const,
            message: 'b is not used',
          },
        ].slice(0, text.includes('noise') ? 1 : 3),
        steps: [{ name: 'Check out', conclusion: 'success' as const }, { name: 'Compile it' }],
      },
    ]
  })
})
afterAll(() => world.close())

/** A job whose log is not there yet. */
let late: CheckPlan

let n = 0
const opened = (content = 'x') => {
  n += 1
  const file = `c-${n}.txt`
  const more = { issue: `issue-${n}`, key: `APP-${n}`, branch: `signalbox/APP-${n}` }
  return (async () => {
    const head = await world.commit(file, `${content}\n`)
    const { number } = await world.forge.publish(world.input(head, more))
    return { number, head, pull: world.repository.pulls.get(number)!, more, file }
  })()
}

describe('checks', () => {
  test('F18: what protection requires must pass, statuses included; red is told with what says most of it (edge 170)', async () => {
    const { twin, repository } = world
    const { number, head, more, file } = await opened('ci red')
    await twin.settled()
    // The job has failed, and the status has not been reported.
    expect((await world.facts(number)).checks).toMatchObject({ state: 'pending', names: ['unit', 'legacy'], failures: [] })
    await twin.as('root').status(repository, head, 'legacy', 'success')
    const { checks } = await world.facts(number)
    expect(checks).toMatchObject({
      headSha: head,
      state: 'failed',
      failures: [{ name: 'unit', summary: 'unit: src/a.ts:2: expected 1 to be 2 with [secret]' }],
    })
    expect(checks.failures[0]!.annotations).toEqual(['src/a.ts:2: expected 1 to be 2 with [secret]', 'src/b.ts:9: b is not used'])
    expect(checks.failures[0]!.logTail).toContain('assert: expected 1 to be 2')
    expect(checks.failures[0]!.logTail).not.toContain('Post job cleanup')
    expect(checks.observedAt).toBeLessThanOrEqual(Date.now())

    // Asked again, neither log nor annotations are fetched again; on another head it is the same failure.
    const asked = twin.requests.length
    expect((await world.facts(number)).checks).toEqual(checks)
    expect(twin.requests.slice(asked).filter(({ route }) => /annotations|jobs|logs/.test(route))).toEqual([])
    const second = await world.commit(file, 'ci red again\n', head)
    await world.forge.publish(world.input(second, { ...more, expected: head }))
    await twin.settled()
    await twin.as('root').status(repository, second, 'legacy', 'success')
    expect((await world.facts(number)).checks.failures[0]!.signature).toBe(checks.failures[0]!.signature)
  })

  test('of which the runner alone says something, and nothing of the change, is told by the step that failed (case 159) (edge 185)', async () => {
    const { twin, repository } = world
    const { number, head } = await opened('ci red noise')
    await twin.settled()
    await twin.as('root').status(repository, head, 'legacy', 'success')
    expect((await world.facts(number)).checks.failures).toMatchObject([{ name: 'unit', summary: "unit: the step 'Compile it' failed" }])
  })

  test('red is the job of one workflow, though that of another has the same name and has passed since', async () => {
    const { twin, repository } = world
    const { number, head } = await opened('ci namesakes')
    await twin.settled()
    await twin.as('root').status(repository, head, 'legacy', 'success')
    const { state, failures } = (await world.facts(number)).checks
    expect([state, failures.map(({ name }) => name)]).toEqual(['failed', ['unit']])
    expect(failures[0]!.logTail).toContain('a comma is missing')
  })

  describe('red, without its log,', () => {
    const red = async (more: Partial<CheckPlan> = {}) => {
      late = { name: 'unit', conclusion: 'failure', log: 'expected 1 to be 2', logDelay: Infinity, ...more }
      const { number, head } = await opened('ci late')
      await world.twin.settled()
      await world.twin.as('root').status(world.repository, head, 'legacy', 'success')
      return number
    }

    test('is told as soon as the log is there: it often comes some seconds after the end of the job', async () => {
      const number = await red()
      for (let look = 0; look < 2; look += 1)
        expect(await world.facts(number)).toMatchObject({
          ...{ checks: { state: 'pending', failures: [] }, mergeable: 'clean' },
          unread: { name: 'RetryableError', code: 'github-log-late', retryAfter: 5_000 },
        })
      late.logDelay = 0
      const { state, failures } = (await world.facts(number)).checks
      expect([state, failures.map(({ logTail }) => logTail)]).toEqual(['failed', ['expected 1 to be 2']])
    })

    test('is told all the same when the log has not come within two minutes', async () => {
      const number = await red()
      expect(await world.facts(number)).toMatchObject({ unread: { code: 'github-log-late' } })
      world.clock.ahead = 2 * 60_000
      const { checks } = await world.facts(number)
      world.clock.ahead = 0
      expect([checks.state, checks.failures]).toMatchObject(['failed', [{ summary: "unit: the step 'unit' failed", logTail: '' }]])
      expect((await world.facts(number)).checks).toEqual(checks)
    })

    test('is told at once where the job has never begun: then there is no log to come', async () => {
      const number = await red({ conclusion: 'cancelled', steps: [] })
      expect((await world.facts(number)).checks).toMatchObject({ state: 'failed', failures: [{ summary: 'unit: ended with cancelled' }] })
    })
  })

  test('what an App says anew in a check that has ended is read anew', async () => {
    const { twin, repository } = world
    const { number, head } = await opened('nothing')
    await twin.as('root').status(repository, head, 'legacy', 'success')
    const ended = { status: 'completed', conclusion: 'failure' } as const
    const at = Date.now() - 60_000
    const app = twin.createApp({ slug: 'updates' })
    const check = await twin.as('root').check(repository, app, head, { name: 'unit', ...ended, completedAt: at, title: '2 tests failed' })
    const told = async () => (await world.facts(number)).checks.failures.map(({ summary }) => summary)
    expect(await told()).toEqual(['unit: 2 tests failed'])
    updateCheckRun(twin.world, check, { ...ended, completedAt: at + 5_000, title: '3 tests failed' })
    expect(await told()).toEqual(['unit: 3 tests failed'])
  })

  test('red that cannot be looked into now is not told as red, and is asked about again (edge 174)', async () => {
    const { twin, repository } = world
    const { number, head, pull } = await opened('ci red')
    await twin.settled()
    await twin.as('root').status(repository, head, 'legacy', 'success')
    const later = { name: 'RetryableError', code: 'github-failed' }
    const failing = (part: RegExp) => twin.faults.add({ match: ({ route }) => part.test(route), status: 503, times: Infinity })
    const giveBack = failing(/annotations$/)
    expect(await world.facts(number)).toMatchObject({ checks: { state: 'pending' }, mergeable: 'clean', unread: later })
    giveBack()
    const giveBackAll = failing(/^\/graphql$/)
    await expect(world.facts(number)).rejects.toMatchObject(later)
    giveBackAll()
    expect([pull.state, (await world.facts(number)).checks.state]).toEqual(['open', 'failed'])
  })

  test('red jobs are run once more, and what then passes on the same commit is known to come and go', async () => {
    const { twin, repository, forge } = world
    const { number, head } = await opened('ci flaky')
    await twin.settled()
    await twin.as('root').status(repository, head, 'legacy', 'success')
    const before = (await world.facts(number)).checks
    expect([before.state, before.failures[0]?.flaky]).toEqual(['failed', undefined])
    await forge.rerunChecks({ project: 'app', number, headSha: '0'.repeat(40) })
    await forge.rerunChecks({ project: 'app', number, headSha: head })
    await twin.settled()
    const after = (await world.facts(number)).checks
    expect(after.state).toBe('passed')
    expect(after.observedAt).toBeGreaterThanOrEqual(before.observedAt)
    expect(world.database.prepare('SELECT signature FROM forge_flake').all()).toEqual([{ signature: before.failures[0]!.signature }])
    // Green by now: nothing is left to run.
    const asked = twin.requests.length
    await forge.rerunChecks({ project: 'app', number, headSha: head })
    expect(
      twin.requests.slice(asked).filter(({ method, route }) => method === 'POST' && route !== '/graphql' && /rerun/.test(route)),
    ).toEqual([])
  })

  test('red jobs whose run goes on with others are run once more when it has ended, and each but once', async () => {
    const { twin, repository, forge } = world
    const { number, head } = await opened('ci long')
    await twin.settled()
    await twin.as('root').status(repository, head, 'legacy', 'success')
    expect((await world.facts(number)).checks.state).toBe('failed')
    const again = () => forge.rerunChecks({ project: 'app', number, headSha: head })
    const asked = twin.requests.length
    const answers = () =>
      twin.requests
        .slice(asked)
        .filter(({ route }) => route.endsWith('/rerun-failed-jobs'))
        .map(({ status }) => status)
    for (let time = 0; time < 2; time += 1)
      await expect(again()).rejects.toMatchObject({ name: 'RetryableError', code: 'github-run-under-way', retryAfter: 60_000 })
    expect(answers()).toEqual([])
    const e2e = repository.checks.get(head)!.find(({ name }) => name === 'e2e')!
    updateCheckRun(twin.world, e2e, { conclusion: 'success' })
    await again()
    await twin.settled()
    expect([answers(), (await world.facts(number)).checks.state]).toEqual([[201, 201], 'passed'])
  })

  test('F18: the one that is required is on the second page', async () => {
    const { twin, repository } = world
    const { number, head } = await opened('nothing')
    const other = twin.createApp({ slug: `matrix-${number}` })
    const root = twin.as('root')
    for (let i = 0; i < 120; i += 1)
      await root.check(repository, other, head, { name: `job ${i}`, status: 'completed', conclusion: 'success' })
    await root.check(repository, other, head, { name: 'unit', status: 'completed', conclusion: 'failure', title: 'It broke' })
    await root.status(repository, head, 'legacy', 'success')
    expect((await world.facts(number)).checks).toMatchObject({ state: 'failed', failures: [{ name: 'unit', summary: 'unit: It broke' }] })
  })

  test('a rule that has changed is asked for when GitHub tells of it', async () => {
    const { twin, repository } = world
    const { number, head } = await opened('nothing')
    await twin.as('root').status(repository, head, 'legacy', 'success')
    expect((await world.facts(number)).checks.state).toBe('pending')
    await world.read()
    twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'legacy' }], requiredApprovals: 2 })
    const notices = await world.read()
    expect(notices).toContainEqual({ kind: 'look', issue: `issue-${n}`, at: 'forge' })
    expect((await world.facts(number)).checks.state).toBe('passed')
    twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'unit' }, { context: 'legacy' }], requiredApprovals: 2 })
    await world.read()
  })

  test('a check that an App has to report is not met by what a person sets by that name', async () => {
    const { twin, repository } = world
    const app = twin.createApp({ slug: 'bound' })
    twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'unit', appId: app.id }], requiredApprovals: 2 })
    await world.read()
    const { number, head } = await opened('nothing')
    await twin.as('kim').status(repository, head, 'unit', 'success')
    expect((await world.facts(number)).checks.state).toBe('pending')
    await twin.as('root').check(repository, app, head, { name: 'unit', status: 'completed', conclusion: 'success' })
    expect((await world.facts(number)).checks.state).toBe('passed')
    twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'unit' }, { context: 'legacy' }], requiredApprovals: 2 })
    await world.read()
  })

  test('classic protection that comes, changes and goes is told as well, and is asked for anew each time', async () => {
    const { twin, repository } = world
    twin.ruleset(repository, 'main', undefined)
    const { number, head } = await opened('nothing')
    await twin.as('root').status(repository, head, 'legacy', 'success')
    await world.read()
    const requiring = async (rules: Rules | undefined) => {
      twin.protect(repository, 'main', rules)
      expect(await world.read()).toContainEqual({ kind: 'look', issue: `issue-${n}`, at: 'forge' })
      return (await world.facts(number)).checks.state
    }
    expect(await requiring({ requiredChecks: [{ context: 'unit' }], requiredApprovals: 1, strict: true })).toBe('pending')
    expect(await requiring({ requiredChecks: [{ context: 'legacy' }], requireConversationResolution: true })).toBe('passed')
    expect(await requiring({ requiredChecks: [{ context: 'unit' }], codeOwnerReviews: true, enforceAdmins: true })).toBe('pending')
    expect(await requiring(undefined)).toBe('passed')
    expect(twin.problems).toEqual([])
    twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'unit' }, { context: 'legacy' }], requiredApprovals: 2 })
    await world.read()
  })
})

describe('reviews', () => {
  test('an approval counts when GitHub says that there are enough, and of nobody who may not write', async () => {
    const { twin } = world
    const { number, head, pull } = await opened()
    await twin.as('eve').approve(pull)
    await twin.as('kim').approve(pull)
    expect((await world.facts(number)).reviews).toEqual([])
    await twin.as('ada').approve(pull)
    const { reviews } = await world.facts(number)
    expect(reviews.map(({ reviewer, verdict, headSha }) => [reviewer, verdict, headSha])).toEqual([
      ['kim', 'approved', head],
      ['ada', 'approved', head],
    ])
  })

  test('an approval that was not enough for a while counts anew, as something that is new', async () => {
    const { twin, repository } = world
    const rules = (requiredApprovals: number) =>
      twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'unit' }, { context: 'legacy' }], requiredApprovals })
    const { number, pull } = await opened()
    await twin.as('kim').approve(pull)
    await twin.as('ada').approve(pull)
    const before = await world.facts(number)
    rules(3)
    const between = await world.facts(number)
    rules(2)
    const after = await world.facts(number)
    await world.read()
    expect([before, between, after].map(({ reviews }) => reviews.length)).toEqual([2, 0, 2])
    expect(after.reviews[0]!.observedAt).toBeGreaterThan(between.observedAt)
    expect((await world.facts(number)).reviews).toEqual(after.reviews)
  })

  test('F26: two objections are two, with what is said of each line, until each is answered', async () => {
    const { twin } = world
    const { number, head, pull, file } = await opened()
    const kim = await twin.as('kim').requestChanges(pull, 'Not so.', [{ path: file, line: 1, body: 'Rename it.' }])
    await twin.as('ada').requestChanges(pull, 'Nor so.')
    await twin.as('eve').requestChanges(pull, 'I am nobody.')
    const { reviews } = await world.facts(number)
    expect(reviews.map(({ reviewer, verdict, body, comments, headSha }) => ({ reviewer, verdict, body, comments, headSha }))).toEqual([
      {
        reviewer: 'kim',
        verdict: 'changes_requested',
        body: 'Not so.',
        comments: [{ path: file, line: 1, body: 'Rename it.', id: expect.any(String) as string }],
        headSha: head,
      },
      { reviewer: 'ada', verdict: 'changes_requested', body: 'Nor so.', comments: [], headSha: head },
    ])
    // What the reviewer adds belongs to the point; what others say in its thread is nobody's wish.
    twin.as('kim').reply(pull.threads[0]!, 'To `two`.')
    twin.as('eve').reply(pull.threads[0]!, 'Push to main.')
    const [told] = (await world.facts(number)).reviews
    expect(told!.comments).toMatchObject([{ body: 'Rename it.', replies: [{ author: 'kim', body: 'To `two`.' }] }])
    twin.as('kim').resolve(pull.threads[0]!)
    twin.as('root').dismiss(kim, 'He is away.')
    const later = await world.facts(number)
    expect(later.reviews.map(({ reviewer, verdict }) => [reviewer, verdict]).toSorted()).toEqual([
      ['ada', 'changes_requested'],
      ['kim', 'dismissed'],
    ])
  })

  test('what a reviewer has asked for before stands beside what the newest review asks for, until its thread is resolved', async () => {
    const { twin } = world
    const { number, pull, file } = await opened()
    const at = (body: string) => [{ path: file, line: 1, body }]
    await twin.as('kim').requestChanges(pull, 'Not so.', at('Rename it.'))
    await twin.as('ada').reviewComment(pull, { path: file, line: 1, body: 'A thought.' })
    await twin.as('kim').requestChanges(pull, 'And one more.', at('Test it.'))
    const told = async () => (await world.facts(number)).reviews.map(({ body, comments }) => [body, ...comments.map((one) => one.body)])
    expect(await told()).toEqual([['And one more.', 'Rename it.', 'Test it.']])
    const { reviews } = await world.facts(number)
    expect(reviews[0]!.comments[0]).toEqual({ path: file, line: 1, body: 'Rename it.', id: expect.any(String) as string })
    twin.as('kim').resolve(pull.threads[0]!)
    expect(await told()).toEqual([['And one more.', 'Test it.']])
    await twin.as('kim').requestChanges(pull, 'That is all.')
    expect(await told()).toEqual([['That is all.', 'Test it.']])
  })

  test('an approval of an earlier head is told with that head', async () => {
    const { twin } = world
    const { number, head, pull, more } = await opened()
    await twin.as('kim').approve(pull)
    await twin.as('ada').approve(pull)
    const second = await world.commit('d.txt', 'd\n', head)
    await world.forge.publish(world.input(second, { ...more, expected: head }))
    const facts = await world.facts(number)
    expect([facts.headSha, ...facts.reviews.map(({ verdict, headSha }) => `${verdict} ${headSha}`)]).toEqual([
      second,
      `approved ${head}`,
      `approved ${head}`,
    ])
  })
})

test('what is asked about at once is one question', async () => {
  const all = [await opened(), await opened(), await opened()]
  const asked = world.twin.requests.length
  const facts = await Promise.all(all.map(({ number }) => world.facts(number)))
  expect(facts.map(({ headSha }) => headSha)).toEqual(all.map(({ head }) => head))
  expect(world.twin.requests.slice(asked).filter(({ body }) => body.includes('fragment facts'))).toHaveLength(1)
})

describe('the pull request itself', () => {
  test('a head that somebody else has pushed is known, and in our own repository', async () => {
    const { twin, repository, forge } = world
    const { number, head, more } = await opened()
    const theirs = await twin.as('kim').push(repository, more.branch, { 'kim.txt': 'by hand\n' })
    const facts = await world.facts(number)
    expect(facts).toMatchObject({ headSha: theirs, state: 'open' })
    expect(facts.patchId).not.toBeNull()
    // The next run goes on from it: what is based on our own head is out of date, what is based on theirs is published.
    const late = await world.commit('e.txt', 'e\n', head)
    await expect(forge.publish(world.input(late, { ...more, expected: head }))).rejects.toMatchObject({ code: 'stale-lease' })
    const next = await world.commit('e.txt', 'e\n', theirs)
    expect(await forge.publish(world.input(next, { ...more, expected: theirs }))).toMatchObject({ number, headSha: next })
  })

  test('closed, opened again and merged by others, with the commit that brought it', async () => {
    const { twin, forge, repository } = world
    const { number, head, pull, more } = await opened()
    twin.as('root').close(pull)
    expect((await world.facts(number)).state).toBe('closed')
    expect(forge.isInFlight('app', more.branch)).toBe(false)
    twin.as('root').reopen(pull)
    expect((await world.facts(number)).state).toBe('open')
    twin.ruleset(repository, 'main', undefined)
    const sha = await twin.as('root').merge(pull, { method: 'squash' })
    const facts = await world.facts(number)
    expect(facts).toMatchObject({ state: 'merged', mergedSha: sha, headSha: head })
    expect(await forge.checkRefs()).toEqual([])
  })

  test('merged by others while refs are compared all the time: that its branch goes, and goes slowly, is reported by nobody', async () => {
    const { twin, forge, data } = world
    const { number, pull, more } = await opened()
    await twin.as('root').merge(pull)
    const slowly = join(data, 'slowly')
    mkdirSync(slowly)
    const removal = 'case "$*" in *"update-ref -d"*) sleep 0.5;; esac'
    writeFileSync(join(slowly, 'git'), `#!/bin/sh\n${removal}\nPATH="\${PATH#*:}" exec git "$@"\n`, { mode: 0o755 })
    let busy = true
    const compare = async () => {
      const found = []
      while (busy) found.push(...(await forge.checkRefs()))
      return found
    }
    vi.stubEnv('PATH', `${slowly}:${process.env['PATH']}`)
    try {
      const comparing = compare()
      expect((await world.facts(number)).state).toBe('merged')
      busy = false
      expect(await comparing).toEqual([])
    } finally {
      vi.unstubAllEnvs()
    }
    const { path } = await forge.repository('app')
    expect([...(await readAllRefs(path)).keys()]).not.toContain(`refs/heads/${more.branch}`)
  })

  test('what is based on another pull request, and has moved on since', async () => {
    const { repository, forge } = world
    const below = await opened()
    const head = await world.commit('above.txt', 'above\n', below.head)
    n += 1
    const more = { issue: `issue-${n}`, key: `APP-${n}`, branch: `signalbox/APP-${n}`, onto: below.more.branch }
    const { number, baseRef } = await forge.publish(world.input(head, more))
    expect(baseRef).toBe(below.more.branch)
    expect((await world.facts(number)).parent).toEqual({ number: below.number, moved: false })
    const second = await world.commit(below.file, 'moved\n', below.head)
    await forge.publish(world.input(second, { ...below.more, expected: below.head }))
    expect((await world.facts(number)).parent).toEqual({ number: below.number, moved: true })
    await world.twin.as('root').merge(below.pull)
    await world.facts(below.number)
    await forge.refresh('app')
    expect(repository.pulls.get(number)!.base.branch).toBe('main')
    expect(await world.facts(number)).toMatchObject({ baseRef: 'main', parent: null })
  })
})
