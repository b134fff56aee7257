// Our branches at GitHub: what we have pushed there, and pushing with a lease on what we know it to be.

import { FatalError, RetryableError, withoutCredentials } from '../../../errors.ts'
import type { SqliteDatabase } from '../../../persistence/database.ts'
import { saysUnauthorized } from '../../git.ts'
import type { Repository } from '../repository.ts'

interface BranchRow {
  /** What it was last known to be; null when it was not there. */
  sha: string | null
  /** What a push that is under way, or that a kill interrupted, may have made it. */
  pending: string | null
}

const pushTimeout = 600_000
const longestWords = 500
/** Somebody else was at the branch in the same moment. */
const racing = /cannot lock ref|failed to update ref/

export type Branches = ReturnType<typeof createBranches>

export function createBranches(database: SqliteDatabase) {
  const get = database.prepare<[string, string], BranchRow>('SELECT sha, pending FROM github_branch WHERE project = ? AND branch = ?')
  const intend = database.prepare<[string, string, string]>(
    'INSERT INTO github_branch (project, branch, pending) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET pending = excluded.pending',
  )
  const record = database.prepare<[string, string, string | null]>(
    'INSERT INTO github_branch (project, branch, sha) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sha = excluded.sha, pending = NULL',
  )

  /** The commit that GitHub has; null when there is no such branch. */
  async function head({ base, path }: Repository, branch: string): Promise<string | null> {
    const ref = `refs/heads/${branch}`
    const { stdout } = await base.git(['ls-remote', '--heads', '--', await base.source(), ref], { cwd: path }).catch((error: unknown) => {
      throw toPushError(error, branch)
    })
    const lines = stdout.split('\n').map((line) => line.split('\t'))
    return lines.find(([, found]) => found === ref)?.[0] ?? null
  }

  /**
   * From exactly `lease`, null for a branch that is not there, `any` from whatever it is. Answers whether it is `to` now; false when it
   * is not at `lease`.
   */
  async function send({ base, path }: Repository, branch: string, to: string, lease: string | null | 'any'): Promise<boolean> {
    const ref = `refs/heads/${branch}`
    const { exitCode, stdout, stderr } = await base
      .git(
        ['push', '--porcelain', '--no-follow-tags', '--recurse-submodules=no'].concat([
          lease === 'any' ? '--force' : `--force-with-lease=${ref}:${lease ?? ''}`,
          '--',
          await base.source(),
          `${to}:${ref}`,
        ]),
        { cwd: path, allow: [0, 1], timeout: pushTimeout },
      )
      .catch((error: unknown) => {
        throw toPushError(error, branch)
      })
    if (exitCode === 0) return true
    const line = stdout.split('\n').find((each) => each.includes(`:${ref}\t`))
    // A refusal names the branch; without a word of it the answer was lost on its way.
    if (line === undefined) throw cutOff(branch, stderr)
    if (/\[rejected\]/.test(line)) return false
    const words = [...stderr.matchAll(/^remote: (.*\S)\s*$/gm)].map(([, said]) => said!).join(' ')
    const reason = line.split('\t').at(-1)!.trim()
    if (racing.test(reason)) return false
    throw new FatalError(
      'push-refused',
      withoutCredentials(
        `GitHub refuses ${branch}: ${reason || 'no reason given'}.${words === '' ? '' : ` It says: ${words.slice(0, longestWords)}`}`,
      ),
    )
  }

  return {
    head,

    /** Whether the commit is one that we have given the branch, or have seen it have. */
    isKnown: (project: string, branch: string, sha: string): boolean => {
      const row = get.get(project, branch)
      return row !== undefined && (row.sha === sha || row.pending === sha)
    },

    /** Somebody else has given it this commit, and we have taken notice. */
    note: (project: string, branch: string, sha: string): void => void record.run(project, branch, sha),

    /**
     * Contract: makes it `to`, if it is what the publication is based on (`expected`), not there, or what we had pushed without anybody
     * having heard of it. Idempotent. Throws FatalError `stale-lease`, `push-refused`, `github-forbidden`.
     */
    async push(
      repository: Repository,
      { branch, head: to, expected }: { branch: string; head: string; expected: string | null },
    ): Promise<void> {
      const { project } = repository
      const known = get.get(project, branch)
      // It is most likely what we know; where it is not, it is asked for.
      if (known === undefined || known.pending === null) {
        intend.run(project, branch, to)
        if (await send(repository, branch, to, known === undefined ? expected : known.sha)) return void record.run(project, branch, to)
      }
      for (let again = false; ; again = true) {
        const found = await head(repository, branch)
        if (found === to) return void record.run(project, branch, to)
        const row = get.get(project, branch)
        const isOurs = found === null || found === expected || found === row?.sha || found === row?.pending
        if (!isOurs) {
          throw new FatalError(
            'stale-lease',
            `${branch} is at ${found} at GitHub, not at ${expected ?? 'nothing'}: this publication is out of date.`,
          )
        }
        // What was there stays ours, should a kill come before it is recorded.
        if (row?.pending != null && row.pending === found) record.run(project, branch, found)
        intend.run(project, branch, to)
        if (await send(repository, branch, to, found)) return void record.run(project, branch, to)
        if (again) throw new RetryableError('branch-moving', `${branch} is being moved at GitHub by somebody else.`, { retryAfter: 5_000 })
      }
    },

    /** Whatever it was: for a branch whose name says what it is to be. */
    async place(repository: Repository, branch: string, to: string): Promise<void> {
      if (await send(repository, branch, to, 'any')) return
      throw new RetryableError('branch-moving', `${branch} is being moved at GitHub by somebody else.`, { retryAfter: 5_000 })
    },

    /** By one push. Idempotent; those that GitHub keeps are kept. */
    async remove({ base, path }: Repository, names: readonly string[]): Promise<void> {
      const { exitCode, stdout, stderr } = await base.git(
        ['push', '--porcelain', '--', await base.source(), ...names.map((name) => `:refs/heads/${name}`)],
        { cwd: path, allow: [0, 1], timeout: pushTimeout },
      )
      if (exitCode === 0) return
      const reasons = [...stdout.matchAll(/^!\t:refs\/heads\/\S+\t(.*)$/gm)].map(([, reason]) => reason!)
      // A refusal names the branch; without a word of any the answer was lost on its way.
      if (reasons.length === 0 || reasons.some((reason) => racing.test(reason)))
        throw cutOff(names.join(', '), `${reasons.join(' ')}${stderr}`)
    },
  }
}

