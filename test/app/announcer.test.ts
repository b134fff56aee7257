import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { announceHandled } from '../../src/app/announcer.ts'
import { createLiveHub } from '../../src/app/live.ts'
import { openDatabase } from '../../src/persistence/database.ts'
import { rememberKey } from '../../src/persistence/issue-keys.ts'
import { chart, rig } from '../actors/system/rig.ts'
import { spawnChild } from 'xstate'

test('a fault, of an issue or of a run below it, and its end are told with the issue as it is then', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-announcer-'))
  const database = openDatabase(join(folder, 'a.db'))
  onTestFinished(() => {
    database.close()
    rmSync(folder, { recursive: true })
  })
  rememberKey(database, { project: 'p', key: 'P-1', issue: '1' })
  const BOOM = {
    guard: () => {
      throw new Error('boom')
    },
  }
  const run = chart({ id: 'run', context: {}, on: { BOOM } })
  const issue = chart({ id: 'issue', context: {}, entry: spawnChild('run', { id: 'run-1' }), on: { BOOM } }, { actors: { run } })
  const it = await rig({ issue })
  await it.spawn('issue', '1')
  const faulted = (): string[] => it.store.faulted().map(({ address }) => address)
  const reader = { issue: (id: string) => ({ key: 'P-1', id, faulted: faulted() }) }
  const hub = createLiveHub()
  announceHandled(it.system as never, hub, reader as never, database)
  const told: unknown[] = []
  hub.subscribe({}, (message) => message.type === 'issue' && told.push(message.document.faulted))

  await it.send('issue/1/run-1', 'BOOM')
  expect(told).toEqual([['issue/1/run-1']])
  await it.settled(it.system.ref('issue/1/run-1').skipFaulted())
  expect(told.slice(1)).toEqual([[]])
  await it.send('issue/1', 'BOOM')
  expect(told.at(-1)).toEqual(['issue/1'])
})
