// Somebody sends deliveries under the ids of genuine ones that are still on their way, and has no secret to sign them with.

import { createHmac } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { both, type BothWorld } from './both.ts'
import { plainWork, until } from './harness.ts'

let setting: BothWorld | undefined
afterEach(() => setting?.close())

const signed = (body: string): string => createHmac('sha256', 'the secret of somebody else').update(body).digest('hex')

/** Everything that is held back at both, sent by a forger first; what was answered. */
async function forge({ world, linear, github }: BothWorld): Promise<number[]> {
  const fromLinear = linear.deliveries
    .filter(({ outcome }) => outcome === 'held')
    .map(({ id, type, body: content }) => {
      const body = JSON.stringify({ ...content, webhookTimestamp: Date.now() })
      return {
        to: 'linear',
        body,
        headers: { 'content-type': 'application/json', 'linear-delivery': id, 'linear-event': type, 'linear-signature': signed(body) },
      }
    })
  const fromGithub = github.deliveries
    .filter(({ outcome }) => outcome === 'pending')
    .map(({ body, headers }) => ({ to: 'github', body, headers: { ...headers, 'X-Hub-Signature-256': `sha256=${signed(body)}` } }))
  const answers = [...fromLinear, ...fromGithub].map(({ to, body, headers }) =>
    fetch(`${world.url}/webhooks/${to}`, { method: 'POST', body, headers }),
  )
  return (await Promise.all(answers)).map(({ status }) => status)
}

test('W23, F01: a forged delivery says nothing, and the genuine one of its id that comes after it moves the issue (case 341)', async () => {
  // Nothing is asked for: what becomes known was told.
  setting = await both({ more: { polling: { shortest: '1h', longest: '1h' } } })
  const { world, acme, linear, github, repository } = setting
  world.setScript('ENG-1', plainWork)
  const hold = (): void => [linear, github].forEach(({ webhooks }) => webhooks.pause())
  const release = (): void => [linear, github].forEach(({ webhooks }) => webhooks.resume())

  await linear.idle()
  hold()
  acme.as('alice').createIssue({ title: 'Add a file', delegate: true })
  const opening = await forge(setting)
  expect([opening.length > 1, [...new Set(opening)]]).toEqual([true, [401]])
  await wait(500)
  expect((await world.ask('/api/issues')).body.issues).toEqual([])
  release()
  await world.untilIssue('ENG-1', ({ pr, run }) => pr?.checks === 'passed' && run === null)

  await github.settled()
  hold()
  const [pull] = repository.pulls.values()
  await github.as('rob').approve(pull!)
  await until(() => github.deliveries.some(({ event, outcome }) => event === 'pull_request_review' && outcome === 'pending'), {
    what: 'the approval to be told',
  })
  const approving = await forge(setting)
  expect([approving.length > 0, [...new Set(approving)]]).toEqual([true, [401]])
  release()
  await world.untilIssue('ENG-1', 'done')
  expect(linear.deliveries.filter(({ attempts }) => attempts.length > 1)).toEqual([])
})
