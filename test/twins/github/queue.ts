// The merge queue: entries become merge group commits that stand on one another, and land in order once their required checks pass.

import { runCi } from './actions.ts'
import { ensureAccount } from './accounts.ts'
import { announce } from './events.ts'
import { finishMerge, mergeCommit } from './merging.ts'
import { queueRules, requiredVerdicts, unmet } from './protection.ts'
import { tellPull, touch } from './pulls.ts'
import { branchSha, moveRef, refMoved } from './repositories.ts'
import { simpleCommitJson } from './repository-json.ts'
import type { Account, PullRequest, QueueEntry, Repository, World } from './state.ts'
import { Refusal, branchRef, nodeId } from './state.ts'

/** Why a pull request left the queue, as deliveries and timelines say it. */
export type Departure =
  | 'MERGE'
  | 'CI_FAILURE'
  | 'CI_TIMEOUT'
  | 'MERGE_CONFLICT'
  | 'MANUAL'
  | 'GIT_TREE_INVALID'
  | 'BRANCH_PROTECTIONS'
  | 'QUEUE_CLEARED'
  | 'BASE_CHANGED'

/** One after the other: what a queue does is decided in order. */
const turns = new WeakMap<Repository, Promise<void>>()

const entriesOf = (repository: Repository, base: string): QueueEntry[] => repository.queues.get(base) ?? []
export const queueOf = entriesOf
export const positionOf = (entry: QueueEntry): number => entriesOf(entry.pull.repository, entry.base).indexOf(entry) + 1
const queueBot = (world: World) => ensureAccount(world, 'github-merge-queue[bot]', 'Bot')

/** Why a pull request may not be put into the queue, or undefined when it may. */
export function mayEnqueue(pull: PullRequest): string | undefined {
  if (pull.state === 'closed') return 'Pull request is closed'
  if (queueRules(pull.repository, pull.base.branch) === undefined) return 'Merge queue is not enabled for this branch'
  if (pull.queueEntry !== undefined) return 'Pull request is already in the queue'
  if (pull.draft) return 'Pull request is in draft state'
  return unmet(pull)[0]
}

export async function enqueue(world: World, pull: PullRequest, by: Account, jump: boolean): Promise<QueueEntry> {
  const refusal = mayEnqueue(pull)
  if (refusal !== undefined) throw new Refusal(422, refusal)
  const base = pull.base.branch
  const now = world.clock.now()
  const id = world.nextId()
  const entry: QueueEntry = {
    id: nodeId('MQE', id),
    pull,
    base,
    enqueuer: by,
    at: now,
    jump,
    group: undefined,
    state: 'QUEUED',
    cancelTimeout: undefined,
  }
  const entries = entriesOf(pull.repository, base)
  pull.repository.queues.set(base, entries)
  if (jump) {
    dissolve(world, entries, 0)
    entries.unshift(entry)
  } else entries.push(entry)
  pull.queueEntry = entry
  pull.autoMerge = undefined
  pull.timeline.push({ id: nodeId('ATMQE', id), type: 'AddedToMergeQueueEvent', at: now, actor: by })
  touch(world, pull)
  tellPull(world, pull, 'enqueued', by)
  advance(world, pull.repository, base)
  return entry
}

/** Takes a pull request out of the queue; those behind it are built anew. */
export function removeFromQueue(world: World, pull: PullRequest, reason: Departure, by: Account): void {
  const entry = pull.queueEntry
  if (entry === undefined) return
  const entries = entriesOf(pull.repository, entry.base)
  const index = entries.indexOf(entry)
  dissolve(world, entries, index)
  entries.splice(index, 1)
  leave(world, entry, reason, by)
  advance(world, pull.repository, entry.base)
}

function leave(world: World, entry: QueueEntry, reason: Departure, by: Account): void {
  const { pull } = entry
  entry.cancelTimeout?.()
  pull.queueEntry = undefined
  const words: Record<Departure, string> = {
    MERGE: 'The pull request was merged',
    CI_FAILURE: 'The pull request was removed because a required check failed',
    CI_TIMEOUT: 'The pull request was removed because the required checks timed out',
    MERGE_CONFLICT: 'The pull request was removed because of a merge conflict',
    MANUAL: 'The pull request was removed manually',
    GIT_TREE_INVALID: 'The pull request was removed because its head changed',
    BRANCH_PROTECTIONS: 'The pull request was removed because it does not meet the rules of the branch',
    QUEUE_CLEARED: 'The queue was cleared',
    BASE_CHANGED: 'The pull request was removed because its base changed',
  }
  pull.timeline.push({
    id: nodeId('RFMQE', world.nextId()),
    type: 'RemovedFromMergeQueueEvent',
    at: world.clock.now(),
    actor: by,
    reason: words[reason],
    ...(entry.group === undefined ? {} : { before: entry.group.sha }),
  })
  touch(world, pull)
  // The published reasons have no word of their own for a changed base.
  tellPull(world, pull, 'dequeued', by, { reason: reason === 'BASE_CHANGED' ? 'UNKNOWN_REMOVAL_REASON' : reason })
}

/** The pull request is merged by whatever way: its entry goes with it. */
export function closedByMerge(world: World, pull: PullRequest, by: Account): void {
  const entry = pull.queueEntry
  if (entry === undefined) return
  const entries = entriesOf(pull.repository, entry.base)
  const index = entries.indexOf(entry)
  if (index > 0) dissolve(world, entries, index)
  entries.splice(index, 1)
  leave(world, entry, 'MERGE', by)
}

