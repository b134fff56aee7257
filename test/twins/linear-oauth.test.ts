// OAuth of the Linear twin: the page, the codes, the tokens with their rotation and their end, in several workspaces.

import { createHash } from 'node:crypto'
import { LinearClient } from '@linear/sdk'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createReceiver, type Receiver } from './linear/receiver.ts'
import { createLinearTwin, createVirtualClock, type LinearTwin, type VirtualClock } from './linear.ts'

const redirectUri = 'http://127.0.0.1:9/callback'
const hour = 3_600_000
const verifier = 'a-verifier-that-is-long-enough-to-be-one-of-forty-three'

let twin: LinearTwin
let clock: VirtualClock
let receiver: Receiver

beforeEach(async () => {
  clock = createVirtualClock()
  receiver = await createReceiver()
  twin = await createLinearTwin({
    clock,
    workspaces: [{ name: 'acme' }, { name: 'globex', people: ['carol'] }],
    app: { redirectUris: [redirectUri], webhookUrl: receiver.url },
  })
})

afterEach(async () => {
  await receiver.close()
  await twin.close()
})

function authorizeUrl(changes: Record<string, string | undefined> = {}): string {
  const url = new URL('/oauth/authorize', twin.url)
  const asked = {
    client_id: twin.app.clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'read,write,app:assignable,app:mentionable',
    state: 'state-1',
    actor: 'app',
    prompt: 'consent',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...changes,
  }
  for (const [name, value] of Object.entries(asked)) if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}

async function post(path: string, form: Record<string, string>): Promise<{ status: number; body: any }> {
  const response = await fetch(new URL(path, twin.url), { method: 'POST', body: new URLSearchParams(form) })
  return { status: response.status, body: await response.json() }
}

const exchange = (code: string, more: Record<string, string> = { code_verifier: verifier }) =>
  post('/oauth/token', { grant_type: 'authorization_code', code, redirect_uri: redirectUri, client_id: twin.app.clientId, ...more })

const refresh = (token: string) =>
  post('/oauth/token', {
    grant_type: 'refresh_token',
    refresh_token: token,
    client_id: twin.app.clientId,
    client_secret: twin.app.clientSecret,
  })

async function codeFor(url = authorizeUrl(), workspace = 'acme'): Promise<string> {
  return new URL(await twin.oauth.approve(url, { workspace })).searchParams.get('code')!
}

async function install(workspace = 'acme'): Promise<{ access_token: string; refresh_token: string }> {
  return (await exchange(await codeFor(authorizeUrl(), workspace))).body
}

const clientOf = (accessToken: string) => new LinearClient({ accessToken, apiUrl: twin.apiUrl })

test('the walk through OAuth leads back with the state, and its tokens are those of the app user of that workspace', async () => {
  const back = new URL(await twin.oauth.approve(authorizeUrl({ scope: 'read write app:assignable' })))
  expect(back.origin + back.pathname).toBe(redirectUri)
  expect(back.searchParams.get('state')).toBe('state-1')
  const { status, body } = await exchange(back.searchParams.get('code')!)
  expect(status).toBe(200)
  expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 86_400, scope: 'read write app:assignable' })
  const other = await install('globex')
  const [here, there] = await Promise.all([clientOf(body.access_token).viewer, clientOf(other.access_token).viewer])
  expect(here).toMatchObject({ id: twin.workspace('acme').appUser.id, app: true })
  expect(there.id).toBe(twin.workspace('globex').appUser.id)
  expect(there.id).not.toBe(here.id)
  expect((await clientOf(other.access_token).organization).name).toBe('globex')
})

test.each([
  ['an unknown client', { client_id: 'nobody' }, 'Invalid client_id'],
  ['another address', { redirect_uri: 'http://127.0.0.1:9/evil' }, 'Invalid redirect_uri'],
  ['another response', { response_type: 'token' }, 'Invalid response_type'],
  ['an unknown scope', { scope: 'read,everything' }, 'Invalid scope: everything'],
  ['an app with admin rights', { scope: 'read,admin' }, 'admin cannot be asked for'],
  ['an agent that acts as the person', { actor: 'user' }, 'need actor=app'],
  ['another prompt', { prompt: 'login' }, 'Invalid prompt'],
  ['an unknown challenge', { code_challenge_method: 'MD5' }, 'code_challenge_method'],
])('the page refuses %s', async (_, changes, message) => {
  await expect(twin.oauth.approve(authorizeUrl(changes))).rejects.toThrow(message)
})

