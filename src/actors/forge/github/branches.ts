// Our branches at GitHub: what we have pushed there, and pushing with a lease on what we know it to be.

import { FatalError, RetryableError, withoutCredentials } from '../../../errors.ts'
import type { SqliteDatabase } from '../../../persistence/database.ts'
import { saysUnauthorized } from '../../git.ts'
import type { RefUpdate, RemotePushes } from '../remote-pushes.ts'
import type { Repository } from '../repository.ts'

interface BranchRow {
  /** What it was last known to be; null when it was not there. */
  sha: string | null
  /** What a push that is under way, or that a kill interrupted, may have made it. */
  pending: string | null
}

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

  /** Answers whether it is `to` now; false when it is not at `lease`. */
  async function send(repository: Repository, branch: string, to: string, lease: RefUpdate['lease']): Promise<boolean> {
    const pushed = await pushesOf(repository)
      .push(repository.path, { ref: `refs/heads/${branch}`, to, lease })
      .catch((error: unknown) => {
        throw toPushError(error, branch)
      })
    switch (pushed.kind) {
      case 'moved':
      case 'already':
        return true
      case 'stale':
        return false
      case 'unanswered':
        throw cutOff(branch, pushed.words)
      case 'refused': {
        const said = pushed.words === '' ? '' : ` It says: ${pushed.words}`
        throw new FatalError('push-refused', withoutCredentials(`GitHub refuses ${branch}: ${pushed.reason || 'no reason given'}.${said}`))
      }
    }
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
    async remove(repository: Repository, names: readonly string[]): Promise<void> {
      const pushes = pushesOf(repository)
      const all = names.map((name) => pushes.push(repository.path, { ref: `refs/heads/${name}`, to: null, lease: 'any' }))
      const pushed = await Promise.all(all)
      const lost = pushed.flatMap((each) => (each.kind === 'unanswered' ? [each.words] : each.kind === 'stale' ? [''] : []))
      if (lost.length > 0) throw cutOff(names.join(', '), lost.join(' ').trim())
    },
  }
}

function pushesOf({ base }: Repository): RemotePushes {
  if (base.pushes === null) throw new FatalError('not-remote', `The repository of ${base.name} is a folder: nothing is pushed there.`)
  return base.pushes
}

const cutOff = (branch: string, words: string): RetryableError =>
  new RetryableError('git-unreachable', `GitHub's answer to the push of ${branch} was cut off: ${words}`, {
    retryAfter: 5_000,
  })

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
