// The Linear twin fails as it is told to, counts what queries cost, and stops those who ask too much.

import { request } from 'node:http'
import { InvalidInputLinearError, LinearClient, RatelimitedLinearError } from '@linear/sdk'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { maximumComplexity } from './linear/complexity.ts'
import { createLinearTwin, createVirtualClock, type LinearTwin, type VirtualClock, type WorkspaceTwin } from './linear.ts'

let twin: LinearTwin
let acme: WorkspaceTwin
let clock: VirtualClock
let token: string
let client: LinearClient

beforeEach(async () => {
  clock = createVirtualClock()
  twin = await createLinearTwin({ clock, limits: { requests: 60, complexity: 36_000 } })
  acme = twin.workspace()
  token = acme.install().accessToken
  client = new LinearClient({ accessToken: token, apiUrl: twin.apiUrl })
})

afterEach(() => twin.close())

async function post(body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; headers: Headers; body: any }> {
  const response = await fetch(twin.apiUrl, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}`, ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, body: await response.json() }
}

test.each([401, 403, 404, 409, 422, 429, 500, 502, 503] as const)(
  'a call fails once with %i, and the next one does not',
  async (status) => {
    twin.faults.add({ status, match: ({ fields }) => fields.includes('viewer') })
    expect((await client.organization).name).toBe('acme')
    await expect(client.viewer).rejects.toMatchObject({ status })
    expect(twin.faults.pending).toBe(0)
    expect((await client.viewer).app).toBe(true)
  },
)

test('a fault strikes the operation and the variables that it is for, as often as it says, and says when to come again', async () => {
  const [first, second] = [acme.as('alice').createIssue('First'), acme.as('alice').createIssue('Second')]
  twin.faults.add({
    match: ({ operation, variables }) => operation === 'updateIssue' && variables['id'] === second.id,
    times: 2,
    status: 429,
    retryAfter: 7,
  })
  await client.updateIssue(first.id, { title: 'Changed' })
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(client.updateIssue(second.id, { title: 'Changed' })).rejects.toBeInstanceOf(RatelimitedLinearError)
  }
  await client.updateIssue(second.id, { title: 'Changed' })
  expect([first.title, second.title]).toEqual(['Changed', 'Changed'])
  twin.faults.add({ status: 503, retryAfter: 7 })
  const response = await fetch(twin.apiUrl, { method: 'POST', body: JSON.stringify({ query: '{ viewer { id } }' }) })
  expect([response.status, response.headers.get('retry-after'), response.headers.get('content-type')]).toEqual([503, '7', 'text/html'])
})

test.each(['timeout', 'half', 'reset', 500] as const)(
  'after a mutation the answer is lost (%s) and the deed is done; before it nothing is',
  async (status) => {
    const issue = acme.as('alice').createIssue('Fix the lamp')
    const attempt = (title: string) =>
      post({
        query: 'mutation($id: String!, $title: String!) { issueUpdate(id: $id, input: { title: $title }) { success } }',
        variables: { id: issue.id, title },
      })
    // An answer that never comes is told by the twin's own record: the call has been dealt with, and nothing was said.
    const outcome = async (title: string): Promise<number | string> => {
      const waiting = attempt(title).then(
        (answer) => answer.status,
        () => 'broken',
      )
      if (status !== 'timeout') return waiting
      const calls = twin.requests.length
      await expect.poll(() => twin.requests[calls]?.duration ?? 0).toBeGreaterThan(0)
      return Promise.race([waiting, new Promise<string>((resolve) => setTimeout(resolve, 20, 'nothing'))])
    }
    const seen = { timeout: 'nothing', half: 'broken', reset: 'broken', 500: 500 }[status]
    twin.faults.add({ status, when: 'before' })
    expect(await outcome('Before')).toBe(seen)
    expect(issue.title).toBe('Fix the lamp')
    twin.faults.add({ status, when: 'after' })
    expect(await outcome('After')).toBe(seen)
    expect(issue.title).toBe('After')
  },
)

test('a fault of the token endpoint looks like one of OAuth', async () => {
  twin.faults.add({ match: ({ path }) => path === '/oauth/token', status: 500 })
  const response = await fetch(new URL('/oauth/token', twin.url), { method: 'POST', body: new URLSearchParams() })
  expect([response.status, await response.json()]).toEqual([500, { error: 'server_error' }])
})

test('a call without a token, or with a wrong one, is not authenticated', async () => {
  for (const Authorization of ['', 'Bearer nothing', token]) {
    const { status, body } = await post({ query: '{ viewer { id } }' }, { Authorization })
    expect([status, body.errors[0].extensions]).toMatchObject([
      401,
      { code: 'AUTHENTICATION_ERROR', type: 'authentication error', statusCode: 401 },
    ])
  }
})

test('a query that Linear would refuse is refused in its form', async () => {
  const misspelt = await post({ query: '{ viewer { nmae } }' })
  expect(misspelt).toMatchObject({
    status: 400,
    body: {
      errors: [
        { locations: [{ line: 1, column: 12 }], extensions: { code: 'GRAPHQL_VALIDATION_FAILED', type: 'graphql error', userError: true } },
      ],
    },
  })
  expect(misspelt.body.errors[0].message).toContain('Cannot query field "nmae" on type "User".')
  expect((await post({ query: '{ viewer {' })).body.errors[0].message).toContain('Syntax Error')
  const variable = await post({ query: 'query($id: String!) { issue(id: $id) { id } }', variables: { id: 3 } })
  expect([variable.status, variable.body.errors[0].extensions.code]).toEqual([400, 'BAD_USER_INPUT'])
  const date = await post({ query: '{ issues(filter: { updatedAt: { gt: "yesterday" } }) { nodes { id } } }' })
  expect(date).toMatchObject({ status: 400, body: { errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] } })
  expect((await post('no query')).status).toBe(400)
})

test('what the twin does not know is a problem of the twin, of which the test hears', async () => {
  expect((await post({ query: '{ initiatives { nodes { id } } }' })).status).toBe(500)
  const issue = acme.as('alice').createIssue('Fix the lamp')
  await expect(client.updateIssue(issue.id, { title: 'Later', snoozedUntilAt: new Date() })).rejects.toMatchObject({ status: 500 })
  expect(issue.title).toBe('Fix the lamp')
  expect(twin.problems).toEqual([
    'The Linear twin does not know the query initiatives.',
    'The Linear twin does not know the field snoozedUntilAt of issueUpdate.',
  ])
  await expect(twin.close()).rejects.toThrow('does not know the query initiatives')
  twin.problems.length = 0
})

test('a query costs a tenth a property and one an object, as often as a page is long', async () => {
  const cost = async (query: string, variables = {}) => Number((await post({ query, variables })).headers.get('x-complexity'))
  expect(await cost('{ viewer { id name } }')).toBe(2)
  // Five tenths, and the team's one, in each of 50 or 10 issues, which are one each.
  const issues = (page: string) =>
    `query${page.includes('$n') ? '($n: Int = 20)' : ''} { issues${page} { nodes { id title team { id key name } } } }`
  expect(await cost(issues(''))).toBe(125)
  expect(await cost(issues('(first: 10)'))).toBe(25)
  expect(await cost(issues('(first: $n)'))).toBe(50)
  expect(await cost(issues('(first: $n)'), { n: 2 })).toBe(5)
  expect(await cost('{ viewer { ...f } } fragment f on User { id name }')).toBe(2)
})

test('a query of more than ten thousand is refused', async () => {
  const { status, body, headers } = await post({ query: '{ issues(first: 250) { nodes { comments(first: 250) { nodes { id } } } } }' })
  expect(Number(headers.get('x-complexity'))).toBeGreaterThan(maximumComplexity)
  expect([status, body.errors[0].message]).toEqual([400, 'Query too complex'])
})

test('requests run out and come back at a constant rate, as the headers say', async () => {
  const first = await post({ query: '{ viewer { id } }' })
  expect(first.headers.get('x-ratelimit-requests-limit')).toBe('60')
  expect(first.headers.get('x-ratelimit-requests-remaining')).toBe('59')
  expect(Number(first.headers.get('x-ratelimit-requests-reset'))).toBe(clock.now() + 60_000)
  expect(first.headers.get('x-ratelimit-complexity-limit')).toBe('36000')
  expect(first.headers.get('x-ratelimit-complexity-remaining')).toBe('35998')
  acme.exhaust('requests')
  const failure = await client.viewer.then(
    () => undefined,
    (error: RatelimitedLinearError) => error,
  )
  expect(failure).toBeInstanceOf(RatelimitedLinearError)
  expect(failure).toMatchObject({ status: 400, requestsRemaining: 0, requestsLimit: 60, requestsResetAt: clock.now() + 3_600_000 })
  await clock.advance(60_000)
  expect((await client.viewer).app).toBe(true)
  await expect(client.viewer).rejects.toBeInstanceOf(RatelimitedLinearError)
})

test('points of complexity run out as well', async () => {
  acme.exhaust('complexity')
  const { status, body } = await post({ query: '{ viewer { id } }' })
  expect([status, body.errors[0].extensions.code]).toEqual([400, 'RATELIMITED'])
  await clock.advance(200)
  expect((await post({ query: '{ viewer { id } }' })).status).toBe(200)
})

test('every call is on record, and takes the time that a test wants', async () => {
  twin.latency = 1_000
  const waiting = client.viewer
  await expect.poll(() => twin.requests.length).toBe(1)
  let answered = false
  void waiting.then(() => (answered = true))
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(answered).toBe(false)
  await clock.advance(1_000)
  await waiting
  expect(twin.requests).toMatchObject([{ operation: 'viewer', fields: ['viewer'], workspace: 'acme', status: 200, path: '/graphql' }])
  expect(twin.requests[0]!.complexity).toBeGreaterThan(0)
  twin.latency = 0
})

test('pages are of fifty, newest first, and of no more than 250', async () => {
  const alice = acme.as('alice')
  for (let number = 1; number <= 60; number++) {
    alice.createIssue(`Issue ${number}`)
    await clock.advance(1)
  }
  const query =
    'query($first: Int, $after: String) { issues(first: $first, after: $after, orderBy: updatedAt) { nodes { identifier } pageInfo { hasNextPage endCursor } } }'
  const page = async (variables = {}) => (await post({ query, variables })).body.data.issues
  const first = await page()
  expect([first.nodes.length, first.nodes[0].identifier, first.pageInfo.hasNextPage]).toEqual([50, 'ENG-60', true])
  const rest = await page({ after: first.pageInfo.endCursor })
  expect([rest.nodes.length, rest.nodes.at(-1).identifier, rest.pageInfo.hasNextPage]).toEqual([10, 'ENG-1', false])
  alice.editTitle('ENG-3', 'Changed')
  expect((await page({ first: 1 })).nodes).toEqual([{ identifier: 'ENG-3' }])
  expect((await post({ query, variables: { first: 251 } })).status).toBe(400)
})

test('issues are filtered by delegate, team, state, label and time', async () => {
  const alice = acme.as('alice')
  acme.addTeam({ key: 'OPS' })
  const [ours, old] = [
    alice.createIssue({ title: 'Ours', delegate: true, labels: ['bug'] }),
    alice.createIssue({ title: 'Old', state: 'Done' }),
  ]
  alice.createIssue({ title: 'Theirs', team: 'OPS' })
  await clock.advance(1_000)
  const since = new Date(clock.now())
  alice.moveState(ours, 'started')
  const found = async (filter: object) => (await client.issues({ filter })).nodes.map(({ title }) => title).sort()
  expect(await found({ delegate: { id: { eq: acme.appUser.id } } })).toEqual(['Ours'])
  expect(await found({ delegate: { isMe: { eq: true } }, team: { key: { in: ['ENG'] } } })).toEqual(['Ours'])
  expect(await found({ delegate: { null: true } })).toEqual(['Old', 'Theirs'])
  expect(await found({ team: { id: { eq: acme.team('OPS').id } } })).toEqual(['Theirs'])
  expect(await found({ state: { type: { nin: ['completed', 'canceled'] } } })).toEqual(['Ours', 'Theirs'])
  expect(await found({ updatedAt: { gte: since } })).toEqual(['Ours'])
  expect(await found({ updatedAt: { gt: '-PT1S' } })).toEqual(['Ours'])
  expect(await found({ createdAt: { lt: '-P1D' } })).toEqual([])
  expect(await found({ or: [{ labels: { name: { eq: 'bug' } } }, { id: { eq: old.identifier } }] })).toEqual(['Old', 'Ours'])
  expect(await found({ labels: { every: { name: { eq: 'bug' } }, length: { gt: 0 } } })).toEqual(['Ours'])
  expect(await found({ title: { containsIgnoreCase: 'OUR' }, priority: { eq: 0 } })).toEqual(['Ours'])
})

test('an invalid change of an issue is refused', async () => {
  const alice = acme.as('alice')
  acme.addTeam({ key: 'OPS', labels: ['theirs'] })
  const [issue, child] = [alice.createIssue('Fix the lamp'), alice.createIssue({ title: 'Child', parent: 'ENG-1' })]
  const theirs = acme.state.store.all('IssueLabel').find(({ name }) => name === 'theirs')!
  const attempts = [
    { stateId: acme.states('OPS')[0]!.id },
    { stateId: issue.id },
    { addedLabelIds: [theirs.id] },
    { labelIds: [], addedLabelIds: [] },
    { parentId: child.id },
    { priority: 9 },
    { title: '  ' },
    { delegateId: alice.user.id },
  ]
  for (const input of attempts) {
    await expect(client.updateIssue(issue.id, input)).rejects.toBeInstanceOf(InvalidInputLinearError)
  }
  expect(issue.updatedAt).toBe(issue.createdAt)
})

test('a client that breaks off is no problem of the twin', async () => {
  const broken = request(twin.apiUrl, { method: 'POST', headers: { 'Content-Length': 100 } })
  broken.on('error', () => undefined)
  await new Promise<void>((resolve) => void broken.write('{"query":', () => resolve()))
  broken.destroy()
  expect((await client.viewer).app).toBe(true)
  expect(twin.problems).toEqual([])
})
