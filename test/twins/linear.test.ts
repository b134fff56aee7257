// The Linear twin as Linear's own SDK sees it: what is read and written is true, and what is wrong is refused in Linear's form.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AgentActivitySignal, InvalidInputLinearError, IssueRelationType, LinearClient } from '@linear/sdk'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { queries } from './linear/queries.ts'
import { createReceiver, type Receiver } from './linear/receiver.ts'
import { sdkFolder } from './linear/sdk-types.ts'
import { createLinearTwin, type LinearTwin, type WorkspaceTwin } from './linear.ts'

let twin: LinearTwin
let acme: WorkspaceTwin
let receiver: Receiver
let client: LinearClient

beforeEach(async () => {
  receiver = await createReceiver()
  twin = await createLinearTwin({
    teams: [
      { key: 'ENG', name: 'Engineering', labels: ['bug'] },
      { key: 'OPS', name: 'Operations' },
    ],
    app: { webhookUrl: receiver.url },
  })
  acme = twin.workspace('acme')
  client = new LinearClient({ accessToken: acme.install().accessToken, apiUrl: twin.apiUrl })
})

afterEach(async () => {
  await receiver.close()
  await twin.close()
})

test('the app sees itself, the workspace, and its teams with their columns in order', async () => {
  const viewer = await client.viewer
  expect(viewer).toMatchObject({ id: acme.appUser.id, name: 'Signalbox', app: true, isMe: true })
  expect(await client.organization).toMatchObject({ id: acme.id, urlKey: 'acme' })
  const team = await client.team('ENG')
  const states = await team.states({ filter: { type: { eq: 'started' } } })
  expect(states.nodes.map(({ name }) => name).sort()).toEqual(['In Progress', 'In Review'])
  expect((await team.labels()).nodes.map(({ name }) => name)).toEqual(['bug'])
  expect((await team.members()).nodes.map(({ displayName }) => displayName).sort()).toEqual(['alice', 'bob'])
})

test('an issue is found by its id and its key, with what it points to', async () => {
  const alice = acme.as('alice')
  const parent = alice.createIssue('Parent')
  const made = alice.createIssue({ title: 'Fix the lamp', description: 'It is dark.', parent, labels: ['bug'], priority: 2, estimate: 3 })
  const issue = await client.issue('ENG-2')
  expect(issue).toMatchObject({
    id: made.id,
    identifier: 'ENG-2',
    number: 2,
    title: 'Fix the lamp',
    description: 'It is dark.',
    priority: 2,
    priorityLabel: 'High',
    estimate: 3,
    branchName: 'signalbox/eng-2-fix-the-lamp',
  })
  expect(issue.url).toBe(`${twin.url}/acme/issue/ENG-2/fix-the-lamp`)
  expect((await issue.state)?.name).toBe('Todo')
  expect((await issue.team)?.key).toBe('ENG')
  expect((await issue.parent)?.identifier).toBe('ENG-1')
  expect((await issue.creator)?.displayName).toBe('alice')
  expect((await issue.labels()).nodes.map(({ name }) => name)).toEqual(['bug'])
  expect((await (await client.issue(parent.id)).children()).nodes.map(({ identifier }) => identifier)).toEqual(['ENG-2'])
})

test('what does not exist is an invalid input', async () => {
  const failure = await client.issue('ENG-9').catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(InvalidInputLinearError)
  expect(failure).toMatchObject({ status: 400, errors: [{ message: 'Could not find referenced Issue.', path: ['issue'] }] })
})

test('a column is changed, which sets the dates and tells the webhooks what it was', async () => {
  const made = acme.as('alice').createIssue('Fix the lamp')
  const [, , progress, , done] = acme.states()
  const before = made.updatedAt
  await client.updateIssue(made.id, { stateId: progress!.id })
  const started = await client.issue(made.id)
  expect(started.startedAt).toBeInstanceOf(Date)
  expect(started.updatedAt.toISOString() > before).toBe(true)
  await client.updateIssue('ENG-1', { stateId: done!.id })
  expect((await client.issue('ENG-1')).completedAt).toBeInstanceOf(Date)
  await twin.idle()
  const [first, second] = receiver.bodies('Issue', 'update')
  expect(first).toMatchObject({
    data: { id: made.id, state: { name: 'In Progress', type: 'started' } },
    updatedFrom: { stateId: acme.states()[1]!.id, startedAt: null, updatedAt: before },
    actor: { id: acme.appUser.id, type: 'user' },
    organizationId: acme.id,
  })
  expect(second.updatedFrom).toMatchObject({ stateId: progress!.id, completedAt: null })
})

test('a delegation starts a session, which its activities move', async () => {
  const alice = acme.as('alice')
  const issue = alice.createIssue({ title: 'Fix the lamp', description: 'It is <dark>.' })
  const session = alice.delegate(issue)
  await twin.idle()
  expect(receiver.bodies('AppUserNotification', 'issueAssignedToYou')).toHaveLength(1)
  const [event] = receiver.bodies('AgentSessionEvent', 'created')
  expect(event).toMatchObject({
    appUserId: acme.appUser.id,
    oauthClientId: twin.app.clientId,
    agentSession: { id: session.id, status: 'pending', issue: { identifier: 'ENG-1', description: 'It is <dark>.' } },
  })
  expect(event.promptContext).toContain('<description>It is &lt;dark&gt;.</description>')
  expect(event.agentSession.issue).not.toHaveProperty('state')

  const say = async (content: Record<string, unknown>) => {
    await client.createAgentActivity({ agentSessionId: session.id, content })
    return (await client.agentSession(session.id)).status
  }
  expect(await say({ type: 'thought', body: 'I look into it.' })).toBe('active')
  expect(session.respondedWithin).toBeLessThan(10_000)
  expect(await say({ type: 'action', action: 'Reading', parameter: 'lamp.ts' })).toBe('active')
  expect(await say({ type: 'elicitation', body: 'Which lamp?' })).toBe('awaitingInput')
  alice.prompt(session, 'The red one.')
  expect((await client.agentSession(session.id)).status).toBe('active')
  expect(await say({ type: 'response', body: 'Done.' })).toBe('complete')
  const activities = await (await client.agentSession(session.id)).activities({ first: 10 })
  expect(activities.nodes.map(({ content }) => (content as { type?: string }).type ?? content.__typename).reverse()).toHaveLength(5)
  await twin.idle()
  const [prompted] = receiver.bodies('AgentSessionEvent', 'prompted')
  expect(prompted.agentActivity).toMatchObject({ content: { type: 'prompt', body: 'The red one.' }, signal: null })
})

