// Merging: whether a pull request can be, the commit that does it, and automatic merges.

import { enqueue, mayEnqueue } from './queue.ts'
import { queueRules, mayBypass, rulesFor, unmet } from './protection.ts'
import { rollup } from './checks.ts'
import { closedByMerge } from './queue.ts'
import { tellPull, touch } from './pulls.ts'
import { branchSha, moveRef, refMoved } from './repositories.ts'
import type { Account, PullRequest, Repository, World } from './state.ts'
import { Refusal, branchRef } from './state.ts'

export interface MergeState {
  mergeable: boolean | null
  state: 'unknown' | 'dirty' | 'draft' | 'blocked' | 'behind' | 'unstable' | 'clean'
}

export async function mergeState(world: World, pull: PullRequest): Promise<MergeState> {
  const { repository } = pull
  const base = branchSha(repository, pull.base.branch)
  if (pull.state === 'closed' || base === undefined || world.clock.now() < pull.mergeableAt) return { mergeable: null, state: 'unknown' }
  const tree = await repository.git.mergeTree(base, pull.head.sha)
  if (tree === undefined) return { mergeable: false, state: 'dirty' }
  if (pull.draft) return { mergeable: true, state: 'draft' }
  if (unmet(pull).length > 0) return { mergeable: true, state: 'blocked' }
  if (rulesFor(repository, pull.base.branch)?.strict === true && !(await repository.git.isAncestor(base, pull.head.sha)))
    return { mergeable: true, state: 'behind' }
  const all = rollup(repository, pull.head.sha)
  return { mergeable: true, state: all === undefined || all === 'success' ? 'clean' : 'unstable' }
}

export interface MergeInput {
  method: 'merge' | 'squash' | 'rebase'
  sha?: string
  title?: string
  message?: string
}

/** Merges as `PUT pulls/N/merge` does, and answers the merge commit. */
export async function mergePull(world: World, pull: PullRequest, input: MergeInput, by: Account): Promise<string> {
  const { repository } = pull
  if (pull.state === 'closed') throw new Refusal(405, 'Pull Request is not mergeable')
  if (input.sha !== undefined && input.sha !== pull.head.sha)
    throw new Refusal(409, 'Head branch was modified. Review and try the merge again.')
  if (pull.draft) throw new Refusal(405, 'Pull Request is still a draft')
  const { settings } = repository
  const allowed = { merge: settings.mergeCommit, squash: settings.squash, rebase: settings.rebase }[input.method]
  if (!allowed)
    throw new Refusal(
      405,
      `${{ merge: 'Merge commits', squash: 'Squash merges', rebase: 'Rebase merges' }[input.method]} are not allowed on this repository.`,
    )
  if (!mayBypass(repository, pull.base.branch, by)) {
    if (queueRules(repository, pull.base.branch) !== undefined)
      throw new Refusal(405, 'Repository rule violations found\n\nChanges must be made through the merge queue')
    const reasons = unmet(pull)
    if (reasons.length > 0) throw new Refusal(405, reasons[0]!)
  }
  const { mergeable, state } = await mergeState(world, pull)
  if (mergeable !== true) throw new Refusal(405, 'Pull Request is not mergeable')
  if (state === 'behind') throw new Refusal(405, 'Head branch is out of date. Review and try the merge again.')
  const base = branchSha(repository, pull.base.branch)!
  const sha = await mergeCommit(world, pull, base, input, by)
  await land(world, pull, base, sha, by)
  return sha
}

/** Moves the base to a commit that has the pull request in it. */
export async function land(world: World, pull: PullRequest, base: string, sha: string, by: Account): Promise<void> {
  const { repository } = pull
  const ref = branchRef(pull.base.branch)
  if (repository.refs.get(ref) !== base || pull.state === 'closed')
    throw new Refusal(405, 'Base branch was modified. Review and try the merge again.')
  // The ref is told before git has moved it, so that nobody else builds on the commit that is about to be passed.
  repository.refs.set(ref, sha)
  try {
    await repository.git.updateRef(ref, sha, base)
  } catch {
    repository.refs.set(ref, (await repository.git.at([ref])).get(ref) ?? base)
    throw new Refusal(405, 'Base branch was modified. Review and try the merge again.')
  }
  await finishMerge(world, pull, sha, by)
  await refMoved(world, repository, ref, base, sha, by)
}

