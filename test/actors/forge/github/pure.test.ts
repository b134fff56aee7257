// What the forge GitHub reads out of what it has seen, without anybody to ask.

import { describe, expect, test } from 'vitest'
import { toCheckRun, toStatus, withWorkflows } from '../../../../src/actors/forge/github/commit-checks.ts'
import { toGithubError, toGraphqlError } from '../../../../src/actors/forge/github/errors.ts'
import { externalQueue, toIncident } from '../../../../src/actors/forge/github/external-lander.ts'
import { scoreOf } from '../../../../src/actors/forge/github/failures.ts'
import { addressed } from '../../../../src/actors/forge/github/mentions.ts'
import type { SeenContext, SeenPullRequest, SeenReview } from '../../../../src/actors/forge/github/queries.ts'
import { fullNameOf, webUrlOf } from '../../../../src/actors/forge/github/repository-names.ts'
import { isAmbiguous, last, settle, silence } from '../../../../src/actors/forge/github/standing.ts'
import { objectorsOf, verdictsOf } from '../../../../src/actors/forge/github/verdicts.ts'
import { configSchema } from '../../../../src/config-schema.ts'

let ids = 0
const run = (
  name: string,
  conclusion: string | null,
  more: { at?: number; app?: number; id?: number; suite?: number; text?: string; title?: string } = {},
): SeenContext =>
  toCheckRun({
    ...(more.suite === undefined ? {} : { check_suite: { id: more.suite } }),
    ...{ id: more.id ?? (ids += 1), name, status: conclusion === null ? 'in_progress' : 'completed', conclusion },
    ...{ started_at: more.at ?? 1_000, completed_at: conclusion === null ? null : (more.at ?? 1_000) + 500 },
    app: { id: more.app ?? 1, slug: 'actions' },
    output: { title: more.title ?? null, summary: null, text: more.text ?? null },
  })
/** A job of GitHub Actions: of a run, which is a suite, and, where that is told, of a workflow that an event has begun. */
const job = (name: string, conclusion: string | null, suite: number, of?: [workflow: number, event: string]): SeenContext => {
  const seen = run(name, conclusion, { suite })
  const job = { ...seen, detailsUrl: `https://github.com/o/r/actions/runs/${suite}/job/${ids}` } as SeenContext
  return withWorkflows([job], of === undefined ? [] : [{ id: suite, check_suite_id: suite, workflow_id: of[0], event: of[1] }])[0]!
}
const status = (context: string, state: string, at = 1_000, type = 'User'): SeenContext =>
  toStatus({ context, state, created_at: at, creator: { type } })
const named = (...names: string[]) => names.map((name) => ({ name, app: null }))

