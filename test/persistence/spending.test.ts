// What runs have used, by run and day: told twice it is there once, and a run over midnight has a part in both days.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { noUsage } from '../../src/machines/vocabulary.ts'
import { openDatabase } from '../../src/persistence/database.ts'
import { readSpending, rememberSpending, totalSpending, type Counted } from '../../src/persistence/spending.ts'

const first = Date.parse('2026-01-31T12:00:00Z')
const day = 86_400_000
const counted = (inputTokens: number, usd: number, at: number, changes: Partial<Counted> = {}): Counted => ({
  ...{ project: 'app', issue: '1', key: 'APP-1', run: 'run-1', runType: 'implementation', agent: 'codex' },
  ...{ usage: { ...noUsage, inputTokens, usd }, at, ...changes },
})

function open(...told: Counted[]) {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-spending-'))
  const database = openDatabase(join(folder, 'signalbox.db'))
  onTestFinished(() => {
    database.close()
    rmSync(folder, { recursive: true })
  })
  for (const one of told) rememberSpending(database, one)
  return database
}

test('what is told twice, or late, counts once', () => {
  const told = [counted(5, 1, first), counted(9, 2, first + 1), counted(9, 2, first + 1), counted(5, 1, first)]
  expect(totalSpending(open(...told))).toMatchObject([{ project: 'app', agent: 'codex', runs: 1, input: 9, usd: 2 }])
})

test('a run over midnight has used on each day what it used there', () => {
  const database = open(counted(5, 1, first), counted(9, 2.5, first + day), counted(2, 1, first + day, { run: 'run-2', agent: 'claude' }))
  expect(readSpending(database, { from: '2026-01-31', by: 'day' })).toMatchObject([
    { day: '2026-01-31', project: 'app', runs: 1, input: 5, usd: 1 },
    { day: '2026-02-01', project: 'app', runs: 2, input: 6, usd: 2.5 },
  ])
  expect(readSpending(database, { from: '2026-02-01', by: 'run' })).toMatchObject([
    { key: 'APP-1', run: 'run-1', agent: 'codex', input: 4, usd: 1.5 },
    { key: 'APP-1', run: 'run-2', agent: 'claude', input: 2, usd: 1 },
  ])
  expect(readSpending(database, { from: '2026-01-31', by: 'issue' })).toMatchObject([{ key: 'APP-1', runs: 2, input: 11, usd: 3.5 }])
  expect(readSpending(database, { from: '2026-01-31', by: 'issue', project: 'web' })).toEqual([])
})

test('what was of unknown cost is not, once its price is known', () => {
  const unknown = { ...noUsage, inputTokens: 5, unpricedTokens: 5 }
  expect(totalSpending(open(counted(0, 0, first, { usage: unknown })))).toMatchObject([{ unpriced: 5, usd: 0 }])
  expect(totalSpending(open(counted(0, 0, first, { usage: unknown }), counted(6, 1, first)))).toMatchObject([{ unpriced: 0, usd: 1 }])
})
