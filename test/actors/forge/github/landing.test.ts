// Who lands: our own queue through GitHub's branches, its merge queue, its auto-merge, or somebody else.

import { afterEach, describe, expect, test } from 'vitest'
import type { LandingRequest } from '../../../../src/actors/ports.ts'
import type { CheckPlan } from '../../../twins/github.ts'
import { createWorld, type World, type WorldOptions } from './fixture.ts'

let world: World
afterEach(() => world.close())

async function opened(options: WorldOptions = {}) {
  world = await createWorld(options)
  const { number, head, pull } = await world.open()
  const request: LandingRequest = { project: 'app', issue: 'issue-1', key: 'APP-1', number, headSha: head, priority: 0 }
  return { number, head, pull, request }
}
const lander = (kind: string, more: Record<string, unknown> = {}) => ({ project: { landing: { lander: kind }, ...more } })

describe('our own landing queue', () => {
  test('tests the candidate on a branch of its own, lands it by fast-forward, and GitHub calls the pull request merged', async () => {
    const { number, head, pull, request } = await opened(lander('embedded', { checks: { required: ['unit'] } }))
    const { forge, twin, repository, branch, queued } = world
    const seen: string[] = []
    twin.ci(repository, (_sha, _read, { branch: on, event }) => {
      seen.push(`${event} ${on}`)
      return [{ name: 'unit' }]
    })
    await forge.requestLanding(request)
    expect(queued).toEqual([request])
    await forge.recordEntered({ project: 'app', number, headSha: head })
    expect((await world.facts()).queue).toMatchObject({ state: 'queued', headSha: head })
    const candidate = await forge.buildCandidate({ project: 'app', number, headSha: head })
    if (candidate.kind !== 'candidate') throw new Error(candidate.kind)
    // CI of the twin runs for pull requests, merge groups and the default branch: here a person's App reports.
    const app = twin.createApp({ slug: 'ci' })
    const checking = forge.runCandidateChecks({ project: 'app', commit: candidate.commit })
    const place = `signalbox/landing/${number}-${candidate.commit.slice(0, 10)}`
    while (branch(place) === null) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(branch(place)).toBe(candidate.commit)
    await twin.as('root').check(repository, app, candidate.commit, { name: 'unit', status: 'completed', conclusion: 'success' })
    expect(await checking).toEqual({ state: 'passed', failures: [] })
    expect(branch(place)).toBeNull()
    const landing = { project: 'app', number, base: candidate.base, commit: candidate.commit }
    expect(await forge.landCandidate(landing)).toEqual({ kind: 'landed', commit: candidate.commit })
    expect(await forge.landCandidate(landing)).toEqual({ kind: 'landed', commit: candidate.commit })
    await twin.settled()
    expect([branch('main'), pull.mergedAt !== undefined]).toEqual([candidate.commit, true])
    expect(await world.facts(number)).toMatchObject({ state: 'merged', mergedSha: candidate.commit })
    expect(world.told().map(({ type }) => type)).toEqual(['queue.entered', 'pr.merged', 'queue.left'])
    expect(await forge.checkRefs()).toEqual([])
  })

  test('a candidate that is red is given back with what failed', async () => {
    const { number, head } = await opened(lander('embedded', { checks: { required: ['unit'] } }))
    const { forge, twin, repository, branch } = world
    const candidate = await forge.buildCandidate({ project: 'app', number, headSha: head })
    if (candidate.kind !== 'candidate') throw new Error(candidate.kind)
    const checking = forge.runCandidateChecks({ project: 'app', commit: candidate.commit })
    const place = `signalbox/landing/${number}-${candidate.commit.slice(0, 10)}`
    while (branch(place) === null) await new Promise((resolve) => setTimeout(resolve, 5))
    const app = twin.createApp({ slug: 'ci' })
    await twin
      .as('root')
      .check(repository, app, candidate.commit, { name: 'unit', status: 'completed', conclusion: 'failure', title: 'two tests failed' })
    expect(await checking).toMatchObject({ state: 'failed', failures: [{ name: 'unit', summary: 'unit: two tests failed' }] })
    expect(branch(place)).toBeNull()
  })

  test('a candidate is red by the job of one workflow, though that of another has the same name and passes', async () => {
    const { number, head } = await opened(lander('embedded', { checks: { required: ['check'] } }))
    const { forge, twin, repository } = world
    twin.ci(
      repository,
      () => [
        { name: 'check', workflow: 'lint', conclusion: 'failure', log: 'a comma is missing\n' },
        { name: 'check', workflow: 'test' },
      ],
      (branch) => branch.startsWith('signalbox/landing/'),
    )
    const candidate = await forge.buildCandidate({ project: 'app', number, headSha: head })
    if (candidate.kind !== 'candidate') throw new Error(candidate.kind)
    const { state, failures } = await forge.runCandidateChecks({ project: 'app', commit: candidate.commit })
    expect([state, failures.map(({ logTail }) => logTail)]).toEqual(['failed', [expect.stringContaining('a comma is missing')]])
  })

  test('a candidate that is red is given back with its log, which comes some seconds after the end of the job', async () => {
    const { number, head } = await opened(lander('embedded', { checks: { required: ['unit'] } }))
    const { forge, twin, repository } = world
    const plan: CheckPlan = { name: 'unit', conclusion: 'failure', log: 'expected 1 to be 2', logDelay: Infinity }
    twin.ci(
      repository,
      () => [plan],
      (branch) => branch.startsWith('signalbox/landing/'),
    )
    const candidate = await forge.buildCandidate({ project: 'app', number, headSha: head })
    if (candidate.kind !== 'candidate') throw new Error(candidate.kind)
    const checking = forge.runCandidateChecks({ project: 'app', commit: candidate.commit })
    await expect.poll(() => twin.requests.filter(({ route }) => route.endsWith('/logs')).length, { timeout: 20_000 }).toBeGreaterThan(1)
    plan.logDelay = 0
    const { state, failures } = await checking
    expect([state, failures.map(({ logTail }) => logTail)]).toEqual(['failed', ['expected 1 to be 2']])
    expect(repository.workflows.get('.github/workflows/ci.yml')!.runs).toHaveLength(1)
  })

  test('a candidate whose checks run once more is judged by what is reported since, however late that comes', async () => {
    const { number, head } = await opened(lander('embedded', { checks: { required: ['unit'] } }))
    const { forge, twin, repository } = world
    const begun: ((plan: CheckPlan) => void)[] = []
    twin.ci(
      repository,
      () => new Promise((resolve) => begun.push((plan) => resolve([plan]))),
      (branch) => branch.startsWith('signalbox/landing/'),
    )
    const candidate = await forge.buildCandidate({ project: 'app', number, headSha: head })
    if (candidate.kind !== 'candidate') throw new Error(candidate.kind)
    const { commit } = candidate
    const checking = forge.runCandidateChecks({ project: 'app', commit })
    await expect.poll(() => begun.length, { timeout: 20_000 }).toBe(1)
    begun[0]!({ name: 'unit', conclusion: 'failure', log: 'the network is down' })
    const { state, reports } = await checking
    expect([state, reports]).toEqual(['failed', [expect.stringMatching(/^check \d+ \d+$/)]])
    const again = forge.runCandidateChecks({ project: 'app', commit, outdated: reports! })
    await expect.poll(() => begun.length, { timeout: 20_000 }).toBe(2)
    const looks = () => twin.requests.filter(({ route }) => route.endsWith('/check-runs')).length
    const before = looks()
    await expect.poll(looks, { timeout: 20_000 }).toBeGreaterThan(before + 1)
    begun[1]!({ name: 'unit' })
    expect(await again).toMatchObject({ state: 'passed' })
  })

  describe('the branch of a candidate', () => {
    async function tested() {
      const { number, head } = await opened(lander('embedded', { checks: { required: ['unit'] } }))
      const { forge, twin, repository, branch } = world
      const candidate = await forge.buildCandidate({ project: 'app', number, headSha: head })
      if (candidate.kind !== 'candidate') throw new Error(candidate.kind)
      const { commit } = candidate
      const name = `signalbox/landing/${number}-${commit.slice(0, 10)}`
      const app = twin.createApp({ slug: 'ci' })
      const pass = async () => {
        await expect.poll(() => branch(name), { timeout: 20_000 }).toBe(commit)
        await twin.as('root').check(repository, app, commit, { name: 'unit', status: 'completed', conclusion: 'success' })
      }
      return { forge, twin, repository, branch, commit, name, pass }
    }
    const look = () => world.forge.inlet.catchUp(new AbortController().signal)
    const pushes = (): number =>
      world.twin.requests.filter(({ method, path }) => method === 'POST' && path.includes('git-receive-pack')).length

    test('that GitHub does not let us remove at the moment goes with the next look', async () => {
      const { forge, twin, branch, commit, name, pass } = await tested()
      const checking = forge.runCandidateChecks({ project: 'app', commit })
      await pass()
      twin.faults.add({ match: ({ path }) => path.includes('git-receive-pack'), status: 500, times: Infinity })
      expect(await checking).toMatchObject({ state: 'passed' })
      expect(branch(name)).toBe(commit)
      await look()
      expect(branch(name)).toBe(commit)
      twin.faults.clear()
      world.restart()
      await look()
      expect(branch(name)).toBeNull()
      const before = pushes()
      await look()
      expect(pushes()).toBe(before)
    })

    test('that is not there any more keeps no other from going', async () => {
      const { forge, twin, repository, branch, commit, name, pass } = await tested()
      world.database.exec(
        `INSERT INTO github_landing_branch VALUES ('app', 'signalbox/landing/99-gone'), ('app', 'signalbox/landing/98-kept')`,
      )
      await twin.as('root').push(repository, 'signalbox/landing/98-kept', { 'kept.txt': 'x\n' })
      const checking = forge.runCandidateChecks({ project: 'app', commit })
      await pass()
      expect(await checking).toMatchObject({ state: 'passed' })
      expect([branch(name), branch('signalbox/landing/98-kept')]).toEqual([null, null])
      const before = pushes()
      await look()
      expect(pushes()).toBe(before)
    })

    test('that a rule protects stays, and is not asked for again', async () => {
      const { forge, twin, repository, branch, commit, name, pass } = await tested()
      const checking = forge.runCandidateChecks({ project: 'app', commit })
      await pass()
      twin.protect(repository, name, {})
      expect(await checking).toMatchObject({ state: 'passed' })
      expect(branch(name)).toBe(commit)
      const before = pushes()
      await look()
      expect(pushes()).toBe(before)
    })

    test('is made anew when the same candidate is tested once more', async () => {
      const { forge, branch, commit, name, pass } = await tested()
      const checking = forge.runCandidateChecks({ project: 'app', commit })
      await pass()
      expect(await checking).toMatchObject({ state: 'passed' })
      const before = pushes()
      expect(await forge.runCandidateChecks({ project: 'app', commit })).toMatchObject({ state: 'passed' })
      expect([pushes(), branch(name)]).toEqual([before + 2, null])
    })
  })

  test('a project that declares its checks has the candidate tested here', async () => {
    const { number, head } = await opened(lander('embedded', { ci: { command: 'test -f b.txt && echo bad && exit 3' } }))
    const { forge } = world
    const candidate = await forge.buildCandidate({ project: 'app', number, headSha: head })
    if (candidate.kind !== 'candidate') throw new Error(candidate.kind)
    expect(await forge.runCandidateChecks({ project: 'app', commit: candidate.commit })).toMatchObject({
      state: 'failed',
      failures: [{ name: 'ci' }],
    })
  })

  test('a base that has moved is not landed on, and what protection refuses is said in its words', async () => {
    const { number, head } = await opened(lander('embedded'))
    const { forge, twin, repository, branch } = world
    const stale = await forge.buildCandidate({ project: 'app', number, headSha: head })
    if (stale.kind !== 'candidate') throw new Error(stale.kind)
    const theirs = await twin.as('root').push(repository, 'main', { 'kim.txt': 'kim\n' })
    expect(await forge.landCandidate({ project: 'app', number, base: stale.base, commit: stale.commit })).toEqual({ kind: 'base_moved' })
    const next = await forge.buildCandidate({ project: 'app', number, headSha: head })
    if (next.kind !== 'candidate') throw new Error(next.kind)
    twin.ruleset(repository, 'main', { requiredApprovals: 1 })
    expect(await forge.landCandidate({ project: 'app', number, base: next.base, commit: next.commit })).toMatchObject({
      kind: 'blocked',
      reason: expect.stringContaining('GH0') as string,
    })
    expect(branch('main')).toBe(theirs)
  })
})