describe('how the checks of a head stand', () => {
  test.each(['success', 'neutral', 'skipped'])('%s passes', (conclusion) => {
    expect(settle([run('unit', conclusion)], named('unit'), 0).state).toBe('passed')
  })
  test.each(['failure', 'timed_out', 'cancelled', 'startup_failure', 'action_required', 'stale'])('%s fails', (conclusion) => {
    const { state, failed } = settle([run('unit', conclusion)], named('unit'), 0)
    expect([state, failed.length]).toEqual(['failed', 1])
  })
  test.each([
    ['success', 'passed'],
    ['pending', 'pending'],
    ['expected', 'pending'],
    ['error', 'failed'],
    ['failure', 'failed'],
  ])('a status that is %s is %s', (state, standing) => {
    expect(settle([status('ci', state)], named('ci'), 0).state).toBe(standing)
  })

  test.each(['unit-tests', 'Unit', 'unit (20.x)', 'ci / unit', ' unit'])(
    'a check whose name only resembles that of a required one is none of it: %s (case 143) (edge 173)',
    (name) => {
      const passed = settle([run(name, 'success')], named('unit'), silence * 10)
      const failed = settle([run('unit', 'success'), run(name, 'failure')], named('unit'), 0)
      expect([passed.state, failed.state]).toEqual(['pending', 'passed'])
    },
  )
  test('a required check that has not reported is pending, whatever else has (case 149) (edge 168)', () => {
    expect(settle([run('unit', 'success')], named('unit', 'lint'), silence * 10)).toMatchObject({
      state: 'pending',
      names: ['unit', 'lint'],
    })
  })
  test('what is not required does not count where something is', () => {
    expect(settle([run('unit', 'success'), run('flaky', 'failure')], named('unit'), 0).state).toBe('passed')
  })
  test('red is said when everything that is required has ended', () => {
    expect(settle([run('unit', 'failure'), run('lint', null)], named('unit', 'lint'), 0)).toMatchObject({ state: 'pending', failed: [] })
    expect(settle([run('unit', 'failure'), run('lint', 'success')], named('unit', 'lint'), 0).state).toBe('failed')
  })
  test('the newest run of a name counts, in whatever order they are listed', () => {
    const [first, second] = [run('unit', 'failure', { id: 10 }), run('unit', 'success', { id: 11, at: 5_000 })]
    expect(settle([second, first], named('unit'), 0)).toMatchObject({ state: 'passed', observedAt: 5_500 })
    expect(settle([first, run('unit', null, { id: 12, at: 9_000 })], named('unit'), 0)).toMatchObject({
      state: 'pending',
      observedAt: 9_000,
    })
  })
  test.each([
    ['another workflow', 11, [2, 'push'], 'failed'],
    ['another event', 11, [1, 'pull_request'], 'failed'],
    ['the same workflow and event, begun anew', 11, [1, 'push'], 'passed'],
    ['the same run, run again', 10, [1, 'push'], 'passed'],
  ] as const)('a job that fails, and one of the same name that passes later, of %s', (_title, suite, of, state) => {
    const contexts = [job('check', 'failure', 10, [1, 'push']), job('check', 'success', suite, [...of])]
    expect([settle(contexts, named('check'), 0).state, settle(contexts.toReversed(), null, 0).state]).toEqual([state, state])
  })
  test.each([
    ['of the same workflow', job('check', 'success', 11, [1, 'pull_request']), 'passed'],
    ['of the same workflow, which fails', job('check', 'failure', 11, [1, 'pull_request']), 'failed'],
    ['of the same workflow, cancelled too', job('check', 'cancelled', 11, [1, 'pull_request']), 'failed'],
    ['of another workflow', job('check', 'success', 11, [2, 'push']), 'failed'],
  ] as const)('a job that was cancelled says nothing where one of its name ran for another event: %s', (_title, other, state) => {
    const cancelled = job('check', 'cancelled', 10, [1, 'push'])
    expect([settle([cancelled, other], null, 0).state, settle([other, cancelled], null, 0).state]).toEqual([state, state])
  })
  test('where the workflow is not told, each suite has a newest job of its own; what is no job has no suite of its own', () => {
    const [red, green] = [job('check', 'failure', 1), job('check', 'success', 2)]
    expect(isAmbiguous([red, green])).toBe(true)
    expect(settle([red, green], named('check'), 0)).toMatchObject({ state: 'failed', failed: [red] })
    const again = [red, green, job('check', 'success', 1)]
    expect(settle(again, named('check'), 0).state).toBe('passed')
    expect(isAmbiguous([red, job('other', 'failure', 2), job('check', 'success', 1)])).toBe(false)
    const reported = [run('check', 'failure', { suite: 1 }), run('check', 'success', { suite: 2 })]
    expect([isAmbiguous(reported), settle(reported, named('check'), 0).state]).toEqual([false, 'passed'])
  })
  test('a check that an App has to report is not reported by another', () => {
    const rules = [{ name: 'unit', app: 7 }]
    expect(settle([run('unit', 'success', { app: 1 })], rules, 0).state).toBe('pending')
    expect(settle([run('unit', 'success', { app: 7 }), run('unit', 'failure', { app: 1 })], rules, 0).state).toBe('passed')
  })
  test('nor by the status of a person; that of a bot may be of the App', () => {
    const rules = [{ name: 'unit', app: 7 }]
    expect(settle([status('unit', 'success')], rules, 0).state).toBe('pending')
    expect(settle([status('unit', 'success', 1_000, 'Bot')], rules, 0).state).toBe('passed')
    expect(settle([run('unit', 'failure', { app: 7 }), status('unit', 'success')], rules, 0).state).toBe('failed')
  })
  test('where nothing is required, everything that is reported counts, and silence passes after a minute', () => {
    expect(settle([run('unit', 'success'), status('old', 'failure')], null, 0).state).toBe('failed')
    expect(settle([], null, silence - 1)).toMatchObject({ state: 'pending', observedAt: 0 })
    const silent = settle([], null, silence)
    expect(silent.state).toBe('passed')
    // What comes after all is later than that.
    expect(settle([run('unit', null)], null, silence).observedAt).toBeGreaterThan(silent.observedAt)
  })
})

