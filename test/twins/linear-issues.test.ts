// Issues in the Linear twin and what hangs on them: teams, delegations, attachments, comments, labels, files, and very many of them.

import { GitLinkKind, LinearClient } from '@linear/sdk'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createReceiver, type Receiver } from './linear/receiver.ts'
import { createLinearTwin, createVirtualClock, type LinearTwin, type Person, type WorkspaceTwin } from './linear.ts'

let twin: LinearTwin
let acme: WorkspaceTwin
let alice: Person
let receiver: Receiver
let client: LinearClient

beforeEach(async () => {
  receiver = await createReceiver()
  twin = await createLinearTwin({
    clock: createVirtualClock(),
    teams: [
      { key: 'ENG', name: 'Engineering' },
      { key: 'OPS', name: 'Operations' },
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

test('an issue that changes its team has a new key and is found by the old one', async () => {
  const issue = alice.createIssue({ title: 'Fix the lamp', state: 'In Progress', labels: ['bug'] })
  alice.changeTeam(issue, 'OPS')
  for (const key of ['OPS-1', 'ENG-1', issue.id]) {
    expect(await client.issue(key)).toMatchObject({ identifier: 'OPS-1', previousIdentifiers: ['ENG-1'], labelIds: [] })
  }
  expect(acme.stateOf(issue)).toMatchObject({ name: 'In Progress', teamId: acme.team('OPS').id })
  await twin.idle()
  expect(receiver.bodies('Issue', 'update').at(-1)).toMatchObject({
    data: { identifier: 'OPS-1' },
    updatedFrom: { teamId: acme.team('ENG').id, identifier: 'ENG-1' },
  })
})

test('a delegation that is taken back, a cancellation and a deletion are told', async () => {
  const issue = alice.createIssue('Fix the lamp')
  alice.delegate(issue)
  alice.moveState(issue, 'started')
  alice.undelegate(issue)
  alice.cancel(issue)
  alice.remove(issue)
  await twin.idle()
  const updates = receiver.bodies('Issue', 'update').map(({ updatedFrom }) => Object.keys(updatedFrom).sort().join())
  expect(updates).toEqual(['delegateId,updatedAt', 'startedAt,stateId,updatedAt', 'delegateId,updatedAt', 'canceledAt,stateId,updatedAt'])
  expect(receiver.bodies('Issue', 'remove')).toMatchObject([{ data: { id: issue.id, trashed: true } }])
  expect(receiver.bodies('AppUserNotification').map(({ action }) => action)).toEqual([
    'issueAssignedToYou',
    'issueStatusChanged',
    'issueUnassignedFromYou',
  ])
  expect(await client.issue(issue.id)).toMatchObject({ trashed: true })
  expect((await client.issues()).nodes).toEqual([])
  expect((await client.issues({ includeArchived: true })).nodes).toHaveLength(1)
})

test('the history of an issue has who moved it where, and nothing where it has stayed', async () => {
  const issue = alice.createIssue('Fix the lamp')
  const bob = acme.as('bob')
  bob.moveState(issue, 'In Progress')
  bob.moveState(issue, 'In Progress')
  alice.moveState(issue, 'Done')
  const { nodes } = await (await client.issue(issue.id)).history()
  const seen = await Promise.all(
    nodes.map(async (entry) => [(await entry.actor)?.displayName, (await entry.fromState)?.name, (await entry.toState)?.name]),
  )
  expect(seen.toSorted()).toEqual([
    ['alice', 'In Progress', 'Done'],
    ['bob', 'Todo', 'In Progress'],
  ])
  expect(acme.movesOf(issue)).toEqual([
    { by: 'bob', from: 'Todo', to: 'In Progress' },
    { by: 'alice', from: 'In Progress', to: 'Done' },
  ])
})

test('pull requests and other pages are attached, once for each address', async () => {
  const issue = alice.createIssue('Fix the lamp')
  const url = 'https://github.com/acme/lamp/pull/7'
  const linked = await client.attachmentLinkGitHubPR(issue.id, url, { linkKind: GitLinkKind.Closes })
  expect(await linked.attachment).toMatchObject({
    url,
    sourceType: 'github',
    title: 'acme/lamp#7',
    metadata: { number: 7, linkKind: 'closes' },
  })
  await client.createAttachment({ issueId: issue.id, url, title: 'Renamed', metadata: { state: 'merged' } })
  await client.attachmentLinkURL(issue.id, 'https://example.com/log', { title: 'Log' })
  expect(acme.attachments(issue).map(({ title, metadata }) => [title, metadata])).toEqual([
    ['Renamed', { state: 'merged' }],
    ['Log', {}],
  ])
  await client.deleteAttachment(acme.attachments(issue)[1]!.id)
  expect((await (await client.issue(issue.id)).attachments()).nodes).toHaveLength(1)
  await expect(client.attachmentLinkGitHubPR(issue.id, 'https://github.com/acme/lamp/issues/7')).rejects.toThrow(
    'Argument Validation Error',
  )
})

test('comments and labels are written by the app, and only its own are changed', async () => {
  const issue = alice.createIssue('Fix the lamp')
  const theirs = alice.comment(issue, 'It flickers.')
  const made = await (await client.createComment({ issueId: issue.id, parentId: theirs.id, body: 'I see.' })).comment
  await client.updateComment(made!.id, { body: 'I see it.' })
  expect((await client.comment({ id: made!.id })).body).toBe('I see it.')
  expect((await made!.parent)?.id).toBe(theirs.id)
  await expect(client.updateComment(theirs.id, { body: 'It shines.' })).rejects.toMatchObject({ status: 403 })
  await client.createReaction({ commentId: theirs.id, emoji: 'eyes' })
  await client.deleteComment(made!.id)
  expect(acme.comments(issue).map(({ body }) => body)).toEqual(['It flickers.'])
  const label = await (await client.createIssueLabel({ name: 'queued', teamId: acme.team('ENG').id })).issueLabel
  await client.updateIssue(issue.id, { addedLabelIds: [label!.id] })
  expect(acme.labelsOf(issue)).toEqual(['queued'])
  await client.updateIssue(issue.id, { removedLabelIds: [label!.id] })
  expect(acme.labelsOf(issue)).toEqual([])
  await expect(client.createIssueLabel({ name: 'Queued', teamId: acme.team('ENG').id })).rejects.toThrow('already exists')
})

test('a file is put where the upload says and read with the token', async () => {
  const { uploadFile } = await client.fileUpload('text/plain', 'run.log', 5)
  const headers = Object.fromEntries(uploadFile!.headers.map(({ key, value }) => [key, value]))
  const put = await fetch(uploadFile!.uploadUrl, { method: 'PUT', headers: { ...headers, 'Content-Type': 'text/plain' }, body: 'hello' })
  expect(put.status).toBe(200)
  expect((await fetch(uploadFile!.assetUrl)).status).toBe(401)
  const read = await fetch(uploadFile!.assetUrl, { headers: { Authorization: `Bearer ${acme.install().accessToken}` } })
  expect(await read.text()).toBe('hello')
})

test('issues are created and deleted by the app, and their time stamps only grow', async () => {
  const made = await (
    await client.createIssue({ teamId: acme.team('ENG').id, title: 'Follow up', description: 'Later.', delegateId: acme.appUser.id })
  ).issue
  expect(made?.identifier).toBe('ENG-1')
  expect(acme.sessions('ENG-1')).toEqual([])
  const seen = [acme.issue('ENG-1').updatedAt]
  for (const priority of [1, 2, 3]) seen.push(alice.update('ENG-1', { priority }).updatedAt)
  expect([...new Set(seen)].sort()).toEqual(seen)
  await client.archiveIssue(made!.id)
  expect((await client.issue(made!.id)).archivedAt).toBeInstanceOf(Date)
  await client.deleteIssue(made!.id, { permanentlyDelete: true })
  await expect(client.issue(made!.id)).rejects.toThrow('Entity not found: Issue')
})

test('five hundred issues are listed and moved in little time', async () => {
  twin.app.webhookUrl = undefined
  for (let number = 0; number < 500; number++) alice.createIssue({ title: `Issue ${number}`, delegate: true })
  const begin = performance.now()
  let page = await client.issues({ filter: { delegate: { id: { eq: acme.appUser.id } } }, first: 100 })
  let count = page.nodes.length
  while (page.pageInfo.hasNextPage) {
    page = await page.fetchNext()
    count = page.nodes.length
  }
  expect(count).toBe(500)
  const done = acme.states('ENG').find(({ type }) => type === 'completed')!
  for (let number = 1; number <= 100; number++) await client.updateIssue(`ENG-${number}`, { stateId: done.id })
  expect(performance.now() - begin).toBeLessThan(15_000)
})
