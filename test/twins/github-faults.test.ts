// The twin fails as told: broken answers, limits, expired credentials, and deliveries that are lost, doubled, late or out of order.

import { createHmac, createSign } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGithubWorld, SECRET } from './github-world.ts'
import type { GithubWorld } from './github-world.ts'
import { createVirtualClock } from './clock.ts'
import type { VirtualClock } from './clock.ts'

let world: GithubWorld
let clock: VirtualClock
beforeEach(async () => {
  clock = createVirtualClock(Date.parse('2026-01-01T00:00:00Z'))
  world = await createGithubWorld({ twin: { clock, limits: { rest: 200, graphql: 3 } } })
})
afterEach(() => world.close())

const get = (path: string, token: string, init: RequestInit = {}) =>
  fetch(`${world.twin.restUrl}${path}`, { ...init, headers: { authorization: `token ${token}`, ...init.headers } })

describe('answers of the GitHub twin', () => {
  it('are the statuses that a test asks for, as often as it asks, with Retry-After', async () => {
    const { twin } = world
    const token = twin.userToken('alice')
    for (const status of [401, 403, 404, 409, 422, 429, 500] as const) {
      twin.faults.add({ match: ({ route }) => route === '/repos/{owner}/{repo}', status, retryAfter: 7 })
      const answer = await get('/repos/acme/shop', token)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, '7'])
      expect(await answer.json()).toHaveProperty('message')
      expect((await get('/repos/acme/shop', token)).status).toBe(200)
    }
  })

  it('never come, break off, or are reset; after the deed the deed is done', async () => {
    const { twin, repository } = world
    const token = twin.userToken('alice')
    const repo = ({ route }: { route: string }) => route === '/repos/{owner}/{repo}'
    twin.faults.add({ match: repo, status: 'timeout' })
    await expect(get('/repos/acme/shop', token, { signal: AbortSignal.timeout(200) })).rejects.toThrow(/aborted/)
    twin.faults.add({ match: repo, status: 'half', when: 'after' })
    await expect(get('/repos/acme/shop', token).then((answer) => answer.json())).rejects.toThrow(/terminated|JSON/)
    twin.faults.add({ match: repo, status: 'reset' })
    await expect(get('/repos/acme/shop', token)).rejects.toThrow(/fetch failed/)
    await twin.as('alice').push(repository, 'x', { x: 'x\n' })
    twin.faults.add({
      match: ({ method, route }) => method === 'POST' && route.endsWith('/pulls'),
      status: 'reset',
      when: 'after',
    })
    await expect(
      get('/repos/acme/shop/pulls', token, { method: 'POST', body: JSON.stringify({ title: 'x', head: 'x', base: 'main' }) }),
    ).rejects.toThrow(/fetch failed/)
    expect(repository.pulls.get(1)?.state).toBe('open')
    expect(twin.requests.at(-1)).toMatchObject({
      method: 'POST',
      route: '/repos/{owner}/{repo}/pulls',
      credential: 'user',
      login: 'alice',
      status: 0,
    })
  })

  it('count against limits that come back with the hour of the twin', async () => {
    const { twin } = world
    const token = twin.userToken('alice')
    twin.limits.rest = 2
    expect((await get('/user', token)).headers.get('x-ratelimit-remaining')).toBe('1')
    await get('/user', token)
    const over = await get('/user', token)
    expect([over.status, over.headers.get('x-ratelimit-remaining')]).toEqual([403, '0'])
    expect(((await over.json()) as { message: string }).message).toMatch(/^API rate limit exceeded/)
    expect((await get('/rate_limit', token)).status).toBe(200)
    await clock.advance(3_600_000)
    expect((await get('/user', token)).status).toBe(200)
    const graphql = () =>
      fetch(twin.graphqlUrl, {
        method: 'POST',
        headers: { authorization: `bearer ${token}` },
        body: JSON.stringify({ query: '{ viewer { login } }' }),
      })
    for (let call = 0; call < 3; call++) await graphql()
    expect(await (await graphql()).json()).toMatchObject({ errors: [{ type: 'RATE_LIMITED' }] })
    twin.limits.rest = 200
    twin.limits.contentPerMinute = 1
    const comment = () => get('/repos/acme/shop/pulls', token, { method: 'POST', body: '{}' })
    expect((await comment()).status).toBe(422)
    const second = await comment()
    expect([second.status, second.headers.get('retry-after')]).toEqual([403, '60'])
  })

  it('have an ETag, and are not repeated to who has them; lists have pages', async () => {
    const { twin, repository } = world
    const token = twin.userToken('alice')
    const first = await get('/repos/acme/shop', token)
    const again = await get('/repos/acme/shop', token, { headers: { 'if-none-match': first.headers.get('etag')! } })
    expect(again.status).toBe(304)
    for (const name of ['a', 'b', 'c']) {
      await twin.as('alice').push(repository, name, { [name]: name })
      await twin.as('alice').open(repository, { title: name, head: name, base: 'main' })
    }
    const page = await get('/repos/acme/shop/pulls?per_page=2', token)
    expect(((await page.json()) as { title: string }[]).map((pull) => pull.title)).toEqual(['c', 'b'])
    expect(page.headers.get('link')).toMatch(/page=2>; rel="next", <.*page=2>; rel="last"/)
  })
})

