// What is done at GitHub beside publishing and landing: showing, answering, reviewing, adopting, running again, watching deployments.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ForgeReport } from '../../../../src/actors/ports.ts'
import { phases } from '../../../../src/machines/vocabulary.ts'
import { createWorld, type World } from './fixture.ts'

let world: World
beforeAll(async () => {
  world = await createWorld({ project: { deploy: { workflow: 'ci.yml', timeout: '10s' } } })
})
afterAll(() => world.close())

let n = 0
const fresh = () => {
  n += 1
  return { more: { issue: `issue-${n}`, key: `APP-${n}`, branch: `signalbox/APP-${n}` }, file: `w-${n}.txt` }
}
async function opened() {
  const { more, file } = fresh()
  const head = await world.commit(file, 'one\ntwo\n')
  const { number } = await world.forge.publish(world.input(head, more))
  return { number, head, pull: world.repository.pulls.get(number)!, more, file }
}
const phaseWhere = (word: RegExp) => phases.find((phase) => word.test(phase))!

describe('what an issue is doing', () => {
  const shownAt = (head: string) => (world.repository.checks.get(head) ?? []).filter(({ name }) => name === 'Signalbox')
  const report = (
    more: { issue: string; key: string },
    kind: ForgeReport['kind'],
    phase: ForgeReport['phase'],
    text: string,
    id = 'r1',
  ): ForgeReport => ({
    ...{ project: 'app', issue: more.issue, key: more.key, kind, phase, text, id },
  })

  test('is one check run at the head, which needs an answer when a question is open, and ends well', async () => {
    const { forge } = world
    const { head, more } = await opened()
    const tell = (...rest: [ForgeReport['kind'], ForgeReport['phase'], string]) => forge.tell!(report(more, ...rest))
    await tell('state', phaseWhere(/^repairing_ci/), 'The checks are red')
    await tell('state', phaseWhere(/^repairing_ci/), 'The checks are red')
    expect(shownAt(head)).toMatchObject([{ status: 'in_progress', title: 'The checks are red', externalId: more.issue }])
    await tell('question', phaseWhere(/input/), 'Which port?\nSay a number.')
    expect(shownAt(head)).toMatchObject([
      { status: 'completed', conclusion: 'action_required', title: 'A question is open', summary: 'Which port?\nSay a number.' },
    ])
    await tell('state', phaseWhere(/^repairing_ci/), 'On it')
    expect(shownAt(head).at(-1)).toMatchObject({ status: 'in_progress', title: 'On it' })
    await tell('halt', phaseWhere(/^repairing_ci/), 'Stopped by ann: not now.')
    expect(shownAt(head).at(-1)).toMatchObject({ status: 'completed', conclusion: 'neutral', title: 'Stopped by ann: not now.' })
    await tell('state', phaseWhere(/^repairing_ci/), 'On it')
    expect(shownAt(head).at(-1)).toMatchObject({ status: 'in_progress', title: 'On it' })
    await tell('state', 'done', 'Landed')
    const asked = world.twin.requests.length
    await tell('state', 'done', 'Landed')
    expect(world.twin.requests.slice(asked).filter(({ method }) => method !== 'GET')).toEqual([])
    expect(shownAt(head)).toHaveLength(3)
    expect(shownAt(head).at(-1)).toMatchObject({ conclusion: 'success' })
    // Never a check of the change.
    expect((await world.facts(world.repository.pulls.size)).checks.names).toEqual([])
  })

  test('is shown once, whatever becomes of the answer', async () => {
    const { forge, twin } = world
    const { head, more } = await opened()
    twin.faults.add({
      match: ({ method, route }) => method === 'POST' && route.endsWith('check-runs'),
      status: 502,
      when: 'after',
    })
    const tell = () => forge.tell!(report(more, 'state', 'delegated', 'At work'))
    await expect(tell()).rejects.toMatchObject({ code: 'github-failed' })
    await tell()
    expect(shownAt(head)).toHaveLength(1)
  })

  test('is over at a head that was left, also where the answer to its making was lost', async () => {
    const { forge, twin } = world
    const { head, more, file } = await opened()
    const tell = () => forge.tell!(report(more, 'state', 'delegated', 'At work'))
    const losing = () =>
      twin.faults.add({ match: ({ method, route }) => method === 'POST' && route.endsWith('check-runs'), status: 502, when: 'after' })
    losing()
    await expect(tell()).rejects.toMatchObject({ code: 'github-failed' })
    const publish = async (text: string, expected: string) => {
      const sha = await world.commit(file, text, expected)
      await forge.publish(world.input(sha, { ...more, expected }))
      return sha
    }
    const next = await publish('one\ntwo\nthree\n', head)
    await tell()
    expect(shownAt(head)).toMatchObject([{ status: 'completed', conclusion: 'neutral' }])
    expect(shownAt(next)).toMatchObject([{ status: 'in_progress' }])
    const last = await publish('one\ntwo\nthree\nfour\n', next)
    await tell()
    expect([shownAt(next), shownAt(last)]).toMatchObject([
      [{ conclusion: 'neutral', title: 'The branch has moved on' }],
      [{ status: 'in_progress' }],
    ])
  })

  test('and what is answered to people is one comment, which is not taken for one of theirs', async () => {
    const { forge, twin } = world
    const { pull, more } = await opened()
    await world.read()
    twin.faults.add({ match: ({ method, route }) => method === 'POST' && route.endsWith('comments'), status: 502, when: 'after' })
    const tell = () => forge.tell!(report(more, 'comment', 'delegated', '@signalbox works on it.', 'outbox-7'))
    await expect(tell()).rejects.toMatchObject({ code: 'github-failed' })
    await tell()
    expect(pull.comments.map(({ body }) => body.split('\n')[0])).toEqual(['@signalbox works on it.'])
    expect(await world.read()).toEqual([])
  })

  test('an issue without a pull request shows nothing; a user’s token shows a status', async () => {
    await world.forge.tell!(report({ issue: 'nobody', key: 'APP-0' }, 'state', 'delegated', 'x'))
    const other = await createWorld({ token: true })
    const { head } = await other.open()
    const tell = (phase: ForgeReport['phase']) => other.forge.tell!(report({ issue: 'issue-1', key: 'APP-1' }, 'state', phase, 'Words'))
    await tell('delegated')
    await tell('delegated')
    expect(other.repository.statuses.get(head)).toMatchObject([{ context: 'Signalbox', state: 'pending', description: 'Words' }])
    expect((await other.facts()).checks.names).toEqual([])
    await other.close()
  })
})

