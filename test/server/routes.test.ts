import { expect, test } from 'vitest'
import { ConfigurationError, FatalError, ProtocolError, RetryableError } from '../../src/errors.ts'
import { createFakeApp, fakeDocument } from './fake-app.ts'
import { ask, bearer, get, post, start } from './harness.ts'

test('issues come in pages', async () => {
  const { server } = await start({}, createFakeApp({ issues: 130 }))
  const first = (await get(server, '/api/issues')).body
  expect(first.issues).toHaveLength(100)
  const second = (await get(server, `/api/issues?cursor=${encodeURIComponent(first.next)}`)).body
  expect(second.issues.map((issue: { key: string }) => issue.key)).toEqual(Array.from({ length: 30 }, (_, n) => `APP-${n + 101}`))
  expect(second.next).toBeNull()
  expect((await get(server, '/api/issues?limit=1000')).body.issues).toHaveLength(130)
  expect((await get(server, '/api/issues?project=other')).body).toEqual({ issues: [], next: null })
  expect((await get(server, '/api/issues?phase=done&limit=1')).body.issues).toMatchObject([{ phase: 'done' }])
})

test.each(['limit=0', 'limit=1001', 'limit=x', 'limit=1.5', 'projct=app', 'cursor=!', 'limit=1&limit=2'])(
  'the query ?%s is 400',
  async (query) => {
    const { server } = await start()
    expect((await get(server, `/api/issues?${query}`)).status).toBe(400)
  },
)

test('a misspelt query is answered with the key that was meant', async () => {
  const { server } = await start()
  const { body } = await get(server, '/api/issues?projct=app')
  expect(body.error).toEqual({ code: 'invalid-query', message: 'Unknown key "projct": did you mean "project"?' })
})

test('one issue, its explanation, timeline and snapshot', async () => {
  const { server, app } = await start()
  app.say({
    type: 'event',
    key: 'APP-1',
    entry: { seq: 7, at: '2026-07-01T12:00:00.000Z', address: 'issue/id-1', event: { type: 'pr.pushed' }, cause: 'external' },
  })
  expect((await get(server, '/api/issues/APP-1')).body).toEqual(fakeDocument(1))
  expect((await get(server, '/api/issues/APP-1/explain')).body).toMatchObject({ key: 'APP-1', events: expect.any(Array) })
  expect((await get(server, '/api/issues/APP-1/timeline')).body).toMatchObject({ key: 'APP-1', entries: [{ seq: 7 }] })
  expect((await get(server, '/api/issues/APP-1/timeline?since=7')).body.entries).toEqual([])
  for (const seq of [8, 9]) {
    app.say({ type: 'event', key: 'APP-1', entry: { seq, at: '', address: 'issue/id-1', event: { type: 'pr.pushed' }, cause: 'external' } })
  }
  const seqs = async (query: string) =>
    (await get(server, `/api/issues/APP-1/timeline?${query}`)).body.entries.map((entry: { seq: number }) => entry.seq)
  expect(await seqs('limit=2')).toEqual([8, 9])
  expect(await seqs('since=0&limit=2')).toEqual([7, 8])
  expect((await get(server, '/api/issues/APP-1/snapshot')).body).toMatchObject({ key: 'APP-1', at: null, snapshots: [{ seq: 9 }] })
  expect((await get(server, '/api/issues/APP-1/snapshot?at=3')).body).toMatchObject({ at: 3, snapshots: [{ seq: 3 }] })
  expect((await get(server, '/api/issues/APP-1/snapshot?at=-1')).status).toBe(400)
})

test('an unknown key is 404 everywhere', async () => {
  const { server } = await start()
  for (const path of ['', '/explain', '/timeline', '/snapshot']) {
    expect(await get(server, `/api/issues/NONE-1${path}`)).toMatchObject({ status: 404, body: { error: { code: 'unknown-issue' } } })
  }
  expect((await post(server, '/api/issues/NONE-1/actions', { action: 'stop' })).status).toBe(404)
  expect((await get(server, `/api/issues/${'x'.repeat(600)}`)).status).toBe(414)
})

test('a key of two projects is 409 with both, and either can be asked for', async () => {
  const { server, app } = await start()
  app.put({ ...fakeDocument(1), id: 'other', project: 'two' })
  const { status, body } = await get(server, '/api/issues/APP-1')
  expect({ status, error: body.error }).toMatchObject({ status: 409, error: { code: 'ambiguous-key', keys: ['app/APP-1', 'two/APP-1'] } })
  expect((await get(server, '/api/issues/two%2FAPP-1')).body).toMatchObject({ id: 'other' })
})

