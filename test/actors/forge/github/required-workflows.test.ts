// What a ruleset requires beside named checks: workflows, which are known by their file, and the results of code scanning.

import { afterEach, expect, test } from 'vitest'
import type { CheckPlan, CiEvent } from '../../../twins/github.ts'
import { createWorld, doctor, type World, type WorldOptions } from './fixture.ts'

let world: World
afterEach(() => world.close())

const path = '.github/workflows/security.yml'

/** A base that requires the workflow `security.yml` of its own repository, and a CI that runs `plans`. */
async function requiring(plans: (event: CiEvent) => CheckPlan[], options: WorldOptions = {}): Promise<void> {
  world = await createWorld(options)
  const { twin, repository } = world
  twin.ruleset(repository, 'main', { workflows: [{ path, repositoryId: repository.id }] })
  twin.ci(
    repository,
    (_sha, _read, event) => plans(event),
    () => true,
  )
}

const security = { name: 'audit', workflow: 'Security' }
const checks = async () => {
  await world.twin.settled()
  const { state, names, failures } = (await world.facts()).checks
  return { state, names, failures: failures.map(({ name }) => name) }
}

test('a head is not green before a run of the required workflow has passed on it, and it is said what is waited for', async () => {
  let isThere = false
  await requiring(({ event }) => [{ name: 'unit' }, ...(isThere && event === 'pull_request' ? [security] : [])])
  const { head } = await world.open()
  expect(await checks()).toEqual({ state: 'pending', names: [`workflow ${path}`], failures: [] })
  isThere = true
  const second = await world.commit('c.txt', 'c\n', head)
  await world.forge.publish(world.input(second, { expected: head }))
  expect(await checks()).toEqual({ state: 'passed', names: [`workflow ${path}`], failures: [] })
})

test('a run of it for a push is not the one that is required', async () => {
  await requiring(({ event }) => (event === 'push' ? [security] : [{ name: 'unit' }]))
  await world.open()
  expect(await checks()).toMatchObject({ state: 'pending', names: [`workflow ${path}`] })
})

test('its red jobs are what has failed, and those of no other workflow', async () => {
  await requiring(({ event }) =>
    event === 'pull_request'
      ? [
          { ...security, conclusion: 'failure' },
          { name: 'licences', workflow: 'Security' },
          { name: 'unit', conclusion: 'failure' },
        ]
      : [],
  )
  await world.open()
  expect(await checks()).toMatchObject({ state: 'failed', failures: ['audit'] })
})

test("a workflow of the organization's is not met by a file of the same path in the repository", async () => {
  let source: string | undefined
  world = await createWorld()
  const { twin, repository } = world
  const policies = await twin.createRepository({ name: 'acme/policies' })
  twin.ruleset(repository, 'main', { workflows: [{ path, repositoryId: policies.id }], requiredChecks: [{ context: 'unit' }] })
  twin.ci(repository, () => [{ name: 'unit' }, { ...security, ...(source === undefined ? {} : { source }) }])
  const { head } = await world.open()
  expect(await checks()).toMatchObject({ state: 'pending', names: ['unit', `workflow ${path}`] })
  source = 'acme/policies'
  const second = await world.commit('c.txt', 'c\n', head)
  await world.forge.publish(world.input(second, { expected: head }))
  expect(await checks()).toMatchObject({ state: 'passed' })
})

test('code scanning is waited for where a ruleset asks for its results: the check of its App, and of nobody else', async () => {
  world = await createWorld()
  const { twin, repository } = world
  twin.ruleset(repository, 'main', { codeScanning: [{ tool: 'CodeQL' }] })
  const scanner = twin.createApp({ slug: 'github-advanced-security', owner: 'github' })
  const { head } = await world.open()
  const root = twin.as('root')
  const other = twin.createApp({ slug: 'other' })
  await root.check(repository, other, head, { name: 'CodeQL', status: 'completed', conclusion: 'success' })
  await root.status(repository, head, 'CodeQL', 'success')
  expect(await checks()).toEqual({ state: 'pending', names: ['CodeQL'], failures: [] })
  const title = '1 new alert including 1 high severity security vulnerability'
  await root.check(repository, scanner, head, { name: 'CodeQL', status: 'completed', conclusion: 'failure', title })
  expect(await checks()).toEqual({ state: 'failed', names: ['CodeQL'], failures: ['CodeQL'] })
  // No alert keeps it from landing there: that there are results is all that is asked for.
  twin.ruleset(repository, 'main', { codeScanning: [{ tool: 'CodeQL', alerts: 'none', security: 'none' }] })
  await world.read()
  expect(await checks()).toMatchObject({ state: 'passed', failures: [] })
})

test('our own landing queue does not wait on a candidate for what runs for pull requests alone', async () => {
  await requiring(({ event }) => (event === 'pull_request' ? [security] : []))
  const { repository, twin, forge } = world
  twin.ruleset(repository, 'main', { workflows: [{ path, repositoryId: repository.id }], bypass: ['box[bot]'] })
  const { number, head } = await world.open()
  expect(await checks()).toMatchObject({ state: 'passed' })
  const candidate = await forge.buildCandidate({ project: 'app', number, headSha: head })
  if (candidate.kind !== 'candidate') throw new Error(candidate.kind)
  expect(await forge.runCandidateChecks({ project: 'app', commit: candidate.commit })).toEqual({ state: 'passed', failures: [] })
  expect(await forge.landCandidate({ project: 'app', number, base: candidate.base, commit: candidate.commit })).toMatchObject({
    kind: 'landed',
  })
})

test('doctor says what is required, what has not been seen lately, and that our own landing queue cannot meet it', async () => {
  await requiring(({ event }) => (event === 'pull_request' ? [{ name: 'unit' }] : []))
  const said = async () =>
    (await doctor(world, { project: { landing: { lander: 'embedded' } } }))
      .filter(({ what }) => what === 'project app')
      .map(({ level, message }) => `${level}: ${message}`)
  await world.open()
  await world.twin.settled()
  const unseen = await said()
  expect(unseen).toContain(`warn: the required workflow ${path} has not been reported lately: a change would wait for it for ever`)
  expect(unseen).toContain(`fail: main requires the workflow ${path}, which GitHub runs for pull requests and in its merge queue alone`)
  world.twin.ci(world.repository, () => [security])
  await world.open('d.txt', { issue: 'issue-2', key: 'APP-2', branch: 'signalbox/APP-2' })
  await world.twin.settled()
  expect(await said()).toContain(`pass: requires workflow ${path}`)
})

test('where GitHub does not say which workflows have run, a required one has not passed, and it is said once', async () => {
  await requiring(({ event }) => (event === 'pull_request' ? [security] : []))
  await world.open()
  world.twin.faults.add({ match: ({ body }) => body.includes('checkSuites'), status: 403, times: 2 })
  expect(await checks()).toMatchObject({ state: 'pending', names: [`workflow ${path}`] })
  expect(await checks()).toMatchObject({ state: 'pending' })
  expect(world.logged.filter((line) => line.includes('workflows'))).toHaveLength(1)
  expect(await checks()).toMatchObject({ state: 'passed' })
})
