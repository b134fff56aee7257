import { expect, test, vi } from 'vitest'
import { ConfigurationError, FatalError, ProtocolError, RetryableError } from '../../src/errors.ts'
import { phases } from '../../src/machines/vocabulary.ts'
import { toErrorAnswer } from '../../src/server/errors.ts'
import { ask, bearer, get, post, start as startServer, patience } from './harness.ts'
import { createGate, createWorld, endless, forgeTells, oneCommit, sharedWorld } from './world.ts'

const world = sharedWorld({ projects: ['app', 'box'] }, async ({ fileMany, app }) => {
  const held = { submission: { hold: true } }
  await fileMany([...Array.from({ length: 129 }, () => held), held])
  await app.act('APP-7', { action: 'close' })
})
const start = () => startServer(world().app)

test('issues come in pages', async () => {
  const server = await start()
  const first = (await get(server, '/api/issues?project=app')).body
  expect(first.issues).toHaveLength(100)
  const second = (await get(server, `/api/issues?project=app&cursor=${encodeURIComponent(first.next)}`)).body
  expect(second.issues.map((issue: { key: string }) => issue.key)).toEqual(Array.from({ length: 30 }, (_, n) => `APP-${n + 101}`))
  expect(second.next).toBeNull()
  expect((await get(server, '/api/issues?project=app&limit=1000')).body.issues).toHaveLength(130)
  expect((await get(server, '/api/issues?project=other')).body).toEqual({ issues: [], next: null })
  expect((await get(server, '/api/issues?project=app&phase=done&limit=1')).body.issues).toMatchObject([{ key: 'APP-7', phase: 'done' }])
})

test('a page reads what it shows and no more: a phase, a project, a place deep in the list, actors', async () => {
  const { app, database, fileMany, close } = await createWorld({ projects: ['app', 'box'] })
  try {
    const held = { submission: { hold: true } }
    const keys = await fileMany([...Array.from({ length: 11 }, () => held), held])
    const [boxed] = await fileMany([{ submission: { hold: true, project: 'box' } }, held])
    await app.act(keys[8]!, { action: 'close' })
    const server = await startServer(app)
    const { next } = (await get(server, '/api/issues?limit=8')).body
    const shown = [keys[8]!, boxed!].map((key) => `issue/${app.issue(key).id}`)
    database.prepare(`UPDATE actor SET snapshot = '{' WHERE address NOT IN (?, ?)`).run(...shown)
    const keysOf = async (query: string) =>
      (await get(server, `/api/issues?${query}`)).body.issues?.map((issue: { key: string }) => issue.key)
    expect(await keysOf('limit=1')).toBeUndefined()
    expect(await keysOf('phase=done')).toEqual([keys[8]])
    expect(await keysOf('phase=done&project=box')).toEqual([])
    expect(await keysOf('project=box')).toEqual([boxed])
    expect(await keysOf(`limit=1&cursor=${next}`)).toEqual([keys[8]])
    expect((await get(server, '/api/actors')).body.actors.length).toBeGreaterThan(14)
  } finally {
    await close()
  }
})

test('the last page of issues says that it is the last', async () => {
  const server = await start()
  const first = (await get(server, '/api/issues?project=app&limit=65')).body
  expect(first.issues).toHaveLength(65)
  expect((await get(server, `/api/issues?project=app&limit=65&cursor=${first.next}`)).body).toMatchObject({
    next: null,
    issues: { length: 65 },
  })
})

test('a phase that no issue can be in is 400 and names those there are', async () => {
  const server = await start()
  const { status, body } = await get(server, '/api/issues?phase=finished')
  expect({ status, code: body.error.code }).toEqual({ status: 400, code: 'invalid-query' })
  for (const phase of phases) expect(body.error.message).toContain(phase)
  for (const phase of phases) expect((await get(server, `/api/issues?phase=${phase}&limit=1`)).status).toBe(200)
})

test.each(['limit=0', 'limit=1001', 'limit=x', 'limit=1.5', 'projct=app', 'cursor=!', 'limit=1&limit=2'])(
  'the query ?%s is 400',
  async (query) => {
    const server = await start()
    expect((await get(server, `/api/issues?${query}`)).status).toBe(400)
  },
)

