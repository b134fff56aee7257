// Agent sessions in the Linear twin: mentions, prompts, stops, staleness, plans and links.

import { AgentSessionStatus, LinearClient } from '@linear/sdk'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createReceiver, type Receiver } from './linear/receiver.ts'
import { createLinearTwin, createVirtualClock, type LinearTwin, type Person, type VirtualClock, type WorkspaceTwin } from './linear.ts'

let twin: LinearTwin
let acme: WorkspaceTwin
let alice: Person
let clock: VirtualClock
let receiver: Receiver
let client: LinearClient

beforeEach(async () => {
  clock = createVirtualClock()
  receiver = await createReceiver()
  twin = await createLinearTwin({
    clock,
    workspaces: [
      {
        name: 'acme',
        teams: [
          { key: 'ENG', name: 'Engineering' },
          { key: 'OPS', name: 'Operations' },
        ],
        guidance: [{ body: 'Write tests.' }, { body: 'Be brief.', team: 'ENG' }, { body: 'Page nobody.', team: 'OPS' }],
      },
    ],
    app: { webhookUrl: receiver.url },
  })
  acme = twin.workspace()
  alice = acme.as('alice')
  client = new LinearClient({ accessToken: acme.install().accessToken, apiUrl: twin.apiUrl })
})

afterEach(async () => {
  await receiver.close()
  await twin.close()
})

const thought = (agentSessionId: string, body = 'I look into it.') =>
  client.createAgentActivity({ agentSessionId, content: { type: 'thought', body } })

test('an agent that is silent for ten seconds is shown as unresponsive, and its answer comes late', async () => {
  const quick = alice.delegate(alice.createIssue('Quick'))
  const late = alice.delegate(alice.createIssue('Late'))
  const linked = alice.delegate(alice.createIssue('Linked'))
  await clock.advance(4_000)
  await thought(quick.id)
  await client.updateAgentSession(linked.id, { externalUrls: [{ label: 'Status', url: 'http://127.0.0.1:9/status' }] })
  await clock.advance(6_000)
  expect([quick, late, linked].map(({ respondedWithin, unresponsive }) => [respondedWithin, unresponsive])).toEqual([
    [4_000, false],
    [undefined, true],
    [4_000, false],
  ])
  await clock.advance(5_000)
  await thought(late.id)
  expect(late.respondedWithin).toBe(15_000)
})

test('a session without activity is stale after half an hour and is taken up again; one that waits for a person is not', async () => {
  const session = alice.delegate(alice.createIssue('Fix the lamp'))
  const waiting = alice.delegate(alice.createIssue('Which lamp'))
  await client.createAgentActivity({ agentSessionId: waiting.id, content: { type: 'elicitation', body: 'Which?' } })
  await clock.advance(29 * 60_000)
  await thought(session.id)
  await clock.advance(29 * 60_000)
  expect(session.status).toBe('active')
  await clock.advance(60_000)
  expect((await client.agentSession(session.id)).status).toBe(AgentSessionStatus.Stale)
  await thought(session.id)
  expect(session.status).toBe('active')
  expect(waiting.status).toBe('awaitingInput')
})

test('a stop is a prompt with its signal, and the last word of the agent ends it', async () => {
  const session = alice.delegate(alice.createIssue('Fix the lamp'))
  await thought(session.id)
  alice.stop(session)
  await thought(session.id, 'I am on my way out.')
  expect(session.status).toBe('stopping')
  await client.createAgentActivity({ agentSessionId: session.id, content: { type: 'response', body: 'Stopped.' } })
  expect(session.status).toBe('complete')
  expect(session.endedAt).not.toBeNull()
  await twin.idle()
  const [event] = receiver.bodies('AgentSessionEvent', 'prompted')
  expect(event.agentActivity).toMatchObject({ signal: 'stop', content: { type: 'prompt' }, userId: alice.user.id })
})

