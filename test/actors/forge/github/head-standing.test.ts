// How a head stands under the workflows and the code scanning that a ruleset requires, by what is seen of it.

import { describe, expect, test } from 'vitest'
import { settleHead, type HeadRules, type SeenRun } from '../../../../src/actors/forge/github/head-standing.ts'
import type { SeenContext } from '../../../../src/actors/forge/github/queries.ts'

const path = '.github/workflows/security.yml'
const rules = (more: Partial<HeadRules> = {}): HeadRules => ({ checks: null, workflows: [{ path, isOwn: true }], scanners: [], ...more })
const run = (suite: number, more: Partial<SeenRun> = {}): SeenRun => ({
  ...{ path, isOwn: true, suite, event: 'pull_request', status: 'COMPLETED', conclusion: 'SUCCESS', createdAt: suite },
  ...more,
})
const job = (suite: number, name: string, conclusion: string | null = 'SUCCESS', slug = 'github-actions'): SeenContext => ({
  ...{ __typename: 'CheckRun', databaseId: suite * 10, name, status: conclusion === null ? 'IN_PROGRESS' : 'COMPLETED', conclusion },
  ...{ startedAt: suite, completedAt: suite + 1, detailsUrl: null, url: '', title: null, summary: null, text: null, externalId: null },
  checkSuite: {
    databaseId: suite,
    app: { slug, databaseId: 1 },
    workflowRun: { databaseId: suite, event: 'pull_request', workflow: { databaseId: 1 } },
  },
})
const stateOf = (contexts: SeenContext[], runs: SeenRun[], more: Partial<HeadRules> = {}) =>
  settleHead(contexts, rules(more), runs, 0).state

describe('a required workflow', () => {
  test('whose jobs have passed goes on: others wait for them and are not there yet', () => {
    expect(stateOf([job(1, 'build')], [run(1, { status: 'IN_PROGRESS', conclusion: null })])).toBe('pending')
  })

  test('that was begun anew is judged by that, whatever the run before it said', () => {
    const both = [job(1, 'audit'), job(2, 'audit', 'FAILURE')]
    expect(stateOf(both, [run(1), run(2, { conclusion: 'FAILURE' })])).toBe('failed')
    expect(stateOf([job(1, 'audit', 'FAILURE')], [run(1, { conclusion: 'FAILURE' }), run(2, { status: 'QUEUED', conclusion: null })])).toBe(
      'pending',
    )
  })

  test('has passed when GitHub says so of the run: a job may be allowed to fail', () => {
    expect(stateOf([job(1, 'audit'), job(1, 'nightly', 'FAILURE')], [run(1)])).toBe('passed')
  })

  test('that could not begin at all is waited for: there is nothing to mend in the change', () => {
    expect(stateOf([], [run(1, { conclusion: 'STARTUP_FAILURE' })])).toBe('pending')
    expect(stateOf([], [run(1, { conclusion: 'ACTION_REQUIRED' })])).toBe('pending')
  })

  test('stands beside checks that are required by name', () => {
    const checks = [{ name: 'unit', app: null }]
    const standing = settleHead(
      [job(1, 'audit', 'FAILURE'), job(2, 'unit', 'FAILURE')],
      rules({ checks }),
      [run(1, { conclusion: 'FAILURE' })],
      0,
    )
    expect(standing).toMatchObject({ state: 'failed', names: ['unit', `workflow ${path}`], observedAt: 3 })
    expect(standing.failed.map((context) => context.__typename === 'CheckRun' && context.name)).toEqual(['unit', 'audit'])
    expect(stateOf([job(1, 'audit')], [run(1)], { checks })).toBe('pending')
  })
})

test('an older GitHub reports code scanning by the former name of its App', () => {
  const scanners = [{ tool: 'CodeQL', isLenient: false }]
  expect(stateOf([job(1, 'CodeQL', 'SUCCESS', 'github-code-scanning')], [], { workflows: [], scanners })).toBe('passed')
})