test('a misspelt query is answered with the key that was meant', async () => {
  const server = await start()
  const { body } = await get(server, '/api/issues?projct=app')
  expect(body.error).toEqual({ code: 'invalid-query', message: 'Unknown key "projct": did you mean "project"?' })
})

test('one issue, its explanation, timeline and snapshot', async () => {
  const server = await start()
  const { app, comment } = world()
  expect((await get(server, '/api/issues/APP-1')).body).toEqual(app.issue('APP-1'))
  expect((await get(server, '/api/issues/APP-1/explain')).body).toMatchObject({ key: 'APP-1', events: expect.any(Array) })
  const { key, entries } = (await get(server, '/api/issues/APP-1/timeline')).body
  expect({ key, entries }).toEqual({ key: 'APP-1', entries: app.timeline('APP-1') })
  const first = entries.at(-1).seq
  expect((await get(server, `/api/issues/APP-1/timeline?since=${first}`)).body.entries).toEqual([])
  for (let n = 0; n < 3; n++) await comment('APP-1')
  const types = async (query: string) =>
    (await get(server, `/api/issues/APP-1/timeline?${query}`)).body.entries.map((entry: { event: { type: string } }) => entry.event.type)
  expect(await types(`since=${first}`)).toEqual(['tracker.prompted', 'tracker.prompted', 'tracker.prompted'])
  const seqs = async (query: string) =>
    (await get(server, `/api/issues/APP-1/timeline?${query}`)).body.entries.map((entry: { seq: number }) => entry.seq)
  const [a, b, c] = await seqs(`since=${first}`)
  expect(await seqs('limit=2')).toEqual([b, c])
  expect(await seqs(`since=${first}&limit=2`)).toEqual([a, b])
  expect((await get(server, '/api/issues/APP-1/snapshot')).body).toMatchObject({ key: 'APP-1', at: null, snapshots: [{ seq: c }] })
  expect((await get(server, `/api/issues/APP-1/snapshot?at=${b}`)).body).toMatchObject({ at: b, snapshots: [{ seq: b }] })
  expect((await get(server, '/api/issues/APP-1/snapshot?at=-1')).status).toBe(400)
})

test('a point before the first one that is known is 404 and says which is the first', async () => {
  const server = await start()
  const first = world().app.timeline('APP-1')[0]!.seq
  expect((await get(server, `/api/issues/APP-1/snapshot?at=${first}`)).body).toMatchObject({ snapshots: [{ seq: first }] })
  expect(await get(server, '/api/issues/APP-1/snapshot?at=0')).toMatchObject({
    status: 404,
    body: { error: { code: 'before-checkpoint', message: expect.stringContaining(`from entry ${first} on`) } },
  })
})

test('an unknown key is 404 everywhere (edge 366)', async () => {
  const server = await start()
  for (const path of ['', '/explain', '/timeline', '/snapshot']) {
    expect(await get(server, `/api/issues/NONE-1${path}`)).toMatchObject({ status: 404, body: { error: { code: 'unknown-issue' } } })
  }
  expect((await post(server, '/api/issues/NONE-1/actions', { action: 'stop' })).status).toBe(404)
  expect((await get(server, `/api/issues/${'x'.repeat(600)}`)).status).toBe(414)
})

test('a key of two projects is 409 with both, and either can be asked for', async () => {
  const server = await start()
  const key = await world().file({ project: 'box' })
  world().alias(key, 'box', 'APP-2')
  const { status, body } = await get(server, '/api/issues/APP-2')
  expect({ status, error: body.error }).toMatchObject({ status: 409, error: { code: 'ambiguous-key', keys: ['app/APP-2', 'box/APP-2'] } })
  expect((await get(server, '/api/issues/box%2FAPP-2')).body).toMatchObject({ key, project: 'box' })
})