describe("GitHub's merge queue", () => {
  const rules = { rules: { requiredChecks: [{ context: 'unit' }], mergeQueue: { method: 'MERGE' as const } } }

  test('is found, entered once, left again, and lands', async () => {
    const { number, head, pull, request } = await opened({ ...lander('auto'), ...rules })
    const { forge, twin, repository } = world
    let conclusion: 'success' | null = null
    twin.ci(repository, (_sha, _read, { event }) => [
      { name: 'unit', ...(event === 'merge_group' && conclusion === null ? { delay: 3_600_000 } : {}) },
    ])
    await twin
      .as('root')
      .check(repository, twin.createApp({ slug: 'ci' }), head, { name: 'unit', status: 'completed', conclusion: 'success' })
    await forge.requestLanding(request)
    await forge.requestLanding(request)
    expect(pull.queueEntry).toBeDefined()
    expect((await world.facts()).queue).toMatchObject({ state: 'queued', headSha: head })
    await forge.withdrawLanding({ ...request, reason: 'stopped' })
    await forge.withdrawLanding({ ...request, reason: 'stopped' })
    expect([pull.queueEntry, (await world.facts()).queue.state]).toEqual([undefined, 'none'])
    conclusion = 'success'
    await forge.requestLanding(request)
    await twin.settled()
    expect(await world.facts(number)).toMatchObject({ state: 'merged', queue: { state: 'none' } })
  })

  test('what it gives back is told with what failed; what a person takes out waits for a person', async () => {
    const { head, pull, request } = await opened({ ...lander('merge_queue'), ...rules })
    const { forge, twin, repository } = world
    let red = true
    twin.ci(repository, (_sha, _read, { event }) =>
      event === 'merge_group'
        ? [red ? { name: 'unit', conclusion: 'failure', summary: 'it broke' } : { name: 'unit', delay: 3_600_000 }]
        : [{ name: 'unit' }],
    )
    await twin
      .as('root')
      .check(repository, twin.createApp({ slug: 'ci' }), head, { name: 'unit', status: 'completed', conclusion: 'success' })
    await forge.requestLanding(request)
    await twin.settled()
    const { queue } = await world.facts()
    expect(queue).toMatchObject({ state: 'evicted', headSha: head, incident: { class: 'checks', headSha: head } })
    red = false
    await forge.requestLanding(request)
    await twin.settled()
    expect((await world.facts()).queue.state).toBe('queued')
    twin.as('kim').dequeue(pull)
    expect((await world.facts()).queue).toMatchObject({ state: 'evicted', incident: { class: 'environment' } })
  })

  test('what conflicts with a commit that came past it is named, and the head that mends it has not been given back', async () => {
    const { head, request } = await opened({ ...lander('merge_queue'), ...rules })
    const { forge, twin, repository } = world
    // Of what the queue builds, CI says nothing.
    twin.ci(repository, (_sha, _read, { event }) => (event === 'merge_group' ? [] : [{ name: 'unit' }]))
    const pass = (sha: string) =>
      twin
        .as('root')
        .check(repository, twin.createApp({ slug: `ci-${sha}` }), sha, { name: 'unit', status: 'completed', conclusion: 'success' })
    await pass(head)
    await forge.requestLanding(request)
    await twin.settled()
    const pull = repository.pulls.get(request.number)!
    const group = pull.queueEntry!.group!.sha
    await twin.as('root').push(repository, 'main', { 'b.txt': 'theirs\n' })
    await pass(group)
    await twin.settled()
    expect((await world.facts()).queue).toMatchObject({
      ...{ state: 'evicted', headSha: head },
      incident: { class: 'conflict', headSha: head, files: ['b.txt'], baseSha: world.branch('main') },
    })
    // It saw the conflict by itself, and withdrew in the same moment.
    await forge.withdrawLanding({ ...request, reason: 'conflict' })
    const mended = await world.commit('b.txt', 'theirs and ours\n', head)
    await forge.publish(world.input(mended, { expected: head }))
    const { queue } = await world.facts()
    expect([queue.state, queue.incident]).toEqual(['none', null])
  })

  test('what it does not take is given back with its words', async () => {
    const { head, pull, request } = await opened({ ...lander('merge_queue'), ...rules })
    world.twin.as('kim').draft(pull)
    await world.forge.requestLanding(request)
    expect((await world.facts()).queue).toMatchObject({
      state: 'evicted',
      headSha: head,
      incident: { class: 'environment', summary: expect.stringContaining('GitHub') as string },
    })
  })
})

