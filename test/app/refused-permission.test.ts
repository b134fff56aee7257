// What an agent asks to be allowed, and is not.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createPlace, withScript } from './app.ts'

const long = { timeout: 30_000 }

test('F08: what an agent was refused stands in the timeline, of one that asks again and again the first twenty', async () => {
  const place = await createPlace()
  const options = [
    { optionId: 'yes', name: 'Yes', kind: 'allow_once' },
    { optionId: 'no', name: 'No', kind: 'reject_once' },
  ]
  const asks = (title: string, path: string) => ({
    method: 'session/request_permission',
    params: { sessionId: 's', toolCall: { toolCallId: title, title, kind: 'edit', locations: [{ path }] }, options },
  })
  const allowed = asks('Edit a.txt', join(place.folder, 'data/worktrees/app/APP-1/a.txt'))
  const refused = Array.from({ length: 25 }, (_one, n) => asks(`Edit passwd, ${n + 1}`, '/etc/passwd'))
  const script = { 'session/prompt': { asks: [allowed, ...refused], result: { stopReason: 'cancelled' } } }
  const lines: string[] = []
  const logger = { info: (_line: object, message: string) => void lines.push(message), warn() {}, error() {} }
  const app = await place.open(withScript(place, { budgets: { implementation: 1 } }, script), { logger })
  const { key } = await app.submit({ title: 'Ask' })
  await expect.poll(() => app.issue(key).phase, long).toBe('escalated')

  const told = app.timeline(key).flatMap(({ event: { type, text } }) => (type === 'session.refused' ? [text] : []))
  expect(told).toEqual(Array.from({ length: 20 }, (_one, n) => `Edit passwd, ${n + 1}`))
  expect(lines).toContain('permission: Edit a.txt (allowed)')
  expect(lines.filter((line) => line.endsWith('(refused)'))).toHaveLength(25)
  // It is none of the things that an agent has got done.
  expect(app.timeline(key).filter(({ event }) => event.type === 'session.progressed')).toEqual([])
})
