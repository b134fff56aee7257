// Where a person who has let us into Linear is sent back to.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { createPlace } from './app.ts'

test.each([
  ['the public address', { publicUrl: 'https://box.example' }, 'https://box.example'],
  ['the public address, however it ends', { publicUrl: 'https://box.example/' }, 'https://box.example'],
  ['the address of the bind', { host: '127.0.0.2', port: 8123 }, 'http://127.0.0.2:8123'],
  ['this machine, where every address is bound', { host: '0.0.0.0', port: 8123 }, 'http://127.0.0.1:8123'],
  ['an address of the sixth version', { host: '::', port: 8123 }, 'http://[::1]:8123'],
])('%s (edge 345)', async (_what, server, expected) => {
  const place = await createPlace()
  const tracker = { kind: 'linear', clientId: 'id', clientSecret: 's', webhookSecret: 's', tokenKey: 'a key of the tests' }
  const config = parseConfig(
    JSON.stringify({
      server: { operatorToken: 'file:token', ...server },
      store: { path: 'data/signalbox.db' },
      tracker: { ...tracker, apiUrl: 'http://127.0.0.1:9/graphql', authorizeUrl: 'http://127.0.0.1:9/oauth/authorize' },
      agents: { mine: { kind: 'command', command: 'exit 1' } },
      projects: [{ id: 'app', repo: './app' }],
    }),
    join(place.folder, 'signalbox.config.json'),
  )
  const app = await place.open(config)
  const { url } = await app.connect('linear')
  expect(new URL(url).searchParams.get('redirect_uri')).toBe(`${expected}/oauth/linear/callback`)
})