describe("GitHub's auto-merge", () => {
  test('is turned on once, off again, and lands; what can land at once is landed', async () => {
    const { number, head, pull, request } = await opened({ ...lander('auto'), autoMerge: true, rules: { requiredApprovals: 1 } })
    const { forge, twin } = world
    await forge.requestLanding(request)
    await forge.requestLanding(request)
    expect(pull.autoMerge?.method).toBe('merge')
    expect((await world.facts()).queue).toMatchObject({ state: 'queued', headSha: head })
    await forge.withdrawLanding({ ...request, reason: 'stopped' })
    expect([pull.autoMerge, (await world.facts()).queue.state]).toEqual([undefined, 'none'])
    await forge.requestLanding(request)
    twin.as('kim').disableAutoMerge(pull)
    expect((await world.facts()).queue).toMatchObject({ state: 'evicted', incident: { class: 'environment' } })
    await twin.as('kim').approve(pull)
    await forge.requestLanding(request)
    await twin.settled()
    expect(await world.facts(number)).toMatchObject({ state: 'merged', headSha: head })
  })

  test('only the head that was approved', async () => {
    const { pull, head, request } = await opened({ ...lander('auto_merge'), autoMerge: true, rules: { requiredApprovals: 1 } })
    const other = await world.twin.as('kim').push(world.repository, pull.head.branch, { 'kim.txt': 'x\n' })
    await world.forge.requestLanding(request)
    expect([pull.autoMerge, pull.mergedAt]).toEqual([undefined, undefined])
    expect((await world.facts()).headSha).toBe(other)
    await expect(world.forge.requestLanding({ ...request, headSha: head })).rejects.toMatchObject({ code: 'stale-head' })
  })
})