test('a mention starts a session with the thread before it, and a reply in the thread is a prompt', async () => {
  const issue = alice.createIssue('Fix the lamp')
  const root = acme.as('bob').comment(issue, 'It flickers.')
  alice.reply(root, '@signalbox have a look')
  const [session] = acme.sessions(issue)
  alice.reply(root, 'It is the red one.')
  alice.comment(issue, 'no-reply@signalbox.example is no mention')
  await twin.idle()
  expect(acme.sessions(issue)).toEqual([session])
  const [created] = receiver.bodies('AgentSessionEvent', 'created')
  expect(created.previousComments.map((comment: { body: string }) => comment.body)).toEqual(['It flickers.'])
  expect(created.agentSession).toMatchObject({ commentId: root.id, comment: { body: '@signalbox have a look' } })
  expect(created.guidance).toEqual([
    { body: 'Write tests.', origin: { type: 'Organization' } },
    {
      body: 'Be brief.',
      origin: { type: 'Team', team: { id: acme.team('ENG').id, key: 'ENG', name: 'Engineering', displayName: 'Engineering' } },
    },
  ])
  expect(created.promptContext).toContain('@signalbox have a look</comment>\n</primary-directive-thread>')
  expect(created.promptContext).not.toContain('Page nobody.')
  const [prompted] = receiver.bodies('AgentSessionEvent', 'prompted')
  expect(prompted.agentActivity.content).toEqual({ type: 'prompt', body: 'It is the red one.' })
  expect(acme.comments(issue).find(({ id }) => id === prompted.agentActivity.sourceCommentId)?.body).toBe('It is the red one.')
  expect(receiver.bodies('AppUserNotification').map(({ action }) => action)).toEqual(['issueCommentMention'])
})

test('the agent is told of the issue and all its threads, its own first', async () => {
  const parent = alice.createIssue({ title: 'Light <the> house', description: 'All of it.' })
  const issue = alice.createIssue({ title: 'Fix the lamp', parent, labels: ['bug'] })
  const other = acme.as('bob').comment(issue, 'Mind the "fuse" & the wire.')
  const session = alice.delegate(issue)
  await twin.idle()
  const [{ promptContext }] = receiver.bodies('AgentSessionEvent', 'created')
  const at = (iso: string): string => iso.replace('T', ' ').slice(0, 19)
  expect(promptContext).toBe(`<issue identifier="ENG-2">
<title>Fix the lamp</title>
<team name="Engineering"/>
<label>bug</label>
<parent-issue identifier="ENG-1">
<title>Light &lt;the&gt; house</title>
<description>All of it.</description>
</parent-issue>
</issue>

<primary-directive-thread comment-id="${session.commentId}">
<comment author="Linear" created-at="${at(session.createdAt)}">This thread is for an agent session with signalbox.</comment>
</primary-directive-thread>

<other-thread comment-id="${other.id}">
<comment author="Bob" created-at="${at(other.createdAt)}">Mind the "fuse" &amp; the wire.</comment>
</other-thread>

<guidance>
<guidance-rule origin="workspace">Write tests.</guidance-rule>
<guidance-rule origin="team" team-name="Engineering">Be brief.</guidance-rule>
</guidance>`)
})

test('the app is told of reactions to what it wrote and to its issues, and not of its own', async () => {
  const issue = alice.createIssue({ title: 'Fix the lamp', delegate: true })
  const made = await (await client.createComment({ issueId: issue.id, body: 'On it.' })).comment
  alice.react(made!, 'tada')
  alice.react(issue, 'eyes')
  await client.createReaction({ issueId: issue.id, emoji: 'rocket' })
  await twin.idle()
  const told = receiver.bodies('AppUserNotification').map(({ action, notification }) => [action, notification.reactionEmoji])
  expect(told).toEqual([
    ['issueAssignedToYou', undefined],
    ['issueCommentReaction', 'tada'],
    ['issueEmojiReaction', 'eyes'],
  ])
})

test('what the agent says to people stands in the thread, and what it thinks does not', async () => {
  const issue = alice.createIssue('Fix the lamp')
  const session = alice.delegate(issue)
  await thought(session.id)
  await client.createAgentActivity({ agentSessionId: session.id, content: { type: 'response', body: 'It shines.' } })
  const [root, ...replies] = acme.comments(issue)
  expect(root).toMatchObject({ isArtificialAgentSessionRoot: true, userId: null })
  expect(replies.map(({ body, userId, parentId }) => [body, userId, parentId])).toEqual([['It shines.', acme.appUser.id, root!.id]])
})

