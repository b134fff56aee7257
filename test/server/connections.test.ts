// Letting us into a provider: who may begin it, and what a person sees who comes back from one that knows nothing of it.

import { expect, test } from 'vitest'
import { ask, get, post, start as startServer } from './harness.ts'
import { sharedWorld } from './world.ts'

const world = sharedWorld({ projects: ['app'] }, async () => {})
const start = () => startServer(world().app)

test('only an operator begins it, and only with a provider that is configured', async () => {
  const server = await start()
  expect((await post(server, '/api/connections', { provider: 'linear' }, {})).status).toBe(401)
  const refused = await post(server, '/api/connections', { provider: 'linear' })
  expect([refused.status, refused.body.error.code]).toEqual([409, 'nothing-to-connect'])
  expect((await post(server, '/api/connections', { provider: 'gitlab' })).status).toBe(400)
  expect((await get(server, '/api/connections?provider=linear&state=x')).body.error.code).toBe('nothing-to-connect')
  expect((await get(server, '/api/connections?provider=linear')).status).toBe(400)
})

test('a return that nobody was sent away for is a page that says so, and shows nothing of what it was given', async () => {
  const server = await start()
  for (const query of ['state=<script>&code=1', 'code=1', `state=${'x'.repeat(201)}`, 'state=x&error=<b>no</b>']) {
    const answer = await ask(server, 'GET', `/oauth/linear/callback?${encodeURI(query)}`)
    expect([answer.status, answer.headers['content-type']]).toEqual([400, 'text/html; charset=utf-8'])
    expect(answer.text).toContain('<h1>Not connected</h1>')
    expect(answer.text).not.toMatch(/<script>|<b>/)
  }
})