test('the feed begins after a number', async () => {
  const { server, app } = await start()
  for (let seq = 1; seq <= 3; seq++) {
    app.say({
      type: 'feed',
      entry: {
        seq,
        at: '2026-07-01T12:00:00.000Z',
        level: 'info',
        kind: 'landed',
        issue: 'APP-1',
        phase: 'done',
        status: 'ok',
        summary: 'Landed.',
      },
    })
  }
  expect((await get(server, '/api/feed?since=1')).body.entries.map((entry: { seq: number }) => entry.seq)).toEqual([2, 3])
  expect((await get(server, '/api/feed?level=loud')).status).toBe(400)
})

test('an issue is filed once per idempotency key', async () => {
  const { server, app } = await start()
  const submission = {
    title: 'A',
    body: 'B',
    project: 'app',
    labels: ['x'],
    blockedBy: ['APP-1'],
    parent: 'APP-2',
    priority: 1,
    hold: true,
  }
  const headers = { ...bearer, 'idempotency-key': 'once' }
  const first = await post(server, '/api/issues', submission, headers)
  const second = await post(server, '/api/issues', submission, headers)
  expect(first).toMatchObject({ status: 201, body: { key: 'APP-4' } })
  expect(second.body).toEqual(first.body)
  expect(app.calls[0]).toEqual(['submit', submission, 'once'])
  await post(server, '/api/issues', { title: 'only this' })
  expect(app.calls[2]).toEqual(['submit', { title: 'only this' }, undefined])
})

test.each(['x'.repeat(201), ' ', 'ä', ''])('the idempotency key %j is 400', async (key) => {
  const { server, app } = await start()
  for (const [path, body] of [
    ['/api/issues', { title: 'x' }],
    ['/api/issues/APP-1/actions', { action: 'stop' }],
    ['/api/control', { action: 'pause' }],
    ['/api/actors/issue/id-1/retry', {}],
  ] as const) {
    const answer = await post(server, path, body, { ...bearer, 'idempotency-key': key })
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid-idempotency-key' } } })
  }
  expect(app.calls).toEqual([])
})

test.each([
  [{}, '"title" invalid input: expected string, received undefined.'],
  [{ title: '' }, '"title" must not be empty.'],
  [{ title: ' \n' }, '"title" must not be empty.'],
  [{ title: 'x', titel: 'y' }, 'Unknown key "titel": did you mean "title"?'],
  [{ title: 'x', priority: 5 }, '"priority" too big: expected number to be <=4.'],
  [{ title: 'x', labels: 'y' }, '"labels" invalid input: expected array, received string.'],
  [{ title: 'x', hold: 'yes' }, '"hold" invalid input: expected boolean, received string.'],
  [
    JSON.parse('{"title":"x","__proto__":{"hold":true}}'),
    'Unknown key "__proto__"; known are title, body, project, labels, blockedBy, parent, priority, hold.',
  ],
])('a submission %j is 400: %s', async (body, message) => {
  const { server, app } = await start()
  expect(await post(server, '/api/issues', body)).toMatchObject({ status: 400, body: { error: { code: 'invalid-body', message } } })
  expect(app.calls).toEqual([])
})

test('what the tracker refuses is 400 with its own code', async () => {
  const { server } = await start()
  expect(await post(server, '/api/issues', { title: 'x', blockedBy: ['NONE-1'] })).toMatchObject({
    status: 400,
    body: { error: { code: 'unknown-blocker' } },
  })
})

test.each([
  { action: 'prompt', text: 'go on' },
  { action: 'stop', reason: 'enough', author: 'me' },
  { action: 'close', as: 'failed' },
  { action: 'delegate' },
  { action: 'undelegate' },
  { action: 'comment', text: 'hello' },
  { action: 'cancel' },
])('the action %j is 202 once it is durable', async (action) => {
  const { server, app } = await start()
  const answer = await post(server, '/api/issues/APP-1/actions', action, { ...bearer, 'idempotency-key': 'k' })
  expect(answer).toMatchObject({ status: 202, body: { key: 'APP-1', action: action.action } })
  expect(app.calls).toEqual([['act', 'APP-1', action, 'k']])
})

test('an action that the machine does not accept now is 409 with what it would accept', async () => {
  const { server, app } = await start()
  app.put({ ...fakeDocument(1), phase: 'done' })
  expect(await post(server, '/api/issues/APP-1/actions', { action: 'stop' })).toMatchObject({
    status: 409,
    body: { error: { code: 'not-accepted', accepted: ['retry', 'comment'] } },
  })
})

test.each([
  [{}, '"action" must be one of prompt, stop, retry, close, delegate, undelegate, approve, request_changes, comment, cancel.'],
  [
    { action: 'promt', text: 'x' },
    '"action" must be one of prompt, stop, retry, close, delegate, undelegate, approve, request_changes, comment, cancel: did you mean "prompt"?',
  ],
  [{ action: 'prompt' }, '"text" invalid input: expected string, received undefined.'],
  [{ action: 'prompt', text: ' ' }, '"text" must not be empty.'],
  [{ action: 'prompt', text: 'x', txt: 'y' }, 'Unknown key "txt": did you mean "text"?'],
  [{ action: 'close', as: 'gone' }, '"as" invalid option: expected one of "done"|"failed".'],
  [{ action: 'request_changes' }, '"body" invalid input: expected string, received undefined.'],
])('the action %j is 400: %s', async (body, message) => {
  const { server, app } = await start()
  expect((await post(server, '/api/issues/APP-1/actions', body)).body).toEqual({ error: { code: 'invalid-body', message } })
  expect(app.calls).toEqual([])
})

