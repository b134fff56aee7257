// What is Codex's alone: its protocol as the pinned binary describes it.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { classes, failureOf, failureOfRefusal } from '../../src/actors/agents/codex/failure.ts'
import { resetOf, withUpdate } from '../../src/actors/agents/codex/limits.ts'
import { notifications, type CodexLimits } from '../../src/actors/agents/codex/messages.ts'
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

test('every code of an error of the pinned binary has a class, and no other has', () => {
  const forms = schema.schemaOf('ErrorNotification')['definitions'].CodexErrorInfo.anyOf as any[]
  const words = forms.flatMap((form) => (form.enum ?? []) as string[])
  const objects = forms.flatMap((form) => (form.required ?? []) as string[])
  const hasStatus = (code: string): boolean => forms.some(({ properties }) => properties?.[code]?.properties?.httpStatusCode !== undefined)
  expect(words).toContain('usageLimitExceeded')
  expect(objects.filter(hasStatus)).toContain('httpConnectionFailed')
  expect([...words, ...objects.filter((code) => !hasStatus(code))].toSorted()).toEqual(Object.keys(classes).toSorted())
  for (const [code, failure] of Object.entries(classes)) {
    const info = words.includes(code) ? code : { [code]: { turnKind: 'review' } }
    expect(failureOf({ message: 'm', codexErrorInfo: info }, [], 0)).toMatchObject({ outcome: 'failed', failure, code })
  }
  for (const code of objects.filter(hasStatus)) {
    const classOf = (httpStatusCode: number | null) =>
      failureOf({ message: 'm', codexErrorInfo: { [code]: { httpStatusCode } } }, [], 0).failure
    expect([401, 429, 400, 500, null].map(classOf)).toEqual(['auth', 'capacity', 'agent', 'environment', 'environment'])
  }
})

test('what Codex has no word for is the agent’s fault from when it is heard; a code of a later version is', () => {
  const failureIf = (codexErrorInfo: unknown, isUnheard: boolean) => failureOf({ message: 'm', codexErrorInfo }, [], 0, isUnheard).failure
  expect([failureIf('other', true), failureIf('other', false), failureIf(null, true)]).toEqual(['environment', 'agent', 'environment'])
  expect([failureIf('badRequest', true), failureIf('of_tomorrow', true)]).toEqual(['agent', 'agent'])
  expect(failureOf({ message: 'm', codexErrorInfo: { httpConnectionFailed: { httpStatusCode: 401 } } }, [], 0)).toMatchObject({
    failure: 'auth',
    code: 'httpConnectionFailed 401',
  })
  expect(failureOf({ message: 'm', codexErrorInfo: { responseStreamDisconnected: { httpStatusCode: null } } }, [], 0)).toMatchObject({
    failure: 'environment',
    code: 'responseStreamDisconnected',
  })
  expect(failureOf(null, [], 0)).toMatchObject({ failure: 'agent' })
})

test('a refused request is for the provider when there are too many, and else by when it was made', () => {
  const refusal = (code: number, during: 'opening' | 'turn') => failureOfRefusal({ code, message: 'm' }, during).failure
  const codes = [-32001, -32600, -32602, -32603]
  expect(codes.map((code) => refusal(code, 'opening'))).toEqual(['capacity', 'environment', 'environment', 'environment'])
  expect(codes.map((code) => refusal(code, 'turn'))).toEqual(['capacity', 'bug', 'bug', 'environment'])
})

test('a used-up plan is renewed when the last of its used-up windows is', () => {
  const limits = { primary: { usedPercent: 100, resetsAt: 2_000 }, secondary: { usedPercent: 100, resetsAt: 9_000 } }
  expect(failureOf({ message: 'm', codexErrorInfo: 'usageLimitExceeded' }, [limits], 1_000_000).retryAt).toBe(9_000_000)
  const half = { ...limits, secondary: { usedPercent: 40, resetsAt: 9_000 } }
  expect(failureOf({ message: 'm', codexErrorInfo: 'usageLimitExceeded' }, [half], 1_000_000).retryAt).toBe(2_000_000)
  expect(failureOf({ message: 'm', codexErrorInfo: 'usageLimitExceeded' }, [limits], 10_000_000_000)).not.toHaveProperty('retryAt')
})

test('of its limits each update has one, and what is null in it stays as it was', () => {
  const after = (...updates: CodexLimits[]) => resetOf(updates.reduce<CodexLimits[]>(withUpdate, []), 1_000_000)
  const used = { usedPercent: 100, resetsAt: 2_000 }
  expect(after({ primary: used }, { primary: null, secondary: null })).toBe(2_000_000)
  expect(after({ primary: used }, { primary: { usedPercent: 100, resetsAt: null } })).toBe(2_000_000)
  expect(after({ primary: used }, { limitId: 'codex', secondary: { usedPercent: 100, resetsAt: 9_000 } })).toBe(9_000_000)
  expect(after({ primary: used }, { primary: { usedPercent: 1, resetsAt: 20_000 } })).toBe(null)
  // Another one says nothing of it, unless it is used up itself: the turn fails at the one that was told of last.
  expect(after({ primary: used }, { limitId: 'other', primary: { usedPercent: 3, resetsAt: 9_000 } })).toBe(2_000_000)
  expect(after({ primary: used }, { limitId: 'other', primary: { usedPercent: 100, resetsAt: 9_000 } })).toBe(9_000_000)
  expect(after({ limitId: 'other', primary: { usedPercent: 100, resetsAt: 9_000 } }, { primary: used })).toBe(2_000_000)
})