test('an app starts a session of its own on an issue and on a comment', async () => {
  const issue = alice.createIssue('Fix the lamp')
  const comment = alice.comment(issue, 'It flickers.')
  const onIssue = await client.agentSessionCreateOnIssue({
    issueId: issue.identifier,
    externalUrls: [{ label: 'Status', url: 'http://127.0.0.1:9/' }],
  })
  const onComment = await client.agentSessionCreateOnComment({ commentId: comment.id })
  expect(await onIssue.agentSession).toMatchObject({ status: 'pending', externalUrls: [{ label: 'Status', url: 'http://127.0.0.1:9/' }] })
  expect((await onComment.agentSession)?.commentId).toBe(comment.id)
  expect((await client.agentSessions()).nodes).toHaveLength(2)
  const person = new LinearClient({ apiKey: acme.apiKey('alice'), apiUrl: twin.apiUrl })
  await expect(person.agentSessionCreateOnIssue({ issueId: issue.id })).rejects.toMatchObject({ status: 403 })
  await expect(
    person.createAgentActivity({ agentSessionId: acme.sessions(issue)[0]!.id, content: { type: 'thought', body: 'Me?' } }),
  ).rejects.toMatchObject({ status: 403 })
})

test('plan and links of a session are set, and links of others are kept', async () => {
  const session = alice.delegate(alice.createIssue('Fix the lamp'))
  const link = (name: string) => ({ label: name, url: `http://127.0.0.1:9/${name}` })
  await client.updateAgentSession(session.id, { externalUrls: [link('a'), link('b')] })
  await client.updateAgentSession(session.id, { addedExternalUrls: [link('c')], removedExternalUrls: [link('a').url] })
  const plan = [
    { content: 'Look', status: 'completed' },
    { content: 'Mend', status: 'inProgress' },
  ]
  await client.updateAgentSession(session.id, { plan })
  expect(await client.agentSession(session.id)).toMatchObject({ plan, externalUrls: [link('b'), link('c')] })
  await expect(client.updateAgentSession(session.id, { plan: [{ content: 'Mend', status: 'doing' }] })).rejects.toThrow(
    'Argument Validation Error',
  )
  expect(session.plan).toEqual(plan)
  await expect(client.updateAgentSession(session.id, { externalUrls: [link('a'), link('a')] })).rejects.toThrow('is there twice')
})

test('activities are filtered and paged', async () => {
  const session = alice.delegate(alice.createIssue('Fix the lamp'))
  for (const body of ['One', 'Two', 'Three']) {
    await thought(session.id, body)
    await clock.advance(1)
  }
  alice.prompt(session, 'Well?')
  const read = await client.agentSession(session.id)
  const prompts = await read.activities({ filter: { type: { eq: 'prompt' } } })
  expect(prompts.nodes).toHaveLength(1)
  const page = await read.activities({ first: 2, filter: { type: { eq: 'thought' } } })
  expect(page.nodes.map(({ content }) => (content as { body: string }).body)).toEqual(['Three', 'Two'])
  const rest = await read.activities({ first: 2, filter: { type: { eq: 'thought' } }, after: page.pageInfo.endCursor! })
  expect(rest.nodes.map(({ content }) => (content as { body: string }).body)).toEqual(['One'])
})

test('an elicitation offers a choice or asks for access', async () => {
  const session = alice.delegate(alice.createIssue('Fix the lamp'))
  const signalMetadata = { options: [{ label: 'Red', value: 'red' }, { value: 'blue' }] }
  await client.createAgentActivity({
    agentSessionId: session.id,
    content: { type: 'elicitation', body: 'Which?' },
    signal: 'select' as never,
    signalMetadata,
  })
  await client.createAgentActivity({
    agentSessionId: session.id,
    content: { type: 'elicitation', body: 'May I?' },
    signal: 'auth' as never,
    signalMetadata: { url: 'http://127.0.0.1:9/' },
  })
  expect(acme.activities(session).map(({ signal }) => signal)).toEqual(['select', 'auth'])
})
