// What runs have used: for each run and day (in UTC) the most that was told of the run by the end of that day. Told twice, it is there once.

import type { Usage } from '../machines/vocabulary.ts'
import type { SqliteDatabase } from './database.ts'
import { statement } from './statements.ts'

export const spendingSchema = `
CREATE TABLE spending (
  project TEXT NOT NULL,
  issue TEXT NOT NULL,
  run TEXT NOT NULL,
  day TEXT NOT NULL,
  key TEXT NOT NULL,
  type TEXT NOT NULL,
  agent TEXT NOT NULL,
  input INTEGER NOT NULL,
  cached INTEGER NOT NULL,
  output INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  usd REAL NOT NULL,
  PRIMARY KEY (issue, run, day)
) STRICT, WITHOUT ROWID;
`

/** `issue`: its immutable id. `at`: epoch ms. */
export interface Counted {
  project: string
  issue: string
  key: string
  run: string
  runType: string
  agent: string
  usage: Usage
  at: number
}

export function rememberSpending(database: SqliteDatabase, { project, issue, key, run, runType, agent, usage, at }: Counted): void {
  statement(
    database,
    `INSERT INTO spending (project, issue, run, day, key, type, agent, input, cached, output, unpriced, usd)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (issue, run, day) DO UPDATE SET
       input = max(input, excluded.input), cached = max(cached, excluded.cached), output = max(output, excluded.output),
       unpriced = iif(excluded.input + excluded.output >= input + output, excluded.unpriced, unpriced), usd = max(usd, excluded.usd)`,
  ).run(
    ...[project, issue, run, new Date(at).toISOString().slice(0, 10), key, runType, agent],
    ...[usage.inputTokens, usage.cachedTokens, usage.outputTokens, usage.unpricedTokens ?? 0, usage.usd],
  )
}

/** What each run has used on each day: the difference to what was told of it by the day before. */
const amounts = ['input', 'cached', 'output', 'unpriced', 'usd']
const daily = `SELECT project, issue, run, day, key, type, agent, ${amounts
  .map((name) => `${name} - coalesce(lag(${name}) OVER (PARTITION BY issue, run ORDER BY day), 0) AS ${name}`)
  .join(', ')} FROM spending`
const sums = `count(DISTINCT issue || ' ' || run) AS runs, ${amounts.map((name) => `sum(${name}) AS ${name}`).join(', ')}`

/** What one line of the costs is of. */
export const spendingBy = ['day', 'issue', 'run'] as const
export type SpendingBy = (typeof spendingBy)[number]
const columns: Record<SpendingBy, string> = { day: 'day, project', issue: 'project, key', run: 'project, key, run, type, agent' }
const orders: Record<SpendingBy, string> = { day: 'day, project', issue: 'usd DESC, key', run: 'usd DESC, key, run' }

export type SpendingRow = Partial<Record<'day' | 'project' | 'key' | 'run' | 'type' | 'agent', string>> &
  Record<'runs' | 'input' | 'cached' | 'output' | 'unpriced' | 'usd', number>

/** Since `from`, a day as `2026-01-31`, that one included. */
export function readSpending(
  database: SqliteDatabase,
  { project, from, by }: { project?: string; from: string; by: SpendingBy },
): SpendingRow[] {
  return statement(
    database,
    `SELECT ${columns[by]}, ${sums} FROM (${daily}) WHERE day >= ? AND (? IS NULL OR project = ?) GROUP BY ${columns[by]} ORDER BY ${orders[by]}`,
  ).all(from, project ?? null, project ?? null) as SpendingRow[]
}

/** All that was ever used, by project and agent. */
export const totalSpending = (database: SqliteDatabase): SpendingRow[] =>
  statement(
    database,
    `SELECT project, agent, ${sums} FROM (${daily}) GROUP BY project, agent ORDER BY project, agent`,
  ).all() as SpendingRow[]