test('an external lander is known by its check, and is not told anything', async () => {
  const { head, request } = await opened(lander('auto'))
  const { forge, twin, repository, queued } = world
  const steward = twin.createApp({ slug: 'steward' })
  const root = twin.as('root')
  const check = await root.check(repository, steward, head, { name: 'merge-steward/queue', status: 'in_progress' })
  expect((await world.facts()).queue).toMatchObject({ state: 'queued', headSha: head })
  // It is no check of the change, also where the base asks for it: else nothing would ever be handed to the lander.
  twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'merge-steward/queue' }, { context: 'unit' }] })
  await world.read()
  await root.status(repository, head, 'unit', 'success')
  expect((await world.facts()).checks).toMatchObject({ state: 'passed', names: ['unit'] })
  await forge.requestLanding(request)
  await forge.withdrawLanding({ ...request, reason: 'stopped' })
  expect(queued).toEqual([])
  expect(check.status).toBe('in_progress')
  await root.check(repository, steward, head, {
    ...{ name: 'merge-steward/queue', status: 'completed', conclusion: 'failure', title: 'Evicted', summary: '' },
    text: JSON.stringify({ class: 'conflict', files: ['b.txt'], summary: 'b.txt conflicts' }),
  })
  expect((await world.facts()).queue).toMatchObject({ state: 'evicted', headSha: head, incident: { class: 'conflict', files: ['b.txt'] } })
})