test('the feed begins after a number', async () => {
  const server = await start()
  const phases = (body: any) => body.entries.filter((entry: any) => entry.kind === 'phase').map((entry: any) => entry.phase)
  const before = (await get(server, '/api/feed')).body.entries.at(-1).seq
  await world().app.act('APP-3', { action: 'close', as: 'failed' })
  await world().app.act('APP-4', { action: 'close' })
  await expect.poll(async () => phases((await get(server, `/api/feed?since=${before}`)).body), patience).toEqual(['failed', 'done'])
  const first = (await get(server, `/api/feed?since=${before}&limit=1`)).body.entries
  expect(first).toHaveLength(1)
  expect(phases((await get(server, `/api/feed?since=${first[0].seq}`)).body)).toEqual(['done'])
  expect(phases((await get(server, `/api/feed?since=${before}&level=warn`)).body)).toEqual(['failed'])
  expect((await get(server, '/api/feed?level=loud')).status).toBe(400)
  expect((await get(server, '/api/costs?days=2&by=run')).body).toMatchObject({ by: 'run', costs: [], total: { runs: 0 } })
  expect((await get(server, '/api/costs?by=week')).status).toBe(400)
})

test('an issue is filed once per idempotency key', async () => {
  const server = await start()
  const blocker = await world().file({ project: 'box' })
  const parent = await world().file({ project: 'box' })
  const submission = {
    title: 'A',
    body: 'B',
    project: 'box',
    labels: ['x'],
    blockedBy: [blocker],
    parent,
    priority: 1,
    hold: true,
  }
  const headers = { ...bearer, 'idempotency-key': 'once' }
  const first = await post(server, '/api/issues', submission, headers)
  const second = await post(server, '/api/issues', submission, headers)
  const { key } = first.body
  expect(first).toMatchObject({ status: 201, body: { key: expect.stringMatching(/^BOX-\d+$/), url: expect.any(String) } })
  expect(second.body).toEqual(first.body)
  const { context } = world().app.snapshot(key)[0]! as any
  expect(context.issue).toMatchObject({ title: 'A', description: 'B', labels: ['x'], parent, priority: 1 })
  expect(world().app.issue(key)).toMatchObject({ delegated: false, blockedBy: [{ key: blocker, resolved: false }] })
  const other = await post(server, '/api/issues', { title: 'only this', project: 'box', hold: true })
  expect(other.body.key).not.toBe(key)
  expect(world().app.issue(other.body.key)).toMatchObject({ title: 'only this', blockedBy: [], delegated: false })
})

test('W23 (case 341): a request that was refused has not used up its key: the genuine one under it is done', async () => {
  const server = await start()
  const submission = { title: 'A', project: 'box', hold: true }
  const key = { 'idempotency-key': 'burnt?' }
  const refused = [
    await post(server, '/api/issues', submission, { authorization: 'Bearer forged', ...key }),
    await post(server, '/api/issues', { ...submission, title: '' }, { ...bearer, ...key }),
    await post(server, '/api/issues', { ...submission, blockedBy: ['NONE-1'] }, { ...bearer, ...key }),
  ]
  expect(refused.map(({ status }) => status)).toEqual([401, 400, 400])
  expect(await post(server, '/api/issues', submission, { ...bearer, ...key })).toMatchObject({ status: 201 })
})

test.each(['x'.repeat(201), ' ', 'ä', ''])('the idempotency key %j is 400', async (key) => {
  const server = await start()
  const before = world().changes()
  for (const [path, body] of [
    ['/api/issues', { title: 'x' }],
    ['/api/issues/APP-1/actions', { action: 'stop' }],
    ['/api/control', { action: 'pause' }],
    ['/api/actors/issue/1/retry', {}],
  ] as const) {
    const answer = await post(server, path, body, { ...bearer, 'idempotency-key': key })
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid-idempotency-key' } } })
  }
  expect(world().changes()).toBe(before)
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
    'Unknown key "__proto__"; known are title, body, project, labels, blockedBy, parent, priority, links, hold.',
  ],
])('a submission %j is 400: %s', async (body, message) => {
  const server = await start()
  const before = world().changes()
  expect(await post(server, '/api/issues', body)).toMatchObject({ status: 400, body: { error: { code: 'invalid-body', message } } })
  expect(world().changes()).toBe(before)
})

