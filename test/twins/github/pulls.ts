// Pull requests: opened, edited, closed, reopened, labelled, reviewed by whom; each change is told to those who listen.

import { runCi } from './actions.ts'
import { accountJson, labelJson } from './account-json.ts'
import { announce } from './events.ts'
import { mergeState } from './merging.ts'
import { fullPullJson } from './pull-json.ts'
import { branchSha, codeOwners } from './repositories.ts'
import { removeFromQueue } from './queue.ts'
import type { Account, Label, PullRequest, Repository, World } from './state.ts'
import { Refusal, invalid, nodeId } from './state.ts'

/** Tells of a pull request, with whatever an action adds. */
export function tellPull(world: World, pull: PullRequest, action: string, sender: Account, extra: Record<string, unknown> = {}): void {
  announce(world, pull.repository, 'pull_request', action, sender, async () => ({
    number: pull.number,
    pull_request: await fullPullJson(world, pull),
    ...extra,
  }))
}

export interface PullInput {
  title: string
  head: string
  base: string
  body?: string | null
  draft?: boolean
}

/** The repository and branch that `head` names: `BRANCH`, `OWNER:BRANCH`. */
function headOf(world: World, repository: Repository, head: string): { repository: Repository; branch: string } | undefined {
  const colon = head.indexOf(':')
  if (colon === -1) return { repository, branch: head }
  const owner = head.slice(0, colon)
  const branch = head.slice(colon + 1)
  if (owner.toLowerCase() === repository.owner.login.toLowerCase()) return { repository, branch }
  for (const other of world.repositoryById.values()) {
    if (other.parent === repository && other.owner.login.toLowerCase() === owner.toLowerCase()) return { repository: other, branch }
  }
  return undefined
}

export async function createPull(world: World, repository: Repository, input: PullInput, author: Account): Promise<PullRequest> {
  const baseSha = branchSha(repository, input.base)
  if (baseSha === undefined) throw invalid('PullRequest', 'base', 'invalid')
  const head = headOf(world, repository, input.head)
  const sha = head === undefined ? undefined : branchSha(head.repository, head.branch)
  if (head === undefined || sha === undefined) throw invalid('PullRequest', 'head', 'invalid')
  const key = `${head.repository.owner.login}:${head.branch}`
  const refuse = (message: string) => new Refusal(422, 'Validation Failed', [{ resource: 'PullRequest', code: 'custom', message }])
  const same = () => (repository.byHead.get(key) ?? []).some((pull) => pull.state === 'open' && pull.base.branch === input.base)
  if (same()) throw refuse(`A pull request already exists for ${key}.`)
  const number = repository.nextNumber
  if (head.repository !== repository) await fetchFork(repository, head, number)
  const { ahead, files } = await repository.git.compare(baseSha, sha)
  if (ahead.length === 0) throw refuse(`No commits between ${input.base} and ${input.head}`)
  const names = files.map((file) => file.filename)
  const owners = await codeOwners(repository, baseSha, names)
  // Git took its time: another call may have opened it meanwhile.
  if (same()) throw refuse(`A pull request already exists for ${key}.`)
  const id = world.nextId()
  const now = world.clock.now()
  const pull: PullRequest = {
    id,
    nodeId: nodeId('PR', id),
    repository,
    number: repository.nextNumber++,
    title: input.title,
    body: input.body ?? null,
    author,
    state: 'open',
    draft: input.draft ?? false,
    createdAt: now,
    updatedAt: now,
    closedAt: undefined,
    mergedAt: undefined,
    mergedBy: undefined,
    mergeSha: undefined,
    head: { repository: head.repository, owner: head.repository.owner, branch: head.branch, sha },
    base: { branch: input.base, sha: baseSha },
    mergeableAt: now + repository.settings.mergeableAfter,
    labels: [],
    requested: [],
    codeOwners: owners,
    reviews: [],
    threads: [],
    comments: [],
    autoMerge: undefined,
    queueEntry: undefined,
    timeline: [],
  }
  pull.codeOwners.delete(author.login)
  repository.pulls.set(pull.number, pull)
  repository.byHead.set(key, [...(repository.byHead.get(key) ?? []), pull])
  world.nodes.set(pull.nodeId, { kind: 'PullRequest', value: pull })
  await repository.git.movePullHead(pull.number, sha)
  tellPull(world, pull, 'opened', author)
  for (const owner of pull.codeOwners) {
    const account = world.accounts.get(owner.toLowerCase())
    if (account !== undefined) requestReviewers(world, pull, [account], author)
  }
  runCi(world, repository, sha, { branch: pull.head.branch, event: 'pull_request' }, author)
  return pull
}

/** Brings the objects of a fork's branch to where the pull request is. */
export async function fetchFork(repository: Repository, head: { repository: Repository; branch: string }, number: number): Promise<void> {
  await repository.git.run(['fetch', '-q', '--no-tags', head.repository.git.folder, `+refs/heads/${head.branch}:refs/pull/${number}/head`])
}

export function touch(world: World, pull: PullRequest): void {
  pull.updatedAt = world.clock.now()
}