describe('credentials', () => {
  it('of an App are checked: signature, age and length of life', async () => {
    const { twin, app } = world
    const sign = (claims: object, key = app.privateKey) => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`
      return `${text}.${createSign('RSA-SHA256').update(text).sign(key, 'base64url')}`
    }
    const status = async (jwt: string) => (await fetch(`${twin.restUrl}/app`, { headers: { authorization: `Bearer ${jwt}` } })).status
    const now = Math.floor(clock.now() / 1000)
    expect(await status(sign({ iat: now - 60, exp: now + 540, iss: app.id }))).toBe(200)
    expect(await status(sign({ iat: now, exp: now + 1200, iss: app.id }))).toBe(401)
    expect(await status(sign({ iat: now - 900, exp: now - 300, iss: app.id }))).toBe(401)
    expect(await status(sign({ iat: now + 300, exp: now + 500, iss: app.id }))).toBe(401)
    expect(await status(sign({ iat: now, exp: now + 500, iss: 1 }))).toBe(401)
    const valid = sign({ iat: now, exp: now + 500, iss: app.id })
    expect(await status(`${valid.slice(0, -6)}AAAAAA`)).toBe(401)
  })

  it('of an installation end after an hour of the twin, and reach no further than was asked', async () => {
    const { twin, asApp, installation } = world
    const { data } = await asApp.apps.createInstallationAccessToken({ installation_id: installation.id, permissions: { contents: 'read' } })
    expect((await get('/repos/acme/shop', data.token)).status).toBe(200)
    expect((await get('/repos/acme/shop/pulls', data.token)).status).toBe(403)
    await expect(
      asApp.apps.createInstallationAccessToken({ installation_id: installation.id, permissions: { administration: 'write' } }),
    ).rejects.toMatchObject({ status: 422 })
    await expect(world.git(world.folder, data.token, 'push', twin.cloneUrl(world.repository), 'HEAD:x')).rejects.toThrow(
      /HEAD|403|repository/,
    )
    await clock.advance(3_600_000)
    expect((await get('/repos/acme/shop', data.token)).status).toBe(401)
    await expect(world.git(world.folder, data.token, 'ls-remote', twin.cloneUrl(world.repository))).rejects.toThrow(
      /401|Authentication|could not read/,
    )
    twin.suspend(installation)
    await expect(asApp.apps.createInstallationAccessToken({ installation_id: installation.id })).rejects.toMatchObject({ status: 403 })
    twin.uninstall(installation)
    await twin.settled()
    expect(world.receiver.names().slice(-2)).toEqual(['installation.suspend', 'installation.deleted'])
  })
})

describe('deliveries', () => {
  const comments = () =>
    world.receiver.received.filter(({ event }) => event === 'issue_comment').map(({ payload }) => payload['comment'].body as string)
  const say = async (...texts: string[]) => {
    const { twin, repository } = world
    if (repository.pulls.size === 0) {
      await twin.as('alice').push(repository, 'x', { x: 'x\n' })
      await twin.as('alice').open(repository, { title: 'x', head: 'x', base: 'main' })
    }
    for (const text of texts) twin.as('alice').comment(repository.pulls.get(1)!, text)
    await twin.settled()
  }
  const isComment = ({ event }: { event: string }) => event === 'issue_comment'

  it('are signed over the bytes that are sent', async () => {
    await say('ünïcode ✓')
    const delivery = world.twin.deliveries.find(isComment)!
    expect(delivery.headers['X-Hub-Signature-256']).toBe(
      `sha256=${createHmac('sha256', SECRET).update(Buffer.from(delivery.body)).digest('hex')}`,
    )
    expect(world.receiver.refused).toEqual([])
    expect(comments()).toEqual(['ünïcode ✓'])
  })

  it('are lost until somebody asks for them again, with the same id', async () => {
    const { twin, asApp, receiver } = world
    twin.webhooks.drop(isComment, 1)
    await say('lost', 'told')
    expect(comments()).toEqual(['told'])
    receiver.answerWith(500)
    await say('refused')
    receiver.answerWith(204)
    const { data } = await asApp.apps.listWebhookDeliveries({ per_page: 10 })
    const failed = data.filter((each) => each.status_code < 200 || each.status_code >= 300)
    expect(failed).toHaveLength(2)
    for (const each of failed.reverse()) await asApp.apps.redeliverWebhookDelivery({ delivery_id: each.id })
    await twin.settled()
    expect(comments()).toEqual(['told', 'lost', 'refused'])
    expect(receiver.received.slice(-2).map((each) => each.guid)).toEqual(failed.map((each) => each.guid))
  })

  it('arrive twice, later, all at once, or in another order', async () => {
    const { twin } = world
    await say('first')
    twin.webhooks.duplicate(isComment, 1)
    await say('twice')
    expect(comments()).toEqual(['first', 'twice', 'twice'])
    twin.webhooks.delay(isComment, 60_000, 1)
    await say('late', 'early')
    expect(comments().slice(3)).toEqual(['early'])
    await clock.advance(60_000)
    await twin.settled()
    expect(comments().slice(3)).toEqual(['early', 'late'])
    twin.webhooks.pause()
    await say('held')
    expect(comments()).not.toContain('held')
    twin.webhooks.resume()
    await twin.settled()
    expect(comments().at(-1)).toBe('held')
    twin.webhooks.shuffle(7)
    const texts = ['1', '2', '3', '4', '5', '6', '7', '8']
    await say(...texts)
    twin.webhooks.calm()
    await twin.settled()
    const shuffled = comments().slice(-8)
    expect(shuffled).not.toEqual(texts)
    expect([...shuffled].sort()).toEqual(texts)
  })
})