describe('the verdict of a reviewing agent', () => {
  const verdict = (more: { issue: string; key: string }, headSha: string, file: string, given: 'approved' | 'changes_requested') => ({
    ...{
      project: 'app',
      issue: more.issue,
      key: more.key,
      runId: 'run-2',
      reviewer: 'critic',
      verdict: given,
      body: 'I have read it.',
      headSha,
    },
    findings: [
      { path: file, line: 2, body: 'Rename two.' },
      { path: 'elsewhere.txt', line: 9, body: 'Not of this change.' },
      { path: file, line: null, body: 'No tests.' },
    ],
  })

  test('is one review, which nobody can take for an approval of GitHub’s, and counts for the issue', async () => {
    const { forge, twin } = world
    const { number, head, pull, more, file } = await opened()
    twin.faults.add({ match: ({ method, route }) => method === 'POST' && route.endsWith('reviews'), status: 502, when: 'after' })
    const submit = () => forge.submitReview(verdict(more, head, file, 'changes_requested')) as Promise<unknown>
    await submit().catch(() => {})
    expect(await submit()).toEqual({ counts: true })
    expect(await submit()).toEqual({ counts: true })
    expect(pull.reviews.map(({ state, user }) => [state, user.login])).toEqual([['COMMENTED', 'box[bot]']])
    expect(pull.reviews[0]!.body).toMatch(/Changes requested.*critic[\s\S]*elsewhere\.txt/)
    expect((await world.facts(number)).reviews).toMatchObject([
      { reviewer: 'critic', verdict: 'changes_requested', headSha: head, comments: expect.any(Array) as unknown },
    ])
  })

  test('of a head that has been left behind does not count', async () => {
    const { forge } = world
    const { head, pull, more, file } = await opened()
    const second = await world.commit(file, 'three\n', head)
    await forge.publish(world.input(second, { ...more, expected: head }))
    expect(await forge.submitReview(verdict(more, head, file, 'approved'))).toEqual({ counts: false })
    expect(pull.reviews).toEqual([])
  })
})