/** The pull request is merged: it says so, and its branch goes when the repository is set so. */
export async function finishMerge(world: World, pull: PullRequest, sha: string, by: Account): Promise<void> {
  if (pull.mergedAt !== undefined) return
  const now = world.clock.now()
  closedByMerge(world, pull, by)
  pull.state = 'closed'
  pull.closedAt = now
  pull.mergedAt = now
  pull.mergedBy = by
  pull.mergeSha = sha
  pull.autoMerge = undefined
  touch(world, pull)
  tellPull(world, pull, 'closed', by)
  const { repository, head } = pull
  if (
    repository.settings.deleteBranchOnMerge &&
    head.repository === repository &&
    repository.refs.get(branchRef(head.branch)) === pull.head.sha
  ) {
    world.background(() => moveRef(world, repository, branchRef(head.branch), undefined, by))
  }
}

/** Makes the commit that merging gives; nothing is moved. */
export async function mergeCommit(
  world: World,
  pull: PullRequest,
  onto: string,
  input: Omit<MergeInput, 'sha'>,
  by: Account,
): Promise<string> {
  const { repository, head, number } = pull
  const { git } = repository
  const author = { name: by.login, email: `${by.login}@users.noreply.github.com`, at: world.clock.now() }
  if (input.method === 'rebase') return rebase(repository, onto, head.sha, world.clock.now())
  const tree = await git.mergeTree(onto, head.sha)
  if (tree === undefined) throw new Refusal(405, 'Pull Request is not mergeable')
  const squash = input.method === 'squash'
  const title =
    input.title ?? (squash ? `${pull.title} (#${number})` : `Merge pull request #${number} from ${head.owner.login}/${head.branch}`)
  const message = input.message ?? (squash ? (pull.body ?? '') : pull.title)
  const text = message === '' ? title : `${title}\n\n${message}`
  // A merge that is made anew is another commit, also in the second of the first: nothing was said of it.
  for (let at = author.at; ; at += 1_000) {
    const sha = await git.commitTree(tree, squash ? [onto] : [onto, head.sha], text, { ...author, at })
    if (!repository.checks.has(sha)) return sha
  }
}

/** Puts every commit of the branch on `onto`, with trees that git merges. */
async function rebase(repository: Repository, onto: string, head: string, at: number): Promise<string> {
  const { git } = repository
  const { ahead } = await git.compare(onto, head)
  let tip = onto
  for (const sha of ahead) {
    const commit = await git.commit(sha)
    if (commit.parents.length !== 1) continue
    const parent = await git.commit(commit.parents[0]!)
    // `git merge-tree` of this age takes no merge base; two commits on a root of the parent's tree have that root as theirs.
    const nobody = { name: 'GitHub', email: 'noreply@github.com', at }
    const root = await git.commitTree(parent.tree, [], 'base', nobody)
    const ours = await git.commitTree((await git.commit(tip)).tree, [root], 'ours', nobody)
    const theirs = await git.commitTree(commit.tree, [root], 'theirs', nobody)
    const tree = await git.mergeTree(ours, theirs)
    if (tree === undefined) throw new Refusal(405, 'This branch can’t be rebased due to conflicts')
    tip = await git.commitTree(tree, [tip], commit.message, { ...commit.author, at })
  }
  return tip
}

/** Automatic merges that may happen now that something about a commit, a review or a thread has changed. */
export async function autoMergeAfter(world: World, repository: Repository, sha: string): Promise<void> {
  for (const pull of repository.pulls.values()) {
    if (pull.state === 'open' && pull.head.sha === sha && pull.autoMerge !== undefined) await tryAutoMerge(world, pull)
  }
}

/** Merges, or puts into the queue, a pull request that waits for nothing any more. */
export async function tryAutoMerge(world: World, pull: PullRequest): Promise<void> {
  const { autoMerge, repository } = pull
  if (autoMerge === undefined || pull.state === 'closed' || pull.draft || unmet(pull).length > 0) return
  if (queueRules(repository, pull.base.branch) !== undefined) {
    if (mayEnqueue(pull) === undefined) await enqueue(world, pull, autoMerge.by, false)
    return
  }
  const { state } = await mergeState(world, pull)
  if (state !== 'clean' && state !== 'unstable') return
  try {
    await mergePull(
      world,
      pull,
      {
        method: autoMerge.method,
        ...(autoMerge.title === null ? {} : { title: autoMerge.title }),
        ...(autoMerge.message === null ? {} : { message: autoMerge.message }),
      },
      autoMerge.by,
    )
  } catch (error) {
    // A refusal means that the world has moved on meanwhile; the next change asks again.
    if (!(error instanceof Refusal)) throw error
  }
}
