// What tracker and forge have written reaches the issues' actors, in order and whatever stood between: a kill before the
// delivery, an actor that is still being made, a database that refuses a write for a while.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import { createFactPump } from '../../src/app/facts.ts'
import { realClock } from '../../src/actors/system/index.ts'
import { createLocalTracker } from '../../src/actors/tracker/local.ts'
import { loadConfig, readEnvironment } from '../../src/config.ts'
import { openDatabase } from '../../src/persistence/database.ts'
import { createFactOutbox } from '../../src/persistence/fact-outbox.ts'
import { createWorld, plainWork, until, type World } from './harness.ts'

let world: World | undefined

afterEach(async () => {
  await world?.close()
  world = undefined
})

describe('facts that a kill has kept from being delivered', () => {
  it('reach an issue that is not there yet in their order: what unblocked it is not lost', async () => {
    world = createWorld()
    await world.makeRepositories()
    const config = loadConfig({ cwd: world.folder, environment: readEnvironment() })
    const first = await createApp(config)
    await first.stop()

    const database = openDatabase(config.store.path)
    const tracker = createLocalTracker({ database, now: Date.now, wake() {}, projects: config.projects })
    const blocker = tracker.submit({ title: 'In the way' })
    const blocked = tracker.submit({ title: 'Waits', blockedBy: [blocker.key] })
    tracker.cancel(blocker.id)
    database.close()

    world.setScript(blocked.key, plainWork)
    const app = await createApp(config)
    try {
      await until(() => app.issue(blocked.key).phase === 'done', {
        what: `${blocked.key} to land`,
        saw: () => JSON.stringify([app.issue(blocked.key).waitsFor, app.issue(blocked.key).blockedBy]),
        patience: 15_000,
      })
      expect(app.issue(blocker.key).phase).toBe('failed')
    } finally {
      await app.stop()
    }
  })
})

describe('a start that fails', () => {
  it('gives the database back, so that the next one in the same process goes on', async () => {
    world = createWorld()
    await world.makeRepositories()
    const config = loadConfig({ cwd: world.folder, environment: readEnvironment() })
    writeFileSync(join(world.data, 'repos'), 'in the way')
    await expect(createApp(config)).rejects.toThrow(/repos/)
    rmSync(join(world.data, 'repos'))
    world.setScript('APP-1', plainWork)
    const app = await createApp(config)
    try {
      const { key } = await app.submit({ title: 'All the same' })
      await until(() => app.issue(key).phase === 'done', { what: `${key} to land`, saw: () => JSON.stringify(app.issue(key).waitsFor) })
    } finally {
      await app.stop()
    }
  })
})

describe('the pump of facts', () => {
  it('outlives a database that refuses a write, and delivers again what it could not mark', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-facts-'))
    const database = openDatabase(join(folder, 'facts.db'))
    const outbox = createFactOutbox({ database, now: Date.now, wake: () => pump.wake() })
    const delivered: number[] = []
    const problems: string[] = []
    let refusals = 1
    const pump = createFactPump({
      outbox: {
        ...outbox,
        markDelivered(seqs) {
          if (refusals-- > 0) throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
          outbox.markDelivered(seqs)
        },
      },
      clock: { ...realClock, after: (ms, callback) => realClock.after(Math.min(ms, 20), callback) },
      deliver: async ({ seq }) => void delivered.push(seq),
      onProblem: ({ code }) => void problems.push(code),
    })
    outbox.transaction(() => outbox.record('one', { type: 'tracker.removed', source: 'operator', observedAt: 1 }))
    await until(() => outbox.isDelivered(1), { what: 'the fact to be marked', saw: () => JSON.stringify({ delivered, problems }) })
    expect({ delivered, problems }).toEqual({ delivered: [1, 1], problems: ['facts-undelivered'] })
    await pump.idle()
    pump.stop()
    database.close()
    rmSync(folder, { recursive: true, force: true })
  })
})
