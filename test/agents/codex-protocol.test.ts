// What is Codex's alone: its protocol as the pinned binary describes it.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { failureOf } from '../../src/actors/agents/codex/failure.ts'
import { notifications } from '../../src/actors/agents/codex/messages.ts'
import { agentBinaries } from './binaries.ts'
import { codexSchema, type CodexSchema } from './codex-protocol.ts'

let schema: CodexSchema
beforeAll(async () => {
  schema = codexSchema((await agentBinaries()).codex)
})
afterAll(() => schema.remove())

const methodsIn = (file: string): string[] =>
  (schema.schemaOf(file)['oneOf'] as any[]).map(({ properties }) => properties.method.enum[0] as string)

test('the pinned binary has every notification that is listened to, and every method that is called', () => {
  expect(methodsIn('ServerNotification')).toEqual(expect.arrayContaining(Object.keys(notifications)))
  expect(methodsIn('ServerRequest')).toEqual(
    expect.arrayContaining(['item/commandExecution/requestApproval', 'item/fileChange/requestApproval', 'item/tool/requestUserInput']),
  )
})

test('every code of an error has a class, and those that are told apart are codes of the binary', () => {
  const definition = schema.schemaOf('v2/ErrorNotification'.replace('v2/', ''))['definitions'].CodexErrorInfo as any
  const text = JSON.stringify(definition)
  for (const code of [
    'usageLimitExceeded',
    'rateLimitExceeded',
    'serverOverloaded',
    'unauthorized',
    'contextWindowExceeded',
    'modelNotFound',
  ]) {
    expect(text).toContain(`"${code}"`)
    expect(failureOf({ message: 'm', codexErrorInfo: code }, null, 0)).toMatchObject({ outcome: 'failed', code })
  }
  expect(failureOf({ message: 'm', codexErrorInfo: { httpConnectionFailed: { httpStatusCode: 401 } } }, null, 0)).toMatchObject({
    failure: 'auth',
    code: 'httpConnectionFailed 401',
  })
  expect(failureOf({ message: 'm', codexErrorInfo: { responseStreamDisconnected: { httpStatusCode: null } } }, null, 0)).toMatchObject({
    failure: 'environment',
    code: 'responseStreamDisconnected',
  })
  expect(failureOf(null, null, 0)).toMatchObject({ failure: 'agent' })
})

test('a used-up plan is renewed when the last of its used-up windows is', () => {
  const limits = { primary: { usedPercent: 100, resetsAt: 2_000 }, secondary: { usedPercent: 100, resetsAt: 9_000 } }
  expect(failureOf({ message: 'm', codexErrorInfo: 'usageLimitExceeded' }, limits, 1_000_000).retryAt).toBe(9_000_000)
  const half = { ...limits, secondary: { usedPercent: 40, resetsAt: 9_000 } }
  expect(failureOf({ message: 'm', codexErrorInfo: 'usageLimitExceeded' }, half, 1_000_000).retryAt).toBe(2_000_000)
  expect(failureOf({ message: 'm', codexErrorInfo: 'usageLimitExceeded' }, limits, 10_000_000_000)).not.toHaveProperty('retryAt')
})