test('a person who says no is led back, too', async () => {
  const back = new URL(await twin.oauth.approve(authorizeUrl(), { deny: true }))
  expect(Object.fromEntries(back.searchParams)).toEqual({ state: 'state-1', error: 'access_denied' })
})

test('a code serves once, for its verifier and its address, and not for long', async () => {
  expect((await exchange(await codeFor(), { code_verifier: 'another' })).body.error).toBe('invalid_grant')
  expect((await exchange(await codeFor(), { code_verifier: verifier, redirect_uri: 'http://127.0.0.1:9/evil' })).body.error).toBe(
    'invalid_grant',
  )
  const code = await codeFor()
  expect((await exchange(code)).status).toBe(200)
  expect(await exchange(code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  const late = await codeFor()
  await clock.advance(10 * 60_000)
  expect((await exchange(late)).body.error).toBe('invalid_grant')
})

test('without PKCE the secret is needed, and with it a wrong one is refused', async () => {
  const plain = authorizeUrl({ code_challenge: undefined, code_challenge_method: undefined })
  expect(await exchange(await codeFor(plain), {})).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  expect((await exchange(await codeFor(plain), { client_secret: twin.app.clientSecret })).status).toBe(200)
  expect((await exchange(await codeFor(), { code_verifier: verifier, client_secret: 'wrong' })).status).toBe(401)
})

test('the tokens are exchanged by a form and nothing else', async () => {
  const response = await fetch(new URL('/oauth/token', twin.url), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ grant_type: 'refresh_token' }),
  })
  expect(response.status).toBe(400)
  expect((await post('/oauth/token', { grant_type: 'password', client_id: twin.app.clientId })).body.error).toBe('unsupported_grant_type')
})

test('an access token ends after a day, and the refresh token gives another', async () => {
  const first = await install()
  await clock.advance(24 * hour - 1)
  expect((await clientOf(first.access_token).viewer).app).toBe(true)
  await clock.advance(1)
  await expect(clientOf(first.access_token).viewer).rejects.toMatchObject({ status: 401, type: 'AuthenticationError' })
  const second = (await refresh(first.refresh_token)).body
  expect(second.refresh_token).not.toBe(first.refresh_token)
  expect((await clientOf(second.access_token).viewer).app).toBe(true)
})

test('a used refresh token answers the same pair for half an hour and is void afterwards', async () => {
  const first = await install()
  const second = (await refresh(first.refresh_token)).body
  await clock.advance(30 * 60_000 - 1)
  expect((await refresh(first.refresh_token)).body).toEqual(second)
  await clock.advance(1)
  expect(await refresh(first.refresh_token)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  expect((await refresh(second.refresh_token)).status).toBe(200)
})

test('what is revoked is void at once, in its workspace only, and Linear tells the app', async () => {
  const [acme, globex] = [await install('acme'), await install('globex')]
  expect((await post('/oauth/revoke', { token: acme.access_token })).status).toBe(200)
  await twin.idle()
  expect(receiver.bodies('OAuthApp', 'revoked')).toMatchObject([
    { organizationId: twin.workspace('acme').id, oauthClientId: twin.app.clientId },
  ])
  await expect(clientOf(acme.access_token).viewer).rejects.toMatchObject({ status: 401 })
  expect((await refresh(acme.refresh_token)).body.error).toBe('invalid_grant')
  expect((await clientOf(globex.access_token).viewer).app).toBe(true)
  expect((await post('/oauth/revoke', { token: acme.access_token })).status).toBe(400)
})

test('who was not given the scope cannot write, be delegated to, or be mentioned', async () => {
  const { body } = await exchange(await codeFor(authorizeUrl({ scope: 'read' })))
  const acme = twin.workspace('acme')
  const issue = acme.as('alice').createIssue('Fix the lamp')
  await expect(clientOf(body.access_token).updateIssue(issue.id, { title: 'Mine' })).rejects.toMatchObject({
    status: 403,
    type: 'Forbidden',
  })
  expect(() => acme.as('alice').delegate(issue)).toThrow('Invalid delegate')
  acme.as('alice').comment(issue, '@signalbox please')
  expect(acme.sessions(issue)).toEqual([])
})

test("a person's key acts as the person", async () => {
  const client = new LinearClient({ apiKey: twin.workspace('globex').apiKey('carol'), apiUrl: twin.apiUrl })
  expect(await client.viewer).toMatchObject({ displayName: 'carol', app: false })
})
