// Moves branches in our bare repository: an agent's commit is handed over or pushed, with a lease, somebody else's is fetched; and what a branch is based on.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FatalError, RetryableError } from '../../errors.ts'
import { git, gitScript, saysLocked, type GitResult } from '../git.ts'
import { clearLocks } from '../locks.ts'
import type { PublishInput } from '../ports.ts'
import type { PullRequestRow, PullRequests } from './pull-requests.ts'
import type { PushGuard } from './push-guard.ts'
import type { RefRows } from './refs.ts'
import type { Repository } from './repository.ts'

/**
 * What `git push` does with ten processes, for a change of the usual size: its objects are taken over, every link of them checked,
 * and the ref is moved from exactly the lease. $1 is the repository, $2 the ref, $3 the head, $4 the lease.
 */
const handOver = `git pack-objects --revs --thin --delta-base-offset --stdout -q |
git -C "$1" unpack-objects -q --strict --max-input-size=${2 ** 20} &&
git -C "$1" update-ref --no-deref "$2" "$3" "$4"`

const isLocked = ({ stderr }: GitResult): boolean => saysLocked(stderr)

export function assertWanted({ branch }: Pick<PublishInput, 'branch'>, signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new FatalError('called-off', `The publication of ${branch} was called off: its work is kept, no pull request is opened.`)
}

export type Pushing = ReturnType<typeof createPushing>