describe('what reviewers have said', () => {
  const review = (login: string, state: string, more: Partial<SeenReview> = {}): SeenReview => ({
    ...{ id: `R_${login}_${state}`, state, body: `${login} says`, submittedAt: 100, updatedAt: 100 },
    ...{ author: { __typename: 'User', login }, commit: { oid: 'head' }, comments: { nodes: [] } },
    ...more,
  })
  const seen = (decision: SeenPullRequest['reviewDecision'], standing: SeenReview[], dismissed: SeenReview[] = []): SeenPullRequest =>
    ({
      ...{ headRefOid: 'head', reviewDecision: decision, dismissed: { nodes: dismissed } },
      latestOpinionatedReviews: { pageInfo: { hasNextPage: false, endCursor: null }, nodes: standing },
    }) as unknown as SeenPullRequest
  const self = { login: 'box[bot]', slug: 'box' }
  const read = (pull: SeenPullRequest, more: Partial<Parameters<typeof verdictsOf>[1]> = {}) =>
    verdictsOf(pull, { self, settled: new Set(), approvedAt: 0, own: [], ...more }).map(({ reviewer, verdict, headSha }) => [
      reviewer,
      verdict,
      headSha,
    ])

  test.each(['APPROVED', 'CHANGES_REQUESTED', null] as const)('an approval is told when the decision is %s', (decision) => {
    expect(read(seen(decision, [review('kim', 'APPROVED')]))).toEqual([['kim', 'approved', 'head']])
  })
  test('an approval does not count while more are required, whoever gave it', () => {
    const own = [{ id: '1', reviewer: 'agent', verdict: 'approved' as const, headSha: 'head', body: '', comments: [], observedAt: 1 }]
    expect(read(seen('REVIEW_REQUIRED', [review('kim', 'APPROVED')]), { own })).toEqual([])
  })
  test('once they count again, they are told with a time of their own', () => {
    const [told] = verdictsOf(seen('APPROVED', [review('kim', 'APPROVED')]), { self, settled: new Set(), approvedAt: 900, own: [] })
    expect(told!.observedAt).toBe(900)
  })
  test('two objections are two, each at the commit that it was said of', () => {
    const pull = seen('CHANGES_REQUESTED', [
      review('kim', 'CHANGES_REQUESTED', { commit: { oid: 'old' } }),
      review('ada', 'CHANGES_REQUESTED'),
    ])
    expect(read(pull)).toEqual([
      ['kim', 'changes_requested', 'old'],
      ['ada', 'changes_requested', 'head'],
    ])
  })
  test('an approval of an earlier head is told with that head, and one of no known head not at all', () => {
    const pull = seen('APPROVED', [review('kim', 'APPROVED', { commit: { oid: 'old' } }), review('ada', 'APPROVED', { commit: null })])
    expect(read(pull)).toEqual([['kim', 'approved', 'old']])
  })
  test('a dismissed one is told as that, and our own reviews are not told', () => {
    const bot = { __typename: 'Bot', login: 'box' }
    const pull = seen(null, [review('box', 'APPROVED', { author: bot })], [review('kim', 'DISMISSED', { updatedAt: 300 })])
    expect(read(pull)).toEqual([['kim', 'dismissed', 'head']])
  })
  test('who has approved again after a dismissal has approved, and a dismissal is never before what it takes back', () => {
    const dismissed = review('kim', 'DISMISSED', { updatedAt: 300 })
    const again = verdictsOf(seen('APPROVED', [review('kim', 'APPROVED', { submittedAt: 400 })], [dismissed]), {
      self,
      settled: new Set(),
      approvedAt: 900,
      own: [],
    })
    expect(again.map(({ verdict }) => verdict)).toEqual(['approved'])
    const [taken] = verdictsOf(seen('APPROVED', [], [dismissed]), { self, settled: new Set(), approvedAt: 900, own: [] })
    expect(taken).toMatchObject({ verdict: 'dismissed', observedAt: 900 })
  })
  test('a point whose thread was resolved is not made again', () => {
    const nodes = ['a', 'b'].map((id) => ({ id, path: 'x.ts', line: null, originalLine: 3, body: id }))
    const [told] = verdictsOf(seen(null, [review('kim', 'CHANGES_REQUESTED', { comments: { nodes } })]), {
      self,
      settled: new Set(['a']),
      approvedAt: 0,
      own: [],
    })
    expect(told!.comments).toEqual([{ path: 'x.ts', line: 3, body: 'b', id: 'b' }])
  })
})