/** The groups from `index` on stand on something that is no longer to come. */
function dissolve(world: World, entries: QueueEntry[], index: number): void {
  for (const entry of entries.slice(index)) {
    entry.cancelTimeout?.()
    entry.cancelTimeout = undefined
    if (entry.group !== undefined) dropGroup(world, entry, 'invalidated')
    entry.state = 'QUEUED'
  }
}

function dropGroup(world: World, entry: QueueEntry, reason: 'merged' | 'invalidated' | 'dequeued'): void {
  const { group } = entry
  const { repository } = entry.pull
  if (group === undefined) return
  entry.group = undefined
  const bot = queueBot(world)
  tellGroup(world, entry, group, 'destroyed', bot, { reason })
  world.background(() => moveRef(world, repository, group.ref, undefined, bot))
}

function tellGroup(
  world: World,
  entry: QueueEntry,
  group: NonNullable<QueueEntry['group']>,
  action: string,
  by: Account,
  extra: Record<string, unknown> = {},
): void {
  const { repository } = entry.pull
  announce(world, repository, 'merge_group', action, by, async () => ({
    merge_group: {
      head_sha: group.sha,
      head_ref: group.ref,
      base_sha: group.on,
      base_ref: branchRef(entry.base),
      head_commit: simpleCommitJson(await repository.git.commit(group.sha)),
    },
    ...extra,
  }))
}

/** Lets a queue do what it can now. */
function advance(world: World, repository: Repository, base: string): void {
  const turn = (turns.get(repository) ?? Promise.resolve()).then(async () => {
    if (world.closed) return
    await build(world, repository, base)
    await landReady(world, repository, base)
  })
  turns.set(
    repository,
    turn.catch(() => {}),
  )
  world.background(() => turn)
}

async function build(world: World, repository: Repository, base: string): Promise<void> {
  const rules = queueRules(repository, base)
  const tip = branchSha(repository, base)
  if (rules === undefined || tip === undefined) return
  const bot = queueBot(world)
  let on = tip
  for (const entry of [...entriesOf(repository, base)].slice(0, rules.maxEntriesToBuild)) {
    if (entry.group !== undefined) {
      on = entry.group.sha
      continue
    }
    let sha: string
    try {
      sha = await mergeCommit(world, entry.pull, on, { method: rules.method.toLowerCase() as 'merge' }, bot)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      removeFromQueue(world, entry.pull, 'MERGE_CONFLICT', bot)
      continue
    }
    if (entry.pull.queueEntry !== entry) continue
    const ref = branchRef(`gh-readonly-queue/${base}/pr-${entry.pull.number}-${on}`)
    entry.group = { sha, ref, on }
    entry.state = 'AWAITING_CHECKS'
    const { group } = entry
    await moveRef(world, repository, ref, sha, bot)
    entry.cancelTimeout = world.clock.after(rules.checkTimeoutMs, () => {
      if (entry.group === group && entry.state === 'AWAITING_CHECKS') removeFromQueue(world, entry.pull, 'CI_TIMEOUT', bot)
    })
    tellGroup(world, entry, group, 'checks_requested', bot)
    runCi(world, repository, sha, { branch: ref.slice(11), event: 'merge_group' }, bot)
    on = sha
  }
}

async function landReady(world: World, repository: Repository, base: string): Promise<void> {
  const bot = queueBot(world)
  for (;;) {
    const entry = entriesOf(repository, base)[0]
    if (entry?.group === undefined) return
    const verdicts = requiredVerdicts(repository, base, entry.group.sha).map((each) => each.verdict)
    if (verdicts.includes('failure')) {
      dropGroup(world, entry, 'dequeued')
      removeFromQueue(world, entry.pull, 'CI_FAILURE', bot)
      return
    }
    if (verdicts.includes('pending')) return
    const { sha, on, ref } = entry.group
    if (branchSha(repository, base) !== on) {
      // Somebody pushed past the queue: everything is tested again on what is there now.
      dissolve(world, entriesOf(repository, base), 0)
      return advance(world, repository, base)
    }
    entry.state = 'MERGEABLE'
    tellGroup(world, entry, entry.group, 'destroyed', bot, { reason: 'merged' })
    repository.refs.set(branchRef(base), sha)
    await repository.git.updateRef(branchRef(base), sha, on)
    await finishMerge(world, entry.pull, sha, bot)
    await refMoved(world, repository, branchRef(base), on, sha, bot)
    await moveRef(world, repository, ref, undefined, bot)
    await build(world, repository, base)
  }
}

/** Checks of a commit have changed: a group that is made of it may land or go. */
export async function queueAfterChecks(world: World, repository: Repository, sha: string): Promise<void> {
  for (const [base, entries] of repository.queues) {
    const index = entries.findIndex((entry) => entry.group?.sha === sha)
    if (index === -1) continue
    const entry = entries[index]!
    const failed = requiredVerdicts(repository, base, sha).some((each) => each.verdict === 'failure')
    // One behind others waits for them: their failure may be the reason of its own.
    entry.state = failed
      ? 'UNMERGEABLE'
      : requiredVerdicts(repository, base, sha).every((each) => each.verdict === 'success')
        ? 'MERGEABLE'
        : 'AWAITING_CHECKS'
    if (index === 0) advance(world, repository, base)
  }
}