test('whatever the twin models is answered in full, for every field that the SDK asks for', async () => {
  const alice = acme.as('alice')
  acme.addProject('Lights')
  const issue = alice.createIssue({ title: 'Fix the lamp', delegate: true, labels: ['bug'], dueDate: '2026-12-24' })
  alice.block(issue, alice.createIssue({ title: 'Child', parent: issue }))
  const comment = alice.comment(issue, 'It flickers.')
  alice.react(comment, 'eyes')
  alice.attach(issue, { url: 'https://example.com/log' })
  const [session] = acme.sessions(issue)
  alice.prompt(session!, 'Well?')
  const source = readFileSync(join(sdkFolder(), 'index.mjs'), 'utf8')
  const ids: Record<string, string> = {
    agentSession: session!.id,
    agentActivity: acme.activities(session!)[0]!.id,
    attachment: acme.attachments(issue)[0]!.id,
    comment: comment.id,
    issue: issue.id,
    issueLabel: issue.labelIds[0]!,
    issueRelation: acme.state.store.all('IssueRelation')[0]!.id,
    project: acme.state.store.all('Project')[0]!.id,
    team: issue.teamId,
    user: alice.user.id,
    workflowState: issue.stateId,
    webhook: (await (await client.createWebhook({ url: receiver.url, resourceTypes: ['Project'], allPublicTeams: true })).webhook)!.id,
  }
  const asked = new Set<string>()
  for (const [, text] of source.matchAll(/new TypedDocumentString\(`(\s*query [^]*?)`/g)) {
    const [, name] = /^[^{]*\{\s*(\w+)/.exec(text!)!
    // A query inside a query, as for the comments of an issue, has the field of the one as its root, too.
    if (!Object.hasOwn(queries, name!)) continue
    asked.add(name!)
    const response = await client.client
      .rawRequest(text!, { id: ids[name!], url: 'https://example.com/log' })
      .catch((error: unknown) => error)
    expect(response, `${name}: ${twin.problems.join()}`).not.toBeInstanceOf(Error)
  }
  expect([...asked].sort()).toEqual(Object.keys(queries).sort())
})

test('an id that the client chose is kept, and refused the second time', async () => {
  const issue = acme.as('alice').createIssue('Fix the lamp')
  const id = 'b0f1e3a0-5c1e-4d54-9d6a-7a3a5b1c2d3e'
  await client.createComment({ id, issueId: issue.id, body: 'Once.' })
  const again = await client.createComment({ id, issueId: issue.id, body: 'Twice.' }).catch((error: unknown) => error)
  expect(again).toBeInstanceOf(InvalidInputLinearError)
  expect((await client.comment({ id })).body).toBe('Once.')
  expect(acme.comments(issue).map(({ body }) => body)).toEqual(['Once.'])
})

test('a blocker is seen from both sides', async () => {
  const alice = acme.as('alice')
  const [first, second] = [alice.createIssue('First'), alice.createIssue('Second')]
  await client.createIssueRelation({ issueId: first.id, relatedIssueId: second.id, type: IssueRelationType.Blocks })
  const relations = (await (await client.issue(second.id)).inverseRelations()).nodes
  expect(relations.map(({ type }) => type)).toEqual(['blocks'])
  expect((await relations[0]!.issue)?.id).toBe(first.id)
  alice.unblock(first, second)
  expect((await (await client.issue(second.id)).inverseRelations()).nodes).toEqual([])
})

test.each([
  ['a content of no type', { content: { body: 'Hm.' } }, 'content.type must be one of'],
  ['a thought without words', { content: { type: 'thought' } }, 'content.body must be a text of a thought.'],
  ['an action without its parameter', { content: { type: 'action', action: 'Read' } }, 'content.parameter'],
  ['a prompt of an app', { content: { type: 'prompt', body: 'Do it.' } }, 'is for people'],
  ['a response that vanishes', { content: { type: 'response', body: 'Done.' }, ephemeral: true }, 'ephemeral'],
  [
    'a choice that is no question',
    { content: { type: 'thought', body: 'Hm.' }, signal: AgentActivitySignal.Select, signalMetadata: { options: [{ value: 'a' }] } },
    'belongs to an elicitation',
  ],
  [
    'a choice of nothing',
    { content: { type: 'elicitation', body: 'Which?' }, signal: AgentActivitySignal.Select },
    'signalMetadata.options',
  ],
])('%s is refused', async (_, input, message) => {
  const session = acme.as('alice').delegate(acme.as('alice').createIssue('Fix the lamp'))
  const failure = await client.createAgentActivity({ agentSessionId: session.id, ...input }).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(InvalidInputLinearError)
  expect((failure as InvalidInputLinearError).errors![0]!.message).toContain(message)
  expect(acme.activities(session)).toEqual([])
})