export function createPushing(options: {
  refs: RefRows
  guard: PushGuard
  pullRequests: PullRequests
  /** Puts refs back that were moved without us. */
  compare: (project: string) => Promise<unknown>
}) {
  const { refs, guard, pullRequests, compare } = options

  /** The commit that the branch has now as far as we know, or null; settles a push that a kill interrupted. */
  async function leaseOf(repository: Repository, ref: string): Promise<string | null> {
    const row = refs.get(repository.project, ref)
    if (row === undefined || row.pending === null) return row?.sha ?? null
    const { stdout } = await git(['rev-parse', '--verify', '--quiet', ref], { cwd: repository.path, allow: [0, 1] })
    if (stdout.trim() !== row.pending) return row.sha
    // Before it is overwritten by the next intention: else the guard would take our own push for another's.
    refs.record(repository.project, ref, row.pending)
    return row.pending
  }

  /** Whether a head that is not published yet has all of that commit: then nobody's work is lost by publishing it. */
  const goesOnFrom = async (repository: Repository, commit: string, head: string): Promise<boolean> =>
    (await git(['merge-base', '--is-ancestor', commit, head], { cwd: repository.clone, allow: [0, 1, 128] })).exitCode === 0

  /** Throws FatalError `stale-lease`, `unknown-head`, `push-failed`; RetryableError `git-locked`. */
  async function push(repository: Repository, request: PublishInput): Promise<void> {
    const { project, branch, head, expected } = request
    const ref = `refs/heads/${branch}`
    // What was pushed but never answered (no row tells of it) is nobody's last word, nor is what a closed pull request had.
    const published = pullRequests.byBranch(project, branch)
    const last = published?.state === 'open' ? published.head_sha : null
    if (last !== null && last !== expected && last !== head && !(await goesOnFrom(repository, last, head))) {
      throw new FatalError(
        'stale-lease',
        `${branch} was published at ${last} meanwhile, not at ${expected ?? 'nothing'}: this publication is out of date.`,
      )
    }
    const takeOver = async (): Promise<boolean> => {
      // A push alone brings over where a shallow history ends.
      if ([repository.path, repository.clone].some((each) => existsSync(join(each, 'shallow')))) return false
      const lease = await leaseOf(repository, ref)
      const known = [repository.mirrored(), lease].filter((commit) => commit !== null)
      refs.intend(project, ref, head)
      const args = [repository.path, ref, head, lease ?? '0'.repeat(head.length)]
      const input = [head, ...known.map((commit) => `^${commit}`), ''].join('\n')
      return gitScript('the publication', handOver, args, { cwd: repository.clone, input }).then(
        () => true,
        () => false,
      )
    }
    const attempt = async () => {
      const lease = (await leaseOf(repository, ref)) ?? ''
      refs.intend(project, ref, head)
      return git(
        ['push', '--porcelain', '--no-follow-tags', '--recurse-submodules=no', `--force-with-lease=${ref}:${lease}`].concat([
          '--',
          repository.path,
          `${head}:${ref}`,
        ]),
        {
          cwd: repository.clone,
          env: guard.environment,
          allow: [0, 1],
          timeout: 600_000,
        },
      )
    }
    // Whatever keeps it from being taken over, a push says what it is, or does it all the same.
    if (await takeOver()) return
    let answer = await attempt()
    if (answer.exitCode !== 0) {
      // One that was killed in the middle of its push, with the server that had started it.
      if (isLocked(answer)) await clearLocks([join(repository.path, `${ref}.lock`)])
      // Either the branch was moved without us, or the guard's files were: both are put back, once.
      await compare(project)
      answer = await attempt()
    }
    if (answer.exitCode === 0) return
    const words = `${answer.stdout}\n${answer.stderr}`
    if (/does not match any|bad object|not a valid|missing object/.test(words)) {
      throw new FatalError('unknown-head', `${head} is not in ${repository.clone}: there is nothing to publish.`)
    }
    if (isLocked(answer)) throw new RetryableError('git-locked', `${branch} could not be published yet: ${words.trim()}`)
    throw new FatalError('push-failed', `${branch} could not be published: ${words.trim()}`)
  }

  const isBelow = async (repository: Repository, ancestor: string, head: string): Promise<boolean> =>
    (await git(['merge-base', '--is-ancestor', ancestor, head], { cwd: repository.path, allow: [0, 1, 128] })).exitCode === 0

  /** What the branch is based on now, and how much of it the head has. A parent that has landed meanwhile leaves it to the base branch. */
  async function stackOf(repository: Repository, { project, branch, head, base, onto }: PublishInput) {
    const parent = onto == null ? undefined : pullRequests.below(project, onto)
    if (parent === undefined) return { base: onto == null ? base : repository.base.name, parentHead: null }
    const known = pullRequests.byBranch(project, branch)?.parent_head ?? null
    return { base: parent.head_ref, parentHead: (await isBelow(repository, parent.head_sha, head)) ? parent.head_sha : (known ?? '') }
  }

  /** The open pull request that a branch was begun on: of those whose head it has, the one that is nearest. */
  async function findParent(repository: Repository, branch: string, head: string): Promise<PullRequestRow | null> {
    let nearest: PullRequestRow | null = null
    for (const row of pullRequests.inFlight(repository.project)) {
      if (row.head_ref === branch || row.head_sha === head || !(await isBelow(repository, row.head_sha, head))) continue
      if (nearest === null || (await isBelow(repository, nearest.head_sha, row.head_sha))) nearest = row
    }
    return nearest
  }

  /** Makes our `ref` what the user's branch is, unless that is `known`; answers the commit. */
  async function bring(repository: Repository, branch: string, ref: string, known?: string): Promise<string> {
    const source = await repository.base.source()
    const name = `refs/heads/${branch}`
    const { stdout } = await repository.base.git(['ls-remote', '--heads', '--', source, name], { cwd: repository.path })
    const lines = stdout.split('\n').map((line) => line.split('\t'))
    const head = lines.find(([, found]) => found === name)?.[0]
    if (head === undefined) throw new FatalError('unknown-branch', `There is no branch ${branch} in ${source}.`)
    if (head === known) return head
    refs.intend(repository.project, ref, head)
    await repository.base.git(
      ['-c', 'protocol.version=2', 'fetch', '--quiet', '--force', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'].concat([
        '--no-auto-maintenance',
        '--update-shallow',
        '--',
        source,
        `+${head}:${ref}`,
      ]),
      { cwd: repository.path, timeout: 600_000 },
    )
    return head
  }

  return { push, isBelow, stackOf, findParent, bring }
}