describe('work that is there already', () => {
  const ask = (link: string, issue = 'issue-a') =>
    world.forge.adopt({ project: 'app', issue, key: 'APP-A', title: 'Take it over', base: 'main', link })

  test('is taken over by number, address or branch, and belongs to one issue', async () => {
    const { twin, repository } = world
    await twin.as('kim').push(repository, 'kims', { 'kims.txt': 'x\n' })
    const pull = await twin.as('kim').open(repository, { head: 'kims', base: 'main', title: "Kim's", body: '' })
    const taken = await ask(`#${pull.number}`)
    expect(taken).toMatchObject({ number: pull.number, state: 'open', headRef: 'kims', headSha: pull.head.sha, author: 'kim' })
    expect(await ask(`${twin.url}/acme/app/pull/${pull.number}/files`)).toEqual(taken)
    expect(await ask('branch:kims')).toEqual(taken)
    await expect(ask(String(pull.number), 'issue-b')).rejects.toMatchObject({ code: 'pull-request-taken' })
    // A run goes on from it.
    const next = await world.commit('more.txt', 'y\n', pull.head.sha)
    const more = { issue: 'issue-a', key: 'APP-A', branch: 'kims', expected: pull.head.sha }
    expect(await world.forge.publish(world.input(next, more))).toMatchObject({ number: pull.number, headSha: next })
  })

  test('a branch without a pull request gets one', async () => {
    const { twin, repository } = world
    const sha = await twin.as('kim').push(repository, 'bare-branch', { 'bare.txt': 'x\n' })
    expect(await ask('branch:bare-branch', 'issue-c')).toMatchObject({ headSha: sha, headRef: 'bare-branch', state: 'open' })
  })

  test.each([
    ['7/8', 'unknown-link'],
    ['#99999', 'unknown-pull-request'],
    ['branch:nowhere', 'unknown-branch'],
    ['branch:main', 'no-change'],
    ['https://github.com/acme/app/pull/1', 'unknown-link'],
  ])('%s is refused as %s', async (link, code) => {
    await expect(ask(link)).rejects.toMatchObject({ name: 'FatalError', code })
  })

  test('a fork is not ours to push to (edge 66)', async () => {
    const { twin, repository } = world
    const fork = await twin.as('stranger').fork(repository)
    await twin.as('stranger').push(fork, 'forked', { 'forked.txt': 'x\n' })
    const pull = await twin.as('stranger').open(repository, { head: 'stranger:forked', base: 'main', title: 'Forked', body: '' })
    await expect(ask(String(pull.number))).rejects.toMatchObject({ code: 'pull-request-of-fork' })
  })
})

test('checks of other Apps are asked to run once more', async () => {
  const { twin, repository, forge } = world
  const { number, head } = await opened()
  const app = twin.createApp({
    slug: 'other-ci',
    permissions: { checks: 'write' },
    events: ['check_run'],
    webhook: { url: 'http://127.0.0.1:9/other', secret: 's' },
  })
  twin.install(app, 'acme')
  await twin.as('kim').check(repository, app, head, { name: 'unit', status: 'completed', conclusion: 'failure' })
  const asked = twin.requests.length
  await forge.rerunChecks({ project: 'app', number, headSha: head })
  expect(
    twin.requests
      .slice(asked)
      .filter(({ route }) => route.endsWith('rerequest'))
      .map(({ status }) => status),
  ).toEqual([201])
})

