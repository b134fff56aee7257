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
  /** How often the checks of this head have been asked to run. */
  attempt: number
  /** Signatures that have failed on this head. */
  failed_before: string
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
    'SELECT state, names, failures, obstacle, attempt, failed_before, at FROM forge_check WHERE project = ? AND number = ? AND head_sha = ?',
  )
  const write = database.prepare<[Head & CheckRow]>(
    `INSERT INTO forge_check (project, number, head_sha, state, names, failures, obstacle, attempt, failed_before, at)
     VALUES (@project, @number, @headSha, @state, @names, @failures, @obstacle, @attempt, @failed_before, @at)
     ON CONFLICT DO UPDATE SET state = @state, names = @names, failures = @failures, obstacle = @obstacle, attempt = @attempt,
       failed_before = @failed_before, at = @at`,
  )
  const isFlake = database.prepare<[string, string], { one: 1 }>('SELECT 1 AS one FROM forge_flake WHERE project = ? AND signature = ?')
  const addFlake = database.prepare<[string, string, number]>(
    'INSERT INTO forge_flake (project, signature, at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at',
  )
  const pending = database.prepare<[], Head & { issue: string; attempt: number }>(
    `SELECT pull.project, pull.issue, pull.number, pull.head_sha AS headSha, checked.attempt
     FROM forge_check AS checked JOIN forge_pull_request AS pull ON pull.project = checked.project AND pull.number = checked.number
     WHERE checked.state = 'pending' AND pull.state = 'open' AND pull.head_sha = checked.head_sha ORDER BY checked.at`,
  )

  const marked = (project: string, failure: CheckFailure): CheckFailure =>
    isFlake.get(project, failure.signature) === undefined ? failure : { ...failure, flaky: true }

  function change(head: Head, state: CheckRow['state'], found: CheckFailure[], obstacle: string | null): void {
    outbox.transaction(() => {
      const row = pullRequests.need(head.project, head.number)
      const known = get.get(head.project, head.number, head.headSha)
      if (known === undefined) {
        throw new FatalError('unknown-head', `${head.headSha} was never the head of pull request #${head.number} in ${head.project}.`)
      }
      const failures = found.map((failure) => marked(head.project, failure))
      const json = JSON.stringify(failures)
      if (known.state === state && known.failures === json && known.obstacle === obstacle) return
      const tell = row.head_sha === head.headSha && row.state === 'open'
      const names = JSON.parse(known.names) as string[]
      const reason = obstacle === null ? {} : { obstacle }
      pullRequests.change(
        row,
        tell ? [{ type: `checks.${state}`, source: 'system', number: row.number, headSha: head.headSha, names, failures, ...reason }] : [],
      )
      const before = JSON.parse(known.failed_before) as string[]
      const failedBefore = JSON.stringify([...new Set([...before, ...failures.map(({ signature }) => signature)])])
      write.run({ ...known, ...head, state, failures: json, obstacle, failed_before: failedBefore, at: row.updated_at })
      // What failed and now passes on the very same commit comes and goes by itself.
      if (state === 'passed') for (const signature of before) addFlake.run(head.project, signature, row.updated_at)
    })
  }

  return {
    /** The failure, said to be flaky where it is known for one. */
    marked,

    /** The new head of `row` needs checking: to be called in the transaction that makes it the head. */
    expect(row: PullRequestRow): void {
      if (get.get(row.project, row.number, row.head_sha) !== undefined) return
      const head = { project: row.project, number: row.number, headSha: row.head_sha }
      const names = [checkName]
      pullRequests.change(row, [
        { type: 'checks.pending', source: 'system', number: row.number, headSha: row.head_sha, names, failures: [] },
      ])
      const fresh = { failures: '[]', obstacle: null, attempt: 1, failed_before: '[]' }
      write.run({ ...head, ...fresh, state: 'pending', names: JSON.stringify(names), at: row.updated_at })
    },

    /** Writes down what another forge says of the checks of a head, which tells nobody. */
    keep(
      { project, number }: { project: string; number: number },
      { headSha, state, names, failures, observedAt: at }: PullRequestFacts['checks'],
    ): void {
      if (state === 'none') return
      const known = get.get(project, number, headSha)
      const before = known === undefined ? [] : (JSON.parse(known.failed_before) as string[])
      const failedBefore = JSON.stringify([...new Set([...before, ...failures.map(({ signature }) => signature)])])
      const row = {
        names: JSON.stringify(names),
        failures: JSON.stringify(failures),
        obstacle: null,
        attempt: 1,
        failed_before: failedBefore,
      }
      write.run({ project, number, headSha, state, at, ...row })
      if (state === 'passed') for (const signature of before) addFlake.run(project, signature, at)
    },

    /** Red checks of the present head are to run once more; answers whether they are to run now. */
    again(head: Head): boolean {
      return outbox.transaction(() => {
        const row = pullRequests.byNumber(head.project, head.number)
        if (row === undefined || row.state !== 'open' || row.head_sha !== head.headSha) return false
        const known = get.get(head.project, head.number, head.headSha)
        if (known === undefined || known.state === 'passed') return false
        if (known.state === 'pending') return true
        const names = JSON.parse(known.names) as string[]
        pullRequests.change(row, [
          { type: 'checks.pending', source: 'system', number: row.number, headSha: row.head_sha, names, failures: [] },
        ])
        const next = { state: 'pending' as const, failures: '[]', obstacle: null, attempt: known.attempt + 1, at: row.updated_at }
        write.run({ ...known, ...head, ...next })
        return true
      })
    },

    attempt: (row: PullRequestRow): number => get.get(row.project, row.number, row.head_sha)?.attempt ?? 1,
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
