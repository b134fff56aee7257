// A run whose actor is faulted takes nothing any more: people get their issue out of it all the same.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { App } from '../../src/app.ts'
import { openDatabase } from '../../src/persistence/database.ts'
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
  // The run that starts anew may be faulted by now, or will be after it was told to end.
  await app.act(key, { action: 'stop' })
  await expect.poll(() => app.issue(key), { timeout: 5_000 }).toMatchObject({ authority: 'stopped', run: null, faulted: null })
  expect(app.health().faulted).toEqual([])
  await app.stop()

  const mended = await place.open()
  await mended.act(key, { action: 'retry' })
  await expect.poll(() => mended.issue(key).attempts['implementation'], { timeout: 10_000 }).toBeGreaterThan(0)
  expect(mended.issue(key).faulted).toBeNull()
  expect(mended.verify()).toMatchObject({ different: [] })
})

test('an issue that is taken back gives it up', async () => {
  const place = await createPlace()
  const { app, key } = await faultedIssue(place)
  await app.act(key, { action: 'undelegate' })
  await expect.poll(() => app.issue(key), { timeout: 5_000 }).toMatchObject({ authority: 'observing', run: null, faulted: null })
  expect(app.verify()).toMatchObject({ different: [] })
})

test('one that was told to end before a kill is given up at the next start', async () => {
  const place = await createPlace()
  const { app, key } = await faultedIssue(place)
  await app.stop()
  // As a server that was killed between the two has left it: the issue ends its run, which takes nothing.
  const database = openDatabase(join(place.folder, 'data/signalbox.db'))
  const { changes } = database
    .prepare(`UPDATE actor SET snapshot = json_set(snapshot, '$.value.run', 'stopping') WHERE address LIKE 'issue/%' AND parent IS NULL`)
    .run()
  expect(changes).toBe(1)
  database.close()
  const next = await place.open()
  await expect.poll(() => next.issue(key), { timeout: 5_000 }).toMatchObject({ run: null, faulted: null })
})

test('close ends an issue with it, and a drain does not wait for it', async () => {
  const place = await createPlace()
  const { app, key } = await faultedIssue(place)
  await app.act(key, { action: 'close', as: 'failed' })
  expect(app.issue(key)).toMatchObject({ phase: 'failed', run: null, faulted: null })
  await app.drain()
  expect(app.verify()).toMatchObject({ different: [] })
})