export function editPull(
  world: World,
  pull: PullRequest,
  input: { title?: string; body?: string | null; base?: string },
  by: Account,
): void {
  const changes: Record<string, unknown> = {}
  if (input.title !== undefined && input.title !== pull.title) {
    changes['title'] = { from: pull.title }
    pull.title = input.title
  }
  if (input.body !== undefined && input.body !== pull.body) {
    changes['body'] = { from: pull.body ?? '' }
    pull.body = input.body
  }
  if (input.base !== undefined && input.base !== pull.base.branch) {
    const sha = branchSha(pull.repository, input.base)
    if (sha === undefined) throw invalid('PullRequest', 'base', 'invalid')
    changes['base'] = { ref: { from: pull.base.branch }, sha: { from: pull.base.sha } }
    removeFromQueue(world, pull, 'BASE_CHANGED', by)
    pull.base = { branch: input.base, sha }
  }
  if (Object.keys(changes).length === 0) return
  touch(world, pull)
  tellPull(world, pull, 'edited', by, { changes })
}

export function closePull(world: World, pull: PullRequest, by: Account): void {
  if (pull.state === 'closed') return
  removeFromQueue(world, pull, 'MANUAL', by)
  pull.state = 'closed'
  pull.closedAt = world.clock.now()
  pull.autoMerge = undefined
  touch(world, pull)
  tellPull(world, pull, 'closed', by)
}

export function reopenPull(world: World, pull: PullRequest, by: Account): void {
  if (pull.state === 'open') return
  const refuse = (message: string) =>
    new Refusal(422, 'Validation Failed', [{ resource: 'PullRequest', code: 'invalid', field: 'state', message }])
  if (pull.mergedAt !== undefined) throw refuse('state cannot be changed. The pull request cannot be reopened.')
  const sha = pull.head.repository === undefined ? undefined : branchSha(pull.head.repository, pull.head.branch)
  if (sha === undefined) throw refuse(`state cannot be changed. The ${pull.head.branch} branch has been deleted.`)
  if (sha !== pull.head.sha) throw refuse(`state cannot be changed. The ${pull.head.branch} branch was force-pushed or recreated.`)
  pull.state = 'open'
  pull.closedAt = undefined
  touch(world, pull)
  tellPull(world, pull, 'reopened', by)
}

export function setDraft(world: World, pull: PullRequest, draft: boolean, by: Account): void {
  if (pull.draft === draft) return
  pull.draft = draft
  touch(world, pull)
  if (draft) {
    removeFromQueue(world, pull, 'MANUAL', by)
    disableAutoMerge(world, pull, by, 'The pull request was converted to draft')
  }
  tellPull(world, pull, draft ? 'converted_to_draft' : 'ready_for_review', by)
}

export function enableAutoMerge(
  world: World,
  pull: PullRequest,
  method: 'merge' | 'squash' | 'rebase',
  by: Account,
  title: string | null,
  message: string | null,
): void {
  pull.autoMerge = { by, method, title, message, at: world.clock.now() }
  touch(world, pull)
  tellPull(world, pull, 'auto_merge_enabled', by)
}

export function disableAutoMerge(world: World, pull: PullRequest, by: Account, reason = 'manual'): void {
  if (pull.autoMerge === undefined) return
  pull.autoMerge = undefined
  touch(world, pull)
  tellPull(world, pull, 'auto_merge_disabled', by, { reason })
}

export function ensureLabel(world: World, repository: Repository, name: string): Label {
  const known = repository.labels.get(name.toLowerCase())
  if (known !== undefined) return known
  const id = world.nextId()
  const label: Label = { id, nodeId: nodeId('LA', id), name, color: 'ededed' }
  repository.labels.set(name.toLowerCase(), label)
  return label
}

export function addLabels(world: World, pull: PullRequest, names: string[], by: Account): void {
  for (const name of names) {
    const label = ensureLabel(world, pull.repository, name)
    if (pull.labels.includes(label)) continue
    pull.labels.push(label)
    touch(world, pull)
    tellPull(world, pull, 'labeled', by, { label: labelJson(world, pull.repository, label) })
  }
}

export function removeLabel(world: World, pull: PullRequest, name: string, by: Account): void {
  const label = pull.labels.find((each) => each.name.toLowerCase() === name.toLowerCase())
  if (label === undefined) throw new Refusal(404, 'Label does not exist')
  pull.labels = pull.labels.filter((each) => each !== label)
  touch(world, pull)
  tellPull(world, pull, 'unlabeled', by, { label: labelJson(world, pull.repository, label) })
}

export function requestReviewers(world: World, pull: PullRequest, reviewers: Account[], by: Account): void {
  for (const reviewer of reviewers) {
    if (reviewer === pull.author) throw new Refusal(422, 'Review cannot be requested from pull request author.')
    if (pull.requested.includes(reviewer)) continue
    pull.requested.push(reviewer)
    touch(world, pull)
    tellPull(world, pull, 'review_requested', by, { requested_reviewer: accountJson(world, reviewer) })
  }
}

export function removeReviewers(world: World, pull: PullRequest, reviewers: Account[], by: Account): void {
  for (const reviewer of reviewers) {
    if (!pull.requested.includes(reviewer)) continue
    pull.requested = pull.requested.filter((each) => each !== reviewer)
    touch(world, pull)
    tellPull(world, pull, 'review_request_removed', by, { requested_reviewer: accountJson(world, reviewer) })
  }
}

/** One pull request as `GET pulls/N` tells it. */
export async function toldAlone(world: World, pull: PullRequest): Promise<Record<string, unknown>> {
  const { mergeable, state } = await mergeState(world, pull)
  return fullPullJson(world, pull, { mergeable, state })
}