describe('whose objection holds the change', () => {
  const self = { login: 'box[bot]', slug: 'box' }
  const by = (login: string, state: string, type = 'User') => ({ state, author: { __typename: type, login } })
  const objectors = (decision: SeenPullRequest['reviewDecision'], ...nodes: ReturnType<typeof by>[]): string[] =>
    objectorsOf({ reviewDecision: decision, latestOpinionatedReviews: { nodes } } as unknown as SeenPullRequest, self)

  test('everybody whose last word it is, while GitHub says that changes are requested', () => {
    expect(objectors('CHANGES_REQUESTED', by('rob', 'CHANGES_REQUESTED'), by('ann', 'APPROVED'), by('ada', 'CHANGES_REQUESTED'))).toEqual([
      'ada',
      'rob',
    ])
  })
  test('where GitHub decides nothing, since no review is required, each one that stands', () => {
    expect(objectors(null, by('rob', 'CHANGES_REQUESTED'), by('ann', 'APPROVED'))).toEqual(['rob'])
  })
  test('nobody where GitHub says otherwise', () => {
    expect(objectors('APPROVED', by('rob', 'CHANGES_REQUESTED'))).toEqual([])
    expect(objectors('REVIEW_REQUIRED', by('ann', 'APPROVED'))).toEqual([])
  })
  test('ourselves only where GitHub counts it', () => {
    expect(objectors(null, by('box', 'CHANGES_REQUESTED', 'Bot'))).toEqual([])
    expect(objectors('CHANGES_REQUESTED', by('box', 'CHANGES_REQUESTED', 'Bot'))).toEqual(['box'])
  })
})

describe('who is addressed', () => {
  test.each([
    ['@box please rename it', 'please rename it'],
    ['@Box[bot]: please rename it', 'please rename it'],
    ['Hey @signalbox, rename it', 'rename it'],
    ['signalbox rename it', 'rename it'],
    ['SIGNALBOX: rename it\nand test it', 'rename it\nand test it'],
    ['Nice! @box rename it', 'Nice! rename it'],
    ['> old words\n\n@box rename it', 'rename it'],
  ])('%j is', (body, said) => expect(addressed(body, { slug: 'box' })).toBe(said))
  test.each([
    'I like it',
    'the signalbox is red',
    'signalboxes are old',
    'mail kim@box.example',
    '@boxer look',
    '> @box rename it\n\nI agree with that',
    '```\n@box rename it\n```\nis what it reads',
    'see `@box`',
    '@box/team look',
  ])('%j is not', (body) => expect(addressed(body, { slug: 'box' })).toBeNull())
})

