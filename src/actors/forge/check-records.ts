// What the checks of each head said: rows, and the facts that tell of them.

import { FatalError } from '../../errors.ts'
import type { SqliteDatabase } from '../../persistence/database.ts'
import type { FactOutbox } from '../../persistence/fact-outbox.ts'
import type { CheckFailure, PullRequestFacts } from '../ports.ts'
import { checkName, type CheckResult } from './checks.ts'
import type { PullRequestRow, PullRequests } from './pull-requests.ts'

interface CheckRow {
  state: 'pending' | 'passed' | 'failed'
  names: string
  failures: string
  /** What keeps a pending check from running. */
  obstacle: string | null
  at: number
}

interface Head {
  project: string
  number: number
  headSha: string
}

export type CheckRecords = ReturnType<typeof createCheckRecords>

export function createCheckRecords(options: { database: SqliteDatabase; outbox: FactOutbox; pullRequests: PullRequests }) {
  const { database, outbox, pullRequests } = options
  const get = database.prepare<[string, number, string], CheckRow>(
    'SELECT state, names, failures, obstacle, at FROM forge_check WHERE project = ? AND number = ? AND head_sha = ?',
  )
  const write = database.prepare<[Head & CheckRow]>(
    `INSERT INTO forge_check (project, number, head_sha, state, names, failures, obstacle, at)
     VALUES (@project, @number, @headSha, @state, @names, @failures, @obstacle, @at)
     ON CONFLICT DO UPDATE SET state = @state, failures = @failures, obstacle = @obstacle, at = @at`,
  )
  const pending = database.prepare<[], Head & { issue: string }>(
    `SELECT pull.project, pull.issue, pull.number, pull.head_sha AS headSha
     FROM forge_check AS checked JOIN forge_pull_request AS pull ON pull.project = checked.project AND pull.number = checked.number
     WHERE checked.state = 'pending' AND pull.state = 'open' AND pull.head_sha = checked.head_sha ORDER BY checked.at`,
  )

  function change(head: Head, state: CheckRow['state'], failures: CheckFailure[], obstacle: string | null): void {
    outbox.transaction(() => {
      const row = pullRequests.need(head.project, head.number)
      const known = get.get(head.project, head.number, head.headSha)
      if (known === undefined) {
        throw new FatalError('unknown-head', `${head.headSha} was never the head of pull request #${head.number} in ${head.project}.`)
      }
      const json = JSON.stringify(failures)
      if (known.state === state && known.failures === json && known.obstacle === obstacle) return
      const tell = row.head_sha === head.headSha && row.state === 'open'
      const names = JSON.parse(known.names) as string[]
      const reason = obstacle === null ? {} : { obstacle }
      pullRequests.change(
        row,
        tell ? [{ type: `checks.${state}`, source: 'system', number: row.number, headSha: head.headSha, names, failures, ...reason }] : [],
      )
      write.run({ ...head, state, names: known.names, failures: json, obstacle, at: row.updated_at })
    })
  }

  return {
    /** The new head of `row` needs checking: to be called in the transaction that makes it the head. */
    expect(row: PullRequestRow): void {
      if (get.get(row.project, row.number, row.head_sha) !== undefined) return
      const head = { project: row.project, number: row.number, headSha: row.head_sha }
      const names = [checkName]
      pullRequests.change(row, [
        { type: 'checks.pending', source: 'system', number: row.number, headSha: row.head_sha, names, failures: [] },
      ])
      write.run({ ...head, state: 'pending', names: JSON.stringify(names), failures: '[]', obstacle: null, at: row.updated_at })
    },

    isPending: (row: PullRequestRow) => get.get(row.project, row.number, row.head_sha)?.state === 'pending',
    record: ({ result, ...head }: Head & { result: CheckResult }) => change(head, result.state, result.failures, null),
    obstacle: ({ reason, ...head }: Head & { reason: string }) => change(head, 'pending', [], reason),
    pending: () => pending.all(),

    of(row: PullRequestRow): PullRequestFacts['checks'] {
      const known = get.get(row.project, row.number, row.head_sha)
      if (known === undefined) return { headSha: row.head_sha, state: 'none', names: [], failures: [], observedAt: row.updated_at }
      return {
        headSha: row.head_sha,
        state: known.state,
        names: JSON.parse(known.names) as string[],
        failures: JSON.parse(known.failures) as CheckFailure[],
        observedAt: known.at,
      }
    },
  }
}