test('capacity is paused, resumed, and drained until the active runs have ended', async () => {
  const { server, app } = await start()
  expect(await post(server, '/api/control', { action: 'pause', project: 'app' })).toMatchObject({
    status: 202,
    body: { action: 'pause', project: 'app' },
  })
  expect((await post(server, '/api/control', { action: 'resume' })).status).toBe(202)
  const drained = post(server, '/api/control', { action: 'drain' })
  await expect.poll(() => app.calls).toEqual([['pause', 'app'], ['resume', undefined], ['drain']])
  app.finishDrain()
  expect(await drained).toMatchObject({ status: 200, body: { drained: true } })
  expect((await post(server, '/api/control', { action: 'paus' })).body.error.message).toContain('did you mean "pause"?')
})

test('machines are data', async () => {
  const { server } = await start()
  expect((await get(server, '/api/machines')).body).toEqual({
    machines: [
      { id: 'issue', version: '1' },
      { id: 'run', version: '1' },
    ],
  })
  expect((await get(server, '/api/machines/issue')).body.root.states.map((state: { key: string }) => state.key)).toEqual([
    'lifecycle',
    'run',
    'authority',
  ])
  expect((await get(server, '/api/machines/nothing')).status).toBe(404)
})

test('actors come in pages, one by its address, and a faulted one is tried again', async () => {
  const { server, app } = await start({}, createFakeApp({ issues: 5 }))
  const first = (await get(server, '/api/actors?kind=issue&limit=3')).body
  expect(first.actors.map((actor: { address: string }) => actor.address)).toEqual(['issue/id-1', 'issue/id-2', 'issue/id-3'])
  const second = (await get(server, `/api/actors?limit=3&cursor=${first.next}`)).body
  expect(second).toMatchObject({ actors: [{ address: 'issue/id-4' }, { address: 'issue/id-5' }], next: null })
  expect((await get(server, '/api/actors?cursor=%3F')).status).toBe(400)
  expect((await get(server, '/api/actors?kind=run')).body.actors).toEqual([])
  expect((await get(server, '/api/actors/issue/id-1')).body.address).toBe('issue/id-1')
  expect((await get(server, '/api/actors/issue%2Fid-1')).body.address).toBe('issue/id-1')
  expect((await get(server, '/api/actors/issue/none')).status).toBe(404)
  expect(await ask(server, 'POST', '/api/actors/issue/id-1/retry', { headers: bearer })).toMatchObject({
    status: 202,
    body: { address: 'issue/id-1' },
  })
  expect((await post(server, '/api/actors/issue/none/retry', {})).status).toBe(404)
  expect(app.calls).toEqual([['retryActor', 'issue/id-1']])
})

test.each(['booting', 'draining', 'refusing', 'stopped'] as const)('while %s it lives but is not ready', async (state) => {
  const { server, app } = await start()
  app.state = state
  expect(await ask(server, 'GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok', version: '0.0.0-test' } })
  expect(await ask(server, 'GET', '/ready')).toMatchObject({ status: 503, body: { ready: false, state } })
})

test.each([
  [new RetryableError('backlog-full', 'Too much is waiting.', { retryAfter: 1_500 }), 503, 'backlog-full', '2'],
  [new ConfigurationError('no-project', 'Say which project.'), 400, 'no-project', undefined],
  [new ProtocolError('bad-forge', 'The forge sent nonsense.'), 502, 'bad-forge', undefined],
  [new FatalError('unknown-project', 'There is no such project.'), 400, 'unknown-project', undefined],
  [new FatalError('bad-cursor', 'Not a cursor.'), 400, 'bad-cursor', undefined],
  [new FatalError('not-ready', 'Try again.'), 503, 'not-ready', '1'],
  [new FatalError('git-failed', 'git ended with 128.'), 500, 'git-failed', undefined],
  [new Error('secret path /home/x'), 500, 'internal', undefined],
  ['a string', 500, 'internal', undefined],
])('%s is answered in the form of all errors', async (error, status, code, retryAfter) => {
  const { server, app } = await start()
  app.failWith = error
  const answer = await post(server, '/api/issues', { title: 'x' })
  expect(answer).toMatchObject({ status, body: { error: { code } } })
  expect(answer.headers['retry-after']).toBe(retryAfter)
  expect(answer.text).not.toContain('secret')
})