test('an external lander is known before it has said anything of ours: it has landed others', async () => {
  const { request } = await opened(lander('auto'))
  const { forge, twin, repository, queued } = world
  const [root, kim] = [twin.as('root'), twin.as('kim')]
  const theirs = await kim.push(repository, 'theirs', { 'theirs.txt': 'x\n' })
  const pull = await kim.open(repository, { title: 'Theirs', head: 'theirs', base: 'main' })
  await root.check(repository, twin.createApp({ slug: 'steward' }), theirs, {
    ...{ name: 'merge-steward/queue', status: 'completed', conclusion: 'success' },
  })
  await root.merge(pull)
  await twin.settled()
  const asked = () => twin.requests.filter(({ path }) => path.includes(theirs)).length
  await forge.requestLanding(request)
  expect(queued).toEqual([])
  const after = asked()
  expect(after).toBeGreaterThan(0)
  await world.facts()
  await world.restart().requestLanding(request)
  expect([queued, asked()]).toEqual([[], after])
})

test('where nobody else lands, our own queue does, and it is looked for once', async () => {
  const { request } = await opened(lander('auto'))
  const { forge, twin, repository, queued } = world
  const theirs = await twin.as('kim').push(repository, 'theirs', { 'theirs.txt': 'x\n' })
  await twin.as('root').merge(await twin.as('kim').open(repository, { title: 'Theirs', head: 'theirs', base: 'main' }))
  await twin.settled()
  await forge.requestLanding(request)
  await world.facts()
  await forge.requestLanding(request)
  expect(queued).toEqual([request])
  expect(twin.requests.filter(({ path }) => path.includes(`${theirs}/check-runs`))).toHaveLength(1)
  twin.faults.add({ match: ({ path }) => path.includes(theirs), status: 403, times: Infinity })
  await world.restart().requestLanding(request)
  expect(queued).toHaveLength(1)
})
