import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { clientInfo } from '../../../src/actors/agents/talking.ts'

test('agents are told the version of the package', () => {
  const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../../package.json'), 'utf8')) as { version: string }
  expect(clientInfo.version).toBe(version)
})