test('what the tracker refuses is 400 with its own code', async () => {
  const server = await start()
  expect(await post(server, '/api/issues', { title: 'x', project: 'box', blockedBy: ['NONE-1'] })).toMatchObject({
    status: 400,
    body: { error: { code: 'unknown-blocker' } },
  })
})

test.each([
  [{ action: 'prompt', text: 'go on' }, 'tracker.prompted', { text: 'go on', author: 'operator', via: 'session' }],
  [{ action: 'stop', reason: 'enough', author: 'me' }, 'operator.stopped', { reason: 'enough', author: 'me' }],
  [{ action: 'close', as: 'failed' }, 'operator.closed', { as: 'failed' }],
  [{ action: 'delegate' }, 'tracker.delegated', {}],
  [{ action: 'undelegate' }, 'tracker.undelegated', {}],
  [{ action: 'comment', text: 'hello' }, 'tracker.prompted', { text: 'hello', via: 'comment' }],
  [{ action: 'cancel' }, 'tracker.updated', { stateType: 'canceled' }],
])('the action %j is 202 once it is durable, and is done once for its key (case 18)', async (action, type, payload) => {
  const server = await start()
  const key = await world().file({ project: 'box' }, endless)
  const happened = () =>
    world()
      .app.timeline(key)
      .filter(({ event }) => event.type === type && event['source'] === 'operator')
  const before = happened().length
  for (let n = 0; n < 2; n++) {
    const answer = await post(server, `/api/issues/${key}/actions`, action, { ...bearer, 'idempotency-key': `once-${key}` })
    expect(answer).toMatchObject({ status: 202, body: { key, action: action.action } })
  }
  const events = happened().slice(before)
  expect(events.map(({ event }) => event)).toEqual([expect.objectContaining(payload)])
  if (action.action !== 'cancel' && action.action !== 'close') await world().app.act(key, { action: 'close', as: 'failed' })
})

test('a pull request is sent back with findings, and approved', async () => {
  const server = await start()
  const { app, file, until } = world()
  const key = await file({ project: 'box' }, oneCommit)
  await until(key, ({ pr }) => pr?.checks === 'passed')
  const comments = [{ path: 'README.md', line: 1, body: 'Here.' }]
  expect((await post(server, `/api/issues/${key}/actions`, { action: 'request_changes', body: 'Not yet.', comments })).status).toBe(202)
  expect(app.timeline(key).find(({ event }) => event.type === 'review.changesRequested')?.event).toMatchObject({
    body: 'Not yet.',
    comments,
  })
  await until(key, ({ pr, run, waitsFor }) => run === null && pr?.checks === 'passed' && waitsFor.some(({ party }) => party === 'reviewer'))
  expect((await post(server, `/api/issues/${key}/actions`, { action: 'approve' })).status).toBe(202)
  expect(app.issue(key).pr?.review).toBe('approved')
})

test('the same key for two issues is two reviews', async () => {
  const server = await start()
  const { app, file, until } = world()
  const keys = [await file({ project: 'box' }, oneCommit), await file({ project: 'box' }, oneCommit)]
  for (const key of keys) {
    await until(key, ({ pr }) => pr?.checks === 'passed')
    const answer = await post(server, `/api/issues/${key}/actions`, { action: 'approve' }, { ...bearer, 'idempotency-key': 'one-for-both' })
    expect(answer.status).toBe(202)
    expect(app.issue(key).pr?.review).toBe('approved')
  }
})

test('W17 (case 335): what is said of a pull request reaches its own issue, whatever other one has its number', async () => {
  const { app, file, until, close } = await createWorld({ projects: ['app', 'box'] })
  try {
    const keys = [await file({ project: 'app' }, oneCommit), await file({ project: 'box' }, oneCommit)]
    for (const key of keys) await until(key, ({ pr }) => pr?.checks === 'passed')
    expect(keys.map((key) => app.issue(key).pr?.number)).toEqual([1, 1])
    const [mine, theirs] = keys as [string, string]
    const { version } = app.issue(mine)
    await app.act(theirs, { action: 'prompt', text: 'Do this instead.' })
    await app.act(theirs, { action: 'close_pull_request' })
    await until(theirs, ({ pr }) => pr?.state === 'closed')
    expect(app.issue(mine)).toMatchObject({ version, run: null, pr: { state: 'open' } })
  } finally {
    await close()
  }
})

