// Databases that earlier versions left are opened, proved and carried on.

import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fromPromise } from 'xstate'
import { describe, expect, test } from 'vitest'
import { createSystem, verify, virtualClock } from '../../src/actors/system/index.ts'
import { createApp, type App } from '../../src/app.ts'
import { sqliteStore } from '../../src/persistence/sqlite-store.ts'
import * as issues from '../databases/issues.ts'
import { actors, day } from '../databases/machines.ts'

const databases = readdirSync('test/databases').filter((name) => name.endsWith('.db'))
const of = (kind: string): string[] => databases.filter((name) => name.startsWith(`${kind}-`))

test('there are databases of actors and of issues, and each is small', () => {
  expect([of('actors').length, of('issues').length].every((count) => count > 0)).toBe(true)
  for (const name of databases) expect(statSync(join('test/databases', name)).size).toBeLessThan(300_000)
})

describe.each(of('actors'))('%s', (name) => {
  test('opens, replays to what is stored, and goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-database-'))
    try {
      copyFileSync(join('test/databases', name), join(folder, name))
      const clock = virtualClock(1_764_000_000_500)
      const system = await createSystem({
        store: sqliteStore(join(folder, name)),
        actors,
        clock,
        effects: { deliver: { logic: fromPromise(async () => 'door'), onRestart: 'rerun' } },
      })
      const proved = [...verify(system.store, system.kinds)]
      expect(proved.length).toBe(8)
      expect(proved.filter((verdict) => verdict.outcome !== 'equal')).toEqual([])

      const done = async <T>(work: Promise<T>): Promise<T> => {
        await clock.settle()
        return work
      }
      const parcel = (id: string) => system.ref<(typeof actors)['parcel']['machine']>(`parcel/${id}`)
      await clock.settle()
      expect((await parcel('weighing').snapshot()).context.seen).toEqual(['interrupted', 'door'])
      expect(await done(parcel('moving').send({ type: 'parcel.moved', place: 'Graz' }, { key: 'first move' }))).toMatchObject({
        duplicate: true,
      })
      await done(parcel('held').send({ type: 'parcel.released' }))
      expect((await parcel('held').snapshot()).value).toMatchObject({ way: { moving: 'rolling' } })
      expect((await parcel('broken').snapshot()).status).toBe('faulted')
      await done(parcel('broken').skipFaulted())
      expect((await parcel('broken').snapshot()).context.seen).toEqual(['Wien'])

      await clock.advance(1_000)
      expect((await parcel('moving').snapshot()).context.seen).toEqual(['Graz', 'stamp', 'door'])
      expect((await parcel('moving').snapshot()).value).toMatchObject({ way: { moving: 'rolling' }, desk: 'open' })
      await clock.advance(day)
      expect((await parcel('moving').snapshot()).value).toMatchObject({ way: { moving: 'loading' } })
      for (const verdict of verify(system.store, system.kinds)) expect(verdict).toMatchObject({ outcome: 'equal' })
      await done(system.stop())
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

/** What the databases since 0.2.0 hold besides. */
async function goOnSince2(app: App): Promise<void> {
  // Its candidate was being tested: the test begins again, and the very commit lands.
  expect(await issues.until(app, 'queued', ({ phase }) => phase === 'done')).toMatchObject({ pr: { state: 'merged' } })
  // Its repair was cut off, and is made.
  expect(await issues.until(app, 'fixing', (document) => issues.isReviewable(document) && document.pr!.review === 'none')).toMatchObject({
    attempts: { implementation: 1, review_fix: 1 },
  })
  expect(app.issue(issues.keys.failing).phase).toBe('escalated')
  await app.act(issues.keys.failing, { action: 'close', as: 'failed' })
  expect(app.issue(issues.keys.parent).waitsFor).toMatchObject([{ party: 'dependency' }])
  await app.act(issues.keys.child, { action: 'close', as: 'done' })
  await issues.until(app, 'parent', ({ phase }) => phase === 'done')
}

describe.each(of('issues'))('%s', (name) => {
  test('opens after the kill that left it, replays to what is stored, and every issue goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-database-'))
    let app: App | undefined
    try {
      const config = await issues.makeProject(folder)
      copyFileSync(join('test/databases', name), config.store.path)
      const bundle = resolve('test/databases', name.replace(/\.db$/, '.bundle'))
      const hasRepository = existsSync(bundle)
      if (hasRepository) await issues.unbundle(bundle, folder)
      writeFileSync(join(folder, 'go'), '')
      app = await createApp(config)
      expect(app.verify()).toMatchObject({ different: [] })
      expect(app.issue(issues.keys.landed)).toMatchObject({ phase: 'done', pr: { state: 'merged' } })
      expect(app.issue(issues.keys.asking)).toMatchObject({ question: 'Which colour?' })
      expect(app.issue(issues.keys.reviewed)).toMatchObject({ pr: { state: 'open', checks: 'passed' } })
      expect(app.issue(issues.keys.held)).toMatchObject({ delegated: false })

      await app.act(issues.keys.asking, { action: 'prompt', text: 'blue' })
      await app.act(issues.keys.held, { action: 'delegate' })
      for (const each of ['asking', 'held', 'working'] as const) {
        expect(await issues.until(app, each, issues.isReviewable)).toMatchObject({ attempts: { implementation: 1 } })
        await app.act(issues.keys[each], { action: 'approve' })
        await issues.until(app, each, ({ phase }) => phase === 'done')
      }
      await issues.until(app, 'blocked', issues.isReviewable)
      if (hasRepository) await goOnSince2(app)
      expect(app.verify()).toMatchObject({ different: [] })
    } finally {
      await app?.stop()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    }
  })
})