const cutOff = (branch: string, stderr: string): RetryableError =>
  new RetryableError(
    'git-unreachable',
    `GitHub's answer to the push of ${branch} was cut off: ${withoutCredentials(stderr.slice(-longestWords))}`,
    {
      retryAfter: 5_000,
    },
  )

function toPushError(error: unknown, branch: string): unknown {
  if (!(error instanceof FatalError) || error.code !== 'git-failed') return error
  const words = /(?:fatal|remote|error): ([^\n]+)/.exec(error.message)?.[1] ?? error.message
  const isForbidden = /returned error: 403|Permission to \S+ denied|Write access to repository not granted/i
  const isGone = /returned error: 404|not found/i
  if (saysUnauthorized(error))
    return new FatalError(
      'github-unauthorized',
      `GitHub does not accept our credentials at ${branch}. Check forge.token, or forge.appId and forge.privateKey; \`signalbox doctor\` tries them.`,
      { cause: error },
    )
  if (isForbidden.test(error.message))
    return new FatalError(
      'github-forbidden',
      `GitHub does not let us at ${branch}: ${words} The App, or the token, needs the permission contents: write.`,
      { cause: error },
    )
  if (isGone.test(error.message))
    return new FatalError('github-not-found', `GitHub does not show us the repository of ${branch}: ${words}`, { cause: error })
  return error
}