describe('an external lander', () => {
  test('is at work, gives back, or has nothing to say', () => {
    expect(externalQueue(run('q', null, { at: 7 }), 'head')).toMatchObject({ state: 'queued', observedAt: 7 })
    expect(externalQueue(run('q', 'success'), 'head')).toMatchObject({ state: 'none', incident: null })
    const text = '```json\n{"summary":"src/a.ts conflicts","files":["src/a.ts"],"baseSha":"abc"}\n```'
    expect(externalQueue(run('q', 'failure', { text, title: 'Evicted' }), 'head')).toMatchObject({
      ...{ headSha: 'head', state: 'evicted' },
      incident: { class: 'conflict', files: ['src/a.ts'], baseSha: 'abc', headSha: 'head', summary: 'src/a.ts conflicts' },
    })
  })
  test('says the newest thing, whichever of its Apps or workflows reports it', () => {
    const word = [run('q', 'failure', { app: 1, at: 1_000 }), run('q', null, { app: 2, at: 9_000 }), status('q', 'pending', 5_000)]
    expect([last(word), last(word.toReversed()), last([])]).toEqual([word[1], word[1], undefined])
  })
  test('says the newer thing when it gives a change back in the second in which it took it', () => {
    const [taken, back] = ['pending', 'failure'].map((state) => externalQueue(status('q', state, 7_000), 'head'))
    expect([taken!.state, back!.state]).toEqual(['queued', 'evicted'])
    expect(back!.observedAt).toBeGreaterThan(taken!.observedAt)
  })
  test('F28: whose incident is malformed has given it back all the same (edge 188)', () => {
    const said = { title: 'Out of the queue', summary: '', text: '{"files": 7' }
    expect(toIncident(said, 'head')).toEqual({
      class: 'checks',
      files: [],
      failures: [],
      baseSha: '',
      headSha: 'head',
      summary: 'Out of the queue',
    })
    expect(toIncident({ title: '', summary: '', text: '' }, 'head').summary).toBe('The landing queue gave it back')
  })
  test('is understood as merge-steward writes it, whose check has the name that is the default (edge 201)', () => {
    const incident = (failureClass: string, more: object = {}) =>
      toIncident(
        {
          ...{ title: 'Queue eviction', summary: '' },
          text: JSON.stringify({
            ...{ version: 1, failureClass, conflictFiles: [], failedChecks: [], baseSha: 'base', prHeadSha: 'head' },
            ...{ queuePosition: 1, baseBranch: 'main', branch: 'theirs', issueKey: null, retryHistory: [], ...more },
          }),
        },
        'other',
      )
    expect(incident('integration_conflict', { conflictFiles: ['a.ts'] })).toMatchObject({
      ...{ class: 'conflict', files: ['a.ts'], baseSha: 'base', headSha: 'head', summary: 'Queue eviction' },
    })
    expect(incident('integration_conflict').class).toBe('conflict')
    const failedChecks = [{ name: 'unit', conclusion: 'failure', url: 'https://ci.example/1' }]
    expect(incident('branch_local', { failedChecks })).toMatchObject({
      ...{ class: 'checks', failures: [{ name: 'unit', url: 'https://ci.example/1' }] },
    })
    expect(incident('main_broken', { failedChecks }).class).toBe('environment')
    const parsed = configSchema.parse({ agents: { a: { kind: 'command', command: 'true' } }, projects: [{ id: 'app', repo: 'a/b' }] })
    expect(parsed.projects[0]!.checks.queue).toBe('merge-steward/queue')
  })
  test('names the checks that failed, each with a signature that is the same on another head', () => {
    const told = (head: string) =>
      toIncident({ title: '', summary: '', text: '{"class":"checks","failedChecks":["unit",{"name":"e2e","summary":"3 failed"}]}' }, head)
    expect(told('a').failures.map(({ name, summary }) => [name, summary])).toEqual([
      ['unit', 'unit failed'],
      ['e2e', '3 failed'],
    ])
    expect(told('a').failures[0]!.signature).toBe(told('b').failures[0]!.signature)
  })
})

