// People who use the site by hand: everything that a test's user does to a repository.

import { ensureAccount } from './accounts.ts'
import { rerequest } from './actions.ts'
import { addStatus, createCheckRun, createSuite } from './checks.ts'
import type { CheckInput } from './checks.ts'
import { tellDeployment } from './deployments.ts'
import type { DeploymentState } from './deployments.ts'
import { mergePull, tryAutoMerge } from './merging.ts'
import type { MergeInput } from './merging.ts'
import {
  addLabels,
  closePull,
  createPull,
  disableAutoMerge,
  editPull,
  enableAutoMerge,
  removeLabel,
  reopenPull,
  requestReviewers,
  setDraft,
} from './pulls.ts'
import type { PullInput } from './pulls.ts'
import { pushVerdict } from './protection.ts'
import { enqueue, removeFromQueue } from './queue.ts'
import { branchSha, forkRepository, moveRef, renameRepository, transferRepository } from './repositories.ts'
import {
  addComment,
  commentLine,
  createReview,
  deleteComment,
  dismissReview,
  editComment,
  editReview,
  reply,
  resolveThread,
} from './reviews.ts'
import type { LineComment, ReviewInput } from './reviews.ts'
import type { Account, App, CheckRun, IssueComment, PullRequest, Repository, Review, Status, Thread, World } from './state.ts'
import { Refusal, branchRef } from './state.ts'

export interface PushOptions {
  message?: string
  /** The branch that a new branch begins at; the default branch when not given. */
  from?: string
  /** Replaces what is on the branch by one commit on `from`. */
  force?: boolean
}

export function createUser(world: World, account: Account) {
  return {
    account,
    login: account.login,

    /** Puts files (null removes one) on a branch in one commit, and answers its sha. */
    async push(repository: Repository, branch: string, files: Record<string, string | null>, options: PushOptions = {}): Promise<string> {
      const current = branchSha(repository, branch)
      const start =
        options.force === true || current === undefined ? branchSha(repository, options.from ?? repository.defaultBranch) : current
      if (start === undefined) throw new Error(`There is no branch ${options.from ?? repository.defaultBranch} to begin ${branch} at.`)
      const author = { name: account.login, email: `${account.login}@users.noreply.github.com`, at: world.clock.now() }
      const sha = await repository.git.write(start, files, options.message ?? `Change ${Object.keys(files).join(', ')}`, author)
      const verdict = pushVerdict(repository, branch, sha, account)
      const refused = verdict?.refusal ?? (verdict?.approved !== undefined ? 'Changes must be made through a pull request.' : undefined)
      if (refused !== undefined) throw new Refusal(422, `GH006: Protected branch update failed for refs/heads/${branch}. ${refused}`)
      await moveRef(world, repository, branchRef(branch), sha, account)
      return sha
    },

    deleteBranch: (repository: Repository, branch: string): Promise<void> =>
      moveRef(world, repository, branchRef(branch), undefined, account),
    open: (repository: Repository, input: PullInput): Promise<PullRequest> => createPull(world, repository, input, account),
    review: (pull: PullRequest, input: ReviewInput): Promise<Review> => createReview(world, pull, input, account),
    approve: (pull: PullRequest, body = ''): Promise<Review> => createReview(world, pull, { event: 'APPROVE', body }, account),
    requestChanges: (pull: PullRequest, body: string, comments: LineComment[] = []): Promise<Review> =>
      createReview(world, pull, { event: 'REQUEST_CHANGES', body, comments }, account),
    editReview: (review: Review, body: string): void => editReview(world, review, body, account),
    dismiss: (review: Review, message: string): void => dismissReview(world, review, account, message),
    comment: (pull: PullRequest, body: string): IssueComment => addComment(world, pull, body, account, undefined),
    editComment: (comment: IssueComment, body: string): void => editComment(world, comment, body, account),
    deleteComment: (comment: IssueComment): void => deleteComment(world, comment, account),
    async reviewComment(pull: PullRequest, comment: LineComment): Promise<Thread> {
      return (await commentLine(world, pull, comment, account)).thread
    },
    reply: (thread: Thread, body: string) => reply(world, thread, body, account),
    resolve: (thread: Thread): void => resolveThread(world, thread, true, account),
    unresolve: (thread: Thread): void => resolveThread(world, thread, false, account),
    merge: (pull: PullRequest, input: Partial<MergeInput> = {}): Promise<string> =>
      mergePull(world, pull, { method: 'merge', ...input }, account),
    close: (pull: PullRequest): void => closePull(world, pull, account),
    reopen: (pull: PullRequest): void => reopenPull(world, pull, account),
    ready: (pull: PullRequest): void => setDraft(world, pull, false, account),
    draft: (pull: PullRequest): void => setDraft(world, pull, true, account),
    edit: (pull: PullRequest, input: { title?: string; body?: string | null }): void => editPull(world, pull, input, account),
    editBase: (pull: PullRequest, base: string): void => editPull(world, pull, { base }, account),
    label: (pull: PullRequest, ...names: string[]): void => addLabels(world, pull, names, account),
    unlabel: (pull: PullRequest, name: string): void => removeLabel(world, pull, name, account),
    requestReview: (pull: PullRequest, ...reviewers: Account[]): void => requestReviewers(world, pull, reviewers, account),
    enqueue: (pull: PullRequest, jump = false) => enqueue(world, pull, account, jump),
    dequeue: (pull: PullRequest): void => removeFromQueue(world, pull, 'MANUAL', account),
    enableAutoMerge(pull: PullRequest, method: 'merge' | 'squash' | 'rebase' = 'merge'): void {
      enableAutoMerge(world, pull, method, account, null, null)
      world.background(() => tryAutoMerge(world, pull))
    },
    disableAutoMerge: (pull: PullRequest): void => disableAutoMerge(world, pull, account),
    renameRepository: (repository: Repository, name: string): void => renameRepository(world, repository, name, account),
    transferRepository: (repository: Repository, owner: string): void =>
      transferRepository(world, repository, ensureAccount(world, owner, 'Organization'), account),
    fork: (repository: Repository): Promise<Repository> => forkRepository(world, repository, account),
    status: (repository: Repository, sha: string, context: string, state: Status['state']): Promise<Status> =>
      addStatus(world, repository, sha, { context, state, description: null, targetUrl: null }, account),
    deployment: (repository: Repository, sha: string, environment: string, state: DeploymentState): void =>
      tellDeployment(world, repository, sha, environment, state, account),
    /** The button beside a check: a job of Actions runs again, an App is asked to. */
    rerun: (check: CheckRun): void => rerequest(world, check),
    /** A check run of another App than the one under test. */
    async check(repository: Repository, app: App, sha: string, input: CheckInput): Promise<CheckRun> {
      const suite = await createSuite(world, repository, app, sha, repository.defaultBranch, false)
      return createCheckRun(world, suite, input)
    },
  }
}

export type User = ReturnType<typeof createUser>