test('a pull request is found at an address of the web', async () => {
  const { file, until } = world()
  const key = await file({ project: 'box' }, oneCommit)
  const { url, pr } = await until(key, (issue) => issue.pr !== null)
  expect(url).toMatch(/^http:/)
  expect(pr!.url).toBe(url)
})

test('an action that the machine does not accept now is 409 with what it would accept', async () => {
  const server = await start()
  const [key] = await world().fileMany([
    { submission: { project: 'box', hold: true }, facts: [forgeTells.merged] },
    { submission: { project: 'box', hold: true } },
  ])
  expect(await post(server, `/api/issues/${key}/actions`, { action: 'stop' })).toMatchObject({
    status: 409,
    body: { error: { code: 'not-accepted', accepted: ['comment'] } },
  })
})

test.each([
  [
    {},
    '"action" must be one of prompt, stop, retry, close, delegate, undelegate, approve, request_changes, comment, cancel, reset_budget, dismiss_review, close_pull_request, reopen_pull_request, push.',
  ],
  [
    { action: 'promt', text: 'x' },
    '"action" must be one of prompt, stop, retry, close, delegate, undelegate, approve, request_changes, comment, cancel, reset_budget, dismiss_review, close_pull_request, reopen_pull_request, push: did you mean "prompt"?',
  ],
  [{ action: 'prompt' }, '"text" invalid input: expected string, received undefined.'],
  [{ action: 'prompt', text: ' ' }, '"text" must not be empty.'],
  [{ action: 'prompt', text: 'x', txt: 'y' }, 'Unknown key "txt": did you mean "text"?'],
  [{ action: 'close', as: 'gone' }, '"as" invalid option: expected one of "done"|"failed".'],
  [{ action: 'request_changes' }, '"body" invalid input: expected string, received undefined.'],
])('the action %j is 400: %s', async (body, message) => {
  const server = await start()
  // Issues of the tests before may still move beside it; what a refused request changes, it changes every time.
  await vi.waitFor(async () => {
    const before = world().changes()
    expect((await post(server, '/api/issues/APP-1/actions', body)).body).toEqual({ error: { code: 'invalid-body', message } })
    expect(world().changes()).toBe(before)
  }, patience)
})

test('capacity is paused, resumed, and drained until the active runs have ended', async () => {
  const server = await start()
  const { app, file, until } = world()
  const capacity = () => (app.actor('capacity/main') as { context: any }).context
  expect(await post(server, '/api/control', { action: 'pause', project: 'box' })).toMatchObject({
    status: 202,
    body: { action: 'pause', project: 'box' },
  })
  const key = await file({ project: 'box' }, endless)
  await until(key, ({ waitsFor }) => waitsFor.some(({ party }) => party === 'operator'))
  expect((await post(server, '/api/control', { action: 'resume', project: 'box' })).status).toBe(202)
  expect((await post(server, '/api/control', { action: 'lift_budget', project: 'box' })).status).toBe(202)
  await until(key, ({ run }) => run?.phase === 'working')

  const drained = post(server, '/api/control', { action: 'drain' })
  await expect.poll(() => app.health().state, patience).toBe('draining')
  expect(await ask(server, 'GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok', version: '0.0.0-test' } })
  expect(await ask(server, 'GET', '/ready')).toMatchObject({
    status: 503,
    body: { ready: false, state: 'draining' },
    headers: { 'retry-after': '1' },
  })
  expect(capacity().holders).toHaveLength(1)
  await app.act(key, { action: 'stop' })
  expect(await drained).toMatchObject({ status: 200, body: { drained: true } })
  expect(capacity().holders).toEqual([])
  expect((await post(server, '/api/control', { action: 'resume' })).status).toBe(202)
  expect(await ask(server, 'GET', '/ready')).toMatchObject({ status: 200, body: { ready: true, state: 'ready' } })
  expect((await post(server, '/api/control', { action: 'pause', project: 'bx' })).body.error.code).toBe('unknown-project')
  expect((await post(server, '/api/control', { action: 'paus' })).body.error.message).toContain('did you mean "pause"?')
})

