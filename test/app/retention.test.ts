import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { forget } from '../../src/app/retention.ts'
import { createFactOutbox } from '../../src/persistence/fact-outbox.ts'
import { openDatabase } from '../../src/persistence/database.ts'

const day = 86_400_000
const now = Date.UTC(2026, 6, 1)

test('what is older than the retention goes, portion by portion, and what is not stays', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-retention-'))
  const database = openDatabase(join(folder, 'signalbox.db'))
  try {
    let clock = now - 20 * day
    const outbox = createFactOutbox({ database, now: () => clock, wake() {} })
    const fact = () => outbox.transaction(() => outbox.record('1', { type: 'x.happened', source: 'system', observedAt: clock }))
    const old = fact()
    const owed = fact()
    outbox.markDelivered([old])
    clock = now
    const recent = fact()
    outbox.markDelivered([recent])

    database.exec(`INSERT INTO tracker_project VALUES ('app', 1);
      INSERT INTO tracker_issue VALUES ('1', 'app', 1, 'APP-1', 't', '', 's', 'started', NULL, 0, '[]', NULL, 1, 0, 0, NULL, '[]')`)
    const request = database.prepare('INSERT INTO tracker_request VALUES (?, ?, ?)')
    database.transaction(() => {
      for (let n = 0; n < 2_500; n++) request.run(`old-${n}`, '1', now - 15 * day)
      request.run('recent', '1', now - day)
    })()

    const write = (path: string, at: number): void => {
      mkdirSync(join(folder, path), { recursive: true })
      writeFileSync(join(folder, path, 'output.log'), 'x')
      for (const each of [join(folder, path, 'output.log'), join(folder, path)]) utimesSync(each, at / 1_000, at / 1_000)
    }
    write('checks/app/1-old', now - 15 * day)
    write('checks/app/2-recent', now - day)
    write('runs/APP-1/run-1', now - 15 * day)
    write('runs/APP-1/run-2', now - day)
    // Its folder is old, and what is in it is still being written.
    write('runs/APP-2/run-1', now - 15 * day)
    utimesSync(join(folder, 'runs/APP-2/run-1/output.log'), now / 1_000, now / 1_000)

    const sweeps = [1_000, 1_000, 3, 0]
    await forget(
      now - 14 * day,
      { sweep: () => sweeps.shift()!, prune: outbox.prune, pruneDeliveries: () => 0, database, dataFolder: folder, pause: async () => {} },
      () => false,
    )
    expect(sweeps).toEqual([])
    const left = (sql: string): unknown[] => database.prepare(sql).pluck().all()
    expect(left('SELECT key FROM tracker_request')).toEqual(['recent'])
    expect(left('SELECT seq FROM fact ORDER BY seq')).toEqual([owed, recent])
    const remains = ['checks/app/1-old', 'checks/app/2-recent', 'runs/APP-1/run-1', 'runs/APP-1/run-2', 'runs/APP-2/run-1']
    expect(remains.filter((path) => existsSync(join(folder, path)))).toEqual([
      'checks/app/2-recent',
      'runs/APP-1/run-2',
      'runs/APP-2/run-1',
    ])
  } finally {
    database.close()
    rmSync(folder, { recursive: true })
  }
})
