// What an operator holds back says so, and stays held back.

import { expect, test } from 'vitest'
import { createPlace } from './app.ts'

const waiting = { party: 'operator', reason: expect.stringContaining('signalbox resume') }

test('an issue that waits for a place while its project is paused waits for the operator', async () => {
  const place = await createPlace()
  const app = await place.open()
  await app.pause('app')
  const { key } = await app.submit({ title: 'Held' })
  const paused = app.issue(key)
  expect(paused.waitsFor).toEqual([expect.objectContaining({ ...waiting, reason: expect.stringMatching(/^paused: /) })])
  expect(app.issues().issues).toEqual([paused])
  expect(app.explain(key).waitsFor).toEqual(paused.waitsFor)
  await app.resume('app')
  await expect.poll(() => app.issue(key).run).not.toBeNull()
})

test('a drain outlives a restart, and is told, until it is resumed', async () => {
  const place = await createPlace()
  const first = await place.open()
  await first.drain()
  const { key } = await first.submit({ title: 'Held' })
  await first.stop()
  const second = await place.open()
  expect(second.health().state).toBe('draining')
  expect(second.issue(key).waitsFor).toEqual([expect.objectContaining({ ...waiting, reason: expect.stringMatching(/^draining: /) })])
  await second.resume()
  expect(second.health().state).toBe('ready')
  await expect.poll(() => second.issue(key).run).not.toBeNull()
})
