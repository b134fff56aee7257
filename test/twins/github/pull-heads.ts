// What a push does to pull requests: heads follow, merged ones are noticed, and those without a branch close.

import { runCi } from './actions.ts'
import { finishMerge } from './merging.ts'
import { closePull, editPull, fetchFork, tellPull, touch } from './pulls.ts'
import { rulesFor } from './protection.ts'
import { removeFromQueue } from './queue.ts'
import { associatedPulls, codeOwners } from './repositories.ts'
import { dismissReview } from './reviews.ts'
import type { Account, PullRequest, Repository, World } from './state.ts'
import { nodeId } from './state.ts'

export async function pullsAfterPush(
  world: World,
  repository: Repository,
  branch: string,
  old: string | undefined,
  sha: string | undefined,
  forced: boolean,
  by: Account,
): Promise<void> {
  const heads = associatedPulls(repository, branch)
  if (sha === undefined) {
    for (const pull of heads) closePull(world, pull, by)
    baseGone(world, repository, branch, by)
  } else {
    for (const pull of heads) await headMoved(world, pull, sha, forced, by)
    await noticeMerged(world, repository, branch, old, sha, by)
  }
}

/** Pull requests into a branch that is deleted go on to where the branch itself was merged, or close. */
function baseGone(world: World, repository: Repository, branch: string, by: Account): void {
  const merged = repository.byHead.get(`${repository.owner.login}:${branch}`)?.findLast((pull) => pull.mergedAt !== undefined)
  for (const pull of repository.pulls.values()) {
    if (pull.state === 'closed' || pull.base.branch !== branch) continue
    if (merged !== undefined && repository.refs.has(`refs/heads/${merged.base.branch}`))
      editPull(world, pull, { base: merged.base.branch }, by)
    else closePull(world, pull, by)
  }
}

async function headMoved(world: World, pull: PullRequest, sha: string, forced: boolean, by: Account): Promise<void> {
  const { repository, head } = pull
  const before = head.sha
  if (before === sha) return
  if (head.repository !== undefined && head.repository !== repository)
    await fetchFork(repository, { repository: head.repository, branch: head.branch }, pull.number)
  else await repository.git.movePullHead(pull.number, sha)
  const now = world.clock.now()
  head.sha = sha
  pull.base.sha = repository.refs.get(`refs/heads/${pull.base.branch}`) ?? pull.base.sha
  pull.mergeableAt = now + repository.settings.mergeableAfter
  touch(world, pull)
  removeFromQueue(world, pull, 'GIT_TREE_INVALID', by)
  if (forced)
    pull.timeline.push({ id: nodeId('HRFPE', world.nextId()), type: 'HeadRefForcePushedEvent', at: now, actor: by, before, after: sha })
  tellPull(world, pull, 'synchronize', by, { before, after: sha })
  await outdate(pull, before, sha)
  if (rulesFor(repository, pull.base.branch)?.dismissStale === true) {
    for (const review of pull.reviews) if (review.state === 'APPROVED') dismissReview(world, review, by, '')
  }
  const { files } = await repository.git.compare(pull.base.sha, sha)
  const names = files.map((file) => file.filename)
  pull.codeOwners = await codeOwners(repository, pull.base.sha, names)
  pull.codeOwners.delete(pull.author.login)
  runCi(world, repository, sha, { branch: head.branch, event: 'pull_request' }, by)
}

/** A thread is outdated once its lines no longer say what was commented on. */
async function outdate(pull: PullRequest, before: string, sha: string): Promise<void> {
  const open = pull.threads.filter((thread) => !thread.outdated)
  if (open.length === 0) return
  const { git } = pull.repository
  for (const thread of open) {
    const [was, is] = await Promise.all([git.object(`${before}:${thread.path}`), git.object(`${sha}:${thread.path}`)])
    const line = (text: Buffer | undefined) => text?.toString().split('\n')[thread.line - 1]
    if (line(was) !== line(is)) thread.outdated = true
  }
}

/** Pull requests whose head got into their base by a push are merged. */
async function noticeMerged(
  world: World,
  repository: Repository,
  branch: string,
  old: string | undefined,
  sha: string,
  by: Account,
): Promise<void> {
  const open = [...repository.pulls.values()].filter((pull) => pull.state === 'open' && pull.base.branch === branch)
  if (open.length === 0) return
  const brought = await repository.git.history.since(old, sha)
  const arrived = new Set(brought.map((commit) => commit.sha))
  const broughtBy = new Map<string, string>()
  for (const commit of brought) for (const parent of commit.parents.slice(1)) broughtBy.set(parent.sha, commit.sha)
  for (const pull of open) {
    if (!arrived.has(pull.head.sha) || pull.state !== 'open') continue
    await finishMerge(world, pull, broughtBy.get(pull.head.sha) ?? pull.head.sha, by)
  }
}
