// A service that refuses once, or breaks off once, what it takes a moment later: the issue lands with one run, and everything is there.

import { expect, test } from 'vitest'
import { both, type BothWorld } from './both.ts'
import { createCrowd, type Kind } from './crowd.ts'
import { until } from './harness.ts'
import type { RequestRecord } from '../twins/github.ts'

/** Fails what matches once. */
type Arrange = (world: BothWorld) => void

const cases: [name: string, arrange: Arrange, kind?: Kind][] = [
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
    'Linear knows nothing of the session in which something is said',
    ({ linear }) => {
      let seen = 0
      linear.faults.add({ status: 404, match: ({ fields }) => fields.includes('agentActivityCreate') && ++seen === 3 })
    },
  ],
  [
    'GitHub refuses the check run that shows the end',
    ({ github }) =>
      github.faults.add({
        status: 422,
        times: 1,
        match: ({ route, body }) => route.includes('/check-runs') && body.includes('"conclusion":"success"'),
      }),
  ],
  [
    'GitHub has had enough for two seconds when the pull request is to be opened',
    ({ github }) =>
      github.faults.add({
        status: 429,
        retryAfter: 2,
        times: 1,
        match: ({ method, route }) => method === 'POST' && route.endsWith('/pulls'),
      }),
  ],
  [
    'GitHub breaks off its answer to a push, and has not taken it',
    ({ github }) =>
      github.faults.add({ status: 'half', times: 1, match: ({ method, route }) => method === 'POST' && route === 'git-receive-pack' }),
  ],
  [
    'GitHub breaks off its answer to the removal of the branch of a landing',
    ({ github }) => {
      let seen = 0
      // The change, the branch of the landing, and its removal.
      github.faults.add({
        status: 'half',
        times: 1,
        match: ({ method, route }) => method === 'POST' && route === 'git-receive-pack' && ++seen === 3,
      })
    },
  ],
  [
    'GitHub forbids to resolve the thread of a point that was answered',
    ({ github }) => github.faults.add({ status: 403, times: 1, match: ({ body }) => body.includes('resolveReviewThread(') }),
    'points',
  ],
  [
    'Linear takes a question and does not say so until it is answered and the change is there',
    ({ linear, repository }) => {
      linear.faults.add({
        ...{ status: 500, when: 'after', times: Infinity },
        match: ({ fields, variables }) =>
          fields.includes('agentActivityCreate') &&
          (variables['input'] as { content: { type: string } }).content.type === 'elicitation' &&
          repository.pulls.size === 0,
      })
      linear.faults.add({
        ...{ status: 500, times: Infinity },
        match: ({ operation }) => operation === 'SignalboxActivityIsThere' && repository.pulls.size === 0,
      })
    },
    'question',
  ],
  [
    'GitHub says that it will not tell the pull requests of a branch as things are, when that is there with its answers',
    ({ github }) => {
      let seen = 0
      github.faults.add({
        status: 409,
        times: 1,
        match: ({ route, path }) => route.endsWith('/pulls') && path.includes('head=') && ++seen === 2,
      })
    },
    'points',
  ],
  [
    'GitHub breaks off its answer to the second fetch',
    ({ github }) => {
      let seen = 0
      github.faults.add({
        status: 'half',
        times: 1,
        match: ({ method, route }) => method === 'POST' && route === 'git-upload-pack' && ++seen === 2,
      })
    },
  ],
]

const isApi = ({ route }: RequestRecord): boolean => !route.startsWith('git-')
const isWithin = (one: RequestRecord, { at }: RequestRecord, from: number, to: number): boolean =>
  isApi(one) && one.at > at + from && one.at < at + to

test.each(cases)('%s', async (_name, arrange, kind = 'simple') => {
  const setting = await both({ ci: () => [{ name: 'test', delay: 50 }], more: { polling: { shortest: '1h', longest: '1h' } } })
  try {
    arrange(setting)
    const crowd = createCrowd(setting)
    const issue = crowd.file(kind)
    await until(async () => (await crowd.act(), crowd.isOver(issue)), {
      what: 'the issue to be done',
      saw: setting.world.log,
      patience: 40_000,
    })
    await setting.github.settled()
    await until(() => crowd.wrongs().length === 0, { what: 'everything to be there once', saw: () => crowd.wrongs().join('\n') })
    const { budgets } = await setting.world.untilIssue('ENG-1', 'done')
    expect(budgets['runs']!.used).toBe(kind === 'simple' ? 1 : 2)
    expect(setting.world.log()).not.toContain('ended: failed')
    // Whoever is told to wait for two seconds does; what was on its way by then arrives.
    const { requests } = setting.github
    for (const limited of requests.filter(({ status }) => status === 429))
      expect(requests.filter((one) => one.credential === 'installation' && isWithin(one, limited, 500, 2_000))).toEqual([])
  } finally {
    await setting.close()
  }
})

test('GitHub takes a fix and never says again what its branch has: a person is asked, and an approval lands it', async () => {
  const setting = await both({ ci: () => [{ name: 'test', delay: 50 }], more: { polling: { shortest: '1h', longest: '1h' } } })
  try {
    const { github, world, repository } = setting
    let seen = 0
    github.faults.add({
      ...{ status: 422, times: Infinity },
      match: ({ route, path }) => route.endsWith('/pulls') && path.includes('head=') && ++seen > 1,
    })
    const crowd = createCrowd(setting)
    crowd.file('points')
    const isAsked = async (): Promise<boolean> => {
      await crowd.act()
      return (await world.issue('ENG-1')).phase === 'escalated'
    }
    await until(isAsked, { what: 'a person to be asked', saw: world.log, patience: 40_000 })
    expect((await world.issue('ENG-1')).waitsFor).toMatchObject([
      { party: 'human', reason: expect.stringMatching(/^Its work is pushed, but not all that goes with it could be told there: /) },
    ])
    const [pull] = [...repository.pulls.values()]
    await github.as('rob').approve(pull!)
    await world.untilIssue('ENG-1', 'done')
  } finally {
    await setting.close()
  }
})