describe('a deployment', () => {
  const watched = (sha: string, signal?: AbortSignal) =>
    world.forge.deployment({ project: 'app', sha, ...(signal === undefined ? {} : { signal }) })
  const pushed = (conclusion: 'success' | 'failure' | null) => {
    world.twin.ci(world.repository, () => [
      {
        name: 'ship',
        ...(conclusion === null ? { delay: 3_600_000 } : { conclusion }),
        steps: [{ name: 'Upload', conclusion: conclusion ?? 'success' }],
      },
    ])
    return world.twin.as('root').push(world.repository, 'main', { 'version.txt': `${Math.random()}` })
  }

  test('is the run of its workflow for the landed commit: well ended, or where it failed', async () => {
    const good = await pushed('success')
    expect(await watched(good)).toMatchObject({ state: 'succeeded', reason: '', url: expect.stringContaining('/actions/runs/') as string })
    const bad = await pushed('failure')
    expect(await watched(bad)).toMatchObject({ state: 'failed', reason: "ci.yml ended with failure: ship, step 'Upload'" })
  })

  test('whose newest run was called off is what the one before it came to (case 290)', async () => {
    const { twin, repository } = world
    twin.ci(
      repository,
      (_sha, _read, { event }) => [{ name: 'ship', conclusion: event === 'push' ? 'success' : 'cancelled' }],
      () => true,
    )
    const sha = await twin.as('root').push(repository, 'shipped', { 'shipped.txt': 'x\n' })
    await twin.settled()
    await twin.as('root').open(repository, { head: 'shipped', base: 'main', title: 'Shipped', body: '' })
    await twin.settled()
    expect(repository.workflows.get('.github/workflows/ci.yml')!.runs.filter((one) => one.sha === sha)).toHaveLength(2)
    expect(await watched(sha)).toMatchObject({ state: 'succeeded' })
    twin.ci(repository, undefined, (branch) => branch === 'main')
  })

  test('is waited for while only what landed before was deployed (case 291)', async () => {
    await pushed('failure')
    await world.twin.settled()
    world.twin.ci(world.repository, undefined)
    const sha = await world.twin.as('root').push(world.repository, 'main', { 'version.txt': 'next' })
    let isOver = false
    const watching = watched(sha).finally(() => (isOver = true))
    const asked = world.twin.requests.length
    await expect.poll(() => world.twin.requests.slice(asked).filter(({ route }) => route.endsWith('/runs')).length).toBeGreaterThan(2)
    expect(isOver).toBe(false)
    world.clock.ahead += 11_000
    await expect(watching).rejects.toMatchObject({ code: 'no-deployment' })
    world.clock.ahead = 0
  })

  test('that does not end in time has failed, one that is not wanted any more is left alone', async () => {
    const sha = await pushed(null)
    const leaving = new AbortController()
    const left = watched(sha, leaving.signal)
    setTimeout(() => leaving.abort(), 100)
    await expect(left).rejects.toMatchObject({ code: 'called-off' })
    const late = watched(sha)
    setTimeout(() => (world.clock.ahead += 11_000), 100)
    expect(await late).toMatchObject({ state: 'failed', reason: expect.stringContaining('has not ended within') as string })
    world.clock.ahead = 0
  })

  test('that nothing runs for, or that is no workflow, is none', async () => {
    const none = watched('0'.repeat(40))
    setTimeout(() => (world.clock.ahead += 11_000), 100)
    await expect(none).rejects.toMatchObject({ code: 'no-deployment' })
    world.clock.ahead = 0
    const other = await createWorld({ project: { deploy: { workflow: 'ship.yml' } } })
    await expect(other.forge.deployment({ project: 'app', sha: other.branch('main')! })).rejects.toMatchObject({
      code: 'no-deployment',
      message: expect.stringContaining('ship.yml') as string,
    })
    await other.close()
  })
})