test('annotations: the code before the runner (case 159) (edge 186)', () => {
  const at = (message: string, path = '.github', level = 'failure') => scoreOf({ path, annotation_level: level, message })
  expect(at('Process completed with exit code 1.')).toBe(0)
  expect(at('Node.js 16 actions are deprecated. Please update')).toBe(0)
  expect(at('expected 1 to be 2', 'src/a.ts')).toBeGreaterThan(at('expected 1 to be 2'))
  expect(at('expected 1 to be 2', 'src/a.ts')).toBeGreaterThan(at('expected 1 to be 2', 'src/a.ts', 'warning'))
})

describe('where GitHub is', () => {
  test.each([
    ['https://api.github.com', 'https://github.com'],
    ['https://ghe.example/api/v3', 'https://ghe.example'],
    ['https://api.acme.ghe.com', 'https://acme.ghe.com'],
    ['http://127.0.0.1:8080/api/v3', 'http://127.0.0.1:8080'],
  ])('%s is at %s', (api, web) => expect(webUrlOf(api)).toBe(web))

  test.each([
    'acme/app',
    'https://ghe.example/acme/app',
    'https://ghe.example/acme/app.git',
    'https://kim:x@ghe.example/acme/app',
    'git@ghe.example:acme/app.git',
    'ssh://git@ghe.example/acme/app.git',
  ])('%s is acme/app', (repo) => expect(fullNameOf(repo, 'https://ghe.example')).toBe('acme/app'))
  test.each(['/home/kim/app', 'https://gitlab.example/acme/app', 'https://ghe.example.evil/acme/app'])('%s is not there', (repo) =>
    expect(() => fullNameOf(repo, 'https://ghe.example')).toThrow(/owner\/name/),
  )
})

describe('what is no answer', () => {
  const answered = (statusCode: number, data: unknown = {}, headers: Record<string, string> = {}) =>
    toGithubError(Object.assign(new Error('x'), { status: statusCode, response: { data, headers } }), 'the thing', 1_000_000) as {
      code: string
      message: string
      retryAfter?: number
    }
  test.each([
    [401, 'github-unauthorized'],
    [403, 'github-forbidden'],
    [404, 'github-not-found'],
    [405, 'github-conflict'],
    [409, 'github-conflict'],
    [418, 'github-refused'],
    [422, 'github-refused'],
    [429, 'github-rate-limited'],
    [500, 'github-failed'],
    [503, 'github-failed'],
  ])('status %i is %s', (code, expected) => expect(answered(code).code).toBe(expected))
  test('the words are those of GitHub, with what it says of the fields', () => {
    expect(
      answered(422, {
        message: 'Validation Failed',
        errors: [{ message: 'No commits between main and x' }, { field: 'head', code: 'invalid' }],
      }).message,
    ).toContain('Validation Failed: No commits between main and x: head invalid.')
  })
  test('the permission that is missing is named', () => {
    expect(
      answered(
        403,
        { message: 'Resource not accessible by integration' },
        { 'x-accepted-github-permissions': 'checks=write; contents=read' },
      ).message,
    ).toContain('checks: write')
  })
  test('how long to wait is what GitHub says', () => {
    expect(answered(429, {}, { 'retry-after': '7' }).retryAfter).toBe(8_000)
    expect(answered(403, {}, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1060' })).toMatchObject({
      code: 'github-rate-limited',
      retryAfter: 61_000,
    })
    expect(answered(403, { message: 'You have exceeded a secondary rate limit' })).toMatchObject({
      code: 'github-rate-limited',
      retryAfter: 61_000,
    })
  })
  test('GraphQL has classes of its own', () => {
    const of = (type: string, message = 'no') => toGraphqlError([{ type, message }], 'it', { headers: {}, now: 0 }).code
    expect([
      of('RATE_LIMITED'),
      of('FORBIDDEN'),
      of('NOT_FOUND'),
      of('UNPROCESSABLE'),
      of('', 'Something went wrong while executing your query'),
    ]).toEqual(['github-rate-limited', 'github-forbidden', 'github-not-found', 'github-refused', 'github-failed'])
  })
})