test('capacity is changed once for a key: a pause that is repeated late pauses nothing', async () => {
  const server = await start()
  const paused = () => (world().app.actor('capacity/main') as { context: any }).context.paused
  const pause = () => post(server, '/api/control', { action: 'pause', project: 'box' }, { ...bearer, 'idempotency-key': 'pause-once' })
  expect((await pause()).status).toBe(202)
  expect(paused()).toEqual(['box'])
  expect((await post(server, '/api/control', { action: 'resume', project: 'box' })).status).toBe(202)
  expect((await pause()).status).toBe(202)
  expect(paused()).toEqual([])
})

test('a runtime whose backlog is full refuses with 503, says when to come again, and is not ready until it has caught up', async () => {
  const gate = createGate()
  const { app, file, comment, close } = await createWorld({ app: { clock: gate.clock, limits: { backlog: 3 } } })
  try {
    const keys = [await file(), await file(), await file()]
    const server = await startServer(app)
    expect(await ask(server, 'GET', '/ready')).toMatchObject({ status: 200, body: { state: 'ready' } })
    gate.shut()
    const comments = keys.map((key) => comment(key))
    await expect.poll(() => app.health().backlog, patience).toBe(3)
    expect(await ask(server, 'GET', '/ready')).toMatchObject({ status: 503, body: { ready: false, state: 'refusing', backlog: 3 } })
    expect(await post(server, '/api/control', { action: 'pause' })).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: { error: { code: 'backlog-full' } },
    })
    expect((await get(server, '/api/issues')).body.issues).toHaveLength(3)
    gate.open()
    await Promise.all(comments)
    expect(await ask(server, 'GET', '/ready')).toMatchObject({ status: 200, body: { ready: true, state: 'ready' } })
  } finally {
    gate.open()
    await close()
  }
})

test('a runtime that has stopped lives but is not ready', async () => {
  const { app, close } = await createWorld()
  const server = await startServer(app)
  await close()
  expect(await ask(server, 'GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok', version: '0.0.0-test' } })
  expect(await ask(server, 'GET', '/ready')).toMatchObject({ status: 503, body: { ready: false, state: 'stopped' } })
})

test('machines are data', async () => {
  const server = await start()
  expect((await get(server, '/api/machines')).body).toEqual({ machines: world().app.machines() })
  expect((await get(server, '/api/machines')).body.machines).toContainEqual({ id: 'issue', version: '4' })
  expect((await get(server, '/api/machines/issue')).body.root.states.map((state: { key: string }) => state.key)).toEqual([
    'authority',
    'lifecycle',
    'run',
  ])
  expect((await get(server, '/api/machines/nothing')).status).toBe(404)
})

