// A run whose actor is faulted takes nothing any more: people get their issue out of it all the same.

import { expect, test } from 'vitest'
import type { App } from '../../src/app.ts'
import { createPlace, type Place } from './app.ts'

/** Its runs cannot start: no timer is that long. */
async function openBroken(place: Place): Promise<App> {
  const config = place.config()
  config.limits.run = 1e16
  return place.open(config)
}

async function faultedIssue(place: Place): Promise<{ app: App; key: string }> {
  const app = await openBroken(place)
  const { key } = await app.submit({ title: 'Say which file' })
  await expect.poll(() => app.issue(key).faulted?.address, { timeout: 5_000 }).toMatch(/\/run-1$/)
  return { app, key }
}

test('stop gives its run up, and a retry goes on when the reason is gone', async () => {
  const place = await createPlace()
  const { app, key } = await faultedIssue(place)
  await app.act(key, { action: 'retry' })
  await expect.poll(() => app.issue(key).faulted?.address, { timeout: 5_000 }).toMatch(/\/run-1$/)
  await app.act(key, { action: 'stop' })
  expect(app.issue(key)).toMatchObject({ authority: 'stopped', run: null, faulted: null })
  expect(app.health().faulted).toEqual([])
  await app.stop()

  const mended = await place.open()
  await mended.act(key, { action: 'retry' })
  await expect.poll(() => mended.issue(key).attempts['implementation'], { timeout: 10_000 }).toBeGreaterThan(0)
  expect(mended.issue(key).faulted).toBeNull()
  expect(mended.verify()).toMatchObject({ different: [] })
})

test('close ends an issue with it, and a drain does not wait for it', async () => {
  const place = await createPlace()
  const { app, key } = await faultedIssue(place)
  await app.act(key, { action: 'close', as: 'failed' })
  expect(app.issue(key)).toMatchObject({ phase: 'failed', run: null, faulted: null })
  await app.drain()
  expect(app.verify()).toMatchObject({ different: [] })
})
