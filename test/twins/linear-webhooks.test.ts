// The webhooks of the Linear twin: signed so that the SDK accepts them, tried again as Linear does, and disturbed as a test asks.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LinearWebhookClient, type LinearWebhookPayload } from '@linear/sdk/webhooks'
import { LinearClient } from '@linear/sdk'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { payloadProblems } from './linear/payload-check.ts'
import { createReceiver, type Receiver } from './linear/receiver.ts'
import { createLinearTwin, createVirtualClock, type LinearTwin, type VirtualClock, type WorkspaceTwin } from './linear.ts'

const minute = 60_000
const hour = 60 * minute

let twin: LinearTwin
let acme: WorkspaceTwin
let receiver: Receiver
let clock: VirtualClock

beforeEach(async () => {
  clock = createVirtualClock()
  receiver = await createReceiver()
  twin = await createLinearTwin({
    clock,
    teams: [{ key: 'ENG' }, { key: 'OPS' }],
    app: { webhookUrl: receiver.url },
  })
  acme = twin.workspace()
  acme.install()
})

afterEach(async () => {
  await receiver.close()
  await twin.close()
})

const titles = (): string[] => receiver.bodies('Issue', 'create').map((body) => body.data.title)

test('the webhook client of the SDK accepts what the twin has signed, and nothing that was changed', async () => {
  const handler = new LinearWebhookClient(twin.app.webhookSecret).createHandler()
  const events: LinearWebhookPayload[] = []
  handler.on('*', (event) => void events.push(event))
  const server = createServer((request, response) => void handler(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  twin.app.webhookUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const alice = acme.as('alice')
  const issue = alice.createIssue('Fix the lamp')
  const session = alice.delegate(issue)
  alice.stop(session)
  alice.react(alice.comment(issue, 'Soon?'), '🎉')
  alice.label(issue, 'new')
  alice.attach(issue, { url: 'https://github.com/acme/lamp/pull/7', linkKind: 'contributes' })
  alice.remove(issue)
  acme.changeTeamAccess(['ENG'])
  acme.revoke()
  await twin.idle()
  server.close()
  expect(twin.deliveries.map(({ outcome }) => outcome)).not.toContain('failed')
  expect(new Set(events.map(({ type, action }) => `${type} ${action}`))).toEqual(
    new Set([
      'Issue create',
      'Issue update',
      'Issue remove',
      'Comment create',
      'Reaction create',
      'IssueLabel create',
      'Attachment create',
      'AppUserNotification issueAssignedToYou',
      'AppUserNotification issueNewComment',
      'AgentSessionEvent created',
      'AgentSessionEvent prompted',
      'PermissionChange teamAccessChanged',
      'OAuthApp revoked',
    ]),
  )
  const { body } = twin.deliveries[0]!
  const raw = Buffer.from(JSON.stringify({ ...body, webhookTimestamp: clock.now() }))
  expect(() => new LinearWebhookClient('another secret').verify(raw, '0'.repeat(64))).toThrow('Invalid webhook signature')
})

test('a delivery says what it is in its headers', async () => {
  acme.as('alice').createIssue('Fix the lamp')
  await twin.idle()
  const { headers, body } = receiver.received[0]!
  expect(headers).toMatchObject({
    'linear-event': 'Issue',
    'linear-delivery': twin.deliveries[0]!.id,
    'linear-timestamp': String(body.webhookTimestamp),
  })
  expect(headers['linear-signature']).toMatch(/^[0-9a-f]{64}$/)
  expect(body).toMatchObject({ action: 'create', type: 'Issue', webhookTimestamp: clock.now(), actor: { name: 'Alice' } })
  expect(body.url).toBe(`${twin.url}/acme/issue/ENG-1/fix-the-lamp`)
})

test('what was not answered with 200 comes again after a minute, an hour and six hours, and then no more', async () => {
  receiver.answer = 503
  acme.as('alice').createIssue('Fix the lamp')
  await twin.idle()
  const start = clock.now()
  for (const [wait, seen] of [
    [minute - 1, 1],
    [1, 2],
    [hour - 1, 2],
    [1, 3],
    [6 * hour - 1, 3],
    [1, 4],
    [24 * hour, 4],
  ] as const) {
    await clock.advance(wait)
    await twin.idle()
    expect(receiver.received).toHaveLength(seen)
  }
  const [delivery] = twin.deliveries
  expect(delivery).toMatchObject({ outcome: 'failed' })
  expect(delivery!.attempts.map(({ at, status }) => [at - start, status])).toEqual([
    [0, 503],
    [minute, 503],
    [minute + hour, 503],
    [minute + 7 * hour, 503],
  ])
  expect(new Set(receiver.received.map(({ headers }) => headers['linear-delivery'])).size).toBe(1)
  expect(new Set(receiver.received.map(({ headers }) => headers['linear-signature'])).size).toBe(4)
})

test('an answer that takes longer than five seconds is none, and the retry may succeed', async () => {
  receiver.answer = 'silence'
  acme.as('alice').createIssue('Fix the lamp')
  await expect.poll(() => receiver.received.length).toBe(1)
  await clock.advance(5_000)
  await expect.poll(() => twin.deliveries[0]!.attempts.length).toBe(1)
  expect(twin.deliveries[0]).toMatchObject({ outcome: 'retrying', attempts: [{ status: undefined, error: 'No answer within 5 seconds.' }] })
  receiver.answer = 200
  await clock.advance(minute)
  await twin.idle()
  expect(twin.deliveries[0]!.outcome).toBe('delivered')
})

test('a receiver that is away is tried again', async () => {
  await receiver.close()
  acme.as('alice').createIssue('Fix the lamp')
  await twin.idle()
  expect(twin.deliveries[0]!.outcome).toBe('retrying')
  expect(twin.deliveries[0]!.attempts[0]!.error).toContain('ECONNREFUSED')
})

test('deliveries are dropped, doubled, delayed and held as a test asks', async () => {
  const alice = acme.as('alice')
  const stopDropping = twin.webhooks.drop(({ body }) => (body['data'] as { title: string }).title === 'lost')
  const stopDoubling = twin.webhooks.duplicate()
  alice.createIssue('lost')
  alice.createIssue('twice')
  await twin.idle()
  expect(titles()).toEqual(['twice', 'twice'])
  expect(receiver.received[0]!.headers['linear-delivery']).toBe(receiver.received[1]!.headers['linear-delivery'])
  stopDropping()
  stopDoubling()
  const stopDelaying = twin.webhooks.delay(1_000)
  alice.createIssue('late')
  stopDelaying()
  twin.webhooks.pause()
  alice.createIssue('held')
  await twin.idle()
  expect(titles()).toEqual(['twice', 'twice'])
  expect(twin.deliveries.map(({ outcome }) => outcome)).toEqual(['dropped', 'delivered', 'sending', 'held'])
  twin.webhooks.resume()
  await twin.idle()
  await clock.advance(1_000)
  await twin.idle()
  expect(titles()).toEqual(['twice', 'twice', 'held', 'late'])
})

test('the same seed shuffles in the same way', async () => {
  const alice = acme.as('alice')
  const order = async (seed: number): Promise<string[]> => {
    receiver.received.length = 0
    const stop = twin.webhooks.shuffle(seed)
    for (const name of 'abcdefgh') alice.createIssue(name)
    stop()
    for (let step = 0; step < 50; step++) {
      await clock.advance(1)
      await twin.idle()
    }
    return titles()
  }
  const first = await order(1)
  expect([...first].sort()).toEqual([...'abcdefgh'])
  expect(first).not.toEqual([...'abcdefgh'])
  expect(await order(1)).toEqual(first)
  expect(await order(2)).not.toEqual(first)
})

test('a delivery is sent once more by hand, and what was held comes out shuffled', async () => {
  const alice = acme.as('alice')
  alice.createIssue('first')
  await twin.idle()
  await twin.webhooks.redeliver(twin.deliveries[0]!)
  expect(titles()).toEqual(['first', 'first'])
  expect(twin.deliveries[0]!.attempts.map(({ status }) => status)).toEqual([200, 200])
  twin.webhooks.pause()
  for (const name of 'abcd') alice.createIssue(name)
  const stop = twin.webhooks.shuffle(1, 1)
  twin.webhooks.resume()
  stop()
  await twin.idle()
  expect(titles().slice(2).sort()).toEqual([...'abcd'])
  expect(twin.deliveries.every(({ outcome }) => outcome === 'delivered')).toBe(true)
})

test('a webhook of the workspace hears of its types and its team, beside the app', async () => {
  twin.app.webhookUrl = undefined
  const client = new LinearClient({ apiKey: acme.apiKey('alice'), apiUrl: twin.apiUrl })
  const { webhook } = await client.createWebhook({
    url: receiver.url,
    resourceTypes: ['Issue'],
    teamId: acme.team('OPS').id,
    secret: 'hush',
  })
  const alice = acme.as('alice')
  alice.createIssue({ title: 'Elsewhere', team: 'ENG' })
  alice.comment(alice.createIssue({ title: 'Here', team: 'OPS' }), 'Not asked for.')
  await twin.idle()
  expect(receiver.received.map(({ body }) => [body.type, body.data.title, body.webhookId])).toEqual([
    ['Issue', 'Here', (await webhook)?.id],
  ])
  expect(new LinearWebhookClient('hush').verify(receiver.received[0]!.raw, String(receiver.received[0]!.headers['linear-signature']))).toBe(
    true,
  )
})

test('the app hears nothing of a team that it may not see, and cannot read it', async () => {
  const alice = acme.as('alice')
  const hidden = alice.createIssue({ title: 'Hidden', team: 'OPS' })
  acme.changeTeamAccess(['ENG'])
  await twin.idle()
  expect(receiver.bodies('PermissionChange')[0]).toMatchObject({
    canAccessAllPublicTeams: false,
    addedTeamIds: [],
    removedTeamIds: [acme.team('OPS').id],
  })
  receiver.received.length = 0
  alice.editTitle(hidden, 'Still hidden')
  alice.createIssue({ title: 'Seen', team: 'ENG' })
  await twin.idle()
  expect(receiver.received.map(({ body }) => body.data.title)).toEqual(['Seen'])
  const client = new LinearClient({ accessToken: acme.install({ teams: ['ENG'] }).accessToken, apiUrl: twin.apiUrl })
  await expect(client.issue(hidden.id)).rejects.toThrow('Entity not found: Issue')
  expect((await client.issues()).nodes.map(({ title }) => title)).toEqual(['Seen'])
  expect((await client.teams()).nodes.map(({ key }) => key)).toEqual(['ENG'])
})

test('a body that is not as the SDK declares it is a problem', async () => {
  acme.as('alice').createIssue('Fix the lamp')
  await twin.idle()
  const body = structuredClone(receiver.received[0]!.body)
  expect(payloadProblems(body)).toEqual([])
  delete body.data.teamId
  body.data.number = '1'
  body.data.colour = 'red'
  body.actor = { id: 'nobody' }
  expect(payloadProblems(body)).toEqual([
    expect.stringContaining('Issue.actor is none of'),
    'Issue.data.colour is no field of IssueWebhookPayload.',
    'Issue.data.number is "1", which is no Float.',
    'Issue.data.teamId is missing.',
  ])
})
