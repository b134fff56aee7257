// A service that refuses once, or breaks off once, what it takes a moment later: the issue lands with one run, and everything is there.

import { expect, test } from 'vitest'
import { both, type BothWorld } from './both.ts'
import { createCrowd } from './crowd.ts'
import { until } from './harness.ts'

/** Fails what matches once. */
type Arrange = (world: BothWorld) => void

const cases: [name: string, arrange: Arrange][] = [
  [
    'Linear refuses the last word of a session',
    ({ linear }) =>
      linear.faults.add({
        status: 422,
        match: ({ fields, variables }) =>
          fields.includes('agentActivityCreate') && (variables['input'] as { content: { type: string } }).content.type === 'response',
      }),
  ],
  [
    'Linear knows nothing of an issue that it has told of',
    ({ linear }) => {
      let seen = 0
      linear.faults.add({ status: 404, match: ({ operation }) => operation === 'SignalboxIssue' && ++seen === 3 })
    },
  ],
  [
    'Linear forbids to look at an issue that it tells of first',
    ({ linear }) => linear.faults.add({ status: 403, match: ({ operation }) => operation === 'SignalboxIssue' }),
  ],
  [
    'GitHub refuses the check run that shows the issue',
    ({ github }) =>
      github.faults.add({ status: 422, times: 1, match: ({ method, route }) => method === 'POST' && route.endsWith('/check-runs') }),
  ],
  [
    'GitHub breaks off its answer to a push, and has taken it',
    ({ github }) =>
      github.faults.add({
        status: 'half',
        when: 'after',
        times: 1,
        match: ({ method, route }) => method === 'POST' && route === 'git-receive-pack',
      }),
  ],
  [
    'GitHub breaks off its answer to a fetch',
    ({ github }) =>
      github.faults.add({ status: 'half', times: 1, match: ({ method, route }) => method === 'GET' && route === 'git-upload-pack' }),
  ],
]

test.each(cases)('%s', async (_name, arrange) => {
  const setting = await both({ ci: () => [{ name: 'test', delay: 50 }], more: { polling: { shortest: '1h', longest: '1h' } } })
  try {
    arrange(setting)
    const crowd = createCrowd(setting)
    const issue = crowd.file('simple')
    await until(async () => (await crowd.act(), crowd.isOver(issue)), {
      what: 'the issue to be done',
      saw: setting.world.log,
      patience: 40_000,
    })
    await setting.github.settled()
    await until(() => crowd.wrongs().length === 0, { what: 'everything to be there once', saw: () => crowd.wrongs().join('\n') })
    const { budgets } = await setting.world.untilIssue('ENG-1', 'done')
    expect(budgets['runs']!.used).toBe(1)
  } finally {
    await setting.close()
  }
})