test('actors come in pages, one by its address, and a faulted one is tried again', async () => {
  const server = await start()
  const { app, file, fault } = world()
  const addresses = app.actors('issue').map(({ address }) => address)
  const first = (await get(server, '/api/actors?kind=issue&limit=3')).body
  expect(first.actors.map((actor: { address: string }) => actor.address)).toEqual(addresses.slice(0, 3))
  const second = (await get(server, `/api/actors?kind=issue&limit=1000&cursor=${first.next}`)).body
  expect(second.actors.map((actor: { address: string }) => actor.address)).toEqual(addresses.slice(3))
  expect(second.next).toBeNull()
  expect(await get(server, '/api/actors?cursor=%3F')).toMatchObject({ status: 400, body: { error: { code: 'bad-cursor' } } })
  expect((await get(server, '/api/actors?kind=queue')).body.actors).toMatchObject([{ address: 'queue/app' }, { address: 'queue/box' }])
  const key = await file({ project: 'box' })
  const { id } = app.issue(key)
  expect((await get(server, `/api/actors/issue/${id}`)).body.address).toBe(`issue/${id}`)
  expect((await get(server, `/api/actors/issue%2F${id}`)).body.address).toBe(`issue/${id}`)
  expect((await get(server, '/api/actors/issue/none')).status).toBe(404)
  const retry = () => ask(server, 'POST', `/api/actors/issue/${id}/retry`, { headers: bearer })
  expect(await retry()).toMatchObject({ status: 409, body: { error: { code: 'not-faulted' } } })
  await fault(key)
  const { version } = app.issue(key)
  expect(await retry()).toMatchObject({ status: 202, body: { address: `issue/${id}` } })
  // Tried again, it cannot take the same nonsense: it is faulted once more.
  await expect.poll(() => app.issue(key), patience).toMatchObject({ version, faulted: { address: `issue/${id}` } })
  await expect.poll(async () => (await post(server, `/api/actors/issue/${id}/skip`, {})).status, patience).toBe(202)
  await expect.poll(() => app.issue(key).faulted, patience).toBeNull()
  await fault(key)
  expect(await post(server, `/api/issues/${key}/actions`, { action: 'retry', skip: true })).toMatchObject({ status: 202 })
  await expect.poll(() => app.issue(key).faulted, patience).toBeNull()
  await fault(key)
  expect(await post(server, `/api/actors/issue/${id}/abandon`, {})).toMatchObject({ status: 202 })
  expect(app.health().faulted).toEqual([])
  expect((await post(server, `/api/actors/issue/${id}/other`, {})).status).toBe(405)
  expect((await post(server, '/api/actors/issue/none/retry', {})).status).toBe(404)
})

test.each([
  [new RetryableError('backlog-full', 'Too much is waiting.', { retryAfter: 1_500 }), 503, 'backlog-full', '2'],
  [new ConfigurationError('no-project', 'Say which project.'), 400, 'no-project', undefined],
  [new ProtocolError('bad-forge', 'The forge sent nonsense.'), 502, 'bad-forge', undefined],
  [new FatalError('unknown-project', 'There is no such project.'), 400, 'unknown-project', undefined],
  [new FatalError('bad-cursor', 'Not a cursor.'), 400, 'bad-cursor', undefined],
  [new FatalError('not-ready', 'Try again.'), 503, 'not-ready', '1'],
  [new FatalError('pull-request-closed', 'It is merged.'), 409, 'pull-request-closed', undefined],
  [new FatalError('stale-head', 'It has moved on.'), 409, 'stale-head', undefined],
  [new FatalError('unknown-pull-request', 'There is none.'), 404, 'unknown-pull-request', undefined],
  [new FatalError('other-version', 'Of another version.'), 409, 'other-version', undefined],
  [new FatalError('git-failed', 'git ended with 128.'), 500, 'git-failed', undefined],
  [Object.assign(new Error('full'), { code: 'SQLITE_FULL' }), 507, 'disk-full', undefined],
  [new Error('secret path /home/x'), 500, 'internal', undefined],
  ['a string', 500, 'internal', undefined],
])('%s is answered in the form of all errors', (error, status, code, retryAfter) => {
  const answer = toErrorAnswer(error)
  expect(answer).toMatchObject({ status, body: { error: { code, message: expect.any(String) } } })
  expect(answer.headers['retry-after']).toBe(retryAfter)
  expect(JSON.stringify(answer)).not.toContain('secret')
})

test('a database that refuses to write is 500, says nothing of the inside, and has changed nothing', async () => {
  const server = await start()
  const before = world().changes()
  const { mend } = world().refuse('tracker_issue')
  const answer = await post(server, '/api/issues', { title: 'x', project: 'box' })
  expect(answer).toMatchObject({ status: 500, body: { error: { code: 'internal' } } })
  expect(answer.text).not.toContain('secret')
  expect(world().changes()).toBe(before)
  mend()
  expect((await post(server, '/api/issues', { title: 'x', project: 'box', hold: true })).status).toBe(201)
})
