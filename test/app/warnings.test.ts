// What a configuration is warned of is told with every list of issues, by the server and beside it.

import { expect, test } from 'vitest'
import { openReader } from '../../src/app.ts'
import { warningsOf } from '../../src/config-warnings.ts'
import { get, start } from '../server/harness.ts'
import { createPlace } from './app.ts'

test('an agent that may do everything is told of in the list of issues, also in one that nothing is in', async () => {
  const { config, open } = await createPlace()
  const given = config()
  given.agents['wild'] = { ...given.agents['mine']!, kind: 'acp', sandbox: 'danger-full-access' } as (typeof given.agents)[string]
  const warnings = [{ key: 'agents.wild', message: expect.stringContaining('everything'), remedy: expect.any(String) }]
  expect(warningsOf(given)).toEqual(warnings)
  const server = await start(await open(given))
  expect((await get(server, '/api/issues')).body).toEqual({ issues: [], next: null, warnings })
  expect((await get(server, '/api/issues?phase=done')).body).toEqual({ issues: [], next: null, warnings })
  const reader = openReader(given)
  expect(reader.issues()).toEqual({ issues: [], next: null, warnings })
  reader.close()
})
